"""Proof type ``plonky2`` on L1: its adapter, and the transaction that vouches (docs/settlement.md §10).

A proof is far longer than what ``Settlement.vouch`` takes: it goes to the adapter, which verifies it and
calls ``Settlement.vouch`` itself, in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from multiprover.settlement.claims import HASH_BYTES, ClaimError
from multiprover.settlement.contracts import artifact

PLONKY2_GAS: Final = 40_000
"""The most that the adapter may burn when ``Settlement`` asks it; a proof is verified before."""

CAP_DIGESTS: Final = 32
"""Digests of the verifier's cap: ``2^CAP_HEIGHT`` of contracts/Plonky2Shape.sol."""

PROOF_BYTES: Final = 96_632
"""Of every final proof: ``PROOF_BYTES`` of contracts/Plonky2Shape.sol."""

_RESULT: Final = "(bytes32,bytes32,bytes32,bytes32)"
_VOUCH_TYPES: Final = (
    "address",
    "uint256",
    "bytes32",
    "bytes32",
    "bytes32",
    f"{_RESULT}[]",
    "address",
    "bytes",
)
_VOUCH_SELECTOR: Final = keccak(f"vouch({','.join(_VOUCH_TYPES)})".encode())[:4]


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


def vouch_call(
    settlement: bytes,
    proof_type: int,
    *,
    parent: bytes,
    journal_hash: bytes,
    pre_root: bytes,
    result: tuple[bytes, bytes, bytes, bytes],
    payee: bytes,
    proof: bytes,
) -> bytes:
    """Calldata of the adapter's ``vouch``.

    Args:
        settlement: 20-byte address of the ``Settlement`` contract.
        proof_type: its place among the contract's proof types.
        parent: the claim that the proof's batch follows.
        journal_hash: keccak256 of the batch's journal.
        pre_root: the suite's root as vouched for at ``parent``.
        result: the suite's root after the batch, c, z, y; 32 bytes each.
        payee: 20-byte address that earns the reward; bound by the proof.
        proof: :data:`PROOF_BYTES` bytes.

    Raises:
        ClaimError: the proof has another length: the contract would refuse it, at its calldata's price.
    """
    if len(proof) != PROOF_BYTES:
        raise ClaimError(f"proof of plonky2: expected {PROOF_BYTES} bytes, got {len(proof)}")
    return _VOUCH_SELECTOR + encode(
        _VOUCH_TYPES,
        [
            to_checksum_address(settlement),
            proof_type,
            parent,
            journal_hash,
            pre_root,
            [result],
            to_checksum_address(payee),
            proof,
        ],
    )
