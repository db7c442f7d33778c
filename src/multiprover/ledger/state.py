"""The whole state of a ledger: records and cells, and under every suite the trees that commit to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from multiprover.lang.types import Key
from multiprover.ledger.codec import KEY_BYTES, encode_fields, key_parts, typed_ints
from multiprover.program import Program
from multiprover.suites import Suite, get

Record = tuple[Any, ...]


@dataclass(frozen=True)
class Opening:
    """A record before a slot, and under each suite the siblings of its leaf (32 bytes each, from the leaf
    up).
    """

    values: Record
    siblings: tuple[bytes, ...]


@dataclass(frozen=True)
class Roots:
    """What each suite's root is made of: its map roots, and the root itself."""

    maps: tuple[tuple[bytes, ...], ...]
    roots: tuple[bytes, ...]


def initial_record(program: Program, map_position: int) -> Record:
    """A record that was never written: integers 0, keys zero bytes."""
    zero = Key(bytes(KEY_BYTES * len(program.suites)))
    return tuple(zero if f.key else 0 for f in program.maps[map_position].fields)


def leaf(program: Program, suite: int, native: Suite, map_position: int, values: Sequence[Any]) -> bytes:
    """A record's leaf under one suite."""
    fields = program.maps[map_position].fields
    return native.leaf(map_position, typed_ints(fields, values), key_parts(fields, values, suite))


def state_root(
    program: Program, suite: int, native: Suite, cells: Sequence[Any], map_roots: Sequence[bytes]
) -> bytes:
    """The root of the state under one suite."""
    return native.state_root(
        typed_ints(program.cells, cells), key_parts(program.cells, cells, suite), list(map_roots)
    )


class State:
    """Records and cells in memory, and their trees. Not safe for use by several threads.

    ``changed`` holds (map, index) of the records written since whoever keeps them last cleared it.
    """

    def __init__(
        self,
        program: Program,
        cells: Sequence[Any] | None = None,
        records: Iterable[tuple[int, int, Record]] = (),
    ) -> None:
        """A state with the given cells (default: all 0) and records (map, index, values)."""
        self.program = program
        self.suites = [get(name) for name in program.suites]
        zero = Key(bytes(KEY_BYTES * len(program.suites)))
        self.cells: list[Any] = (
            list(cells) if cells is not None else [zero if c.key else 0 for c in program.cells]
        )
        self.records: dict[tuple[int, int], Record] = {}
        self.changed: set[tuple[int, int]] = set()
        self._initial = [initial_record(program, m) for m in range(len(program.maps))]
        self._trees = [
            [
                native.tree(m.depth, leaf(program, s, native, i, self._initial[i]))
                for i, m in enumerate(program.maps)
            ]
            for s, native in enumerate(self.suites)
        ]
        for map_position, index, values in records:
            self.write(map_position, index, values)
        self.changed.clear()

    # -- reading, as the executor does

    def read_cells(self) -> Sequence[Any]:
        return self.cells

    def read_record(self, map_position: int, index: int) -> Record:
        return self.records.get((map_position, index), self._initial[map_position])

    def initial_record(self, map_position: int) -> Record:
        return self._initial[map_position]

    # -- writing

    def write(self, map_position: int, index: int, values: Sequence[Any]) -> None:
        self.records[map_position, index] = tuple(values)
        self.changed.add((map_position, index))
        for s, native in enumerate(self.suites):
            self._trees[s][map_position].set(index, leaf(self.program, s, native, map_position, values))

    def copy(self) -> State:
        """The same state, apart from this one."""
        records = ((m, i, values) for (m, i), values in self.records.items())
        return State(self.program, self.cells, records)

    def opening(self, map_position: int, index: int) -> Opening:
        """The record at ``index`` and its siblings, as the state stands."""
        return Opening(
            self.read_record(map_position, index),
            tuple(trees[map_position].siblings(index) for trees in self._trees),
        )

    def roots(self) -> Roots:
        maps = tuple(tuple(tree.root for tree in trees) for trees in self._trees)
        return Roots(
            maps,
            tuple(
                state_root(self.program, s, native, self.cells, maps[s])
                for s, native in enumerate(self.suites)
            ),
        )

    def cell_words(self) -> bytes:
        """The words of the integer cells."""
        return encode_fields(zip(self.program.cells, self.cells, strict=True))
