"""Writes ``vectors/bn254_suite.json`` from the pure Python reference; schema in ``vectors/README.md``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import shake_128
from typing import Any

import reference_bn254 as ref

Vector = dict[str, Any]


def sample(label: str, size: int) -> bytes:
    """Fixed bytes that look random."""
    return shake_128(f"multiprover vectors {label}".encode()).digest(size)


def element(label: str) -> bytes:
    return ref.to_bytes(int.from_bytes(sample(label, 48), "big") % ref.R)


def data(value: bytes) -> str:
    return "0x" + value.hex()


def typed(ints: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [{"encoded": hex(encoded), "words": words} for encoded, words in ints]


def vector(name: str, operation: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Vector:
    return {"name": name, "operation": operation, "inputs": inputs, "outputs": outputs}


def permutation() -> Iterator[Vector]:
    for name, state in (
        ("published", [0, 1, 2]),
        ("zeros", [0, 0, 0]),
        ("greatest", [ref.R - 1, ref.R - 1, ref.R - 1]),
    ):
        out = ref.permute(state)
        yield vector(
            f"permutation_{name}",
            "permutation",
            {"state": [data(ref.to_bytes(value)) for value in state]},
            {"state": [data(ref.to_bytes(value)) for value in out]},
        )


TOP = 2**32 - 1
TOP2 = 2**64 - 1
RECORDS: dict[str, tuple[list[tuple[int, int]], list[bytes]]] = {
    "empty": ([], []),
    "zeros": ([(0, 1), (0, 2)], [bytes(32)]),
    "one_word": ([(1, 1)], []),
    "seven_words_fill_an_element": ([(TOP2, 2), (TOP2, 2), (TOP2, 2), (TOP, 1)], []),
    "an_integer_never_straddles": ([(1, 2), (2, 2), (3, 2), (TOP2, 2), (5, 1)], []),
    "greatest_integers": ([(TOP2, 2)] * 5 + [(TOP, 1)] * 9, []),
    "key_at_the_modulus_is_zero": ([(7, 1)], [ref.to_bytes(ref.R)]),
    "keys_of_all_ones": ([], [b"\xff" * 32, sample("record key", 32)]),
}


def records() -> Iterator[Vector]:
    for name, (ints, keys) in RECORDS.items():
        for map_index in (0, TOP):
            yield vector(
                f"leaf_{name}_map_{map_index}",
                "leaf",
                {"map_index": map_index, "ints": typed(ints), "keys": [data(key) for key in keys]},
                {"digest": data(ref.leaf(map_index, ints, keys))},
            )
        roots = [element(f"map root {i}") for i in range(len(ints) % 3)]
        yield vector(
            f"state_root_{name}",
            "state_root",
            {
                "cells": typed(ints),
                "key_cells": [data(key) for key in keys],
                "map_roots": [data(root) for root in roots],
            },
            {"root": data(ref.state_root(ints, keys, roots))},
        )


def trees() -> Iterator[Vector]:
    left, right = element("left"), element("right")
    pairs = {"node": (left, right), "node_swapped": (right, left), "node_zeros": (bytes(32), bytes(32))}
    for name, (first, second) in pairs.items():
        yield vector(
            name,
            "node",
            {"left": data(first), "right": data(second)},
            {"digest": data(ref.node(first, second))},
        )
    for depth, index in ((1, 0), (1, 1), (20, 0x5A5A5), (32, 2**32 - 1)):
        siblings = b"".join(element(f"sibling {depth} {level}") for level in range(depth))
        yield vector(
            f"path_depth_{depth}_index_{index}",
            "path",
            {"leaf": data(left), "index": hex(index), "siblings": data(siblings)},
            {"root": data(ref.root_from_path(left, index, siblings))},
        )
    default = ref.leaf(0, [(0, 2), (0, 1)], [bytes(32)])
    for name, leaves in (
        ("empty", {}),
        ("ends", {0: element("first leaf"), 15: element("last leaf")}),
        ("default_written", {3: default}),
        ("several", {index: element(f"leaf {index}") for index in (1, 2, 3, 8, 11)}),
    ):
        yield vector(
            f"tree_{name}",
            "tree",
            {
                "depth": 4,
                "default_leaf": data(default),
                "leaves": [{"index": hex(index), "leaf": data(leaf)} for index, leaf in leaves.items()],
            },
            {"root": data(ref.tree_root(4, default, leaves))},
        )


def binding() -> Iterator[Vector]:
    for words in (0, 1, 6, 7, 8, 14, 15, 200):
        journal = sample(f"journal {words}", 4 * words)
        domain, claim = sample(f"domain {words}", 32), sample(f"claim {words}", 32)
        commitment = ref.commit(journal)
        z = ref.challenge(domain, claim, commitment)
        yield vector(
            f"tx_digest_{words}_words",
            "tx_digest",
            {"domain": data(domain), "words": data(journal)},
            {"digest": data(ref.tx_digest(domain, journal))},
        )
        yield vector(
            f"commit_{words}_words", "commit", {"journal": data(journal)}, {"commitment": data(commitment)}
        )
        yield vector(
            f"challenge_{words}_words",
            "challenge",
            {"domain": data(domain), "claim": data(claim), "commitment": data(commitment)},
            {"challenge": data(z)},
        )
        for name, point in (("", z), ("_at_zero", bytes(32)), ("_at_minus_one", ref.to_bytes(ref.R - 1))):
            yield vector(
                f"evaluate_{words}_words{name}",
                "evaluate",
                {"journal": data(journal), "challenge": data(point)},
                {"evaluation": data(ref.evaluate(journal, point))},
            )
    domain = b"\xff" * 32
    yield vector(
        "tx_digest_domain_reduced",
        "tx_digest",
        {"domain": data(domain), "words": data(bytes(4))},
        {"digest": data(ref.tx_digest(domain, bytes(4)))},
    )


def keys() -> Iterator[Vector]:
    for name, seed in (("zero", bytes(32)), ("ones", b"\xff" * 32), ("sample", sample("seed", 32))):
        key = ref.key_from_seed(seed)
        yield vector(
            f"key_{name}",
            "key",
            {"seed": data(seed)},
            {
                "secret": hex(key.secret),
                "x": data(ref.to_bytes(key.point.x)),
                "y": data(ref.to_bytes(key.point.y)),
                "public_key": data(key.public_key),
            },
        )
        for nonce in (0, 1, 2**64 - 1):
            digest = element(f"digest {nonce}")
            yield vector(
                f"sign_{name}_nonce_{nonce}",
                "sign",
                {"seed": data(seed), "digest": data(digest), "nonce": hex(nonce)},
                {"signature": data(ref.sign(key, digest, nonce))},
            )


class Signed:
    """A signature made with full freedom over points and blinding: what a dishonest signer can write."""

    def __init__(self, a_torsion: ref.Point = ref.IDENTITY, r_torsion: ref.Point = ref.IDENTITY) -> None:
        self.secret = int.from_bytes(sample("signer", 64), "big") % ref.L
        self.a = ref.add(ref.multiply(self.secret, ref.BASE8), a_torsion)
        self.r_torsion = r_torsion
        self.public_key = ref.public_key(self.a)
        self.digest = element("signed digest")
        self.nonce = 9

    def blind(self, rho: int) -> tuple[ref.Point, int, int]:
        """``R``, the challenge as an integer, and the ``S`` that an honest signer would give."""
        r = ref.add(ref.multiply(rho, ref.BASE8), self.r_torsion)
        h = ref.signature_hash(r, int.from_bytes(self.public_key, "big"), self.digest, self.nonce)
        return r, h, (rho + h * self.secret) % ref.L

    def search(self, accept: Callable[[int], bool]) -> bytes:
        """The signature of the first blinding whose challenge is accepted."""
        rho = 1
        while True:
            r, h, s = self.blind(rho)
            if accept(h):
                return ref.encode_signature(self.a, r, s)
            rho += 1


def verify_vector(name: str, pk: bytes, digest: bytes, nonce: int, signature: bytes) -> Vector:
    reason = ref.refusal(pk, digest, nonce, signature)
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


def verifications() -> Iterator[Vector]:
    honest = Signed()
    signature = honest.search(lambda _: True)
    parts = [signature[i : i + 32] for i in range(0, 160, 32)]
    pk, digest, nonce = honest.public_key, honest.digest, honest.nonce

    def changed(place: int, value: int) -> bytes:
        return b"".join([*parts[:place], ref.to_bytes(value), *parts[place + 1 :]])

    numbers = [int.from_bytes(part, "big") for part in parts]
    yield verify_vector("honest", pk, digest, nonce, signature)
    alias = ref.to_bytes(int.from_bytes(pk, "big") + ref.R)
    yield verify_vector("public_key_not_reduced", alias, digest, nonce, signature)
    yield verify_vector("wrong_nonce", pk, digest, nonce + 1, signature)
    yield verify_vector("wrong_digest", pk, element("other digest"), nonce, signature)
    yield verify_vector("wrong_public_key", element("other key"), digest, nonce, signature)
    yield verify_vector("empty", pk, digest, nonce, b"")
    yield verify_vector("short", pk, digest, nonce, signature[:-1])
    yield verify_vector("long", pk, digest, nonce, signature + b"\0")
    yield verify_vector("s_plus_one", pk, digest, nonce, changed(4, numbers[4] + 1))
    yield verify_vector("s_plus_l", pk, digest, nonce, changed(4, numbers[4] + ref.L))
    yield verify_vector("s_is_l", pk, digest, nonce, changed(4, ref.L))
    yield verify_vector("s_negated", pk, digest, nonce, changed(4, ref.L - numbers[4]))
    for place, name in enumerate(("a_x", "a_y", "r_x", "r_y")):
        not_canonical = changed(place, numbers[place] + ref.R)
        yield verify_vector(f"{name}_plus_modulus", pk, digest, nonce, not_canonical)
        yield verify_vector(f"{name}_off_curve", pk, digest, nonce, changed(place, numbers[place] ^ 1))
        negated = changed(place, ref.R - numbers[place])
        yield verify_vector(f"{name}_negated", pk, digest, nonce, negated)
    off = ref.Point(numbers[0] ^ 1, numbers[1])
    off_pk = ref.public_key(off)
    yield verify_vector("public_key_of_a_off_curve", off_pk, digest, nonce, changed(0, off.x))

    # R = 0: an honest equation without blinding; nothing in the specification refuses it.
    zero_r, _, zero_s = honest.blind(0)
    zero = ref.encode_signature(honest.a, zero_r, zero_s)
    yield verify_vector("r_identity", pk, digest, nonce, zero)

    # A = 0 is a key that anyone signs for: S = rho.
    weak_pk = ref.public_key(ref.IDENTITY)
    weak = ref.encode_signature(ref.IDENTITY, ref.multiply(5, ref.BASE8), 5)
    yield verify_vector("a_identity", weak_pk, digest, nonce, weak)
    wrong = ref.encode_signature(ref.IDENTITY, ref.multiply(5, ref.BASE8), 6)
    yield verify_vector("a_identity_wrong_s", weak_pk, digest, nonce, wrong)

    eighth = ref.multiply(ref.L, ref.GENERATOR)
    for order, torsion in (
        (2, ref.multiply(4, eighth)),
        (4, ref.multiply(2, eighth)),
        (8, eighth),
    ):
        # With a cofactor this would verify: 8·R is the same.
        in_r = Signed(r_torsion=torsion)
        signed = in_r.search(lambda _: True)
        yield verify_vector(f"r_torsion_{order}", in_r.public_key, in_r.digest, in_r.nonce, signed)

        in_a = Signed(a_torsion=torsion)
        cases: dict[str, Callable[[int, int], bool]] = {
            # h·A has no torsion, whether or not h is reduced: valid.
            "cancels": lambda n, h: h % n == 0 and h % ref.L % n == 0,
            # h·A has torsion: valid only with a cofactor.
            "remains": lambda n, h: h % n != 0 and h % ref.L % n != 0,
            # h·A has none, (h mod l)·A has: an implementation that reduces h refuses it wrongly.
            "cancels_unless_reduced": lambda n, h: h % n == 0 and h % ref.L % n != 0,
            # The opposite: an implementation that reduces h accepts it wrongly.
            "remains_unless_reduced": lambda n, h: h % n != 0 and h % ref.L % n == 0,
        }
        for name, accept in cases.items():
            signed = in_a.search(partial(accept, order))
            yield verify_vector(f"a_torsion_{order}_{name}", in_a.public_key, in_a.digest, in_a.nonce, signed)


def document() -> dict[str, Any]:
    sources = (permutation, records, trees, binding, keys, verifications)
    return {"suite": "bn254", "vectors": [item for source in sources for item in source()]}


def text() -> str:
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
