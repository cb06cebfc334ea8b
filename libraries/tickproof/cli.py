"""The command `tickproof`: keep a stack between runs, look at it, look over this machine, judge again.

Exit codes: 0 all is well; 1 something is not (a stack does not come up, a verdict is red); 2 what was asked
for cannot be done (a wrong file, key or name).
"""

import errno
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tickproof.proving.catalog import CatalogError
from tickproof.proving.command import defects
from tickproof.proving.soak import soak
from tickproof.stack import ServiceState, Stack, StackError, StackInputError, doctor, failure, folders
from tickproof.stack.readying import prepare_services
from tickproof.stack.spec import StackSpec, of_target
from tickproof.target import Target, TargetError, load

app = typer.Typer(
    help="Prove that every tick arrived, once, intact, in time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

TargetOption = Annotated[str, typer.Option("--target", "-t", help="Name or path of a target file.")]
_FOLLOW_EVERY = 0.2
_HEALTHY_WITHIN = 30.0
_COLOURS = {"healthy": "green", "running": "green", "unhealthy": "red", "exited": "red"}
_LEVELS = {"ok": "green", "note": "yellow", "bad": "red"}


@app.command()
def up(target: TargetOption = "embedded") -> None:
    """Start the target's stack and keep it: the next runs use it, until `tickproof down`."""
    wanted = load(target)
    began = time.monotonic()
    with err.status(f"Starting {wanted.name}"):
        stack = Stack.up(wanted, keep=True, progress=_tell)
    out.print(
        f"Stack {stack.name} is up after {time.monotonic() - began:.1f} s. Logs: {stack.folder / 'logs'}"
    )
    _show(stack)


@app.command()
def prepare(target: TargetOption = "embedded") -> None:
    """Fetch and train what the target's services need, once; afterwards it starts quickly and without a network."""
    wanted = load(target)
    spec = _local(wanted)
    if spec is None:
        out.print(f"{wanted.name} runs already; there is nothing to prepare.")
        return
    if spec.docker:
        out.print(f"{wanted.name} runs from images; `make images` builds them.")
        return
    names = prepare_services(spec, _tell)
    out.print(f"Ready to start {wanted.name}: {', '.join(names) or 'nothing'} prepared.")


@app.command()
def down(
    target: TargetOption = "embedded",
    *,
    every: Annotated[bool, typer.Option("--all", help="End the kept stacks of all targets.")] = False,
) -> None:
    """End the target's kept stack and remove its data; logs stay for a while."""
    names = sorted({folders.name_of(folder) for folder in folders.runs()}) if every else [_name(target)]
    ended = []
    for name in names:
        with _told_when_slow(f"stopping {name}"):
            ended += [name] if Stack.end(name) else []
    for sentence in folders.clean():
        out.print(sentence)
    nothing = f"No kept stack of {', '.join(names) or 'any target'} runs."
    out.print(f"Ended: {', '.join(ended)}." if ended else nothing)


@app.command()
def restart(
    service: Annotated[str, typer.Argument(help="Name of the service.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(help="Behind `--`: another command to start it with; left out: its own."),
    ] = None,
    target: TargetOption = "embedded",
) -> None:
    """Restart a service of the kept stack and wait until it is healthy; with another command until the next restart."""
    stack = Stack.find(_name(target))
    if stack is None:
        raise StackInputError(f"No kept stack of {_name(target)} runs; start one with `tickproof up`.")
    stack.restart(service, command=command or None)
    stack.wait_healthy([service], within=_HEALTHY_WITHIN)
    _show(stack)


@app.command()
def status(target: TargetOption = "embedded") -> None:
    """Show how each service of the target's kept stack stands; exit code 1 if one is not well or no stack runs."""
    stack = Stack.find(_name(target))
    if stack is None:
        out.print(f"No kept stack of {_name(target)} runs; start one with `tickproof up`.")
        raise typer.Exit(1)
    if not all(service.is_well for service in _show(stack)):
        raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="Name of the service; left out: all of them.")] = "",
    target: TargetOption = "embedded",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 50,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")
    ] = False,
) -> None:
    """Show what the services of the target's stack wrote: of the kept one, else of its last run."""
    name = _name(target)
    stack = Stack.find(name)
    runs = [folder for folder in folders.runs() if folders.name_of(folder) == name]
    if not runs:
        raise StackInputError(f"There are no logs of {name}: it was never started here.")
    folder = stack.folder if stack else runs[-1]
    secrets = stack.secrets if stack else ()
    files = {file.stem: file for file in sorted((folder / "logs").glob("*.log"))}
    if service and service not in files:
        raise StackInputError(f"There is no service {service} in {folder.name}; logs: {', '.join(files)}.")
    chosen = {service: files[service]} if service else files
    for each, file in chosen.items():
        for line in failure.tail(file, lines, secrets):
            print(line if service else f"{each}: {line}")
    if follow:
        _follow(chosen, secrets, named=not service)


@app.command(name="doctor")
def examine(target: TargetOption = "embedded") -> None:
    """Look over this machine: what is missing for the target's stack, and what to do about it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    spec = _local(load(target))
    with err.status("Looking"):
        findings = doctor.examine(spec)
    for finding in findings:
        colour = _LEVELS[finding.level]
        table.add_row(f"[{colour}]{finding.level}[/]", finding.what, escape(finding.seen))
        if finding.advice:
            table.add_row("", "", f"[bold]{escape(finding.advice)}[/]")
    out.print(table)
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


@app.command()
def judge(results: Annotated[Path, typer.Argument(help="The results of a run, or a part of them.")]) -> None:
    """Judge the saved ledgers of a run again, with no stack; exit code 1 if a verdict is red."""
    from tickproof.judging import judge_folder  # noqa: PLC0415 - no other command needs Arrow

    try:
        report = judge_folder(results)
    except ValueError as error:
        raise StackInputError(f"{error}.") from error
    print(report.text())
    if not report.ok:
        raise typer.Exit(1)


app.command()(defects)
app.command()(soak)


def main() -> None:
    """Run the command line; an error is told in a sentence, without a traceback."""
    try:
        app()
    except (CatalogError, StackInputError, TargetError) as error:
        _stop(str(error), 2)
    except StackError as error:
        _stop(str(error), 1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _stop(
            f"There is no space left on the disk of {error.filename or folders.state_folder()}; make room.", 1
        )


def _stop(message: str, code: int) -> NoReturn:
    err.print(message, markup=False, soft_wrap=True)
    sys.exit(code)


def _tell(line: str) -> None:
    err.print(f"  {line}", markup=False, soft_wrap=True)


@contextmanager
def _told_when_slow(line: str) -> Iterator[None]:
    """Tell what is done when it takes a while, so that nobody takes silence for a hang."""
    timer = threading.Timer(folders.SOON, _tell, [line])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _local(target: Target | StackSpec) -> StackSpec | None:
    """Return what is to be started here; None where the target's platform runs elsewhere."""
    if isinstance(target, Target) and target.stack.driver == "attach":
        return None
    return of_target(target)


def _name(target: str) -> str:
    """Return a target's name; its file need not be right where the name is enough."""
    is_path = "/" in target or target.endswith((".yaml", ".yml"))
    return load(target).name if is_path else target


def _show(stack: Stack) -> list[ServiceState]:
    states = stack.status()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("service", "state", "since (UTC)", "pid", "restarts", "memory", ""):
        table.add_column(heading, justify="right" if heading in ("pid", "restarts", "memory") else "left")
    for state in states:
        shown = state.health if state.health and state.state == "running" else state.state
        since = datetime.fromtimestamp(state.since_ns / 1e9, UTC).strftime("%H:%M:%S")
        table.add_row(
            state.name,
            f"[{_COLOURS.get(shown, 'yellow')}]{shown}[/]",
            since,
            str(state.pid or ""),
            str(state.restarts),
            f"{state.rss_bytes / 2**20:.0f} MiB",
            escape(state.reason),
        )
    table.add_row(
        "together", "", "", "", "", f"{sum(state.rss_bytes for state in states) / 2**20:.0f} MiB", ""
    )
    out.print(table)
    return states


def _follow(files: dict[str, Path], secrets: tuple[str, ...], *, named: bool) -> None:
    opened = {name: file.open(encoding="utf-8", errors="replace") for name, file in files.items()}
    try:
        for file in opened.values():
            file.seek(0, 2)
        while True:
            for name, file in opened.items():
                for line in file:
                    text = failure.without(line.rstrip("\n"), secrets)
                    print(f"{name}: {text}" if named else text, flush=True)
            time.sleep(_FOLLOW_EVERY)
    finally:
        for file in opened.values():
            file.close()
