"""The types of a transition: bounded integers, keys, records, arrays and messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import get_annotations
from types import GenericAlias
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from multiprover.lang.errors import DeclarationError, FieldError, KeyUseError, OperandError

WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class IntType:
    """An integer within ``[lo, hi]``; both bounds included, 0 among them."""

    name: str
    lo: int
    hi: int

    @property
    def words(self) -> int:
        """32-bit words of its encoding, ``value - lo`` (1 or 2)."""
        return max(1, -(-(self.hi - self.lo).bit_length() // WORD_BITS))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class KeyType:
    """A hybrid public key: 32 bytes for each suite."""

    name: str = "Key"

    def __str__(self) -> str:
        return self.name


KEY = KeyType()
ScalarType = IntType | KeyType


def unsigned(bits: int) -> IntType:
    return IntType(f"u{bits}", 0, 2**bits - 1)


def signed(bits: int) -> IntType:
    return IntType(f"i{bits}", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@dataclass(frozen=True, slots=True)
class Key:
    """A hybrid public key as a value: one 32-byte part a suite, in suite order."""

    data: bytes

    def __bool__(self) -> bool:
        raise KeyUseError("a key cannot be tested; keep a flag in the record beside it")

    def parts(self) -> list[bytes]:
        return [self.data[i : i + 32] for i in range(0, len(self.data), 32)]


class Scalar(NamedTuple):
    """One flattened field: ``positions[1].size``."""

    name: str
    type: ScalarType


NONCE = Scalar("nonce", unsigned(64))
"""What ``authorize`` takes."""


class Storage:
    """The flat values behind a record: what its views read and write.

    ``run`` decides what a write means (check the range now, or note a range constraint). A storage without
    run is read-only: parameters and messages.
    """

    __slots__ = ("dirty", "run", "scalars", "values")

    def __init__(self, scalars: Sequence[Scalar], values: list[Any], run: Any = None) -> None:
        self.scalars = scalars
        self.values = values
        self.run = run
        self.dirty: set[int] = set()

    def write(self, position: int, value: Any) -> None:
        if self.run is None:
            raise OperandError(f"{self.scalars[position].name} is a parameter and cannot be assigned")
        self.values[position] = self.run.fit(value, self.scalars[position])
        self.dirty.add(position)


class Layout:
    """How a type lies in a flat storage: a scalar, a record or an array."""

    __slots__ = ("element", "fields", "length", "record", "scalar", "scalars", "size")

    def __init__(
        self,
        *,
        scalar: ScalarType | None = None,
        record: type[Record] | None = None,
        element: Layout | None = None,
        length: int = 0,
    ) -> None:
        self.scalar = scalar
        self.record = record
        self.element = element
        self.length = length
        self.fields: dict[str, tuple[int, Layout]] = {}
        self.scalars: list[Scalar] = []
        if scalar is not None:
            self.scalars.append(Scalar("", scalar))
        elif record is not None:
            for name, layout in record._layouts.items():
                self.fields[name] = (len(self.scalars), layout)
                self.scalars += [Scalar(name + dotted(s.name), s.type) for s in layout.scalars]
        elif element is not None:
            for i in range(length):
                self.scalars += [Scalar(f"[{i}]" + dotted(s.name), s.type) for s in element.scalars]
        self.size = len(self.scalars)

    def view(self, storage: Storage, bases: tuple[int, ...], index: Any = None) -> Any:
        """The value or view at ``bases[0]``; with several bases, the one of them that ``index`` picks."""
        if self.scalar is not None:
            if index is None:
                return storage.values[bases[0]]
            return index.pick([storage.values[b] for b in bases])
        if self.record is not None:
            return self.record._view(self, storage, bases, index)
        return Array._view(self, storage, bases, index)

    def assign(self, storage: Storage, bases: tuple[int, ...], index: Any, value: Any) -> None:
        if self.scalar is None:
            what = self.record.__name__ if self.record else "array"
            raise OperandError(f"a {what} is assigned field by field, not as a whole")
        if index is None:
            storage.write(bases[0], value)
        else:
            index.write(storage, bases, value)


def dotted(name: str) -> str:
    return name if not name or name.startswith("[") else "." + name


_Self = TypeVar("_Self", bound="Record")


class _View:
    """A window on a storage. Two of them are never equal in Python's sense, whatever they show."""

    __slots__ = ()

    def __eq__(self, _: object) -> bool:
        raise OperandError(f"a {type(self).__name__} cannot be compared: compare their fields")

    __hash__ = None  # type: ignore[assignment]


class Record(_View):
    """A record of the state. Subclass it and annotate its fields::

    class Account(mp.Record):
        key: mp.Key
        balance: mp.u64
        positions: mp.Array[Position, Literal[2]]
    """

    _layouts: ClassVar[dict[str, Layout]] = {}
    __slots__ = ("_bases", "_index", "_layout", "_storage")
    _layout: Layout
    _storage: Storage
    _bases: tuple[int, ...]
    _index: Any

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        hints = resolve_hints(cls)
        own = {n: h for n, h in hints.items() if not n.startswith("_")}
        cls._layouts = {name: layout_of(hint, f"{cls.__name__}.{name}") for name, hint in own.items()}
        if not cls._layouts:
            raise DeclarationError(f"record {cls.__name__} has no field")

    @classmethod
    def _view(
        cls: type[_Self], layout: Layout, storage: Storage, bases: tuple[int, ...], index: Any
    ) -> _Self:
        self = cls.__new__(cls)
        object.__setattr__(self, "_layout", layout)
        object.__setattr__(self, "_storage", storage)
        object.__setattr__(self, "_bases", bases)
        object.__setattr__(self, "_index", index)
        return self

    if not TYPE_CHECKING:  # a type checker sees the annotated fields only

        def __getattr__(self, name: str) -> Any:
            offset, layout = self._field(name)
            if self._index is None and layout.scalar is not None:
                return self._storage.values[self._bases[0] + offset]
            return layout.view(self._storage, tuple(b + offset for b in self._bases), self._index)

        def __setattr__(self, name: str, value: Any) -> None:
            offset, layout = self._field(name)
            layout.assign(self._storage, tuple(b + offset for b in self._bases), self._index, value)

    def _field(self, name: str) -> tuple[int, Layout]:
        try:
            return self._layout.fields[name]
        except KeyError:
            known = ", ".join(self._layout.fields)
            raise FieldError(f"{type(self).__name__} has no field {name!r}; it has {known}") from None


class Message:
    """A message to L1, emitted with ``mp.emit``. Subclass it and annotate its fields; they are given by
    keyword.
    """

    _fields: ClassVar[Layout]
    _storage: Storage

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        shape = type(
            cls.__name__, (Record,), {"__annotations__": resolve_hints(cls), "__module__": cls.__module__}
        )
        cls._fields = Layout(record=shape)
        if any(isinstance(s.type, KeyType) for s in cls._fields.scalars):
            raise DeclarationError(f"message {cls.__name__} has a key field; messages carry integers")

    def __init__(self, **values: Any) -> None:
        fields = self._fields.fields
        if set(values) != set(fields):
            raise FieldError(
                f"{type(self).__name__} takes exactly {', '.join(fields)}; "
                f"got {', '.join(values) or 'nothing'}"
            )
        flat: list[Any] = []
        for name, (_, layout) in fields.items():
            value = values[name]
            flat += [value] if layout.scalar is not None else flatten(value, layout, name)
        self._storage = Storage(self._fields.scalars, flat)


def flatten(value: Any, layout: Layout, name: str) -> list[Any]:
    """The scalars of a value given for ``layout``: itself, a view, a sequence (array) or mapping (record)."""
    if layout.scalar is not None:
        return [value]
    if isinstance(value, Array | Record):
        held = value._layout
        if len(value._bases) != 1 or [s.type for s in held.scalars] != [s.type for s in layout.scalars]:
            raise OperandError(f"{name}: the value has another shape than its type")
        base = value._bases[0]
        return list(value._storage.values[base : base + held.size])
    if layout.element is not None and isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if len(value) != layout.length:
            raise OperandError(f"{name}: expected {layout.length} elements, got {len(value)}")
        return [x for i, v in enumerate(value) for x in flatten(v, layout.element, f"{name}[{i}]")]
    if layout.record is not None and isinstance(value, Mapping):
        if set(value) != set(layout.fields):
            raise FieldError(
                f"{name} takes exactly {', '.join(layout.fields)}; got {', '.join(map(str, value))}"
            )
        return [x for f, (_, held) in layout.fields.items() for x in flatten(value[f], held, f"{name}.{f}")]
    raise OperandError(f"{name}: a {type(value).__name__} cannot be given for it")


T = TypeVar("T")
N = TypeVar("N")


class Array(_View, Generic[T, N]):
    """A fixed array in a record, ``mp.Array[Position, Literal[2]]`` (or plainly ``mp.Array[Position, 2]``).

    It is indexed by a Python int, or by a value of the transaction whose range lies within it.
    """

    __slots__ = ("_bases", "_index", "_layout", "_storage")
    _layout: Layout
    _storage: Storage
    _bases: tuple[int, ...]
    _index: Any

    if not TYPE_CHECKING:  # Generic refuses a plain number as parameter

        def __class_getitem__(cls, item: Any) -> Any:
            return GenericAlias(cls, item)

    @classmethod
    def _view(cls, layout: Layout, storage: Storage, bases: tuple[int, ...], index: Any) -> Array[Any, Any]:
        self: Array[Any, Any] = cls.__new__(cls)
        self._layout = layout
        self._storage = storage
        self._bases = bases
        self._index = index
        return self

    def __len__(self) -> int:
        return self._layout.length

    def __iter__(self) -> Iterator[T]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> T:
        bases, picked, element = self._at(index)
        return element.view(self._storage, bases, picked)  # type: ignore[no-any-return]

    def __setitem__(self, index: int, value: T) -> None:
        bases, picked, element = self._at(index)
        element.assign(self._storage, bases, picked, value)

    def _at(self, index: Any) -> tuple[tuple[int, ...], Any, Layout]:
        element, length = self._layout.element, self._layout.length
        assert element is not None
        if isinstance(index, int):
            if not 0 <= index < length:
                raise OperandError(f"index {index} of an array of {length}")
            return tuple(b + index * element.size for b in self._bases), self._index, element
        if self._index is not None:
            raise OperandError("an array picked by one value of the transaction cannot be indexed by another")
        return (
            tuple(self._bases[0] + i * element.size for i in range(length)),
            index.indexing(length),
            element,
        )


def resolve_hints(cls: type) -> dict[str, Any]:
    """The class's annotations, resolved, those of its bases in the language left out."""
    own = get_annotations(cls)
    try:
        hints = get_type_hints(cls, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise DeclarationError(f"{cls.__name__}: an annotation names something unknown: {error}") from None
    return {name: hints[name] for name in own if not name.startswith("_")}


def layout_of(hint: Any, what: str) -> Layout:
    """The layout of an annotation.

    Raises:
        DeclarationError: it is no type of the language.
    """
    if isinstance(hint, type) and hint is Key:
        return Layout(scalar=KEY)
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, IntType):
            return Layout(scalar=extra)
    if isinstance(hint, type) and issubclass(hint, Record) and not isinstance(hint, GenericAlias):
        return Layout(record=hint)
    if get_origin(hint) is Array:
        element, length = get_args(hint)
        if get_origin(length) is Literal:
            (length,) = get_args(length)
        if not isinstance(length, int) or not 1 <= length <= 64:
            raise DeclarationError(f"{what}: an array's length is 1 to 64, got {length!r}")
        return Layout(element=layout_of(element, what), length=length)
    raise DeclarationError(
        f"{what}: {hint!r} is no type of the language; use mp.u1 … mp.u64, mp.i2 … mp.i64, mp.Key, "
        "a mp.Record or a mp.Array"
    )
