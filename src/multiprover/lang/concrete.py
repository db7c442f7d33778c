"""A transition run on Python's integers: one transaction on one state.

This is what the sequencer and the enclave do. It never sees the program. A kind that can be refused raises
:class:`Refused` at the line that refuses. A ``from_l1`` kind cannot be refused: it runs to its end, the
failure is noted, and whoever runs it drops its writes and messages; until then every value that did not fit
counts as 0, as it does in the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from multiprover.lang.errors import AccessError, LanguageError, OperandError, Refused, user_location
from multiprover.lang.transition import KindSpec, Transition, param_views, running
from multiprover.lang.types import NONCE, IntType, Key, Message, Scalar, Storage


class StateReader(Protocol):
    """The state before the transaction."""

    def read_cells(self) -> Sequence[Any]:
        """Every cell's scalars, in order."""
        ...

    def read_record(self, map_position: int, index: int) -> Sequence[Any]:
        """The scalars of one record, in order."""
        ...

    def initial_record(self, map_position: int) -> Sequence[Any]:
        """The scalars of a record that was never written."""
        ...


class Access:
    """One state access of a transaction: which record, and its scalars, before and after."""

    __slots__ = ("before", "index", "map", "storage")

    def __init__(self, map_position: int, index: int, before: Sequence[Any], storage: Storage) -> None:
        self.map = map_position
        self.index = index
        self.before = before
        self.storage = storage


Authorize = Callable[[int, Key, int], None]
"""Called for the ``n``-th ``authorize`` with the key and the nonce; raises to refuse."""


class ConcreteRun:
    """The run of one transaction and, afterwards, what it did.

    Attributes:
        accesses: the state accesses, in order; None for one that would have read a record twice.
        cell_storage: the cells after it.
        messages: emitted messages, in order.
        refused: the first failure, or None.
    """

    def __init__(
        self, transition: type[Transition], kind: KindSpec, state: StateReader, authorize: Authorize
    ) -> None:
        self.transition = transition
        self.kind = kind
        self.accesses: list[Access | None] = []
        self.messages: list[Message] = []
        self.refused: Refused | None = None
        self.authorizations: list[tuple[Key, int]] = []
        self.cells_before = state.read_cells()
        self.cell_storage = Storage(transition.cell_scalars, list(self.cells_before), self)
        self._state = state
        self._authorize = authorize
        self._running = False
        self._failure: Exception | None = None
        self._opened: set[tuple[int, int]] = set()

    def execute(self, arguments: Sequence[Any]) -> None:
        """Run the kind's function on flat parameter values.

        Raises:
            Refused: the transaction is refused.
            OperandError: an argument is not of its parameter's type at all.
        """
        flat = [self.fit(v, s) for v, s in zip(arguments, self.kind.scalars, strict=True)]
        self._running = True
        try:
            with running(self):
                self.kind.function(self.transition(), *param_views(self.kind, flat))
        except LanguageError as error:
            raise AccessError(f"{self.kind.name}: {error.message}", error.location) from error
        # Caught by the transition or not: a state that cannot be read or a signature that does not verify
        # ends it, and the program's assertion would not hold.
        if self._failure is not None:
            raise self._failure
        if self.refused is not None and not self.kind.from_l1:
            raise self.refused

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Keep what the state or the authorizer raises."""
        try:
            yield
        except Exception as error:
            if self._failure is None:
                self._failure = error
            raise

    def _refuse(self, reason: str) -> None:
        here = user_location() if self._running else None
        refusal = Refused(reason, here or self.kind.location)
        if self.refused is None:
            self.refused = refusal
        if not self.kind.from_l1:
            raise refusal

    # -- the run's protocol

    def fit(self, value: Any, scalar: Scalar) -> Any:
        if not isinstance(scalar.type, IntType):
            if not isinstance(value, Key):
                raise OperandError(f"{scalar.name} takes a key, got {type(value).__name__}")
            return value
        if not isinstance(value, int):
            raise OperandError(f"{scalar.name} takes an integer, got {type(value).__name__}")
        if scalar.type.lo <= value <= scalar.type.hi:
            return value
        self._refuse(
            f"{scalar.name} takes {scalar.type} [{scalar.type.lo}, {scalar.type.hi}], the value is {value}"
        )
        return 0

    def cell(self, position: int) -> Any:
        return self.cell_storage.values[position]

    def set_cell(self, position: int, value: Any) -> None:
        self.cell_storage.write(position, value)

    def cells(self) -> Storage:
        return self.cell_storage

    def open(self, map_position: int, index: Any) -> Storage:
        spec = self.transition.maps[map_position]
        index = self.fit(index, Scalar(f"{spec.name} index", spec.index))
        scalars = spec.layout.scalars
        if (map_position, index) in self._opened:
            self._refuse(f"{spec.name}[{index}] is accessed twice in one transaction")
            self.accesses.append(None)
            with self._asking():
                return Storage(scalars, list(self._state.initial_record(map_position)), self)
        self._opened.add((map_position, index))
        with self._asking():
            before = self._state.read_record(map_position, index)
        storage = Storage(scalars, list(before), self)
        self.accesses.append(Access(map_position, index, before, storage))
        return storage

    def require(self, condition: Any, reason: str) -> None:
        if not condition:
            self._refuse(reason)

    def authorize(self, key: Any, nonce: Any) -> None:
        nonce = self.fit(nonce, NONCE)
        position = len(self.authorizations)
        self.authorizations.append((key, nonce))
        with self._asking():
            try:
                self._authorize(position, key, nonce)
            except Refused as refusal:
                self._refuse(refusal.reason)

    def emit(self, message: Message) -> None:
        for value, scalar in zip(message._storage.values, message._storage.scalars, strict=True):
            self.fit(value, scalar)
        self.messages.append(message)
