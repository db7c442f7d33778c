"""The operations of ``vectors/*_suite.json``, asked of a suite; schema: ``vectors/README.md``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from multiprover import suites

Operation = Callable[[dict[str, Any]], dict[str, Any]]


def b(text: str) -> bytes:
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])


def one(name: str, value: bytes) -> dict[str, Any]:
    return {name: "0x" + value.hex()}


def ints(entries: list[dict[str, Any]]) -> list[suites.TypedInt]:
    return [suites.TypedInt(int(entry["encoded"], 16), entry["words"]) for entry in entries]


def operations(
    suite: Any, permute: Callable[[bytes], bytes], element_bytes: int, reasons: Mapping[str, str]
) -> dict[str, Operation]:
    """By name, what gives a vector's outputs for its inputs; ``reasons`` says how the refusals of each begin.

    ``suite``'s signing keys have a height.
    """

    def permutation(i: dict[str, Any]) -> dict[str, Any]:
        out = permute(b"".join(map(b, i["state"])))
        starts = range(0, len(out), element_bytes)
        return {"state": ["0x" + out[start : start + element_bytes].hex() for start in starts]}

    def tree(i: dict[str, Any]) -> bytes:
        built: suites.Tree = suite.tree(i["depth"], b(i["default_leaf"]))
        for entry in i["leaves"]:
            built.set(int(entry["index"], 16), b(entry["leaf"]))
        return built.root

    def verify(i: dict[str, Any]) -> dict[str, Any]:
        try:
            suite.verify(b(i["public_key"]), b(i["digest"]), int(i["nonce"], 16), b(i["signature"]))
        except suites.InvalidSignatureError as error:
            (reason,) = [name for name, start in reasons.items() if str(error).startswith(start)]
            return {"valid": False, "reason": reason}
        return {"valid": True}

    return {
        "permutation": permutation,
        "leaf": lambda i: one("digest", suite.leaf(i["map_index"], ints(i["ints"]), list(map(b, i["keys"])))),
        "node": lambda i: one("digest", suite.node(b(i["left"]), b(i["right"]))),
        "state_root": lambda i: one(
            "root",
            suite.state_root(ints(i["cells"]), list(map(b, i["key_cells"])), list(map(b, i["map_roots"]))),
        ),
        "path": lambda i: one(
            "root", suite.root_from_path(b(i["leaf"]), int(i["index"], 16), b(i["siblings"]))
        ),
        "tree": lambda i: one("root", tree(i)),
        "tx_digest": lambda i: one("digest", suite.tx_digest(b(i["domain"]), b(i["words"]))),
        "commit": lambda i: one("commitment", suite.commit(b(i["journal"]))),
        "challenge": lambda i: one(
            "challenge", suite.challenge(b(i["domain"]), b(i["claim"]), b(i["commitment"]))
        ),
        "evaluate": lambda i: one("evaluation", suite.evaluate(b(i["journal"]), b(i["challenge"]))),
        "key": lambda i: one("public_key", suite.signing_key(b(i["seed"]), i["height"]).public_key),
        "sign": lambda i: one(
            "signature",
            suite.signing_key(b(i["seed"]), i["height"]).sign(b(i["digest"]), int(i["nonce"], 16)),
        ),
        "verify": verify,
    }
