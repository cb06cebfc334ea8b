"""`python -m tickerplant.writer`: Kafka to Iceberg, each trade once."""

import sys

from tickerplant.startup import undisturbed

with undisturbed():
    from tickerplant.service import main
    from tickerplant.writer.service import body

if __name__ == "__main__":
    sys.exit(main("writer", body))
