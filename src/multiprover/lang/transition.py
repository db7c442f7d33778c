"""Transitions: the class that a user writes, its state and its kinds of transaction.

The same class runs in two ways. Concretely (:class:`~multiprover.lang.concrete.ConcreteRun`), its integers
are Python's; that is what the sequencer and the enclave do. Symbolically
(:func:`~multiprover.lang.tracer.trace_kind`), they are :class:`~multiprover.lang.values.SymbolicInt`; that
gives the program. A **run** stands behind every state access and every ``mp.`` function and decides what it
means.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import GenericAlias
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    NoReturn,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    overload,
)

from multiprover.lang.errors import AccessError, DeclarationError, FieldError, Location, unmissable
from multiprover.lang.types import (
    IntType,
    Layout,
    Message,
    Record,
    Scalar,
    Storage,
    dotted,
    layout_of,
    resolve_hints,
)
from multiprover.lang.values import SymbolicInt, lift
from multiprover.lang.values import negate as _negate
from multiprover.lang.values import select as _select

MAX_DEPTH = 32


class Run(Protocol):
    """What a run of one transaction provides to the transition."""

    def fit(self, value: Any, scalar: Scalar) -> Any: ...
    def cell(self, position: int) -> Any: ...
    def set_cell(self, position: int, value: Any) -> None: ...
    def cells(self) -> Any: ...
    def open(self, map_position: int, index: Any) -> Any: ...
    def require(self, condition: Any, reason: str) -> None: ...
    def authorize(self, key: Any, nonce: Any) -> None: ...
    def emit(self, message: Message) -> None: ...


_run: ContextVar[Run | None] = ContextVar("multiprover_run", default=None)


@contextmanager
def running(run: Run) -> Iterator[None]:
    token = _run.set(run)
    try:
        with unmissable():
            yield
    finally:
        _run.reset(token)


def _current() -> Run:
    run = _run.get()
    if run is None:
        raise AccessError("this is only possible inside a transaction of a transition")
    return run


# -- what a transition calls


def require(condition: bool, reason: str) -> None:
    """Refuse the transaction, for ``reason``, unless ``condition`` holds."""
    _current().require(condition, reason)


def authorize(key: Any, nonce: int) -> None:
    """Demand a signature of the transaction under ``key``, in every suite, made for ``nonce`` (0 to 2^64 -
    1).

    A nonce must never come twice under one key: require that it is the account's, and raise that.
    """
    _current().authorize(key, nonce)


def emit(message: Message) -> None:
    """Send ``message`` to L1 with the batch."""
    _current().emit(message)


def select(condition: bool, then: int, otherwise: int) -> int:
    """``then`` if ``condition`` holds, else ``otherwise``; both are computed."""
    if (
        isinstance(condition, SymbolicInt)
        or isinstance(then, SymbolicInt)
        or isinstance(otherwise, SymbolicInt)
    ):
        return _select(condition, then, otherwise)
    return then if condition else otherwise


def negate(condition: bool) -> bool:
    """The opposite of ``condition``."""
    return _negate(condition) if isinstance(condition, SymbolicInt) else not condition


def all_of(*conditions: bool) -> bool:
    """Whether every condition holds."""
    result: Any = True
    for condition in conditions:
        symbolic = isinstance(condition, SymbolicInt) or isinstance(result, SymbolicInt)
        result = lift(condition) & result if symbolic else bool(condition) and result
    return result  # type: ignore[no-any-return]


def any_of(*conditions: bool) -> bool:
    """Whether at least one condition holds."""
    result: Any = False
    for condition in conditions:
        symbolic = isinstance(condition, SymbolicInt) or isinstance(result, SymbolicInt)
        result = lift(condition) | result if symbolic else bool(condition) or result
    return result  # type: ignore[no-any-return]


def min(a: int, b: int) -> int:
    """The lesser of two values; its range is narrowed accordingly."""
    if isinstance(a, SymbolicInt) or isinstance(b, SymbolicInt):
        x, y = lift(a), lift(b)
        return SymbolicInt("min", (x, y), builtins.min(x.lo, y.lo), builtins.min(x.hi, y.hi))
    return builtins.min(a, b)


def max(a: int, b: int) -> int:
    """The greater of two values; its range is narrowed accordingly."""
    if isinstance(a, SymbolicInt) or isinstance(b, SymbolicInt):
        x, y = lift(a), lift(b)
        return SymbolicInt("max", (x, y), builtins.max(x.lo, y.lo), builtins.max(x.hi, y.hi))
    return builtins.max(a, b)


def abs(a: int) -> int:
    """The absolute value."""
    return builtins.abs(a)


def divmod(a: int, b: int) -> tuple[int, int]:
    """Floor division and its remainder, as Python's; the divisor's range must lie above 0."""
    return builtins.divmod(a, b)


# -- what a transition declares

_V = TypeVar("_V")
_I = TypeVar("_I")


class Cell(Generic[_V]):
    """A scalar (or a record, or an array) of the state outside the maps: ``supply: mp.Cell[mp.u64]``."""

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type) -> _V: ...
        def __set__(self, instance: object, value: _V) -> None: ...
    else:

        def __class_getitem__(cls, item: Any) -> Any:
            return GenericAlias(cls, item)


class Map(Generic[_I, _V]):
    """Records by index: ``accounts: mp.Map[mp.u20, Account]``, a sparse Merkle tree of depth 20."""

    if TYPE_CHECKING:

        def __getitem__(self, index: _I) -> _V: ...
    else:

        def __class_getitem__(cls, item: Any) -> Any:
            return GenericAlias(cls, item)


@dataclass(frozen=True)
class CellSpec:
    """A cell: its layout and the position of its first scalar among all cells'."""

    name: str
    layout: Layout
    base: int

    def __get__(self, instance: Transition | None, owner: type) -> Any:
        if instance is None:
            return self
        run = _current()
        if self.layout.scalar is not None:
            return run.cell(self.base)
        return self.layout.view(run.cells(), (self.base,))

    def __set__(self, instance: Transition, value: Any) -> None:
        if self.layout.scalar is None:
            raise AccessError(f"{self.name} is assigned field by field, not as a whole")
        _current().set_cell(self.base, value)


@dataclass(frozen=True)
class MapSpec:
    """A map: its position among the maps, its index type and its record."""

    name: str
    position: int
    index: IntType
    depth: int
    record: type[Record]
    layout: Layout

    def __get__(self, instance: Transition | None, owner: type) -> Any:
        return self

    def __set__(self, instance: Transition, value: Any) -> None:
        raise AccessError(f"{self.name} is a map: assign fields of its records")

    def __getitem__(self, index: Any) -> Any:
        return self.layout.view(_current().open(self.position, index), (0,))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise AccessError(f"a record of {self.name} is assigned field by field, not as a whole")


@dataclass(frozen=True)
class Param:
    """A parameter of a kind."""

    name: str
    layout: Layout


@dataclass(frozen=True)
class KindSpec:
    """A kind of transaction. ``number`` is its place in a slot's first word; 0 is ``noop``."""

    name: str
    number: int
    function: Callable[..., None]
    params: tuple[Param, ...]
    scalars: tuple[Scalar, ...]
    from_l1: bool
    rules: L1Rules
    location: Location


@dataclass(frozen=True)
class L1Rules:
    """What L1 demands of whoever puts a transaction into its queue: names of the kind's parameters."""

    operator_only: bool = False
    value: str | None = None
    asset: str | None = None
    registers: str | None = None
    owner: str | None = None


@dataclass(frozen=True)
class ExitSpec:
    """What an account is worth in one asset when the system has halted for good.

    Attributes:
        asset: 0 for L1's coin, else the number of a listed token.
        index: the type of the account's number.
    """

    name: str
    function: Callable[..., Any]
    asset: int
    index: IntType
    location: Location


@dataclass(frozen=True)
class _Mark:
    from_l1: bool = False
    rules: L1Rules = L1Rules()


_F = TypeVar("_F", bound=Callable[..., None])
_E = TypeVar("_E", bound=Callable[..., int])


def transaction(function: _F) -> _F:
    """Declare a kind of transaction; its parameters are annotated with types of the language."""
    function._multiprover_mark = _Mark()  # type: ignore[attr-defined]
    return function


def from_l1(
    *,
    operator_only: bool = False,
    value: str | None = None,
    asset: str | None = None,
    registers: str | None = None,
    owner: str | None = None,
) -> Callable[[_F], _F]:
    """Declare a kind that comes from the settlement contract's queue and carries no signature.

    It cannot be refused, since L1 has taken it in: where a ``require`` of it fails, or a value does not
    fit, it has no effect.

    Args:
        operator_only: only the operator may enqueue it.
        value: name of a ``u64`` parameter that must equal what is paid with it, in units of the asset (gwei
            for L1's coin).
        asset: name of an unsigned parameter of one word: what is paid, 0 for L1's coin, else the number of a
            listed token. Without it only L1's coin can be paid.
        registers: name of the parameter with the number of the account that it opens. Where it took effect,
            whoever enqueued it owns the account on L1.
        owner: name of the parameter with the number of the account that it disposes of: only the account's
            owner on L1 may enqueue it. **Without** ``owner`` **or** ``operator_only`` **anybody may.**
    """

    def mark(function: _F) -> _F:
        rules = L1Rules(operator_only, value, asset, registers, owner)
        function._multiprover_mark = _Mark(True, rules)  # type: ignore[attr-defined]
        return function

    return mark


@overload
def exit(function: _E) -> _E: ...
@overload
def exit(*, asset: int) -> Callable[[_E], _E]: ...
def exit(function: Any = None, *, asset: int = 0) -> Any:
    """Declare what an account is worth, in the asset's unit, when users leave a system that has halted.

    The method takes the account's number, reads that one record and cells, and returns an integer; a negative
    one counts as 0. It writes nothing and requires nothing. ``@mp.exit`` alone is L1's coin.

    Args:
        asset: 0 for L1's coin, else the number of a listed token.
    """

    def mark(function: Any) -> Any:
        function._multiprover_exit = asset
        return function

    return mark if function is None else mark(function)


class Transition:
    """A state transition: subclass it, annotate the state, and write its kinds of transaction.

    Kinds that several transitions share stand in plain classes beside it, ``class Token(mp.KeyRotation,
    mp.Transition)``; they follow its own, and state is declared by the transition alone.
    """

    cells: ClassVar[tuple[CellSpec, ...]] = ()
    maps: ClassVar[tuple[MapSpec, ...]] = ()
    kinds: ClassVar[tuple[KindSpec, ...]] = ()
    exits: ClassVar[tuple[ExitSpec, ...]] = ()
    cell_scalars: ClassVar[tuple[Scalar, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if any(issubclass(b, Transition) and b is not Transition for b in cls.__bases__):
            # The positions of its state would be given out a second time.
            raise DeclarationError(f"{cls.__name__} extends a transition; declare its state and kinds anew")
        cells: list[CellSpec] = []
        maps: list[MapSpec] = []
        width = 0
        for name, hint in resolve_hints(cls).items():
            what = f"{cls.__name__}.{name}"
            if get_origin(hint) is Cell:
                cells.append(CellSpec(name, layout_of(get_args(hint)[0], what), width))
                width += cells[-1].layout.size
                setattr(cls, name, cells[-1])
            elif get_origin(hint) is Map:
                maps.append(_map_spec(name, hint, len(maps), what))
                setattr(cls, name, maps[-1])
            elif get_origin(hint) is not ClassVar and hint is not ClassVar:
                raise DeclarationError(f"{what}: state is declared as mp.Map[…] or mp.Cell[…], got {hint!r}")
        if not cells and not maps:
            raise DeclarationError(f"{cls.__name__} declares no state")
        methods = _methods(cls)
        functions = [f for f in methods if hasattr(f, "_multiprover_mark")]
        cls.cells, cls.maps, cls.cell_scalars = tuple(cells), tuple(maps), _flat(cells)
        cls.kinds = tuple(_kind_spec(f, i + 1) for i, f in enumerate(functions))
        cls.exits = tuple(_exit_spec(f) for f in methods if hasattr(f, "_multiprover_exit"))
        if len({e.asset for e in cls.exits}) != len(cls.exits):
            raise DeclarationError(f"{cls.__name__} declares two exits of one asset", cls.exits[-1].location)
        if not cls.kinds:
            raise DeclarationError(f"{cls.__name__} declares no transaction (@mp.transaction)")

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(getattr(type(self), name, None), "__set__"):
            raise FieldError(f"{type(self).__name__} has no state {name!r}; declare it as mp.Cell[…]")
        super().__setattr__(name, value)

    @classmethod
    def kind(cls, name: str) -> KindSpec:
        """The kind of that name.

        Raises:
            DeclarationError: there is none.
        """
        for spec in cls.kinds:
            if spec.name == name:
                return spec
        known = ", ".join(k.name for k in cls.kinds)
        raise DeclarationError(f"{cls.__name__} has no kind {name!r}; it has {known}")


def _map_spec(name: str, hint: Any, position: int, what: str) -> MapSpec:
    index_hint, record = get_args(hint)
    index = layout_of(index_hint, f"{what} index").scalar
    depth = index.hi.bit_length() if isinstance(index, IntType) else 0
    if not isinstance(index, IntType) or index.lo != 0 or not 1 <= depth <= MAX_DEPTH:
        raise DeclarationError(f"{what}: a map's index is one of mp.u1 … mp.u{MAX_DEPTH}, got {index_hint!r}")
    if not (isinstance(record, type) and issubclass(record, Record)):
        raise DeclarationError(f"{what}: a map holds a mp.Record, got {record!r}")
    return MapSpec(name, position, index, depth, record, Layout(record=record))


def _methods(cls: type[Transition]) -> list[Any]:
    """The class's own methods, then those of its mix-ins that nothing overrides."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base not in (Transition, object):
            for name, method in vars(base).items():
                found.setdefault(name, method)
    return list(found.values())


def _params(function: Callable[..., Any]) -> tuple[list[Param], Location]:
    """The parameters of a kind or an exit after ``self``."""
    code = inspect.unwrap(function).__code__
    location = Location(code.co_filename, code.co_firstlineno)
    try:
        hints = inspect.get_annotations(function, eval_str=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise DeclarationError(
            f"{function.__name__}: an annotation names something unknown: {error}", location
        ) from None
    params = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.name not in hints:
            raise DeclarationError(
                f"{function.__name__}: parameter {parameter.name!r} has no annotation; "
                "give it a type such as mp.u64",
                location,
            )
        if parameter.default is not parameter.empty or parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            raise DeclarationError(
                f"{function.__name__}: parameter {parameter.name!r} must be plain, without default", location
            )
        try:
            layout = layout_of(hints[parameter.name], f"{function.__name__}: parameter {parameter.name!r}")
        except DeclarationError as error:
            raise DeclarationError(error.message, location) from None
        params.append(Param(parameter.name, layout))
    return params, location


def _kind_spec(function: Callable[..., None], number: int) -> KindSpec:
    mark: _Mark = function._multiprover_mark  # type: ignore[attr-defined]
    params, location = _params(function)
    _check_rules(function.__name__, mark.rules, params, location)
    return KindSpec(
        name=function.__name__,
        number=number,
        function=function,
        params=tuple(params),
        scalars=_flat(params),
        from_l1=mark.from_l1,
        rules=mark.rules,
        location=location,
    )


def _check_rules(name: str, rules: L1Rules, params: Sequence[Param], location: Location) -> None:
    def refuse(message: str) -> NoReturn:
        raise DeclarationError(f"{name}: {message}", location)

    types = {p.name: p.layout.scalar for p in params}
    value = types.get(rules.value) if rules.value is not None else None
    if rules.value is not None and not (
        isinstance(value, IntType) and (value.lo, value.hi) == (0, 2**64 - 1)
    ):
        refuse(f"value={rules.value!r} must name a parameter of type mp.u64")
    for rule in ("asset", "registers", "owner"):
        named = getattr(rules, rule)
        held = types.get(named) if named is not None else None
        if named is not None and not (isinstance(held, IntType) and held.lo == 0 and held.words == 1):
            refuse(f"{rule}={named!r} must name an unsigned parameter of at most 32 bits")
    if rules.asset is not None and rules.value is None:
        refuse("asset= says what is paid, and no value= says how much")
    if rules.registers is not None and rules.owner is not None:
        refuse("it opens an account or disposes of one: registers= or owner=, not both")


def _exit_spec(function: Callable[..., Any]) -> ExitSpec:
    asset = function._multiprover_exit  # type: ignore[attr-defined]
    params, location = _params(function)
    index = params[0].layout.scalar if len(params) == 1 else None
    if not isinstance(index, IntType) or index.lo != 0 or index.words != 1:
        raise DeclarationError(
            f"{function.__name__}: an exit takes the number of an account, unsigned and of at most 32 bits, "
            "and nothing else",
            location,
        )
    if not isinstance(asset, int) or not 0 <= asset < 2**32:
        raise DeclarationError(f"{function.__name__}: an asset is 0 to 2^32 - 1, got {asset!r}", location)
    return ExitSpec(function.__name__, function, asset, index, location)


def _flat(parts: Sequence[Param | CellSpec]) -> tuple[Scalar, ...]:
    """The scalars of parameters or cells, named from the outside: ``market[1].price``."""
    return tuple(Scalar(p.name + dotted(s.name), s.type) for p in parts for s in p.layout.scalars)


def param_views(kind: KindSpec, flat: list[Any]) -> list[Any]:
    """The arguments of a kind's function over its flat parameter values."""
    storage = Storage(kind.scalars, flat)
    views, base = [], 0
    for param in kind.params:
        views.append(param.layout.view(storage, (base,)))
        base += param.layout.size
    return views
