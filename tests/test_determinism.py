"""Uniqueness of gadgets' outputs: what the checker proves, and that it refuses what is not so, with a witness
(docs/soundness.md).
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache

import pytest

from multiprover.soundness.checkers import repository
from multiprover.soundness.determinism import report
from multiprover.soundness.determinism.report import Checker
from multiprover.soundness.determinism.systems import Form, Gate, Row, System, UnreadableError, read


@cache
def gadgets(prover: str) -> dict[str, System]:
    """By name; the tool that writes them is built where it is missing or old."""
    subprocess.run(report.TOOLS[prover][1].split(), cwd=repository(), check=True)
    return {s.name: s for s in report.systems(prover)}


def gadget(prover: str, name: str) -> System:
    return gadgets(prover)[name]


CHECKER = Checker()

KINDS = {
    "groth16": [
        "permutation",
        "path of 3 levels",
        "commitment of 15 words",
        "zero if enabled",
        "hash of 5",
        "bits 64",
        "bits 252",
        "words 1",
        "words 7",
        "less i128 i128",
        "equal u64 i64",
        "range u32 3..2^62+1",
        "divmod u64 7",
        "divmod i64 1..1000",
        "divmod i128 1..2^127-1",
        "signature",
    ],
    "plonky2": [
        "cell Range32",
        "cell Words2",
        "cell Step",
        "cell DigestBits",
        "cell Select4",
        "hash of 9",
        "path of 3 levels",
        "absorption of 13",
        "evaluation of 15 words",
        "less 0..(2^64-1) -2^63..(2^63-1)",
        "equal 0..2^96 0..(2^64-1)",
        "divmod 0..(2^64-1) 7..7",
        "divmod -2^100..(2^90+17) 1..2^90",
        "signature",
    ],
    "halo2": [
        "hash of 0",
        "hash of 5",
        "path of 3 levels",
        "bits 160",
        "boolean",
        "sum of 7 words",
        "less 0..(2^64-1) -2^100..(2^90+17)",
        "equal 0..2^96 0..(2^64-1)",
        "range -5..1000 0..(2^32-1)",
        "select -5..1000",
        "mul 0..(2^64-1) -2^63..(2^63-1)",
        "divmod 0..(2^64-1) 7..7",
        "divmod -2^100..(2^90+17) 1..2^90",
        "divmod -(2^127-1)..(2^127-1) 1..(2^127-1)",
    ],
    "stark": [
        "hash of 24",
        "two paths of 3 levels",
        "key",
        "and, or, not",
        "words -2^63..(2^63-1)",
        "add 0..(2^64-1) -2^63..(2^63-1)",
        "less 0..(2^64-1) -2^100..(2^90+17)",
        "equal 0..2^96 0..(2^64-1)",
        "select -5..1000 -2^100..(2^90+17)",
    ],
}


@pytest.mark.parametrize(("prover", "name"), [(p, n) for p, names in KINDS.items() for n in names])
def test_outputs_are_determined(prover: str, name: str) -> None:
    verdict = CHECKER.check(gadget(prover, name))
    assert verdict.by is not None, (verdict.open, verdict.witness)


def booleans(system: System) -> list[int]:
    """Constraints ``b·(1 - b) = 0`` or ``b·b = b``."""

    def wires(*forms: Form) -> set[int]:
        return {w for form in forms for w in form if w}

    return [i for i, (a, b, c) in enumerate(system.r1cs) if wires(a) == wires(b) and len(wires(a, b, c)) == 1]


def refused(faulty: System, sound: System) -> None:
    """The checker proves nothing of a faulty system, and what it shows is a fault: a second output that its
    constraints accept, and those of the sound one do not.
    """
    verdict = CHECKER.check(faulty)
    assert verdict.by is None
    assert verdict.witness is not None
    honest, other = verdict.witness
    assert honest != other
    assert verdict.assignment is not None
    assert faulty.violated(verdict.assignment) == []
    assert sound.violated(verdict.assignment) != []
    assert all(verdict.assignment[w] == sound.witness[w] for w in sound.inputs)
    assert any(verdict.assignment[w] != sound.witness[w] for w in sound.outputs)


@pytest.mark.parametrize(
    ("name", "which"), [("less u64 u64", 0), ("bits 20", 3), ("bits 64", 63), ("less i128 u32", 0)]
)
def test_a_boolean_constraint_left_out_is_found(name: str, which: int) -> None:
    system = gadget("groth16", name)
    refused(system.without([booleans(system)[which]]), system)


def test_the_second_half_of_is_zero_left_out_is_found() -> None:
    system = gadget("groth16", "equal u64 u64")
    # d·equal = 0: without it, equal may be anything where d has an inverse.
    (vanishing,) = [i for i, (_, _, c) in enumerate(system.r1cs) if not c]
    refused(system.without([vanishing]), system)


def recompositions(system: System) -> list[int]:
    """Constraints that say of what is range checked that it is the sum of its limbs."""
    return [i for i, (a, b, c) in enumerate(system.r1cs) if len(a) > 1 and len(b) == 1 == len(c)]


@pytest.mark.parametrize("name", ["words 2", "words 5"])
def test_a_range_check_left_out_is_found(name: str) -> None:
    system = gadget("groth16", name)
    refused(system.without([recompositions(system)[1]]), system)


def without(system: System, gate: str, constraint: int) -> System:
    found = system.gates[gate]
    zero = [z for i, z in enumerate(found.zero) if i != constraint]
    return system.without(gates={gate: replace(found, zero=tuple(zero))})


@pytest.mark.parametrize(
    ("gate", "constraint"),
    [
        ("Range32", 3),  # a limb of any size
        ("Step", 20),  # a limb of the carry of any size
        ("Step", 34),  # the equation
        ("DigestBits", 3),  # a bit of any size
        ("DigestBits", 51),  # h + p taken for h
        ("Select4", 2),  # an output of its own
    ],
)
def test_a_constraint_of_a_cell_left_out_is_found(gate: str, constraint: int) -> None:
    system = gadget("plonky2", f"cell {gate}")
    refused(without(system, gate, constraint), system)


def test_a_fault_in_a_cell_is_a_fault_in_what_uses_it() -> None:
    system = gadget("plonky2", "less 0..(2^64-1) 0..(2^64-1)")
    assert CHECKER.check(system).by == "propagation"
    assert CHECKER.check(without(system, "Range32", 17), search=False).by == "propagation"  # its lower half
    assert CHECKER.check(without(system, "Words2", 38), search=False).by is None  # the upper equation


def test_a_remainder_without_its_bound_is_not_determined() -> None:
    system = gadget("groth16", "divmod u64 1..1000")
    divisor = system.inputs[1]
    # b - 1 - r is the sum of its limbs: the last constraint, but for the product, that names the divisor.
    bound = max(i for i, sides in enumerate(system.r1cs) if any(divisor in form for form in sides))
    assert CHECKER.check(system.without([bound]), search=False).by is None


@pytest.mark.parametrize(
    ("name", "which"),
    [
        ("less 0..(2^64-1) 0..(2^64-1)", [0]),  # a limb of any size
        ("divmod 0..(2^64-1) 1..1000", [0]),
        ("divmod 0..(2^64-1) 1..1000", [-4, -3]),  # b - 1 - r of any size
    ],
)
def test_a_lookup_left_out_is_found(name: str, which: list[int]) -> None:
    system = gadget("halo2", name)
    gone = {which_one % len(system.lookups) for which_one in which}
    kept = tuple(lookup for i, lookup in enumerate(system.lookups) if i not in gone)
    refused(replace(system, lookups=kept), system)


def test_a_row_left_out_is_found() -> None:
    system = gadget("halo2", "less 0..(2^64-1) 0..(2^64-1)")
    (top,) = system.outputs
    # The sign is 0 or 1.
    (held,) = [i for i, row in enumerate(system.rows) if row.wires.count(top) > 1]
    refused(replace(system, rows=system.rows[:held] + system.rows[held + 1 :]), system)


# Systems written by hand: the rules at their borders.

P = 101


def hand(
    r1cs: list[tuple[Form, Form, Form]],
    outputs: tuple[int, ...],
    *,
    inputs: tuple[int, ...] = (1,),
    ranges: dict[int, tuple[int, int]] | None = None,
    witness: tuple[int, ...] | None = None,
) -> System:
    wires = 1 + max(w for row in r1cs for form in row for w in form)
    return System(
        "hand", "hand", P, wires, inputs, outputs, ranges or {}, (), tuple(r1cs), (), {}, None, witness
    )


def boolean(w: int) -> tuple[Form, Form, Form]:
    return ({w: 1}, {0: 1, w: P - 1}, {})


def decomposition(bits: int) -> System:
    wires = range(2, 2 + bits)
    total = ({w: 1 << i for i, w in enumerate(wires)}, {0: 1}, {1: 1})
    return hand([*map(boolean, wires), total], tuple(wires), witness=(1, 3, 1, 1, *[0] * (bits - 2)))


def test_bits_are_determined_while_their_sum_is_below_p() -> None:
    assert CHECKER.check(decomposition(6)).by == "propagation"
    seven = decomposition(7)  # up to 127: 3 is 104 too
    verdict = CHECKER.check(seven)
    assert verdict.by is None
    assert verdict.assignment is not None
    assert seven.violated(verdict.assignment) == []
    assert sum(verdict.assignment[w] << i for i, w in enumerate(seven.outputs)) == 104


def test_a_quotient_by_what_may_vanish_is_not_determined() -> None:
    quotient = [({1: 1}, {3: 1}, {2: 1})]
    loose = hand(quotient, (3,), inputs=(1, 2), witness=(1, 0, 0, 5))
    assert CHECKER.check(loose).witness is not None
    held = replace(loose, ranges={1: (1, 50)}, witness=(1, 1, 5, 5))
    assert CHECKER.check(held).by == "propagation"


def test_a_root_is_not_determined() -> None:
    root = hand([({2: 1}, {2: 1}, {1: 1})], (2,), witness=(1, 4, 2))
    assert CHECKER.check(root, search=False).by is None


def division(most: int, ranges: dict[int, tuple[int, int]]) -> System:
    """a = b·q + r with q and r bits, and b - 1 - r a bit where ``most`` is 1."""
    rows = [({2: 1}, {3: 1}, {1: 1, 4: P - 1}), boolean(3), boolean(4)]
    if most:
        rows += [boolean(5), ({2: 1, 0: P - 1, 4: P - 1, 5: P - 1}, {0: 1}, {})]
    return hand(
        rows, (3, 4), inputs=(1, 2), ranges=ranges, witness=(1, 1, 1, 1, 0, 0) if most else (1, 1, 1, 1, 0)
    )


def test_a_remainder_needs_its_bound() -> None:
    assert CHECKER.check(division(1, {1: (0, 3), 2: (1, 2)})).by == "propagation"
    open_ = division(0, {1: (0, 3), 2: (1, 2)})
    verdict = CHECKER.check(open_)
    assert verdict.by is None
    assert verdict.assignment is not None
    assert open_.violated(verdict.assignment) == []


def test_a_gate_is_not_taken_for_a_function_unless_it_is_one() -> None:
    """A gate that only says x·y = 0 names y as a function of x; a system of it must not rely on that."""
    gate = Gate(2, 0, (("w", 0), ("w", 1), ("*", 0, 1)), (2,), ((0,), (1,)))
    system = System(
        "hand",
        "liar",
        P,
        3,
        (1,),
        (2,),
        {},
        (),
        (),
        (Row("zero", (1, 2), ()),),
        {"zero": gate},
        None,
        (1, 0, 7),
    )
    verdict = CHECKER.check(system)
    assert verdict.by is None
    assert verdict.witness is not None


def test_an_example_that_violates_its_constraints_is_refused() -> None:
    header = '{"format": 1, "prover": "x", "modulus": "101", "gates": {}}'
    line = (
        '{"name": "g", "wires": 3, "inputs": [1], "outputs": [2], "ranges": {}, "challenges": [],'
        ' "r1cs": [[[[1, "1"]], [[1, "1"]], [[2, "1"]]]], "witness": ["1", "3", "8"]}'
    )
    with pytest.raises(UnreadableError, match="violates"):
        list(read([header, line]))
    assert list(read([header, line.replace('"8"', '"9"')]))
    with pytest.raises(UnreadableError, match="expected format 1"):
        list(read([header.replace('"format": 1', '"format": 2'), line]))
