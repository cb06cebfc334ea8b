"""`python -m tickproof.exchange`: the simulated exchange as a process."""

import argparse
import sys
from pathlib import Path

from tickproof.exchange import certificates
from tickproof.exchange.limits import WEIGHT_PER_MINUTE


def main() -> int:
    """Run the exchange; return 0 when it was told to end, 2 when it could not begin."""
    parser = argparse.ArgumentParser(prog="python -m tickproof.exchange", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for its state and its addresses")
    parser.add_argument("--port", type=int, default=0, help="WebSocket and REST; default: any that is free")
    parser.add_argument(
        "--tls-port", type=int, default=0, help="the same with TLS; default: any that is free"
    )
    parser.add_argument(
        "--market-host", default="127.0.0.1", help="address of WebSocket and REST; default: %(default)s"
    )
    parser.add_argument("--control-port", type=int, default=0, help="control; default: any that is free")
    parser.add_argument(
        "--weight-limit",
        type=int,
        default=WEIGHT_PER_MINUTE,
        help="request weight a minute that REST allows; default: the venue's, %(default)s",
    )
    parser.add_argument("--watch-stdin", action="store_true", help="end when the standard input ends")
    given = parser.parse_args()
    try:
        given.state.mkdir(parents=True, exist_ok=True)
        making = certificates.begin(given.state)
        # Imported now, while the certificates are being made.
        from tickproof.exchange import server  # noqa: PLC0415

        if making is not None and making.wait():
            return _refused("no certificate could be made.")
        ports = server.Ports(given.port, given.tls_port, given.control_port, given.market_host)
        try:
            server.run(given.state, ports, weight_limit=given.weight_limit, watch_stdin=given.watch_stdin)
        except server.StartError as error:
            return _refused(str(error))
    except OSError as error:
        return _refused(f"{error.strerror}: {error.filename}.")
    return 0


def _refused(why: str) -> int:
    print(f"the simulated exchange cannot start: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
