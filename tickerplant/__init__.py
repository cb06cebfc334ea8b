"""The tickerplant: a compact market-data platform, the reference that the suites run against by default."""
