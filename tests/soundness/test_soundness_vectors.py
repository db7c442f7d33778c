"""The files in vectors/ have one schema; the operations' are read by interpreter, Go and Rust alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from operations_vectors import vectors

from examples.token.token import Token
from multiprover.ledger.batch import Transaction
from multiprover.program import Code, Op, Program, interpreter
from multiprover.program.ir import Kind
from multiprover.soundness.checkers import Checkers
from multiprover.soundness.world import World

FOLDER = Path(__file__).parents[2] / "vectors"
INPUT_WORDS = 3
OPERATIONS = json.loads((FOLDER / "operations.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", ["bn254_suite.json", "goldilocks_suite.json", "operations.json"])
def test_one_schema(file: str) -> None:
    document = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    assert set(document) == {"suite", "vectors"}
    names = [v["name"] for v in document["vectors"]]
    assert len(set(names)) == len(names)
    for vector in document["vectors"]:
        assert set(vector) == {"name", "operation", "inputs", "outputs"}
        assert isinstance(vector["inputs"], dict)
        assert isinstance(vector["outputs"], dict)


def test_the_file_is_what_its_program_writes() -> None:
    assert OPERATIONS["vectors"] == vectors()


def program(entries: list[dict[str, Any]], off: int = 0) -> Program:
    """A program that computes each vector and asserts the result; ``off`` is added to what is expected."""
    ops: list[Op] = []
    for word in range(INPUT_WORDS):
        ops += [Op(Code.PARAM, (), (word,), 0, 2**32 - 1), Op(Code.RANGE, (2 * word,), (), 0, 0)]

    def emit(op: Op) -> int:
        ops.append(op)
        return len(ops) - 1

    def place(of: dict[str, str], zero: int) -> int:
        value = int(of["value"])
        constant = emit(Op(Code.CONST, (), (), value, value))
        # Not a constant: the sum with an input word, which is held to 0.
        summed = emit(Op(Code.ADD, (constant, zero), (), value, value))
        return emit(Op(Code.RANGE, (summed,), (), int(of["lo"]), int(of["hi"])))

    for entry in entries:
        a, b = place(entry["inputs"]["a"], 3), place(entry["inputs"]["b"], 5)
        out, code = entry["outputs"], entry["operation"]
        lo, hi = int(out["lo"]), int(out["hi"])
        if code == "REMAINDER":
            x, y = entry["inputs"]["a"], entry["inputs"]["b"]
            (alo, ahi), (blo, bhi) = ((int(v["lo"]), int(v["hi"])) for v in (x, y))
            low = alo // blo if alo < 0 else alo // bhi
            quotient = emit(Op(Code.DIVMOD, (a, b), (), low, ahi // bhi if ahi < 0 else ahi // blo))
            found = emit(Op(Code.REMAINDER, (quotient,), (), lo, hi))
        else:
            found = emit(Op(Code[code], (a, b), (), lo, hi))
        value = int(out["value"]) + off
        expected = emit(Op(Code.CONST, (), (), value, value))
        emit(Op(Code.ASSERT, (emit(Op(Code.EQ, (found, expected), (), 0, 1)),)))
    noop = Kind("noop", False, (), (), (), ())
    suites = ("bn254", "goldilocks")
    made = Program("operations", suites, (), (), (noop,), INPUT_WORDS, 0, (), 0, (), False, tuple(ops))
    return Program.decode(made.encoded)


def test_the_interpreter() -> None:
    for entry in OPERATIONS["vectors"]:
        for off in (0, 1):
            p = program([entry], off)
            try:
                interpreter.run(p, interpreter.State(p), [[0] * INPUT_WORDS], lambda *_: False)
            except interpreter.InvalidSlot:
                assert off, entry["name"]
            else:
                assert not off, entry["name"]


def last(entries: list[dict[str, Any]], code: str) -> dict[str, Any]:
    """The last vector of an operation whose result is not known when the circuit is made."""
    return next(
        e for e in reversed(entries) if e["operation"] == code and e["outputs"]["lo"] != e["outputs"]["hi"]
    )


@pytest.mark.parametrize("prover", ["groth16", "plonky2"])
def test_the_circuits(prover: str) -> None:
    """All vectors in one slot; and with one of them wrong, for a few."""
    entries = OPERATIONS["vectors"]
    with Checkers([prover]) as checkers:
        wrong_ones = [last(entries, code) for code in ("SUB", "DIVMOD", "LT")]
        for number, wrong in enumerate([None, *wrong_ones]):
            chosen = entries if wrong is None else [wrong]
            world = World(Token, program=program(chosen, 0 if wrong is None else 1))
            case = world.forged(
                f"operations {number}", ("", ""), [Transaction(bytes(4 * INPUT_WORDS))], 1, ""
            )
            case = replace(case, valid=wrong is None)
            verdict = checkers.by_name[prover].check(case)
            assert verdict.accepts == (wrong is None), verdict
            assert (verdict.violated == 0) == (wrong is None), verdict
