"""The reference interpreter: what ``docs/program.md`` says, in the plainest Python.

No proof type uses it and the executor does not: it is the third opinion, in tests and before a batch takes a
transaction in (:mod:`multiprover.ledger.agreement`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from multiprover.program.ir import KEY_WORDS, Code, Field, Op, Program

_COMPUTE: dict[Code, Callable[[list[Any]], Any]] = {
    Code.ADD: lambda a: a[0] + a[1],
    Code.SUB: lambda a: a[0] - a[1],
    Code.MUL: lambda a: a[0] * a[1],
    Code.DIVMOD: lambda a: a[0] // a[1],
    Code.EQ: lambda a: int(a[0] == a[1]),
    Code.LT: lambda a: int(a[0] < a[1]),
    Code.SELECT: lambda a: a[1] if a[0] else a[2],
    Code.AND: lambda a: a[0] & a[1],
    Code.OR: lambda a: a[0] | a[1],
    Code.NOT: lambda a: 1 - a[0],
}
"""Operations whose value follows from their operands alone."""

Verify = Callable[[int, int, bytes, int], bool]
"""``(slot, authorization, key, nonce) -> valid``: decides a signature of a slot."""


class InvalidSlot(Exception):
    """A constraint of a slot does not hold."""

    def __init__(self, slot: int, op: int, message: str) -> None:
        self.slot = slot
        self.op = op
        super().__init__(f"slot {slot}, op {op}: {message}")


@dataclass
class State:
    """The whole state: cells, and the records that were written. Keys are bytes, 32 a suite."""

    program: Program
    cells: list[Any] = field(default_factory=list)
    records: dict[tuple[int, int], list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.cells:
            self.cells = [self._zero(f) for f in self.program.cells]

    def _zero(self, f: Field) -> Any:
        return bytes(32 * len(self.program.suites)) if f.key else 0

    def read(self, map_position: int, index: int) -> list[Any]:
        known = self.records.get((map_position, index))
        return list(known) if known else self.zeros(map_position)

    def zeros(self, map_position: int) -> list[Any]:
        return [self._zero(f) for f in self.program.maps[map_position].fields]


def encode(value: int, lo: int, hi: int) -> list[int]:
    """The words of a typed integer."""
    offset = value - lo
    return [offset >> 32, offset & 0xFFFFFFFF] if Field("", lo, hi).words == 2 else [offset]


def run(program: Program, state: State, slots: Sequence[Sequence[int]], verify: Verify) -> bytes:
    """Run a batch, changing ``state``; returns its journal.

    Args:
        slots: the input words of each slot.

    Raises:
        InvalidSlot: a constraint does not hold; ``state`` is then as before that slot.
    """
    inputs: list[int] = []
    outputs: list[int] = []
    for number, words in enumerate(slots):
        if len(words) != program.input_words or not all(0 <= w < 2**32 for w in words):
            raise InvalidSlot(
                number, 0, f"expected {program.input_words} words of 32 bits, got {list(words)}"
            )
        inputs += words
        outputs += _Slot(program, state, number, words, verify).run()
    for value, cell in zip(state.cells, program.cells, strict=True):
        if not cell.key:
            outputs += encode(value, cell.lo, cell.hi)
    return b"".join(w.to_bytes(4, "big") for w in inputs + outputs)


class _Slot:
    def __init__(
        self, program: Program, state: State, number: int, words: Sequence[int], verify: Verify
    ) -> None:
        self.program = program
        self.state = state
        self.number = number
        self.words = words
        self.verify = verify
        self.values: list[Any] = []
        self.opened: dict[int, tuple[int, int, bool, list[Any]]] = {}
        self.stores: list[tuple[int, int, Any]] = []
        self.cell_stores: list[tuple[int, Any]] = []
        self.outputs: list[int] = []
        self.authorizations = 0

    def run(self) -> list[int]:
        for i, op in enumerate(self.program.ops):
            arguments = [self.values[a] for a in op.args]
            compute = _COMPUTE.get(op.code)
            self.values.append(compute(arguments) if compute else self._step(i, op, arguments))
        for opened, position, value in self.stores:
            map_position, index, enabled, before = self.opened[opened]
            if enabled:
                self.state.records.setdefault((map_position, index), before)[position] = value
        for position, value in self.cell_stores:
            self.state.cells[position] = value
        return self.outputs

    def _step(self, i: int, op: Op, a: list[Any]) -> Any:
        match op.code:
            case Code.CONST:
                return op.lo
            case Code.PARAM:
                return self.words[op.index[0]]
            case Code.KEY_PARAM:
                words = self.words[op.index[0] : op.index[0] + KEY_WORDS * len(self.program.suites)]
                return b"".join(w.to_bytes(4, "big") for w in words)
            case Code.CELL:
                return self.state.cells[op.index[0]]
            case Code.OPEN:
                record = self.state.read(op.index[0], a[1]) if a[0] else self.state.zeros(op.index[0])
                self.opened[i] = (op.index[0], a[1], bool(a[0]), record)
                return None
            case Code.LOAD:
                return self.opened[op.args[0]][3][op.index[0]]
            case Code.REMAINDER:
                dividend, divisor = (self.values[x] for x in self.program.ops[op.args[0]].args)
                return dividend % divisor
            case Code.RANGE:
                assert op.lo is not None
                assert op.hi is not None
                if not op.lo <= a[0] <= op.hi:
                    raise InvalidSlot(self.number, i, f"{a[0]} is not within [{op.lo}, {op.hi}]")
                return a[0]
            case Code.ASSERT:
                if not a[0]:
                    raise InvalidSlot(self.number, i, "the assertion does not hold")
            case Code.AUTHORIZE:
                if a[0] and not self.verify(self.number, self.authorizations, a[1], a[2]):
                    raise InvalidSlot(self.number, i, "the signature does not verify")
                self.authorizations += 1
            case Code.STORE:
                self.stores.append((op.args[0], op.index[0], a[1]))
            case Code.STORE_CELL:
                self.cell_stores.append((op.index[0], a[0]))
            case Code.OUTPUT:
                assert op.lo is not None
                assert op.hi is not None
                self.outputs += encode(a[0], op.lo, op.hi)
        return None
