"""Measures: the figures that the project promises, each beside a peer where there is one."""
