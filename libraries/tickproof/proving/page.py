"""The kill matrix as one HTML page: defects down, tests across, and what each survivor got away with."""

from collections.abc import Sequence
from html import escape

from tickproof.proving.matrix import Matrix, Row, Verdict, replay

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --dim: #777; --good: #009e73; --bad: #d55e00; --odd: #e69f00; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem; }
h1 { margin: 0 0 .2rem; } h2 { margin: 2rem 0 .5rem; } p { margin: .3rem 0; max-width: 75em; }
.figures { display: flex; gap: 2.2rem; margin: 1rem 0; flex-wrap: wrap; }
.figures b { display: block; font-size: 1.7rem; line-height: 1.2; }
table { border-collapse: collapse; } td, th { border: 1px solid var(--line); padding: .25rem .5rem; text-align: left;
  vertical-align: top; } td.n { text-align: right; white-space: nowrap; }
.list { table-layout: fixed; width: 100%; max-width: 110em; }
.killed { color: var(--good); } .survived, .alarm { color: var(--bad); font-weight: 600; }
.void, .another { color: var(--odd); font-weight: 600; } code { font-size: 12px; } .dim { color: var(--dim); }
.grid td { padding: 0; width: 1.15rem; height: 1.15rem; text-align: center; } .grid td.id, .grid th.id { width: auto;
  padding: .1rem .5rem; white-space: nowrap; } .grid th.test { height: 21rem; vertical-align: bottom; padding: .2rem 0;
  font-weight: 400; } .grid th.test div { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.grid td.hit { background: var(--good); } .grid td.miss { background: var(--bad); } .grid td.also {
  background: #56b4e9; } .grid td.none { background: var(--odd); } .wide { overflow-x: auto; }
.key span { display: inline-block; width: 1rem; height: 1rem; vertical-align: -2px; margin: 0 .3rem 0 1rem; }
"""
_CLASSES = {
    Verdict.KILLED: "killed",
    Verdict.BY_ANOTHER: "another",
    Verdict.SURVIVED: "survived",
    Verdict.VOID: "void",
}


def html(matrix: Matrix, *, target: str, when: str) -> str:
    """Return the page.

    Args:
        matrix: What ran.
        target: The name of the target.
        when: Date and time of the run, for people.
    """
    troubles = matrix.troubles()
    told = "".join(f"<li>{escape(trouble)}</li>" for trouble in troubles)
    verdict = (
        f'<p class="survived">Red:</p><ul>{told}</ul>'
        if troubles
        else '<p class="killed">Green: every defect was killed by the tests that it names, and the clean platform '
        "stayed green.</p>"
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Kill matrix</title><style>{_STYLE}</style>"
        f"<h1>Kill matrix of {escape(target)}</h1><p class='dim'>{escape(when)} · seed {matrix.seed} · "
        f"{matrix.seconds:,.0f} s</p>{_figures(matrix)}{verdict}<h2>Defects and tests</h2>{_grid(matrix)}"
        f"<h2>Defects one by one</h2>{_list(matrix)}</html>\n"
    )


def _figures(matrix: Matrix) -> str:
    told = matrix.as_json()
    smoke = told["naive_smoke"]
    figures = [
        (f"{matrix.killed} of {len(matrix.rows)}", f"killed (score {matrix.score:.0%})"),
        (f"{matrix.strength:.0%}", "strength: killed of those that acted"),
        (str(matrix.count(Verdict.SURVIVED)), "survived"),
        (str(matrix.count(Verdict.VOID)), "void"),
        (str(len(matrix.clean_alarms)), "alarms on the clean platform"),
        (f"{smoke['noticed']} of {smoke['ran']}", "noticed by a naive smoke test"),
        (f"{told['median_seconds'] or 0:g} s", "median a defect"),
    ]
    return f"<div class='figures'>{''.join(f'<div><b>{a}</b>{b}</div>' for a, b in figures)}</div>"


_WIDTHS = {"defect": 30, "family": 8, "verdict": 14, "killed by": 20, "s": 4, "what it said": 24}
"""The columns of the list, and how many percent of its width each takes."""


def _list(matrix: Matrix) -> str:
    head = "".join(f"<th style='width:{width}%'>{name}</th>" for name, width in _WIDTHS.items())
    worst_first = sorted(matrix.rows, key=lambda row: row.verdict is Verdict.KILLED and not row.clean_alarms)
    rows = "".join(_row(row, matrix.seed) for row in worst_first)
    return f"<table class='list'><tr>{head}</tr>{rows}{_not_run(matrix)}</table>"


def _row(row: Row, seed: int) -> str:
    planted = row.planted
    reason = f"<br>{escape(row.reason)}" if row.reason else ""
    alarms = "".join(
        f"<br><span class='alarm'>clean alarm: {escape(name)}</span>" for name in row.clean_alarms
    )
    coarse = "<br><span class='alarm'>the naive smoke test noticed, too</span>" if row.is_coarse else ""
    killers = "<br>".join(escape(name) for name in row.killed_by) or "none"
    return (
        f"<tr><td><b>{escape(planted.id)}</b><br><span class='dim'>{escape(planted.incident)}</span><br>"
        f"<code>{escape(replay(planted, seed))}</code></td><td>{escape(planted.family)}</td>"
        f"<td class='{_CLASSES[row.verdict]}'>{row.verdict.value}{reason}{alarms}{coarse}</td>"
        f"<td>{killers}</td><td class='n'>{row.attack.seconds:.1f}</td><td>{escape(row.sentence)}</td></tr>"
    )


def _not_run(matrix: Matrix) -> str:
    return "".join(
        f"<tr><td><b>{escape(name)}</b></td><td colspan='5'>not run</td></tr>" for name in matrix.left
    )


def _grid(matrix: Matrix) -> str:
    tests = _columns(matrix.rows)
    heads = "".join(
        f"<th class='test' title='{escape(name)}'><div>{escape(_short(name))}</div></th>" for name in tests
    )
    rows = "".join(
        f"<tr><td class='id'>{escape(row.planted.id)}</td>{_smoke(row)}"
        f"{''.join(_cell(row, name) for name in tests)}</tr>"
        for row in matrix.rows
    )
    return (
        "<p class='key'><span style='background:var(--good)'></span>named and red"
        "<span style='background:var(--bad)'></span>named, but green"
        "<span style='background:#56b4e9'></span>red, too<span style='background:var(--odd)'></span>could not judge"
        "</p><div class='wide'><table class='grid'><tr><th class='id'></th>"
        f"<th class='test'><div><b>a naive smoke test</b></div></th>{heads}</tr>{rows}</table></div>"
    )


def _smoke(row: Row) -> str:
    smoke = row.attack.smoke
    return "<td></td>" if smoke is None or smoke.status == "PASS" else _mark("also", smoke.first_line)


def _columns(rows: Sequence[Row]) -> list[str]:
    """Return the tests that any defect names or turned red, in the order of the suites."""
    return sorted({name for row in rows for name in (*row.planted.kills, *row.killed_by)})


def _cell(row: Row, name: str) -> str:
    test = row.attack.tests.get(name)
    named = name in row.planted.kills
    if test is not None and test.is_red:
        return _mark("hit" if named else "also", f"{row.planted.id}: {test.first_line}")
    if not named:
        return "<td></td>"
    return _mark("none" if test is None or test.status != "PASS" else "miss", f"{row.planted.id}: {name}")


def _mark(kind: str, title: str) -> str:
    return f"<td class='{kind}' title='{escape(title)}'></td>"


def _short(name: str) -> str:
    return name.rpartition(".")[2]
