"""When to give a hop up: something ended for good, what was on its way has arrived, or all stood still for too long."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from tickproof.clock import now_ns
from tickproof.exchange.frames import stream_name
from tickproof.scenes import Scene
from tickproof.session import Session
from tickproof.settling import covered, ends_now
from tickproof.stack.model import ServiceState
from tickproof.waiting import Pace, RealPace, said

QUIET = timedelta(seconds=2)
"""Where nothing more can come, a lake that stood still for so long is given up."""
VENUE_QUIET = timedelta(seconds=3)
"""The same for Kafka: a feed that repairs a gap asks the venue, again two seconds after it came back at the latest."""

_COMING = {"created", "preparing", "restarting"}
_FEED_WORKS = {"connect", "disconnect", "refused", "subscribe", "rest"}


class Stall:
    """Watches one hop while it is waited for.

    Args:
        run: The session.
        scene: Whose trades are waited for.
        hop: The hop.
        pace: The clock; tests give one that needs no time.
    """

    def __init__(self, run: Session, scene: Scene, hop: str, *, pace: Pace | None = None) -> None:
        self._run = run
        self._scene = scene
        self._hop = hop
        self._pace = pace or RealPace()
        self._since = self._pace.now()
        self._figure: float | None = None

    def note(self, figure: float) -> None:
        """Take the figure that moves while things go forward."""
        if figure != self._figure:
            self._figure, self._since = figure, self._pace.now()

    def dead(self) -> str | None:
        """Say which service ended for good, or None."""
        return _dead(self._run.stack.status())

    def reason(self) -> str | None:
        """Say why it is in vain to wait on, or None."""
        services = self._run.stack.status()
        if dead := _dead(services):
            return dead
        if any(service.state in _COMING or service.health == "starting" for service in services):
            self._since = self._pace.now()
            return None
        still = timedelta(seconds=self._pace.now() - self._since)
        longest = self._run.target.waits.stalled_after
        if still >= longest:
            return f"nothing moved for {said(longest)}"
        return self._in_vain(still) if all(service.is_well for service in services) else None

    def _in_vain(self, still: timedelta) -> str | None:
        """Say why nothing more can come although all is well."""
        enough, why = self._soonest()
        if enough is None or still < enough:
            return None
        if not (self._venue_is_done() if self._hop == "kafka" else self._topic_is_read()):
            return None
        return f"nothing moved for {said(enough)}, every service was healthy, and {why}"

    def _soonest(self) -> tuple[timedelta | None, str]:
        if self._hop == "kafka":
            return VENUE_QUIET, "the venue had nothing more to give"
        if self._hop == "lake":
            return QUIET, "the table had read all of the topic"
        api = self._run.target.hops.api
        return (api.follows_within if api else None), "the table had read all of the topic"

    def _topic_is_read(self) -> bool:
        if self._run.target.hops.kafka is None:
            return False
        return covered(self._run, self._scene.ends or ends_now(self._run)) is True

    def _venue_is_done(self) -> bool:
        """Tell whether all is sent, the feed listens, and it neither came back nor asked for anything lately."""
        if any(sending.play.progress().state == "running" for sending in self._scene.sendings):
            return False
        connections: list[Mapping[str, Any]] = self._run.exchange.state()["connections"]
        heard = {stream for connection in connections for stream in connection["streams"]}
        if any(stream_name(symbol) not in heard for symbol in self._scene.first_ids):
            return False
        events = [
            event
            for event in self._run.exchange.events(self._scene.marks.exchange)
            if event["what"] in _FEED_WORKS
        ]
        if not events:
            return True
        refused = events[-1]["what"] == "rest" and events[-1]["status"] != 200
        return not refused and now_ns() - int(events[-1]["at_ns"]) >= VENUE_QUIET.total_seconds() * 1e9


def _dead(services: Iterable[ServiceState]) -> str | None:
    for service in services:
        if service.state == "exited" and not service.is_well:
            return f"{service.name} ended with exit code {service.exit_code} and is not restarted"
    return None
