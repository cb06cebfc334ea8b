"""Defects of the feed, a module each."""
