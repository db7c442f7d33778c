"""The suite ``koalabear``: native against reference on random inputs, refusals, and one-time keys."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import log2
from pathlib import Path
from random import Random
from statistics import median

import pytest
import reference_koalabear as ref
from hypothesis import given, settings
from hypothesis import strategies as st
from multiprover_native import KoalaBear, KoalaBearSigningKey
from suite_cases import KOALABEAR as CASE
from suite_cases import ONES, words32

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
DOCS = " ".join((Path(__file__).parents[1] / "docs" / "suites.md").read_text(encoding="utf-8").split())
LAST = ref.to_bytes([0] * 7 + [1])

cheap = settings(max_examples=60, deadline=None)
costly = settings(max_examples=8, deadline=None)


@cheap
@given(st.lists(CASE.numbers, min_size=16, max_size=16))
def test_permutation(state: list[int]) -> None:
    assert KoalaBear.permute(ref.to_bytes(state)) == ref.to_bytes(ref.permute(tuple(state)))


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
@given(words32, st.integers(0, 2), CASE.digests, st.data())
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
@given(st.integers(0, 79), CASE.digests)
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


# Refusals

Refused = Callable[[], object]

MALFORMED: dict[str, tuple[str, Refused]] = {
    "map index": ("map index: expected 0 to 2^26 - 1, found 67108864", lambda: SUITE.leaf(2**26, [], [])),
    "point past five elements": (
        "five KoalaBear elements below the field's order and 12 zero bytes",
        lambda: SUITE.evaluate(bytes(4), LAST),
    ),
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


@pytest.mark.parametrize("alias", [*CASE.aliases, ONES], ids=bytes.hex)
def test_a_non_canonical_state_is_refused(alias: bytes) -> None:
    with pytest.raises(NonCanonicalError, match="below the field's order"):
        KoalaBear.permute(bytes(32) + alias)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call()
    assert message in str(caught.value)
