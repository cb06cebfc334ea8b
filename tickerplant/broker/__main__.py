"""The broker's command line.

python -m tickerplant.broker prepare [PROFILE]           fetch, verify, format, train; nothing when that was done
python -m tickerplant.broker prepare [PROFILE] --check   only look; exit code 1 when something is missing or damaged
python -m tickerplant.broker run                         become the broker (settings come from the environment)
python -m tickerplant.broker lock VERSION                pin another version of Kafka (for maintainers)
"""

import sys

from tickerplant.broker.errors import BrokerError
from tickerplant.broker.prepare import check, prepare, relock
from tickerplant.broker.run import become_broker
from tickerplant.settings import Environment, SettingsError


def main(arguments: list[str]) -> int:
    """Run one of the three commands and return the exit code."""
    try:
        match arguments:
            case ["prepare", *names, "--check"] if len(names) < 2:
                return 0 if check(Environment(), _say, *names) else 1
            case ["prepare", *names] if len(names) < 2:
                prepare(Environment(), _say, *names)
            case ["run"]:
                become_broker(Environment())
            case ["lock", version]:
                relock(version, _say)
            case _:
                print(__doc__.strip(), file=sys.stderr)
                return 2
    except (BrokerError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1
    except OSError as error:
        print(f"{error.filename or 'The broker'}: {error.strerror or error}.", file=sys.stderr)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


sys.exit(main(sys.argv[1:]))
