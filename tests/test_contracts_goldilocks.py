"""GoldilocksBinding against the native suite and, at its borders, the sum of docs/suites.md §9 in Python."""

from __future__ import annotations

import pytest
import reference_goldilocks as ref
from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from settlement_support import (
    ACCEPT,
    PAYEE,
    PROGRAM,
    RULES,
    TRANSFER,
    all_of,
    create,
    deployer,
    journal,
    mock,
    raw,
    slot,
    statement_hash,
)

from multiprover import suites
from multiprover.settlement import claims
from multiprover.settlement.client import Settlement
from multiprover.settlement.deploy import Plan, deploy
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.types import SuiteInfo, SuiteResult

P = ref.P
SUITE = suites.get("goldilocks")
GREATEST = ref.to_bytes([P - 1, P - 1, 0, 0])
EDGES = [0, 1, 2, 6, 7, 2**32 - 1, 2**32, 2**63, P - 2**32, P - 2, P - 1]

numbers = st.one_of(st.integers(0, P - 1), st.sampled_from(EDGES))
points = st.tuples(numbers, numbers).map(lambda z: ref.to_bytes([*z, 0, 0]))
words = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2**31, 2**32 - 1]))
journals = st.lists(words, min_size=8, max_size=90).map(
    lambda ws: b"".join(word.to_bytes(4, "big") for word in ws)
)
on_chain = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def l1() -> L1:
    return open_l1(None)


@pytest.fixture(scope="module")
def binding(l1: L1) -> bytes:
    return create(l1, "GoldilocksBinding")


def call(l1: L1, to: bytes, signature: str, types: list[str], values: list[object]) -> bytes:
    return l1.call(to, keccak(signature.encode())[:4] + encode(types, values))


def evaluate(l1: L1, to: bytes, data: bytes, z: bytes) -> bytes:
    return call(l1, to, "evaluate(bytes,bytes32)", ["bytes", "bytes32"], [data, z])


@on_chain
@given(data=journals, z=points)
@example(data=b"\xff" * 64, z=GREATEST)
def test_evaluation_is_the_native_suites(l1: L1, binding: bytes, data: bytes, z: bytes) -> None:
    assert evaluate(l1, binding, data, z) == SUITE.evaluate(data, z)


@pytest.mark.parametrize("z", [GREATEST, ref.to_bytes([0, P - 1, 0, 0]), ref.to_bytes([P - 1, 0, 0, 0])])
@pytest.mark.parametrize(
    "size", [32, 36, 60, 64, 68, 92, 96, 100, 124, 128, 132, 640, 16316, 16320, 16380, 16384]
)
def test_evaluation_at_the_borders_of_steps(l1: L1, binding: bytes, size: int, z: bytes) -> None:
    data = b"\xff" * size
    assert evaluate(l1, binding, data, z) == ref.evaluate(data, z)


@pytest.mark.parametrize("size", [32, 60, 64, 100, 124, 128, 192, 220])
def test_each_word_is_multiplied_by_its_power(l1: L1, binding: bytes, size: int) -> None:
    z, power = (12345, 67890), (1, 0)
    for at in range(0, size, 4):
        data = bytes(at) + b"\xff\xff\xff\xff" + bytes(size - at - 4)
        expected = ref.multiply((2**32 - 1, 0), power)
        assert evaluate(l1, binding, data, ref.to_bytes([*z, 0, 0])) == ref.to_bytes([*expected, 0, 0])
        power = ref.multiply(power, z)


@pytest.mark.parametrize("size", [0, 4, 28, 31, 33, 34, 35, 65])
def test_a_journal_that_is_too_short_or_ragged_is_refused(l1: L1, binding: bytes, size: int) -> None:
    with pytest.raises(RefusedError, match="goldilocks: journal"):
        evaluate(l1, binding, bytes(size), bytes(32))


def test_a_journal_over_the_bound_is_refused(l1: L1, binding: bytes) -> None:
    with pytest.raises(RefusedError):
        evaluate(l1, binding, bytes(16388), bytes(32))


@pytest.mark.parametrize(
    "z",
    [(P, 0, 0, 0), (0, P, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0, 2**63, 0), (2**64 - 1,) * 4],
    ids=["first", "second", "third", "last bit", "middle bit", "ones"],
)
def test_a_challenge_that_is_not_canonical_is_refused(l1: L1, binding: bytes, z: tuple[int, ...]) -> None:
    with pytest.raises(RefusedError, match="goldilocks: challenge"):
        evaluate(l1, binding, bytes(32), ref.to_bytes(z))
    with pytest.raises(suites.NonCanonicalError):
        SUITE.evaluate(bytes(32), ref.to_bytes(z))


any_word = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, P - 1, P, P + 1, 2**64 - 1]))


@on_chain
@given(value=st.tuples(any_word, any_word, any_word, any_word))
@example(value=(P, 0, 0, 0))
@example(value=(0, P, 0, 0))
@example(value=(0, 0, P, 0))
@example(value=(0, 0, 0, P))
@example(value=(P - 1,) * 4)
def test_canonical(l1: L1, binding: bytes, value: tuple[int, ...]) -> None:
    answer = call(l1, binding, "is_canonical(bytes32)", ["bytes32"], [ref.to_bytes(value)])
    assert int.from_bytes(answer, "big") == ref.is_canonical(ref.to_bytes(value))


@on_chain
@given(value=st.tuples(any_word, any_word, any_word, any_word))
@example(value=(P, P, 0, 0))
@example(value=(2**64 - 1,) * 4)
def test_challenge_is_two_elements_of_the_seed(l1: L1, binding: bytes, value: tuple[int, ...]) -> None:
    answer = call(l1, binding, "challenge(bytes32)", ["bytes32"], [ref.to_bytes(value)])
    assert answer == ref.to_bytes([value[0] % P, value[1] % P, 0, 0])


def test_settlement_accepts_what_the_native_suite_binds_and_nothing_else(l1: L1) -> None:
    accounts = l1.dev_accounts()
    prover = mock(l1, "one", ("goldilocks",), binds=True)
    genesis, root = ref.to_bytes([1, 2, 3, 4]), ref.to_bytes([P - 1] * 4)

    def deployed(genesis_root: bytes) -> Settlement:
        plan = Plan(
            program=PROGRAM,
            bridge=RULES,
            suites=(SuiteInfo("goldilocks", genesis_root),),
            proof_types=(prover,),
            policy=all_of(["one"], ["one"]),
            sequencer=raw(accounts[1]),
            operator=raw(accounts[2]),
            council=raw(accounts[2]),
        )
        return deploy(l1, deployer(l1), plan).settlement

    with pytest.raises(RefusedError, match="init: genesis root"):
        deployed(ref.to_bytes([1, 2, 3, P]))
    settlement = deployed(genesis)
    data = journal([slot(TRANSFER, 1, 2, 3, 4)], 11)
    parent = settlement.genesis
    claim = claims.claim_id(parent, data)
    commitment = SUITE.commit(data)
    with pytest.raises(RefusedError, match="bind: commitment"):
        settlement.post(accounts[1], parent, data, [ref.to_bytes([P, 0, 0, 0])])
    settlement.post(accounts[1], parent, data, [commitment])

    def vouch(challenge: bytes, evaluation: bytes) -> None:
        result = SuiteResult(root, commitment, challenge, evaluation)
        statement = statement_hash(settlement.domain, claim, PAYEE, [(genesis, result)])
        settlement.vouch(
            accounts[3],
            "one",
            parent=parent,
            journal_hash=claims.journal_hash(data),
            results=[result],
            payee=PAYEE,
            proof=ACCEPT + statement,
        )

    z = SUITE.challenge(settlement.domain, claim, commitment)
    y = SUITE.evaluate(data, z)
    other = SUITE.evaluate(data[:-1] + b"\x00", z)
    for challenge, evaluation in ((z, other), (ref.to_bytes([1, 0, 0, 0]), y)):
        with pytest.raises(RefusedError, match="vouch: not bound"):
            vouch(challenge, evaluation)
    vouch(z, y)
