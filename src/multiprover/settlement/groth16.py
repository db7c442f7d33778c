"""The ABI of what ``Groth16Adapter`` is created with: the prover's artefact ``l1_verifier``."""

from typing import Final

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
