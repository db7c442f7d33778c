"""Symbolic values: what a transition computes with while it is traced.

A value is a node of an expression graph with a static range; operators make new nodes and compute their
ranges by interval arithmetic. Nothing wraps: a range that could leave ``[-2^127, 2^127 - 1]`` is refused
where it arises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from multiprover.lang.errors import (
    DivisorError,
    KeyUseError,
    OperandError,
    RangeOverflowError,
    SymbolicBranchError,
)
from multiprover.lang.types import Scalar, Storage

VALUE_MIN = -(2**127)
VALUE_MAX = 2**127 - 1


class _Unknown:
    """What cannot be had of a value before a transaction runs, although Python has it of any object.

    Each of these would answer, and the answer would be about the expression instead of the value.
    """

    __slots__ = ()

    def __hash__(self) -> int:
        raise OperandError(
            "this value is known only when a transaction runs: it cannot be looked up in a set or dict; "
            "compare with == and use mp.any_of or mp.select"
        )

    def __str__(self) -> str:
        raise OperandError(
            "this value is known only when a transaction runs: it has no text (the reason of a mp.require is "
            "constant; repr shows its range)"
        )

    def __format__(self, _: str) -> str:
        return str(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise OperandError(f"a value of a transaction has no {name!r}")


class SymbolicInt(_Unknown):
    """An integer of a transaction. ``op`` is the operation, ``args`` its operands, ``index`` its
    immediates.
    """

    __slots__ = ("args", "hi", "index", "lo", "op")
    lo: int
    hi: int

    def __init__(self, op: str, args: tuple[Any, ...], lo: int, hi: int, index: tuple[Any, ...] = ()) -> None:
        if lo < VALUE_MIN or hi > VALUE_MAX:
            operands = ", ".join(f"[{a.lo}, {a.hi}]" for a in args if isinstance(a, SymbolicInt))
            raise RangeOverflowError(
                f"{op} of values within {operands} may reach [{lo}, {hi}], outside ±2^127; "
                "use narrower types, or divide first"
            )
        self.op = op
        self.args = args
        self.index = index
        self.lo = lo
        self.hi = hi

    # -- arithmetic

    def __add__(self, other: object) -> SymbolicInt:
        b = lift(other)
        return SymbolicInt("add", (self, b), self.lo + b.lo, self.hi + b.hi)

    def __sub__(self, other: object) -> SymbolicInt:
        b = lift(other)
        return SymbolicInt("sub", (self, b), self.lo - b.hi, self.hi - b.lo)

    def __mul__(self, other: object) -> SymbolicInt:
        b = lift(other)
        corners = [x * y for x in (self.lo, self.hi) for y in (b.lo, b.hi)]
        return SymbolicInt("mul", (self, b), min(corners), max(corners))

    def __neg__(self) -> SymbolicInt:
        return lift(0) - self

    def __pos__(self) -> SymbolicInt:
        return self

    def __radd__(self, other: object) -> SymbolicInt:
        return lift(other) + self

    def __rsub__(self, other: object) -> SymbolicInt:
        return lift(other) - self

    def __rmul__(self, other: object) -> SymbolicInt:
        return lift(other) * self

    def __divmod__(self, other: object) -> tuple[SymbolicInt, SymbolicInt]:
        b = lift(other)
        if b.lo < 1:
            raise DivisorError(
                f"the divisor lies within [{b.lo}, {b.hi}] and may not be positive; "
                "divide by a value of a type or mp.max(…, 1) that is at least 1"
            )
        lo = self.lo // b.lo if self.lo < 0 else self.lo // b.hi
        hi = self.hi // b.hi if self.hi < 0 else self.hi // b.lo
        quotient = SymbolicInt("divmod", (self, b), lo, hi)
        top = min(b.hi - 1, self.hi) if self.lo >= 0 else b.hi - 1
        return quotient, SymbolicInt("remainder", (quotient,), 0, top)

    def __floordiv__(self, other: object) -> SymbolicInt:
        return divmod(self, other)[0]

    def __mod__(self, other: object) -> SymbolicInt:
        return divmod(self, other)[1]

    def __rdivmod__(self, other: object) -> tuple[SymbolicInt, SymbolicInt]:
        return divmod(lift(other), self)

    def __rfloordiv__(self, other: object) -> SymbolicInt:
        return lift(other) // self

    def __rmod__(self, other: object) -> SymbolicInt:
        return lift(other) % self

    # -- comparison: booleans are integers within [0, 1]

    def __eq__(self, other: object) -> SymbolicInt:  # type: ignore[override]
        return SymbolicInt("eq", (self, lift(other)), 0, 1)

    def __ne__(self, other: object) -> SymbolicInt:  # type: ignore[override]
        return negate(self == other)

    def __lt__(self, other: object) -> SymbolicInt:
        return SymbolicInt("lt", (self, lift(other)), 0, 1)

    def __gt__(self, other: object) -> SymbolicInt:
        return lift(other) < self

    def __le__(self, other: object) -> SymbolicInt:
        return negate(lift(other) < self)

    def __ge__(self, other: object) -> SymbolicInt:
        return negate(self < other)

    __hash__ = _Unknown.__hash__  # Python drops it where __eq__ is defined

    def __and__(self, other: object) -> SymbolicInt:
        return SymbolicInt("and", (truth(self), truth(other)), 0, 1)

    def __or__(self, other: object) -> SymbolicInt:
        return SymbolicInt("or", (truth(self), truth(other)), 0, 1)

    __rand__ = __and__
    __ror__ = __or__

    # -- what cannot be had of a value that is not known yet

    def __bool__(self) -> bool:
        raise SymbolicBranchError(
            f"this value is known only when a transaction runs (it lies within [{self.lo}, {self.hi}]): "
            "Python's if, and, or, not and chained comparisons cannot use it; use mp.select or mp.require, "
            "mp.all_of, mp.any_of, mp.negate"
        )

    def __index__(self) -> int:
        raise SymbolicBranchError(
            "this value is known only when a transaction runs; it cannot be a Python index"
        )

    def __iter__(self) -> NoReturn:
        raise OperandError("an integer of a transaction cannot be iterated over")

    def __float__(self) -> float:
        raise OperandError("the language has integers only")

    def __truediv__(self, other: object) -> NoReturn:
        raise OperandError("the language has integers only: use // or mp.divmod")

    __rtruediv__ = __truediv__

    def _no_operator(self, *_: object) -> NoReturn:
        raise OperandError("this operator is not in the language; use + - * // % and comparisons")

    __pow__ = __rpow__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _no_operator
    __xor__ = __rxor__ = __invert__ = __matmul__ = __rmatmul__ = _no_operator

    def __abs__(self) -> SymbolicInt:
        opposite = -self
        least = 0 if self.lo < 0 < self.hi else min(abs(self.lo), abs(self.hi))
        return SymbolicInt("max", (self, opposite), least, max(self.hi, opposite.hi))

    def __repr__(self) -> str:
        return f"<{self.op} within [{self.lo}, {self.hi}]>"

    # -- a value as the index of an array

    def indexing(self, length: int) -> SymbolicIndex:
        if self.lo < 0 or self.hi >= length:
            raise RangeOverflowError(
                f"the index lies within [{self.lo}, {self.hi}], the array has elements 0 to {length - 1}"
            )
        return SymbolicIndex(self, length)


class SymbolicIndex:
    """An array position known only when a transaction runs."""

    __slots__ = ("hits",)

    def __init__(self, index: SymbolicInt, length: int) -> None:
        # The last element needs no comparison: it is the one that is left.
        self.hits = [index == i for i in range(length - 1)]

    def pick(self, values: Sequence[Any]) -> Any:
        picked = values[-1]
        for hit, value in zip(reversed(self.hits), reversed(values[:-1]), strict=True):
            picked = select(hit, value, picked)
        return picked

    def write(self, storage: Storage, bases: tuple[int, ...], value: Any) -> None:
        fitted = storage.run.fit(value, storage.scalars[bases[0]])
        missed: SymbolicInt = lift(1)
        for hit, base in zip([*self.hits, None], bases, strict=True):
            chosen = missed if hit is None else hit
            storage.write(base, select(chosen, fitted, storage.values[base]))
            if hit is not None:
                missed = missed & negate(hit)


class SymbolicKey(_Unknown):
    """A hybrid public key of a transaction: loaded from the state, or a parameter."""

    __slots__ = ("index", "op")
    args = ()

    def __init__(self, op: str, index: tuple[Any, ...]) -> None:
        self.op = op
        self.index = index

    def _refuse(self, *_: object) -> NoReturn:
        raise KeyUseError(
            "a key can be stored when it is a parameter, and authorize when it is stored; it cannot be "
            "compared or computed with (keep a flag in the record beside it)"
        )

    __eq__ = __ne__ = __lt__ = __bool__ = _refuse
    __hash__ = _Unknown.__hash__

    def __repr__(self) -> str:
        return f"<{self.op}>"


def lift(value: object) -> SymbolicInt:
    """A Python integer or boolean as a constant; a symbolic one as itself."""
    if isinstance(value, SymbolicInt):
        return value
    if isinstance(value, int):
        return SymbolicInt("const", (), int(value), int(value))
    raise OperandError(f"expected an integer of the language, got {type(value).__name__} {value!r}")


def truth(value: object) -> SymbolicInt:
    """``value`` as a boolean.

    Raises:
        OperandError: it may be other than 0 and 1.
    """
    v = lift(value)
    if v.lo < 0 or v.hi > 1:
        raise OperandError(f"expected a condition (0 or 1), got a value within [{v.lo}, {v.hi}]")
    return v


def negate(value: object) -> SymbolicInt:
    return SymbolicInt("not", (truth(value),), 0, 1)


def select(condition: object, then: object, otherwise: object) -> SymbolicInt:
    c, a, b = truth(condition), lift(then), lift(otherwise)
    return SymbolicInt("select", (c, a, b), min(a.lo, b.lo), max(a.hi, b.hi))


def fits(value: SymbolicInt, scalar: Scalar, lo: int, hi: int) -> bool:
    """Whether ``value`` certainly lies within ``[lo, hi]``.

    Raises:
        RangeOverflowError: it certainly does not.
    """
    if value.hi < lo or value.lo > hi:
        raise RangeOverflowError(
            f"{scalar.name} takes {scalar.type} [{lo}, {hi}], "
            f"but the value lies within [{value.lo}, {value.hi}]"
        )
    return lo <= value.lo and value.hi <= hi
