"""The bench measures in fresh processes, agrees with its peers, and writes its figures."""

import json
from pathlib import Path

import pytest
from tickproof.bench import __main__ as bench
from tickproof.bench import verdicts
from tickproof.bench.figures import at_least, at_most
from tickproof.bench.process import MeasureError, fresh, peak_memory_mb
from typer.testing import CliRunner

RUNNER = CliRunner()


def run(*arguments: str) -> object:
    app = bench.typer.Typer()
    app.command()(bench.main)
    return RUNNER.invoke(app, list(arguments))


def test_a_small_ledger_is_judged_alike_by_all() -> None:
    figures = verdicts.measure(rows=20_000)
    assert [figure["unit"] for figure in figures] == ["s", "MB", "s"]
    assert all(figure["value"] > 0 and figure["ratio"] > 0 for figure in figures)


def test_a_goal_is_met_or_not() -> None:
    assert at_most("x", 3.0, "s", 3).met
    assert not at_most("x", 3.1, "s", 3).met
    assert at_least("x", 300_000, "frames/s", 300_000).met
    assert at_least("x", 1, "frames/s", 300_000).as_json()["goal"] == ">= 300,000"


def test_a_fresh_process_knows_its_own_peak_of_memory() -> None:
    ballast = bytearray(200_000_000)
    assert peak_memory_mb() > 200
    assert 0 < fresh("tickproof.bench.process", "peak_memory_mb") < 150
    del ballast


def test_a_measure_that_fails_says_its_last_words() -> None:
    with pytest.raises(MeasureError, match=r"No module named .tickproof.nothing"):
        fresh("tickproof.nothing", "measure")


def test_figures_are_written_and_those_of_other_measures_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = at_most("speed", 1, "s", 2).as_json()
    known: dict[str, bench.Measure] = {"one": lambda _: [figure], "two": lambda _: [figure, figure]}
    monkeypatch.setattr(bench, "measures", lambda: known)
    output = tmp_path / "results" / "bench.json"
    for arguments in ((), ("--only", "one"), ("--only", "two")):
        assert run("--output", str(output), *arguments).exit_code == 0  # type: ignore[attr-defined]
        written = json.loads(output.read_text())
        assert sorted(entry["command"] for entry in written) == [
            "python -m tickproof.bench --only one",
            "python -m tickproof.bench --only two",
            "python -m tickproof.bench --only two",
        ]
    assert set(written[0]) == {"measure", "value", "unit", "goal", "met", "peer", "ratio", "command"}


def test_a_measure_that_did_not_run_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> list[dict[str, object]]:
        raise MeasureError("no stack")

    monkeypatch.setattr(bench, "measures", lambda: {"one": broken})
    result = run("--output", str(tmp_path / "bench.json"))
    assert result.exit_code == 1  # type: ignore[attr-defined]
    assert "one could not be measured: no stack" in result.output  # type: ignore[attr-defined]
    assert json.loads((tmp_path / "bench.json").read_text())[0]["met"] is False


def test_an_unknown_measure_is_refused() -> None:
    result = run("--only", "speeed")
    assert result.exit_code == 2  # type: ignore[attr-defined]
    assert "--only speeed is no measure; allowed: " in result.output  # type: ignore[attr-defined]
