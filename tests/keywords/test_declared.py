"""What a compose file has to declare of each service."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from tickproof import session
from tickproof.declared import PROMISES, DeclaredStack
from tickproof.misuse import MisuseError
from tickproof.stack import StackEvent
from tickproof.verdicts import Void

COMPOSE = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "tickerplant" / "compose.yaml").read_text(encoding="utf-8")
)


def declared(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> DeclaredStack:
    run = SimpleNamespace(target=SimpleNamespace(compose_file=path))
    monkeypatch.setattr(session, "current", lambda: run)
    return DeclaredStack()


@pytest.mark.parametrize("what", PROMISES)
def test_the_tickerplant_declares_all(what: str) -> None:
    assert [PROMISES[what](service) for service in COMPOSE["services"].values()] == [""] * 4


@pytest.mark.parametrize(
    ("what", "change", "said"),
    [
        ("a health check", {"healthcheck": {"disable": True}}, "there is none"),
        ("a health check", {"healthcheck": {"test": ["CMD", "true"], "retries": 3}}, "it has no interval"),
        ("a restart policy", {"restart": "no"}, "it is no"),
        ("a restart policy", {"restart": "on-failure:3"}, ""),
        ("a memory limit", {"mem_limit": None}, "there is none"),
        ("a memory limit", {"mem_limit": None, "deploy": {"resources": {"limits": {"memory": "1g"}}}}, ""),
        ("bounded logs", {"logging": {"options": {"max-size": "1m"}}}, "there is no max-file"),
        ("no privileges", {"cap_drop": ["NET_RAW"]}, "it keeps capabilities"),
        ("no privileges", {"cap_add": ["NET_ADMIN"]}, "it adds NET_ADMIN"),
        ("no privileges", {"security_opt": []}, "it may gain some"),
        ("a network of its own", {"network_mode": "host"}, "it shares that of the host"),
        ("ports on loopback only", {"ports": ["8080:80"]}, "8080:80 is open to the world"),
        ("ports on loopback only", {"ports": ["0.0.0.0:8080:80"]}, "0.0.0.0:8080:80 is open to the world"),
        ("ports on loopback only", {"ports": [{"host_ip": "127.0.0.1", "target": 80}]}, ""),
        ("ports on loopback only", {"ports": [{"target": 80}]}, "{'target': 80} is open to the world"),
        ("ports on loopback only", {"ports": []}, ""),
        ("an init process", {"init": None}, "there is none"),
    ],
)
def test_what_is_not_declared_is_told(what: str, change: dict[str, Any], said: str) -> None:
    service = copy.deepcopy(COMPOSE["services"]["api"]) | change
    assert PROMISES[what](service) == said


def test_the_services_that_fail_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {one: {init: true}, two: {}, three: {}}", encoding="utf-8")
    keyword = declared(monkeypatch, path)
    with pytest.raises(AssertionError, match=r"but not so: two \(there is none\), three \(there is none\)\."):
        keyword.every_service_should_declare("an init process")
    with pytest.raises(MisuseError, match="There is no promise of a service a wish; allowed: a health check"):
        keyword.every_service_should_declare("a wish")


def test_nothing_declared_is_no_proof(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Void, match="has no compose file"):
        declared(monkeypatch, None).every_service_should_declare("bounded logs")
    path = tmp_path / "compose.yaml"
    path.write_text("services: {}", encoding="utf-8")
    with pytest.raises(Void, match="declares no service"):
        declared(monkeypatch, path).every_service_should_declare("bounded logs")


def test_who_started_first_is_told_by_the_timeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {feed: {}, kafka: {}, api: {}}", encoding="utf-8")
    told = [("kafka", "started", 2), ("feed", "started", 1), ("feed", "started", 3), ("api", "created", 0)]
    events = [StackEvent(n, at * 10**9, service, what) for n, (service, what, at) in enumerate(told, 1)]
    keyword = declared(monkeypatch, path)
    session.current().stack = SimpleNamespace(events=lambda: events)
    keyword.service_should_have_started_after("kafka", "feed")
    with pytest.raises(AssertionError, match=r"feed should be started after kafka, but .* 1\.00 s before"):
        keyword.service_should_have_started_after("feed", "kafka")
    with pytest.raises(Void, match="api was never started"):
        keyword.service_should_have_started_after("feed", "api")
    with pytest.raises(MisuseError, match="There is no service lake; allowed: feed, kafka, api"):
        keyword.service_should_have_started_after("feed", "lake")
