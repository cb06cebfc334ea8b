"""Wait until a hop shows everything that was sent, or no longer moves, and return what it shows."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import timedelta

import pyarrow as pa

from tickproof.ledger.schemas import SEEN
from tickproof.probes.errors import HopUnreachableError
from tickproof.session import Key, Scene, Session
from tickproof.target import Guarantee
from tickproof.verdicts import CONTENT, HopVerdict, judge
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
    """
    look = _LOOKS[hop](run, scene)
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
        return (last[0][0] if last else SEEN.empty_table()), str(error)
    return last[0][0], ""


def verdict_of(run: Session, scene: Scene, hop: str, sent: pa.Table, **options: bool) -> HopVerdict:
    """Judge a hop by what it showed (`scene.seen`).

    Args:
        run: The session.
        scene: Its observations.
        hop: Which hop.
        sent: What was sent (schema SENT).
        options: `order`, `lanes`: as of `tickproof.verdicts.judge`.
    """
    keeps_text = getattr(run.target.hops, hop).keeps_text
    before = hops_of(run)[: hops_of(run).index(hop)]
    return judge(
        sent,
        scene.seen[hop],
        hop=hop,
        guarantee=guarantee_of(run, hop),
        fields=CONTENT + TEXT if keeps_text else CONTENT,
        event_time_unit=run.target.domain.event_time_unit,
        earlier={name: scene.seen[name] for name in before if name in scene.seen},
        **options,
    )


def _dead(run: Session) -> str | None:
    for service in run.stack.status():
        if service.state == "exited":
            return f"{service.name} ended with exit code {service.exit_code} and is not restarted"
    return None


def _look_at_kafka(run: Session, scene: Scene) -> Look:
    kafka = run.target.hops.kafka
    assert kafka is not None
    topic = kafka.topic
    reached = {topic: dict(scene.since[topic])}
    seen = SEEN.empty_table()

    def look() -> pa.Table:
        nonlocal reached, seen
        ends = run.kafka.ends(topic)
        if ends != reached:
            more = run.kafka.read(reached, ends, scene.first_ids)
            reached = ends
            seen = pa.concat_tables([seen, more]) if more.num_rows else seen
        return seen

    return look


def _look_at_lake(run: Session, scene: Scene) -> Look:
    at: list[object] = []
    seen = SEEN.empty_table()

    def look() -> pa.Table:
        nonlocal seen
        snapshot = run.lake.snapshot()
        if at != [snapshot]:
            seen = (
                SEEN.empty_table() if snapshot is None else run.lake.read(scene.first_ids, snapshot=snapshot)
            )
            at[:] = [snapshot]
        return seen

    return look


def _look_at_api(run: Session, scene: Scene) -> Look:
    return lambda: run.api.read(scene.first_ids)


_LOOKS: dict[str, Callable[[Session, Scene], Look]] = {
    "kafka": _look_at_kafka,
    "lake": _look_at_lake,
    "api": _look_at_api,
}
