"""What a failed test shows of the platform, each part against a session that says what a test wants."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from keywords.fakes import PLACE, FakeStack
from tickproof import explaining, session
from tickproof.probes.errors import HopUnreachableError
from tickproof.scenes import Place
from tickproof.stack import ServiceState, StackEvent

NOW_NS = 1_800_000_000_000_000_000
TARGET = SimpleNamespace(
    name="toy",
    title="A toy",
    fingerprint="abcdef123456",
    hops=SimpleNamespace(
        kafka=SimpleNamespace(topic="trades"), lake=SimpleNamespace(offsets_property="toy.offsets")
    ),
)
WRITER = ServiceState(
    name="writer", state="exited", health="unhealthy", pid=None, restarts=2, exit_code=137,
    since_ns=NOW_NS - 4_000_000_000, rss_bytes=0, reason="killed <by hand>",
)  # fmt: skip


class Stack(FakeStack):
    """Has a writer that died."""

    def status(self) -> list[Any]:
        return [WRITER]

    def events(self) -> list[Any]:
        died = StackEvent(17, NOW_NS - 4_000_000_000, "writer", "died", None, 137, "")
        return [died] * 20

    def log_tail(self, service: str, lines: int) -> list[str]:
        return [f"{service} says <{n}>" for n in range(lines)]


class Lake:
    """Holds rows up to offsets."""

    def __init__(
        self, summary: dict[str, str] | None = None, grown_ns: int | None = NOW_NS - 7_200_000_000
    ) -> None:
        self._summary = summary if summary is not None else {"toy.offsets": '{"0": 990, "1": 200}'}
        self._grown_ns = grown_ns

    def snapshot(self) -> int:
        return 8123

    def count(self) -> int:
        return 1190

    def grown_ns(self) -> int | None:
        return self._grown_ns

    def summary(self) -> dict[str, str]:
        return self._summary


class NoLake(Lake):
    def snapshot(self) -> int:
        raise HopUnreachableError("The lake has no table trades.")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    run = SimpleNamespace(
        started=True, stack=Stack(), target=TARGET, lake=Lake(), place=PLACE, leased=(), seed=7, form="quick",
        target_named="toy", seam=None, stack_mark=None,
    )  # fmt: skip
    monkeypatch.setattr(session, "current", lambda: run)
    monkeypatch.setattr(explaining, "now_ns", lambda: NOW_NS)
    monkeypatch.setattr(explaining, "_ends", lambda _: {"trades": {0: 1000, 1: 200}, "gaps": {0: 3}})
    return run


def rows(block: str) -> list[list[str]]:
    """Returns the cells of all tables in a block, heads included."""
    found = []
    for row in block.split("<tr>")[1:]:
        cells = [cell.split(">", 1)[1].split("</t")[0] for cell in row.split("</tr>")[0].split("<t")[1:]]
        found.append(cells)
    return found


def test_the_target_is_named_with_its_hash(run: SimpleNamespace) -> None:  # noqa: ARG001
    assert explaining.target() == "toy (A toy), file abcdef123456"


def test_services_tell_how_they_stand(run: SimpleNamespace) -> None:  # noqa: ARG001
    block = explaining.services()
    assert rows(block)[1] == [
        "writer", "exited", "unhealthy", "2", "137", "4.0 s", "0 MiB", "killed &lt;by hand&gt;",
    ]  # fmt: skip


def test_the_timeline_shows_the_last_events(run: SimpleNamespace) -> None:  # noqa: ARG001
    found = rows(explaining.events())
    assert len(found) == 1 + 15
    assert found[-1] == ["4.0 s ago", "writer", "died", "137", ""]


def test_hops_tell_how_far_they_are_and_how_far_behind(run: SimpleNamespace) -> None:  # noqa: ARG001
    assert rows(explaining.hops()) == [
        ["what", "value"],
        ["records in trades", "1,200"],
        ["records in gaps", "3"],
        ["newest snapshot", "8123"],
        ["rows in the lake", "1,190"],
        ["newest row stored", "7.2 s ago"],
        ["partition", "end of the topic", "stored up to", "records behind"],
        ["0", "1,000", "990", "10"],
        ["1", "200", "200", "0"],
        ["all", "1,200", "1,190", "10"],
    ]


def test_a_table_that_never_stored_anything_is_all_behind(run: SimpleNamespace) -> None:
    run.lake = Lake(summary={}, grown_ns=None)
    found = rows(explaining.hops())
    assert ["newest row stored", "not told"] in found
    assert found[-1] == ["all", "1,200", "0", "1,200"]


def test_a_target_that_names_no_offsets_has_no_lag(
    run: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TARGET.hops.lake, "offsets_property", None)
    assert "records behind" not in explaining.hops()
    monkeypatch.setattr(TARGET.hops, "lake", None)
    run.lake = NoLake()
    assert [row[0] for row in rows(explaining.hops())] == ["what", "records in trades", "records in gaps"]


def test_a_hop_that_is_gone_does_not_hide_the_other(
    run: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.lake = NoLake()
    assert rows(explaining.hops())[-1] == ["table", "The lake has no table trades."]
    run.lake = Lake()

    def gone(_: object) -> None:
        raise HopUnreachableError("Kafka is away.")

    monkeypatch.setattr(explaining, "_ends", gone)
    assert rows(explaining.hops())[1:3] == [["topics", "Kafka is away."], ["newest snapshot", "8123"]]


def test_a_broker_that_is_gone_costs_a_second_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Gone:
        def __init__(self, *_: object, patience: timedelta) -> None:
            asked.append(patience)

        def ends(self) -> None:
            raise HopUnreachableError("Kafka is away.")

        def close(self) -> None:
            asked.append("closed")

    monkeypatch.setattr(explaining, "KafkaProbe", Gone)
    run: Any = SimpleNamespace(target=TARGET, stack=Stack())
    with pytest.raises(HopUnreachableError):
        explaining._ends(run)
    assert asked == [timedelta(seconds=1), "closed"]


def test_the_last_lines_of_each_log(run: SimpleNamespace) -> None:  # noqa: ARG001
    said = explaining.logs().splitlines()
    assert said[:2] == ["== writer", "writer says <0>"]
    assert len(said) == 1 + 12 + 1 - 1


@pytest.mark.parametrize("explainer", explaining.EXPLAINERS.values())
def test_before_anything_is_up(run: SimpleNamespace, explainer: Any) -> None:
    run.started = False
    assert explainer() == "No platform was up."


def test_how_to_run_it_again(run: SimpleNamespace) -> None:
    assert rows(explaining.evidence()) == [["what", "how"], ["seed", "7"]]
    run.leased = ("BTCUSDT", "ETHBTC")
    run.place = Place("S.A", "A", is_test=True, source=Path.cwd() / "suites" / "a.robot", exclusive=False)
    assert rows(explaining.evidence())[2:] == [
        ["symbols", "BTCUSDT, ETHBTC"],
        ["replay", "robot -d results -v TARGET:toy -v FORM:quick -v SEED:7 --test A suites/a.robot"],
        ["the same again", "symbols (those that are free), prices, sizes, sides, order and pace"],
        ["not the same", "event times begin when it runs; trade ids go on where a symbol stands"],
    ]
    run.seam = SimpleNamespace(id="seam-altered")
    assert "-v SEED:7 -v SEAM:seam-altered --test" in explaining.evidence()


def test_the_runbook_lies_beside_the_suites(tmp_path: Path) -> None:
    book = tmp_path / "docs" / "runbooks" / "health.md"
    suite = tmp_path / "suites" / "health" / "services.robot"
    assert explaining.runbook(suite) is None
    book.parent.mkdir(parents=True)
    book.touch()
    assert explaining.runbook(suite) == book
    assert explaining.runbook(tmp_path / "suites" / "pipeline" / "one.robot") is None
