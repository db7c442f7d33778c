"""Claims, vouches and policy on L1 (``docs/settlement.md``).

:mod:`multiprover.settlement.claims` holds the pure functions and imports neither web3 nor a compiler.
"""
