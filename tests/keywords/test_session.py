"""Who holds the stack when, and what is given back."""

import errno
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from keywords.fakes import FakePlay, FakeStack
from messages.approved import approve
from tickproof import session
from tickproof.exchange.actions import Refuse
from tickproof.exchange.client import ExchangeError, Lease
from tickproof.ledger import SENT
from tickproof.misuse import MisuseError, RunRefusedError
from tickproof.scenes import Place, Sending
from tickproof.session import Session
from tickproof.stack import StackError


def place(name: str, *, exclusive: bool = False) -> Place:
    return Place(name, name.rpartition(".")[2], is_test="Test" in name, source=None, exclusive=exclusive)


class FakeExchange:
    def __init__(self) -> None:
        self.released: list[str] = []
        self.acts: list[tuple[str, dict[str, int]]] = []
        self.gone = False

    def events(self) -> list[dict[str, Any]]:
        return [{"n": 41}]

    def act(self, do: str, **values: int) -> None:
        self.acts.append((do, values))

    def release(self, lease: Lease) -> None:
        if self.gone:
            raise ExchangeError("gone")
        self.released.append(lease.id)


@pytest.fixture
def stack() -> FakeStack:
    return FakeStack()


@pytest.fixture
def exchange() -> FakeExchange:
    return FakeExchange()


@pytest.fixture
def run(
    stack: FakeStack, exchange: FakeExchange, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Session]:
    run = Session()
    run.__dict__["results"] = tmp_path / "results"
    monkeypatch.setattr(Session, "exchange", exchange)
    hops = SimpleNamespace(kafka=None, lake=None)
    monkeypatch.setattr(Session, "target", SimpleNamespace(hops=hops, secrets=()))
    monkeypatch.setattr(Session, "seed", 7)
    monkeypatch.setattr(run, "_own_stack", stack)
    yield run
    run.close()


def test_a_test_holds_the_stack_while_it_runs(run: Session, stack: FakeStack) -> None:
    run.enter(place("Suite"))
    run.enter(place("Suite.Test One", exclusive=True))
    run.leave("Suite.Test One")
    run.enter(place("Suite.Test Two"))
    run.leave("Suite.Test Two")
    run.leave("Suite")
    assert stack.holds == ["shared", "free", "alone", "free", "shared", "free"]


def test_a_suite_of_exclusive_tests_holds_it_alone_from_setup_to_teardown(
    run: Session, stack: FakeStack
) -> None:
    run.enter(place("Suite", exclusive=True))
    for test in ("Suite.Test One", "Suite.Test Two"):
        run.enter(place(test, exclusive=True))
        run.own_scene()
        run.leave(test)
    assert stack.holds == ["alone"]
    run.leave("Suite")
    assert stack.holds == ["alone", "free"]


def test_a_scene_is_held_once(run: Session, stack: FakeStack) -> None:
    run.enter(place("Suite"))
    run.enter(place("Suite.Test"))
    first = run.own_scene()
    assert run.own_scene() is first
    assert first.marks.exchange == 41
    assert stack.holds == ["shared", "free", "shared"]


def test_a_test_reads_the_scene_of_its_suite_until_it_has_its_own(run: Session) -> None:
    run.enter(place("Suite"))
    suites = run.own_scene()
    run.enter(place("Suite.Test"))
    assert run.scene is suites
    own = run.own_scene()
    assert run.scene is own
    run.leave("Suite.Test")
    assert run.scene is suites
    run.leave("Suite")
    with pytest.raises(MisuseError):
        _ = run.scene


def test_the_same_test_name_in_two_suites_draws_the_same_seed(run: Session) -> None:
    seeds = []
    for suite in ("One", "Two"):
        run.enter(place(f"{suite}.Test"))
        seeds.append(run.own_scene().seed)
        run.leave(f"{suite}.Test")
    assert seeds[0] == seeds[1]


def test_symbols_go_back_when_a_test_ends(run: Session, exchange: FakeExchange) -> None:
    run.enter(place("Suite.Test"))
    run.own_scene().leases.extend([Lease("a", ()), Lease("b", ())])
    run.leave("Suite.Test")
    assert exchange.released == ["a", "b"]


def test_refusals_that_nobody_met_do_not_wait_for_the_next_test(run: Session, exchange: FakeExchange) -> None:
    for planned in ((), (Refuse(at=3, count=2),)):
        run.enter(place("Suite.Test"))
        play = FakePlay(SENT.empty_table())
        run.own_scene().sendings.append(Sending(play, timedelta(seconds=1), planned))  # type: ignore[arg-type]
        run.leave("Suite.Test")
    assert exchange.acts == [("refuse", {"count": 0})]


def test_a_flow_that_outlives_its_test_is_broken_off_and_what_was_armed_is_disarmed(
    run: Session, tmp_path: Path
) -> None:
    run.enter(place("Suite.Test"))
    play, armed = FakePlay(SENT.empty_table(), "running"), tmp_path / "failpoint"
    armed.write_text("after-poll")
    run.own_scene().sendings.append(Sending(play, timedelta(seconds=1)))  # type: ignore[arg-type]
    run.own_scene().armed += [armed, tmp_path / "not-there"]
    run.leave("Suite.Test")
    assert play.state == "failed"
    assert not armed.exists()


def test_an_exchange_that_is_gone_keeps_nobody_from_going_on(
    run: Session, stack: FakeStack, exchange: FakeExchange
) -> None:
    exchange.gone = True
    run.enter(place("Suite.Test"))
    run.own_scene().leases.append(Lease("a", ()))
    run.leave("Suite.Test")
    assert stack.holds[-1] == "free"


def test_a_visit_ends_with_its_test(run: Session, stack: FakeStack, exchange: FakeExchange) -> None:
    other = FakeStack(Path("elsewhere"))
    run.enter(place("Suite.Test", exclusive=True))
    run.visit(other, other.down)  # type: ignore[arg-type]
    assert run.stack is other
    run.own_scene().leases.append(Lease("visited", ()))
    assert other.holds == ["alone"]
    run.leave("Suite.Test")
    assert other.ended
    assert other.holds == ["alone", "free"]
    assert exchange.released == ["visited"]
    assert run.stack is stack


def test_the_logs_of_a_visited_stack_stay_with_the_results(run: Session, tmp_path: Path) -> None:
    run.enter(place("My Suite.Test"))
    for visit in ("first", "second"):
        other = FakeStack(tmp_path / visit)
        run.visit(other, partial(leave_logs, other, visit))  # type: ignore[arg-type]
    run.leave("My Suite.Test")
    kept = {path.relative_to(run.results).as_posix(): path.read_text() for path in run.results.rglob("*.*")}
    assert kept == {
        "stack-my-suite-test/feed.log": "first",
        "stack-my-suite-test/events.jsonl": "first",
        "stack-my-suite-test-2/feed.log": "second",
        "stack-my-suite-test-2/events.jsonl": "second",
    }


def leave_logs(stack: FakeStack, words: str) -> None:
    """Its last words come while it ends."""
    (stack.folder / "logs").mkdir(parents=True)
    (stack.folder / "logs" / "feed.log").write_text(words)
    (stack.folder / "events.jsonl").write_text(words)


def test_a_second_visit_ends_the_first(run: Session) -> None:
    one, two = FakeStack(Path("one")), FakeStack(Path("two"))
    run.enter(place("Suite.Test"))
    run.visit(one, one.down)  # type: ignore[arg-type]
    run.visit(two, two.down)  # type: ignore[arg-type]
    assert (one.ended, two.ended) == (True, False)
    run.return_home()
    run.return_home()
    assert two.ended


def test_a_kept_stack_stays_when_the_run_ends(run: Session, stack: FakeStack) -> None:
    run.enter(place("Suite.Test"))
    run.close()
    run.close()
    assert not stack.ended
    assert stack.holds == ["shared", "free"]


def test_a_stack_that_cannot_be_held_is_told(run: Session, stack: FakeStack) -> None:
    stack.refusal = FileNotFoundError(2, "No such file or directory")
    with pytest.raises(StackError) as told:
        run.enter(place("Suite.Test"))
    approve("stack-cannot-be-held", str(told.value))


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("run-no-disk-space", errno.ENOSPC, "No space left on device"),
        ("run-read-only", errno.EROFS, "Read-only file system"),
    ],
)
def test_a_disk_that_takes_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, number: int, words: str
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(number, words)

    run = Session()
    monkeypatch.setattr(Session, "target", SimpleNamespace(secrets=()))
    monkeypatch.setattr(run, "check", lambda: None)
    monkeypatch.setattr(session.Stack, "find", refuse)
    monkeypatch.setenv("TICKPROOF_STATE_DIR", "/the/state")
    with pytest.raises(RunRefusedError) as told:
        run.ensure_up()
    approve(name, str(told.value))


def test_no_platform_is_told() -> None:
    run = Session()
    run.enter(place("Suite.Test"))
    with pytest.raises(MisuseError, match="No platform is up"):
        run.own_scene()
    assert not run.started


def test_each_verdict_has_a_folder_of_its_own(run: Session, tmp_path: Path) -> None:
    run.__dict__["results"] = tmp_path
    run.enter(place("My Suite.Test: 1/2?"))
    stale = tmp_path / "ledgers" / "my-suite-test-1-2"
    stale.mkdir(parents=True)
    (stale / "old").touch()
    first = run.new_ledger_folder()
    assert first == stale
    assert not stale.exists()
    assert run.new_ledger_folder().name == "my-suite-test-1-2-2"


def test_there_is_one_session() -> None:
    assert session.current() is session.current()
