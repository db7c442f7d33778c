"""Types and functions of the language: edges of every integer, negative divisions, arrays, record cells."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from differential import Both
from transitions.warehouse import Warehouse

import multiprover as mp
from multiprover.lang import ints
from multiprover.lang.errors import user_location
from multiprover.lang.types import IntType, layout_of
from multiprover.ledger.codec import arguments, encode_words

INTEGERS = [name for name in ints.__all__ if name[0] in "ui" and name[1:].isdigit()]


def type_of(name: str) -> IntType:
    scalar = layout_of(getattr(mp, name), name).scalar
    assert isinstance(scalar, IntType)
    return scalar


def run(both: Both, kind: str, **values: Any) -> Any:
    """Run a kind on executor and interpreter; the effect, or None if it was refused."""
    spec = both.transition.kind(kind)
    data = encode_words(spec, arguments(spec, values, 1), both.program.input_words)
    return both.slot([int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)])


def test_every_integer_type() -> None:
    assert set(INTEGERS) == {f"u{n}" for n in range(1, 65)} | {f"i{n}" for n in range(2, 65)}
    for name in INTEGERS:
        bits, found = int(name[1:]), type_of(name)
        assert found.name == name
        expected = (0, 2**bits - 1) if name[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        assert (found.lo, found.hi) == expected
        assert found.words == (1 if bits <= 32 else 2)


@pytest.mark.parametrize("name", INTEGERS)
def test_edges_of(name: str) -> None:
    """Both ends are taken as a parameter and stored; one step beyond is refused either way."""
    type_ = type_of(name)

    def put(self: Any, value: Any) -> None:
        self.held = value

    def add(self: Any, step: mp.i2) -> None:
        self.held += step

    put.__annotations__["value"] = getattr(mp, name)
    body = {"held": mp.Cell[getattr(mp, name)]}
    kinds = {"put": mp.from_l1()(put), "add": mp.from_l1()(add)}
    both = Both(type("Edges", (mp.Transition,), {"__annotations__": body, "__module__": __name__, **kinds}))
    for edge, step in ((type_.lo, -1), (type_.hi, 1)):
        assert run(both, "put", value=edge).refused is None
        assert both.memory.cells == [edge]
        assert "add" not in str(run(both, "add", step=step).refused.location)
        assert both.memory.cells == [edge]
        assert run(both, "add", step=-step).refused is None
    encoded = type_.hi - type_.lo + 1
    if encoded < 2 ** (32 * type_.words):  # words can say more than the type
        words = [encoded >> 32, encoded & 0xFFFFFFFF] if type_.words == 2 else [encoded]
        effect = both.slot([1, *words])
        assert effect is not None
        assert f"takes {name} [{type_.lo}, {type_.hi}], the value is {type_.hi + 1}" in str(effect.refused)


class Numbers(mp.Transition):
    quotient: mp.Cell[mp.i64]
    remainder: mp.Cell[mp.i64]
    least: mp.Cell[mp.i64]
    greatest: mp.Cell[mp.i64]
    size: mp.Cell[mp.i64]
    flags: mp.Cell[mp.Array[mp.u1, Literal[8]]]

    @mp.from_l1()
    def compute(self, a: mp.i64, b: mp.i64, divisor: mp.u32) -> None:
        self.quotient, self.remainder = mp.divmod(a, mp.max(divisor, 1))
        self.least = mp.min(a, b)
        self.greatest = mp.max(a, b)
        self.size = mp.abs(a)
        conditions = [
            a < b,
            a <= b,
            a == b,
            a != b,
            a >= b,
            a > b,
            mp.all_of(a < b, b < 9),
            mp.any_of(a < b, b < 9),
        ]
        for i, condition in enumerate(conditions):
            self.flags[i] = condition


NUMBERS = [-(2**63), -(2**63) + 1, -8, -7, -1, 0, 1, 7, 8, 2**63 - 1]


def test_arithmetic_is_python_s() -> None:
    both = Both(Numbers)
    for a in NUMBERS:
        for b in NUMBERS:
            for divisor in (0, 1, 3, 8, 2**32 - 1):
                effect = run(both, "compute", a=a, b=b, divisor=divisor)
                if a == -(2**63):  # its absolute value is no i64
                    assert effect.refused is not None
                    continue
                flags = [a < b, a <= b, a == b, a != b, a >= b, a > b, a < b < 9, a < b or b < 9]
                assert both.memory.cells == [*divmod(a, divisor or 1), min(a, b), max(a, b), abs(a), *flags]


def test_no_condition_at_all() -> None:
    assert mp.all_of() is True
    assert mp.any_of() is False
    assert mp.all_of(1, True) is True
    assert mp.any_of(0, False) is False
    assert mp.negate(True) is False
    assert mp.select(True, 3, 4) == 3


# -- arrays, records, cells


@pytest.fixture
def warehouse() -> Both:
    both = Both(Warehouse)
    key = mp.Key(bytes([1]) * 32)
    assert run(both, "govern", limits={"top": 1000, "floor": [-5, 0]}, keeper=key, side=1).refused is None
    assert run(both, "join", owner=0, key=key, shelf=3).refused is None
    assert run(both, "fill", first=3, second=4, slot=1, amount=10).refused is None
    return both


def test_cells_of_records_and_an_index_into_one(warehouse: Both) -> None:
    names = [c.name for c in warehouse.program.cells]
    cells = dict(zip(names, warehouse.memory.cells, strict=True))
    assert (cells["limits.top"], cells["limits.floor[0]"], cells["limits.floor[1]"]) == (1000, 0, -5)
    assert cells["keeper"] == mp.Key(bytes([1]) * 32)


def test_an_element_picked_by_a_value(warehouse: Both) -> None:
    names = [f.name for f in warehouse.program.maps[1].fields]
    shelf = dict(zip(names, warehouse.memory.records[1, 3], strict=True))
    assert [shelf[f"bins[{i}].amount"] for i in range(3)] == [0, 10, 0]
    assert (
        run(warehouse, "move", owner=0, pair=[3, 4], where={"amount": 4, "delta": -7}, slot=1, nonce=0)
        is not None
    )
    shelf = dict(zip(names, warehouse.memory.records[1, 3], strict=True))
    assert [shelf[f"bins[{i}].amount"] for i in range(3)] == [0, 6, 0]
    assert [shelf[f"bins[{i}].delta"] for i in range(3)] == [0, -7, 0]
    assert [shelf[f"marks[{i}]"] for i in range(4)] == [0, 4, 0, 0]
    assert (
        run(warehouse, "move", owner=0, pair=[3, 4], where={"amount": 7, "delta": 0}, slot=1, nonce=0) is None
    )


def test_messages_carry_what_was_emitted(warehouse: Both) -> None:
    effect = run(warehouse, "move", owner=0, pair=[3, 4], where={"amount": 4, "delta": 0}, slot=2, nonce=0)
    assert effect is None  # bin 2 is empty
    effect = run(warehouse, "move", owner=0, pair=[3, 4], where={"amount": 4, "delta": 0}, slot=1, nonce=0)
    words = [int.from_bytes(effect.outputs[i : i + 4], "big") for i in range(0, len(effect.outputs), 4)]
    first, second, third = (m.output_offset for m in warehouse.program.messages)
    assert words[first : first + 4] == [1, 3, 4, 4]
    assert words[second : second + 4] == [1, 4, 3, 0]
    assert words[third] == 0
    effect = run(warehouse, "ship", shelf=3, to=[9, 8, 7, 6, 5], amount=2**32 - 1, nonce=0)
    words = [int.from_bytes(effect.outputs[i : i + 4], "big") for i in range(0, len(effect.outputs), 4)]
    total, signed = 2**32 - 1 + 6, 0
    assert words[third : third + 10] == [
        1,
        9,
        8,
        7,
        6,
        5,
        total >> 32,
        total & 0xFFFFFFFF,
        *divmod(signed + 2**39, 2**32),
    ]


def test_a_refusal_names_the_line(warehouse: Both) -> None:
    effect = run(warehouse, "fill", first=3, second=3, slot=0, amount=1)
    assert effect.refused.reason == "shelves[3] is accessed twice in one transaction"
    assert effect.refused.location.file.endswith("warehouse.py")
    effect = run(warehouse, "fill", first=3, second=4, slot=0, amount=2**64 - 1)
    assert "bins[0].amount takes u16 [0, 65535], the value is 18446744073709551615" in effect.refused.reason


def test_a_refused_transaction_from_l1_leaves_everything(warehouse: Both) -> None:
    before = [list(r) for r in warehouse.memory.records.values()], list(warehouse.memory.cells)
    effect = run(warehouse, "fill", first=3, second=4, slot=1, amount=65_530)
    assert effect.refused is not None
    assert effect.written() == []
    assert effect.outputs[:4] == bytes([0, 0, 0, 1])
    assert ([list(r) for r in warehouse.memory.records.values()], list(warehouse.memory.cells)) == before
    offset = 4 * warehouse.program.messages[0].output_offset
    assert not any(effect.outputs[offset : offset + 16])


# -- values outside a transaction


def test_address() -> None:
    words = mp.address("0x" + "".join(f"{i:02x}" for i in range(20)))
    assert words == [0x00010203, 0x04050607, 0x08090A0B, 0x0C0D0E0F, 0x10111213]
    with pytest.raises(ValueError, match="an address has 20 bytes, got 19"):
        mp.address("0x" + "00" * 19)


def test_the_line_is_the_user_s() -> None:
    here = user_location()
    assert here is not None
    assert here.file == __file__
