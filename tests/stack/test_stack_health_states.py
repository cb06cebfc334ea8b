"""Health states and restarts as Docker defines them, without waiting."""

import pytest
from tickproof.stack.health import Health
from tickproof.stack.model import HealthCheck, Restart
from tickproof.stack.restarts import RestartPolicy

CHECK = HealthCheck(interval=10, timeout=1, retries=3, start_period=5, start_interval=0.5)


def test_it_begins_as_starting() -> None:
    assert Health(CHECK, started=0).status == "starting"


def test_checks_are_closer_together_while_it_starts() -> None:
    health = Health(CHECK, started=100)
    assert health.pause(100) == 0.5
    assert health.pause(104.9) == 0.5
    assert health.pause(105) == 10


def test_checks_are_far_apart_once_it_was_healthy() -> None:
    health = Health(CHECK, started=100)
    health.note(ok=True, said="fine", at=101)
    assert health.pause(101) == 10


def test_one_success_makes_it_healthy() -> None:
    health = Health(CHECK, started=0)
    assert health.note(ok=True, said="fine", at=1)
    assert health.status == "healthy"
    assert not health.note(ok=True, said="fine", at=2)


def test_failures_in_the_start_period_do_not_count() -> None:
    health = Health(CHECK, started=0)
    for at in (1.0, 2.0, 3.0, 4.0, 4.999):
        assert not health.note(ok=False, said="not yet", at=at)
    assert (health.status, health.failures) == ("starting", 0)


def test_failures_after_the_start_period_make_it_unhealthy_after_as_many_retries() -> None:
    health = Health(CHECK, started=0)
    assert [health.note(ok=False, said="no", at=at) for at in (5, 6, 7)] == [False, False, True]
    assert health.status == "unhealthy"


def test_failures_count_in_the_start_period_too_once_it_was_healthy() -> None:
    health = Health(CHECK, started=0)
    health.note(ok=True, said="fine", at=1)
    for at in (2, 3, 4):
        health.note(ok=False, said="no", at=at)
    assert health.status == "unhealthy"


def test_a_success_between_failures_starts_the_count_again() -> None:
    health = Health(CHECK, started=0)
    for n, ok in enumerate((True, False, False, True, False, False)):
        health.note(ok=ok, said="", at=n)
    assert health.status == "healthy"


def test_one_success_makes_an_unhealthy_service_healthy_again() -> None:
    health = Health(CHECK, started=0, status="unhealthy", failures=7)
    assert health.note(ok=True, said="fine", at=60)
    assert (health.status, health.failures) == ("healthy", 0)


def test_without_a_start_period_the_first_failure_counts() -> None:
    health = Health(HealthCheck(retries=1), started=0)
    assert health.note(ok=False, said="no", at=0.1)
    assert health.status == "unhealthy"


@pytest.mark.parametrize(
    ("restart", "exit_code", "again"),
    [
        (Restart("no"), 1, False),
        (Restart("always"), 0, True),
        (Restart("unless-stopped"), 0, True),
        (Restart("on-failure"), 0, False),
        (Restart("on-failure"), 137, True),
    ],
)
def test_the_policy_decides_by_the_exit_code(restart: Restart, exit_code: int, *, again: bool) -> None:
    assert (RestartPolicy(restart).after_exit(exit_code, 1.0) is not None) is again


def test_on_failure_gives_up_after_as_many_restarts() -> None:
    policy = RestartPolicy(Restart("on-failure", 2))
    assert [policy.after_exit(1, 0.1) for _ in range(3)] == [0.1, 0.2, None]
    assert policy.count == 2


def test_the_pause_doubles_up_to_a_minute() -> None:
    policy = RestartPolicy(Restart("always"))
    pauses = [policy.after_exit(1, 0.1) for _ in range(12)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == 60.0


def test_a_run_of_ten_seconds_makes_the_next_pause_short_again() -> None:
    policy = RestartPolicy(Restart("always"))
    for _ in range(5):
        policy.after_exit(1, 0.1)
    assert policy.after_exit(1, 10.0) == 0.1


def test_a_start_by_hand_begins_anew() -> None:
    policy = RestartPolicy(Restart("on-failure", 1))
    policy.after_exit(1, 0.1)
    policy.begin_anew()
    assert (policy.count, policy.after_exit(1, 0.1)) == (0, 0.1)
