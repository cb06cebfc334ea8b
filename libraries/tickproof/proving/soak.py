"""`tickproof soak`: all suites over and over on the sound platform; none may ever turn red."""

import json
import multiprocessing
import secrets
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from robot import rebot  # type: ignore[attr-defined] # Robot types its public API only in part

from tickproof.proving import files
from tickproof.proving.bound import upper_bound
from tickproof.proving.ended import Ended
from tickproof.proving.places import own_state_folder
from tickproof.proving.runs import Robots, RunBrokeOffError
from tickproof.proving.terminal import bar, err, out
from tickproof.stack import Stack
from tickproof.stack.processes import die_with_parent
from tickproof.target import load

MOST_VOID = 0.02
"""Share of executions that may be VOID: more of it says that the suites do not fit this machine."""


@dataclass
class Tally:
    """What all rounds gave so far.

    Attributes:
        busy: Whether one core was kept busy meanwhile.
        rounds: How many rounds ran.
        executions: Tests that ran.
        passed: Tests that were green.
        void: Tests that could not judge.
        alarms: What turned red: test, sentence, seed, where, and how to run it again.
    """

    busy: bool
    rounds: int = 0
    executions: int = 0
    passed: int = 0
    void: int = 0
    alarms: list[dict[str, Any]] = field(default_factory=list)

    def add(self, tests: Mapping[str, Ended], *, seed: int, results: Path, replay: str) -> None:
        """Count one round."""
        self.rounds += 1
        self.executions += len(tests)
        for name, test in tests.items():
            self.passed += test.status == "PASS"
            self.void += test.is_void
            if test.status != "PASS" and not test.is_void:
                self.alarms.append(
                    {
                        "test": name,
                        "status": test.status,
                        "sentence": test.message,
                        "seed": seed,
                        "results": str(results),
                        "replay": replay,
                    }
                )

    @property
    def judged(self) -> int:
        """Return how many executions gave a verdict."""
        return self.executions - self.void

    def trouble(self) -> str | None:
        """Say why the soak is red, or nothing."""
        if not self.judged:
            return "No test gave a verdict, so nothing is proved."
        if self.alarms:
            first = self.alarms[0]
            return (
                f"A sound platform turned red: {first['test']}\n{first['sentence']}\nAgain: {first['replay']}"
            )
        if self.void > MOST_VOID * self.executions:
            return (
                f"{self.void} of {self.executions} executions were VOID, more than {MOST_VOID:.0%}: "
                "the suites do not fit this machine."
            )
        return None

    def as_json(self) -> dict[str, Any]:
        """Return what `soak.json` holds."""
        return {
            "executions": self.executions,
            "passed": self.passed,
            "alarms": self.alarms,
            "void": self.void,
            "upper_bound": round(upper_bound(len(self.alarms), self.judged), 6),
            "busy": self.busy,
            "rounds": self.rounds,
        }


def soak(
    rounds: Annotated[int, typer.Option("-n", "--rounds", min=1, help="How often all suites run.")] = 50,
    target: Annotated[
        str, typer.Option("--target", "-t", help="Name or path of a target file.")
    ] = "embedded",
    results: Annotated[Path, typer.Option("--results", "-d", help="Output folder.")] = Path("results"),
    suites: Annotated[Path, typer.Option(help="The suites.")] = Path("suites"),
    *,
    busy: Annotated[bool, typer.Option("--busy", help="Keep one core busy meanwhile.")] = False,
) -> None:
    """Run all suites over and over on the sound platform, each time with a new seed; stop at the first alarm.

    Writes results/soak.json after each round. Exit code 1: a test turned red, more than 2 % were VOID, or none judged.
    """
    wanted = load(target)
    files.check_suites(suites)
    tally = Tally(busy)
    shutil.rmtree(results / "soak", ignore_errors=True)
    (results / "soak").mkdir(parents=True)
    with _core_kept_busy() if busy else nullcontext(), own_state_folder():
        stack = Stack.up(wanted, lend=True) if wanted.stack.driver == "local" else None
        try:
            with Robots([suites], {}) as robots, bar() as progress:
                task = progress.add_task("round 1", total=rounds)
                for n in range(1, rounds + 1):
                    here = results / "soak" / f"round-{n:04}"
                    progress.update(task, description=f"round {n}")
                    _go_round(robots, tally, here, {"TARGET": str(wanted.file)}, suites)
                    progress.advance(task)
                    progress.console.print(
                        f"round {n}: {tally.passed} of {tally.executions} passed", soft_wrap=True
                    )
                    _write(tally, results)
                    if tally.alarms:
                        _keep_evidence(here, stack)
                        break
                    shutil.rmtree(here, ignore_errors=True)
        except KeyboardInterrupt:
            err.print("Interrupted; what ran so far is counted.")
        finally:
            if stack:
                stack.down()
    _write(tally, results)
    _conclude(tally, results)


def _go_round(robots: Robots, tally: Tally, here: Path, variables: dict[str, object], suites: Path) -> None:
    seed = secrets.randbelow(2**31)
    variables = variables | {"SEED": seed}
    settings = [word for name, value in variables.items() for word in ("-v", f"{name}:{value}")]
    replay = shlex.join(["robot", "-d", "results", *settings, str(suites)])
    try:
        tests = robots.run(here, variables)
    except RunBrokeOffError as error:
        tests = {"the run as a whole": Ended("FAIL", str(error))}
    tally.add(tests, seed=seed, results=here, replay=replay)


def _write(tally: Tally, results: Path) -> None:
    files.write(results / "soak.json", json.dumps(tally.as_json(), indent=1) + "\n")


def _conclude(tally: Tally, results: Path) -> None:
    told = tally.as_json()
    out.print(
        f"{tally.executions} executions in {tally.rounds} rounds{', one core busy' if tally.busy else ''}: "
        f"{tally.passed} passed, {len(tally.alarms)} alarms, {tally.void} void. "
        f"95 % upper bound of the rate of false alarms: {told['upper_bound']:.2%}. See {results / 'soak.json'}.",
        soft_wrap=True,
    )
    if trouble := tally.trouble():
        out.print(trouble, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)


def _keep_evidence(here: Path, stack: Stack | None) -> None:
    """Write the log of the round that turned red, and keep what the services said."""
    if (here / "output.xml").exists():
        with (here / "rebot.txt").open("w", encoding="utf-8") as said:
            rebot(str(here / "output.xml"), outputdir=str(here), stdout=said, stderr=said)
    if stack:
        shutil.copytree(stack.folder / "logs", here / "stack", dirs_exist_ok=True)
        shutil.copyfile(stack.folder / "events.jsonl", here / "stack" / "events.jsonl")


@contextmanager
def _core_kept_busy() -> Iterator[None]:
    """Keep one core busy while a block runs; it is free again however this process ends."""
    burner = multiprocessing.get_context("spawn").Process(target=_burn, daemon=True)
    burner.start()
    try:
        yield
    finally:
        burner.kill()
        burner.join()


def _burn() -> None:
    if tie := die_with_parent():
        tie()
    n = 0
    while True:
        n += 1
