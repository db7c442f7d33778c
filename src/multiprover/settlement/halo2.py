"""Proof type ``halo2`` on L1: what its adapter is created from (docs/settlement.md §15)."""

from typing import Final

from eth_abi.abi import encode

from multiprover.settlement.claims import ClaimError
from multiprover.settlement.contracts import artifact

HALO2_GAS: Final = 600_000
"""The most that the adapter may burn."""

HEADER_BYTES: Final = 256
"""Of the artefact ``l1_verifier``, before its points: shape, k, digest, setup, a point of G2."""

_SETUP: Final = slice(96, 128)


def is_insecure(verifying_key: bytes) -> bool:
    """Whether a key's setup was made by one party, who could have kept what forges proofs.

    Args:
        verifying_key: the prover's artefact ``l1_verifier`` (docs/prover.md §3).

    Raises:
        ClaimError: it is no such artefact.
    """
    if len(verifying_key) <= HEADER_BYTES or len(verifying_key) % 64:
        raise ClaimError(
            f"l1_verifier of halo2: expected {HEADER_BYTES} bytes and 64 a point, got {len(verifying_key)}"
        )
    return int.from_bytes(verifying_key[_SETUP], "big") != 0


def creation_code(verifying_key: bytes, domain: bytes) -> bytes:
    """What creates the adapter.

    Args:
        verifying_key: the prover's artefact ``l1_verifier`` (docs/prover.md §3).
        domain: the 32-byte domain of the one deployment that the adapter serves.
    """
    return artifact("Halo2Adapter").bytecode + encode(["bytes", "bytes32"], [verifying_key, domain])
