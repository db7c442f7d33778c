"""What holds of every suite of one-time keys alike: what signs, what verifies, and what uses a key."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multiprover_native import GoldilocksSigningKey, KoalaBearSigningKey
from suite_cases import GOLDILOCKS, KOALABEAR, ONES, Case, words32

from multiprover.suites import (
    InvalidSignatureError,
    KeyExhaustedError,
    NonCanonicalError,
    OneTimeKeyReuseError,
    SuiteError,
    Wallet,
    verify_all,
)


@dataclass(frozen=True)
class OneTime:
    case: Case
    native: Callable[[bytes, bytes, int], object]
    """A signing key of chains, randomizer and height."""
    rho_bytes: int
    chains: int
    wallet_key: str
    """The public key of a wallet of zeros, of the default height."""

    @property
    def suite(self) -> Any:
        return self.case.suite

    @property
    def size(self) -> int:
        """Bytes of a signature: ``ρ``, the chains, sixteen siblings."""
        return self.rho_bytes + 32 * (self.chains + 16)

    def accepts(self, pk: bytes, digest: bytes, nonce: int, signature: bytes) -> bool:
        try:
            self.suite.verify(pk, digest, nonce, signature)
        except InvalidSignatureError:
            return False
        return True

    def __str__(self) -> str:
        return self.case.name


each = pytest.mark.parametrize(
    "of",
    [
        OneTime(
            GOLDILOCKS,
            GoldilocksSigningKey,
            rho_bytes=8,
            chains=132,
            wallet_key="42a00c4ca71646ebd63b42a5891bea5d27f225e5c6944bb6ed939101e0bd3d64",
        ),
        OneTime(
            KOALABEAR,
            KoalaBearSigningKey,
            rho_bytes=28,
            chains=64,
            wallet_key="2682bd85071afd291cfffc1863b6372d5752679e70f7ffb769886b473f9964ea",
        ),
    ],
    ids=str,
)


@each
@settings(max_examples=8, deadline=None)
@given(words32, st.integers(0, 2), st.data())
def test_sign_is_the_references(of: OneTime, seed: bytes, height: int, data: st.DataObject) -> None:
    digest, nonce = data.draw(of.case.digests), data.draw(st.integers(0, 2**height - 1))
    key, reference = of.suite.signing_key(seed, height), of.case.ref.key_from_seed(seed, height)
    assert key.public_key == reference.public_key
    signature = key.sign(digest, nonce)
    assert signature == of.case.ref.sign(reference, digest, nonce)
    of.suite.verify(key.public_key, digest, nonce, signature)


@each
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_bit_of_a_signature_is_free(of: OneTime, data: st.DataObject) -> None:
    pk, honest = of.case.key.public_key, of.case.signature
    bit = data.draw(st.integers(0, 8 * of.size - 1))
    signature = bytearray(honest)
    signature[bit // 8] ^= 1 << bit % 8
    assert of.accepts(pk, bytes(32), 5, honest)
    assert not of.accepts(pk, bytes(32), 5, bytes(signature))


@each
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_verify_decides_as_the_reference_on_any_part(of: OneTime, data: st.DataObject) -> None:
    pk, honest = of.case.key.public_key, of.case.signature
    at = of.rho_bytes + 32 * data.draw(st.integers(0, of.chains + 15))
    signature = honest[:at] + data.draw(of.case.digests) + honest[at + 32 :]
    expected = of.case.ref.refusal(pk, bytes(32), 5, signature) is None
    assert of.accepts(pk, bytes(32), 5, signature) == expected


@each
def test_every_one_time_key_signs_and_only_for_its_nonce(of: OneTime) -> None:
    key = of.suite.signing_key(b"\x05" * 32, 3)
    signatures = [key.sign(bytes(32), nonce) for nonce in range(8)]
    for made, signature in enumerate(signatures):
        assert [of.accepts(key.public_key, bytes(32), nonce, signature) for nonce in range(8)] == [
            nonce == made for nonce in range(8)
        ]


@each
def test_every_path_has_sixteen_siblings_whatever_the_height(of: OneTime) -> None:
    key = of.suite.signing_key(bytes(32), 9)
    signature = key.sign(bytes(32), 2**9 - 1)
    assert len(signature) == of.case.ref.SIGNATURE_BYTES == of.size
    of.suite.verify(key.public_key, bytes(32), 2**9 - 1, signature)


@each
def test_a_second_digest_for_a_nonce_is_refused(of: OneTime) -> None:
    key, other = of.suite.signing_key(bytes(32), 1), of.case.digest(1)
    first = key.sign(bytes(32), 0)
    with pytest.raises(
        OneTimeKeyReuseError, match="found 0, whose one-time key signed another digest; send that"
    ):
        key.sign(other, 0)
    assert key.sign(bytes(32), 0) == first
    key.sign(other, 1)


@each
def test_a_digest_that_could_change_afterwards_is_refused(of: OneTime) -> None:
    key = of.suite.signing_key(bytes(32), 0)
    with pytest.raises(TypeError):
        key.sign(bytearray(32), 0)


@each
def test_what_was_refused_uses_no_one_time_key(of: OneTime) -> None:
    key = of.suite.signing_key(bytes(32), 0)
    with pytest.raises(NonCanonicalError):
        key.sign(ONES, 0)
    with pytest.raises(KeyExhaustedError):
        key.sign(bytes(32), 1)
    key.sign(of.case.digest(1), 0)


@each
def test_of_many_threads_one_digest_is_signed(of: OneTime) -> None:
    key = of.suite.signing_key(bytes(32), 0)  # made by whichever comes first

    def attempt(number: int) -> bytes | None:
        try:
            return bytes(key.sign(of.case.digest(number), 0))
        except OneTimeKeyReuseError:
            return None

    with ThreadPoolExecutor(8) as pool:
        signatures = [signature for signature in pool.map(attempt, range(40)) if signature]
    assert len(signatures) == 1


@each
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda key: pickle.loads(pickle.dumps(key))])  # noqa: S301
def test_a_key_that_may_have_signed_is_not_duplicated(
    of: OneTime, duplicate: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        duplicate(of.case.key)


@each
@pytest.mark.parametrize("height", [0, 3])
def test_an_exhausted_key_says_what_to_do(of: OneTime, height: int) -> None:
    key = of.suite.signing_key(bytes(32), height)
    key.sign(bytes(32), 2**height - 1)
    for nonce in (2**height, 2**16, 2**32, 2**64 - 1):
        with pytest.raises(
            KeyExhaustedError, match=rf"0 to 2\^{height} - 1.*found {nonce}; change the account's key"
        ):
            key.sign(bytes(32), nonce)


@each
def test_keys_of_different_height_share_no_part_of_a_signature(of: OneTime) -> None:
    """Both sign nonce 0 of one seed, with different words: a shared chain would show two."""
    chains = range(of.rho_bytes, of.rho_bytes + 32 * of.chains, 32)
    signatures = [of.suite.signing_key(bytes(32), height).sign(bytes(32), 0) for height in (1, 2)]
    parts = [{signature[i : i + 32] for i in chains} for signature in signatures]
    assert len(parts[0] | parts[1]) == 2 * of.chains


@each
def test_progress_is_reported_and_stops_the_making(of: OneTime) -> None:
    seen: list[tuple[int, int]] = []
    key = of.suite.signing_key(bytes(32), 9, lambda made, total: seen.append((made, total)))
    assert seen == []
    assert key.public_key == of.suite.signing_key(bytes(32), 9).public_key
    assert seen == [(256, 512), (512, 512)]

    def stop(made: int, total: int) -> None:
        raise InterruptedError(f"{made} of {total}")

    stopped = of.suite.signing_key(bytes(32), 9, stop)
    with pytest.raises(InterruptedError, match="256 of 512"):
        _ = stopped.public_key


@each
def test_wallet_height(of: OneTime) -> None:
    name = of.case.name
    wallet = Wallet.from_seed(bytes(32), ["bn254", name], height=2)
    assert wallet.public_key.part(name) == of.suite.signing_key(bytes(32), 2).public_key
    signatures = wallet.sign(bytes(32), bytes(8), 3)
    assert [len(signature) for signature in signatures] == [160, of.size]
    verify_all(
        wallet.public_key, wallet.suites, domain=bytes(32), words=bytes(8), nonce=3, signatures=signatures
    )
    with pytest.raises(OneTimeKeyReuseError):
        wallet.sign(bytes(32), bytes(4), 3)
    with pytest.raises(KeyExhaustedError):
        wallet.sign(bytes(32), bytes(4), 4)
    with pytest.raises(SuiteError, match="height: expected 0 to 16, found 17"):
        Wallet.from_seed(bytes(32), [name], height=17)


@each
def test_wallet_key_is_pinned(of: OneTime) -> None:
    """The default wallet; a change here loses every account."""
    assert Wallet.from_seed(bytes(32), [of.case.name]).public_key.part(of.case.name).hex() == of.wallet_key


@each
def test_a_journal_is_not_a_longer_one_that_ends_with_zeros(of: OneTime) -> None:
    """Only the length in the hash tells them apart; the evaluation cannot."""
    z = of.suite.challenge(bytes(32), bytes(32), bytes(32))
    assert of.suite.evaluate(bytes(28), z) == of.suite.evaluate(bytes(32), z)
    assert len({of.suite.commit(bytes(4 * words)) for words in range(20)}) == 20


MALFORMED: dict[str, tuple[str, Callable[[OneTime], object]]] = {
    "height": ("height: expected 0 to 16, found 17", lambda of: of.suite.signing_key(bytes(32), 17)),
    "negative height": ("height: expected 0 to 16, found -1", lambda of: of.suite.signing_key(bytes(32), -1)),
    "native height": (
        "height: expected 0 to 16, found 17",
        lambda of: of.native(bytes(64), bytes(64), 17),
    ),
    "chains": ("chains: expected 64 bytes, found 32", lambda of: of.native(bytes(32), bytes(64), 0)),
    "randomizer": ("randomizer: expected 64 bytes, found 65", lambda of: of.native(bytes(64), bytes(65), 0)),
}


@each
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(of: OneTime, name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call(of)
    assert message in str(caught.value)
