"""Defects of the API, a module each."""
