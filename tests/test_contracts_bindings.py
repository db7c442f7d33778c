"""Bn254Binding against the sum of docs/suites.md §5, written out in Python."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settlement_support import R, create, evaluate_bn254

from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1


@pytest.fixture(scope="module")
def l1() -> L1:
    return open_l1(None)


@pytest.fixture(scope="module")
def binding(l1: L1) -> bytes:
    return create(l1, "Bn254Binding")


def call(l1: L1, to: bytes, signature: str, types: list[str], values: list[object]) -> bytes:
    return l1.call(to, keccak(signature.encode())[:4] + encode(types, values))


def evaluate(l1: L1, to: bytes, journal: bytes, z: bytes) -> bytes:
    return call(l1, to, "evaluate(bytes,bytes32)", ["bytes", "bytes32"], [journal, z])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.integers(8, 80), fill=st.binary(min_size=1, max_size=64), z=st.integers(0, R - 1))
def test_evaluation_is_the_sum(l1: L1, binding: bytes, words: int, fill: bytes, z: int) -> None:
    journal = (fill * (4 * words // len(fill) + 1))[: 4 * words]
    word = z.to_bytes(32, "big")
    assert evaluate(l1, binding, journal, word) == evaluate_bn254(journal, word)


@pytest.mark.parametrize("size", [32, 56, 84, 28 * 20, 28 * 20 + 4, 16380, 16384])
def test_evaluation_at_the_borders_of_groups(l1: L1, binding: bytes, size: int) -> None:
    journal = b"\xff" * size
    z = (R - 1).to_bytes(32, "big")
    assert evaluate(l1, binding, journal, z) == evaluate_bn254(journal, z)


def test_one_word_changes_the_evaluation(l1: L1, binding: bytes) -> None:
    z = (12345).to_bytes(32, "big")
    journal = bytes(range(200))
    seen = {evaluate(l1, binding, journal, z)}
    for at in range(0, 200, 4):
        changed = journal[:at] + bytes([journal[at] ^ 1]) + journal[at + 1 :]
        seen.add(evaluate(l1, binding, changed, z))
    assert len(seen) == 51


@pytest.mark.parametrize("size", [0, 4, 28, 31, 33, 34, 35, 57])
def test_a_journal_that_is_too_short_or_ragged_is_refused(l1: L1, binding: bytes, size: int) -> None:
    with pytest.raises(RefusedError, match="bn254: journal"):
        evaluate(l1, binding, bytes(size), bytes(32))


def test_a_journal_over_the_bound_is_refused(l1: L1, binding: bytes) -> None:
    with pytest.raises(RefusedError):
        evaluate(l1, binding, bytes(16388), bytes(32))


@pytest.mark.parametrize("z", [R, R + 1, 2**256 - 1])
def test_a_challenge_that_is_not_canonical_is_refused(l1: L1, binding: bytes, z: int) -> None:
    with pytest.raises(RefusedError, match="bn254: challenge"):
        evaluate(l1, binding, bytes(32), z.to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("value", "canonical"), [(0, True), (R - 1, True), (R, False), (R + 1, False), (2**256 - 1, False)]
)
def test_canonical(l1: L1, binding: bytes, value: int, canonical: bool) -> None:
    answer = call(l1, binding, "is_canonical(bytes32)", ["bytes32"], [value.to_bytes(32, "big")])
    assert int.from_bytes(answer, "big") == canonical


@pytest.mark.parametrize("seed", [0, R - 1, R, R + 7, 2**256 - 1])
def test_challenge_is_the_seed_reduced(l1: L1, binding: bytes, seed: int) -> None:
    answer = call(l1, binding, "challenge(bytes32)", ["bytes32"], [seed.to_bytes(32, "big")])
    assert int.from_bytes(answer, "big") == seed % R
