"""What a verdict leaves in the log and on disk: one table, a chart, names, the ledger that it was given on."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
from robot.api import logger

from tickproof import ledger
from tickproof.evidence import charts, tables
from tickproof.evidence.tables import Html
from tickproof.no_space import no_space
from tickproof.observing import fields_of, guarantee_of
from tickproof.session import Session
from tickproof.verdicts import Account, Agreement, HopVerdict, Void, arrivals


def verdict_table(verdicts: Sequence[HopVerdict]) -> None:
    """Log the table of verdicts."""
    _log(tables.verdicts(verdicts))


def hops(run: Session, sent: pa.Table, shown: Mapping[str, pa.Table], verdicts: Sequence[HopVerdict]) -> None:
    """Log what was judged at each hop, and save the ledger that it was judged on.

    Args:
        run: The session.
        sent: What was sent (schema SENT).
        shown: What the hops showed (schema SEEN); it may hold more hops than were judged.
        verdicts: The verdicts.
    """
    seen = {verdict.hop: shown[verdict.hop] for verdict in verdicts}
    parts = [tables.verdicts(verdicts), _chart(sent, seen)]
    parts += [
        tables.anomalies(
            verdict.anomalies,
            total=max(len(verdict.anomalies), _counted(verdict)),
            title=f"Anomalies at {verdict.hop}",
        )
        for verdict in verdicts
        if verdict.anomalies
    ]
    for part in parts:
        _log(part)
    how = {verdict.hop: _how(run, verdict.hop, verdict) for verdict in verdicts}
    _log(_ledger(run, sent, seen, how))


def agreements(
    run: Session, sent: pa.Table, seen: Mapping[str, pa.Table], verdicts: Sequence[Agreement]
) -> None:
    """Log how far hops tell the same story, and save what each told.

    Args:
        run: The session.
        sent: What was sent (schema SENT); whoever judges the ledger again can hold the hops against it, too.
        seen: What the hops showed (schema SEEN).
        verdicts: The verdicts.
    """
    counts = ("trades left", "trades right", "only left", "only right", "different", "not equally often")
    columns = ("hops", *counts, "verdict")
    rows = [
        (
            f"{one.left} and {one.right}",
            one.trades_left,
            one.trades_right,
            one.only_left,
            one.only_right,
            one.different,
            one.uneven,
            one.outcome.value,
        )
        for one in verdicts
    ]
    _log(tables.html("Hops against each other", columns, rows))
    for one in verdicts:
        if one.anomalies:
            _log(tables.anomalies(one.anomalies, title=f"{one.left} against {one.right}"))
    _log(_ledger(run, sent, seen, {hop: _how(run, hop) for hop in seen}))


def balance(books: Account) -> None:
    """Log the balance of what was sent, stored and quarantined."""
    rows: list[tuple[str, int, object]] = [(one.reason, one.sent, one.quarantined) for one in books.reasons]
    rows.append(("good trades", books.trades, f"{books.stored:,} stored at {books.hop}"))
    _log(tables.html("Sent, stored, quarantined", ("reason", "sent", "quarantined"), rows))


def letters(kind: str, found: Sequence[Mapping[str, object]]) -> None:
    """Log the dead letters of a kind."""
    columns = ("reason", "source", "position", "bytes")
    rows = [(row["reason"], row["source"], row["position"], repr(row["value"])[2:-1][:200]) for row in found]
    _log(tables.html(f"Dead letters: {kind}", columns, rows))


def _chart(sent: pa.Table, seen: Mapping[str, pa.Table]) -> Html:
    series = {"sent": arrivals(sent, column="handed_ns")}
    for hop, table in seen.items():
        stamped = table["hop_time_ns"].null_count < table.num_rows
        series[hop] = arrivals(table, column="hop_time_ns" if stamped else "seen_ns")
    return charts.arrivals("Sent and seen over time", series)


def _how(run: Session, hop: str, verdict: HopVerdict | None = None) -> dict[str, object]:
    """Return how a hop is to be judged again."""
    return {
        "guarantee": guarantee_of(run, hop).value,
        "order": verdict is not None and verdict.out_of_order is not None,
        "lanes": verdict is not None and verdict.split is not None,
        "event_time_unit": run.target.domain.event_time_unit,
        "fields": list(fields_of(run, hop)),
    }


def _ledger(
    run: Session, sent: pa.Table, seen: Mapping[str, pa.Table], how: Mapping[str, Mapping[str, object]]
) -> Html:
    target = run.target
    meta = {
        "test": run.place.name,
        "target": target.name,
        "target_sha256": target.fingerprint,
        "seed": run.seed,
        "form": run.form,
        "hops": how,
    }
    folder = run.new_ledger_folder()
    try:
        ledger.save(folder, sent, seen, meta)
    except OSError as error:
        raise Void(f"the ledger of this verdict cannot be saved. {no_space(error, folder)}") from error
    files = [tables.link(path, path.name, output_dir=run.results) for path in sorted(folder.iterdir())]
    return tables.html("Evidence", ("what", "where"), [("ledger", Html(" ".join(files)))])


def _counted(verdict: HopVerdict) -> int:
    return (
        verdict.lost
        + verdict.duplicated
        + verdict.altered
        + verdict.phantom
        + (verdict.out_of_order or 0)
        + (verdict.split or 0)
    )


def _log(html: Html) -> None:
    logger.info(html, html=True)
