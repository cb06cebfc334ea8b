"""What the timeline of a harmed service tells."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tickproof import session
from tickproof.misuse import MisuseError
from tickproof.recovery import Recovery, _after_loop, _pauses
from tickproof.stack import StackEvent

POLICY = "by its restart policy, restart 1, after a pause of 0.1 s"


def events(*told: tuple[str, int, str]) -> list[StackEvent]:
    return [
        StackEvent(n, ms * 1_000_000, "writer", what, detail=detail)
        for n, (what, ms, detail) in enumerate(told, 1)
    ]


def test_pauses_lie_between_a_death_and_the_restart_by_policy() -> None:
    loop = events(
        ("stopped", 0, ""),
        ("restarted", 10, "by request"),
        ("started", 11, ""),
        ("died", 100, "exit code 3"),
        ("restarted", 200, POLICY),
        ("died", 300, "exit code 3"),
        ("restarted", 500, POLICY),
        ("died", 600, "exit code 3"),
        ("stopped", 650, ""),
        ("restarted", 660, "by request"),
        ("healthy", 900, ""),
    )
    assert _pauses(loop) == [0.1, 0.2]
    assert [event.what for event in loop[-_after_loop(loop) :]] == ["stopped", "restarted", "healthy"]


@pytest.mark.parametrize(
    ("keyword", "arguments", "named", "said"),
    [
        ("crash_loop_should_be_visible", ("writer",), {"crashes": 2}, "number of crashes must be 3 or more"),
        ("crash_loop_should_be_visible", ("wirter",), {}, "There is no service wirter; allowed: writer"),
        ("pause_and_resume_service", ("writer",), {"lasting": timedelta(0)}, "seconds of a pause must be"),
        (
            "frozen_services_should_be_found_unhealthy",
            (),
            {"within": timedelta(1), "recovers_within": timedelta(1)},
            "Name at least one service",
        ),
        (
            "memory_limit_should_be_in_force",
            ("writer",),
            {"grows_to_mb": 0, "within": timedelta(1)},
            "memory in MB must be 16 or more",
        ),
    ],
)
def test_nonsense_is_refused_before_anything_is_harmed(
    monkeypatch: pytest.MonkeyPatch,
    keyword: str,
    arguments: tuple[str, ...],
    named: dict[str, Any],
    said: str,
) -> None:
    stack = SimpleNamespace(status=lambda: [SimpleNamespace(name="writer")])
    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(stack=stack))
    with pytest.raises(MisuseError, match=said):
        getattr(Recovery(), keyword)(*arguments, **named)
