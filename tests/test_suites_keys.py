"""Hybrid keys and wallets over two suites that share nothing, and the registry."""

from __future__ import annotations

import hmac
from hashlib import blake2b

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from toy_suite import NONCES, P, Toy

from multiprover import suites
from multiprover.suites import HybridKey, InvalidSignatureError, SuiteError, Wallet, registry, verify_all

BOTH = ["bn254", "toy"]
SEED = bytes(range(32))
DOMAIN = b"\x11" * 32
WORDS = bytes(range(40))


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_SUITES", dict(registry._SUITES))
    suites.register(Toy())


def test_registry() -> None:
    assert suites.names() == ("bn254", "goldilocks", "koalabear", "toy")
    assert suites.get("toy").name == "toy"
    assert suites.suite_id("bn254") == keccak(b"bn254")
    with pytest.raises(SuiteError, match="expected one of bn254, goldilocks, koalabear, toy, found mersenne"):
        suites.get("mersenne")
    with pytest.raises(SuiteError, match="suite toy: expected a new name"):
        suites.register(Toy())


def test_wallet_signs_in_every_suite() -> None:
    wallet = Wallet.from_seed(SEED, BOTH)
    signatures = wallet.sign(DOMAIN, WORDS, 3)
    assert [len(signature) for signature in signatures] == [160, 514 * 32]
    verify_all(wallet.public_key, BOTH, domain=DOMAIN, words=WORDS, nonce=3, signatures=signatures)
    verify_all(wallet.public_key, ["toy"], domain=DOMAIN, words=WORDS, nonce=3, signatures=signatures[1:])
    assert Wallet.from_seed(SEED, BOTH).sign(DOMAIN, WORDS, 3) == signatures


@pytest.mark.parametrize(
    ("domain", "words", "nonce"),
    [(b"\x12" * 32, WORDS, 3), (DOMAIN, WORDS[:-1] + b"\0", 3), (DOMAIN, WORDS, 2)],
    ids=["domain", "words", "nonce"],
)
@pytest.mark.parametrize("suite", BOTH)
def test_each_suite_signs_everything(suite: str, domain: bytes, words: bytes, nonce: int) -> None:
    wallet = Wallet.from_seed(SEED, [suite])
    signatures = wallet.sign(DOMAIN, WORDS, 3)
    with pytest.raises(InvalidSignatureError, match=f"^{suite}: "):
        verify_all(wallet.public_key, [suite], domain=domain, words=words, nonce=nonce, signatures=signatures)


@pytest.mark.parametrize("forged", [0, 1])
def test_one_forged_part_is_enough_to_refuse(forged: int) -> None:
    wallet, other = Wallet.from_seed(SEED, BOTH), Wallet.from_seed(bytes(32), BOTH)
    signatures = wallet.sign(DOMAIN, WORDS, 0)
    signatures[forged] = other.sign(DOMAIN, WORDS, 0)[forged]
    with pytest.raises(InvalidSignatureError, match=f"^{BOTH[forged]}: "):
        verify_all(wallet.public_key, BOTH, domain=DOMAIN, words=WORDS, nonce=0, signatures=signatures)


def test_number_and_order_of_signatures() -> None:
    wallet = Wallet.from_seed(SEED, BOTH)
    signatures = wallet.sign(DOMAIN, WORDS, 0)
    for wrong in ([], signatures[:1], [*signatures, b""]):
        with pytest.raises(InvalidSignatureError, match=f"expected 2, found {len(wrong)}"):
            verify_all(wallet.public_key, BOTH, domain=DOMAIN, words=WORDS, nonce=0, signatures=wrong)
    with pytest.raises(InvalidSignatureError, match=r"^bn254: signature: expected 160 bytes"):
        verify_all(wallet.public_key, BOTH, domain=DOMAIN, words=WORDS, nonce=0, signatures=signatures[::-1])


def test_exhausted_key() -> None:
    wallet = Wallet.from_seed(SEED, BOTH)
    with pytest.raises(suites.KeyExhaustedError, match=f"found {NONCES}; register a new key"):
        wallet.sign(DOMAIN, WORDS, NONCES)


def test_derivation_is_pinned() -> None:
    """RFC 7693 keyed hashing, once through another entry of the library and once as known bytes."""
    derived = suites.derive(SEED, "bn254", "secret")
    reference = blake2b(key=SEED, digest_size=64, person=b"multiprover/v1".ljust(16, b"\0"))
    reference.update(b"bn254")
    reference.update(b"\0secret")
    assert hmac.compare_digest(derived, reference.digest())
    others = [
        suites.derive(SEED, "toy", "secret"),
        suites.derive(SEED, "bn254", "nonce"),
        suites.derive(bytes(32), "bn254", "secret"),
        suites.derive(SEED, "bn254s", "ecret"),
    ]
    assert len({derived, *others}) == 5
    with pytest.raises(SuiteError, match="without a zero byte"):
        suites.derive(SEED, "bn254\0", "secret")


def test_wallet_key_is_pinned() -> None:
    """A change here loses every account."""
    part = Wallet.from_seed(bytes(32), ["bn254"]).public_key.part("bn254")
    assert part.hex() == "0445d055eda54c403651604c7440dfade0d30ef1d15843eb326765e62acdca34"


def test_wallet_does_not_show_secrets() -> None:
    wallet = Wallet.from_seed(SEED, BOTH)
    secret = int.from_bytes(suites.derive(SEED, "bn254", "secret"), "big")
    assert repr(wallet) == f"Wallet({wallet.public_key!r})"
    for shown in (SEED.hex(), hex(secret)[2:]):
        assert shown not in repr(wallet)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_seed_length(size: int) -> None:
    with pytest.raises(SuiteError, match=f"seed: expected 32 bytes, found {size}"):
        Wallet.from_seed(bytes(size), BOTH)


@pytest.mark.parametrize("names", [[], ["bn254", "bn254"]])
def test_suites_are_one_or_more_different_names(names: list[str]) -> None:
    with pytest.raises(SuiteError, match="one or more different names"):
        Wallet.from_seed(SEED, names)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_hybrid_key_encodings(first: bytes, second: bytes) -> None:
    key = HybridKey({"bn254": first, "toy": second})
    assert key.to_bytes(BOTH) == first + second
    assert key.to_bytes(["toy", "bn254"]) == second + first
    assert HybridKey.from_bytes(first + second, BOTH) == key
    assert hash(HybridKey({"toy": second, "bn254": first})) == hash(key)
    words = key.words(BOTH)
    assert len(words) == 16
    assert b"".join(word.to_bytes(4, "big") for word in words) == first + second


def test_hybrid_key_refusals() -> None:
    key = HybridKey({"toy": bytes(32)})
    with pytest.raises(SuiteError, match="expected a part of bn254, found toy"):
        key.words(BOTH)
    with pytest.raises(SuiteError, match="key part toy: expected 32 bytes, found 31"):
        HybridKey({"toy": bytes(31)})
    with pytest.raises(SuiteError, match="expected 64 bytes, found 32"):
        HybridKey.from_bytes(bytes(32), BOTH)
    with pytest.raises(SuiteError, match="one or more different names"):
        HybridKey({})


def test_hybrid_key_does_not_follow_its_source() -> None:
    parts = {"toy": bytes(32)}
    key = HybridKey(parts)
    parts["toy"] = b"\1" * 32
    assert key.part("toy") == bytes(32)


@pytest.mark.parametrize("name", BOTH)
def test_interface_holds_for_any_suite(name: str) -> None:
    """What the rest of the project relies on, whatever field and signatures lie below."""
    suite = suites.get(name)
    default = suite.leaf(0, [suites.TypedInt(0, 2)], [bytes(32)])
    written = suite.leaf(0, [suites.TypedInt(5, 2)], [b"\xff" * 32])
    assert suite.leaf(1, [suites.TypedInt(0, 2)], [bytes(32)]) != default
    tree = suite.tree(5, default)
    empty = tree.root
    tree.set(9, written)
    assert suite.root_from_path(written, 9, tree.siblings(9)) == tree.root != empty
    assert suite.root_from_path(default, 9, tree.siblings(9)) == empty
    with pytest.raises(SuiteError, match="index"):
        tree.set_many([(0, written), (32, written)])
    assert suite.state_root([suites.TypedInt(1, 1)], [bytes(32)], [tree.root]) != suite.state_root(
        [suites.TypedInt(2, 1)], [bytes(32)], [tree.root]
    )
    commitment = suite.commit(WORDS)
    z = suite.challenge(DOMAIN, bytes(32), commitment)
    assert z != suite.challenge(DOMAIN, b"\1" * 32, commitment)
    assert suite.evaluate(WORDS, z) != suite.evaluate(WORDS[:-1] + b"\0", z)
    with pytest.raises(suites.NonCanonicalError):
        suite.evaluate(WORDS, b"\xff" * 32)
    for value in (
        default,
        tree.root,
        commitment,
        z,
        suite.evaluate(WORDS, z),
        suite.tx_digest(DOMAIN, WORDS),
    ):
        assert len(value) == suites.DIGEST_BYTES


def test_fields_differ() -> None:
    """The same journal, point and words: each suite evaluates in its own field."""
    z = (P - 1).to_bytes(32, "big")
    with pytest.raises(suites.NonCanonicalError):
        suites.get("bn254").evaluate(WORDS, z)
    assert len(suites.get("toy").evaluate(WORDS, z)) == 32
