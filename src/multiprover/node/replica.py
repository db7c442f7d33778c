"""A ledger that follows L1: every batch's inputs executed again, from nothing but what stands in calldata.

Signatures do not stand there (they are what the proofs are for), so a replica takes every authorization for
given: what it can tell is whether the outputs and roots of a claim follow from its inputs, and whether there
are any that could. Whoever needs the state of another's ledger builds one: a watcher, a sequencer that takes
over, a user who leaves by the escape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from multiprover.lang.errors import Refused
from multiprover.lang.transition import Transition
from multiprover.ledger.codec import WORD_BYTES, CodecError
from multiprover.ledger.executor import LayoutError, execute
from multiprover.ledger.state import State
from multiprover.program import Program


@dataclass(frozen=True)
class Truth:
    """What a batch does.

    Attributes:
        journal: the only true one of these inputs.
        roots: after it, one a suite.
        refused: by slot, why a transaction from L1 had no effect; None where it had one, or there is none.
    """

    journal: bytes
    roots: tuple[bytes, ...]
    refused: tuple[str | None, ...]


class UnprovableError(Exception):
    """Inputs that no honest prover can prove: some slot holds what the transition refuses."""

    def __init__(self, slot: int, reason: str) -> None:
        super().__init__(f"slot {slot}: expected what the transition takes, got what it refuses: {reason}")
        self.slot = slot


@dataclass
class _Undo:
    """What a batch changed, as it was before."""

    cells: list[Any]
    records: dict[tuple[int, int], tuple[Any, ...]]


class Replica:
    """The state along one branch of batches; :meth:`undo` goes back along it."""

    def __init__(self, transition: type[Transition], program: Program, slots: int) -> None:
        self.transition = transition
        self.program = program
        self.slots = slots
        self.state = State(program)
        self._done: list[_Undo] = []

    @property
    def number(self) -> int:
        """Batches executed."""
        return len(self._done)

    @property
    def input_bytes(self) -> int:
        """Bytes of a journal's inputs."""
        return self.slots * WORD_BYTES * self.program.input_words

    def apply(self, inputs: bytes) -> Truth:
        """Execute a batch and stay after it.

        Args:
            inputs: the slots' input words; of a journal, its first :attr:`input_bytes`.

        Raises:
            UnprovableError: some slot cannot be; the state is as it was before.
        """
        if len(inputs) != self.input_bytes:
            raise CodecError(f"inputs: expected {self.input_bytes} bytes, got {len(inputs)}")
        undo = _Undo(list(self.state.cells), {})
        outputs, refused = [], []
        size = WORD_BYTES * self.program.input_words
        for slot in range(self.slots):
            words = inputs[slot * size : (slot + 1) * size]
            try:
                effect = execute(self.transition, self.program, words, self.state, _given)
            except (Refused, CodecError, LayoutError) as error:
                self._restore(undo)
                raise UnprovableError(slot, str(error)) from error
            for access in effect.written():
                place = access.map, access.index
                undo.records.setdefault(place, self.state.read_record(*place))
                self.state.write(*place, access.storage.values)
            self.state.cells[:] = effect.cells
            outputs.append(effect.outputs)
            refused.append(str(effect.refused) if effect.refused else None)
        self._done.append(undo)
        journal = inputs + b"".join(outputs) + self.state.cell_words()
        return Truth(journal, self.state.roots().roots, tuple(refused))

    def undo(self) -> None:
        """Go back before the last batch."""
        self._restore(self._done.pop())

    def _restore(self, undo: _Undo) -> None:
        self.state.cells[:] = undo.cells
        for (map_position, index), values in undo.records.items():
            self.state.write(map_position, index, values)


def _given(_position: int, _key: Any, _nonce: int) -> None:
    """Takes an authorization for given."""


def slot_words(program: Program, journal: bytes, slot: int) -> bytes:
    """One slot's input words in a journal."""
    size = WORD_BYTES * program.input_words
    return journal[slot * size : (slot + 1) * size]


def output_words(program: Program, slots: int, journal: bytes, slot: int) -> bytes:
    """One slot's output words in a journal."""
    start, size = WORD_BYTES * slots * program.input_words, WORD_BYTES * program.output_words
    return journal[start + slot * size : start + (slot + 1) * size]


def messages(program: Program, slots: int, journal: bytes, name: str) -> Sequence[tuple[int, dict[str, int]]]:
    """The messages of one name in a journal: slot, and the fields' values by name."""
    found = []
    for slot in range(slots):
        words = output_words(program, slots, journal, slot)
        for message in program.messages:
            at = WORD_BYTES * message.output_offset
            if message.name != name or not any(words[at : at + WORD_BYTES]):
                continue
            at += WORD_BYTES
            values = {}
            for field in message.fields:
                size = WORD_BYTES * field.words
                values[field.name] = int.from_bytes(words[at : at + size], "big") + field.lo
                at += size
            found.append((slot, values))
    return found
