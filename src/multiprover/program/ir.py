"""The program: typed operations over bounded integers, its checks and its canonical bytes
(``docs/program.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from eth_hash.auto import keccak

from multiprover.program.v1 import program_pb2 as pb

VERSION = 1
KEY_WORDS = 8
VALUE_MIN = -(2**127)
VALUE_MAX = 2**127 - 1


class ProgramError(ValueError):
    """Bytes or operations that are no program; the message names the operation, what was expected and what
    came.
    """


class Code(IntEnum):
    """The operations; the meaning of each is in ``docs/program.md`` §3."""

    CONST = pb.CODE_CONST
    PARAM = pb.CODE_PARAM
    KEY_PARAM = pb.CODE_KEY_PARAM
    CELL = pb.CODE_CELL
    OPEN = pb.CODE_OPEN
    LOAD = pb.CODE_LOAD
    ADD = pb.CODE_ADD
    SUB = pb.CODE_SUB
    MUL = pb.CODE_MUL
    DIVMOD = pb.CODE_DIVMOD
    REMAINDER = pb.CODE_REMAINDER
    EQ = pb.CODE_EQ
    LT = pb.CODE_LT
    SELECT = pb.CODE_SELECT
    AND = pb.CODE_AND
    OR = pb.CODE_OR
    NOT = pb.CODE_NOT
    RANGE = pb.CODE_RANGE
    ASSERT = pb.CODE_ASSERT
    AUTHORIZE = pb.CODE_AUTHORIZE
    STORE = pb.CODE_STORE
    STORE_CELL = pb.CODE_STORE_CELL
    OUTPUT = pb.CODE_OUTPUT


EFFECTS = frozenset({Code.ASSERT, Code.AUTHORIZE, Code.STORE, Code.STORE_CELL, Code.OUTPUT, Code.OPEN})
"""Operations that give no value."""


@dataclass(frozen=True, slots=True)
class Field:
    """A typed value: an integer within ``[lo, hi]``, or a key."""

    name: str
    lo: int = 0
    hi: int = 0
    key: bool = False

    @property
    def words(self) -> int:
        """32-bit words of an integer's encoding, ``value - lo``."""
        return max(1, -(-(self.hi - self.lo).bit_length() // 32))


@dataclass(frozen=True, slots=True)
class Map:
    name: str
    depth: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    from_l1: bool
    params: tuple[Field, ...]
    ports: tuple[int, ...]
    authorizations: tuple[int, ...]
    messages: tuple[int, ...]
    operator_only: bool = False
    value_word: int | None = None


@dataclass(frozen=True, slots=True)
class Port:
    map: int
    written: tuple[int, ...]
    writes_key: bool
    output_offset: int


@dataclass(frozen=True, slots=True)
class MessagePlace:
    name: str
    output_offset: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. ``lo`` and ``hi`` are None for operations without an integer value (``OUTPUT`` keeps
    its type there).
    """

    code: Code
    args: tuple[int, ...] = ()
    index: tuple[int, ...] = ()
    lo: int | None = None
    hi: int | None = None


@dataclass(frozen=True)
class Program:
    """A slot program with the layout of its state, its inputs and its outputs."""

    name: str
    suites: tuple[str, ...]
    cells: tuple[Field, ...]
    maps: tuple[Map, ...]
    kinds: tuple[Kind, ...]
    input_words: int
    output_words: int
    ports: tuple[Port, ...]
    authorizations: int
    messages: tuple[MessagePlace, ...]
    has_refused: bool
    ops: tuple[Op, ...]

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return _to_pb(self).SerializeToString(deterministic=True)

    @cached_property
    def program_id(self) -> bytes:
        """keccak256 of the canonical bytes."""
        return bytes(keccak(self.encoded))

    @property
    def cell_words(self) -> int:
        """Words of the integer cells at the end of a journal."""
        return sum(c.words for c in self.cells if not c.key)

    def journal_words(self, slots: int) -> int:
        return slots * (self.input_words + self.output_words) + self.cell_words

    @staticmethod
    def decode(data: bytes) -> Program:
        """Read canonical bytes.

        Raises:
            ProgramError: they are not a program, or not in its one encoding, or break a rule.
        """
        message = pb.Program()
        try:
            message.ParseFromString(data)
        except Exception as error:  # protobuf's DecodeError differs between its implementations
            raise ProgramError(f"not a program: {error}") from None
        program = _from_pb(message)
        check(program)
        if program.encoded != data:
            raise ProgramError("not in canonical encoding: encoding it again gives other bytes")
        return program


def signed_bytes(value: int) -> bytes:
    """Two's complement, big-endian, shortest form; empty for 0."""
    return value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True) if value else b""


def _to_pb(p: Program) -> pb.Program:
    def field(f: Field) -> pb.Field:
        return pb.Field(name=f.name, key=True) if f.key else pb.Field(name=f.name, lo=f.lo, hi=f.hi)

    def kind(k: Kind) -> pb.Kind:
        message = pb.Kind(
            name=k.name,
            from_l1=k.from_l1,
            params=[field(f) for f in k.params],
            ports=k.ports,
            authorizations=k.authorizations,
            messages=k.messages,
        )
        if k.from_l1:
            message.l1.operator_only = k.operator_only
            if k.value_word is not None:
                message.l1.value_word = k.value_word
        return message

    def op(o: Op) -> pb.Op:
        return pb.Op(
            code=pb.Code.ValueType(o.code),
            args=o.args,
            index=o.index,
            lo=signed_bytes(o.lo or 0),
            hi=signed_bytes(o.hi or 0),
        )

    return pb.Program(
        version=VERSION,
        name=p.name,
        suites=p.suites,
        cells=[field(f) for f in p.cells],
        maps=[pb.Map(name=m.name, depth=m.depth, fields=[field(f) for f in m.fields]) for m in p.maps],
        kinds=[kind(k) for k in p.kinds],
        input_words=p.input_words,
        output_words=p.output_words,
        ports=[
            pb.Port(map=q.map, written=q.written, writes_key=q.writes_key, output_offset=q.output_offset)
            for q in p.ports
        ],
        authorizations=p.authorizations,
        messages=[
            pb.Message(name=m.name, output_offset=m.output_offset, fields=[field(f) for f in m.fields])
            for m in p.messages
        ],
        has_refused=p.has_refused,
        ops=[op(o) for o in p.ops],
    )


def _from_pb(m: pb.Program) -> Program:
    if m.version != VERSION:
        raise ProgramError(f"expected a program of version {VERSION}, got version {m.version}")

    def field(f: pb.Field) -> Field:
        return Field(f.name, f.lo, f.hi, f.key)

    def op(i: int, o: pb.Op) -> Op:
        try:
            code = Code(o.code)
        except ValueError:
            raise ProgramError(f"op {i}: unknown operation {o.code}") from None
        typed = code not in EFFECTS or code is Code.OUTPUT
        lo, hi = int.from_bytes(o.lo, "big", signed=True), int.from_bytes(o.hi, "big", signed=True)
        return Op(code, tuple(o.args), tuple(o.index), lo if typed else None, hi if typed else None)

    return Program(
        name=m.name,
        suites=tuple(m.suites),
        cells=tuple(field(f) for f in m.cells),
        maps=tuple(Map(x.name, x.depth, tuple(field(f) for f in x.fields)) for x in m.maps),
        kinds=tuple(
            Kind(
                k.name,
                k.from_l1,
                tuple(field(f) for f in k.params),
                tuple(k.ports),
                tuple(k.authorizations),
                tuple(k.messages),
                k.l1.operator_only,
                k.l1.value_word if k.l1.HasField("value_word") else None,
            )
            for k in m.kinds
        ),
        input_words=m.input_words,
        output_words=m.output_words,
        ports=tuple(Port(q.map, tuple(q.written), q.writes_key, q.output_offset) for q in m.ports),
        authorizations=m.authorizations,
        messages=tuple(
            MessagePlace(x.name, x.output_offset, tuple(field(f) for f in x.fields)) for x in m.messages
        ),
        has_refused=m.has_refused,
        ops=tuple(op(i, o) for i, o in enumerate(m.ops)),
    )


def range_of(code: Code, args: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The range of an operation's value by the rules of ``docs/program.md`` §3, or None if the operation
    states it itself.

    Args:
        args: the ranges of the operands (for ``REMAINDER``, those of its ``DIVMOD``).
    """
    if code in (Code.EQ, Code.LT, Code.AND, Code.OR, Code.NOT):
        return 0, 1
    if code is Code.ADD:
        (alo, ahi), (blo, bhi) = args
        return alo + blo, ahi + bhi
    if code is Code.SUB:
        (alo, ahi), (blo, bhi) = args
        return alo - bhi, ahi - blo
    if code is Code.MUL:
        corners = [x * y for x in args[0] for y in args[1]]
        return min(corners), max(corners)
    if code is Code.DIVMOD:
        (alo, ahi), (blo, bhi) = args
        return alo // (blo if alo < 0 else bhi), ahi // (bhi if ahi < 0 else blo)
    if code is Code.REMAINDER:
        (alo, ahi), (_, bhi) = args
        return 0, min(bhi - 1, ahi) if alo >= 0 else bhi - 1
    if code is Code.SELECT:
        _, (alo, ahi), (blo, bhi) = args
        return min(alo, blo), max(ahi, bhi)
    return None


_ARITY = {
    Code.CONST: (0, 0), Code.PARAM: (0, 1), Code.KEY_PARAM: (0, 1), Code.CELL: (0, 1), Code.OPEN: (2, 1),
    Code.LOAD: (1, 1), Code.ADD: (2, 0), Code.SUB: (2, 0), Code.MUL: (2, 0), Code.DIVMOD: (2, 0),
    Code.REMAINDER: (1, 0), Code.EQ: (2, 0), Code.LT: (2, 0), Code.SELECT: (3, 0), Code.AND: (2, 0),
    Code.OR: (2, 0), Code.NOT: (1, 0), Code.RANGE: (1, 0), Code.ASSERT: (1, 0), Code.AUTHORIZE: (3, 0),
    Code.STORE: (2, 1), Code.STORE_CELL: (1, 1), Code.OUTPUT: (1, 0),
}  # fmt: skip


def check(program: Program) -> None:
    """Check every rule of ``docs/program.md``.

    Raises:
        ProgramError: a rule is broken; the message names the operation.
    """
    _Checker(program).run()


class _Checker:
    def __init__(self, program: Program) -> None:
        self.p = program
        self.opens: dict[int, int] = {}
        self.ports: dict[int, int] = {}
        self.keys: set[int] = set()
        self.stored: set[tuple[int, ...]] = set()
        self.remainders: set[int] = set()
        self.outputs = 0
        self.authorizations = 0

    def run(self) -> None:
        p = self.p
        if not p.suites or len(set(p.suites)) != len(p.suites):
            raise ProgramError(f"expected at least one suite, none twice, got {p.suites}")
        if not p.kinds or p.kinds[0] != Kind("noop", False, (), (), (), ()):
            raise ProgramError("kind 0 must be noop, without parameters")
        for f in [
            *p.cells,
            *(f for m in p.maps for f in m.fields),
            *(f for k in p.kinds for f in k.params),
            *(f for x in p.messages for f in x.fields),
        ]:
            if f.key and (f.lo or f.hi):
                raise ProgramError(f"{f.name}: a key has no range")
            if not (f.lo <= 0 <= f.hi and f.hi - f.lo < 2**64 and f.lo >= -(2**63)):
                raise ProgramError(f"{f.name}: [{f.lo}, {f.hi}] is no type: at most 64 bits, 0 included")
        for m in p.maps:
            if not 1 <= m.depth <= 32 or not m.fields:
                raise ProgramError(
                    f"map {m.name}: expected depth 1 to 32 and a field, got {m.depth}, {len(m.fields)}"
                )
        for i, op in enumerate(p.ops):
            try:
                self.op(i, op)
            except ProgramError as error:
                raise ProgramError(f"op {i} {op.code.name}: {error}") from None
        for what, expected, found in [
            ("ports", len(self.opens), len(p.ports)),
            ("authorizations", self.authorizations, p.authorizations),
            ("output words", self.outputs, p.output_words),
        ]:
            if expected != found:
                raise ProgramError(f"the operations have {expected} {what}, the program says {found}")
        self.layout()
        for kind in p.kinds:
            self.kind(kind)

    def layout(self) -> None:
        """Ports and messages stand in the output words where they say, and the OUTPUTs follow them."""
        p = self.p
        presence = Field("presence", 0, 1)
        expected = [presence] if p.has_refused else []
        for n, port in enumerate(p.ports):
            fields = p.maps[port.map].fields
            stored = {
                f for what in self.stored if len(what) == 2 and self.ports[what[0]] == n for f in what[1:]
            }
            written = tuple(sorted(f for f in stored if not fields[f].key))
            if port.written != written or port.writes_key != (len(written) < len(stored)):
                raise ProgramError(
                    f"port {n}: its stores write {sorted(stored)}, it says {list(port.written)}"
                )
            self.offset(f"port {n}", port.output_offset, expected if written else [])
            if written:
                expected += [
                    Field("index", 0, 2 ** p.maps[port.map].depth - 1),
                    *(fields[f] for f in written),
                ]
        for n, message in enumerate(p.messages):
            self.offset(f"message {n}", message.output_offset, expected)
            if any(f.key for f in message.fields):
                raise ProgramError(f"message {n}: a key cannot be sent")
            expected += [presence, *message.fields]
        found = [(op.lo, op.hi) for op in p.ops if op.code is Code.OUTPUT]
        if found != [(f.lo, f.hi) for f in expected]:
            raise ProgramError(f"expected outputs of {[(f.lo, f.hi) for f in expected]}, got {found}")

    @staticmethod
    def offset(what: str, found: int, before: Sequence[Field]) -> None:
        expected = sum(f.words for f in before)
        if found != expected:
            raise ProgramError(f"{what}: expected output offset {expected}, got {found}")

    def kind(self, kind: Kind) -> None:
        p = self.p
        width, amounts = 1, []
        for f in kind.params:
            if (f.key, f.lo, f.hi) == (False, 0, 2**64 - 1):
                amounts.append(width)
            width += KEY_WORDS * len(p.suites) if f.key else f.words
        if width > p.input_words:
            raise ProgramError(f"kind {kind.name}: {width} input words of {p.input_words}")
        for what, used, count in [
            ("port", kind.ports, len(p.ports)),
            ("authorization", kind.authorizations, p.authorizations),
            ("message", tuple(sorted(kind.messages)), len(p.messages)),
        ]:
            for u in used:
                self.one_of(f"kind {kind.name}: {what}", u, count)
            if sorted(set(used)) != list(used):
                raise ProgramError(f"kind {kind.name}: {what}s {list(used)} are not in order, each once")
        if kind is not p.kinds[0] and kind.from_l1 == bool(kind.authorizations):
            raise ProgramError(f"kind {kind.name}: from L1, or signed, and not both")
        if not kind.from_l1 and (kind.operator_only or kind.value_word is not None):
            raise ProgramError(f"kind {kind.name}: rules for L1, but it is not from L1")
        if kind.value_word is not None and kind.value_word not in amounts:
            raise ProgramError(
                f"kind {kind.name}: expected the value at a u64, in {amounts}, got {kind.value_word}"
            )

    def op(self, i: int, op: Op) -> None:
        args, index = _ARITY[op.code]
        if (len(op.args), len(op.index)) != (args, index):
            raise ProgramError(
                f"expected {args} operands and {index} immediates, got {len(op.args)} and {len(op.index)}"
            )
        for a in op.args:
            if a >= i:
                raise ProgramError(f"operand {a} is not an earlier value")
        if op.lo is not None and op.hi is not None and not VALUE_MIN <= op.lo <= op.hi <= VALUE_MAX:
            raise ProgramError(f"range [{op.lo}, {op.hi}] is empty or leaves ±2^127")
        getattr(self, f"_{op.code.name.lower()}", self._computed)(i, op)

    # -- helpers

    def integer(self, a: int) -> tuple[int, int]:
        op = self.p.ops[a]
        if op.lo is None or op.hi is None or a in self.keys or op.code is Code.OUTPUT:
            raise ProgramError(f"operand {a} is not an integer value")
        return op.lo, op.hi

    def within(self, a: int, lo: int, hi: int) -> None:
        found = self.integer(a)
        if not (lo <= found[0] and found[1] <= hi):
            raise ProgramError(f"operand {a} lies within {list(found)}, expected within [{lo}, {hi}]")

    def states(self, op: Op, lo: int, hi: int) -> None:
        if (op.lo, op.hi) != (lo, hi):
            raise ProgramError(f"expected range [{lo}, {hi}], got [{op.lo}, {op.hi}]")

    def one_of(self, what: str, index: int, count: int) -> None:
        if index >= count:
            raise ProgramError(f"{what} {index} of {count}")

    def typed(self, i: int, op: Op, field: Field) -> None:
        self.states(op, field.lo, field.hi)
        if field.key:
            self.keys.add(i)

    def store(self, what: tuple[int, ...], value: int, field: Field) -> None:
        if what in self.stored:
            raise ProgramError(f"{field.name} is stored twice")
        self.stored.add(what)
        if field.key != (value in self.keys):
            raise ProgramError(f"{field.name} and the value stored are not both keys or both integers")
        if field.key:
            self.key_source(what, value)
        if not field.key:
            self.within(value, field.lo, field.hi)

    def key_source(self, what: tuple[int, ...], value: int) -> None:
        """A key that is stored is a parameter, or what was there before."""
        waiting, seen = [value], {value}
        while waiting:
            found = waiting.pop()
            op = self.p.ops[found]
            if op.code is Code.SELECT:
                waiting += set(op.args[1:]) - seen
                seen.update(op.args[1:])
            elif op.code is not Code.KEY_PARAM and (*op.args, *op.index) != what:
                raise ProgramError(f"the key stored may be {op.code.name} {found}, which is no parameter")

    def opened(self, a: int) -> Map:
        if a not in self.opens:
            raise ProgramError(f"operand {a} is not an OPEN")
        return self.p.maps[self.opens[a]]

    # -- one method an operation that needs more than its range

    def _computed(self, i: int, op: Op) -> None:
        if op.code is Code.SELECT and set(op.args[1:]) <= self.keys:
            self.within(op.args[0], 0, 1)
            self.states(op, 0, 0)
            self.keys.add(i)
            return
        ranges = [self.integer(a) for a in op.args]
        if op.code in (Code.AND, Code.OR, Code.NOT):
            for a in op.args:
                self.within(a, 0, 1)
        if op.code is Code.SELECT:
            self.within(op.args[0], 0, 1)
        if op.code is Code.DIVMOD and ranges[1][0] < 1:
            raise ProgramError(f"the divisor lies within {list(ranges[1])}, expected at least 1")
        expected = range_of(op.code, ranges)
        assert expected is not None
        self.states(op, *expected)

    def _const(self, _: int, op: Op) -> None:
        if op.lo != op.hi:
            raise ProgramError(f"a constant has lo = hi, got [{op.lo}, {op.hi}]")

    def _param(self, _: int, op: Op) -> None:
        self.one_of("input word", op.index[0], self.p.input_words)
        self.states(op, 0, 2**32 - 1)

    def _key_param(self, i: int, op: Op) -> None:
        self.one_of("input word", op.index[0] + KEY_WORDS * len(self.p.suites) - 1, self.p.input_words)
        self.states(op, 0, 0)
        self.keys.add(i)

    def _cell(self, i: int, op: Op) -> None:
        self.one_of("cell", op.index[0], len(self.p.cells))
        self.typed(i, op, self.p.cells[op.index[0]])

    def _open(self, i: int, op: Op) -> None:
        self.one_of("map", op.index[0], len(self.p.maps))
        self.within(op.args[0], 0, 1)
        self.within(op.args[1], 0, 2 ** self.p.maps[op.index[0]].depth - 1)
        port = len(self.opens)
        if port >= len(self.p.ports) or self.p.ports[port].map != op.index[0]:
            raise ProgramError(f"port {port} is not declared for map {op.index[0]}")
        self.opens[i] = op.index[0]
        self.ports[i] = port

    def _load(self, i: int, op: Op) -> None:
        opened = self.opened(op.args[0])
        self.one_of("field", op.index[0], len(opened.fields))
        self.typed(i, op, opened.fields[op.index[0]])

    def _remainder(self, _: int, op: Op) -> None:
        divmod_op = self.p.ops[op.args[0]]
        if divmod_op.code is not Code.DIVMOD:
            raise ProgramError(f"operand {op.args[0]} is not a DIVMOD")
        if op.args[0] in self.remainders:
            raise ProgramError(f"the remainder of {op.args[0]} is taken twice")
        self.remainders.add(op.args[0])
        expected = range_of(Code.REMAINDER, [self.integer(a) for a in divmod_op.args])
        assert expected is not None
        self.states(op, *expected)

    def _range(self, _: int, op: Op) -> None:
        self.integer(op.args[0])

    def _assert(self, _: int, op: Op) -> None:
        self.within(op.args[0], 0, 1)

    def _authorize(self, _: int, op: Op) -> None:
        self.within(op.args[0], 0, 1)
        if op.args[1] not in self.keys:
            raise ProgramError(f"operand {op.args[1]} is not a key")
        self.within(op.args[2], 0, 2**64 - 1)
        self.authorizations += 1

    def _store(self, _: int, op: Op) -> None:
        opened = self.opened(op.args[0])
        self.one_of("field", op.index[0], len(opened.fields))
        self.store((op.args[0], op.index[0]), op.args[1], opened.fields[op.index[0]])

    def _store_cell(self, _: int, op: Op) -> None:
        self.one_of("cell", op.index[0], len(self.p.cells))
        self.store((op.index[0],), op.args[0], self.p.cells[op.index[0]])

    def _output(self, _: int, op: Op) -> None:
        assert op.lo is not None
        assert op.hi is not None
        self.within(op.args[0], op.lo, op.hi)
        if op.hi - op.lo >= 2**64:
            raise ProgramError(f"[{op.lo}, {op.hi}] has more than 64 bits")
        self.outputs += Field("", op.lo, op.hi).words
