"""Merging the kinds into one slot program: what is shared, what is not, and that it is always the same."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter as Tally
from pathlib import Path
from typing import Any, Literal

import pytest
from differential import Both
from transitions.calculator import Calculator
from transitions.counter import Counter
from transitions.warehouse import Warehouse

import multiprover as mp
from examples.perpetuals.perpetuals import Perpetuals
from examples.token.token import Token
from multiprover.lang.transition import KindSpec
from multiprover.program import Code, Program, trace
from multiprover.program.ir import EFFECTS

TRANSITIONS = [Calculator, Counter, Warehouse, Token, Perpetuals]
COUNTER_ID = "96be773cefec26a970b9bba93af7e91445b0c50932b2719a62e58bfee82bcef9"


def tally(program: Program) -> Tally[Code]:
    return Tally(op.code for op in program.ops)


def with_kinds(transition: type[mp.Transition], order: tuple[KindSpec, ...]) -> type[mp.Transition]:
    """The transition with its kinds in another order."""
    body: dict[str, Any] = {
        "__annotations__": transition.__annotations__,
        "__module__": transition.__module__,
        **{kind.name: kind.function for kind in order},
        **{
            n: f
            for n, f in vars(transition).items()
            if callable(f) and n.startswith("_") and not n.startswith("__")
        },
    }
    return type(transition.__name__, (mp.Transition,), body)


# -- sharing


@pytest.mark.parametrize("transition", [Calculator, Counter, Token, Perpetuals])
def test_ports_and_authorizations_are_the_widest_kinds(transition: type[mp.Transition]) -> None:
    program = trace(transition, ["bn254"])
    for m in range(len(program.maps)):
        widest = max(sum(program.ports[p].map == m for p in kind.ports) for kind in program.kinds)
        assert sum(port.map == m for port in program.ports) == widest
    assert program.authorizations == max(len(kind.authorizations) for kind in program.kinds)


def test_an_access_in_another_order_takes_a_port_of_its_own() -> None:
    """``move`` opens shelves before an owner, ``join`` after it; an index may depend on what came before."""
    program = trace(Warehouse, ["bn254"])
    assert [program.maps[port.map].name for port in program.ports] == [
        "shelves",
        "shelves",
        "owners",
        "shelves",
    ]


@pytest.mark.parametrize("transition", [Token, Perpetuals])
def test_sharing_does_not_depend_on_the_order_of_kinds(transition: type[mp.Transition]) -> None:
    orders = list(itertools.permutations(transition.kinds))
    for order in orders[:: max(1, len(orders) // 12)]:
        program = trace(with_kinds(transition, order), ["bn254"])
        assert (len(program.ports), program.authorizations) == (2, 1 + (transition is Perpetuals))


def test_a_trade_stays_within_the_reference_slot() -> None:
    """Two accounts, two signatures, at most 64 range checks, 16 products and 4 divisions."""
    program = trace(Perpetuals, ["bn254"])
    counted = tally(program)
    constants = {i for i, op in enumerate(program.ops) if op.code is Code.CONST}
    products = sum(op.code is Code.MUL and not constants & set(op.args) for op in program.ops)
    assert (counted[Code.OPEN], counted[Code.AUTHORIZE], counted[Code.DIVMOD]) == (2, 2, 0)
    assert products <= 16
    assert counted[Code.RANGE] + counted[Code.LT] <= 64


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_nothing_is_computed_twice_or_for_nothing(transition: type[mp.Transition]) -> None:
    program = trace(transition, ["bn254"])
    values = [op for op in program.ops if op.code not in EFFECTS]
    assert len(set(values)) == len(values)
    used = {a for op in program.ops for a in op.args}
    for i, op in enumerate(program.ops):
        assert i in used or op.code in EFFECTS or op.code is Code.RANGE, (i, op)


def test_an_equal_message_of_two_kinds_shares_its_place() -> None:
    program = trace(Warehouse, ["bn254"])
    assert [m.name for m in program.messages] == ["Moved", "Moved", "Shipped"]
    assert {k.name: k.messages for k in program.kinds if k.messages} == {
        "move": (0, 1),
        "ship": (2,),
        "fill": (0,),
    }


class Ping(mp.Message):
    value: mp.u8


class Pong(mp.Message):
    value: mp.u8


class Talk(mp.Transition):
    total: mp.Cell[mp.u8]

    @mp.from_l1()
    def forth(self, a: mp.u8, b: mp.u8) -> None:
        mp.emit(Ping(value=a))
        mp.emit(Pong(value=b))

    @mp.from_l1()
    def back(self, a: mp.u8, b: mp.u8) -> None:
        mp.emit(Pong(value=a))
        mp.emit(Ping(value=b))
        mp.emit(Ping(value=a))


def test_messages_are_listed_as_they_are_emitted() -> None:
    both = Both(Talk)
    places = [m.name for m in both.program.messages]
    for kind in both.program.kinds[1:]:
        emitted = {"forth": ["Ping", "Pong"], "back": ["Pong", "Ping", "Ping"]}[kind.name]
        assert [places[i] for i in kind.messages] == emitted
    assert both.slot([1, 7, 8]) is not None
    assert both.slot([2, 7, 8]) is not None


# -- selection


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_noop_changes_nothing(transition: type[mp.Transition]) -> None:
    both = Both(transition)
    effect = both.slot([0] * both.program.input_words)
    assert effect is not None
    assert not effect.written()
    assert both.state.records == {}
    assert both.slot([0] * (both.program.input_words - 1) + [1]) is None


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_only_known_kinds(transition: type[mp.Transition]) -> None:
    both = Both(transition)
    for kind in (len(transition.kinds) + 1, 2**31, 2**32 - 1):
        assert both.slot([kind] + [0] * (both.program.input_words - 1)) is None


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_unused_words_are_zero(transition: type[mp.Transition]) -> None:
    both = Both(transition)
    program = both.program
    for number, kind in enumerate(program.kinds):
        width = 1 + sum(8 if f.key else f.words for f in kind.params)
        for word in range(width, program.input_words):
            words = [number] + [0] * (program.input_words - 1)
            words[word] = 1
            assert both.slot(words) is None


def test_a_kind_is_not_held_to_what_another_requires() -> None:
    """``nudge`` never divides, ``divide`` never nudges: each runs where the other would be refused."""
    both = Both(Calculator)
    numbers = {k.name: k.number for k in Calculator.kinds}
    unlucky = [numbers["nudge"], 1, 2**31, 13] + [0] * (both.program.input_words - 4)
    effect = both.slot(unlucky)
    assert effect is not None
    assert effect.refused is not None
    assert effect.refused.reason == "unlucky"
    assert int.from_bytes(effect.outputs[:4], "big") == 1
    assert both.slot([numbers["divide"], *unlucky[1:]]) is not None


# -- accesses


class Cell(mp.Record):
    value: mp.u8


class Pair(mp.Transition):
    items: mp.Map[mp.u3, Cell]
    both: mp.Cell[mp.Array[mp.u8, Literal[2]]]

    @mp.from_l1()
    def swap(self, a: mp.u3, b: mp.u3) -> None:
        one, two = self.items[a], self.items[b]
        one.value = 1
        two.value = 2
        self.both[0] += 1

    @mp.from_l1()
    def read(self, a: mp.u3) -> None:
        self.both[1] = self.items[a].value


def test_an_access_twice_from_l1_has_no_effect() -> None:
    both = Both(Pair)
    effect = both.slot([1, 5, 5])
    assert effect is not None
    assert effect.refused is not None
    assert "items[5] is accessed twice" in effect.refused.reason
    assert effect.written() == []
    assert both.memory.cells == [0, 0]
    assert both.memory.records == {}
    effect = both.slot([1, 5, 6])
    assert effect is not None
    assert effect.refused is None
    assert both.memory.records == {(0, 5): [1], (0, 6): [2]}


def test_a_port_that_is_only_read_outputs_zeros() -> None:
    both = Both(Pair)
    both.slot([1, 5, 6])
    effect = both.slot([2, 6, 0])
    assert effect is not None
    assert effect.accesses[0] is not None
    assert not any(effect.outputs)
    assert both.memory.cells == [1, 2]


# -- the same program everywhere


def test_golden_program_id() -> None:
    assert trace(Counter, ["bn254"]).program_id.hex() == COUNTER_ID


@pytest.mark.parametrize("name", ["calculator:Calculator", "warehouse:Warehouse"])
def test_program_id_does_not_depend_on_the_process(name: str) -> None:
    module, transition = name.split(":")
    code = (
        f"from transitions.{module} import {transition} as T\n"
        "from multiprover.program import trace\n"
        "print(trace(T, ['bn254', 'toy']).program_id.hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    here = {"Calculator": Calculator, "Warehouse": Warehouse}[transition]
    assert found == {trace(here, ["bn254", "toy"]).program_id.hex()}


def test_suites_are_part_of_the_program() -> None:
    assert trace(Counter, ["bn254"]).program_id != trace(Counter, ["toy"]).program_id
