from collections.abc import Callable
from datetime import timedelta

import pytest
from messages.approved import approve
from tickproof.waiting import WaitError, patiently, said


class Pace:
    """A clock that needs no time: it goes on by what is slept, and by what a look takes."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.time += seconds


@pytest.fixture
def pace() -> Pace:
    return Pace()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def rising(pace: Pace, until: float) -> Callable[[], int]:
    """A count that rises by 1,000 a second and stops at some time."""
    return lambda: int(min(pace.time - 1000, until) * 1000)


def rows(count: int) -> str:
    return f"{count:,} of 20,000 rows"


def test_it_returns_what_was_right_at_once(pace: Pace) -> None:
    assert patiently(lambda: 7, until=lambda n: n == 7, within=seconds(1), what="x", pace=pace) == 7
    assert pace.time == 1000


def test_it_looks_until_it_is_right(pace: Pace) -> None:
    seen = patiently(
        rising(pace, 60), until=lambda n: n >= 3000, within=seconds(30), every=seconds(1), what="x", pace=pace
    )
    assert (seen, pace.time) == (3000, 1003)


def test_it_looks_once_more_when_the_budget_ends(pace: Pace) -> None:
    looks: list[float] = []

    def look() -> float:
        looks.append(pace.time - 1000)
        return looks[-1]

    patiently(look, until=lambda t: t >= 2.5, within=seconds(2.5), every=seconds(1), what="x", pace=pace)
    assert looks == [0, 1, 2, 2.5]


def test_a_look_that_takes_longer_than_the_budget_counts(pace: Pace) -> None:
    def slow() -> bool:
        pace.time += 100
        return True

    assert patiently(slow, until=bool, within=seconds(1), what="x", pace=pace)


def test_a_spent_budget_is_told_with_the_last_look_and_the_trend(pace: Pace) -> None:
    with pytest.raises(WaitError) as caught:
        patiently(
            rising(pace, 19.99),
            until=lambda n: n >= 20_000,
            within=seconds(30),
            every=seconds(0.5),
            what="every trade should be in the lake",
            describe=rows,
            progress=float,
            pace=pace,
        )
    approve("wait-budget-spent", str(caught.value))


def test_no_progress_ends_a_wait_early(pace: Pace) -> None:
    with pytest.raises(WaitError) as caught:
        patiently(
            rising(pace, 2),
            until=lambda n: n >= 20_000,
            within=seconds(60),
            every=seconds(0.5),
            what="every trade should be in the lake",
            describe=rows,
            progress=float,
            stalled_after=seconds(5),
            pace=pace,
        )
    assert pace.time == 1007
    approve("wait-stalled", str(caught.value))


def test_what_never_moved_is_told(pace: Pace) -> None:
    with pytest.raises(WaitError) as caught:
        patiently(
            lambda: 0,
            until=bool,
            within=seconds(60),
            every=seconds(1),
            what="every trade should be in the lake",
            describe=rows,
            progress=float,
            stalled_after=seconds(5),
            pace=pace,
        )
    approve("wait-never-moved", str(caught.value))


def test_a_reason_ends_a_wait_early(pace: Pace) -> None:
    with pytest.raises(WaitError) as caught:
        patiently(
            lambda: 12,
            until=lambda n: n >= 20_000,
            within=seconds(30),
            what="every trade should be in the lake",
            describe=rows,
            stop_if=lambda: "feed died with exit code 1" if pace.time > 1003 else None,
            pace=pace,
        )
    approve("wait-stopped", str(caught.value))


def test_errors_that_mean_not_yet_are_waited_out(pace: Pace) -> None:
    def look() -> str:
        if pace.time < 1002:
            raise ConnectionError("the API does not answer")
        return "here"

    found = patiently(
        look,
        until=bool,
        within=seconds(5),
        every=seconds(1),
        what="x",
        tolerate=(ConnectionError,),
        pace=pace,
    )
    assert found == "here"


def test_an_error_that_lasts_is_what_was_seen_last(pace: Pace) -> None:
    def look() -> str:
        raise ConnectionError("the API at http://127.0.0.1:1 does not answer: connection refused.")

    with pytest.raises(WaitError) as caught:
        patiently(
            look,
            until=bool,
            within=seconds(5),
            what="the API should be ready",
            tolerate=(ConnectionError,),
            pace=pace,
        )
    approve("wait-errors", str(caught.value))


def test_other_errors_are_not_swallowed(pace: Pace) -> None:
    def look() -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        patiently(look, until=bool, within=seconds(5), what="x", tolerate=(ConnectionError,), pace=pace)


def test_misuse_is_refused_before_any_look(pace: Pace) -> None:
    def look() -> bool:
        raise AssertionError("looked")

    with pytest.raises(ValueError, match="a budget and a pause above zero"):
        patiently(look, until=bool, within=seconds(0), what="x", pace=pace)
    with pytest.raises(ValueError, match="a budget and a pause above zero"):
        patiently(look, until=bool, within=seconds(1), every=seconds(0), what="x", pace=pace)
    with pytest.raises(ValueError, match="needs to be told what progress is"):
        patiently(look, until=bool, within=seconds(1), stalled_after=seconds(1), what="x", pace=pace)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (0.0005, "0.5 ms"), (0.25, "250 ms"), (0.9996, "1 s"), (1.5, "1.5 s"), (30, "30 s"), (119.96, "2 min"),
        (120, "2 min"), (150, "2.5 min"), (7200, "120 min"), (0, "0 ms"),
    ],
)  # fmt: skip
def test_spans_are_said_as_people_do(span: float, words: str) -> None:
    assert said(seconds(span)) == words
