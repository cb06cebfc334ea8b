"""Wait until a hop shows everything that was sent, or no longer moves, and return what it shows."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta

import pyarrow as pa

from tickproof.ledger.schemas import SEEN
from tickproof.probes.errors import HopUnreachableError
from tickproof.scenes import Key, Scene
from tickproof.session import Session
from tickproof.target import Guarantee
from tickproof.verdicts import CONTENT, HopVerdict, Void, judge
from tickproof.verdicts.judge import TEXT
from tickproof.waiting import WaitError, patiently

Look = Callable[[], pa.Table]
"""Looks at a hop; returns the very same table when nothing changed since the last look."""

WITHIN = timedelta(seconds=60)
STALLED_AFTER = timedelta(seconds=6)
"""A crashed service needs some seconds to be back: no hop is given up before."""


def hops_of(run: Session) -> tuple[str, ...]:
    """Return the hops of the run's target, in the order of a trade's way."""
    return tuple(name for name in ("kafka", "lake", "api") if getattr(run.target.hops, name) is not None)


def guarantee_of(run: Session, hop: str) -> Guarantee:
    """Return what the target declares that the hop promises."""
    declared: Guarantee = getattr(run.target.hops, hop).guarantee
    return declared


def awaited(sent: pa.Table, missed: AbstractSet[Key]) -> pa.Table:
    """Return the trades that are still worth waiting for: not those that an earlier wait gave up."""
    if not missed:
        return sent
    return sent.filter(pa.array([key not in missed for key in _keys(sent)], pa.bool_()))


def missing(sent: pa.Table, seen: pa.Table) -> set[Key]:
    """Return the trades of `sent` that are not among `seen`."""
    return set(_keys(sent)).difference(_keys(seen))


def _keys(rows: pa.Table) -> Iterator[Key]:
    return zip(rows["symbol"].to_pylist(), rows["trade_id"].to_pylist(), strict=True)


def watch(
    run: Session, scene: Scene, hop: str, sent: pa.Table, *, within: timedelta = WITHIN
) -> tuple[pa.Table, str]:
    """Look at a hop until it shows every trade of `sent`.

    Args:
        run: The session.
        scene: Whose symbols to look for, from their first leased ids on.
        hop: Where to look.
        sent: What was sent (schema SENT).
        within: The budget.

    Returns:
        What the hop shows (schema SEEN), and how the wait ended: empty when all was there.

    Raises:
        HopUnreachableError: The hop could not be looked at even once.
    """
    look = look_at(run, scene, hop, scene.first_ids)
    last: list[tuple[pa.Table, HopVerdict]] = []

    def observe() -> HopVerdict:
        table = look()
        if not last or last[0][0] is not table:
            verdict = judge(sent, table, hop=hop, guarantee=guarantee_of(run, hop), max_named=0)
            last[:] = [(table, verdict)]
        return last[0][1]

    try:
        patiently(
            observe,
            until=lambda verdict: verdict.lost == 0,
            within=within,
            every=timedelta(milliseconds=50),
            what=f"Every trade sent should be at {hop}",
            describe=lambda verdict: f"{verdict.sent - verdict.lost:,} of {verdict.sent:,} trades",
            stop_if=lambda: _dead(run),
            progress=lambda verdict: verdict.sent - verdict.lost,
            stalled_after=STALLED_AFTER,
            tolerate=(HopUnreachableError,),
        )
    except WaitError as error:
        if not last:
            raise HopUnreachableError(str(error)) from None
        return last[0][0], str(error)
    return last[0][0], ""


def sent_so_far(run: Session) -> tuple[Scene, pa.Table]:
    """Return the scene to be judged and what was sent in it (schema SENT).

    Raises:
        MisuseError: The test did nothing yet.
        Void: Nothing was sent.
    """
    scene = run.scene
    sent = scene.sent()
    if not sent.num_rows:
        raise Void("nothing was sent; use `Send Trades` first.")
    return scene, sent


def verdict_of(
    run: Session, shown: Mapping[str, pa.Table], hop: str, sent: pa.Table, **options: bool
) -> HopVerdict:
    """Judge a hop by what it showed.

    Args:
        run: The session.
        shown: What the hops showed (schema SEEN), in the order of a trade's way.
        hop: Which hop.
        sent: What was sent (schema SENT).
        options: `order`, `lanes`: as of `tickproof.verdicts.judge`.
    """
    before = hops_of(run)[: hops_of(run).index(hop)]
    return judge(
        sent,
        shown[hop],
        hop=hop,
        guarantee=guarantee_of(run, hop),
        fields=fields_of(run, hop),
        event_time_unit=run.target.domain.event_time_unit,
        earlier={name: shown[name] for name in before if name in shown},
        **options,
    )


def fields_of(run: Session, hop: str) -> tuple[str, ...]:
    """Return the fields that a hop must hold unaltered."""
    return CONTENT + TEXT if getattr(run.target.hops, hop).keeps_text else CONTENT


def look_at(run: Session, scene: Scene, hop: str, first_ids: Mapping[str, int]) -> Look:
    """Return a look at a hop: each call tells what it shows of some symbols now.

    Args:
        run: The session.
        scene: Since when.
        hop: Where to look.
        first_ids: The symbols, and the first trade id of each that counts.
    """
    return _LOOKS[hop](run, scene, first_ids)


def _dead(run: Session) -> str | None:
    for service in run.stack.status():
        if service.state == "exited" and not service.is_well:
            return f"{service.name} ended with exit code {service.exit_code} and is not restarted"
    return None


def _look_at_kafka(run: Session, scene: Scene, first_ids: Mapping[str, int]) -> Look:
    kafka = run.target.hops.kafka
    assert kafka is not None
    topic = kafka.topic
    reached = {topic: dict(scene.marks.topics[topic])}
    seen = SEEN.empty_table()

    def look() -> pa.Table:
        nonlocal reached, seen
        ends = run.kafka.ends(topic)
        if ends != reached:
            more = run.kafka.read(reached, ends, first_ids)
            reached = ends
            seen = pa.concat_tables([seen, more]) if more.num_rows else seen
        return seen

    return look


def _look_at_lake(run: Session, _scene: Scene, first_ids: Mapping[str, int]) -> Look:
    at: list[int | None] = []
    seen = SEEN.empty_table()

    def look() -> pa.Table:
        nonlocal seen
        snapshot = run.lake.snapshot()
        if at != [snapshot]:
            # The newest, not this one: it may expire before it is read. What is newer is read again, once.
            seen = run.lake.read(first_ids)
            at[:] = [snapshot]
        return seen

    return look


def _look_at_api(run: Session, _scene: Scene, first_ids: Mapping[str, int]) -> Look:
    return lambda: run.api.read(first_ids)


_LOOKS: dict[str, Callable[[Session, Scene, Mapping[str, int]], Look]] = {
    "kafka": _look_at_kafka,
    "lake": _look_at_lake,
    "api": _look_at_api,
}
