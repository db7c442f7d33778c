"""The files in vectors/ have one schema; batches are read by interpreter, Go and Rust alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import operations_vectors
import program_vectors
import pytest
from program_vectors import INPUT_WORDS, program

from multiprover.program import Code, Program, interpreter
from multiprover.program.ir import EFFECTS
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.soundness.checkers import Checkers
from multiprover.soundness.world import Case

FOLDER = Path(__file__).parents[2] / "vectors"
FILES = (
    "bn254_suite.json",
    "goldilocks_suite.json",
    "koalabear_suite.json",
    "operations.json",
    "programs.json",
)
SCHEMA = jsonschema.Draft202012Validator(json.loads((FOLDER / "schema.json").read_text(encoding="utf-8")))


def load(file: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    return document


OPERATIONS = load("operations.json")["vectors"]
PROGRAMS = load("programs.json")["vectors"]


@pytest.mark.parametrize("file", FILES)
def test_one_schema(file: str) -> None:
    document = load(file)
    SCHEMA.validate(document)
    names = [v["name"] for v in document["vectors"]]
    assert len(set(names)) == len(names)


def test_the_schema_refuses() -> None:
    good = {"name": "n", "operation": "commit", "inputs": {"journal": "0x"}, "outputs": {}}
    digest = {"commitment": "0x" + "00" * 32}
    SCHEMA.validate({"suite": "bn254", "vectors": [good | {"outputs": digest}]})
    for spoilt in (
        good,
        good | {"outputs": {"commitment": "0x00"}},
        good | {"outputs": digest, "inputs": {"journal": "0x0"}},
        good | {"outputs": digest, "inputs": {"journal": "0x", "more": "0x"}},
        good | {"outputs": digest, "operation": "other"},
        good | {"outputs": digest, "source": "x"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            SCHEMA.validate({"suite": "bn254", "vectors": [spoilt]})


def test_no_other_file_but_those_that_are_as_published() -> None:
    found = {path.name for path in FOLDER.glob("*.json")}
    assert found == {*FILES, "schema.json", "poseidon_vectors.json", "eddsa_babyjubjub.json"}


def test_the_files_are_what_their_programs_write() -> None:
    assert operations_vectors.vectors() == OPERATIONS
    assert program_vectors.vectors() == PROGRAMS


def test_every_operation_is_there() -> None:
    """One that computes is in a vector of its own; one that touches state or journal, in the bank."""
    computed = {v["operation"] for v in OPERATIONS}
    bank = next(v for v in PROGRAMS if v["name"] == "bank_payment")
    used = {op.code.name for op in Program.decode(bytes.fromhex(bank["inputs"]["program"][2:])).ops}
    assert computed == {c.name for c in Code if c not in EFFECTS} - {
        "CONST", "PARAM", "KEY_PARAM", "CELL", "LOAD",
    }  # fmt: skip
    assert {c.name for c in EFFECTS} | {"CONST", "PARAM", "KEY_PARAM", "CELL", "LOAD"} <= used


def test_the_interpreter() -> None:
    for entry in OPERATIONS:
        for off in (0, 1):
            p = program([entry], off)
            try:
                interpreter.run(p, interpreter.State(p), [[0] * INPUT_WORDS], lambda *_: False)
            except interpreter.InvalidSlot:
                assert off, entry["name"]
            else:
                assert not off, entry["name"]


@pytest.mark.parametrize("prover", ["groth16", "plonky2"])
def test_the_circuits(prover: str) -> None:
    """Every batch; of a false one, the very statement is refused whatever the witness.

    In Go (provers/groth16/internal/lowering/vectors_test.go) and Rust (provers/plonky2/tests/vectors.rs) the
    provers' own executions read the same file.
    """
    with Checkers([prover]) as checkers:
        for vector in PROGRAMS:
            inputs, holds = vector["inputs"], vector["outputs"]["holds"]
            case = Case(
                vector["name"],
                Program.decode(bytes.fromhex(inputs["program"][2:])),
                ("", ""),
                inputs["slots"],
                pb.ProveRequest.FromString(bytes.fromhex(inputs["request"][2:])),
                holds,
            )
            verdict = checkers.by_name[prover].check(case)
            assert verdict.accepts == holds, (case.name, verdict)
            assert verdict.proves == holds, (case.name, verdict)
