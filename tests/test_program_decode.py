"""Decoding a program: its one encoding, and every rule of ``docs/program.md`` broken once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transitions.calculator import Calculator
from transitions.warehouse import Warehouse

from multiprover.program import Program, ProgramError, trace
from multiprover.program.ir import Code, Field, Kind, Op, signed_bytes
from multiprover.program.v1 import program_pb2 as pb

SUITES = ("bn254", "toy")
PROGRAMS = {t.__name__: trace(t, SUITES) for t in (Calculator, Warehouse)}


def message(name: str) -> pb.Program:
    parsed = pb.Program()
    parsed.ParseFromString(PROGRAMS[name].encoded)
    return parsed


@pytest.mark.parametrize("name", PROGRAMS)
def test_round_trip(name: str) -> None:
    assert Program.decode(PROGRAMS[name].encoded) == PROGRAMS[name]


# -- bytes


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: b"", "version 1, got version 0"),
        (lambda b: b"\xff" + b, "not a program"),
        (lambda b: b[:-1], "not a program"),
        (lambda b: b + bytes([0xF8, 0x01, 0x01]), "canonical"),  # a field that the format does not have
        (lambda b: b + bytes([0x60, 0x01]), "canonical"),  # has_refused a second time
        (lambda b: b + b[:2], "canonical"),  # a field twice, out of order
        (lambda b: bytes([0x08, 0x81, 0x00]) + b[2:], "canonical"),  # version 1 in two bytes
        (lambda b: b[2:] + b[:2], "canonical"),
    ],
)
def test_other_bytes_are_refused(change: Callable[[bytes], bytes], reason: str) -> None:
    with pytest.raises(ProgramError, match=reason):
        Program.decode(change(PROGRAMS["Calculator"].encoded))


@given(st.data())
def test_any_bytes_are_canonical_or_refused(data: st.DataObject) -> None:
    encoded = bytearray(PROGRAMS["Calculator"].encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        program = Program.decode(bytes(encoded))
    except ProgramError:
        return
    assert program.encoded == bytes(encoded)


@pytest.mark.parametrize("padded", [b"\0", b"\0\x01", b"\xff\xff"])
def test_integers_have_their_shortest_form(padded: bytes) -> None:
    m = message("Calculator")
    value = int.from_bytes(padded, "big", signed=True)
    constant = next(i for i, o in enumerate(m.ops) if o.code == pb.CODE_CONST and o.lo == signed_bytes(value))
    m.ops[constant].lo = m.ops[constant].hi = padded
    with pytest.raises(ProgramError, match="canonical"):
        Program.decode(m.SerializeToString(deterministic=True))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, b""),
        (1, b"\1"),
        (-1, b"\xff"),
        (127, b"\x7f"),
        (128, b"\0\x80"),
        (-128, b"\x80"),
        (-129, b"\xff\x7f"),
    ],
)
def test_signed_bytes(value: int, encoded: bytes) -> None:
    assert signed_bytes(value) == encoded
    assert int.from_bytes(encoded, "big", signed=True) == value


# -- rules

Mutation = Callable[[pb.Program], None]
MUTATIONS: dict[str, tuple[str, str, Mutation]] = {}


def broken(name: str, reason: str) -> Callable[[Mutation], Mutation]:
    """Register a change of a program's message, and the reason for which it is refused."""

    def register(mutation: Mutation) -> Mutation:
        MUTATIONS[mutation.__name__] = (name, reason, mutation)
        return mutation

    return register


def ops(m: pb.Program, *codes: pb.Code.ValueType) -> Iterator[tuple[int, pb.Op]]:
    return ((i, o) for i, o in enumerate(m.ops) if o.code in codes)


def first(m: pb.Program, *codes: pb.Code.ValueType) -> pb.Op:
    return next(ops(m, *codes))[1]


def op_id(m: pb.Program, code: pb.Code.ValueType) -> int:
    return next(ops(m, code))[0]


def key_id(m: pb.Program) -> int:
    return op_id(m, pb.CODE_KEY_PARAM)


def wide_id(m: pb.Program) -> int:
    """A value that may be other than 0 and 1."""
    return op_id(m, pb.CODE_PARAM)


@broken("Calculator", "version 1, got version 2")
def another_version(m: pb.Program) -> None:
    m.version = 2


@broken("Calculator", "at least one suite")
def no_suite(m: pb.Program) -> None:
    del m.suites[:]


@broken("Calculator", "none twice")
def suite_twice(m: pb.Program) -> None:
    m.suites[1] = m.suites[0]


@broken("Calculator", "kind 0 must be noop")
def no_noop(m: pb.Program) -> None:
    del m.kinds[0]


@broken("Calculator", "kind 0 must be noop")
def noop_with_a_parameter(m: pb.Program) -> None:
    m.kinds[0].params.add(name="x", hi=1)


@broken("Calculator", "is no type")
def type_without_zero(m: pb.Program) -> None:
    m.cells[0].lo = 1


@broken("Calculator", "is no type")
def type_over_64_bits(m: pb.Program) -> None:
    m.cells[0].hi = 2**64 - 1


@broken("Calculator", "a key has no range")
def key_with_a_range(m: pb.Program) -> None:
    m.maps[0].fields[0].hi = 1


@broken("Warehouse", "is no type")
def message_type_over_64_bits(m: pb.Program) -> None:
    m.messages[0].fields[0].lo = -1
    m.messages[0].fields[0].hi = 2**64 - 1


@broken("Calculator", "depth 1 to 32")
def depth_zero(m: pb.Program) -> None:
    m.maps[0].depth = 0


@broken("Calculator", "depth 1 to 32")
def depth_33(m: pb.Program) -> None:
    m.maps[0].depth = 33


@broken("Calculator", "unknown operation 99")
def unknown_operation(m: pb.Program) -> None:
    m.ops[0].code = 99  # type: ignore[assignment]


@broken("Calculator", "expected 2 operands and 0 immediates, got 3")
def an_operand_too_many(m: pb.Program) -> None:
    first(m, pb.CODE_ADD).args.append(0)


@broken("Calculator", "expected 2 operands and 0 immediates, got 2 and 1")
def an_immediate_too_many(m: pb.Program) -> None:
    first(m, pb.CODE_ADD).index.append(0)


@broken("Calculator", "is not an earlier value")
def operand_of_itself(m: pb.Program) -> None:
    i, op = next(ops(m, pb.CODE_ADD))
    op.args[0] = i


@broken("Calculator", "is not an earlier value")
def operand_that_is_later(m: pb.Program) -> None:
    first(m, pb.CODE_ADD).args[1] = 2**32 - 1


@broken("Calculator", "is not an integer value")
def operand_that_is_an_effect(m: pb.Program) -> None:
    i, _ = next(ops(m, pb.CODE_ASSERT))
    next(o for j, o in ops(m, pb.CODE_EQ, pb.CODE_SELECT, pb.CODE_NOT) if j > i).args[-1] = i


@broken("Calculator", "is not an integer value")
def operand_that_is_a_key(m: pb.Program) -> None:
    key = key_id(m)
    next(o for j, o in ops(m, pb.CODE_ADD, pb.CODE_LT) if j > key).args[0] = key


@broken("Calculator", "leaves ±2")
def range_over_128_bits(m: pb.Program) -> None:
    op = first(m, pb.CODE_RANGE)
    op.hi = signed_bytes(2**127)


@broken("Calculator", "is empty")
def range_that_is_empty(m: pb.Program) -> None:
    op = first(m, pb.CODE_RANGE)
    op.lo, op.hi = signed_bytes(1), signed_bytes(0)


COMPUTED = (
    "ADD",
    "SUB",
    "MUL",
    "DIVMOD",
    "REMAINDER",
    "EQ",
    "LT",
    "SELECT",
    "AND",
    "OR",
    "NOT",
    "PARAM",
    "CELL",
    "LOAD",
)


@pytest.mark.parametrize("code", COMPUTED)
@pytest.mark.parametrize("end", ["lo", "hi"])
def test_a_stated_range_is_recomputed(code: str, end: str) -> None:
    m = message("Calculator")
    op = next(
        o
        for o in m.ops
        if o.code == pb.Code.Value(f"CODE_{code}") and o.lo != o.hi  # a key value states no range
    )
    for by in (-1, 1):
        changed = pb.Program()
        changed.CopyFrom(m)
        target = changed.ops[list(m.ops).index(op)]
        setattr(target, end, signed_bytes(int.from_bytes(getattr(op, end), "big", signed=True) + by))
        with pytest.raises(ProgramError, match=rf"{code}: expected range"):
            Program.decode(changed.SerializeToString(deterministic=True))


@broken("Calculator", "a constant has lo = hi")
def constant_of_two_values(m: pb.Program) -> None:
    op = first(m, pb.CODE_CONST)
    op.hi = signed_bytes(int.from_bytes(op.lo, "big", signed=True) + 1)


@broken("Calculator", "input word 99 of")
def parameter_outside_the_words(m: pb.Program) -> None:
    first(m, pb.CODE_PARAM).index[0] = 99


@broken("Calculator", "KEY_PARAM: input word")
def key_that_leaves_the_words(m: pb.Program) -> None:
    first(m, pb.CODE_KEY_PARAM).index[0] += 1


@broken("Calculator", "cell 9 of 2")
def unknown_cell(m: pb.Program) -> None:
    first(m, pb.CODE_CELL).index[0] = 9


@broken("Calculator", "map 1 of 1")
def unknown_map(m: pb.Program) -> None:
    first(m, pb.CODE_OPEN).index[0] = 1


@broken("Warehouse", "is not declared for map")
def port_of_another_map(m: pb.Program) -> None:
    m.ports[0].map = 1 - m.ports[0].map


@broken("Warehouse", "port . is not declared")
def port_too_few(m: pb.Program) -> None:
    del m.ports[-1]


@broken("Warehouse", "ports, the program says")
def port_too_many(m: pb.Program) -> None:
    m.ports.add(map=0)


@broken("Calculator", "OPEN: operand .* expected within .0, 1.")
def port_enabled_by_an_integer(m: pb.Program) -> None:
    first(m, pb.CODE_OPEN).args[0] = wide_id(m)


@broken("Calculator", "OPEN: operand .* expected within .0, 7.")
def index_beyond_the_map(m: pb.Program) -> None:
    first(m, pb.CODE_OPEN).args[1] = wide_id(m)


@broken("Calculator", "is not an OPEN")
def load_of_no_port(m: pb.Program) -> None:
    first(m, pb.CODE_LOAD).args[0] = 0


@broken("Calculator", "field 9 of 4")
def load_of_an_unknown_field(m: pb.Program) -> None:
    first(m, pb.CODE_LOAD).index[0] = 9


@broken("Calculator", "the divisor lies within")
def divisor_that_may_be_zero(m: pb.Program) -> None:
    first(m, pb.CODE_DIVMOD).args[1] = wide_id(m)


@broken("Calculator", "is not a DIVMOD")
def remainder_of_no_division(m: pb.Program) -> None:
    first(m, pb.CODE_REMAINDER).args[0] = 0


@broken("Calculator", "is taken twice")
def remainder_taken_twice(m: pb.Program) -> None:
    (_, one), (_, two) = list(ops(m, pb.CODE_REMAINDER))[:2]
    two.args[0] = one.args[0]


@pytest.mark.parametrize("code", ["AND", "OR", "NOT", "SELECT", "ASSERT", "AUTHORIZE"])
def test_a_condition_is_0_or_1(code: str) -> None:
    m = message("Calculator")
    first(m, pb.Code.Value(f"CODE_{code}")).args[0] = wide_id(m)
    with pytest.raises(ProgramError, match=r"expected within \[0, 1\]"):
        Program.decode(m.SerializeToString(deterministic=True))


@broken("Calculator", "is not a key")
def authorized_by_an_integer(m: pb.Program) -> None:
    first(m, pb.CODE_AUTHORIZE).args[1] = wide_id(m)


@broken("Calculator", "AUTHORIZE: operand .* expected within .0, 18446744073709551615.")
def nonce_that_may_be_negative(m: pb.Program) -> None:
    unused_word, op = next((i, o) for i, o in ops(m, pb.CODE_RANGE) if not o.hi)
    op.lo = signed_bytes(-1)
    first(m, pb.CODE_AUTHORIZE).args[2] = unused_word


@broken("Calculator", "authorizations, the program says")
def authorization_too_many(m: pb.Program) -> None:
    m.authorizations += 1


@broken("Calculator", "STORE: operand .* expected within")
def store_that_may_not_fit(m: pb.Program) -> None:
    next(o for _, o in ops(m, pb.CODE_STORE) if o.index[0] == 2).args[1] = wide_id(m)


@broken("Calculator", "not both keys or both integers")
def key_stored_as_an_integer(m: pb.Program) -> None:
    next(o for _, o in ops(m, pb.CODE_STORE) if o.index[0] == 2).args[1] = key_id(m)


@broken("Calculator", "not both keys or both integers")
def integer_stored_as_a_key(m: pb.Program) -> None:
    next(o for _, o in ops(m, pb.CODE_STORE) if o.index[0] == 0).args[1] = wide_id(m)


@broken("Warehouse", "the key stored may be .*, which is no parameter")
def key_stored_from_elsewhere(m: pb.Program) -> None:
    keeper = next(i for i, o in ops(m, pb.CODE_CELL) if o.index[0] == len(m.cells) - 1)
    fields = {i: m.maps[o.index[0]].fields for i, o in ops(m, pb.CODE_OPEN)}
    next(o for _, o in ops(m, pb.CODE_STORE) if fields[o.args[0]][o.index[0]].key).args[1] = keeper


@broken("Calculator", "is stored twice")
def field_stored_twice(m: pb.Program) -> None:
    m.ops.add().CopyFrom(first(m, pb.CODE_STORE))


@broken("Calculator", "is stored twice")
def cell_stored_twice(m: pb.Program) -> None:
    m.ops.add().CopyFrom(first(m, pb.CODE_STORE_CELL))


@broken("Calculator", "STORE_CELL: operand .* expected within")
def cell_that_may_not_fit(m: pb.Program) -> None:
    next(o for _, o in ops(m, pb.CODE_STORE_CELL) if o.index[0] == 1).args[0] = wide_id(m)


@broken("Calculator", "OUTPUT: operand .* lies within")
def output_outside_its_type(m: pb.Program) -> None:
    first(m, pb.CODE_OUTPUT).args[0] = wide_id(m)


@broken("Calculator", "output words, the program says")
def output_words_too_many(m: pb.Program) -> None:
    m.output_words += 1


@broken("Calculator", "expected outputs of")
def output_of_another_type(m: pb.Program) -> None:
    first(m, pb.CODE_OUTPUT).hi = signed_bytes(2)


@broken("Calculator", "output offset")
def port_at_another_offset(m: pb.Program) -> None:
    m.ports[0].output_offset += 1


@broken("Warehouse", "output offset")
def message_at_another_offset(m: pb.Program) -> None:
    m.messages[1].output_offset -= 1


@broken("Calculator", "output offset")
def refused_undeclared(m: pb.Program) -> None:
    m.has_refused = False


@broken("Calculator", "its stores write")
def port_that_hides_a_write(m: pb.Program) -> None:
    del m.ports[0].written[0]


@broken("Calculator", "its stores write")
def port_that_hides_a_key(m: pb.Program) -> None:
    m.ports[0].writes_key = False


@broken("Warehouse", "a key cannot be sent")
def message_with_a_key(m: pb.Program) -> None:
    m.messages[-1].fields.add(name="key", key=True)


@broken("Calculator", "input words of")
def kind_wider_than_the_slot(m: pb.Program) -> None:
    m.kinds[1].params.add(name="more", hi=1)


@broken("Calculator", "kind combine: port: 1 of 1|port 1 of 1")
def kind_with_an_unknown_port(m: pb.Program) -> None:
    m.kinds[2].ports[0] = 1


@broken("Warehouse", "not in order, each once")
def kind_with_ports_out_of_order(m: pb.Program) -> None:
    one, two = m.kinds[1].ports[:2]
    m.kinds[1].ports[0], m.kinds[1].ports[1] = two, one


@broken("Calculator", "authorization 1 of 1")
def kind_with_an_unknown_authorization(m: pb.Program) -> None:
    m.kinds[2].authorizations[0] = 1


@broken("Warehouse", "message 9 of")
def kind_with_an_unknown_message(m: pb.Program) -> None:
    m.kinds[1].messages[0] = 9


@broken("Calculator", "from L1, or signed, and not both")
def kind_from_l1_and_signed(m: pb.Program) -> None:
    m.kinds[2].from_l1 = True
    m.kinds[2].l1.SetInParent()


@broken("Calculator", "from L1, or signed, and not both")
def kind_neither_signed_nor_from_l1(m: pb.Program) -> None:
    del m.kinds[2].authorizations[:]


@broken("Calculator", "canonical|rules for L1")
def signed_kind_with_rules_for_l1(m: pb.Program) -> None:
    m.kinds[2].l1.operator_only = True


@broken("Warehouse", "expected the value at a u64")
def value_in_other_words(m: pb.Program) -> None:
    next(k for k in m.kinds if k.l1.HasField("value_word")).l1.value_word -= 1


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_rule_is_refused(mutation: str) -> None:
    name, reason, change = MUTATIONS[mutation]
    m = message(name)
    change(m)
    with pytest.raises(ProgramError, match=reason):
        Program.decode(m.SerializeToString(deterministic=True))


@pytest.mark.parametrize("source", [Op(Code.KEY_PARAM, (), (1,), 0, 0), Op(Code.CELL, (), (1,), 0, 0)])
def test_choices_of_keys_are_followed_once(source: Op) -> None:
    """Each of two operands twice, five thousand choices deep: no program makes the reader work for ever."""
    depth = 5000
    choices = [Op(Code.SELECT, (1, i, i), (), 0, 0) for i in (0, *range(2, depth + 1))]
    cells = Field("one", key=True), Field("other", key=True)
    store = Op(Code.STORE_CELL, (depth + 1,), (0,))
    program = Program(
        name="Deep", suites=("bn254",), cells=cells, maps=(), kinds=(Kind("noop", False, (), (), (), ()),),
        input_words=9, output_words=0, ports=(), authorizations=0, messages=(), has_refused=False,
        ops=(source, Op(Code.CONST, (), (), 1, 1), *choices, store),
    )  # fmt: skip
    if source.code is Code.KEY_PARAM:
        assert Program.decode(program.encoded) == program
    else:
        with pytest.raises(ProgramError, match="the key stored may be CELL 0, which is no parameter"):
            Program.decode(program.encoded)
