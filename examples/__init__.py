"""Transitions to start from."""
