"""What a deployment is made of, and what L1 says of it: plain values, without a chain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

WORD: Final = 4
WEI_PER_GWEI: Final = 10**9
TOP_TIER: Final = 3
"""The bit of a claim's finality that means: final for any value."""

EPOCH_S: Final = 1024
"""L1 keeps the time of a vouch in epochs of so many seconds, rounded up: a delay may last that much
longer.
"""

DAY_S: Final = 86_400


@dataclass(frozen=True)
class ProgramInfo:
    """What L1 must know of a program and its batch size."""

    program_id: bytes
    slots: int
    input_words: int
    output_words: int
    cell_words: int

    @property
    def slot_bytes(self) -> int:
        """Bytes of one slot's input words."""
        return WORD * self.input_words

    @property
    def journal_bytes(self) -> int:
        """Bytes of every journal of the program."""
        return WORD * (self.slots * (self.input_words + self.output_words) + self.cell_words)


@dataclass(frozen=True)
class SuiteInfo:
    """A suite of a deployment."""

    name: str
    genesis_root: bytes
    binding: bytes | None = None
    """Address of its binding, if that is already deployed; else ours is."""


@dataclass(frozen=True)
class SuiteResult:
    """What a proof says of one suite: the root after the batch, and how it knows the journal."""

    root: bytes
    commitment: bytes = bytes(32)
    challenge: bytes = bytes(32)
    evaluation: bytes = bytes(32)

    @property
    def words(self) -> tuple[bytes, bytes, bytes, bytes]:
        return self.root, self.commitment, self.challenge, self.evaluation


class Standing(IntEnum):
    """What a proof type may do."""

    ACTIVE = 0
    QUARANTINED = 1
    """It vouched for the losing side of a conflict; the council can replace its verifier."""
    DISABLED = 2
    """It vouched for two answers, or for the canary: its adapter never counts again."""


@dataclass(frozen=True)
class TypeStatus:
    """What L1 holds of a proof type.

    Attributes:
        suites: names of those that it commits to.
        gas: the most that its adapter may burn.
        valid_from: Unix seconds; vouches of before do not count.
        next_adapter: address of the adapter from batch ``next_from`` on; None: no upgrade.
    """

    name: str
    adapter: bytes
    suites: tuple[str, ...]
    binds: bool
    gas: int
    standing: Standing
    valid_from: int
    next_adapter: bytes | None
    next_from: int

    def adapter_at(self, number: int) -> bytes:
        """The adapter that verifies proofs of batch ``number``."""
        return self.adapter if self.next_adapter is None or number < self.next_from else self.next_adapter


@dataclass(frozen=True)
class ClaimStatus:
    """What L1 holds of a claim.

    Attributes:
        closed: it lost a conflict.
        generation: how often other inputs on its parent had been given up when it was posted; it counts only
            while that is its parent's ``children_generation``.
        final_bits: bit k: final for values of tier k; bit 3: for any.
        number: batches since genesis.
        queue_end: queue entries taken in, up to and with this claim.
        vouched: proof types that have vouched for it.
        counting: those whose vouches count: of active types, not given before a type's verifier was replaced.
        times: by proof type, the end of the epoch of its vouch, in Unix seconds.
    """

    posted: bool
    closed: bool
    generation: int
    children_generation: int
    final_bits: int
    number: int
    queue_end: int
    vouched: frozenset[str]
    counting: frozenset[str]
    times: dict[str, int]

    @property
    def final(self) -> bool:
        """Whether it is final for any value."""
        return bool(self.final_bits >> TOP_TIER & 1)

    def final_at(self, tier: int) -> bool:
        """Whether it is final for values of a tier, 0 to 3."""
        return bool(self.final_bits >> tier & 1)


@dataclass(frozen=True)
class Conflict:
    """A conflict as L1 records it.

    Attributes:
        kind: ``claims``: two claims on one parent; ``roots``: two roots of one claim's suite.
        number: of the batch in conflict.
        options: the claims, or the roots.
        supporters: by option, the proof types that vouched for it.
        shown, deadline: Unix seconds; until the deadline the council may choose, after it anyone
            resolves by weight.
        resolved: Unix seconds; 0: it is open.
        winner: position of the option that stands; None while open, or where none does.
        losers, disabled: proof types.
    """

    index: int
    kind: str
    number: int
    parent: bytes
    claim: bytes
    suite: str | None
    options: tuple[bytes, ...]
    supporters: tuple[tuple[str, ...], ...]
    shown: int
    deadline: int
    resolved: int
    winner: int | None
    losers: tuple[str, ...]
    disabled: tuple[str, ...]
    by_council: bool
