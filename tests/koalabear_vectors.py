"""Writes ``vectors/koalabear_suite.json`` from the pure Python reference; schema: ``vectors/README.md``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from hashlib import shake_128
from typing import Any

import reference_koalabear as ref

Vector = dict[str, Any]


def sample(label: str, size: int) -> bytes:
    """Fixed bytes that look random."""
    return shake_128(f"multiprover koalabear vectors {label}".encode()).digest(size)


def element(label: str) -> bytes:
    """A canonical digest."""
    return ref.to_bytes(ref.reduce(sample(label, 32)))


def data(value: bytes) -> str:
    return "0x" + value.hex()


def typed(ints: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [{"encoded": hex(encoded), "words": words} for encoded, words in ints]


def vector(name: str, operation: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Vector:
    return {"name": name, "operation": operation, "inputs": inputs, "outputs": outputs}


TOP = 2**32 - 1
TOP2 = 2**64 - 1
LAST_MAP = 2**26 - 1


def permutation() -> Iterator[Vector]:
    for name, state in (
        ("counting", tuple(range(16))),
        ("zeros", (0,) * 16),
        ("greatest", (ref.P - 1,) * 16),
        ("first", (1,) + (0,) * 15),
        ("last", (0,) * 15 + (ref.P - 1,)),
        ("sample", (*ref.reduce(sample("state 0", 32)), *ref.reduce(sample("state 1", 32)))),
    ):
        yield vector(
            f"permutation_{name}",
            "permutation",
            {"state": [data(value.to_bytes(4, "big")) for value in state]},
            {"state": [data(value.to_bytes(4, "big")) for value in ref.permute(state)]},
        )


MODULI = ref.to_bytes([ref.P] * 8)
RECORDS: dict[str, tuple[list[tuple[int, int]], list[bytes]]] = {
    "empty": ([], []),
    "zeros": ([(0, 1), (0, 2)], [bytes(32)]),
    "one_word": ([(0x10002, 1)], []),
    "four_words_fill_a_group": ([(TOP2, 2), (TOP, 1), (TOP, 1)], [sample("filled key", 32)]),
    "five_words": ([(TOP2, 2)] * 2 + [(5, 1)], []),
    "words_then_keys": ([(7, 1)], [sample("a key", 32), sample("another key", 32)]),
    "greatest_integers": ([(TOP2, 2)] * 5 + [(TOP, 1)] * 9, []),
    "key_at_the_modulus_is_zero": ([(7, 1)], [MODULI]),
    "keys_of_all_ones": ([], [b"\xff" * 32, sample("record key", 32)]),
}


def records() -> Iterator[Vector]:
    for name, (ints, keys) in RECORDS.items():
        for map_index in (0, 1, LAST_MAP):
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
    top = ref.P - 1
    points = {
        "_at_zero": (0, 0, 0, 0, 0),
        "_at_minus_one": (top, 0, 0, 0, 0),
        "_at_x": (0, 1, 0, 0, 0),
        "_at_x_to_the_fourth": (0, 0, 0, 0, 1),
        "_at_the_greatest": (top, top, top, top, top),
    }
    for words in (0, 1, 3, 4, 5, 8, 9, 16, 17, 100):
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
        for name, point in (("", z), *((name, ref.extended(point)) for name, point in points.items())):
            yield vector(
                f"evaluate_{words}_words{name}",
                "evaluate",
                {"journal": data(journal), "challenge": data(point)},
                {"evaluation": data(ref.evaluate(journal, point))},
            )
    ones = b"\xff" * 80
    yield vector(
        "evaluate_ones_at_the_greatest",
        "evaluate",
        {"journal": data(ones), "challenge": data(ref.extended([top] * 5))},
        {"evaluation": data(ref.evaluate(ones, ref.extended([top] * 5)))},
    )
    domain = b"\xff" * 32
    yield vector(
        "tx_digest_domain_reduced",
        "tx_digest",
        {"domain": data(domain), "words": data(bytes(4))},
        {"digest": data(ref.tx_digest(domain, bytes(4)))},
    )


def keys() -> Iterator[Vector]:
    for name, seed, height in (
        ("zero", bytes(32), 0),
        ("ones", b"\xff" * 32, 1),
        ("sample", sample("seed", 32), 0),
        ("sample", sample("seed", 32), 2),
    ):
        key = ref.key_from_seed(seed, height)
        yield vector(
            f"key_{name}_height_{height}",
            "key",
            {"seed": data(seed), "height": height},
            {"public_key": data(key.public_key)},
        )
        for nonce in sorted({0, 2**height - 1}):
            digest = element(f"digest {nonce}")
            yield vector(
                f"sign_{name}_height_{height}_nonce_{nonce}",
                "sign",
                {"seed": data(seed), "height": height, "digest": data(digest), "nonce": hex(nonce)},
                {"signature": data(ref.sign(key, digest, nonce))},
            )


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


CHAINS_AT = 4 * ref.RHO
"""Where the chains begin in a signature."""


def part(signature: bytes, chain: int) -> bytes:
    """``chain`` counts on from the chains to the siblings."""
    at = CHAINS_AT + 32 * chain
    return signature[at : at + 32]


def replaced(signature: bytes, chain: int, part: bytes) -> bytes:
    at = CHAINS_AT + 32 * chain
    return signature[:at] + part + signature[at + 32 :]


def swapped(signature: bytes, first: int, second: int) -> bytes:
    moved = replaced(signature, first, part(signature, second))
    return replaced(moved, second, part(signature, first))


def alias(encoded: bytes, place: int) -> bytes:
    """The second encoding of element ``place``: every element has one in four bytes."""
    elements = ref.words(encoded, 4)
    elements[place] += ref.P
    return ref.to_bytes(elements)


KEY = ref.key_from_seed(sample("seed", 32), 2)
SIGNED, NONCE = element("signed digest"), 2


def verifications() -> Iterator[Vector]:
    pk, digest, nonce = KEY.public_key, SIGNED, NONCE
    public_key, message = ref.digest_of(pk), ref.digest_of(digest)
    signature = ref.sign(KEY, digest, nonce)
    rho = ref.words(signature[:CHAINS_AT], 4)
    digits = ref.message_digits(public_key, message, nonce, rho)

    yield verify_vector("honest", pk, digest, nonce, signature)
    yield verify_vector("public_key_reduced", alias(pk, 0), digest, nonce, signature)
    yield verify_vector("wrong_nonce", pk, digest, nonce ^ 1, signature)
    yield verify_vector("wrong_digest", pk, element("other digest"), nonce, signature)
    yield verify_vector("wrong_public_key", element("other key"), digest, nonce, signature)
    yield verify_vector("empty", pk, digest, nonce, b"")
    yield verify_vector("short", pk, digest, nonce, signature[:-1])
    yield verify_vector("without_a_sibling", pk, digest, nonce, signature[:-32])
    yield verify_vector("long", pk, digest, nonce, signature + b"\0")
    other_rho = ref.find_rho(public_key, message, nonce, ref.next_rho(rho))
    yield verify_vector("another_word", pk, digest, nonce, ref.to_bytes(other_rho) + signature[CHAINS_AT:])
    for total in (119, 121):
        rho = ref.find_rho(public_key, message, nonce, ref.first_rho(KEY, digest, nonce), total)
        yield verify_vector(f"sum_{total}", pk, digest, nonce, ref.sign_with(KEY, digest, nonce, rho))
    for digit in range(4):
        chain = digits.index(digit)
        secret, shown = KEY.secrets[nonce][chain], ref.digest_of(part(signature, chain))
        wrong = ref.to_bytes([(shown[0] + 1) % ref.P, *shown[1:]])
        yield verify_vector(f"wrong_at_{digit}", pk, digest, nonce, replaced(signature, chain, wrong))
        for place in range(4):
            if place != digit:
                other = ref.to_bytes(ref.steps(chain, secret, 0, place))
                name = f"place_{place}_where_{digit}_is_due"
                yield verify_vector(name, pk, digest, nonce, replaced(signature, chain, other))
    first, second = digits.index(1), digits.index(1, digits.index(1) + 1)
    yield verify_vector("chains_swapped", pk, digest, nonce, swapped(signature, first, second))
    for level in (0, 15):
        wrong = replaced(signature, ref.CHAINS + level, element("other sibling"))
        yield verify_vector(f"wrong_sibling_{level}", pk, digest, nonce, wrong)
    yield verify_vector("siblings_swapped", pk, digest, nonce, swapped(signature, ref.CHAINS, ref.CHAINS + 1))

    # Words for the greater nonce itself, over the path of its low bits: only the range tells them apart.
    for great in (2**16 + nonce, 2**32 + nonce, ref.P + nonce):
        rho = ref.find_rho(public_key, message, great, ref.ZERO[:7])
        yield verify_vector(f"nonce_{great:#x}", pk, digest, great, ref.sign_with(KEY, digest, great, rho))
    # The one-time key of another nonce, for a word of this one.
    rho = ref.find_rho(public_key, message, nonce ^ 1, ref.ZERO[:7])
    digits = ref.message_digits(public_key, message, nonce ^ 1, rho)
    chains = zip(digits, KEY.secrets[nonce], strict=True)
    taken = [ref.steps(chain, secret, 0, digit) for chain, (digit, secret) in enumerate(chains)]
    borrowed = ref.encode_signature(rho, taken, ref.key_path(KEY.levels, nonce))
    yield verify_vector("one_time_key_of_another_nonce", pk, digest, nonce ^ 1, borrowed)
    # A one-time key that was not made: its leaf is zeros, and no ends hash to that.
    rho = ref.find_rho(public_key, message, 4, ref.ZERO[:7])
    unmade = ref.encode_signature(rho, [ref.ZERO] * ref.CHAINS, ref.key_path(KEY.levels, 4))
    yield verify_vector("unmade_one_time_key", pk, digest, 4, unmade)


def second_encodings() -> Iterator[Vector]:
    pk, digest, nonce = KEY.public_key, SIGNED, NONCE
    signature = ref.sign(KEY, digest, nonce)
    for place in range(ref.RHO):
        again = alias(signature[:CHAINS_AT], place) + signature[CHAINS_AT:]
        yield verify_vector(f"rho_plus_modulus_{place}", pk, digest, nonce, again)
    for name, parts in (("chain", (0, 63)), ("sibling", (64, 79))):
        for at in parts:
            for place in (0, 3, 7):
                again = replaced(signature, at, alias(part(signature, at), place))
                yield verify_vector(f"{name}_{at}_plus_modulus_{place}", pk, digest, nonce, again)


def document() -> dict[str, Any]:
    sources = (permutation, records, trees, binding, keys, verifications, second_encodings)
    return {"suite": "koalabear", "vectors": [item for source in sources for item in source()]}


def text() -> str:
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
