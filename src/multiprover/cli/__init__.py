"""The command line."""

import os

# Read when grpc is first imported; without it, grpc tells of every connection that ends.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from multiprover.cli.main import main

__all__ = ["main"]
