"""Probes: each reads one hop in bulk and returns what is there as rows of the ledger's schema SEEN."""
