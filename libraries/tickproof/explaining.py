"""What the platform looked like when a test failed: told once, as one collapsed block of the log."""

from collections.abc import Callable

from tickproof import session
from tickproof.clock import now_ns
from tickproof.evidence import tables


def target() -> str:
    """Name the run's target and the hash of its file."""
    loaded = session.current().target
    return f"{loaded.name} ({loaded.title}), file {loaded.fingerprint}"


def services() -> str:
    """Tell how each service stands."""
    run = session.current()
    if not run.started:
        return "No platform was up."
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
        return "No platform was up."
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


def newest() -> str:
    """Tell how far the hops are: end of the topic, newest snapshot, lag between them."""
    run = session.current()
    if not run.started:
        return "No platform was up."
    rows: list[tuple[object, object]] = []
    if run.target.hops.kafka is not None:
        for topic, ends in run.kafka.ends().items():
            rows.append((f"records in {topic}", sum(ends.values())))
    if run.target.hops.lake is not None:
        rows += [("newest snapshot", str(run.lake.snapshot())), ("rows in the lake", run.lake.count())]
    return tables.html("How far the hops are", ("what", "value"), rows)


def logs() -> str:
    """Tell the last lines of each service's log."""
    run = session.current()
    if not run.started:
        return "No platform was up."
    parts = []
    for state in run.stack.status():
        parts += [f"== {state.name}", *run.stack.log_tail(state.name, 12), ""]
    return "\n".join(parts)


EXPLAINERS: dict[str, Callable[[], str]] = {
    "Service states": services,
    "Timeline": events,
    "Hops": newest,
    "Last log lines": logs,
}
