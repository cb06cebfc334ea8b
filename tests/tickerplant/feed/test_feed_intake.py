"""What becomes of a frame: a trade, a dead letter, or nothing because another connection brought it before."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tickerplant.feed import intake as module
from tickerplant.feed.counts import Counts
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.intake import Intake
from tickerplant.feed.parser import Parser
from tickerplant.feed.trade import Trade

US = 1_700_000_000_000_000
SCHEMA = Path(__file__).resolve().parents[3] / "tickerplant" / "schemas" / "dead-letter.schema.json"


class Scene:
    def __init__(self) -> None:
        self.letters: list[dict[str, Any]] = []
        self.published: list[int] = []
        self.counts = Counts()
        self.holes: list[str] = []
        self.intake = Intake(
            Parser(["A"], microseconds=True),
            self,
            self,
            coverage={"A": Coverage()},
            counts=self.counts,
            on_hole=self.holes.append,
        )

    def publish(self, trade: Trade) -> None:
        self.published.append(trade.trade_id)

    def put(self, payload: bytes, **where: Any) -> None:
        self.letters.append({"payload": payload, **where})

    def old(self, payload: bytes, frame: int = 1, *, binary: bool = False) -> None:
        self.intake.take(payload, binary, 1, frame, again=False)

    def new(self, payload: bytes, frame: int = 1, *, again: bool = True) -> None:
        self.intake.take(payload, binary=False, connection=2, frame=frame, again=again)

    @property
    def payloads(self) -> list[bytes]:
        return [letter["payload"] for letter in self.letters]


def trade(number: int) -> bytes:
    data = {"e": "trade", "E": US, "s": "A", "t": number, "p": "1", "q": "1", "T": US, "m": True, "M": True}
    return json.dumps({"stream": "a@trade", "data": data}, separators=(",", ":")).encode()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_trades_are_published_and_what_is_missing_is_told(scene: Scene) -> None:
    for number in (1, 2, 5):
        scene.old(trade(number))
    assert scene.published == [1, 2, 5]
    assert scene.holes == ["A"]


def test_what_an_overlapping_connection_brings_again_is_dropped(scene: Scene) -> None:
    for number in (1, 2, 4):
        scene.old(trade(number))
    for number in (2, 3, 4, 5):
        scene.new(trade(number))
    assert scene.published == [1, 2, 4, 3, 5]
    assert scene.counts.overlapping == 2


def test_a_letter_tells_its_place_as_published(scene: Scene) -> None:
    scene.old(b"{}", frame=7)
    (letter,) = scene.letters
    assert letter["position"].endswith("/connection:1/frame:7")
    headers = {name: str(letter[name]) for name in ("reason", "position", "received_us")}
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate({**headers, "source": "ws"})


def test_no_two_lives_of_a_feed_tell_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    places = set()
    for second in (1, 2):
        monkeypatch.setattr(module.time, "time_ns", lambda second=second: (US + second) * 1000)
        scene = Scene()
        scene.old(b"{}")
        places.add(scene.letters[0]["position"])
    assert len(places) == 2


class TestGarbageOfTwoConnections:
    def test_the_same_frame_is_set_aside_once(self, scene: Scene) -> None:
        scene.old(b"{}")
        scene.new(b"{}")
        assert len(scene.letters) == 1
        assert scene.counts.overlapping == 1

    def test_binary_frames_are_alike(self, scene: Scene) -> None:
        scene.old(b"x", binary=True)
        scene.intake.take(b"x", binary=True, connection=2, frame=1, again=True)
        assert len(scene.letters) == 1

    def test_as_often_as_the_old_one_brought_it(self, scene: Scene) -> None:
        scene.old(b"{}")
        scene.new(b"{}")
        scene.new(b"{}")
        assert scene.payloads == [b"{}", b"{}"]

    def test_what_only_the_new_one_brought_is_set_aside_each_time(self, scene: Scene) -> None:
        scene.new(b"{}")
        scene.new(b"{}")
        assert len(scene.letters) == 2

    def test_what_comes_behind_the_overlap_is_set_aside(self, scene: Scene) -> None:
        scene.old(b"{}")
        scene.new(b"{}", again=False)
        assert len(scene.letters) == 2

    def test_what_was_set_aside_long_ago_was_another_frame(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module.time, "time_ns", lambda: US * 1000)
        scene.old(b"{}")
        monkeypatch.setattr(module.time, "time_ns", lambda: (US + module.OVERLAP_US + 1) * 1000)
        scene.new(b"{}")
        assert len(scene.letters) == 2

    def test_only_so_much_is_remembered(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
        for payload in (b"1", b"2", b"3"):
            scene.old(payload)
        for payload in (b"1", b"3"):
            scene.new(payload)
        assert scene.payloads == [b"1", b"2", b"3", b"1"]
