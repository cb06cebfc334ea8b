"""What stands in a log beside the verdicts: how to run a test again, and how the platform was when one failed."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import TypeVar

from tickproof import session
from tickproof.clock import now_ns
from tickproof.evidence import lifelines, replay, tables
from tickproof.evidence.tables import Html
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.kafka import KafkaProbe

PATIENCE = timedelta(seconds=1)
"""How long a hop may take to tell how far it is: it may be the very part that failed."""

NOTHING_UP = "No platform was up."


def target() -> str:
    """Name the run's target and the hash of its file."""
    loaded = session.current().target
    return f"{loaded.name} ({loaded.title}), file {loaded.fingerprint}"


def evidence() -> str:
    """Tell what a test was drawn from, and the command that runs it again."""
    run = session.current()
    rows: list[tuple[object, object]] = [("seed", str(run.seed))]
    if run.leased:
        rows.append(("symbols", ", ".join(run.leased)))
    place = run.place
    if place.is_test and place.source is not None:
        variables = {"TARGET": run.target_named, "FORM": run.form, "SEED": run.seed}
        variables |= {"SEAM": run.seam.id} if run.seam else {}
        rows.append(("replay", replay.command(place.source, place.title, variables)))
        if (book := runbook(place.source)) is not None:
            link = Html(f'<a href="{escape(book.as_uri())}">{escape(str(book))}</a>')
            rows.append(("when it is red", link))
        rows.append(("the same again", "symbols (those that are free), prices, sizes, sides, order and pace"))
        rows.append(("not the same", "event times begin when it runs; trade ids go on where a symbol stands"))
    return Html(f"{_lives(run)}{tables.html('Replay', ('what', 'how'), rows)}")


def runbook(source: Path) -> Path | None:
    """Return the runbook of a suite's category, `docs/runbooks/<category>.md` beside the suites, if there is one.

    Args:
        source: The suite's file, in the folder of its category.
    """
    category = source.resolve().parent
    book = category.parent.parent / "docs" / "runbooks" / f"{category.name}.md"
    return book if book.is_file() else None


def _lives(run: session.Session) -> Html:
    """Show how each service was while the test ran, where one was not well."""
    if not run.started or (since := run.stack_mark) is None:
        return Html("")
    return lifelines.picture(run.stack.events(), since, now_ns())


def services() -> str:
    """Tell how each service stands."""
    run = session.current()
    if not run.started:
        return NOTHING_UP
    rows = [
        (
            state.name,
            state.state,
            state.health,
            state.restarts,
            state.exit_code,
            f"{(now_ns() - state.since_ns) / 1e9:.1f} s",
            f"{state.rss_bytes / 2**20:.0f} MiB",
            state.reason,
        )
        for state in run.stack.status()
    ]
    columns = ("service", "state", "health", "restarts", "exit code", "for", "memory", "reason")
    return tables.html("Services", columns, rows)


def events() -> str:
    """Tell the last events of the stack."""
    run = session.current()
    if not run.started:
        return NOTHING_UP
    rows = [
        (
            f"{(now_ns() - event.at_ns) / 1e9:.1f} s ago",
            event.service,
            event.what,
            event.exit_code,
            event.detail,
        )
        for event in run.stack.events()[-15:]
    ]
    return tables.html("Last events", ("when", "service", "what", "exit code", "detail"), rows)


def hops() -> str:
    """Tell how far topics and table are, and by how much one is behind the other."""
    run = session.current()
    if not run.started:
        return NOTHING_UP
    rows: list[tuple[object, object]] = []
    ends = _answer(lambda: _ends(run), "topics", rows) if run.target.hops.kafka else None
    rows += [(f"records in {topic}", sum(each.values())) for topic, each in (ends or {}).items()]
    stored = _answer(lambda: _stored(run, rows), "table", rows) if run.target.hops.lake else None
    far = tables.html("How far the hops are", ("what", "value"), rows)
    kafka = run.target.hops.kafka
    if kafka is None or not ends or stored is None:
        return far
    return Html(far + _lag(ends[kafka.topic], stored))


def logs() -> str:
    """Tell the last lines of each service's log."""
    run = session.current()
    if not run.started:
        return NOTHING_UP
    parts = []
    for state in run.stack.status():
        parts += [f"== {state.name}", *run.stack.log_tail(state.name, 12), ""]
    return "\n".join(parts)


EXPLAINERS: dict[str, Callable[[], str]] = {
    "Service states": services,
    "Timeline": events,
    "Hops": hops,
    "Last log lines": logs,
}
"""The listener that follows a run shows them where a test failed, as one collapsed block of the log."""

Ends = Mapping[str, Mapping[int, int]]
T = TypeVar("T")


def _answer(ask: Callable[[], T], who: str, rows: list[tuple[object, object]]) -> T | None:
    """Ask a hop; where it does not answer, that is what there is to tell of it."""
    try:
        return ask()
    except HopUnreachableError as error:
        rows.append((who, str(error)))
        return None


def _ends(run: session.Session) -> Ends:
    with closing(KafkaProbe(run.target, run.stack.variables, patience=PATIENCE)) as kafka:
        return kafka.ends()


def _stored(run: session.Session, rows: list[tuple[object, object]]) -> Mapping[int, int] | None:
    """Tell of the table, and return up to which offsets of the topic it holds everything, where it says so."""
    assert run.target.hops.lake is not None
    rows += [("newest snapshot", str(run.lake.snapshot())), ("rows in the lake", run.lake.count())]
    grown = run.lake.grown_ns()
    rows.append(
        ("newest row stored", "not told" if grown is None else f"{(now_ns() - grown) / 1e9:.1f} s ago")
    )
    key = run.target.hops.lake.offsets_property
    if key is None:
        return None
    offsets: Mapping[str, int] = json.loads(run.lake.summary().get(key, "{}"))
    return {int(partition): int(offset) for partition, offset in offsets.items()}


def _lag(ends: Mapping[int, int], stored: Mapping[int, int]) -> Html:
    held = {partition: stored.get(partition, 0) for partition in ends}
    rows: list[tuple[object, ...]] = [
        (str(partition), end, held[partition], end - held[partition]) for partition, end in ends.items()
    ]
    end, there = sum(ends.values()), sum(held.values())
    rows.append(("all", end, there, end - there))
    columns = ("partition", "end of the topic", "stored up to", "records behind")
    return tables.html("Lag of the table behind the topic", columns, rows, limit=len(rows))
