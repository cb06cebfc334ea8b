"""How many clean executions prove how much, and what turns a soak red."""

import math
from fractions import Fraction
from pathlib import Path

import pytest
from tickproof.proving.bound import upper_bound
from tickproof.proving.ended import Ended
from tickproof.proving.soak import Tally

FINE = Ended("PASS")
LATE = Ended("FAIL", "1 is lost.")
VOID = Ended("FAIL", "VOID: nothing was sent.")


@pytest.mark.parametrize(
    ("alarms", "executions"), [(0, 1), (0, 10), (0, 1000), (1, 10), (2, 100), (1, 1000), (9, 3000)]
)
def test_at_the_bound_so_few_alarms_are_seen_in_one_case_of_twenty(alarms: int, executions: int) -> None:
    rate = Fraction(upper_bound(alarms, executions))
    chance = sum(
        math.comb(executions, k) * rate**k * (1 - rate) ** (executions - k) for k in range(alarms + 1)
    )
    assert float(chance) == pytest.approx(0.05, rel=1e-6)


def test_a_thousand_clean_executions_bound_the_rate_at_three_in_a_thousand() -> None:
    assert upper_bound(0, 1000) == pytest.approx(0.002991, abs=1e-6)


def test_without_executions_or_with_alarms_only_nothing_is_bounded() -> None:
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(3, 3) == 1.0


def counted(*rounds: dict[str, Ended]) -> Tally:
    tally = Tally(busy=False)
    for n, tests in enumerate(rounds):
        tally.add(tests, seed=n, results=Path("results"), replay="robot suites")
    return tally


def test_green_rounds_are_green() -> None:
    tally = counted({"A": FINE, "B": FINE}, {"A": FINE, "B": FINE})
    assert tally.trouble() is None
    told = tally.as_json()
    assert told["executions"] == told["passed"] == 4
    assert told["alarms"] == []
    assert told["upper_bound"] == pytest.approx(upper_bound(0, 4), abs=1e-6)


def test_a_red_test_is_an_alarm_with_all_that_it_takes_to_see_it_again() -> None:
    tally = counted({"A": FINE}, {"A": LATE})
    assert tally.trouble() == "A sound platform turned red: A\n1 is lost.\nAgain: robot suites"
    assert tally.as_json()["alarms"][0]["seed"] == 1


def test_a_skipped_test_is_an_alarm_too() -> None:
    assert counted({"A": FINE, "B": Ended("SKIP", "why")}).alarms[0]["status"] == "SKIP"


def test_a_void_is_no_alarm_but_many_are_red() -> None:
    assert counted(dict.fromkeys(map(str, range(99)), FINE) | {"v": VOID}).trouble() is None
    few = counted({"A": FINE, "B": VOID})
    assert few.alarms == []
    assert str(few.trouble()).startswith("1 of 2 executions were VOID, more than 2%")
    assert counted({"A": VOID}).trouble() == "No test gave a verdict, so nothing is proved."
