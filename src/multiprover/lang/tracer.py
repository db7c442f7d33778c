"""Tracing: a kind run once on symbolic values, which yields its expressions and effects.

The result is per kind; merging the kinds into one slot program is ``multiprover.program``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from multiprover.lang.errors import (
    AccessError,
    DeclarationError,
    KeyUseError,
    LanguageError,
    Location,
    OperandError,
    user_location,
)
from multiprover.lang.transition import KindSpec, Transition, param_views, running
from multiprover.lang.types import NONCE, IntType, Message, Scalar, Storage
from multiprover.lang.values import SymbolicInt, SymbolicKey, fits, lift, truth


@dataclass(slots=True, eq=False)
class RangeEffect:
    """``value`` must lie within the range of ``node``, which stands for it from here on."""

    node: SymbolicInt
    what: str
    location: Location | None


@dataclass(slots=True, eq=False)
class OpenEffect:
    """A state access; ``storage`` holds the record's values as they are at the end of the transaction."""

    map: int
    index: SymbolicInt
    storage: Storage
    location: Location | None


@dataclass(slots=True, eq=False)
class AuthorizeEffect:
    key: SymbolicKey
    nonce: SymbolicInt
    location: Location | None


@dataclass(slots=True, eq=False)
class RequireEffect:
    condition: SymbolicInt
    reason: str
    location: Location | None


@dataclass(slots=True, eq=False)
class EmitEffect:
    message: type[Message]
    values: list[SymbolicInt]
    location: Location | None


Effect = RangeEffect | OpenEffect | AuthorizeEffect | RequireEffect | EmitEffect


@dataclass(slots=True)
class KindTrace:
    """What one kind does: its effects in order, and the cells that it assigned (position → value)."""

    kind: KindSpec
    effects: list[Effect] = field(default_factory=list)
    cells: dict[int, Any] = field(default_factory=dict)


class _SymbolicRun:
    def __init__(self, transition: type[Transition], kind: KindSpec) -> None:
        self.transition = transition
        self.kind = kind
        self.trace = KindTrace(kind)
        self.cell_storage = Storage(
            transition.cell_scalars,
            [leaf("cell", s, i) for i, s in enumerate(transition.cell_scalars)],
            self,
        )

    def fit(self, value: Any, scalar: Scalar) -> Any:
        if not isinstance(scalar.type, IntType):
            if not isinstance(value, SymbolicKey) or value.op != "key_param":
                raise KeyUseError(f"{scalar.name}: only a key that is a parameter can be stored")
            return value
        if isinstance(value, SymbolicKey):
            raise KeyUseError(f"{scalar.name} takes an integer, got a key")
        number = lift(value)
        lo, hi = scalar.type.lo, scalar.type.hi
        if fits(number, scalar, lo, hi):
            return number
        node = SymbolicInt("range", (number,), lo, hi)
        self.trace.effects.append(RangeEffect(node, scalar.name, user_location()))
        return node

    def cell(self, position: int) -> Any:
        return self.cell_storage.values[position]

    def set_cell(self, position: int, value: Any) -> None:
        self.cell_storage.write(position, value)

    def cells(self) -> Storage:
        return self.cell_storage

    def open(self, map_position: int, index: Any) -> Storage:
        spec = self.transition.maps[map_position]
        number = self.fit(index, Scalar(f"{spec.name} index", spec.index))
        for effect in self.trace.effects:
            if isinstance(effect, OpenEffect) and effect.map == map_position and _same(effect.index, number):
                raise AccessError(
                    f"{spec.name} is accessed twice at the same index (first at {effect.location}); "
                    "keep the record in a variable"
                )
        effect = OpenEffect(map_position, number, Storage(spec.layout.scalars, [], self), user_location())
        effect.storage.values = [leaf("load", s, effect, i) for i, s in enumerate(spec.layout.scalars)]
        self.trace.effects.append(effect)
        return effect.storage

    def require(self, condition: Any, reason: str) -> None:
        if not isinstance(reason, str) or not reason:
            raise OperandError("mp.require takes the condition and the reason for a refusal")
        self.trace.effects.append(RequireEffect(truth(condition), reason, user_location()))

    def authorize(self, key: Any, nonce: Any) -> None:
        if self.kind.from_l1:
            raise DeclarationError(
                f"{self.kind.name} comes from L1 and carries no signature: it cannot authorize"
            )
        if not isinstance(key, SymbolicKey) or key.op == "key_param":
            raise KeyUseError("mp.authorize takes a key of the state: a parameter would be anyone's")
        number = self.fit(nonce, NONCE)
        self.trace.effects.append(AuthorizeEffect(key, number, user_location()))

    def emit(self, message: Message) -> None:
        if not isinstance(message, Message):
            raise OperandError("mp.emit takes a mp.Message")
        storage = message._storage
        values = [self.fit(v, s) for v, s in zip(storage.values, storage.scalars, strict=True)]
        self.trace.effects.append(EmitEffect(type(message), values, user_location()))


def leaf(op: str, scalar: Scalar, *index: Any) -> SymbolicInt | SymbolicKey:
    """A value of the state that an expression starts from."""
    if isinstance(scalar.type, IntType):
        return SymbolicInt(op, (), scalar.type.lo, scalar.type.hi, index)
    return SymbolicKey(op, index)


def _same(a: SymbolicInt, b: SymbolicInt) -> bool:
    return a is b or (a.op == b.op == "const" and a.lo == b.lo)


def trace_kind(transition: type[Transition], kind: KindSpec) -> KindTrace:
    """Run ``kind`` on symbolic values.

    Raises:
        LanguageError: the kind cannot be accepted; the error names the line and, where there are, the ranges.
    """
    run = _SymbolicRun(transition, kind)
    # A parameter is its words, offset by its type's least value: what two full words hold may exceed the
    # type.
    flat: list[Any] = []
    for position, scalar in enumerate(kind.scalars):
        if not isinstance(scalar.type, IntType):
            flat.append(SymbolicKey("key_param", (position,)))
            continue
        lo, bits = scalar.type.lo, 32 * scalar.type.words
        raw = SymbolicInt("param", (), lo, lo + 2**bits - 1, (position,))
        if raw.hi == scalar.type.hi:
            flat.append(raw)
            continue
        node = SymbolicInt("range", (raw,), lo, scalar.type.hi)
        run.trace.effects.append(RangeEffect(node, f"parameter {scalar.name}", kind.location))
        flat.append(node)
    with running(run):
        try:
            function: Callable[..., object] = kind.function
            result = function(transition(), *param_views(kind, flat))
        except LanguageError:
            raise
        except (TypeError, AttributeError, ValueError, IndexError, ZeroDivisionError) as error:
            where = raising_line(error, kind.location)
            raise OperandError(f"{kind.name}: {error}", where) from error
    if result is not None:
        raise DeclarationError(f"{kind.name} returns a value; a transaction returns nothing", kind.location)
    if not kind.from_l1 and not any(isinstance(e, AuthorizeEffect) for e in run.trace.effects):
        raise DeclarationError(
            f"{kind.name} is signed by nobody: call mp.authorize, or declare it with @mp.from_l1()",
            kind.location,
        )
    run.trace.cells = {i: run.cell_storage.values[i] for i in sorted(run.cell_storage.dirty)}
    return run.trace


def raising_line(error: BaseException, declared: Location) -> Location:
    """The line of the transition's file in an exception's traceback."""
    found = declared
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == declared.file:
            found = Location(declared.file, step.tb_lineno)
        step = step.tb_next
    return found
