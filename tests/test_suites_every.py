"""What holds of every suite alike: native against reference on random inputs, trees, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from suite_cases import CASES, ONES, Case, journals, records, words32

from multiprover.suites import NonCanonicalError, SuiteError, TypedInt

cheap = settings(max_examples=60, deadline=None)
every = pytest.mark.parametrize("case", CASES, ids=str)


@every
@cheap
@given(st.data(), records, st.lists(words32, max_size=3))
def test_leaf(case: Case, data: st.DataObject, ints: list[TypedInt], keys: list[bytes]) -> None:
    map_index = data.draw(st.integers(0, case.most_map))
    assert case.suite.leaf(map_index, ints, keys) == case.ref.leaf(map_index, ints, keys)


@every
@cheap
@given(st.data(), records, st.lists(words32, max_size=3))
def test_state_root(case: Case, data: st.DataObject, cells: list[TypedInt], key_cells: list[bytes]) -> None:
    roots = data.draw(st.lists(case.digests, max_size=4))
    assert case.suite.state_root(cells, key_cells, roots) == case.ref.state_root(cells, key_cells, roots)


@every
@cheap
@given(words32, journals)
def test_tx_digest(case: Case, domain: bytes, words: bytes) -> None:
    assert case.suite.tx_digest(domain, words) == case.ref.tx_digest(domain, words)


@every
@cheap
@given(st.data(), words32, words32, journals)
def test_binding(case: Case, data: st.DataObject, domain: bytes, claim: bytes, journal: bytes) -> None:
    suite, ref, z = case.suite, case.ref, data.draw(case.points)
    commitment = suite.commit(journal)
    assert commitment == ref.commit(journal)
    assert suite.challenge(domain, claim, commitment) == ref.challenge(domain, claim, commitment)
    assert suite.evaluate(journal, z) == ref.evaluate(journal, z)


@every
@cheap
@given(journals.filter(bool), st.data())
def test_binding_sees_every_bit(case: Case, journal: bytes, data: st.DataObject) -> None:
    suite = case.suite
    bit = data.draw(st.integers(0, 8 * len(journal) - 1))
    other = bytearray(journal)
    other[bit // 8] ^= 1 << bit % 8
    assert suite.commit(bytes(other)) != suite.commit(journal)
    z = suite.challenge(bytes(32), bytes(32), suite.commit(journal))
    assert suite.evaluate(bytes(other), z) != suite.evaluate(journal, z)


@every
@cheap
@given(st.integers(1, 32), st.data())
def test_root_from_path(case: Case, depth: int, data: st.DataObject) -> None:
    leaf, index = data.draw(case.digests), data.draw(st.integers(0, 2**depth - 1))
    siblings = b"".join(data.draw(st.lists(case.digests, min_size=depth, max_size=depth)))
    expected = case.ref.root_from_path(leaf, index, siblings)
    assert case.suite.root_from_path(leaf, index, siblings) == expected


@every
def test_greatest_digest_is_accepted(case: Case) -> None:
    top = case.digest(case.order - 1)
    assert case.suite.node(top, top) == case.ref.node(top, top)


# Trees


@every
@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.data())
def test_tree_is_its_definition(case: Case, depth: int, data: st.DataObject) -> None:
    leaves = data.draw(st.lists(st.tuples(st.integers(0, 2**depth - 1), case.digests), max_size=10))
    default = data.draw(case.digests)
    one_by_one, together = case.suite.tree(depth, default), case.suite.tree(depth, default)
    for index, leaf in leaves:
        one_by_one.set(index, leaf)
    together.set_many(leaves)
    expected = case.ref.tree_root(depth, default, dict(leaves))
    assert one_by_one.root == together.root == expected
    for index in range(2**depth):
        leaf = dict(leaves).get(index, default)
        assert case.suite.root_from_path(leaf, index, together.siblings(index)) == expected


@every
@pytest.mark.parametrize("depth", [1, 20, 32])
def test_tree_at_its_ends(case: Case, depth: int) -> None:
    default, leaf = case.digest(1), case.digest(2)
    tree = case.suite.tree(depth, default)
    empty = tree.root
    for index in (0, 2**depth - 1):
        tree.set(index, leaf)
        assert case.suite.root_from_path(leaf, index, tree.siblings(index)) == tree.root != empty
    tree.set_many([(0, default), (2**depth - 1, default)])
    assert tree.root == empty


@every
def test_tree_later_leaf_counts_and_nothing_changes_on_error(case: Case) -> None:
    leaf, other = case.digest(7), case.digest(5)
    tree, expected = case.suite.tree(3, bytes(32)), case.suite.tree(3, bytes(32))
    tree.set_many([(2, leaf), (2, other)])
    expected.set(2, other)
    assert tree.root == expected.root
    with pytest.raises(SuiteError, match="index"):
        tree.set_many([(0, leaf), (8, leaf)])
    with pytest.raises(NonCanonicalError, match="leaf"):
        tree.set_many([(0, leaf), (1, case.aliases[0])])
    tree.set_many([])
    assert tree.root == expected.root


@every
def test_tree_is_safe_between_threads(case: Case) -> None:
    tree, expected = case.suite.tree(12, bytes(32)), case.suite.tree(12, bytes(32))
    leaves = [(index, case.digest(index + 1)) for index in range(400)]

    def write_and_read(leaf: tuple[int, bytes]) -> bytes:
        tree.set(*leaf)
        return bytes(tree.siblings(leaf[0]) + tree.root)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_and_read, leaves))
    expected.set_many(leaves)
    assert tree.root == expected.root


# Refusals

NON_CANONICAL: dict[str, Callable[[Case, bytes], object]] = {
    "node left": lambda case, alias: case.suite.node(alias, bytes(32)),
    "node right": lambda case, alias: case.suite.node(bytes(32), alias),
    "map root": lambda case, alias: case.suite.state_root([], [], [alias]),
    "path leaf": lambda case, alias: case.suite.root_from_path(alias, 0, bytes(32)),
    "path sibling": lambda case, alias: case.suite.root_from_path(bytes(32), 0, bytes(32) + alias),
    "default leaf": lambda case, alias: case.suite.tree(1, alias),
    "tree leaf": lambda case, alias: case.suite.tree(1, bytes(32)).set(0, alias),
    "commitment": lambda case, alias: case.suite.challenge(bytes(32), bytes(32), alias),
    "evaluation point": lambda case, alias: case.suite.evaluate(bytes(4), alias),
    "signed digest": lambda case, alias: case.key.sign(alias, 0),
    "verified digest": lambda case, alias: case.suite.verify(case.key.public_key, alias, 5, case.signature),
}

MALFORMED: dict[str, tuple[str, Callable[[Case], object]]] = {
    "node short": ("left: expected 32 bytes, found 31", lambda case: case.suite.node(bytes(31), bytes(32))),
    "node long": ("right: expected 32 bytes, found 33", lambda case: case.suite.node(bytes(32), bytes(33))),
    "leaf key": ("key: expected 32 bytes, found 0", lambda case: case.suite.leaf(0, [], [b""])),
    "map index": ("map index: expected 0 to", lambda case: case.suite.leaf(2**32, [], [])),
    "negative map index": ("map index: expected an integer", lambda case: case.suite.leaf(-1, [], [])),
    "no words": ("expected 1 or 2 words, found 0", lambda case: case.suite.leaf(0, [TypedInt(0, 0)], [])),
    "three words": ("expected 1 or 2 words, found 3", lambda case: case.suite.leaf(0, [TypedInt(0, 3)], [])),
    "word overflow": (
        "expected one word of 32 bits, found 4294967296",
        lambda case: case.suite.leaf(0, [TypedInt(2**32, 1)], []),
    ),
    "two words overflow": (
        "expected an integer from 0",
        lambda case: case.suite.leaf(0, [TypedInt(2**64, 2)], []),
    ),
    "negative": ("expected an integer from 0", lambda case: case.suite.state_root([TypedInt(-1, 1)], [], [])),
    "key cell": (
        "key cell: expected 32 bytes, found 31",
        lambda case: case.suite.state_root([], [bytes(31)], []),
    ),
    "siblings": (
        "expected a multiple of 32 bytes, found 33",
        lambda case: case.suite.root_from_path(bytes(32), 0, bytes(33)),
    ),
    "no siblings": (
        "depth: expected 1 to 32, found 0",
        lambda case: case.suite.root_from_path(bytes(32), 0, b""),
    ),
    "33 siblings": (
        "depth: expected 1 to 32, found 33",
        lambda case: case.suite.root_from_path(bytes(32), 0, bytes(33 * 32)),
    ),
    "path index": (
        "index: expected 0 to 2^1 - 1, found 2",
        lambda case: case.suite.root_from_path(bytes(32), 2, bytes(32)),
    ),
    "depth 0": ("depth: expected 1 to 32, found 0", lambda case: case.suite.tree(0, bytes(32))),
    "depth 33": ("depth: expected 1 to 32, found 33", lambda case: case.suite.tree(33, bytes(32))),
    "tree index": (
        "index: expected 0 to",
        lambda case: case.suite.tree(4, bytes(32)).set(16, bytes(32)),
    ),
    "siblings index": ("index: expected 0 to", lambda case: case.suite.tree(4, bytes(32)).siblings(16)),
    "negative tree index": (
        "index: expected an integer",
        lambda case: case.suite.tree(4, bytes(32)).siblings(-1),
    ),
    "domain": ("domain: expected 32 bytes, found 31", lambda case: case.suite.tx_digest(bytes(31), b"")),
    "words": (
        "words: expected a multiple of 4 bytes, found 5",
        lambda case: case.suite.tx_digest(bytes(32), bytes(5)),
    ),
    "journal": ("journal: expected a multiple of 4 bytes, found 3", lambda case: case.suite.commit(bytes(3))),
    "evaluated": ("journal: expected a multiple of 4", lambda case: case.suite.evaluate(bytes(2), bytes(32))),
    "challenge domain": (
        "domain: expected 32",
        lambda case: case.suite.challenge(b"", bytes(32), bytes(32)),
    ),
    "claim": ("claim: expected 32", lambda case: case.suite.challenge(bytes(32), bytes(33), bytes(32))),
    "nonce": ("nonce: expected an integer from 0 to 2^64 - 1", lambda case: case.key.sign(bytes(32), 2**64)),
    "negative nonce": (
        "nonce: expected an integer",
        lambda case: case.suite.verify(case.key.public_key, bytes(32), -1, case.signature),
    ),
    "public key": (
        "public key: expected 32 bytes",
        lambda case: case.suite.verify(bytes(31), bytes(32), 0, case.signature),
    ),
    "seed": ("seed: expected 32 bytes, found 31", lambda case: case.suite.signing_key(bytes(31))),
}


@every
@pytest.mark.parametrize("name", NON_CANONICAL)
def test_non_canonical_is_refused(case: Case, name: str) -> None:
    for alias in (*case.aliases, ONES):
        with pytest.raises(NonCanonicalError, match=r"below the field's order.*, found 0x"):
            NON_CANONICAL[name](case, alias)


@every
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(case: Case, name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call(case)
    assert message in str(caught.value)


@every
def test_a_key_part_means_its_residue(case: Case) -> None:
    for alias in case.aliases:
        assert case.suite.leaf(0, [], [alias]) == case.suite.leaf(0, [], [bytes(32)])


@every
@cheap
@given(st.binary(max_size=200), st.binary(max_size=40), st.binary(max_size=40))
def test_arbitrary_bytes_never_do_worse_than_a_suite_error(
    case: Case, data: bytes, first: bytes, second: bytes
) -> None:
    suite = case.suite
    calls: list[Callable[[], object]] = [
        lambda: suite.verify(first, second, 0, data),
        lambda: suite.node(first, second),
        lambda: suite.root_from_path(first, 0, data),
        lambda: suite.evaluate(data, first),
        lambda: suite.tx_digest(first, data),
        lambda: suite.challenge(first, second, data),
    ]
    for call in calls:
        with suppress(SuiteError):
            call()
