"""Run the feed: python -m tickerplant.feed (settings come from the environment)."""

import sys

from tickerplant.feed.service import assemble, run
from tickerplant.feed.settings import FeedSettings
from tickerplant.service import Environment, Log, Stop, main


def _body(environment: Environment, log: Log, stop: Stop) -> None:
    run(assemble(FeedSettings.read(environment), log), stop)


sys.exit(main("feed", _body))
