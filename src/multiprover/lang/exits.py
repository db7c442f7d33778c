"""Exits: what an account is worth when a system has halted for good (``@mp.exit``).

An exit is a view of the state, no transaction: it reads the account's record and cells. L1 evaluates it
itself, on a record and cells that the leaving user opens against the last final roots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from multiprover.lang.concrete import StateReader
from multiprover.lang.errors import AccessError, DeclarationError, LanguageError, OperandError
from multiprover.lang.tracer import leaf, raising_line
from multiprover.lang.transition import ExitSpec, Transition, running
from multiprover.lang.types import Storage
from multiprover.lang.values import SymbolicInt, lift


@dataclass(frozen=True)
class ExitTrace:
    """An exit as an expression over the record (``load`` nodes, ``index`` the field) and the cells.

    Attributes:
        map: the map whose record it reads.
        value: may be negative, which counts as 0.
    """

    spec: ExitSpec
    map: int
    value: SymbolicInt


class _Source(Protocol):
    def cells(self) -> list[Any]: ...
    def record(self, map_position: int) -> list[Any]: ...


class _ViewRun:
    """The run of an exit: it opens the account's record once and refuses all that is no reading."""

    def __init__(self, transition: type[Transition], spec: ExitSpec, account: Any, source: _Source) -> None:
        self.transition = transition
        self.spec = spec
        self.account = account
        self.source = source
        self.map: int | None = None
        self._cells = Storage(transition.cell_scalars, source.cells(), self)

    def _only_reads(self, what: str) -> NoReturn:
        raise AccessError(f"{self.spec.name} is an exit, which only reads: it cannot {what}")

    def fit(self, *_: Any, **__: Any) -> NoReturn:
        self._only_reads("assign")

    def set_cell(self, *_: Any, **__: Any) -> NoReturn:
        self._only_reads("assign")

    def require(self, *_: Any, **__: Any) -> NoReturn:
        self._only_reads("require anything")

    def authorize(self, *_: Any, **__: Any) -> NoReturn:
        self._only_reads("authorize")

    def emit(self, *_: Any, **__: Any) -> NoReturn:
        self._only_reads("emit")

    def cell(self, position: int) -> Any:
        return self._cells.values[position]

    def cells(self) -> Storage:
        return self._cells

    def open(self, map_position: int, index: Any) -> Storage:
        spec = self.transition.maps[map_position]
        if index is not self.account:
            raise AccessError(f"an exit opens {spec.name} at the account's number, and nothing else")
        if self.map is not None:
            raise AccessError("an exit opens one record: keep it in a variable")
        if self.spec.index.hi > spec.index.hi:
            raise DeclarationError(
                f"{self.spec.name}: accounts are numbered by {self.spec.index}, {spec.name} by {spec.index}",
                self.spec.location,
            )
        self.map = map_position
        return Storage(spec.layout.scalars, self.source.record(map_position), self)

    def run(self) -> Any:
        function: Callable[..., Any] = self.spec.function
        with running(self):
            try:
                value = function(self.transition(), self.account)
            except LanguageError:
                raise
            except (TypeError, AttributeError, ValueError, IndexError, ZeroDivisionError) as error:
                where = raising_line(error, self.spec.location)
                raise OperandError(f"{self.spec.name}: {error}", where) from error
        if self.map is None:
            raise DeclarationError(f"{self.spec.name} does not read the account's record", self.spec.location)
        return value


@dataclass(frozen=True)
class _Leaves:
    transition: type[Transition]

    def cells(self) -> list[Any]:
        return [leaf("cell", s, i) for i, s in enumerate(self.transition.cell_scalars)]

    def record(self, map_position: int) -> list[Any]:
        scalars = self.transition.maps[map_position].layout.scalars
        return [leaf("load", s, i) for i, s in enumerate(scalars)]


@dataclass(frozen=True)
class _Values:
    state: StateReader
    account: int

    def cells(self) -> list[Any]:
        return list(self.state.read_cells())

    def record(self, map_position: int) -> list[Any]:
        return list(self.state.read_record(map_position, self.account))


def trace_exit(transition: type[Transition], spec: ExitSpec) -> ExitTrace:
    """The exit as an expression.

    Raises:
        LanguageError: it does more than read one record and cells; the error names the line.
    """
    account = SymbolicInt("param", (), 0, spec.index.hi, (0,))
    run = _ViewRun(transition, spec, account, _Leaves(transition))
    value = run.run()
    assert run.map is not None
    return ExitTrace(spec, run.map, lift(value))


def exit_value(transition: type[Transition], spec: ExitSpec, state: StateReader, account: int) -> int:
    """What ``account`` gets in the exit's asset, by running the transition's Python; at least 0.

    Raises:
        LanguageError: the exit does more than read one record and cells.
    """
    value = _ViewRun(transition, spec, account, _Values(state, account)).run()
    if not isinstance(value, int):
        raise OperandError(f"{spec.name}: expected an integer, got {type(value).__name__}", spec.location)
    return max(int(value), 0)
