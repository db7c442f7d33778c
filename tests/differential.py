"""One slot on the executor and on the reference interpreter: the same outputs and state, or both refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from multiprover import Key, Refused, Transition
from multiprover.ledger.codec import CodecError
from multiprover.ledger.executor import Effect, execute
from multiprover.program import Program, interpreter, trace

WORD_BYTES = 4


class Memory:
    """The executor's state, without trees."""

    def __init__(self, program: Program) -> None:
        self._zero = Key(bytes(32 * len(program.suites)))
        self.program = program
        self.cells: list[Any] = [self._zero if c.key else 0 for c in program.cells]
        self.records: dict[tuple[int, int], list[Any]] = {}

    def read_cells(self) -> Sequence[Any]:
        return self.cells

    def read_record(self, map_position: int, index: int) -> Sequence[Any]:
        return self.records.get((map_position, index)) or self.initial_record(map_position)

    def initial_record(self, map_position: int) -> Sequence[Any]:
        return [self._zero if f.key else 0 for f in self.program.maps[map_position].fields]

    def apply(self, effect: Effect) -> None:
        for access in effect.written():
            self.records[access.map, access.index] = list(access.storage.values)
        self.cells = list(effect.cells)


def plain(values: Sequence[Any]) -> list[Any]:
    return [v.data if isinstance(v, Key) else int(v) for v in values]


class Reads(interpreter.State):
    """The interpreter's state, noting what the enabled ports of a slot open, in port order."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reads: list[tuple[int, int]] = []

    def read(self, map_position: int, index: int) -> list[Any]:
        self.reads.append((map_position, index))
        return super().read(map_position, index)


class Both:
    """A ledger kept twice, by the executor and by the interpreter."""

    def __init__(self, transition: type[Transition], suites: Sequence[str] = ("bn254",)) -> None:
        self.transition = transition
        self.program = trace(transition, suites)
        self.memory = Memory(self.program)
        self.state = Reads(self.program)

    def slot(self, words: Sequence[int], signed: Sequence[bool] = (True,) * 8) -> Effect | None:
        """Run a slot on both; its effect, or None if it was refused.

        Args:
            signed: whether the signature of the slot's n-th authorization is valid.
        """
        data = b"".join(w.to_bytes(WORD_BYTES, "big") for w in words)

        def authorize(position: int, key: Key, nonce: int) -> None:
            assert isinstance(key, Key)
            assert 0 <= nonce < 2**64
            if not signed[position]:
                raise Refused("signature", None)

        try:
            effect: Effect | None = execute(self.transition, self.program, data, self.memory, authorize)
        except (Refused, CodecError):
            effect = None

        def verify(_slot: int, position: int, _key: bytes, _nonce: int) -> bool:
            return signed[position]

        self.state.reads.clear()
        try:
            journal: bytes | None = interpreter.run(self.program, self.state, [list(words)], verify)
        except interpreter.InvalidSlot:
            journal = None
        assert (effect is None) == (journal is None), f"executor: {effect}, interpreter: {journal!r}"
        if effect is not None:
            assert [(a.map, a.index) for a in effect.accesses if a is not None] == self.state.reads
            self.memory.apply(effect)
            assert journal is not None
            width = WORD_BYTES * self.program.output_words
            assert journal[: len(data)] == data
            assert journal[len(data) : len(data) + width] == effect.outputs
        self.compare()
        return effect

    def compare(self) -> None:
        """The two states are the same."""
        assert plain(self.memory.cells) == self.state.cells
        for place in self.memory.records.keys() | self.state.records.keys():
            assert plain(self.memory.read_record(*place)) == self.state.read(*place), place
