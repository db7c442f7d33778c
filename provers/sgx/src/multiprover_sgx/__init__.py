"""The enclave proof type: runs a transition's Python source and signs what came out.

What it signs is in ``docs/settlement.md`` §4, how it is called in ``docs/prover.md``.
"""

from importlib.metadata import version

PROOF_TYPE = "sgx"
FORMAT_VERSION = 2
"""Of vouches and of cached keys."""
VERSION = version("multiprover-sgx")
