"""Transitions for tests; together they use every operation of the language."""
