"""A program run by somebody who obeys no constraint: the batch that a dishonest prover would like to prove.

Ranges, assertions and signatures are passed over; a value that does not fit where it is written is cut to
its words. What comes of it is consistent with itself in everything else: openings, journal, roots. Where
every constraint holds, it is what the reference interpreter gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multiprover.lang.types import Key
from multiprover.program import Code, Field, Program
from multiprover.program.ir import KEY_WORDS

WORD_BYTES = 4

COMPUTE: dict[Code, Callable[[list[Any]], Any]] = {
    Code.ADD: lambda a: a[0] + a[1],
    Code.SUB: lambda a: a[0] - a[1],
    Code.MUL: lambda a: a[0] * a[1],
    Code.DIVMOD: lambda a: a[0] // a[1] if a[1] > 0 else 0,
    Code.EQ: lambda a: int(a[0] == a[1]),
    Code.LT: lambda a: int(a[0] < a[1]),
    Code.SELECT: lambda a: a[1] if a[0] else a[2],
    Code.AND: lambda a: a[0] & a[1],
    Code.OR: lambda a: a[0] | a[1],
    Code.NOT: lambda a: 1 - a[0],
    Code.RANGE: lambda a: a[0],
}


@dataclass
class Port:
    """One port of the slot: what is read there and what is written."""

    map: int
    index: int
    enabled: bool
    before: list[Any]
    after: list[Any]
    written: bool = False


@dataclass
class Run:
    """One slot as it was run.

    Attributes:
        values: by op; None where it gives no integer and no key.
        broken: ids of the ops whose constraint does not hold.
        outputs: the output words, 4 bytes each.
    """

    program: Program
    values: list[Any] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    cells: list[Any] = field(default_factory=list)
    outputs: bytes = b""


def run(
    program: Program,
    cells: Sequence[Any],
    read: Callable[[int, int], Sequence[Any]],
    words: bytes,
    signed: Callable[[int, Key, int], bool],
    lies: Mapping[int, int] | None = None,
) -> Run:
    """Run one slot.

    Args:
        lies: by op, what is added to its value.
        read: the record of a map at an index, keys as ``Key``.
        words: the input words, 4 bytes each.
        signed: whether the n-th authorization has a valid signature under the key, for the nonce.
    """
    return _Walk(program, cells, read, words, signed, lies or {}).walk()


class _Walk:
    def __init__(
        self,
        program: Program,
        cells: Sequence[Any],
        read: Callable[[int, int], Sequence[Any]],
        words: bytes,
        signed: Callable[[int, Key, int], bool],
        lies: Mapping[int, int],
    ) -> None:
        self.program, self.read, self.words, self.signed = program, read, words, signed
        self.lies = lies
        self.cells_before = list(cells)
        self.result = Run(program, cells=list(cells))
        self.opened: dict[int, Port] = {}
        self.authorizations = 0

    def walk(self) -> Run:
        values = self.result.values
        for i, op in enumerate(self.program.ops):
            arguments = [values[a] for a in op.args]
            compute = COMPUTE.get(op.code)
            value = compute(arguments) if compute else self._step(i, arguments)
            value = value + self.lies[i] if i in self.lies else value
            values.append(value)
            if op.code is Code.RANGE and not _within(value, op.lo, op.hi):
                self.result.broken.append(i)
        return self.result

    def _word(self, position: int, count: int = 1) -> bytes:
        return self.words[WORD_BYTES * position : WORD_BYTES * (position + count)]

    def _step(self, i: int, a: list[Any]) -> Any:
        op, out = self.program.ops[i], self.result
        match op.code:
            case Code.CONST:
                return op.lo
            case Code.PARAM:
                return int.from_bytes(self._word(op.index[0]), "big")
            case Code.KEY_PARAM:
                return Key(self._word(op.index[0], KEY_WORDS * len(self.program.suites)))
            case Code.CELL:
                return self.cells_before[op.index[0]]
            case Code.OPEN:
                self._open(i, bool(a[0]), a[1], op.index[0])
            case Code.LOAD:
                return self.opened[op.args[0]].before[op.index[0]]
            case Code.REMAINDER:
                dividend, divisor = (out.values[x] for x in self.program.ops[op.args[0]].args)
                return dividend - divisor * out.values[op.args[0]]
            case Code.ASSERT:
                if a[0] != 1:
                    out.broken.append(i)
            case Code.AUTHORIZE:
                if a[0] and not self.signed(self.authorizations, a[1], a[2]):
                    out.broken.append(i)
                self.authorizations += 1
            case Code.STORE:
                port = self.opened[op.args[0]]
                port.after[op.index[0]] = cut(a[1], self.program.maps[port.map].fields[op.index[0]])
                port.written = True
            case Code.STORE_CELL:
                out.cells[op.index[0]] = cut(a[0], self.program.cells[op.index[0]])
            case Code.OUTPUT:
                assert op.lo is not None
                assert op.hi is not None
                out.outputs += encode(a[0], Field("", op.lo, op.hi))
        return None

    def _open(self, i: int, enabled: bool, index: int, map_position: int) -> None:
        place = self.program.maps[map_position]
        index %= 2**place.depth
        zero = Key(bytes(4 * KEY_WORDS * len(self.program.suites)))
        zeros = [zero if f.key else 0 for f in place.fields]
        record = list(self.read(map_position, index)) if enabled else zeros
        self.opened[i] = Port(map_position, index, enabled, record, list(record))
        self.result.ports.append(self.opened[i])


def _within(value: int, lo: int | None, hi: int | None) -> bool:
    assert lo is not None
    assert hi is not None
    return lo <= value <= hi


def cut(value: Any, place: Field) -> Any:
    """A value as it stands in a typed place when whoever writes it does not look at the range."""
    if place.key:
        return value
    return (value - place.lo) % 2 ** (32 * place.words) + place.lo


def encode(value: int, place: Field) -> bytes:
    """The words of a value, cut to them."""
    return int(cut(value, place) - place.lo).to_bytes(WORD_BYTES * place.words, "big")
