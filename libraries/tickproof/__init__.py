"""Tickproof: proves that a streaming market-data platform keeps its promise."""
