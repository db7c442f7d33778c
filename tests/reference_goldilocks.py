"""The suite ``goldilocks`` written for reading, not for speed: docs/suites.md §7 to §9 on Python integers.

Shares nothing with the native code: the matrix is multiplied row by row, trees are written out, polynomials
are summed power by power. Published vectors pin it; the native code is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

from eth_utils.crypto import keccak

P = 2**64 - 2**32 + 1

Digest = tuple[int, int, int, int]
ZERO: Digest = (0, 0, 0, 0)

# Digests in 32 bytes


def words(data: bytes, size: int) -> list[int]:
    assert len(data) % size == 0
    return [int.from_bytes(data[i : i + size], "big") for i in range(0, len(data), size)]


def to_bytes(digest: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(8, "big") for value in digest)


def is_canonical(data: bytes) -> bool:
    return len(data) == 32 and all(value < P for value in words(data, 8))


def digest_of(data: bytes) -> Digest:
    """The digest that 32 bytes canonically encode."""
    assert is_canonical(data)
    a, b, c, d = words(data, 8)
    return a, b, c, d


def reduce(data: bytes) -> Digest:
    assert len(data) == 32
    a, b, c, d = (value % P for value in words(data, 8))
    return a, b, c, d


# Constants: 0xPolygonZero/plonky2, plonky2/src/bin/generate_constants.rs

WORD = 2**32


def rotate(value: int, bits: int) -> int:
    """To the left, in 32 bits."""
    return (value << bits | value >> (32 - bits)) % WORD


def seed_words(seed: int) -> Iterator[int]:
    """PCG32 as rand_core 0.6 makes a key of a number."""
    while True:
        seed = (seed * 6364136223846793005 + 11634580027462260723) % 2**64
        yield rotate((seed >> 18 ^ seed) >> 27 & (WORD - 1), (32 - (seed >> 59)) % 32)


def chacha8(key: Sequence[int]) -> Iterator[int]:
    counter = 0
    while True:
        start = [*words(b"expa", 4), *words(b"nd 3", 4), *words(b"2-by", 4), *words(b"te k", 4)]
        start = [int.from_bytes(word.to_bytes(4, "big"), "little") for word in start]
        start += [*key, counter % WORD, counter // WORD, 0, 0]
        s = list(start)

        def quarter(a: int, b: int, c: int, d: int, s: list[int] = s) -> None:
            s[a] = (s[a] + s[b]) % WORD
            s[d] = rotate(s[d] ^ s[a], 16)
            s[c] = (s[c] + s[d]) % WORD
            s[b] = rotate(s[b] ^ s[c], 12)
            s[a] = (s[a] + s[b]) % WORD
            s[d] = rotate(s[d] ^ s[a], 8)
            s[c] = (s[c] + s[d]) % WORD
            s[b] = rotate(s[b] ^ s[c], 7)

        for _ in range(4):
            quarter(0, 4, 8, 12)
            quarter(1, 5, 9, 13)
            quarter(2, 6, 10, 14)
            quarter(3, 7, 11, 15)
            quarter(0, 5, 10, 15)
            quarter(1, 6, 11, 12)
            quarter(2, 7, 8, 13)
            quarter(3, 4, 9, 14)
        yield from ((a + b) % WORD for a, b in zip(s, start, strict=True))
        counter += 1


@cache
def round_constants() -> tuple[tuple[int, ...], ...]:
    """30 rounds of twelve: samples below ``P``, as rand 0.8 draws them from a range."""
    seeds = seed_words(0)
    numbers = chacha8([next(seeds) for _ in range(8)])
    constants: list[int] = []
    while len(constants) < 360:
        high, low = divmod((next(numbers) + next(numbers) * WORD) * P, 2**64)
        if low < P:
            constants.append(high)
    return tuple(tuple(constants[i : i + 12]) for i in range(0, 360, 12))


# Poseidon, eprint 2019/458

FIRST_ROW = (17, 15, 41, 16, 2, 28, 13, 13, 39, 18, 34, 20)
MATRIX = [
    [FIRST_ROW[(column - row) % 12] + (8 if row == column == 0 else 0) for column in range(12)]
    for row in range(12)
]


def permute(state: Sequence[int]) -> list[int]:
    for index, constants in enumerate(round_constants()):
        state = [a + c for a, c in zip(state, constants, strict=True)]
        full = index < 4 or index >= 26
        state = [pow(a, 7, P) if full or place == 0 else a for place, a in enumerate(state)]
        state = [sum(map(int.__mul__, row, state)) % P for row in MATRIX]
    return list(state)


# The hash and its uses

NODE, LEAF, STATE_ROOT, JOURNAL, TRANSACTION = range(1, 6)
MESSAGE, CHAIN, ONE_TIME_KEY, KEY_NODE = range(7, 11)


def hash_elements(tag: int, aux: int, elements: Sequence[int]) -> Digest:
    state = [0] * 8 + [tag, aux, len(elements), 0]
    for start in range(0, max(1, len(elements)), 8):
        group = elements[start : start + 8]
        state = permute([*group, *state[len(group) :]])
    return state[0], state[1], state[2], state[3]


def integer_words(ints: Sequence[tuple[int, int]]) -> list[int]:
    return words(b"".join(encoded.to_bytes(4 * size, "big") for encoded, size in ints), 4)


def joined(digests: Sequence[Digest]) -> list[int]:
    return [value for digest in digests for value in digest]


def leaf(map_index: int, ints: Sequence[tuple[int, int]], keys: Sequence[bytes]) -> bytes:
    elements = integer_words(ints) + joined([reduce(key) for key in keys])
    return to_bytes(hash_elements(LEAF, map_index, elements))


def node(left: bytes, right: bytes) -> bytes:
    return to_bytes(hash_elements(NODE, 0, [*digest_of(left), *digest_of(right)]))


def state_root(
    cells: Sequence[tuple[int, int]], key_cells: Sequence[bytes], map_roots: Sequence[bytes]
) -> bytes:
    elements = integer_words(cells) + joined([reduce(key) for key in key_cells])
    elements += joined([digest_of(root) for root in map_roots])
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


def tx_digest(domain: bytes, data: bytes) -> bytes:
    return to_bytes(hash_elements(TRANSACTION, 0, [*reduce(domain), *words(data, 4)]))


# Binding

Extended = tuple[int, int]


def multiply(a: Extended, b: Extended) -> Extended:
    return (a[0] * b[0] + 7 * a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P


def commit(journal: bytes) -> bytes:
    return to_bytes(hash_elements(JOURNAL, 0, words(journal, 4)))


def challenge_of(seed: bytes) -> bytes:
    return to_bytes([*reduce(seed)[:2], 0, 0])


def challenge(domain: bytes, claim: bytes, commitment: bytes) -> bytes:
    return challenge_of(keccak(domain + keccak(b"goldilocks") + claim + commitment))


def evaluate(journal: bytes, z: bytes) -> bytes:
    u, v, *rest = digest_of(z)
    assert rest == [0, 0]
    power, total = (1, 0), (0, 0)
    for word in words(journal, 4):
        total = total[0] + word * power[0], total[1] + word * power[1]
        power = multiply(power, (u, v))
    return to_bytes([total[0] % P, total[1] % P, 0, 0])


# Signatures

HEIGHT, CHAINS, WEIGHT = 16, 132, 66
SIGNATURE_BYTES = 8 + 32 * (CHAINS + HEIGHT)


def derive(seed: bytes, suite: str, purpose: str) -> bytes:
    data = suite.encode() + b"\0" + purpose.encode()
    return blake2b(data, key=seed, digest_size=64, person=b"multiprover/v1\0\0").digest()


def message_bits(public_key: Digest, digest: Digest, nonce: int, rho: int) -> list[int]:
    h = hash_elements(MESSAGE, 0, [*digest, nonce, rho, *public_key])
    return [value >> i & 1 for value in h for i in range(33)]


def chain_end(chain: int, secret: Digest) -> Digest:
    return hash_elements(CHAIN, chain, secret)


def one_time_leaf(ends: Sequence[Digest]) -> Digest:
    return hash_elements(ONE_TIME_KEY, 0, joined(ends))


def key_levels(leaves: Sequence[Digest]) -> list[list[Digest]]:
    """The nodes of each level, to the right of which all are as over leaves of zeros; last, the root."""
    levels = [list(leaves)]
    default = ZERO
    for _ in range(HEIGHT):
        below = levels[-1] + [default] * (len(levels[-1]) % 2)
        pairs = zip(below[::2], below[1::2], strict=True)
        levels.append([hash_elements(KEY_NODE, 0, [*left, *right]) for left, right in pairs])
        default = hash_elements(KEY_NODE, 0, [*default, *default])
    return levels


def key_path(levels: Sequence[Sequence[Digest]], nonce: int) -> list[Digest]:
    siblings, default = [], ZERO
    for level in range(HEIGHT):
        place = nonce >> level ^ 1
        siblings.append(levels[level][place] if place < len(levels[level]) else default)
        default = hash_elements(KEY_NODE, 0, [*default, *default])
    return siblings


class Key(NamedTuple):
    secrets: list[list[Digest]]
    ends: list[list[Digest]]
    levels: list[list[Digest]]
    randomizer: bytes

    @property
    def public_key(self) -> bytes:
        return to_bytes(self.levels[HEIGHT][0])


def key_of_secrets(secrets: list[list[Digest]], randomizer: bytes = bytes(64)) -> Key:
    ends = [[chain_end(i, secret) for i, secret in enumerate(chains)] for chains in secrets]
    return Key(secrets, ends, key_levels([one_time_leaf(own) for own in ends]), randomizer)


@cache
def key_from_seed(seed: bytes, height: int) -> Key:
    chains = derive(seed, "goldilocks", "chains")

    def secret(nonce: int, chain: int) -> Digest:
        place = bytes([height]) + nonce.to_bytes(4, "big") + chain.to_bytes(2, "big")
        return reduce(blake2b(place, key=chains, digest_size=64).digest()[:32])

    secrets = [[secret(nonce, chain) for chain in range(CHAINS)] for nonce in range(2**height)]
    return key_of_secrets(secrets, derive(seed, "goldilocks", "randomizer"))


def find_rho(public_key: Digest, digest: Digest, nonce: int, start: int, weight: int = WEIGHT) -> int:
    rho = start
    while sum(message_bits(public_key, digest, nonce, rho)) != weight:
        rho = (rho + 1) % P
    return rho


def first_rho(key: Key, digest: bytes, nonce: int) -> int:
    mac = blake2b(digest + nonce.to_bytes(4, "big"), key=key.randomizer, digest_size=64)
    return int.from_bytes(mac.digest()[:8], "big") % P


def encode_signature(rho: int, shown: Sequence[Digest], siblings: Sequence[Digest]) -> bytes:
    return rho.to_bytes(8, "big") + b"".join(map(to_bytes, [*shown, *siblings]))


def sign_with(key: Key, digest: bytes, nonce: int, rho: int) -> bytes:
    """The signature whose word is that of ``rho``, whatever its weight."""
    bits = message_bits(digest_of(key.public_key), digest_of(digest), nonce, rho)
    place = nonce % 2**HEIGHT
    choice = zip(bits, key.secrets[place], key.ends[place], strict=True)
    shown = [secret if bit else end for bit, secret, end in choice]
    return encode_signature(rho, shown, key_path(key.levels, place))


def sign(key: Key, digest: bytes, nonce: int) -> bytes:
    start = first_rho(key, digest, nonce)
    rho = find_rho(digest_of(key.public_key), digest_of(digest), nonce, start)
    return sign_with(key, digest, nonce, rho)


def refusal(pk: bytes, digest: bytes, nonce: int, signature: bytes) -> str | None:
    """Why a signature is refused, or None if it verifies."""
    if len(signature) != SIGNATURE_BYTES:
        return "length"
    if nonce >= 2**HEIGHT:
        return "nonce not below 2^16"
    rho = int.from_bytes(signature[:8], "big")
    if rho >= P:
        return "rho not canonical"
    parts = [signature[i : i + 32] for i in range(8, SIGNATURE_BYTES, 32)]
    if not all(is_canonical(part) for part in parts[:CHAINS]):
        return "chain not canonical"
    if not all(is_canonical(part) for part in parts[CHAINS:]):
        return "sibling not canonical"
    bits = message_bits(reduce(pk), digest_of(digest), nonce, rho)
    if sum(bits) != WEIGHT:
        return "weight"
    shown = [digest_of(part) for part in parts[:CHAINS]]
    ends = [
        chain_end(i, value) if bit else value for i, (bit, value) in enumerate(zip(bits, shown, strict=True))
    ]
    current = one_time_leaf(ends)
    for level, sibling in enumerate(map(digest_of, parts[CHAINS:])):
        pair = (sibling, current) if nonce >> level & 1 else (current, sibling)
        current = hash_elements(KEY_NODE, 0, joined(pair))
    return None if current == reduce(pk) else "root"
