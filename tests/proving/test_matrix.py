"""What becomes of a defect follows from what was seen."""

import json

import pytest
from tickproof.proving import page
from tickproof.proving.catalog import Planted
from tickproof.proving.ended import Ended
from tickproof.proving.matrix import Attack, Matrix, Row, Verdict, judge

LOSS = Planted("writer-drops", "loss", "One is lost.", "writer", ("A.B.Named",), r"(is|are) lost")
LOST = Ended("FAIL", "lake should show each of 9 trades, but 1 is lost.\nLost: X 3.")
FINE = Ended("PASS")
VOID = Ended.told("FAIL", "Setup failed:\nVOID: nothing was sent.")


def seen(*, reached: bool = True, **tests: Ended) -> Attack:
    return Attack(
        {f"A.B.{name}": test for name, test in tests.items()}, reached=reached, smoke=FINE, seconds=2
    )


@pytest.mark.parametrize(
    ("attack", "verdict", "reason"),
    [
        (seen(Named=LOST), Verdict.KILLED, ""),
        (seen(Named=LOST, Other=LOST), Verdict.KILLED, ""),
        (seen(Named=FINE), Verdict.SURVIVED, "Named stayed green"),
        (seen(Named=FINE, Other=LOST), Verdict.BY_ANOTHER, "Named stayed green, Other did not"),
        (seen(Named=FINE, Other=VOID), Verdict.SURVIVED, "Named stayed green"),
        (
            seen(Named=Ended("FAIL", "timed out")),
            Verdict.SURVIVED,
            "Named is red, but its sentence does not tell of the defect",
        ),
        (seen(Named=VOID), Verdict.VOID, "Named could not judge: VOID: nothing was sent."),
        (seen(Named=Ended("SKIP", "no network")), Verdict.VOID, "Named did not run"),
        (seen(Other=LOST), Verdict.VOID, "Named did not run"),
        (seen(reached=False, Named=LOST), Verdict.VOID, "it never acted"),
        (Attack(broke_off="the run broke off: robot ended"), Verdict.VOID, "the run broke off: robot ended"),
    ],
)
def test_verdicts(attack: Attack, verdict: Verdict, reason: str) -> None:
    row = judge(LOSS, attack)
    assert (row.verdict, row.reason) == (verdict, reason)


def test_every_named_test_has_to_notice() -> None:
    both = Planted("x", "loss", "x.", "writer", ("A.B.Named", "A.B.Too"), r"lost")
    assert judge(both, seen(Named=LOST, Too=LOST)).verdict is Verdict.KILLED
    row = judge(both, seen(Named=LOST, Too=FINE))
    assert (row.verdict, row.reason) == (Verdict.SURVIVED, "Too stayed green")


def matrix(*rows: Row, control: dict[str, Ended] | None = None, **more: object) -> Matrix:
    return Matrix(rows, {"A.B.C": FINE} if control is None else control, (), 7, 12.0, **more)  # type: ignore[arg-type]


def test_all_killed_is_green_and_tells_the_score() -> None:
    whole = matrix(judge(LOSS, seen(Named=LOST, Other=LOST)))
    assert whole.troubles() == []
    told = json.loads(json.dumps(whole.as_json()))
    assert {name: told[name] for name in ("total", "killed", "survived", "void", "clean_alarms")} == {
        "total": 1, "killed": 1, "survived": 0, "void": 0, "clean_alarms": [],
    }  # fmt: skip
    (defect,) = told["defects"]
    assert defect["killed_by"] == ["A.B.Named", "A.B.Other"]
    assert defect["also_red"] == ["A.B.Other"]
    assert defect["sentence"] == "lake should show each of 9 trades, but 1 is lost."
    assert defect["replay"] == "tickproof defects writer-drops --seed 7"


def test_score_counts_all_and_strength_those_that_acted() -> None:
    whole = matrix(
        judge(LOSS, seen(Named=LOST)),
        judge(LOSS, seen(Named=FINE)),
        judge(LOSS, seen(reached=False, Named=FINE)),
    )
    assert (round(whole.score, 3), whole.strength) == (0.333, 0.5)
    assert whole.troubles() == [
        "writer-drops: survived, Named stayed green.",
        "writer-drops: void, it never acted.",
    ]


def test_nothing_run_is_red() -> None:
    assert matrix().troubles() == ["No defect was planted, so nothing is proved."]


def test_an_alarm_on_the_clean_platform_is_red() -> None:
    alarmed = Attack({"A.B.Named": LOST}, reached=True, smoke=FINE, control={"A.B.Named": LOST})
    whole = matrix(judge(LOSS, alarmed), control={"A.B.C": VOID})
    assert whole.clean_alarms == ["A.B.Named", "A.B.C"]
    assert whole.troubles() == ["On the clean platform Named, C should be green, but turned red."]


def test_a_defect_that_a_smoke_test_notices_proves_little_unless_it_is_of_availability() -> None:
    coarse = Attack({"A.B.Named": LOST}, reached=True, smoke=Ended("FAIL", "502"))
    assert matrix(judge(LOSS, coarse)).troubles() == [
        "writer-drops is not subtle: the naive smoke test is red, too."
    ]
    away = Planted("feed-gives-up", "availability", "x.", "feed", ("A.B.Named",), r"lost")
    assert matrix(judge(away, coarse)).troubles() == []


def test_an_interrupted_lane_is_red_and_names_how_many_are_left() -> None:
    whole = Matrix((judge(LOSS, seen(Named=LOST)),), {}, ("b", "c"), 7, 3.0, interrupted=True)
    assert whole.troubles() == ["Interrupted: 2 of 3 defects did not run."]


def test_the_page_shows_each_defect_and_escapes_what_tests_say() -> None:
    nasty = Ended("FAIL", "1 is lost <script>alert(1)</script>")
    text = page.html(
        Matrix((judge(LOSS, seen(Named=nasty)), judge(LOSS, seen(Named=FINE))), {}, ("feed-x",), 7, 3.0),
        target="embedded",
        when="2026-01-01",
    )
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    for words in (
        "writer-drops",
        "Named stayed green",
        "feed-x",
        "1 of 2",
        "tickproof defects writer-drops --seed 7",
    ):
        assert words in text
