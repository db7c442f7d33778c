"""The suite ``koalabear``, native and reference, against vectors: published ones first, then our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import koalabear_vectors
import pytest
import reference_koalabear as ref
from multiprover_native import KoalaBear

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


def b(text: str) -> bytes:
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])


def ints(entries: list[dict[str, Any]]) -> list[suites.TypedInt]:
    return [suites.TypedInt(int(entry["encoded"], 16), entry["words"]) for entry in entries]


def permutation(i: dict[str, Any]) -> dict[str, Any]:
    out = KoalaBear.permute(b"".join(map(b, i["state"])))
    return {"state": ["0x" + out[start : start + 4].hex() for start in range(0, 64, 4)]}


def tree(i: dict[str, Any]) -> bytes:
    built: suites.Tree = SUITE.tree(i["depth"], b(i["default_leaf"]))
    for entry in i["leaves"]:
        built.set(int(entry["index"], 16), b(entry["leaf"]))
    return built.root


REASONS = {
    "length": "signature: expected 2588 bytes",
    "nonce not below 2^16": "nonce: expected 0 to 2^16 - 1",
    "rho not canonical": "ρ: expected elements below",
    "chain not canonical": "chain ",
    "sibling not canonical": "sibling ",
    "sum": "sum: expected the message's digits to sum to 120",
    "root": "root: expected the public key",
}


def verify(i: dict[str, Any]) -> dict[str, Any]:
    try:
        SUITE.verify(b(i["public_key"]), b(i["digest"]), int(i["nonce"], 16), b(i["signature"]))
    except suites.InvalidSignatureError as error:
        (reason,) = [name for name, start in REASONS.items() if str(error).startswith(start)]
        return {"valid": False, "reason": reason}
    return {"valid": True}


def one(name: str, value: bytes) -> dict[str, Any]:
    return {name: "0x" + value.hex()}


OPERATIONS: dict[str, Any] = {
    "permutation": permutation,
    "leaf": lambda i: one("digest", SUITE.leaf(i["map_index"], ints(i["ints"]), list(map(b, i["keys"])))),
    "node": lambda i: one("digest", SUITE.node(b(i["left"]), b(i["right"]))),
    "state_root": lambda i: one(
        "root",
        SUITE.state_root(ints(i["cells"]), list(map(b, i["key_cells"])), list(map(b, i["map_roots"]))),
    ),
    "path": lambda i: one("root", SUITE.root_from_path(b(i["leaf"]), int(i["index"], 16), b(i["siblings"]))),
    "tree": lambda i: one("root", tree(i)),
    "tx_digest": lambda i: one("digest", SUITE.tx_digest(b(i["domain"]), b(i["words"]))),
    "commit": lambda i: one("commitment", SUITE.commit(b(i["journal"]))),
    "challenge": lambda i: one(
        "challenge", SUITE.challenge(b(i["domain"]), b(i["claim"]), b(i["commitment"]))
    ),
    "evaluate": lambda i: one("evaluation", SUITE.evaluate(b(i["journal"]), b(i["challenge"]))),
    "key": lambda i: one("public_key", SUITE.signing_key(b(i["seed"]), i["height"]).public_key),
    "sign": lambda i: one(
        "signature", SUITE.signing_key(b(i["seed"]), i["height"]).sign(b(i["digest"]), int(i["nonce"], 16))
    ),
    "verify": verify,
}


@pytest.mark.parametrize("vector", OWN, ids=[vector["name"] for vector in OWN])
def test_native_gives_own_vector(vector: dict[str, Any]) -> None:
    assert OPERATIONS[vector["operation"]](vector["inputs"]) == vector["outputs"]
