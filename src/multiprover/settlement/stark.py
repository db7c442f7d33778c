"""Proof type ``stark`` on L1: what its adapter is created from, and how a proof comes there in several
transactions (docs/settlement.md §16).

A proof is a list of *parts*, one a transaction: the number of parts, the length of each, 4 bytes big-endian
every one, then the parts. The adapter keeps how far a **session** has come: of whoever sends, and of one
statement and proof. So nobody else can move it, and who was interrupted goes on where it stood.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from multiprover.settlement.claims import ClaimError
from multiprover.settlement.contracts import artifact
from multiprover.settlement.errors import L1Error, RefusedError
from multiprover.settlement.l1 import L1, Mined

NAME: Final = "stark"

STARK_GAS: Final = 60_000
"""The most that the adapter may burn when ``Settlement`` asks it; a proof is verified before."""

NUMBER_BYTES: Final = 4
SESSION_BYTES: Final = 32
MAX_PARTS: Final = 255
"""As many as the adapter counts: a proof that it took in more than a client would make can be read again."""

_OUT_OF_STEP: Final = "stark: step"
"""The adapter's reason for a part that is not the session's next."""

_VOUCH: Final = "(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])"
_STEP: Final = f"step({_VOUCH},bytes)"
_PROVE: Final = f"prove({_VOUCH},bytes,address,bytes)"
_PROGRESS: Final = "progress(address,bytes32)"
_STEPPED: Final = keccak(b"Step(address,bytes32,uint256)")
"""The topic of what the adapter says of every part that it takes: sender, session, index."""

_LOOKED_BACK: Final = 100_000
"""Blocks before a session's end in which its other transactions are looked for: two weeks."""

_NOBODY: Final = bytes(19) + b"\x04"
"""The precompile that gives back what it gets: what a proof that is only verified calls in the end."""

Statement = tuple[Any, ...]
"""The contracts' ``IAdapter.Vouch``."""


def creation_code(verifying_key: bytes, domain: bytes) -> bytes:
    """What creates the adapter.

    Args:
        verifying_key: the prover's artefact ``l1_verifier`` (docs/prover.md §3).
        domain: the 32-byte domain of the one deployment that the adapter serves.
    """
    return artifact("StarkAdapter").bytecode + encode(["bytes", "bytes32"], [verifying_key, domain])


def parts_of(proof: bytes) -> tuple[bytes, ...]:
    """The parts of a proof, one a transaction.

    Raises:
        ClaimError: it is no list of 1 to :data:`MAX_PARTS` parts, to the byte.
    """
    count = int.from_bytes(proof[:NUMBER_BYTES], "big")
    head = NUMBER_BYTES * (1 + count)
    if not 1 <= count <= MAX_PARTS or len(proof) < head:
        raise ClaimError(
            f"proof of stark: expected 1 to {MAX_PARTS} parts, got {count} in {len(proof)} bytes"
        )
    lengths = [
        int.from_bytes(proof[at : at + NUMBER_BYTES], "big") for at in range(NUMBER_BYTES, head, NUMBER_BYTES)
    ]
    if len(proof) != head + sum(lengths):
        raise ClaimError(f"proof of stark: expected {head + sum(lengths)} bytes, got {len(proof)}")
    parts, at = [], head
    for length in lengths:
        parts.append(proof[at : at + length])
        at += length
    return tuple(parts)


def joined(parts: Sequence[bytes]) -> bytes:
    """The proof of such parts: the inverse of :func:`parts_of`."""
    numbers = [len(parts), *map(len, parts)]
    return b"".join([*(n.to_bytes(NUMBER_BYTES, "big") for n in numbers), *parts])


def unframed(carried: bytes) -> tuple[bytes, int, bytes]:
    """Session, index and part of what one transaction carries.

    Raises:
        ClaimError: it is too short.
    """
    head = SESSION_BYTES + NUMBER_BYTES
    if len(carried) < head:
        raise ClaimError(f"part of a proof of stark: expected at least {head} bytes, got {len(carried)}")
    index = int.from_bytes(carried[SESSION_BYTES:head], "big")
    return carried[:SESSION_BYTES], index, carried[head:]


@dataclass(frozen=True)
class Brought:
    """What the transactions of a session did.

    Attributes:
        last: the one that verified the whole, and called the target.
        gas_used: by all that were sent here; what an earlier run sent is not in it.
        transactions: how many were sent here.
    """

    last: Mined
    gas_used: int
    transactions: int


class Session:
    """One account's way with one proof of one statement through an adapter."""

    def __init__(
        self, l1: L1, adapter: bytes, sender: LocalAccount, statement: Statement, proof: bytes
    ) -> None:
        """``adapter``: 20 bytes; ``proof``: all parts.

        Raises:
            ClaimError: the proof is no list of parts.
        """
        self._l1, self._adapter, self._sender = l1, adapter, sender
        self._statement = statement
        self._parts = parts_of(proof)
        self.id = keccak(encode([_VOUCH, "bytes"], [statement, proof]))

    def progress(self) -> int:
        """How many parts the adapter has taken."""
        arguments = encode(["address", "bytes32"], [self._sender.address, self.id])
        answer = self._l1.call(self._adapter, keccak(_PROGRESS.encode())[:4] + arguments)
        return int.from_bytes(answer, "big")

    def bring(self, target: bytes, data: bytes) -> Brought:
        """Send what the adapter has not taken yet, and have it call ``target`` with ``data`` in the last one.

        May be called again after any failure, by several processes of one account at once, and after L1 took
        blocks back: each time it goes on from what L1 has.

        Raises:
            ProofRefusedError: the adapter refuses the proof.
            RefusedError: the target refuses the call.
        """
        gas, sent, last = 0, 0, len(self._parts) - 1
        while (index := self.progress()) < last:
            try:
                mined = self._l1.transact(self._sender, self._adapter, self._step(index))
            except RefusedError as error:
                # Another process of the account may have been faster.
                if error.reason != _OUT_OF_STEP or self.progress() == index:
                    raise
                continue
            gas, sent = gas + mined.gas_used, sent + 1
        selector, types = keccak(_PROVE.encode())[:4], [_VOUCH, "bytes", "address", "bytes"]
        arguments = [self._statement, self._framed(last), to_checksum_address(target), data]
        mined = self._l1.transact(self._sender, self._adapter, selector + encode(types, arguments))
        return Brought(mined, gas + mined.gas_used, sent + 1)

    def verify(self) -> Brought:
        """Have the adapter verify the proof, and do nothing with it.

        Raises:
            ProofRefusedError: the adapter refuses it.
        """
        return self.bring(_NOBODY, b"")

    def _framed(self, index: int) -> bytes:
        return self.id + index.to_bytes(NUMBER_BYTES, "big") + self._parts[index]

    def _step(self, index: int) -> bytes:
        return keccak(_STEP.encode())[:4] + encode([_VOUCH, "bytes"], [self._statement, self._framed(index)])


def whole_proof(l1: L1, adapter: bytes, sender: str, block: int, carried: bytes) -> bytes:
    """The proof whose last part a transaction of ``block`` carried, put together from calldata.

    Args:
        sender: address of whoever sent it.

    Raises:
        L1Error: the other parts do not stand in transactions of the sender to the adapter.
    """
    session, last, part = unframed(carried)
    logs = l1.web3.eth.get_logs(
        {
            "address": to_checksum_address(adapter),
            "fromBlock": max(0, block - _LOOKED_BACK),
            "toBlock": block,
            "topics": [_STEPPED, bytes(12) + bytes.fromhex(sender[2:]), session],  # type: ignore[list-item]
        }
    )
    parts: list[bytes] = []
    for log in logs:
        tx = l1.web3.eth.get_transaction(log["transactionHash"])
        found, index, one = _step_in(bytes(tx["input"]))
        if found != session or index != int.from_bytes(log["data"], "big"):
            raise L1Error("vouch: expected a step of the proof's session, sent to the adapter itself")
        # A session that begins anew leaves what it had.
        parts = [*parts[:index], one] if index <= len(parts) else []
    if len(parts) < last:
        raise L1Error(f"vouch: expected {last} transactions with parts of the proof, found {len(parts)}")
    return joined([*parts[:last], part])


def _step_in(data: bytes) -> tuple[bytes, int, bytes]:
    with contextlib.suppress(DecodingError, ClaimError):
        if data[:4] == keccak(_STEP.encode())[:4]:
            _, carried = decode([_VOUCH, "bytes"], data[4:])
            return unframed(carried)
    raise L1Error("vouch: expected a step of a proof's session, got another call")
