"""Tables, the chart and the replay command, as they stand in a log."""

import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from evidence.runs import RunRobot
from tickproof.evidence import charts, replay, tables
from tickproof.evidence.tables import Html
from tickproof.verdicts import Anomaly, Guarantee, HopVerdict, Kind
from tickproof.verdicts.arrivals import Arrivals


def cells(block: str) -> list[list[str]]:
    table = ET.fromstring(f"<x>{block}</x>").find("table")
    assert table is not None
    return [["".join(cell.itertext()) for cell in row] for row in table.findall("tr")]


def test_a_table_escapes_everything_but_html() -> None:
    block = tables.html("a < b", ("x&y",), [("<script>",), (Html("<b>1</b>"),), (None,), (1234567,), (True,)])
    assert cells(block) == [["x&y"], ["<script>"], ["1"], ["-"], ["1,234,567"], ["True"]]
    assert "<caption><b>a &lt; b</b></caption>" in block
    assert "<td>&lt;script&gt;</td>" in block


def test_a_long_table_is_capped_and_says_so() -> None:
    file = tables.link(Path("/r/ledgers/a b/x.csv"), "x.csv", output_dir=Path("/r"))
    block = tables.html("Rows", ("n",), ((n,) for n in range(1204)), limit=50, link=file)
    assert len(cells(block)) == 51
    assert block.endswith('<p>50 of 1,204 rows; all: <a href="ledgers/a%20b/x.csv">x.csv</a></p>')


def test_the_table_of_verdicts() -> None:
    judged = [
        HopVerdict("kafka", Guarantee.AT_LEAST_ONCE, 20000, 20003, 0, 3, 0, 0, out_of_order=0),
        HopVerdict("lake", Guarantee.EXACTLY_ONCE, 20000, 19999, 1, 0, 0, 0),
        HopVerdict("api", Guarantee.EXACTLY_ONCE, 0, 0, 0, 0, 0, 0, void="nothing was sent"),
    ]
    assert cells(tables.verdicts(judged))[1:] == [
        ["kafka", "at-least-once", "20,000", "20,003", "0", "3", "0", "0", "0", "PASS"],
        ["lake", "exactly-once", "20,000", "19,999", "1", "0", "0", "0", "not judged", "FAIL"],
        ["api", "exactly-once", "0", "0", "0", "0", "0", "0", "not judged", "VOID"],
    ]


def test_anomalies_by_name() -> None:
    named = [Anomaly(Kind.LOST, "BTCUSDT", 7, previous_id=6, next_id=8, last_seen_at="kafka")]
    block = tables.anomalies(named, total=12, title="Anomalies at lake")
    assert "Anomalies at lake (1 named, 11 more counted)" in block
    assert cells(block)[1] == ["lost", named[0].sentence()]


def series(slices: int, each: int, *, begin_ns: int) -> Arrivals:
    starts = begin_ns + np.arange(slices, dtype=np.int64) * 100_000_000
    return Arrivals(100_000_000, starts, np.full(slices, each, dtype=np.int64))


def test_the_chart_is_small_and_shows_every_total() -> None:
    hops = {name: series(6000, 20, begin_ns=10**18 + n * 10**9) for n, name in enumerate("abcde")}
    chart = charts.arrivals("Sent <and> seen", {"sent": series(6000, 20, begin_ns=10**18), **hops})
    assert len(chart.encode()) <= 15_000
    image = ET.fromstring(chart)
    lines = image.findall("{*}polyline")
    ends = [float(line.get("points", "").split()[-1].split(",")[1]) for line in lines]
    assert len(lines) == 6
    assert ends == [charts.TOP] * 6
    texts = ["".join(text.itertext()) for text in image.iter() if text.tag.endswith("text")]
    assert "sent 120,000" in texts
    assert "604 s" in texts


def test_the_chart_of_one_moment_and_of_nothing() -> None:
    assert "<polyline" in charts.arrivals("One", {"sent": series(1, 5, begin_ns=10**18)})
    nothing = charts.arrivals("None & nil", {"sent": series(0, 5, begin_ns=10**18)})
    assert nothing == "<p>None &amp; nil: nothing was sent or seen.</p>"


@pytest.mark.parametrize("name", ["Plain Name", "Odd [1] * Name?", 'It\'s "quoted" & $HOME'])
def test_the_replay_command_runs_exactly_this_test(run_robot: RunRobot, name: str, tmp_path: Path) -> None:
    body = "\n    Things Should Be    1    1\n"
    ended = run_robot(f"*** Test Cases ***\n{name}{body}Odd 1 z Name!{body}")
    assert ended.code == 0, ended.stdout
    command = replay.command(tmp_path / "suites" / "suite.robot", name, {"SEED": 7}, start=tmp_path)
    words = shlex.split(command)
    assert words[:5] == ["robot", "-d", "results", "-v", "SEED:7"]
    assert words[-1] == "suites/suite.robot"
    again = run_robot({}, *words[3:-1])
    assert [test.name for test in again.suite.all_tests] == [name]
