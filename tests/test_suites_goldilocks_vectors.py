"""The suite ``goldilocks``, native and reference, against vectors: published ones first, then our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import goldilocks_vectors
import pytest
import reference_goldilocks as ref
from multiprover_native import Goldilocks
from vector_operations import operations

from multiprover import suites

VECTORS = Path(__file__).parent.parent / "vectors"
SUITE = suites.get("goldilocks")
OWN = json.loads((VECTORS / "goldilocks_suite.json").read_text())["vectors"]
PUBLISHED = [
    entry
    for entry in json.loads((VECTORS / "poseidon_vectors.json").read_text())
    if entry["params"] == "plonky2 width 12"
]


def state_bytes(state: list[int]) -> bytes:
    return b"".join(value.to_bytes(8, "big") for value in state)


@pytest.mark.parametrize("entry", PUBLISHED, ids=["zeros", "counting", "greatest", "random"])
def test_poseidon_published(entry: dict[str, Any]) -> None:
    state, expected = ([int(value) for value in entry[name]] for name in ("input", "output"))
    assert ref.permute(state) == expected
    assert Goldilocks.permute(state_bytes(state)) == state_bytes(expected)


def test_every_published_vector_is_read() -> None:
    assert len(PUBLISHED) == 4


def test_field_facts() -> None:
    """7 is no square, so X² - 7 is irreducible; x^7 is a permutation of the field."""
    assert pow(7, (ref.P - 1) // 2, ref.P) == ref.P - 1
    assert (ref.P - 1) % 7 != 0


def test_own_vectors_are_what_the_reference_writes() -> None:
    assert (VECTORS / "goldilocks_suite.json").read_text() == goldilocks_vectors.text()


def test_own_vectors_have_unique_names_and_every_operation_and_reason() -> None:
    assert len({vector["name"] for vector in OWN}) == len(OWN)
    assert {vector["operation"] for vector in OWN} == set(OPERATIONS)
    reasons = {v["outputs"].get("reason") for v in OWN if v["operation"] == "verify"}
    assert reasons == {None, *REASONS}


REASONS = {
    "length": "signature: expected 4744 bytes",
    "nonce not below 2^16": "nonce: expected 0 to 2^16 - 1",
    "rho not canonical": "ρ: expected an element below",
    "chain not canonical": "chain ",
    "sibling not canonical": "sibling ",
    "weight": "weight: expected 66 bits",
    "root": "root: expected the public key",
}


OPERATIONS = operations(SUITE, Goldilocks.permute, 8, REASONS)


@pytest.mark.parametrize("vector", OWN, ids=[vector["name"] for vector in OWN])
def test_native_gives_own_vector(vector: dict[str, Any]) -> None:
    assert OPERATIONS[vector["operation"]](vector["inputs"]) == vector["outputs"]
