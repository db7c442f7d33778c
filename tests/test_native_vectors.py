"""The native code and the pure Python reference against vectors: published ones first, then our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bn254_vectors
import pytest
import reference_bn254 as ref
from eth_utils.crypto import keccak
from multiprover_native import Bn254, keccak256
from vector_operations import Operation, b, one, operations

from multiprover import suites

VECTORS = Path(__file__).parent.parent / "vectors"
SUITE = suites.get("bn254")
OWN = json.loads((VECTORS / "bn254_suite.json").read_text())["vectors"]


def published(file: str, **match: str) -> dict[str, Any]:
    entries = json.loads((VECTORS / file).read_text())
    (entry,) = [e for e in entries if all(e.get(key) == value for key, value in match.items())]
    return entry  # type: ignore[no-any-return]


def test_poseidon2_published() -> None:
    entry = published("poseidon_vectors.json", params="POSEIDON2_BN256_PARAMS")
    state = [int(value) for value in entry["input"]]
    expected = [int(value, 16) for value in entry["output"]]
    assert ref.permute(state) == expected
    native = Bn254.permute(b"".join(map(ref.to_bytes, state)))
    assert native == b"".join(map(ref.to_bytes, expected))


def test_round_constants_published() -> None:
    """The first constant of HorizenLabs' table, as of the commit of the vector above."""
    first = 0x1D066A255517B7FD8BDDD3A93F7804EF7F8FCDE48BB4C37A59A09A1A97052816
    assert ref.round_constants()[0][0] == first


def test_curve_facts_of_eip_2494() -> None:
    assert ref.on_curve(ref.GENERATOR)
    assert ref.on_curve(ref.BASE8)
    assert ref.multiply(8, ref.GENERATOR) == ref.BASE8
    assert ref.multiply(ref.L, ref.BASE8) == ref.IDENTITY
    assert ref.multiply(4 * ref.L, ref.GENERATOR) != ref.IDENTITY
    # The affine formula is complete: the denominators 1 ± d·x1·x2·y1·y2 are never 0.
    assert pow(ref.A, (ref.R - 1) // 2, ref.R) == 1
    assert pow(ref.D, (ref.R - 1) // 2, ref.R) == ref.R - 1


def test_published_signature_holds_on_the_reference_curve() -> None:
    """Circom's EdDSA has a cofactor 8 in the challenge and another hash; curve and equation are the same."""
    entry = published("eddsa_babyjubjub.json", scheme="EdDSA-BabyJubJub-Poseidon")
    a, r = (ref.Point(int(entry[name][0]), int(entry[name][1])) for name in ("pk", "R8"))
    assert ref.on_curve(a)
    assert ref.on_curve(r)
    assert ref.multiply(ref.L, a) == ref.IDENTITY
    message = int.from_bytes(bytes.fromhex(entry["msg_le_bytes"]), "little")
    h = ref.circom_poseidon([*r, *a, message], partial=60)
    s = int(entry["S"])
    assert ref.multiply(s, ref.BASE8) == ref.add(r, ref.multiply(8 * h, a))
    assert ref.multiply(s + 1, ref.BASE8) != ref.add(r, ref.multiply(8 * h, a))


@pytest.mark.parametrize("size", [0, 1, 135, 136, 137, 1000])
def test_keccak256(size: int) -> None:
    data = bn254_vectors.sample("keccak", size)
    assert keccak256(data) == keccak(data)


def test_keccak256_of_nothing() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_own_vectors_are_what_the_reference_writes() -> None:
    assert (VECTORS / "bn254_suite.json").read_text() == bn254_vectors.text()


def test_own_vectors_have_unique_names_and_every_operation() -> None:
    assert len({vector["name"] for vector in OWN}) == len(OWN)
    assert {vector["operation"] for vector in OWN} == set(OPERATIONS)


def key(i: dict[str, Any]) -> dict[str, Any]:
    signing = SUITE.signing_key(b(i["seed"]))
    signature = signing.sign(bytes(32), 0)
    return {
        "x": "0x" + signature[:32].hex(),
        "y": "0x" + signature[32:64].hex(),
        "public_key": "0x" + signing.public_key.hex(),
    }


REASONS = {
    "length": "signature: expected 160 bytes",
    "A.x not canonical": "A.x: expected a BN254 scalar",
    "A.y not canonical": "A.y: expected a BN254 scalar",
    "R.x not canonical": "R.x: expected a BN254 scalar",
    "R.y not canonical": "R.y: expected a BN254 scalar",
    "A not on the curve": "A: expected a point of BabyJubJub",
    "R not on the curve": "R: expected a point of BabyJubJub",
    "S not below l": "S: expected a number below",
    "A not the point of the public key": "A: expected the point of the public key",
    "equation": "equation: expected S·Base8 = R + h·A",
}


OPERATIONS: dict[str, Operation] = {
    **operations(SUITE, Bn254.permute, 32, REASONS),
    "key": key,
    "sign": lambda i: one(
        "signature", SUITE.signing_key(b(i["seed"])).sign(b(i["digest"]), int(i["nonce"], 16))
    ),
}


@pytest.mark.parametrize("vector", OWN, ids=[vector["name"] for vector in OWN])
def test_native_gives_own_vector(vector: dict[str, Any]) -> None:
    expected = dict(vector["outputs"])
    expected.pop("secret", None)  # a signing key never shows its scalar
    assert OPERATIONS[vector["operation"]](vector["inputs"]) == expected
