"""The suite ``bn254`` written for reading, not for speed: docs/suites.md §2 to §6 on Python integers.

Shares nothing with the native code: constants from the Grain LFSR on a list of bits, points by the textbook
affine formula, hashes by the definition. Published vectors pin it; the native code is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

from eth_utils.crypto import keccak

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order of BN254's scalar field."""

L = 2736030358979909402780800718157159386076813972158567259200215660948447373041
"""Order of ``BASE8``."""

SLOTS = 7
"""Words an element."""


# Field elements in 32 bytes


def to_bytes(value: int) -> bytes:
    return value.to_bytes(32, "big")


def is_canonical(data: bytes) -> bool:
    return len(data) == 32 and int.from_bytes(data, "big") < R


def reduce(data: bytes) -> int:
    assert len(data) == 32
    return int.from_bytes(data, "big") % R


# Constants: the Grain LFSR of eprint 2019/458, appendix E


def grain(width: int, full: int, partial: int) -> Iterator[int]:
    """Samples of 254 bits; those at or above ``R`` are for the caller to drop or to reduce."""
    fields = [(1, 2), (0, 4), (254, 12), (width, 12), (full, 10), (partial, 10), ((1 << 30) - 1, 30)]
    bits = [int(bit) for value, size in fields for bit in format(value, f"0{size}b")]

    def clock() -> int:
        bit = bits[62] ^ bits[51] ^ bits[38] ^ bits[23] ^ bits[13] ^ bits[0]
        bits.pop(0)
        bits.append(bit)
        return bit

    def shrunk() -> int:
        while True:
            keep, bit = clock(), clock()
            if keep:
                return bit

    for _ in range(160):
        clock()
    while True:
        yield int("".join(str(shrunk()) for _ in range(254)), 2)


# Poseidon2, eprint 2023/323


@cache
def round_constants() -> tuple[tuple[int, int, int], ...]:
    """64 rounds of three constants; those of a partial round are zero past the first."""
    samples = (value for value in grain(3, 8, 56) if value < R)
    rounds = []
    for index in range(64):
        partial = 4 <= index < 60
        rounds.append((next(samples), 0 if partial else next(samples), 0 if partial else next(samples)))
    return tuple(rounds)


EXTERNAL = ((2, 1, 1), (1, 2, 1), (1, 1, 2))
INTERNAL = ((2, 1, 1), (1, 2, 1), (1, 1, 3))


def _multiply(matrix: Sequence[Sequence[int]], state: Sequence[int]) -> list[int]:
    return [sum(a * b for a, b in zip(row, state, strict=True)) % R for row in matrix]


def permute(state: Sequence[int]) -> list[int]:
    state = _multiply(EXTERNAL, state)
    for index, constants in enumerate(round_constants()):
        state = [a + c for a, c in zip(state, constants, strict=True)]
        if 4 <= index < 60:
            state = _multiply(INTERNAL, [pow(state[0], 5, R), *state[1:]])
        else:
            state = _multiply(EXTERNAL, [pow(a, 5, R) for a in state])
    return state


# The hash and its uses

NODE, LEAF, STATE_ROOT, JOURNAL, TRANSACTION, PUBLIC_KEY, CHALLENGE = range(1, 8)


def hash_elements(tag: int, aux: int, elements: Sequence[int]) -> int:
    state = [0, 0, (tag << 64) + (aux << 32) + len(elements)]
    for start in range(0, max(1, len(elements)), 2):
        pair = [*elements[start : start + 2], 0, 0]
        state = permute([(state[0] + pair[0]) % R, (state[1] + pair[1]) % R, state[2]])
    return state[0]


def pack_integers(integers: Sequence[tuple[int, int]]) -> list[int]:
    groups: list[list[tuple[int, int]]] = []
    for integer in integers:
        if not groups or sum(words for _, words in groups[-1]) + integer[1] > SLOTS:
            groups.append([])
        groups[-1].append(integer)
    elements = []
    for group in groups:
        element = 0
        for encoded, words in group:
            element = (element << 32 * words) + encoded
        elements.append(element)
    return elements


def pack_words(data: bytes) -> list[int]:
    size = 4 * SLOTS
    return [int.from_bytes(data[i : i + size].ljust(size, b"\0"), "big") for i in range(0, len(data), size)]


def leaf(map_index: int, ints: Sequence[tuple[int, int]], keys: Sequence[bytes]) -> bytes:
    elements = pack_integers(ints) + [reduce(key) for key in keys]
    return to_bytes(hash_elements(LEAF, map_index, elements))


def node(left: bytes, right: bytes) -> bytes:
    return to_bytes(hash_elements(NODE, 0, [int.from_bytes(left, "big"), int.from_bytes(right, "big")]))


def state_root(
    cells: Sequence[tuple[int, int]], key_cells: Sequence[bytes], map_roots: Sequence[bytes]
) -> bytes:
    elements = pack_integers(cells) + [reduce(key) for key in key_cells]
    elements += [int.from_bytes(root, "big") for root in map_roots]
    return to_bytes(hash_elements(STATE_ROOT, 0, elements))


def root_from_path(leaf_digest: bytes, index: int, siblings: bytes) -> bytes:
    current = leaf_digest
    for level in range(len(siblings) // 32):
        sibling = siblings[32 * level : 32 * level + 32]
        current = node(sibling, current) if index >> level & 1 else node(current, sibling)
    return current


def tree_root(depth: int, default_leaf: bytes, leaves: dict[int, bytes]) -> bytes:
    """The root by its definition: every leaf written out, so only for small depths."""
    level = [leaves.get(index, default_leaf) for index in range(2**depth)]
    while len(level) > 1:
        level = [node(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def tx_digest(domain: bytes, words: bytes) -> bytes:
    return to_bytes(hash_elements(TRANSACTION, 0, [reduce(domain), *pack_words(words)]))


def commit(journal: bytes) -> bytes:
    return to_bytes(hash_elements(JOURNAL, 0, pack_words(journal)))


def challenge(domain: bytes, claim: bytes, commitment: bytes) -> bytes:
    return to_bytes(reduce(keccak(domain + keccak(b"bn254") + claim + commitment)))


def evaluate(journal: bytes, z: bytes) -> bytes:
    point = int.from_bytes(z, "big")
    return to_bytes(sum(p * pow(point, i, R) for i, p in enumerate(pack_words(journal))) % R)


# BabyJubJub, EIP-2494


class Point(NamedTuple):
    x: int
    y: int


A, D = 168700, 168696
IDENTITY = Point(0, 1)
GENERATOR = Point(
    995203441582195749578291179787384436505546430278305826713579947235728471134,
    5472060717959818805561601436314318772137091100104008585924551046643952123905,
)
BASE8 = Point(
    5299619240641551281634865583518297030282874472190772894086521144482721001553,
    16950150798460657717958625567821834550301663161624707787222815936182638968203,
)


def on_curve(p: Point) -> bool:
    return (A * p.x * p.x + p.y * p.y - 1 - D * p.x * p.x * p.y * p.y) % R == 0


def add(p: Point, q: Point) -> Point:
    product = D * p.x * q.x * p.y * q.y
    return Point(
        (p.x * q.y + p.y * q.x) * pow(1 + product, -1, R) % R,
        (p.y * q.y - A * p.x * q.x) * pow(1 - product, -1, R) % R,
    )


def multiply(number: int, p: Point) -> Point:
    total = IDENTITY
    while number:
        if number & 1:
            total = add(total, p)
        p = add(p, p)
        number >>= 1
    return total


# Signatures


class Key(NamedTuple):
    secret: int
    prefix: bytes
    point: Point
    public_key: bytes


def public_key(point: Point) -> bytes:
    return to_bytes(hash_elements(PUBLIC_KEY, 0, point))


def derive(seed: bytes, suite: str, purpose: str) -> bytes:
    data = suite.encode() + b"\0" + purpose.encode()
    return blake2b(data, key=seed, digest_size=64, person=b"multiprover/v1\0\0").digest()


def key_from_seed(seed: bytes) -> Key:
    secret = int.from_bytes(derive(seed, "bn254", "secret"), "big") % L
    point = multiply(secret, BASE8)
    return Key(secret, derive(seed, "bn254", "nonce"), point, public_key(point))


def signature_hash(r: Point, pk: int, digest: bytes, nonce: int) -> int:
    return hash_elements(CHALLENGE, 0, [*r, pk, int.from_bytes(digest, "big"), nonce])


def rho(key: Key, digest: bytes, nonce: int) -> int:
    mac = blake2b(digest + nonce.to_bytes(8, "big"), key=key.prefix, digest_size=64)
    return int.from_bytes(mac.digest(), "big") % L


def encode_signature(a: Point, r: Point, s: int) -> bytes:
    return b"".join(to_bytes(value) for value in (*a, *r, s))


def sign(key: Key, digest: bytes, nonce: int) -> bytes:
    blind = rho(key, digest, nonce)
    r = multiply(blind, BASE8)
    h = signature_hash(r, int.from_bytes(key.public_key, "big"), digest, nonce)
    return encode_signature(key.point, r, (blind + h * key.secret) % L)


def refusal(pk: bytes, digest: bytes, nonce: int, signature: bytes) -> str | None:
    """Why a signature is refused, or None if it verifies."""
    if len(signature) != 160:
        return "length"
    ax, ay, rx, ry, s = (int.from_bytes(signature[i : i + 32], "big") for i in range(0, 160, 32))
    for name, value in (("A.x", ax), ("A.y", ay), ("R.x", rx), ("R.y", ry)):
        if value >= R:
            return f"{name} not canonical"
    a, r = Point(ax, ay), Point(rx, ry)
    for name, point in (("A", a), ("R", r)):
        if not on_curve(point):
            return f"{name} not on the curve"
    if s >= L:
        return "S not below l"
    if int.from_bytes(public_key(a), "big") != reduce(pk):
        return "A not the point of the public key"
    h = signature_hash(r, reduce(pk), digest, nonce)
    if multiply(s, BASE8) != add(r, multiply(h, a)):
        return "equation"
    return None


# Circom's Poseidon (eprint 2019/458), for the published signature only


def circom_poseidon(inputs: Sequence[int], partial: int) -> int:
    """``partial`` rounds of one S-box; circomlib has 57 for 2 inputs and 60 for 5."""
    width = len(inputs) + 1
    samples = grain(width, 8, partial)
    constants: list[int] = []
    while len(constants) < (8 + partial) * width:
        value = next(samples)
        if value < R:
            constants.append(value)
    points = [next(samples) % R for _ in range(2 * width)]
    matrix = [[pow(x + y, -1, R) for y in points[width:]] for x in points[:width]]
    state = [0, *inputs]
    for index in range(8 + partial):
        state = [a + c for a, c in zip(state, constants[index * width :], strict=False)]
        full = index < 4 or index >= 4 + partial
        state = [pow(a, 5, R) if full or place == 0 else a for place, a in enumerate(state)]
        state = _multiply(matrix, state)
    return state[0]
