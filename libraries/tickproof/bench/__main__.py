"""`python -m tickproof.bench`: measure, print a table, and write `results/bench.json`."""

import importlib.util
import json
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import tickproof.bench
from tickproof.bench.process import MeasureError, fresh, run, say

NO_MEASURES = {"__main__", "carrying", "dataset", "figures", "process"}
RESULTS = Path("results/bench.json")
WIDE = 160  # columns of the table where there is no terminal
COLUMNS = ("measure", "value", "unit", "goal", "met", "peer", "ratio")

Measure = Callable[[Callable[[str], None]], list[dict[str, Any]]]


def measures() -> dict[str, Measure]:
    """Return every measure by name: the modules of this package, and those of the reference platform."""
    found: dict[str, Measure] = {}
    for module in pkgutil.iter_modules(tickproof.bench.__path__):
        if module.name not in NO_MEASURES:
            found[module.name] = _of_the_kit(module.name)
    platform = importlib.util.find_spec("tickerplant")
    for place in platform.submodule_search_locations or () if platform else ():
        for file in sorted(Path(place).glob("bench/[!_]*.py")):
            found[file.stem] = _of_the_platform(file.stem)
    return found


def main(
    only: Annotated[list[str] | None, typer.Option(help="Measure only this; may be given again.")] = None,
    output: Annotated[Path, typer.Option(help="Where the figures are written.")] = RESULTS,
) -> None:
    """Measure what the project promises, each measure in a fresh process."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDE)
    known = measures()
    strange = [name for name in only or () if name not in known]
    if strange:
        console.print(f"--only {strange[0]} is no measure; allowed: {', '.join(sorted(known))}")
        raise typer.Exit(2)
    figures: list[dict[str, Any]] = []
    failures: list[str] = []
    for name in only or sorted(known):
        command = f"python -m tickproof.bench --only {name}"
        try:
            measured = _with_progress(console, name, known[name])
        except MeasureError as error:
            failures.append(f"{name} could not be measured: {error}")
            measured = [dict.fromkeys(COLUMNS) | {"measure": name, "unit": "", "met": False}]
        figures += [{**figure, "command": command} for figure in measured]
    console.print(_table(figures))
    for failure in failures:
        console.print(failure, markup=False)
    _write(output, figures)
    console.print(f"Figures: {output}")
    if failures:
        raise typer.Exit(1)


def _with_progress(console: Console, name: str, measure: Measure) -> list[dict[str, Any]]:
    if not console.is_terminal:
        return measure(lambda text: say(f"{name}: {text}"))
    with console.status(f"{name}: starting") as status:
        return measure(lambda text: status.update(f"{name}: {text}"))


def _of_the_kit(name: str) -> Measure:
    return lambda tell: fresh(f"tickproof.bench.{name}", "measure", tell=tell)


def _of_the_platform(name: str) -> Measure:
    def measure(tell: Callable[[str], None]) -> list[dict[str, Any]]:
        # One figure a line; the exit code tells of missed goals, and so do the figures.
        code, lines, last_words = run([sys.executable, "-m", f"tickerplant.bench.{name}"], tell=tell)
        if not lines:
            raise MeasureError(f"it ended with {code}: {last_words}")
        return [json.loads(line) for line in lines]

    return measure


def _table(figures: list[dict[str, Any]]) -> Table:
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in ("value", "ratio") else "left")
    for figure in figures:
        cells = {name: "" if figure.get(name) is None else str(figure[name]) for name in COLUMNS}
        value, met = figure.get("value"), figure.get("met")
        cells["value"] = (
            "not measured" if value is None else f"{value:,.0f}" if value >= 1_000 else f"{value:g}"
        )
        cells["met"] = {True: "[green]yes", False: "[red]no", None: ""}[met]
        table.add_row(*(cells[name] for name in COLUMNS))
    return table


def _write(path: Path, figures: list[dict[str, Any]]) -> None:
    """Write the figures; those of measures that did not run now stay as they were."""
    measured = {figure["command"] for figure in figures}
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    kept = [figure for figure in before if figure["command"] not in measured]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept + figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
