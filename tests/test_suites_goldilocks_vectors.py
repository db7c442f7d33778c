"""The suite ``goldilocks``, native and reference, against vectors: published ones first, then our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import goldilocks_vectors
import pytest
import reference_goldilocks as ref
from multiprover_native import Goldilocks

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


def b(text: str) -> bytes:
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])


def ints(entries: list[dict[str, Any]]) -> list[suites.TypedInt]:
    return [suites.TypedInt(int(entry["encoded"], 16), entry["words"]) for entry in entries]


def permutation(i: dict[str, Any]) -> dict[str, Any]:
    out = Goldilocks.permute(b"".join(map(b, i["state"])))
    return {"state": ["0x" + out[start : start + 8].hex() for start in range(0, 96, 8)]}


def tree(i: dict[str, Any]) -> bytes:
    built: suites.Tree = SUITE.tree(i["depth"], b(i["default_leaf"]))
    for entry in i["leaves"]:
        built.set(int(entry["index"], 16), b(entry["leaf"]))
    return built.root


REASONS = {
    "length": "signature: expected 4744 bytes",
    "nonce not below 2^16": "nonce: expected 0 to 2^16 - 1",
    "rho not canonical": "ρ: expected an element below",
    "chain not canonical": "chain ",
    "sibling not canonical": "sibling ",
    "weight": "weight: expected 66 bits",
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
