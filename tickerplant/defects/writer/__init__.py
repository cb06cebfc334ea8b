"""Defects of the writer, a module each."""
