"""Events of the contracts, decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Enqueued:
    """A transaction stands in the queue."""

    index: int
    sender: bytes
    time: int
    words: bytes

    @property
    def origin(self) -> bytes:
        """Who queued it and when, as ``post`` takes it: sender (20 bytes) and Unix seconds (12 bytes)."""
        return self.sender + self.time.to_bytes(12, "big")


@dataclass(frozen=True)
class Posted:
    """A claim was posted."""

    claim: bytes
    parent: bytes
    journal_hash: bytes
    number: int
    queue_end: int


@dataclass(frozen=True)
class Vouched:
    """A proof was accepted."""

    claim: bytes
    proof_type: str
    payee: bytes


@dataclass(frozen=True)
class RootConflict:
    """A proof was accepted for a root other than the one already vouched for: a provable bug."""

    claim: bytes
    proof_type: str
    suite: str
    recorded: bytes
    found: bytes


@dataclass(frozen=True)
class Finalised:
    """A claim became final for some tier; ``state_root`` is None unless for any value."""

    claim: bytes
    number: int
    final_bits: int
    state_root: bytes | None


@dataclass(frozen=True)
class ConflictShown:
    """Two vouches contradict each other; finality from ``number`` on is frozen."""

    index: int
    kind: str
    number: int
    parent: bytes
    claim: bytes


@dataclass(frozen=True)
class ConflictResolved:
    """A conflict is over; ``winner`` is the claim or root that stands, if one does."""

    index: int
    number: int
    winner: bytes | None
    losers: tuple[str, ...]
    disabled: tuple[str, ...]
    by_council: bool


@dataclass(frozen=True)
class Happened:
    """Any other event: its contract, its name, its arguments as the ABI has them."""

    contract: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


Event = Enqueued | Posted | Vouched | RootConflict | Finalised | ConflictShown | ConflictResolved | Happened


@dataclass(frozen=True)
class Located:
    """An event and where it stands."""

    event: Event
    block_number: int
    tx_hash: bytes


@dataclass(frozen=True)
class Receipt:
    """A transaction that took effect.

    Attributes:
        gas_used: with that of the transactions that had to go before it.
        transactions: how many it took.
    """

    tx_hash: bytes
    block_number: int
    gas_used: int
    events: tuple[Event, ...] = field(default=())
    transactions: int = 1
