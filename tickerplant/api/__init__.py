"""The API of the tickerplant: stored trades, and what follows from them, over HTTP."""
