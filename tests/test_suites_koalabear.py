"""The suite ``koalabear``: native against reference on random inputs, refusals, and one-time keys."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import log2
from pathlib import Path
from random import Random
from statistics import median

import pytest
import reference_koalabear as ref
from hypothesis import given, settings
from hypothesis import strategies as st
from multiprover_native import KoalaBear, KoalaBearSigningKey

from multiprover import suites
from multiprover.suites import (
    InvalidSignatureError,
    KeyExhaustedError,
    NonCanonicalError,
    OneTimeKeyReuseError,
    SuiteError,
    TypedInt,
    Wallet,
    verify_all,
)
from multiprover.suites import koalabear as module

SUITE = suites.get("koalabear")
ONES = b"\xff" * 32
ALIASES = [ref.to_bytes([ref.P if i == place else 0 for i in range(8)]) for place in range(8)]
"""Eight second encodings of the digest of zeros."""
DOCS = " ".join((Path(__file__).parents[1] / "docs" / "suites.md").read_text(encoding="utf-8").split())
LAST = ref.to_bytes([0] * 7 + [1])

numbers = st.one_of(
    st.integers(0, ref.P - 1), st.sampled_from([0, 1, 2**16 - 1, 2**16, 2**24 - 1, 2**24, ref.P - 1])
)
digests = st.tuples(*[numbers] * 8).map(ref.to_bytes)
points = st.tuples(*[numbers] * 5).map(ref.extended)
words32 = st.binary(min_size=32, max_size=32)
journals = st.integers(0, 40).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
typed = st.integers(1, 2).flatmap(
    lambda n: st.builds(TypedInt, st.integers(0, 2 ** (32 * n) - 1), st.just(n))
)
records = st.lists(typed, max_size=12)

cheap = settings(max_examples=60, deadline=None)
costly = settings(max_examples=8, deadline=None)


@cheap
@given(st.lists(numbers, min_size=16, max_size=16))
def test_permutation(state: list[int]) -> None:
    assert KoalaBear.permute(ref.to_bytes(state)) == ref.to_bytes(ref.permute(tuple(state)))


@cheap
@given(st.integers(0, 2**26 - 1), records, st.lists(words32, max_size=3))
def test_leaf(map_index: int, ints: list[TypedInt], keys: list[bytes]) -> None:
    assert SUITE.leaf(map_index, ints, keys) == ref.leaf(map_index, ints, keys)


@cheap
@given(records, st.lists(words32, max_size=3), st.lists(digests, max_size=4))
def test_state_root(cells: list[TypedInt], key_cells: list[bytes], roots: list[bytes]) -> None:
    assert SUITE.state_root(cells, key_cells, roots) == ref.state_root(cells, key_cells, roots)


@cheap
@given(words32, journals)
def test_tx_digest(domain: bytes, words: bytes) -> None:
    assert SUITE.tx_digest(domain, words) == ref.tx_digest(domain, words)


@cheap
@given(words32, words32, journals, points)
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
@given(digests, st.integers(1, 32), st.data())
def test_root_from_path(leaf: bytes, depth: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, 2**depth - 1))
    siblings = b"".join(data.draw(st.lists(digests, min_size=depth, max_size=depth)))
    assert SUITE.root_from_path(leaf, index, siblings) == ref.root_from_path(leaf, index, siblings)


def test_a_journal_is_not_a_longer_one_that_ends_with_zeros() -> None:
    """Only the length in the hash tells them apart; the evaluation cannot."""
    z = SUITE.challenge(bytes(32), bytes(32), bytes(32))
    assert SUITE.evaluate(bytes(28), z) == SUITE.evaluate(bytes(32), z)
    assert len({SUITE.commit(bytes(4 * words)) for words in range(20)}) == 20


def test_a_word_is_not_its_residue() -> None:
    """What half-words are for: a word and the same plus ``p`` would be one element."""
    z = ref.extended([2, 3, 5, 7, 11])
    first, second = (value.to_bytes(4, "big") for value in (5, 5 + ref.P))
    assert SUITE.evaluate(first, z) != SUITE.evaluate(second, z)
    assert SUITE.commit(first) != SUITE.commit(second)
    assert SUITE.leaf(0, [TypedInt(5, 1)], []) != SUITE.leaf(0, [TypedInt(5 + ref.P, 1)], [])


# Signatures


@costly
@given(words32, st.integers(0, 2), digests, st.data())
def test_sign_is_the_references(seed: bytes, height: int, digest: bytes, data: st.DataObject) -> None:
    nonce = data.draw(st.integers(0, 2**height - 1))
    key, reference = SUITE.signing_key(seed, height), ref.key_from_seed(seed, height)
    assert key.public_key == reference.public_key
    signature = key.sign(digest, nonce)
    assert signature == ref.sign(reference, digest, nonce)
    SUITE.verify(key.public_key, digest, nonce, signature)


def decision(pk: bytes, digest: bytes, nonce: int, signature: bytes) -> bool:
    try:
        SUITE.verify(pk, digest, nonce, signature)
    except InvalidSignatureError:
        return False
    return True


KEY = SUITE.signing_key(bytes(32), 3)
SIGNATURE = KEY.sign(bytes(32), 5)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 8 * 2588 - 1))
def test_no_bit_of_a_signature_is_free(bit: int) -> None:
    signature = bytearray(SIGNATURE)
    signature[bit // 8] ^= 1 << bit % 8
    assert decision(KEY.public_key, bytes(32), 5, SIGNATURE)
    assert not decision(KEY.public_key, bytes(32), 5, bytes(signature))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 79), digests)
def test_verify_decides_as_the_reference_on_any_part(place: int, part: bytes) -> None:
    signature = SIGNATURE[: 28 + 32 * place] + part + SIGNATURE[60 + 32 * place :]
    expected = ref.refusal(KEY.public_key, bytes(32), 5, signature) is None
    assert decision(KEY.public_key, bytes(32), 5, signature) == expected


def test_every_one_time_key_signs_and_only_for_its_nonce() -> None:
    key = SUITE.signing_key(b"\x05" * 32, 3)
    signatures = [key.sign(bytes(32), nonce) for nonce in range(8)]
    for made, signature in enumerate(signatures):
        assert [decision(key.public_key, bytes(32), nonce, signature) for nonce in range(8)] == [
            nonce == made for nonce in range(8)
        ]


def test_every_path_has_sixteen_siblings_whatever_the_height() -> None:
    key = SUITE.signing_key(bytes(32), 9)
    signature = key.sign(bytes(32), 2**9 - 1)
    assert len(signature) == ref.SIGNATURE_BYTES == 28 + 32 * (64 + 16)
    SUITE.verify(key.public_key, bytes(32), 2**9 - 1, signature)


def test_first_rho_is_not_to_be_foreseen() -> None:
    """All of it depends on the seed, the digest and the nonce."""
    first, second = (SUITE.signing_key(seed, 1) for seed in (bytes(32), ONES))
    again = SUITE.signing_key(bytes(32), 1)
    signatures = [key.sign(bytes(32), nonce) for key in (first, second) for nonce in (0, 1)]
    signatures.append(again.sign(LAST, 0))
    elements = [element for signature in signatures for element in ref.words(signature[:28], 4)]
    assert len({0, *elements}) == 1 + 5 * 7


def test_a_second_digest_for_a_nonce_is_refused() -> None:
    key = SUITE.signing_key(bytes(32), 1)
    first = key.sign(bytes(32), 0)
    with pytest.raises(
        OneTimeKeyReuseError, match="found 0, whose one-time key signed another digest; send that"
    ):
        key.sign(LAST, 0)
    assert key.sign(bytes(32), 0) == first
    key.sign(LAST, 1)


def test_a_digest_that_could_change_afterwards_is_refused() -> None:
    key = SUITE.signing_key(bytes(32), 0)
    with pytest.raises(TypeError):
        key.sign(bytearray(32), 0)  # type: ignore[arg-type]


def test_what_was_refused_uses_no_one_time_key() -> None:
    key = SUITE.signing_key(bytes(32), 0)
    with pytest.raises(NonCanonicalError):
        key.sign(ONES, 0)
    with pytest.raises(KeyExhaustedError):
        key.sign(bytes(32), 1)
    key.sign(LAST, 0)


def test_of_many_threads_one_digest_is_signed() -> None:
    key = SUITE.signing_key(bytes(32), 0)  # made by whichever comes first

    def attempt(number: int) -> bytes | None:
        try:
            return key.sign(ref.to_bytes([number] + [0] * 7), 0)
        except OneTimeKeyReuseError:
            return None

    with ThreadPoolExecutor(8) as pool:
        signatures = [signature for signature in pool.map(attempt, range(40)) if signature]
    assert len(signatures) == 1


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda key: pickle.loads(pickle.dumps(key))])  # noqa: S301
def test_a_key_that_may_have_signed_is_not_duplicated(duplicate: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        duplicate(KEY)


@pytest.mark.parametrize("height", [0, 3])
def test_an_exhausted_key_says_what_to_do(height: int) -> None:
    key = SUITE.signing_key(bytes(32), height)
    key.sign(bytes(32), 2**height - 1)
    for nonce in (2**height, 2**16, 2**32, 2**64 - 1):
        with pytest.raises(
            KeyExhaustedError, match=rf"0 to 2\^{height} - 1.*found {nonce}; change the account's key"
        ):
            key.sign(bytes(32), nonce)


def test_keys_of_different_height_share_no_part_of_a_signature() -> None:
    """Both sign nonce 0 of one seed, with different words: a shared chain would show two."""
    first, second = (SUITE.signing_key(bytes(32), height).sign(bytes(32), 0) for height in (1, 2))
    parts = [{signature[i : i + 32] for i in range(28, 28 + 32 * 64, 32)} for signature in (first, second)]
    assert len(parts[0] | parts[1]) == 128


def test_progress_is_reported_and_stops_the_making() -> None:
    seen: list[tuple[int, int]] = []
    key = module.KoalaBear().signing_key(bytes(32), 9, lambda made, total: seen.append((made, total)))
    assert seen == []
    assert key.public_key == SUITE.signing_key(bytes(32), 9).public_key
    assert seen == [(256, 512), (512, 512)]

    def stop(made: int, total: int) -> None:
        raise InterruptedError(f"{made} of {total}")

    stopped = module.KoalaBear().signing_key(bytes(32), 9, stop)
    with pytest.raises(InterruptedError, match="256 of 512"):
        _ = stopped.public_key


def test_wallet_height() -> None:
    wallet = Wallet.from_seed(bytes(32), ["bn254", "koalabear"], height=2)
    assert wallet.public_key.part("koalabear") == SUITE.signing_key(bytes(32), 2).public_key
    signatures = wallet.sign(bytes(32), bytes(8), 3)
    assert [len(signature) for signature in signatures] == [160, 2588]
    verify_all(
        wallet.public_key, wallet.suites, domain=bytes(32), words=bytes(8), nonce=3, signatures=signatures
    )
    with pytest.raises(OneTimeKeyReuseError):
        wallet.sign(bytes(32), bytes(4), 3)
    with pytest.raises(KeyExhaustedError):
        wallet.sign(bytes(32), bytes(4), 4)
    with pytest.raises(SuiteError, match="height: expected 0 to 16, found 17"):
        Wallet.from_seed(bytes(32), ["koalabear"], height=17)


def test_wallet_key_is_pinned() -> None:
    """The default wallet; a change here loses every account."""
    part = Wallet.from_seed(bytes(32), ["koalabear"]).public_key.part("koalabear")
    assert part.hex() == "2682bd85071afd291cfffc1863b6372d5752679e70f7ffb769886b473f9964ea"


def ways(floors: Sequence[int], total: int = 120) -> int:
    """Words with every digit at or above its floor."""
    counts = [1] + [0] * total
    for floor in floors:
        counts = [
            sum(counts[at - digit] for digit in range(floor, 4) if digit <= at) for at in range(total + 1)
        ]
    return counts[total]


def test_figures_of_the_security_argument() -> None:
    """Those of the module's and the specification's text, from the number of words."""
    entropy = 32 - log2(3)
    """Of a word reduced: a number below 2^32 - 2p has three words."""
    assert 2 * ref.P < 2**32 < 3 * ref.P
    tries = 4**64 / ways([0] * 64)
    figures = {
        "There are 2^{:.2f} such words": log2(ways([0] * 64)),
        "One ``ρ`` in {:.0f}": tries,
        "digests of {:.1f} bits": 8 * log2(ref.P),
        "secrets of {:.1f} bits": 8 * entropy,
        "with {:.1f} bits of entropy": 7 * entropy,
        # Of the values of ρ, as many as it takes to a word lead to the one of the pair.
        "comes to use with probability 2^{:.0f}": log2(tries) - 7 * entropy,
        "which is 2^{:.0f} for T": 8 * entropy - 56,
        "and 2^{:.0f} for Grover": (8 * entropy - 56) / 2 - 0.5,
        "collisions: 2^{:.2f} hashes": 4 * log2(ref.P),
    }
    text = " ".join((module.__doc__ or "").split())
    for figure, value in figures.items():
        assert figure.format(value) in text
    in_docs = {
        "hit once in {:.0f} tries": tries,
        "with probability 2^{:.0f}, by": log2(tries) - 7 * entropy,
        "2^{:.0f} / T hashes": 8 * entropy,
        "in two ways 2^{:.1f} / T": 8 * log2(ref.P),
        "collisions, 2^{:.2f} hashes": 4 * log2(ref.P),
    }
    for figure, value in in_docs.items():
        assert figure.format(value) in DOCS


def test_figures_of_a_repeated_nonce() -> None:
    """The median of drawn pairs and triples of words."""
    rest = [[0] * 121 for _ in range(65)]
    """Words of so many digits with so great a sum."""
    rest[0][0] = 1
    for digits in range(1, 65):
        rest[digits] = [sum(rest[digits - 1][at - d] for d in range(4) if d <= at) for at in range(121)]
    draw = Random(1)  # noqa: S311

    def word() -> list[int]:
        left, made = 120, []
        for digits in reversed(range(64)):
            choices = range(min(4, left + 1))
            made += draw.choices(choices, [rest[digits][left - digit] for digit in choices])
            left -= made[-1]
        return made

    assert sum(word()) == 120
    text = " ".join((module.__doc__ or "").split())
    for signatures, figure, in_docs in (
        (2, "message in 2^{:.0f} has", "one message in 2^{:.0f} can"),
        (3, "After a third, 2^{:.0f}.", "after a third 2^{:.0f}."),
    ):
        floors = [map(min, *(word() for _ in range(signatures))) for _ in range(401)]
        tries = median(128 - log2(ways(list(floor))) for floor in floors)
        assert figure.format(tries) in text
        assert in_docs.format(tries) in DOCS


# Trees


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda depth: st.tuples(
            st.just(depth), st.lists(st.tuples(st.integers(0, 2**depth - 1), digests), max_size=10)
        )
    ),
    digests,
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
    default, leaf = ref.to_bytes([1] * 8), ref.to_bytes([2] * 8)
    tree = SUITE.tree(depth, default)
    empty = tree.root
    for index in (0, 2**depth - 1):
        tree.set(index, leaf)
        assert SUITE.root_from_path(leaf, index, tree.siblings(index)) == tree.root != empty
    tree.set_many([(0, default), (2**depth - 1, default)])
    assert tree.root == empty


def test_tree_later_leaf_counts_and_nothing_changes_on_error() -> None:
    leaf, other = ref.to_bytes([7] * 8), ref.to_bytes([5] * 8)
    tree, expected = SUITE.tree(3, bytes(32)), SUITE.tree(3, bytes(32))
    tree.set_many([(2, leaf), (2, other)])
    expected.set(2, other)
    assert tree.root == expected.root
    with pytest.raises(SuiteError, match="index"):
        tree.set_many([(0, leaf), (8, leaf)])
    with pytest.raises(NonCanonicalError, match="leaf"):
        tree.set_many([(0, leaf), (1, ALIASES[0])])
    tree.set_many([])
    assert tree.root == expected.root


def test_tree_is_safe_between_threads() -> None:
    tree, expected = SUITE.tree(12, bytes(32)), SUITE.tree(12, bytes(32))
    leaves = [(index, ref.to_bytes([index + 1] * 8)) for index in range(400)]

    def write_and_read(leaf: tuple[int, bytes]) -> bytes:
        tree.set(*leaf)
        return tree.siblings(leaf[0]) + tree.root

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_and_read, leaves))
    expected.set_many(leaves)
    assert tree.root == expected.root


# Refusals

Refused = Callable[[], object]

NON_CANONICAL: dict[str, Callable[[bytes], object]] = {
    "node left": lambda alias: SUITE.node(alias, bytes(32)),
    "node right": lambda alias: SUITE.node(bytes(32), alias),
    "map root": lambda alias: SUITE.state_root([], [], [alias]),
    "path leaf": lambda alias: SUITE.root_from_path(alias, 0, bytes(32)),
    "path sibling": lambda alias: SUITE.root_from_path(bytes(32), 0, bytes(32) + alias),
    "default leaf": lambda alias: SUITE.tree(1, alias),
    "tree leaf": lambda alias: SUITE.tree(1, bytes(32)).set(0, alias),
    "commitment": lambda alias: SUITE.challenge(bytes(32), bytes(32), alias),
    "evaluation point": lambda alias: SUITE.evaluate(bytes(4), alias),
    "signed digest": lambda alias: KEY.sign(alias, 0),
    "verified digest": lambda alias: SUITE.verify(KEY.public_key, alias, 5, SIGNATURE),
    "state": lambda alias: KoalaBear.permute(bytes(32) + alias),
}

MALFORMED: dict[str, tuple[str, Refused]] = {
    "node short": ("left: expected 32 bytes, found 31", lambda: SUITE.node(bytes(31), bytes(32))),
    "node long": ("right: expected 32 bytes, found 33", lambda: SUITE.node(bytes(32), bytes(33))),
    "leaf key": ("key: expected 32 bytes, found 0", lambda: SUITE.leaf(0, [], [b""])),
    "map index": ("map index: expected 0 to 2^26 - 1, found 67108864", lambda: SUITE.leaf(2**26, [], [])),
    "negative map index": ("map index: expected an integer", lambda: SUITE.leaf(-1, [], [])),
    "three words": ("expected 1 or 2 words, found 3", lambda: SUITE.leaf(0, [TypedInt(0, 3)], [])),
    "word overflow": (
        "expected one word of 32 bits, found 4294967296",
        lambda: SUITE.leaf(0, [TypedInt(2**32, 1)], []),
    ),
    "two words overflow": ("expected an integer from 0", lambda: SUITE.leaf(0, [TypedInt(2**64, 2)], [])),
    "key cell": ("key cell: expected 32 bytes, found 31", lambda: SUITE.state_root([], [bytes(31)], [])),
    "siblings": (
        "expected a multiple of 32 bytes, found 33",
        lambda: SUITE.root_from_path(bytes(32), 0, bytes(33)),
    ),
    "no siblings": ("depth: expected 1 to 32, found 0", lambda: SUITE.root_from_path(bytes(32), 0, b"")),
    "path index": (
        "index: expected 0 to 2^1 - 1, found 2",
        lambda: SUITE.root_from_path(bytes(32), 2, bytes(32)),
    ),
    "depth 33": ("depth: expected 1 to 32, found 33", lambda: SUITE.tree(33, bytes(32))),
    "tree index": ("index: expected 0 to", lambda: SUITE.tree(4, bytes(32)).set(16, bytes(32))),
    "siblings index": ("index: expected 0 to", lambda: SUITE.tree(4, bytes(32)).siblings(16)),
    "domain": ("domain: expected 32 bytes, found 31", lambda: SUITE.tx_digest(bytes(31), b"")),
    "words": ("words: expected a multiple of 4 bytes, found 5", lambda: SUITE.tx_digest(bytes(32), bytes(5))),
    "journal": ("journal: expected a multiple of 4 bytes, found 3", lambda: SUITE.commit(bytes(3))),
    "evaluated": ("journal: expected a multiple of 4", lambda: SUITE.evaluate(bytes(2), bytes(32))),
    "point past five elements": (
        "five KoalaBear elements below the field's order and 12 zero bytes",
        lambda: SUITE.evaluate(bytes(4), LAST),
    ),
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
    "height": ("height: expected 0 to 16, found 17", lambda: SUITE.signing_key(bytes(32), 17)),
    "negative height": ("height: expected 0 to 16, found -1", lambda: SUITE.signing_key(bytes(32), -1)),
    "native height": (
        "height: expected 0 to 16, found 17",
        lambda: KoalaBearSigningKey(bytes(64), bytes(64), 17),
    ),
    "chains": (
        "chains: expected 64 bytes, found 32",
        lambda: KoalaBearSigningKey(bytes(32), bytes(64), 0),
    ),
    "randomizer": (
        "randomizer: expected 64 bytes, found 65",
        lambda: KoalaBearSigningKey(bytes(64), bytes(65), 0),
    ),
    "permutation": ("expected 16 elements, found 8", lambda: KoalaBear.permute(bytes(32))),
}


@pytest.mark.parametrize("alias", [*ALIASES, ONES], ids=[*map(str, range(8)), "ones"])
@pytest.mark.parametrize("name", NON_CANONICAL)
def test_non_canonical_is_refused(name: str, alias: bytes) -> None:
    with pytest.raises(NonCanonicalError, match="below the field's order"):
        NON_CANONICAL[name](alias)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize("alias", ALIASES)
def test_a_key_part_means_its_residue(alias: bytes) -> None:
    assert SUITE.leaf(0, [], [alias]) == SUITE.leaf(0, [], [bytes(32)])


def test_greatest_digest_is_accepted() -> None:
    top = ref.to_bytes([ref.P - 1] * 8)
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
