"""The pure functions of settlement: ids, claims, what an enclave signs (``docs/settlement.md`` §1, §4).

Everything here is a keccak256 over fixed-width values; nothing needs a chain, a compiler or a suite. Hashes,
roots, ids and commitments are 32 bytes, addresses 20 bytes, journals any multiple of 4 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

HASH_BYTES: Final = 32
ADDRESS_BYTES: Final = 20
WORD_BYTES: Final = 4
SIGNATURE_BYTES: Final = 65
"""An enclave vouch on L1: ``r ‖ s ‖ v``, ``s`` in the lower half of the group order, ``v`` 27 or 28."""

SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

VOUCH_ACCEPTED: Final = keccak(b"multiprover/vouch/v1")
"""The word that an adapter returns for a proof that it accepts."""

_DOMAIN_TAG: Final = keccak(b"multiprover/v1")
_EIP712_DOMAIN_TYPE: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_EIP712_NAME: Final = keccak(b"multiprover")
_EIP712_VERSION: Final = keccak(b"1")
_VOUCH_TYPE: Final = keccak(
    b"Vouch(bytes32 domain,bytes32 claim,bytes32 preStateRoot,bytes32 postStateRoot,address payee)"
)


class ClaimError(ValueError):
    """A value of the wrong shape; the message says what was expected and what came."""


class VouchSignatureError(ClaimError):
    """A vouch's signature that L1 would refuse; the message says why."""


@dataclass(frozen=True)
class Deployment:
    """One settlement contract for one program on one chain; ``domain`` follows from the three.

    Attributes:
        chain_id: of L1.
        settlement: 20-byte address of the ``Settlement`` contract.
        program_id: 32 bytes.
    """

    chain_id: int
    settlement: bytes
    program_id: bytes

    @cached_property
    def domain(self) -> bytes:
        return domain(self.chain_id, self.settlement, self.program_id)


def _fixed(name: str, value: bytes, length: int) -> bytes:
    if len(value) != length:
        raise ClaimError(f"{name}: expected {length} bytes, got {len(value)}")
    return bytes(value)


def _uint(value: int) -> bytes:
    return value.to_bytes(32, "big")


def suite_id(name: str) -> bytes:
    """Id of a suite on L1: keccak256 of its name."""
    return keccak(name.encode())


def proof_type_id(name: str) -> bytes:
    """Id of a proof type on L1: keccak256 of its name."""
    return keccak(name.encode())


def domain(chain_id: int, settlement: bytes, program_id: bytes) -> bytes:
    """What binds a transaction and a proof to one program in one settlement contract of one chain.

    Args:
        chain_id: of L1, 0 to 2^256 - 1.
        settlement: 20-byte address of the ``Settlement`` contract.
        program_id: 32 bytes.
    """
    if not 0 <= chain_id < 2**256:
        raise ClaimError(f"chain id: expected 0 to 2^256 - 1, got {chain_id}")
    return keccak(
        _DOMAIN_TAG
        + _uint(chain_id)
        + bytes(12)
        + _fixed("settlement address", settlement, ADDRESS_BYTES)
        + _fixed("program_id", program_id, HASH_BYTES)
    )


def state_root(roots: Sequence[bytes]) -> bytes:
    """keccak256 over the roots of all suites, in suite order (at least one)."""
    if not roots:
        raise ClaimError("state root: expected one root a suite, got none")
    return keccak(b"".join(_fixed(f"root {i}", root, HASH_BYTES) for i, root in enumerate(roots)))


def genesis_claim(domain: bytes, genesis_state_root: bytes) -> bytes:
    """The claim that the first batch has as its parent."""
    return keccak(
        _fixed("domain", domain, HASH_BYTES) + _fixed("genesis state root", genesis_state_root, HASH_BYTES)
    )


def journal_hash(journal: bytes) -> bytes:
    """keccak256 of a journal (a multiple of 4 bytes)."""
    if len(journal) % WORD_BYTES:
        raise ClaimError(f"journal: expected a multiple of {WORD_BYTES} bytes, got {len(journal)}")
    return keccak(journal)


def claim_id(parent_claim: bytes, journal: bytes) -> bytes:
    """``claim = keccak256(parent claim ‖ keccak256(journal))``."""
    return child_claim(parent_claim, journal_hash(journal))


def child_claim(parent_claim: bytes, journal_hash: bytes) -> bytes:
    """The claim of a journal, known by its hash, on a parent."""
    return keccak(
        _fixed("parent claim", parent_claim, HASH_BYTES) + _fixed("journal hash", journal_hash, HASH_BYTES)
    )


def challenge_seed(domain: bytes, suite: bytes, claim: bytes, commitment: bytes) -> bytes:
    """The 32 bytes that a suite reduces to its challenge ``z``; ``suite`` is the 32-byte suite id."""
    return keccak(
        _fixed("domain", domain, HASH_BYTES)
        + _fixed("suite id", suite, HASH_BYTES)
        + _fixed("claim", claim, HASH_BYTES)
        + _fixed("commitment", commitment, HASH_BYTES)
    )


def queue_entry(words: bytes) -> bytes:
    """What L1 keeps of a queued transaction: keccak256 of the slot's input words (4 bytes each)."""
    return journal_hash(words)


def vouch_digest(
    chain_id: int,
    settlement: bytes,
    *,
    domain: bytes,
    claim: bytes,
    pre_state_root: bytes,
    post_state_root: bytes,
    payee: bytes,
) -> bytes:
    """The 32 bytes that an enclave signs to vouch for ``claim`` (EIP-712).

    Args:
        chain_id: of L1.
        settlement: 20-byte address of the ``Settlement`` contract, the EIP-712 ``verifyingContract``.
        domain: the deployment's, from :func:`domain`: it binds the vouch to the program as well.
        claim: the claim vouched for.
        pre_state_root: state root (over all suites) of the parent claim.
        post_state_root: state root after the claim's batch.
        payee: 20-byte address that earns the reward.
    """
    separator = keccak(
        _EIP712_DOMAIN_TYPE
        + _EIP712_NAME
        + _EIP712_VERSION
        + _uint(chain_id)
        + bytes(12)
        + _fixed("settlement address", settlement, ADDRESS_BYTES)
    )
    vouch = keccak(
        _VOUCH_TYPE
        + _fixed("domain", domain, HASH_BYTES)
        + _fixed("claim", claim, HASH_BYTES)
        + _fixed("pre state root", pre_state_root, HASH_BYTES)
        + _fixed("post state root", post_state_root, HASH_BYTES)
        + bytes(12)
        + _fixed("payee", payee, ADDRESS_BYTES)
    )
    return keccak(b"\x19\x01" + separator + vouch)


def sign_vouch(private_key: bytes, digest: bytes) -> bytes:
    """Sign a vouch digest as L1 takes it: 65 bytes ``r ‖ s ‖ v`` (deterministic, RFC 6979).

    Args:
        private_key: 32 bytes, a secp256k1 scalar.
        digest: from :func:`vouch_digest`.
    """
    signature = PrivateKey(private_key).sign_msg_hash(_fixed("digest", digest, HASH_BYTES))
    return _uint(signature.r) + _uint(signature.s) + bytes([27 + signature.v])


def signer_address(private_key: bytes) -> bytes:
    """The 20-byte address that a vouching key is registered under."""
    return bytes(PrivateKey(private_key).public_key.to_canonical_address())


def recover_signer(digest: bytes, signature: bytes) -> bytes:
    """The 20-byte address whose key signed ``digest``, decided as the ``SgxAdapter`` contract decides.

    Raises:
        VouchSignatureError: wrong length, ``v`` not 27 or 28, high ``s``, or no key recovers.
    """
    _fixed("digest", digest, HASH_BYTES)
    if len(signature) != SIGNATURE_BYTES:
        raise VouchSignatureError(f"signature: expected {SIGNATURE_BYTES} bytes, got {len(signature)}")
    r, s, v = (
        int.from_bytes(signature[:32], "big"),
        int.from_bytes(signature[32:64], "big"),
        signature[64],
    )
    if v not in (27, 28):
        raise VouchSignatureError(f"signature: expected v of 27 or 28, got {v}")
    if s > SECP256K1_ORDER // 2:
        raise VouchSignatureError("signature: expected s in the lower half of the group order, got a high s")
    try:
        public_key = Signature(vrs=(v - 27, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as error:
        raise VouchSignatureError(f"signature: no key recovers ({error})") from error
    return bytes(public_key.to_canonical_address())
