"""`python -m tickerplant.api`: run the API."""

import sys

from tickerplant.startup import undisturbed

with undisturbed():
    from tickerplant.api.service import body
    from tickerplant.service import main

sys.exit(main("api", body))
