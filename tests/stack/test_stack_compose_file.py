"""The compose file: what is read, and what is refused by name."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from messages.approved import approve
from tickproof.stack import StackInputError, compose, document
from tickproof.stack.model import HealthCheck, Probe, Restart, ServicePlan

FULL = """
name: small
x-common: &common
  init: true
  restart: on-failure:3
networks: {default: {}}
services:
  broker:
    <<: *common
    image: broker:1
    command: [run.sh]
    volumes: ["data:/data"]
    environment: {HEAP: 512m, COUNT: 3, BIND: broker:9092}
    healthcheck: {test: [CMD, check], interval: 5s, timeout: 500ms, retries: 4, start_period: 1m, start_interval: 50ms}
    mem_limit: ${BROKER_MEMORY:-512m}
    stop_grace_period: 1m30s
    stop_signal: SIGINT
    x-local:
      prepare: [python, -m, fetch, "${CACHE_DIR}"]
      command: [java, "-Dport=${BROKER_PORT}", "-Dcost=$$5"]
      environment: {BIND: "127.0.0.1:${BROKER_PORT}"}
      ports: [BROKER_PORT]
      health: {kafka: "127.0.0.1:${BROKER_PORT}"}
  task:
    x-local: {command: [python, -c, pass]}
    environment: ["A=1", "B=x=y"]
  web:
    depends_on:
      broker: {condition: service_healthy}
      task: {condition: service_completed_successfully}
    deploy: {resources: {limits: {memory: 1g}}}
    healthcheck: {test: [CMD, check]}
    x-local:
      command: [python, -m, web]
      health: {http: "http://127.0.0.1:${WEB_PORT}/health"}
      ports: [WEB_PORT]
"""


def parse(text: str, tmp_path: Path, **settings: str) -> dict[str, ServicePlan]:
    path = tmp_path / "compose.yaml"
    path.write_text(text)
    root, _ = document.read(path, settings)
    return {service.name: service for service in compose.parse(root, ("STATE_DIR", "CACHE_DIR")).services}


def test_a_compose_file_is_read(tmp_path: Path) -> None:
    services = parse(FULL, tmp_path)
    assert list(services) == ["broker", "task", "web"]
    assert services["broker"] == ServicePlan(
        name="broker",
        command=("java", "-Dport=${BROKER_PORT}", "-Dcost=$$5"),
        environment={"HEAP": "512m", "COUNT": "3", "BIND": "127.0.0.1:${BROKER_PORT}"},
        prepare=("python", "-m", "fetch", "${CACHE_DIR}"),
        ports=("BROKER_PORT",),
        health=HealthCheck(interval=5, timeout=0.5, retries=4, start_period=60, start_interval=0.05),
        probe=Probe("kafka", "127.0.0.1:${BROKER_PORT}"),
        restart=Restart("on-failure", 3),
        memory_limit=512 << 20,
        stop_grace=90,
        stop_signal="SIGINT",
    )
    assert services["task"].environment == {"A": "1", "B": "x=y"}
    assert services["web"].depends_on == {
        "broker": "service_healthy",
        "task": "service_completed_successfully",
    }
    assert services["web"].memory_limit == 1 << 30


def test_what_is_left_out_is_as_compose_has_it(tmp_path: Path) -> None:
    services = parse(FULL, tmp_path)
    web, task = services["web"], services["task"]
    assert web.health == HealthCheck(interval=30, timeout=30, retries=3, start_period=0, start_interval=5)
    assert (task.health, task.probe, task.memory_limit) == (None, None, None)
    assert (task.restart, task.stop_grace, task.stop_signal) == (Restart("no"), 10, "SIGTERM")


def test_settings_are_filled_in_where_they_are_needed_before_the_start(tmp_path: Path) -> None:
    assert parse(FULL, tmp_path, BROKER_MEMORY="1g")["broker"].memory_limit == 1 << 30


def test_a_disabled_health_check_is_none(tmp_path: Path) -> None:
    text = "services: {a: {healthcheck: {disable: true}, x-local: {command: [x]}}}"
    assert parse(text, tmp_path)["a"].health is None


OK = {"x-local": {"command": ["x"]}}


def only(**keys: Any) -> dict[str, Any]:
    return {"services": {"writer": {**OK, **keys}, "kafka": OK}}


REFUSED: dict[str, Any] = {
    "unknown-root-key": {"services": {"writer": OK}, "secrets": {}},
    "no-services": {"name": "x"},
    "unknown-service-key": only(cpus=2),
    "no-x-local": {"services": {"writer": {"image": "x"}}},
    "unknown-local-key": only(**{"x-local": {"command": ["x"], "cwd": "/"}}),
    "no-command": only(**{"x-local": {"ports": ["A_PORT"]}}),
    "command-is-text": only(**{"x-local": {"command": "run me"}}),
    "unknown-variable": only(environment={"BOOTSTRAP": "127.0.0.1:${KAFKA_PRT}"}),
    "unsupported-variable-form": only(environment={"BOOTSTRAP": "${KAFKA_PORT:?missing}"}),
    "environment-true": only(environment={"DEBUG": True}),
    "environment-without-value": only(environment=["DEBUG"]),
    "unknown-dependency": only(depends_on=["kafak"]),
    "unknown-condition": only(depends_on={"kafka": {"condition": "healthy"}}),
    "depends-on-required": only(depends_on={"kafka": {"condition": "service_started", "required": False}}),
    "depends-on-health-of-none": only(depends_on={"kafka": {"condition": "service_healthy"}}),
    "circle": {"services": {"a": {**OK, "depends_on": ["b"]}, "b": {**OK, "depends_on": ["a"]}}},
    "health-without-local": only(healthcheck={"test": ["CMD", "x"]}),
    "local-health-without-healthcheck": only(
        **{"x-local": {"command": ["x"], "health": {"http": "http://x"}}}
    ),
    "unknown-probe": only(
        healthcheck={"test": ["CMD", "x"]}, **{"x-local": {"command": ["x"], "health": {"tcp": "x:1"}}}
    ),
    "bad-duration": only(stop_grace_period="ten"),
    "bad-retries": only(
        healthcheck={"test": ["CMD", "x"], "retries": "many"},
        **{"x-local": {"command": ["x"], "health": {"http": "http://x"}}},
    ),
    "unknown-health-key": only(healthcheck={"test": ["CMD", "x"], "start_wait": "1s"}),
    "bad-memory": only(mem_limit="lots"),
    "memory-twice": only(mem_limit="1g", deploy={"resources": {"limits": {"memory": "1g"}}}),
    "deploy-replicas": only(deploy={"replicas": 2}),
    "restart-unquoted-no": only(restart=False),
    "unknown-restart": only(restart="sometimes"),
    "bad-signal": only(stop_signal="SIGNOTHING"),
    "port-is-a-number": only(**{"x-local": {"command": ["x"], "ports": [9092]}}),
    "service-is-text": {"services": {"writer": "run me"}},
    "number-as-service": {"services": {1: OK}},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_supported_is_refused_by_name(case: str, tmp_path: Path) -> None:
    text = yaml.safe_dump(REFUSED[case], sort_keys=False)
    with pytest.raises(StackInputError) as error:
        parse(text, tmp_path)
    approve(f"compose-{case}", str(error.value), hide={str(tmp_path): "tickerplant"})


BROKEN = {
    "not-yaml": "services: [a, b",
    "key-twice": "services:\n  a: {x-local: {command: [x]}}\n  a: {x-local: {command: [y]}}\n",
    "key-is-a-list": "services:\n  ? [a, b]\n  : {x-local: {command: [x]}}\n",
    "key-is-a-mapping": "services: {}\n? {a: b}\n: c\n",
    "no-date": "services:\n  a: 2026-13-01\n",
    "a-list": "- a\n- b\n",
    "empty": "",
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_compose_file_is_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(StackInputError) as error:
        parse(BROKEN[case], tmp_path)
    approve(f"compose-{case}", str(error.value), hide={str(tmp_path): "tickerplant"})


def test_a_missing_compose_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StackInputError) as error:
        document.read(tmp_path / "compose.yaml", {})
    approve("compose-missing", str(error.value), hide={str(tmp_path): "tickerplant"})
