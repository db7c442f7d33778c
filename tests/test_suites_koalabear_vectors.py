"""The suite ``koalabear``, native and reference, against vectors: published ones first, then our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import koalabear_vectors
import pytest
import reference_koalabear as ref
from multiprover_native import KoalaBear
from vector_operations import operations

from multiprover import suites

VECTORS = Path(__file__).parent.parent / "vectors"
SUITE = suites.get("koalabear")
OWN = json.loads((VECTORS / "koalabear_suite.json").read_text())["vectors"]
PUBLISHED = [
    entry
    for entry in json.loads((VECTORS / "poseidon_vectors.json").read_text())
    if entry["params"] == "plonky3 test_default_koalabear_poseidon2_width_16"
]


def state_bytes(state: list[int]) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in state)


@pytest.mark.parametrize("entry", PUBLISHED, ids=["random"])
def test_poseidon2_published(entry: dict[str, Any]) -> None:
    state, expected = ([int(value) for value in entry[name]] for name in ("input", "output"))
    assert list(ref.permute(tuple(state))) == expected
    assert KoalaBear.permute(state_bytes(state)) == state_bytes(expected)


def test_every_published_vector_is_read() -> None:
    assert len(PUBLISHED) == 1


def power(base: ref.Extended, exponent: int) -> ref.Extended:
    result: ref.Extended = (1, 0, 0, 0, 0)
    for bit in f"{exponent:b}":
        result = ref.multiply(result, result)
        if bit == "1":
            result = ref.multiply(result, base)
    return result


def test_field_facts() -> None:
    """x^3 is a permutation of the field. X^5 + X^2 - 1 is irreducible: roots in GF(p^5), none in GF(p)."""
    assert (ref.P - 1) % 3 != 0
    x = (0, 1, 0, 0, 0)
    conjugates = [x]
    for _ in range(5):
        conjugates.append(power(conjugates[-1], ref.P))
    assert conjugates[5] == x
    difference: ref.Extended = tuple((a - b) % ref.P for a, b in zip(conjugates[1], x, strict=True))
    assert ref.multiply(difference, power(difference, ref.P**5 - 2)) == (1, 0, 0, 0, 0)


def test_own_vectors_are_what_the_reference_writes() -> None:
    assert (VECTORS / "koalabear_suite.json").read_text() == koalabear_vectors.text()


def test_own_vectors_have_unique_names_and_every_operation_and_reason() -> None:
    assert len({vector["name"] for vector in OWN}) == len(OWN)
    assert {vector["operation"] for vector in OWN} == set(OPERATIONS)
    reasons = {v["outputs"].get("reason") for v in OWN if v["operation"] == "verify"}
    assert reasons == {None, *REASONS}


REASONS = {
    "length": "signature: expected 2588 bytes",
    "nonce not below 2^16": "nonce: expected 0 to 2^16 - 1",
    "rho not canonical": "ρ: expected elements below",
    "chain not canonical": "chain ",
    "sibling not canonical": "sibling ",
    "sum": "sum: expected the message's digits to sum to 120",
    "root": "root: expected the public key",
}


OPERATIONS = operations(SUITE, KoalaBear.permute, 4, REASONS)


@pytest.mark.parametrize("vector", OWN, ids=[vector["name"] for vector in OWN])
def test_native_gives_own_vector(vector: dict[str, Any]) -> None:
    assert OPERATIONS[vector["operation"]](vector["inputs"]) == vector["outputs"]
