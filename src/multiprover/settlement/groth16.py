"""The ABI of what ``Groth16Adapter`` is created with: the prover's artefact ``l1_verifier``."""

from typing import Final

from eth_abi.abi import decode, encode

from multiprover.settlement.contracts import artifact

VERIFYING_KEY_TYPES: Final = (
    "uint256[2]",
    "uint256[4]",
    "uint256[4]",
    "uint256[4]",
    "uint256[4]",
    "uint256[4]",
    "uint256[2][]",
)
"""alpha, beta, gamma, delta, commitment_g, commitment_g_sigma_neg, ic."""


def creation_code(verifying_key: bytes, domain: bytes) -> bytes:
    """What creates the adapter.

    Args:
        verifying_key: the prover's artefact ``l1_verifier`` (docs/prover.md §3).
        domain: the 32-byte domain of the one deployment that the adapter serves.
    """
    key = decode(VERIFYING_KEY_TYPES, verifying_key)
    return artifact("Groth16Adapter").bytecode + encode([*VERIFYING_KEY_TYPES, "bytes32"], [*key, domain])
