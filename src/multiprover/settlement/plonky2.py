"""Proof type ``plonky2`` on L1: what its adapter is created from (docs/settlement.md §9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode

from multiprover.settlement.claims import HASH_BYTES, ClaimError
from multiprover.settlement.contracts import artifact

PLONKY2_GAS: Final = 40_000
"""The most that the adapter may burn when ``Settlement`` asks it; a proof is verified before."""

CAP_DIGESTS: Final = 32
"""Digests of the verifier's cap: ``2^CAP_HEIGHT`` of contracts/Plonky2Shape.sol."""


@dataclass(frozen=True)
class VerifierData:
    """What pins a program and batch size: the prover's artefact ``l1_verifier``.

    Attributes:
        circuit_digest: 32 bytes.
        cap: of the constants' and sigmas' tree, :data:`CAP_DIGESTS` digests of 32 bytes.
    """

    circuit_digest: bytes
    cap: tuple[bytes, ...]

    @classmethod
    def decode(cls, artefact: bytes) -> VerifierData:
        """Read ``circuit_digest ‖ cap``.

        Raises:
            ClaimError: not of that length.
        """
        expected = HASH_BYTES * (1 + CAP_DIGESTS)
        if len(artefact) != expected:
            raise ClaimError(f"l1_verifier of plonky2: expected {expected} bytes, got {len(artefact)}")
        digests = [artefact[i : i + HASH_BYTES] for i in range(0, expected, HASH_BYTES)]
        return cls(digests[0], tuple(digests[1:]))


def creation_code(verifier: VerifierData, domain: bytes) -> bytes:
    """What creates the adapter.

    Args:
        domain: the 32-byte domain of the one deployment that the adapter serves.
    """
    arguments = encode(
        ["bytes32", "bytes32[]", "bytes32"], [verifier.circuit_digest, list(verifier.cap), domain]
    )
    return artifact("Plonky2Adapter").bytecode + arguments
