"""What the writers of ``vectors/*_suite.json`` have in common; schema: ``vectors/README.md``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Vector = dict[str, Any]
Records = Mapping[str, tuple[list[tuple[int, int]], list[bytes]]]
"""By name, integers with their words, and keys."""

TOP = 2**32 - 1
TOP2 = 2**64 - 1


def data(value: bytes) -> str:
    return "0x" + value.hex()


def typed(ints: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [{"encoded": hex(encoded), "words": words} for encoded, words in ints]


def vector(name: str, operation: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Vector:
    return {"name": name, "operation": operation, "inputs": inputs, "outputs": outputs}


def text(suite: str, *sources: Callable[[], Iterator[Vector]]) -> str:
    """The file."""
    document = {"suite": suite, "vectors": [item for source in sources for item in source()]}
    return json.dumps(document, indent=1) + "\n"


@dataclass(frozen=True)
class Writer:
    ref: ModuleType
    """The suite's reference."""
    sample: Callable[[str, int], bytes]
    """Of a label, so many fixed bytes that look random."""
    element: Callable[[str], bytes]
    """Of a label, a canonical digest."""

    def records(self, records: Records, maps: Sequence[int]) -> Iterator[Vector]:
        for name, (ints, keys) in records.items():
            for map_index in maps:
                yield vector(
                    f"leaf_{name}_map_{map_index}",
                    "leaf",
                    {"map_index": map_index, "ints": typed(ints), "keys": [data(key) for key in keys]},
                    {"digest": data(self.ref.leaf(map_index, ints, keys))},
                )
            roots = [self.element(f"map root {i}") for i in range(len(ints) % 3)]
            yield vector(
                f"state_root_{name}",
                "state_root",
                {
                    "cells": typed(ints),
                    "key_cells": [data(key) for key in keys],
                    "map_roots": [data(root) for root in roots],
                },
                {"root": data(self.ref.state_root(ints, keys, roots))},
            )

    def trees(self) -> Iterator[Vector]:
        left, right = self.element("left"), self.element("right")
        pairs = {"node": (left, right), "node_swapped": (right, left), "node_zeros": (bytes(32), bytes(32))}
        for name, (first, second) in pairs.items():
            yield vector(
                name,
                "node",
                {"left": data(first), "right": data(second)},
                {"digest": data(self.ref.node(first, second))},
            )
        for depth, index in ((1, 0), (1, 1), (20, 0x5A5A5), (32, 2**32 - 1)):
            siblings = b"".join(self.element(f"sibling {depth} {level}") for level in range(depth))
            yield vector(
                f"path_depth_{depth}_index_{index}",
                "path",
                {"leaf": data(left), "index": hex(index), "siblings": data(siblings)},
                {"root": data(self.ref.root_from_path(left, index, siblings))},
            )
        default = self.ref.leaf(0, [(0, 2), (0, 1)], [bytes(32)])
        for name, leaves in (
            ("empty", {}),
            ("ends", {0: self.element("first leaf"), 15: self.element("last leaf")}),
            ("default_written", {3: default}),
            ("several", {index: self.element(f"leaf {index}") for index in (1, 2, 3, 8, 11)}),
        ):
            yield vector(
                f"tree_{name}",
                "tree",
                {
                    "depth": 4,
                    "default_leaf": data(default),
                    "leaves": [{"index": hex(index), "leaf": data(leaf)} for index, leaf in leaves.items()],
                },
                {"root": data(self.ref.tree_root(4, default, leaves))},
            )

    def binding(self, sizes: Sequence[int], points: Mapping[str, bytes]) -> Iterator[Vector]:
        for words in sizes:
            journal = self.sample(f"journal {words}", 4 * words)
            domain, claim = self.sample(f"domain {words}", 32), self.sample(f"claim {words}", 32)
            commitment = self.ref.commit(journal)
            z = self.ref.challenge(domain, claim, commitment)
            yield vector(
                f"tx_digest_{words}_words",
                "tx_digest",
                {"domain": data(domain), "words": data(journal)},
                {"digest": data(self.ref.tx_digest(domain, journal))},
            )
            yield vector(
                f"commit_{words}_words",
                "commit",
                {"journal": data(journal)},
                {"commitment": data(commitment)},
            )
            yield vector(
                f"challenge_{words}_words",
                "challenge",
                {"domain": data(domain), "claim": data(claim), "commitment": data(commitment)},
                {"challenge": data(z)},
            )
            for name, point in (("", z), *points.items()):
                yield vector(
                    f"evaluate_{words}_words{name}",
                    "evaluate",
                    {"journal": data(journal), "challenge": data(point)},
                    {"evaluation": data(self.ref.evaluate(journal, point))},
                )

    def reduced_domain(self) -> Iterator[Vector]:
        domain = b"\xff" * 32
        yield vector(
            "tx_digest_domain_reduced",
            "tx_digest",
            {"domain": data(domain), "words": data(bytes(4))},
            {"digest": data(self.ref.tx_digest(domain, bytes(4)))},
        )

    def keys(self) -> Iterator[Vector]:
        """Of a suite of one-time keys."""
        for name, seed, height in (
            ("zero", bytes(32), 0),
            ("ones", b"\xff" * 32, 1),
            ("sample", self.sample("seed", 32), 0),
            ("sample", self.sample("seed", 32), 2),
        ):
            key = self.ref.key_from_seed(seed, height)
            yield vector(
                f"key_{name}_height_{height}",
                "key",
                {"seed": data(seed), "height": height},
                {"public_key": data(key.public_key)},
            )
            for nonce in sorted({0, 2**height - 1}):
                digest = self.element(f"digest {nonce}")
                yield vector(
                    f"sign_{name}_height_{height}_nonce_{nonce}",
                    "sign",
                    {"seed": data(seed), "height": height, "digest": data(digest), "nonce": hex(nonce)},
                    {"signature": data(self.ref.sign(key, digest, nonce))},
                )

    def verify_vector(self, name: str, pk: bytes, digest: bytes, nonce: int, signature: bytes) -> Vector:
        reason = self.ref.refusal(pk, digest, nonce, signature)
        outputs: dict[str, Any] = {"valid": reason is None}
        if reason is not None:
            outputs["reason"] = reason
        return vector(
            f"verify_{name}",
            "verify",
            {
                "public_key": data(pk),
                "digest": data(digest),
                "nonce": hex(nonce),
                "signature": data(signature),
            },
            outputs,
        )
