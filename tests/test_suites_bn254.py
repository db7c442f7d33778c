"""The suite ``bn254``: native against reference on random inputs, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import reference_bn254 as ref
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multiprover_native import Bn254, Bn254SigningKey

from multiprover import suites
from multiprover.suites import NonCanonicalError, SuiteError, TypedInt

SUITE = suites.get("bn254")
MODULUS = ref.to_bytes(ref.R)
ONES = b"\xff" * 32

elements = st.integers(0, ref.R - 1).map(ref.to_bytes)
words32 = st.binary(min_size=32, max_size=32)
journals = st.integers(0, 40).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
typed = st.integers(1, 2).flatmap(
    lambda n: st.builds(TypedInt, st.integers(0, 2 ** (32 * n) - 1), st.just(n))
)
records = st.lists(typed, max_size=12)
nonces = st.integers(0, 2**64 - 1)

cheap = settings(max_examples=60, deadline=None)
costly = settings(max_examples=15, deadline=None)


@cheap
@given(st.tuples(elements, elements, elements))
def test_permutation(state: tuple[bytes, bytes, bytes]) -> None:
    expected = ref.permute([int.from_bytes(place, "big") for place in state])
    assert Bn254.permute(b"".join(state)) == b"".join(map(ref.to_bytes, expected))


@cheap
@given(st.integers(0, 2**32 - 1), records, st.lists(words32, max_size=3))
def test_leaf(map_index: int, ints: list[TypedInt], keys: list[bytes]) -> None:
    assert SUITE.leaf(map_index, ints, keys) == ref.leaf(map_index, ints, keys)


@cheap
@given(records, st.lists(words32, max_size=3), st.lists(elements, max_size=4))
def test_state_root(cells: list[TypedInt], key_cells: list[bytes], roots: list[bytes]) -> None:
    assert SUITE.state_root(cells, key_cells, roots) == ref.state_root(cells, key_cells, roots)


@cheap
@given(words32, journals)
def test_tx_digest(domain: bytes, words: bytes) -> None:
    assert SUITE.tx_digest(domain, words) == ref.tx_digest(domain, words)


@cheap
@given(words32, words32, journals, elements)
def test_binding(domain: bytes, claim: bytes, journal: bytes, z: bytes) -> None:
    commitment = SUITE.commit(journal)
    assert commitment == ref.commit(journal)
    assert SUITE.challenge(domain, claim, commitment) == ref.challenge(domain, claim, commitment)
    assert SUITE.evaluate(journal, z) == ref.evaluate(journal, z)


@cheap
@given(journals.filter(bool), st.data())
def test_binding_sees_every_bit(journal: bytes, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, 8 * len(journal) - 1))
    other = bytearray(journal)
    other[bit // 8] ^= 1 << bit % 8
    assert SUITE.commit(bytes(other)) != SUITE.commit(journal)
    z = SUITE.challenge(bytes(32), bytes(32), SUITE.commit(journal))
    assert SUITE.evaluate(bytes(other), z) != SUITE.evaluate(journal, z)


@cheap
@given(elements, st.integers(1, 32), st.data())
def test_root_from_path(leaf: bytes, depth: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, 2**depth - 1))
    siblings = b"".join(data.draw(st.lists(elements, min_size=depth, max_size=depth)))
    assert SUITE.root_from_path(leaf, index, siblings) == ref.root_from_path(leaf, index, siblings)


@costly
@given(words32, elements, nonces)
def test_sign_is_the_references(seed: bytes, digest: bytes, nonce: int) -> None:
    key, reference = SUITE.signing_key(seed), ref.key_from_seed(seed)
    assert key.public_key == reference.public_key
    signature = key.sign(digest, nonce)
    assert signature == ref.sign(reference, digest, nonce)
    SUITE.verify(key.public_key, digest, nonce, signature)


def accepts(pk: bytes, digest: bytes, nonce: int, signature: bytes) -> bool:
    try:
        SUITE.verify(pk, digest, nonce, signature)
    except suites.InvalidSignatureError:
        return False
    return True


@costly
@given(
    st.tuples(st.integers(0, ref.L - 1), st.integers(0, 7)),
    st.tuples(st.integers(0, ref.L - 1), st.integers(0, 7)),
    elements,
    nonces,
)
@example((0, 0), (0, 0), bytes(32), 0)
@example((0, 4), (0, 4), bytes(32), 0)
@example((1, 1), (1, 7), bytes(32), 1)
def test_verify_decides_as_the_reference_on_any_points(
    point_a: tuple[int, int], point_r: tuple[int, int], digest: bytes, nonce: int
) -> None:
    """Every point of the curve is a multiple of EIP-2494's generator: here A and R are any of them."""
    (secret, a_torsion), (rho, r_torsion) = point_a, point_r
    eighth = ref.multiply(ref.L, ref.GENERATOR)
    a = ref.add(ref.multiply(secret, ref.BASE8), ref.multiply(a_torsion, eighth))
    r = ref.add(ref.multiply(rho, ref.BASE8), ref.multiply(r_torsion, eighth))
    pk = ref.public_key(a)
    h = ref.signature_hash(r, int.from_bytes(pk, "big"), digest, nonce)
    signature = ref.encode_signature(a, r, (rho + h * secret) % ref.L)
    expected = (r_torsion + h * a_torsion) % 8 == 0
    assert (ref.refusal(pk, digest, nonce, signature) is None) == expected
    assert accepts(pk, digest, nonce, signature) == expected


@costly
@given(st.integers(0, 8 * 160 - 1))
def test_no_bit_of_a_signature_is_free(bit: int) -> None:
    key = SUITE.signing_key(bytes(32))
    signature = bytearray(key.sign(bytes(32), 1))
    signature[bit // 8] ^= 1 << bit % 8
    assert not accepts(key.public_key, bytes(32), 1, bytes(signature))


def test_signatures_of_two_messages_differ_in_their_blinding() -> None:
    """One R for two challenges would give the secret away."""
    key = SUITE.signing_key(bytes(32))
    messages = [(bytes(32), 0), (bytes(32), 1), (ref.to_bytes(1), 0)]
    assert len({key.sign(digest, nonce)[64:128] for digest, nonce in messages}) == len(messages)
    other = SUITE.signing_key(ONES)
    assert other.sign(bytes(32), 0)[64:128] != key.sign(bytes(32), 0)[64:128]


# Trees


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda depth: st.tuples(
            st.just(depth), st.lists(st.tuples(st.integers(0, 2**depth - 1), elements), max_size=10)
        )
    ),
    elements,
)
def test_tree_is_its_definition(case: tuple[int, list[tuple[int, bytes]]], default: bytes) -> None:
    depth, leaves = case
    one_by_one, together = SUITE.tree(depth, default), SUITE.tree(depth, default)
    for index, leaf in leaves:
        one_by_one.set(index, leaf)
    together.set_many(leaves)
    expected = ref.tree_root(depth, default, dict(leaves))
    assert one_by_one.root == together.root == expected
    for index in range(2**depth):
        leaf = dict(leaves).get(index, default)
        assert SUITE.root_from_path(leaf, index, together.siblings(index)) == expected


@pytest.mark.parametrize("depth", [1, 20, 32])
def test_tree_at_its_ends(depth: int) -> None:
    default, leaf = ref.to_bytes(1), ref.to_bytes(2)
    tree = SUITE.tree(depth, default)
    empty = tree.root
    for index in (0, 2**depth - 1):
        tree.set(index, leaf)
        assert SUITE.root_from_path(leaf, index, tree.siblings(index)) == tree.root != empty
    tree.set_many([(0, default), (2**depth - 1, default)])
    assert tree.root == empty


def test_tree_later_leaf_counts_and_nothing_changes_on_error() -> None:
    tree, expected = SUITE.tree(3, bytes(32)), SUITE.tree(3, bytes(32))
    tree.set_many([(2, ref.to_bytes(1)), (2, ref.to_bytes(5))])
    expected.set(2, ref.to_bytes(5))
    assert tree.root == expected.root
    with pytest.raises(SuiteError, match="index"):
        tree.set_many([(0, ref.to_bytes(7)), (8, ref.to_bytes(7))])
    with pytest.raises(NonCanonicalError, match="leaf"):
        tree.set_many([(0, ref.to_bytes(7)), (1, MODULUS)])
    tree.set_many([])
    assert tree.root == expected.root


def test_tree_is_safe_between_threads() -> None:
    tree, expected = SUITE.tree(12, bytes(32)), SUITE.tree(12, bytes(32))
    leaves = [(index, ref.to_bytes(index + 1)) for index in range(400)]

    def write_and_read(leaf: tuple[int, bytes]) -> bytes:
        tree.set(*leaf)
        return tree.siblings(leaf[0]) + tree.root

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_and_read, leaves))
    expected.set_many(leaves)
    assert tree.root == expected.root


# Refusals

Refused = Callable[[], object]
KEY = SUITE.signing_key(bytes(32))
SIGNATURE = KEY.sign(bytes(32), 0)

NON_CANONICAL: dict[str, Refused] = {
    "node left": lambda: SUITE.node(MODULUS, bytes(32)),
    "node right": lambda: SUITE.node(bytes(32), ONES),
    "map root": lambda: SUITE.state_root([], [], [MODULUS]),
    "path leaf": lambda: SUITE.root_from_path(MODULUS, 0, bytes(32)),
    "path sibling": lambda: SUITE.root_from_path(bytes(32), 0, bytes(32) + MODULUS),
    "default leaf": lambda: SUITE.tree(1, MODULUS),
    "tree leaf": lambda: SUITE.tree(1, bytes(32)).set(0, MODULUS),
    "commitment": lambda: SUITE.challenge(bytes(32), bytes(32), MODULUS),
    "evaluation point": lambda: SUITE.evaluate(bytes(4), MODULUS),
    "signed digest": lambda: KEY.sign(MODULUS, 0),
    "verified digest": lambda: SUITE.verify(KEY.public_key, MODULUS, 0, SIGNATURE),
    "state": lambda: Bn254.permute(bytes(64) + MODULUS),
}

MALFORMED: dict[str, tuple[str, Refused]] = {
    "node short": ("left: expected 32 bytes, found 31", lambda: SUITE.node(bytes(31), bytes(32))),
    "node long": ("right: expected 32 bytes, found 33", lambda: SUITE.node(bytes(32), bytes(33))),
    "leaf key": ("key: expected 32 bytes, found 0", lambda: SUITE.leaf(0, [], [b""])),
    "map index": ("map index: expected 0 to", lambda: SUITE.leaf(2**32, [], [])),
    "negative map index": ("map index: expected an integer", lambda: SUITE.leaf(-1, [], [])),
    "no words": ("expected 1 or 2 words, found 0", lambda: SUITE.leaf(0, [TypedInt(0, 0)], [])),
    "three words": ("expected 1 or 2 words, found 3", lambda: SUITE.leaf(0, [TypedInt(0, 3)], [])),
    "word overflow": (
        "expected one word of 32 bits, found 4294967296",
        lambda: SUITE.leaf(0, [TypedInt(2**32, 1)], []),
    ),
    "two words overflow": ("expected an integer from 0", lambda: SUITE.leaf(0, [TypedInt(2**64, 2)], [])),
    "negative": ("expected an integer from 0", lambda: SUITE.state_root([TypedInt(-1, 1)], [], [])),
    "key cell": ("key cell: expected 32 bytes, found 31", lambda: SUITE.state_root([], [bytes(31)], [])),
    "siblings": (
        "expected a multiple of 32 bytes, found 33",
        lambda: SUITE.root_from_path(bytes(32), 0, bytes(33)),
    ),
    "no siblings": ("depth: expected 1 to 32, found 0", lambda: SUITE.root_from_path(bytes(32), 0, b"")),
    "33 siblings": (
        "depth: expected 1 to 32, found 33",
        lambda: SUITE.root_from_path(bytes(32), 0, bytes(33 * 32)),
    ),
    "path index": (
        "index: expected 0 to 2^1 - 1, found 2",
        lambda: SUITE.root_from_path(bytes(32), 2, bytes(32)),
    ),
    "depth 0": ("depth: expected 1 to 32, found 0", lambda: SUITE.tree(0, bytes(32))),
    "depth 33": ("depth: expected 1 to 32, found 33", lambda: SUITE.tree(33, bytes(32))),
    "tree index": ("index: expected 0 to", lambda: SUITE.tree(4, bytes(32)).set(16, bytes(32))),
    "siblings index": ("index: expected 0 to", lambda: SUITE.tree(4, bytes(32)).siblings(16)),
    "negative tree index": ("index: expected an integer", lambda: SUITE.tree(4, bytes(32)).siblings(-1)),
    "domain": ("domain: expected 32 bytes, found 31", lambda: SUITE.tx_digest(bytes(31), b"")),
    "words": ("words: expected a multiple of 4 bytes, found 5", lambda: SUITE.tx_digest(bytes(32), bytes(5))),
    "journal": ("journal: expected a multiple of 4 bytes, found 3", lambda: SUITE.commit(bytes(3))),
    "evaluated": ("journal: expected a multiple of 4", lambda: SUITE.evaluate(bytes(2), bytes(32))),
    "challenge domain": ("domain: expected 32", lambda: SUITE.challenge(b"", bytes(32), bytes(32))),
    "claim": ("claim: expected 32", lambda: SUITE.challenge(bytes(32), bytes(33), bytes(32))),
    "nonce": ("nonce: expected an integer from 0 to 2^64 - 1", lambda: KEY.sign(bytes(32), 2**64)),
    "negative nonce": (
        "nonce: expected an integer",
        lambda: SUITE.verify(KEY.public_key, bytes(32), -1, SIGNATURE),
    ),
    "public key": (
        "public key: expected 32 bytes",
        lambda: SUITE.verify(bytes(31), bytes(32), 0, SIGNATURE),
    ),
    "seed": ("seed: expected 32 bytes, found 31", lambda: SUITE.signing_key(bytes(31))),
    "secret": ("secret: expected 64 bytes, found 32", lambda: Bn254SigningKey(bytes(32), bytes(64))),
    "prefix": ("prefix: expected 64 bytes, found 65", lambda: Bn254SigningKey(bytes(64), bytes(65))),
    "zero secret": ("not 0 modulo l", lambda: Bn254SigningKey(bytes(64), bytes(64))),
    "secret l": ("not 0 modulo l", lambda: Bn254SigningKey(ref.L.to_bytes(64, "big"), bytes(64))),
    "permutation": ("expected 3 elements, found 2", lambda: Bn254.permute(bytes(64))),
}


@pytest.mark.parametrize("name", NON_CANONICAL)
def test_non_canonical_is_refused(name: str) -> None:
    with pytest.raises(NonCanonicalError, match="below the field's order, found 0x"):
        NON_CANONICAL[name]()


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call()
    assert message in str(caught.value)


def test_greatest_element_is_accepted() -> None:
    top = ref.to_bytes(ref.R - 1)
    assert SUITE.node(top, top) == ref.node(top, top)


@cheap
@given(st.binary(max_size=200), st.binary(max_size=40), st.binary(max_size=40))
def test_arbitrary_bytes_never_do_worse_than_a_suite_error(data: bytes, first: bytes, second: bytes) -> None:
    calls: list[Refused] = [
        lambda: SUITE.verify(first, second, 0, data),
        lambda: SUITE.node(first, second),
        lambda: SUITE.root_from_path(first, 0, data),
        lambda: SUITE.evaluate(data, first),
        lambda: SUITE.tx_digest(first, data),
        lambda: SUITE.challenge(first, second, data),
    ]
    for call in calls:
        with suppress(SuiteError):
            call()
