"""Wait until a hop shows everything that was sent, or no longer moves, and return what it shows."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.compute as pc

from tickproof.exchange.leases import first_id
from tickproof.exchange.symbols import catalogue
from tickproof.ledger.schemas import SEEN
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.mapping import Own
from tickproof.scenes import Key, Scene
from tickproof.session import Session
from tickproof.settling import Settling, ends_now
from tickproof.stalls import Stall
from tickproof.target import Guarantee
from tickproof.verdicts import CONTENT, HopVerdict, Void, judge
from tickproof.verdicts.judge import TEXT
from tickproof.waiting import WaitError, patiently

Look = Callable[[], pa.Table]
"""Looks at a hop; returns the very same table when nothing changed since the last look."""

IDS = 10**9
"""So many trades of one symbol no test sends: an id further from the venue's first one is nobody's."""
MICROSECOND = 1000


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
    run: Session, scene: Scene, hop: str, sent: pa.Table, *, within: timedelta | None = None
) -> tuple[pa.Table, str]:
    """Look at a hop until it shows every trade of `sent`, and all that Kafka held by then has been worked off.

    Args:
        run: The session.
        scene: Whose symbols to look for, from their first leased ids on.
        hop: Where to look.
        sent: What was sent (schema SENT).
        within: The budget, used up whatever happens; left out: as the target's file says, and given up as soon as
            nothing more can come.

    Returns:
        What the hop shows (schema SEEN), and why the wait ended: empty when all was there.

    Raises:
        HopUnreachableError: The hop could not be looked at even once.
    """
    look = look_at(run, scene, hop, own_of(run, scene))
    settling = Settling(run, scene, hop)
    stall = Stall(run, scene, hop)
    last: list[tuple[pa.Table, HopVerdict]] = []

    def observe() -> HopVerdict:
        settling.before_look()
        table = look()
        if not last or last[0][0] is not table:
            verdict = judge(sent, table, hop=hop, guarantee=guarantee_of(run, hop), max_named=0)
            last[:] = [(table, verdict)]
        stall.note(last[0][1].lost)
        return last[0][1]

    ended = ""
    try:
        patiently(
            observe,
            until=lambda verdict: verdict.lost == 0,
            within=within or run.target.waits.within,
            every=timedelta(milliseconds=50),
            what=f"Every trade sent should be at {hop}",
            describe=lambda verdict: f"{verdict.sent - verdict.lost:,} of {verdict.sent:,} trades",
            stop_if=stall.reason if within is None else stall.dead,
            progress=lambda verdict: verdict.sent - verdict.lost,
            tolerate=(HopUnreachableError,),
        )
    except WaitError as error:
        if not last:
            raise HopUnreachableError(str(error)) from None
        ended = str(error)
    if hop == "kafka":
        scene.ends = ends_now(run)
        return last[0][0], ended
    if ended and hop == "api":
        # Whatever the time: a trade whose time was altered is there, not lost.
        with contextlib.suppress(HopUnreachableError):
            return run.api.read(own_of(run, scene)), ended
    if ended:
        return last[0][0], ended
    return (look() if settling.wait() else last[0][0]), ""


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
    run: Session,
    shown: Mapping[str, pa.Table],
    hop: str,
    sent: pa.Table,
    *,
    waited: str = "",
    **options: bool,
) -> HopVerdict:
    """Judge a hop by what it showed.

    Args:
        run: The session.
        shown: What the hops showed (schema SEEN), in the order of a trade's way.
        hop: Which hop.
        sent: What was sent (schema SENT).
        waited: Why the wait for it ended; empty when all came.
        options: `order`, `lanes`: as of `tickproof.verdicts.judge`.
    """
    before = hops_of(run)[: hops_of(run).index(hop)]
    verdict = judge(
        sent,
        shown[hop],
        hop=hop,
        guarantee=guarantee_of(run, hop),
        fields=fields_of(run, hop),
        event_time_unit=run.target.domain.event_time_unit,
        earlier={name: shown[name] for name in before if name in shown},
        **options,
    )
    return replace(verdict, waited=waited)


def fields_of(run: Session, hop: str) -> tuple[str, ...]:
    """Return the fields that a hop must hold unaltered."""
    return CONTENT + TEXT if getattr(run.target.hops, hop).keeps_text else CONTENT


def look_at(run: Session, scene: Scene, hop: str, first_ids: Mapping[str, int]) -> Look:
    """Return a look at a hop: each call tells what it shows of some symbols now.

    Args:
        run: The session.
        scene: Since when.
        hop: Where to look.
        first_ids: The symbols, and the first trade id of each that counts; `own_of` shows strangers, too.
    """
    return _LOOKS[hop](run, scene, first_ids)


def own_of(run: Session, scene: Scene) -> Own:
    """Return what a scene answers for: its symbols, and what nobody can have sent."""
    # Whoever is alone knows exactly what all others have sent; beside others, how far they are is not known.
    counters: Mapping[str, int] = run.exchange.state()["counters"] if scene.place.exclusive else {}
    listed = {*catalogue(), *(run.target.domain.symbols or ())}
    return Own(
        scene.first_ids,
        {name: (first_id(name), counters.get(name, first_id(name) + IDS)) for name in sorted(listed)},
        scene.marks.lake,
    )


def window_of(run: Session, sent: pa.Table) -> dict[str, str]:
    """Return the query parameters that ask the API for the time in which these trades happened, and no more.

    Nothing where the API takes no range of times: it is asked for all.

    Args:
        run: The session.
        sent: Trades (columns of schema SENT).
    """
    api = run.target.hops.api
    if api is None or api.trades.range is None or not sent.num_rows:
        return {}
    instants = sent["event_time"].cast(pa.int64())
    first, last = pc.min(instants).as_py(), pc.max(instants).as_py()
    return {
        api.trades.range.start: written(first),
        api.trades.range.end: written(last + MICROSECOND),
    }


def written(instant_ns: int, offset: str = "Z") -> str:
    """Write an instant as RFC 3339, to the microsecond.

    Args:
        instant_ns: Nanoseconds since the epoch.
        offset: The zone: `Z` or an offset such as `+05:45`.

    Example:
        >>> written(1_767_323_045_000_006_000, "+05:45")
        '2026-01-02T08:49:05.000006+05:45'
    """
    zone: timezone = UTC
    if offset != "Z":
        hours, minutes = offset[1:].split(":")
        span = timedelta(hours=int(hours), minutes=int(minutes))
        zone = timezone(span if offset[0] == "+" else -span)
    moment = datetime.fromtimestamp(instant_ns // 1_000_000_000, zone)
    text = moment.replace(microsecond=instant_ns % 1_000_000_000 // 1000).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z") if offset == "Z" else text


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


def _look_at_api(run: Session, scene: Scene, first_ids: Mapping[str, int]) -> Look:
    window = window_of(run, scene.sent())
    return lambda: run.api.read(first_ids, parameters=window)


_LOOKS: dict[str, Callable[[Session, Scene, Mapping[str, int]], Look]] = {
    "kafka": _look_at_kafka,
    "lake": _look_at_lake,
    "api": _look_at_api,
}
