"""HTML for the log: tables of anything, of verdicts, and of named anomalies. All text is escaped."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from tickproof.verdicts import Anomaly, HopVerdict

LIMIT = 50
"""Rows that a table in the log shows at most; the rest is in the linked file."""


class Html(str):
    """Text that is HTML already and must not be escaped again."""

    __slots__ = ()


def link(path: Path, text: str, *, output_dir: Path) -> Html:
    """Return a link to a file or folder of the run, as seen from `log.html`.

    Example:
        >>> link(Path("/r/ledgers/a b/sent.parquet"), "what was sent", output_dir=Path("/r"))
        '<a href="ledgers/a%20b/sent.parquet">what was sent</a>'
    """
    return Html(f'<a href="{quote(path.relative_to(output_dir).as_posix())}">{_cell(text)}</a>')


def html(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    limit: int = LIMIT,
    link: Html | None = None,
) -> Html:
    """Return a table for the log.

    Args:
        title: What it shows, with units.
        columns: Its heads.
        rows: Its rows; numbers are set to the right, None shows as a dash, `Html` stays as it is.
        limit: Rows shown at most; a line below tells how many there are.
        link: Where all of them are.
    """
    source = iter(rows)
    shown = list(islice(source, limit))
    left = sum(1 for _ in source)
    head = "".join(f"<th>{_cell(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_boxed, row))}</tr>" for row in shown)
    notes = [f"{len(shown):,} of {len(shown) + left:,} rows"] if left else []
    notes += [f"all: {link}"] if link else []
    foot = f"<p>{'; '.join(notes)}</p>" if notes else ""
    return Html(
        f'<table border="1" cellpadding="4" style="border-collapse:collapse"><caption><b>{_cell(title)}</b></caption>'
        f"<tr>{head}</tr>{body}</table>{foot}"
    )


def verdicts(judged: Iterable[HopVerdict], *, title: str = "Verdicts") -> Html:
    """Return the table of verdicts: one row a hop, with what was sent, what it showed, what was wrong."""
    columns = ("hop", "promise", "sent", "seen", "lost", "duplicated", "altered", "phantom", "out of order")
    return html(title, (*columns, "verdict"), [_verdict_row(verdict) for verdict in judged])


def anomalies(named: Sequence[Anomaly], *, total: int | None = None, title: str = "Anomalies") -> Html:
    """Return the block of anomalies by name: kind and sentence, one row each.

    Args:
        named: Those that are known by name.
        total: How many there are in all, named or not; None: as many as are named.
        title: What they are.
    """
    missing = (total or 0) - len(named)
    heading = f"{title} ({len(named):,} named, {missing:,} more counted)" if missing > 0 else title
    rows = [(one.kind.value, one.sentence()) for one in named]
    return html(heading, ("kind", "trade"), rows, limit=max(len(rows), 1))


def _verdict_row(verdict: HopVerdict) -> tuple[object, ...]:
    order = "not judged" if verdict.out_of_order is None else verdict.out_of_order
    return (
        verdict.hop,
        verdict.guarantee.value,
        verdict.sent,
        verdict.seen,
        verdict.lost,
        verdict.duplicated,
        verdict.altered,
        verdict.phantom,
        order,
        verdict.outcome.value,
    )


def _boxed(value: object) -> str:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return f'<td align="right">{_cell(value)}</td>' if number else f"<td>{_cell(value)}</td>"


def _cell(value: object) -> str:
    if isinstance(value, Html):
        return value
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(value))
