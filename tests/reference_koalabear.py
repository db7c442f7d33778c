"""The suite ``koalabear`` written for reading, not for speed: docs/suites.md §10 to §12 on Python integers.

Shares nothing with the native code: constants are generated, matrices written out, trees too, polynomials
summed power by power. Published vectors pin it; the native code is compared with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from typing import NamedTuple

from eth_utils.crypto import keccak

P = 2**31 - 2**24 + 1

Digest = tuple[int, ...]
"""Eight elements."""

ZERO: Digest = (0,) * 8

# Digests in 32 bytes


def words(data: bytes, size: int) -> list[int]:
    assert len(data) % size == 0
    return [int.from_bytes(data[i : i + size], "big") for i in range(0, len(data), size)]


def to_bytes(elements: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in elements)


def is_canonical(data: bytes) -> bool:
    return len(data) == 32 and all(value < P for value in words(data, 4))


def digest_of(data: bytes) -> Digest:
    """The digest that 32 bytes canonically encode."""
    assert is_canonical(data)
    return tuple(words(data, 4))


def reduce(data: bytes) -> Digest:
    assert len(data) == 32
    return tuple(value % P for value in words(data, 4))


# Round constants: the Grain generator of Poseidon (eprint 2019/458, appendix F)

WIDTH, FULL, PARTIAL = 16, 8, 20


def grain() -> Iterator[int]:
    """Bits, for a prime field, S-box x^alpha, 31 bits an element, and the permutation's size."""
    parameters = ((1, 2), (0, 4), (31, 12), (WIDTH, 12), (FULL, 10), (PARTIAL, 10), (2**30 - 1, 30))
    state = deque(int(bit) for value, bits in parameters for bit in f"{value:0{bits}b}")
    assert len(state) == 80

    def clock() -> int:
        bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0]
        state.popleft()
        state.append(bit)
        return bit

    for _ in range(160):
        clock()
    while True:
        chosen, bit = clock(), clock()
        if chosen:
            yield bit


@cache
def round_constants() -> tuple[tuple[int, ...], ...]:
    """28 rounds, in order: sixteen constants in a full one, one in a partial one."""
    bits = grain()

    def element() -> int:
        while True:
            value = sum(next(bits) << place for place in reversed(range(31)))
            if value < P:
                return value

    sizes = [WIDTH] * (FULL // 2) + [1] * PARTIAL + [WIDTH] * (FULL // 2)
    return tuple(tuple(element() for _ in range(size)) for size in sizes)


# Poseidon2, eprint 2023/323; Plonky3/Plonky3, koala-bear/src/poseidon2.rs and poseidon2/src/external.rs

BLOCK = [(2, 3, 1, 1), (1, 2, 3, 1), (1, 1, 2, 3), (3, 1, 1, 2)]


def over(power: int) -> int:
    """1 / 2^power."""
    return pow(2, -power, P)


DIAGONAL = (
    -2, 1, 2, over(1), 3, 4, -over(1), -3, -4,
    over(8), over(3), over(24), -over(8), -over(3), -over(4), -over(24),
)  # fmt: skip


def external(state: Sequence[int]) -> list[int]:
    """circ(2M, M, M, M) for the block M."""
    blocks = [
        [sum(map(int.__mul__, row, state[start : start + 4])) for row in BLOCK] for start in (0, 4, 8, 12)
    ]
    sums = [sum(column) for column in zip(*blocks, strict=True)]
    return [(own + total) % P for block in blocks for own, total in zip(block, sums, strict=True)]


def internal(state: Sequence[int]) -> list[int]:
    """All ones, plus the diagonal."""
    total = sum(state)
    return [(own * factor + total) % P for own, factor in zip(state, DIAGONAL, strict=True)]


@lru_cache(4096)
def permute(state: tuple[int, ...]) -> tuple[int, ...]:
    s = external(state)
    for constants in round_constants():
        if len(constants) == WIDTH:
            s = external([pow(own + added, 3, P) for own, added in zip(s, constants, strict=True)])
        else:
            s = internal([pow(s[0] + constants[0], 3, P), *s[1:]])
    return tuple(s)


# The hash and its uses

LEAF, STATE_ROOT, JOURNAL, TRANSACTION = range(2, 6)
MESSAGE, CHAIN, ONE_TIME_KEY = range(7, 10)


def hash_groups(tag: int, aux: int, elements: Sequence[int], count: int) -> Digest:
    """The hash of whole groups of eight, which stand for ``count`` elements."""
    assert len(elements) % 8 == 0
    assert tag + 16 * aux < P
    capacity: Digest = (tag + 16 * aux, count, 0, 0, 0, 0, 0, 0)
    state = (*ZERO, *capacity)
    for start in range(0, max(1, len(elements)), 8):
        state = permute((*(elements[start : start + 8] or ZERO), *state[8:]))
    return state[:8]


def hash_lists(tag: int, aux: int, *lists: Sequence[int]) -> Digest:
    """Each list filled up with zeros."""
    filled = [value for elements in lists for value in (*elements, *[0] * (-len(elements) % 8))]
    return hash_groups(tag, aux, filled, sum(map(len, lists)))


def compress(left: Digest, right: Digest) -> Digest:
    """``N`` of the specification."""
    state = permute((*left, *right))
    return tuple((own + before) % P for own, before in zip(state[:8], left, strict=True))


def half_words(ints: Sequence[tuple[int, int]]) -> list[int]:
    return words(b"".join(encoded.to_bytes(4 * size, "big") for encoded, size in ints), 2)


def joined(digests: Sequence[Digest]) -> list[int]:
    return [value for digest in digests for value in digest]


def leaf(map_index: int, ints: Sequence[tuple[int, int]], keys: Sequence[bytes]) -> bytes:
    return to_bytes(hash_lists(LEAF, map_index, half_words(ints), joined([reduce(key) for key in keys])))


def node(left: bytes, right: bytes) -> bytes:
    return to_bytes(compress(digest_of(left), digest_of(right)))


def state_root(
    cells: Sequence[tuple[int, int]], key_cells: Sequence[bytes], map_roots: Sequence[bytes]
) -> bytes:
    digests = [reduce(key) for key in key_cells] + [digest_of(root) for root in map_roots]
    return to_bytes(hash_lists(STATE_ROOT, 0, half_words(cells), joined(digests)))


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
    return to_bytes(hash_lists(TRANSACTION, 0, reduce(domain), words(data, 2)))


# Binding: coefficients of 1, X, …, X^4 in GF(p)[X]/(X^5 + X^2 - 1)

Extended = tuple[int, ...]


def multiply(a: Extended, b: Extended) -> Extended:
    product = [0] * 9
    for i, own in enumerate(a):
        for j, other in enumerate(b):
            product[i + j] += own * other
    for degree in range(8, 4, -1):  # X^5 = 1 - X^2
        product[degree - 5] += product[degree]
        product[degree - 3] -= product[degree]
    return tuple(value % P for value in product[:5])


def extended(coefficients: Sequence[int]) -> bytes:
    assert len(coefficients) == 5
    return to_bytes([*coefficients, 0, 0, 0])


def commit(journal: bytes) -> bytes:
    return to_bytes(hash_lists(JOURNAL, 0, words(journal, 2)))


def challenge_of(seed: bytes) -> bytes:
    return extended(reduce(seed)[:5])


def challenge(domain: bytes, claim: bytes, commitment: bytes) -> bytes:
    return challenge_of(keccak(domain + keccak(b"koalabear") + claim + commitment))


def evaluate(journal: bytes, z: bytes) -> bytes:
    point, rest = digest_of(z)[:5], digest_of(z)[5:]
    assert rest == (0, 0, 0)
    power, total = (1, 0, 0, 0, 0), [0] * 5
    for half_word in words(journal, 2):
        total = [(own + half_word * value) % P for own, value in zip(total, power, strict=True)]
        power = multiply(power, point)
    return extended(total)


# Signatures

HEIGHT, CHAINS, STEPS, SUM = 16, 64, 3, 120
RHO = 7
SIGNATURE_BYTES = 4 * RHO + 32 * (CHAINS + HEIGHT)


def derive(seed: bytes, suite: str, purpose: str) -> bytes:
    data = suite.encode() + b"\0" + purpose.encode()
    return blake2b(data, key=seed, digest_size=64, person=b"multiprover/v1\0\0").digest()


def message_digits(public_key: Digest, digest: Digest, nonce: int, rho: Sequence[int]) -> list[int]:
    h = hash_lists(MESSAGE, 0, digest, [nonce % P, *rho], public_key)
    return [value >> 2 * place & 3 for value in h for place in range(8)]


def steps(chain: int, value: Digest, start: int, end: int = STEPS) -> Digest:
    """Steps ``start`` to ``end - 1`` of a chain."""
    for step in range(start, end):
        value = hash_lists(CHAIN, 4 * chain + step, value)
    return value


def one_time_leaf(ends: Sequence[Digest]) -> Digest:
    return hash_lists(ONE_TIME_KEY, 0, joined(ends))


def key_levels(leaves: Sequence[Digest]) -> list[list[Digest]]:
    """The nodes of each level, to the right of which all are as over leaves of zeros; last, the root."""
    levels = [list(leaves)]
    default = ZERO
    for _ in range(HEIGHT):
        below = levels[-1] + [default] * (len(levels[-1]) % 2)
        pairs = zip(below[::2], below[1::2], strict=True)
        levels.append([compress(left, right) for left, right in pairs])
        default = compress(default, default)
    return levels


def key_path(levels: Sequence[Sequence[Digest]], nonce: int) -> list[Digest]:
    siblings, default = [], ZERO
    for level in range(HEIGHT):
        place = nonce >> level ^ 1
        siblings.append(levels[level][place] if place < len(levels[level]) else default)
        default = compress(default, default)
    return siblings


class Key(NamedTuple):
    secrets: list[list[Digest]]
    levels: list[list[Digest]]
    randomizer: bytes

    @property
    def public_key(self) -> bytes:
        return to_bytes(self.levels[HEIGHT][0])


@cache
def key_from_seed(seed: bytes, height: int) -> Key:
    chains = derive(seed, "koalabear", "chains")

    def secret(nonce: int, chain: int) -> Digest:
        place = bytes([height]) + nonce.to_bytes(4, "big") + chain.to_bytes(2, "big")
        return reduce(blake2b(place, key=chains, digest_size=64).digest()[:32])

    secrets = [[secret(nonce, chain) for chain in range(CHAINS)] for nonce in range(2**height)]
    leaves = [one_time_leaf([steps(i, own, 0) for i, own in enumerate(of_nonce)]) for of_nonce in secrets]
    return Key(secrets, key_levels(leaves), derive(seed, "koalabear", "randomizer"))


def next_rho(rho: Sequence[int]) -> Digest:
    return *rho[:-1], (rho[-1] + 1) % P


def find_rho(
    public_key: Digest, digest: Digest, nonce: int, start: Sequence[int], total: int = SUM
) -> Digest:
    rho = tuple(start)
    while sum(message_digits(public_key, digest, nonce, rho)) != total:
        rho = next_rho(rho)
    return rho


def first_rho(key: Key, digest: bytes, nonce: int) -> Digest:
    mac = blake2b(digest + nonce.to_bytes(4, "big"), key=key.randomizer, digest_size=64)
    return reduce(mac.digest()[:32])[:RHO]


def encode_signature(rho: Sequence[int], shown: Sequence[Digest], siblings: Sequence[Digest]) -> bytes:
    return to_bytes(rho) + b"".join(map(to_bytes, [*shown, *siblings]))


def sign_with(key: Key, digest: bytes, nonce: int, rho: Sequence[int]) -> bytes:
    """The signature whose word is that of ``rho``, whatever its sum."""
    digits = message_digits(digest_of(key.public_key), digest_of(digest), nonce, rho)
    place = nonce % 2**HEIGHT
    chains = zip(digits, key.secrets[place], strict=True)
    shown = [steps(chain, secret, 0, digit) for chain, (digit, secret) in enumerate(chains)]
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
    rho = words(signature[: 4 * RHO], 4)
    if not all(value < P for value in rho):
        return "rho not canonical"
    parts = [signature[i : i + 32] for i in range(4 * RHO, SIGNATURE_BYTES, 32)]
    if not all(is_canonical(part) for part in parts[:CHAINS]):
        return "chain not canonical"
    if not all(is_canonical(part) for part in parts[CHAINS:]):
        return "sibling not canonical"
    digits = message_digits(reduce(pk), digest_of(digest), nonce, rho)
    if sum(digits) != SUM:
        return "sum"
    shown = zip(digits, map(digest_of, parts[:CHAINS]), strict=True)
    current = one_time_leaf([steps(chain, value, digit) for chain, (digit, value) in enumerate(shown)])
    for level, sibling in enumerate(map(digest_of, parts[CHAINS:])):
        current = compress(sibling, current) if nonce >> level & 1 else compress(current, sibling)
    return None if current == reduce(pk) else "root"
