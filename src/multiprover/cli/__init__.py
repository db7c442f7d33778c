"""The command line."""

from multiprover.cli.main import main

__all__ = ["main"]
