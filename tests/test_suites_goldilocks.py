"""The suite ``goldilocks``: native against reference on random inputs, refusals, and one-time keys."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import comb, log2

import pytest
import reference_goldilocks as ref
from hypothesis import given, settings
from hypothesis import strategies as st
from multiprover_native import Goldilocks, GoldilocksSigningKey
from suite_cases import GOLDILOCKS as CASE
from suite_cases import ONES, words32

from multiprover import suites
from multiprover.suites import (
    InvalidSignatureError,
    KeyExhaustedError,
    NonCanonicalError,
    OneTimeKeyReuseError,
    SuiteError,
    Wallet,
    verify_all,
)
from multiprover.suites import goldilocks as module

SUITE = suites.get("goldilocks")

cheap = settings(max_examples=60, deadline=None)
costly = settings(max_examples=8, deadline=None)


@cheap
@given(st.lists(CASE.numbers, min_size=12, max_size=12))
def test_permutation(state: list[int]) -> None:
    assert Goldilocks.permute(ref.to_bytes(state)) == ref.to_bytes(ref.permute(state))


def test_a_journal_is_not_a_longer_one_that_ends_with_zeros() -> None:
    """Only the length in the hash tells them apart; the evaluation cannot."""
    z = SUITE.challenge(bytes(32), bytes(32), bytes(32))
    assert SUITE.evaluate(bytes(28), z) == SUITE.evaluate(bytes(32), z)
    assert len({SUITE.commit(bytes(4 * words)) for words in range(20)}) == 20


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
@given(st.integers(0, 8 * 4744 - 1))
def test_no_bit_of_a_signature_is_free(bit: int) -> None:
    signature = bytearray(SIGNATURE)
    signature[bit // 8] ^= 1 << bit % 8
    assert decision(KEY.public_key, bytes(32), 5, SIGNATURE)
    assert not decision(KEY.public_key, bytes(32), 5, bytes(signature))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 147), CASE.digests)
def test_verify_decides_as_the_reference_on_any_part(place: int, part: bytes) -> None:
    signature = SIGNATURE[: 8 + 32 * place] + part + SIGNATURE[40 + 32 * place :]
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
    assert len(signature) == ref.SIGNATURE_BYTES == 8 + 32 * (132 + 16)
    SUITE.verify(key.public_key, bytes(32), 2**9 - 1, signature)


def test_first_rho_is_not_to_be_foreseen() -> None:
    """It depends on the seed, the digest and the nonce, and takes no counting from a start that all know."""
    keys = [SUITE.signing_key(seed, 2) for seed in (bytes(32), ONES)]
    cases = [
        (key, digest, nonce) for key in keys for digest, nonce in ((bytes(32), 0), (ref.to_bytes([1] * 4), 1))
    ]
    rhos = [int.from_bytes(key.sign(digest, nonce)[:8], "big") for key, digest, nonce in cases]
    gaps = [abs(a - b) for place, a in enumerate([0, *rhos]) for b in rhos[place:]]
    assert min(gaps) > 2**32


def test_a_second_digest_for_a_nonce_is_refused() -> None:
    key = SUITE.signing_key(bytes(32), 1)
    first = key.sign(bytes(32), 0)
    with pytest.raises(
        OneTimeKeyReuseError, match="found 0, whose one-time key signed another digest; send that"
    ):
        key.sign(ref.to_bytes([0, 0, 0, 1]), 0)
    assert key.sign(bytes(32), 0) == first
    key.sign(ref.to_bytes([0, 0, 0, 1]), 1)


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
    key.sign(ref.to_bytes([1, 0, 0, 0]), 0)


def test_of_many_threads_one_digest_is_signed() -> None:
    key = SUITE.signing_key(bytes(32), 0)  # made by whichever comes first

    def attempt(number: int) -> bytes | None:
        try:
            return key.sign(ref.to_bytes([number, 0, 0, 0]), 0)
        except OneTimeKeyReuseError:
            return None

    with ThreadPoolExecutor(8) as pool:
        signatures = [signature for signature in pool.map(attempt, range(40)) if signature]
    assert len(signatures) == 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda key: pickle.loads(pickle.dumps(key))])  # noqa: S301
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
    parts = [{signature[i : i + 32] for i in range(8, 8 + 32 * 132, 32)} for signature in (first, second)]
    assert len(parts[0] | parts[1]) == 264


def test_progress_is_reported_and_stops_the_making() -> None:
    seen: list[tuple[int, int]] = []
    key = module.Goldilocks().signing_key(bytes(32), 9, lambda made, total: seen.append((made, total)))
    assert seen == []
    assert key.public_key == SUITE.signing_key(bytes(32), 9).public_key
    assert seen == [(256, 512), (512, 512)]

    def stop(made: int, total: int) -> None:
        raise InterruptedError(f"{made} of {total}")

    stopped = module.Goldilocks().signing_key(bytes(32), 9, stop)
    with pytest.raises(InterruptedError, match="256 of 512"):
        _ = stopped.public_key


def test_wallet_height() -> None:
    wallet = Wallet.from_seed(bytes(32), ["bn254", "goldilocks"], height=2)
    assert wallet.public_key.part("goldilocks") == SUITE.signing_key(bytes(32), 2).public_key
    signatures = wallet.sign(bytes(32), bytes(8), 3)
    assert [len(signature) for signature in signatures] == [160, 4744]
    verify_all(
        wallet.public_key, wallet.suites, domain=bytes(32), words=bytes(8), nonce=3, signatures=signatures
    )
    with pytest.raises(OneTimeKeyReuseError):
        wallet.sign(bytes(32), bytes(4), 3)
    with pytest.raises(KeyExhaustedError):
        wallet.sign(bytes(32), bytes(4), 4)
    with pytest.raises(SuiteError, match="height: expected 0 to 16, found 17"):
        Wallet.from_seed(bytes(32), ["goldilocks"], height=17)


def test_wallet_key_is_pinned() -> None:
    """The default wallet; a change here loses every account."""
    part = Wallet.from_seed(bytes(32), ["goldilocks"]).public_key.part("goldilocks")
    assert part.hex() == "42a00c4ca71646ebd63b42a5891bea5d27f225e5c6944bb6ed939101e0bd3d64"


def test_figures_of_the_security_argument() -> None:
    """Those of the module's text, from binomial coefficients."""
    text = " ".join((module.__doc__ or "").split())
    words = comb(132, 66)
    figures = {
        "C(132, 66) = 2^{:.2f}": log2(words),
        "One ``ρ`` in {:.1f}": 2**132 / words,
        # The square root of the number of words, times the tries for each.
        "were found in 2^{:.0f} hashes": log2(words) / 2 + log2(2**132 / words),
        # Of the 2^64 values of ρ, as many as it takes to a word lead to the one of the pair.
        "comes to use with probability 2^{:.0f}": log2(2**132 / words) - 64,
        "in 2^{:.1f} has its word within 99": 132 - log2(comb(99, 66)),
        "(2^{:.1f} on average": 132
        - log2(sum(comb(66, k) ** 2 * comb(66 + k, 66) for k in range(67)) / words),
        "After a third, 2^{:.1f}": 132 - log2(comb(115, 66)),
    }
    for figure, value in figures.items():
        assert figure.format(value) in text


# Refusals

Refused = Callable[[], object]

MALFORMED: dict[str, tuple[str, Refused]] = {
    "point past two elements": (
        "two Goldilocks elements below the field's order and 16 zero bytes",
        lambda: SUITE.evaluate(bytes(4), ref.to_bytes([0, 0, 0, 1])),
    ),
    "height": ("height: expected 0 to 16, found 17", lambda: SUITE.signing_key(bytes(32), 17)),
    "negative height": ("height: expected 0 to 16, found -1", lambda: SUITE.signing_key(bytes(32), -1)),
    "native height": (
        "height: expected 0 to 16, found 17",
        lambda: GoldilocksSigningKey(bytes(64), bytes(64), 17),
    ),
    "chains": (
        "chains: expected 64 bytes, found 32",
        lambda: GoldilocksSigningKey(bytes(32), bytes(64), 0),
    ),
    "randomizer": (
        "randomizer: expected 64 bytes, found 65",
        lambda: GoldilocksSigningKey(bytes(64), bytes(65), 0),
    ),
    "permutation": ("expected 12 elements, found 8", lambda: Goldilocks.permute(bytes(64))),
}


@pytest.mark.parametrize("alias", [*CASE.aliases, ONES], ids=bytes.hex)
def test_a_non_canonical_state_is_refused(alias: bytes) -> None:
    with pytest.raises(NonCanonicalError, match="below the field's order"):
        Goldilocks.permute(bytes(64) + alias)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call()
    assert message in str(caught.value)
