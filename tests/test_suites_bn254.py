"""The suite ``bn254``: signatures, native against reference, and what it alone refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import reference_bn254 as ref
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multiprover_native import Bn254, Bn254SigningKey
from suite_cases import BN254 as CASE
from suite_cases import ONES, words32

from multiprover import suites
from multiprover.suites import NonCanonicalError, SuiteError

SUITE = suites.get("bn254")

nonces = st.integers(0, 2**64 - 1)

cheap = settings(max_examples=60, deadline=None)
costly = settings(max_examples=15, deadline=None)


@cheap
@given(st.tuples(CASE.digests, CASE.digests, CASE.digests))
def test_permutation(state: tuple[bytes, bytes, bytes]) -> None:
    expected = ref.permute([int.from_bytes(place, "big") for place in state])
    assert Bn254.permute(b"".join(state)) == b"".join(map(ref.to_bytes, expected))


@costly
@given(words32, CASE.digests, nonces)
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
    CASE.digests,
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


# Refusals

Refused = Callable[[], object]
KEY = SUITE.signing_key(bytes(32))
SIGNATURE = KEY.sign(bytes(32), 0)

MALFORMED: dict[str, tuple[str, Refused]] = {
    "secret": ("secret: expected 64 bytes, found 32", lambda: Bn254SigningKey(bytes(32), bytes(64))),
    "prefix": ("prefix: expected 64 bytes, found 65", lambda: Bn254SigningKey(bytes(64), bytes(65))),
    "zero secret": ("not 0 modulo l", lambda: Bn254SigningKey(bytes(64), bytes(64))),
    "secret l": ("not 0 modulo l", lambda: Bn254SigningKey(ref.L.to_bytes(64, "big"), bytes(64))),
    "permutation": ("expected 3 elements, found 2", lambda: Bn254.permute(bytes(64))),
}


@pytest.mark.parametrize("alias", [*CASE.aliases, ONES], ids=bytes.hex)
def test_a_non_canonical_state_is_refused(alias: bytes) -> None:
    with pytest.raises(NonCanonicalError, match="below the field's order"):
        Bn254.permute(bytes(64) + alias)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call()
    assert message in str(caught.value)
