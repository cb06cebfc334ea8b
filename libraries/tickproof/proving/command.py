"""`tickproof defects`: break the platform on purpose, one defect at a time, and see whether the suites notice."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tickproof.proving import files, page
from tickproof.proving.catalog import CatalogError, Planted, chosen, of_platform, of_seams, sample
from tickproof.proving.ended import Ended
from tickproof.proving.lane import Lane
from tickproof.proving.matrix import Matrix, Row, Verdict, judge
from tickproof.proving.terminal import bar, out
from tickproof.target import Target, load

SEED = 20260301
"""The same plans every time, unless another seed is asked for."""

_COLOURS = {
    Verdict.KILLED: "green",
    Verdict.BY_ANOTHER: "yellow",
    Verdict.SURVIVED: "red",
    Verdict.VOID: "yellow",
}


@dataclass(frozen=True)
class Wish:
    """How the lane is to run."""

    target: Target
    suites: Path
    results: Path
    seed: int
    everything: bool
    budget: timedelta | None


def defects(  # noqa: PLR0917 - the arguments of a command are named by its user
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Defects; none means all.")
    ] = None,
    family: Annotated[
        list[str] | None, typer.Option("--family", "-f", help="All defects of a family; may be given again.")
    ] = None,
    target: Annotated[
        str, typer.Option("--target", "-t", help="Name or path of a target file.")
    ] = "embedded",
    results: Annotated[Path, typer.Option("--results", "-d", help="Output folder.")] = Path(
        "results/defects"
    ),
    suites: Annotated[Path, typer.Option(help="The suites that have to notice.")] = Path("suites"),
    seed: Annotated[int, typer.Option(min=0, help="What all plans are drawn from.")] = SEED,
    budget: Annotated[
        float | None,
        typer.Option(min=0.1, help="Minutes after which no further defect begins; the rest is told."),
    ] = None,
    changed_since: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="One defect of each family, and all that concern what changed since a commit.",
        ),
    ] = None,
    *,
    listed: Annotated[bool, typer.Option("--list", help="Name what there is, and run nothing.")] = False,
    seams: Annotated[
        bool, typer.Option("--seams", help="Only the kit's own seams; they go with any target.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Run all suites against each defect.")] = False,
) -> None:
    """Break the platform on purpose, one defect at a time, and see whether the suites notice.

    Writes results/defects/matrix.json and index.html. Exit code 1: a defect survived, was void or is not subtle, a test
    was red on the clean platform, or nothing ran.
    """
    wanted = load(target)
    catalog = of_seams() if seams else [*of_platform(wanted), *of_seams()]
    picked = chosen(catalog, ids or (), family or ())
    if changed_since is not None:
        picked = sample(picked, _changed(changed_since))
    if listed:
        _list(picked)
        return
    files.check_suites(suites)
    wish = Wish(
        wanted, suites, results, seed, full, timedelta(minutes=budget) if budget is not None else None
    )
    matrix = run(wish, picked)
    _conclude(matrix, results)
    if matrix.troubles():
        raise typer.Exit(1)


def run(wish: Wish, picked: Sequence[Planted]) -> Matrix:
    """Plant each defect; Ctrl-C leaves a clean stack and a report of what ran."""
    began = time.monotonic()
    rows: list[Row] = []
    interrupted = False

    def matrix() -> Matrix:
        ran = {row.planted.id for row in rows}
        left = [planted.id for planted in picked if planted.id not in ran]
        return Matrix(tuple(rows), control, left, wish.seed, time.monotonic() - began, interrupted)

    control: Mapping[str, Ended] = {}
    wish.results.mkdir(parents=True, exist_ok=True)
    with bar() as progress:
        task = progress.add_task("starting", total=len(picked))
        try:
            lane = Lane(wish.target, wish.suites, wish.results, seed=wish.seed, progress=lambda _: None)
            with lane:
                for planted in picked:
                    if wish.budget and timedelta(seconds=time.monotonic() - began) >= wish.budget:
                        break
                    progress.update(task, description=planted.id)
                    row = judge(planted, lane.attack(planted, everything=wish.everything))
                    rows.append(row)
                    _write(wish, matrix())
                    _tell(progress.console, row)
                    progress.advance(task)
                progress.update(task, description="clean control")
                control = lane.control()
        except KeyboardInterrupt:
            interrupted = True
    whole = matrix()
    _write(wish, whole)
    return whole


def _write(wish: Wish, matrix: Matrix) -> None:
    """Write the report; what ran so far is never lost, and never half written."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    files.write(wish.results / "matrix.json", json.dumps(matrix.as_json(), indent=1) + "\n")
    files.write(wish.results / "index.html", page.html(matrix, target=wish.target.name, when=when))


def _tell(console: Console, row: Row) -> None:
    colour = _COLOURS[row.verdict]
    why = row.reason or row.sentence
    console.print(
        f"[{colour}]{row.verdict.value:<10}[/] {row.attack.seconds:5.1f} s  {row.planted.id}  "
        f"[dim]{escape(why[:110])}[/]",
        soft_wrap=True,
    )
    for name in row.clean_alarms:
        console.print(f"[red]clean alarm[/]         {escape(name)}", soft_wrap=True)


def _list(picked: Sequence[Planted]) -> None:
    for planted in picked:
        out.print(f"{planted.id:<46} {planted.family:<14} {planted.incident}", markup=False, soft_wrap=True)
    seams = sum(planted.is_seam for planted in picked)
    families = len({planted.family for planted in picked})
    out.print(f"{len(picked) - seams} defects and {seams} seams of {families} families.")


def _conclude(matrix: Matrix, results: Path) -> None:
    told = matrix.as_json()
    out.print(
        f"{matrix.killed} of {len(matrix.rows)} killed (score {matrix.score:.1%}, strength {matrix.strength:.1%}), "
        f"{told['survived'] + told['killed_by_another']} survived, {told['void']} void, "
        f"{len(matrix.clean_alarms)} clean alarms; a naive smoke test noticed {told['naive_smoke']['noticed']} of "
        f"{told['naive_smoke']['ran']}. {matrix.seconds:,.0f} s, median {told['median_seconds'] or 0:g} s."
    )
    for trouble in matrix.troubles():
        out.print(trouble, style="red", markup=False, soft_wrap=True)
    if matrix.left and not matrix.interrupted:
        out.print(f"The budget was spent: {len(matrix.left)} defects did not run.", style="yellow")
    out.print(f"Matrix: {results / 'index.html'}", soft_wrap=True)


def _changed(since: str) -> list[str]:
    """Return the files that differ from a commit."""
    try:
        said = subprocess.run(
            ["git", "diff", "--name-only", since],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", "") or str(error)
        raise CatalogError(
            f"git cannot tell what changed since {since}: {told.strip().splitlines()[0]}"
        ) from None
    return said.splitlines()
