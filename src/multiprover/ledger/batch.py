"""Transactions and batches: executing a list of transactions into slots, a journal, openings and roots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from multiprover.lang.errors import Refused
from multiprover.lang.transition import Transition
from multiprover.lang.types import Key
from multiprover.ledger import agreement
from multiprover.ledger.codec import WORD_BYTES, arguments, encode_words
from multiprover.ledger.executor import Effect, execute
from multiprover.ledger.state import Opening, Roots, State
from multiprover.program import Program
from multiprover.suites import HybridKey, InvalidSignatureError, Suite, Wallet, get


@dataclass(frozen=True)
class Transaction:
    """A transaction as it travels: a slot's input words, and per authorization one signature a suite.

    Attributes:
        words: the slot's input words, 4 bytes each, big-endian.
        signatures: in the order in which the kind authorizes; empty for kinds from L1.
    """

    words: bytes
    signatures: tuple[tuple[bytes, ...], ...] = ()

    @property
    def kind(self) -> int:
        return int.from_bytes(self.words[:WORD_BYTES], "big")


@dataclass(frozen=True)
class Slot:
    """One executed slot: what a prover gets to prove it."""

    words: bytes
    openings: tuple[Opening | None, ...]
    signatures: tuple[tuple[bytes, ...], ...]
    outputs: bytes
    refused: str | None


@dataclass(frozen=True)
class Batch:
    """An executed batch.

    Attributes:
        pre_cells: every cell's value before it.
        pre, post: the roots before and after.
        journal: its public bytes.
    """

    slots: tuple[Slot, ...]
    pre_cells: tuple[Any, ...]
    pre: Roots
    post: Roots
    journal: bytes


def make_transaction(
    transition: type[Transition], program: Program, kind: str, values: dict[str, Any]
) -> Transaction:
    """An unsigned transaction.

    Args:
        values: the parameters by name; a key may be given as a ``HybridKey``.

    Raises:
        CodecError: a value is missing or not of its type.
    """
    spec = transition.kind(kind)
    plain = {
        name: Key(v.to_bytes(program.suites)) if isinstance(v, HybridKey) else v for name, v in values.items()
    }
    flat = arguments(spec, plain, len(program.suites))
    return Transaction(encode_words(spec, flat, program.input_words))


def sign(transaction: Transaction, domain: bytes, signers: Sequence[tuple[Wallet, int]]) -> Transaction:
    """The transaction with the signatures of ``signers`` (wallet and nonce, in the order in which the kind
    authorizes).
    """
    return Transaction(
        transaction.words,
        tuple(tuple(wallet.sign(domain, transaction.words, nonce)) for wallet, nonce in signers),
    )


class Authorizer:
    """Checks a transaction's signatures in every suite, as the transition asks for them.

    ``invalid`` holds the slot's authorizations that it refused.
    """

    def __init__(
        self, program: Program, domain: bytes, words: bytes, signatures: Sequence[Sequence[bytes]]
    ) -> None:
        """``signatures``: by the slot's authorization, one a suite."""
        self._suites = [get(name) for name in program.suites]
        self._domain = domain
        self._words = words
        self._signatures = signatures
        self._digests: list[bytes] = []
        self.invalid: set[int] = set()

    def __call__(self, position: int, key: Key, nonce: int) -> None:
        try:
            self._check(position, key, nonce)
        except Refused:
            self.invalid.add(position)
            raise

    def _check(self, position: int, key: Key, nonce: int) -> None:
        given = self._signatures[position] if position < len(self._signatures) else ()
        if len(given) != len(self._suites):
            raise Refused(
                f"expected {len(self._suites)} signatures of authorization {position}, got {len(given)}", None
            )
        if not self._digests:
            self._digests = [s.tx_digest(self._domain, self._words) for s in self._suites]
        parts = zip(self._suites, key.parts(), self._digests, given, strict=True)
        for suite, part, digest, signature in parts:
            _verify(suite, part, digest, nonce, signature)


def _verify(suite: Suite, part: bytes, digest: bytes, nonce: int, signature: bytes) -> None:
    try:
        suite.verify(part, digest, nonce, signature)
    except InvalidSignatureError as error:
        raise Refused(f"the {suite.name} signature does not verify: {error}", None) from error


class BatchBuilder:
    """Executes transactions one after another on a state, up to a batch's slots.

    Each accepted transaction changes the state at once. A refused one changes nothing and takes no slot.
    """

    def __init__(self, transition: type[Transition], state: State, domain: bytes, slots: int) -> None:
        self.transition = transition
        self.state = state
        self.domain = domain
        self.size = slots
        self.slots: list[Slot] = []
        self._pre_cells = tuple(state.cells)
        self._pre = state.roots()

    @property
    def full(self) -> bool:
        return len(self.slots) == self.size

    def add(self, transaction: Transaction) -> Slot:
        """Execute a transaction into the next slot.

        Raises:
            Refused: it is refused; the error names the line.
            CodecError: its words are no transaction.
            DisagreementError: the transition's Python and the program differ on it.
            ValueError: the batch is full.
        """
        if self.full:
            raise ValueError(f"the batch has its {self.size} slots")
        program, state = self.state.program, self.state
        kind = program.kinds[transaction.kind] if transaction.kind < len(program.kinds) else None
        placed: list[tuple[bytes, ...]] = [()] * program.authorizations
        if kind is not None:
            if len(transaction.signatures) != len(kind.authorizations):
                raise Refused(
                    f"{kind.name} takes {len(kind.authorizations)} authorizations, "
                    f"got {len(transaction.signatures)}",
                    None,
                )
            for position, signatures in zip(kind.authorizations, transaction.signatures, strict=True):
                placed[position] = signatures
        authorizer = Authorizer(program, self.domain, transaction.words, placed)
        try:
            effect = execute(self.transition, program, transaction.words, state, authorizer)
        except Refused:
            agreement.check(state, transaction.words, None, authorizer.invalid)
            raise
        agreement.check(state, transaction.words, effect, authorizer.invalid)
        slot = self._apply(transaction.words, tuple(placed), effect)
        self.slots.append(slot)
        return slot

    def _apply(self, words: bytes, signatures: tuple[tuple[bytes, ...], ...], effect: Effect) -> Slot:
        openings: list[Opening | None] = []
        written = effect.written()
        for access in effect.accesses:
            # A port is opened against the map as the ports before it left it (docs/program.md §4).
            openings.append(None if access is None else self.state.opening(access.map, access.index))
            if access is not None and access in written:
                self.state.write(access.map, access.index, access.storage.values)
        self.state.cells[:] = effect.cells
        reason = str(effect.refused) if effect.refused else None
        return Slot(words, tuple(openings), signatures, effect.outputs, reason)

    def close(self) -> Batch:
        """Fill the batch up with ``noop`` and return it."""
        program = self.state.program
        empty = Transaction(bytes(WORD_BYTES * program.input_words))
        while not self.full:
            self.add(empty)
        inputs = b"".join(s.words for s in self.slots)
        outputs = b"".join(s.outputs for s in self.slots)
        return Batch(
            slots=tuple(self.slots),
            pre_cells=self._pre_cells,
            pre=self._pre,
            post=self.state.roots(),
            journal=inputs + outputs + self.state.cell_words(),
        )
