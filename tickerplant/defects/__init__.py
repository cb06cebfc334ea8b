"""Seeded defects: one service, assembled from its parts, with one part that breaks one promise now and then.

`python -m tickerplant.defects <service> <id>` starts it, `--list` names them all. The services know nothing of
this package, and the shipped image does not hold it.
"""
