"""The lane itself, beside the real platform: it tells killed from survived and from void, and leaves nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from common.left import left_behind
from common.waits import until
from tickproof import target
from tickproof.proving.catalog import Planted, of_platform, of_seams
from tickproof.proving.lane import Lane
from tickproof.proving.matrix import Verdict, judge
from tickproof.proving.runs import RunBrokeOffError, Tests

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
SEED = 20260301
TICKPROOF = Path(sys.executable).with_name("tickproof")
EMBEDDED = target.load("embedded")
DEFECTS = {planted.id: planted for planted in (*of_platform(EMBEDDED), *of_seams())}


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    folder = tmp_path_factory.mktemp("lane")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKPROOF_STATE_DIR", str(folder / "state"))
        with Lane(EMBEDDED, ROOT / "suites", folder / "results", seed=SEED, progress=lambda _: None) as lane:
            yield lane
    until(lambda: left_behind(folder) == [])


@pytest.mark.parametrize("identity", ["api-limit-off-by-one", "feed-swaps-neighbours", "seam-never-sent"])
def test_a_defect_is_killed_by_the_test_that_it_names_and_mended(lane: Lane, identity: str) -> None:
    row = judge(DEFECTS[identity], lane.attack(DEFECTS[identity]))
    assert (row.verdict, row.reason, row.clean_alarms) == (Verdict.KILLED, "", [])
    assert not row.is_coarse


def test_one_that_spoils_the_table_gets_a_platform_of_its_own(lane: Lane) -> None:
    row = judge(DEFECTS["writer-miscounts-its-rows"], lane.attack(DEFECTS["writer-miscounts-its-rows"]))
    assert (row.verdict, row.reason) == (Verdict.KILLED, "")


def named(identity: str, test: str) -> Planted:
    return replace(DEFECTS[identity], kills=(test,))


def test_a_test_that_does_not_notice_lets_a_defect_survive(lane: Lane) -> None:
    planted = named("feed-trims-zeros", "Pipeline.Every Trade Arrives.The Hops Agree With Each Other")
    row = judge(planted, lane.attack(planted))
    assert (row.verdict, row.reason) == (Verdict.SURVIVED, "The Hops Agree With Each Other stayed green")


def test_a_defect_that_never_acts_is_void(lane: Lane) -> None:
    planted = named("api-trusts-any-cursor", "Pipeline.Every Trade Arrives.The Hops Agree With Each Other")
    row = judge(planted, lane.attack(planted))
    assert (row.verdict, row.reason) == (Verdict.VOID, "it never acted")


def test_a_service_that_does_not_start_is_void_and_mended(lane: Lane) -> None:
    planted = replace(DEFECTS["api-limit-off-by-one"], id="api-no-such-thing")
    row = judge(planted, lane.attack(planted))
    assert row.verdict is Verdict.VOID
    assert {name: test.status for name, test in row.attack.control.items()} == {planted.kills[0]: "PASS"}


def test_a_run_that_breaks_off_leaves_a_mended_platform(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = lane._robots.run
    calls = []

    def broken_first(*words: object, **named: object) -> Tests:
        calls.append(words)
        if len(calls) == 1:
            raise RunBrokeOffError("robot ended with code 255: nothing")
        return usual(*words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(lane._robots, "run", broken_first)
    planted = DEFECTS["api-limit-off-by-one"]
    row = judge(planted, lane.attack(planted))
    assert (row.verdict, row.reason) == (
        Verdict.VOID,
        "the run broke off: robot ended with code 255: nothing",
    )
    assert {name: test.status for name, test in row.attack.control.items()} == {planted.kills[0]: "PASS"}
    assert lane._broken is None


def test_the_mended_platform_is_clean(lane: Lane) -> None:
    assert {name for name, test in lane.control().items() if test.status != "PASS"} == set()


@pytest.fixture
def command(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    # A path as people give it: relative to where they are.
    argv = [TICKPROOF, "defects", "-f", "paging", "-d", os.path.relpath(tmp_path / "results", ROOT)]
    process = subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TICKPROOF_STATE_DIR": str(tmp_path / "state")},
        start_new_session=True,
    )
    yield process
    process.kill()
    process.communicate()


def first_killed(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    while "killed" not in (line := process.stdout.readline()):
        assert line, "the lane ended before it killed anything"


def test_ctrl_c_leaves_a_report_of_what_ran_and_nothing_else(
    command: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    first_killed(command)
    command.send_signal(signal.SIGINT)
    said, _ = command.communicate(timeout=60)
    assert command.returncode == 1, said
    assert "Interrupted" in said
    told = json.loads((tmp_path / "results" / "matrix.json").read_text())
    assert told["interrupted"]
    assert told["total"] >= 1
    assert told["not_run"]
    assert (tmp_path / "results" / "index.html").exists()
    until(lambda: left_behind(tmp_path) == [])


def test_a_lane_that_is_killed_leaves_its_report_and_no_process(
    command: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    first_killed(command)
    command.kill()
    until(lambda: left_behind(tmp_path) == [])
    assert json.loads((tmp_path / "results" / "matrix.json").read_text())["total"] >= 1


def test_wrong_wishes_are_told_before_anything_starts(tmp_path: Path) -> None:
    for words, said in (
        (["api-nothing"], "There is no defect api-nothing"),
        (["--suites", str(tmp_path)], f"There are no suites in {tmp_path}"),
        (["--changed-since", "no-such-commit"], "git cannot tell what changed since no-such-commit"),
        (["--target", "nowhere"], "nowhere"),
    ):
        done = subprocess.run(
            [TICKPROOF, "defects", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, "TICKPROOF_STATE_DIR": str(tmp_path / "state")},
        )
        assert done.returncode == 2
        assert said in done.stderr.replace("\n", " ")
    assert not (tmp_path / "state").exists()
