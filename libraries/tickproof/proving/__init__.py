"""Proves the suites themselves: they notice what is broken on purpose, and never cry wolf on a sound platform."""
