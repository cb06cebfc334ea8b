import io
import json
import logging
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from common.waits import PATIENCE

from tickerplant.service import Environment, HealthServer, Log, SettingsError, Stop, main
from tickerplant.service.logs import capture_library_logs
from tickerplant.service.web import new_registry


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestSettings:
    def test_a_value_set_to_nothing_counts_as_not_set(self) -> None:
        assert Environment({"NAME": " "}).text("NAME", "default") == "default"

    @pytest.mark.parametrize(
        ("read", "values", "sentence"),
        [
            (lambda e: e.text("A"), {}, "A is not set, and there is no default for it."),
            (lambda e: e.port("A"), {"A": "x"}, "A is 'x', but must be a whole number from 0 to 65535."),
            (
                lambda e: e.port("A"),
                {"A": "70000"},
                "A is '70000', but must be a whole number from 0 to 65535.",
            ),
            (
                lambda e: e.number("A", low=0, high=1.5),
                {"A": "nan"},
                "A is 'nan', but must be a number from 0 to 1.5.",
            ),
            (
                lambda e: e.choice("A", allowed=("x", "y")),
                {"A": "z"},
                "A is 'z', but must be one of: x, y.",
            ),
            (lambda e: e.names("A"), {"A": ", ,"}, "A names nothing, but must be a comma-separated list."),
        ],
    )
    def test_a_wrong_setting_is_refused_in_one_sentence(
        self, read: Callable[[Environment], object], values: dict[str, str], sentence: str
    ) -> None:
        with pytest.raises(SettingsError) as refused:
            read(Environment(values))
        assert str(refused.value) == sentence

    def test_names_keep_their_order_without_blanks_and_repetitions(self) -> None:
        assert Environment({"A": "b, a,,b"}).names("A") == ("b", "a")


class TestLog:
    def test_a_line_is_one_json_object_with_a_known_head(self, stream: io.StringIO) -> None:
        Log("feed", stream=stream).info("started", port=1, path=Path("/x"), error=ValueError("no"))
        (line,) = lines(stream)
        assert list(line)[:4] == ["time", "level", "service", "event"]
        assert str(line["time"]).endswith("Z")
        assert (line["port"], line["path"], line["error"]) == (1, "/x", "ValueError: no")

    def test_lines_below_the_level_are_left_out(self, stream: io.StringIO) -> None:
        log = Log("feed", "warning", stream)
        log.info("quiet")
        log.warning("loud")
        assert [line["event"] for line in lines(stream)] == ["loud"]

    def test_libraries_log_through_it(self, stream: io.StringIO) -> None:
        capture_library_logs(Log("feed", stream=stream))
        logging.getLogger("some.library").warning("look: %s", "here")
        (line,) = lines(stream)
        assert (line["event"], line["logger"], line["message"]) == ("library", "some.library", "look: here")


class TestHealthServer:
    @pytest.fixture
    def trouble(self) -> dict[str, str | None]:
        return {"kafka": None}

    @pytest.fixture
    def server(self, trouble: dict[str, str | None]) -> Iterator[HealthServer]:
        server = HealthServer("127.0.0.1", 0, new_registry(), ready=lambda: trouble)
        server.start()
        yield server
        server.close()

    @staticmethod
    def get(server: HealthServer, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def test_ready_tells_what_is_missing(self, server: HealthServer, trouble: dict[str, str | None]) -> None:
        assert self.get(server, "/health/ready") == (200, '{"status":"ok","checks":{"kafka":"ok"}}')
        trouble["kafka"] = "no broker"
        assert self.get(server, "/health/ready") == (
            503,
            '{"status":"unavailable","checks":{"kafka":"no broker"}}',
        )
        assert self.get(server, "/health/live")[0] == 200

    def test_metrics_hold_the_process(self, server: HealthServer) -> None:
        status, text = self.get(server, "/metrics")
        assert status == 200
        assert "process_resident_memory_bytes" in text

    def test_other_paths_are_not_found(self, server: HealthServer) -> None:
        assert self.get(server, "/etc/passwd")[0] == 404

    def test_a_port_in_use_is_named(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f"HTTP_PORT {port} on 127.0.0.1 cannot be listened on"):
                HealthServer("127.0.0.1", port, new_registry()).start()


class TestMain:
    def test_a_signal_ends_the_body_and_the_exit_is_clean(self, capsys: pytest.CaptureFixture[str]) -> None:
        def body(_environment: Environment, _log: Log, stop: Stop) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.wait(PATIENCE)

        assert main("probe", body, Environment({})) == 0
        assert json.loads(capsys.readouterr().out)["event"] == "stopped"

    def test_a_refused_setting_exits_with_2_and_its_sentence(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main("probe", lambda e, _log, _stop: e.text("URL") and None, Environment({})) == 2
        line = json.loads(capsys.readouterr().out)
        assert (line["event"], line["reason"]) == (
            "refused",
            "URL is not set, and there is no default for it.",
        )

    def test_a_crash_exits_with_1_and_leaves_its_traceback(self, capsys: pytest.CaptureFixture[str]) -> None:
        def body(_environment: Environment, _log: Log, _stop: Stop) -> None:
            raise RuntimeError("broken")

        assert main("probe", body, Environment({})) == 1
        line = json.loads(capsys.readouterr().out)
        assert (line["event"], line["reason"]) == ("crashed", "broken")
        assert "RuntimeError" in line["traceback"]


def test_callbacks_of_a_stop_run_once_also_when_they_come_late() -> None:
    stop, called = Stop(), []
    stop.call(lambda: called.append("early"))
    stop.set()
    stop.set()
    stop.call(lambda: called.append("late"))
    assert called == ["early", "late"]
