"""KoalaBearBinding against the native suite and, at its borders, the sum of docs/suites.md §12 in Python."""

from __future__ import annotations

import pytest
import reference_koalabear as ref
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
SUITE = suites.get("koalabear")
GREATEST = ref.extended([P - 1] * 5)
EDGES = [0, 1, 2, 2**15, 2**16 - 1, 2**16, 2**24 - 1, 2**30, P - 2, P - 1]

numbers = st.one_of(st.integers(0, P - 1), st.sampled_from(EDGES))
points = st.tuples(*[numbers] * 5).map(ref.extended)
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
    return create(l1, "KoalaBearBinding")


def call(l1: L1, to: bytes, signature: str, types: list[str], values: list[object]) -> bytes:
    return l1.call(to, keccak(signature.encode())[:4] + encode(types, values))


def evaluate(l1: L1, to: bytes, data: bytes, z: bytes) -> bytes:
    return call(l1, to, "evaluate(bytes,bytes32)", ["bytes", "bytes32"], [data, z])


@on_chain
@given(data=journals, z=points)
@example(data=b"\xff" * 64, z=GREATEST)
def test_evaluation_is_the_native_suites(l1: L1, binding: bytes, data: bytes, z: bytes) -> None:
    assert evaluate(l1, binding, data, z) == SUITE.evaluate(data, z)


@pytest.mark.parametrize(
    "z",
    [GREATEST, *(ref.extended([P - 1 if i == at else 0 for i in range(5)]) for at in range(5))],
)
@pytest.mark.parametrize(
    "size", [32, 36, 60, 64, 68, 92, 96, 100, 124, 128, 132, 640, 16316, 16320, 16380, 16384]
)
def test_evaluation_at_the_borders_of_steps(l1: L1, binding: bytes, size: int, z: bytes) -> None:
    data = b"\xff" * size
    assert evaluate(l1, binding, data, z) == ref.evaluate(data, z)


@pytest.mark.parametrize("size", [60, 92, 128])
def test_each_half_word_is_multiplied_by_its_power(l1: L1, binding: bytes, size: int) -> None:
    z, power = (12345, 67890, P - 1, 1 << 30, 3), (1, 0, 0, 0, 0)
    for at in range(0, size, 2):
        data = bytes(at) + b"\xff\xff" + bytes(size - at - 2)
        expected = ref.multiply((2**16 - 1, 0, 0, 0, 0), power)
        assert evaluate(l1, binding, data, ref.extended(z)) == ref.extended(expected)
        power = ref.multiply(power, z)


def test_lanes_hold_what_the_contract_puts_there() -> None:
    """The bounds that its comments give, from the products of powers of X."""
    units: list[ref.Extended] = [tuple(int(i == at) for i in range(5)) for at in range(5)]
    products = [ref.multiply(u, v) for u in units for v in units]
    more, less = (max(column.count(value) for column in zip(*products, strict=True)) for value in (1, P - 1))
    assert {value for product in products for value in product} == {0, 1, P - 1}
    halves = (2**16 - 1 + 2**15 - 1) * (P - 1)
    positive = 3 * 2**17 * P
    assert (more, less) == (6, 4)
    assert less * halves <= positive
    assert positive + more * halves < 2**51
    assert 16 * (2**16 - 1) * (P - 1) < 2**51
    assert positive * sum(2 ** (51 * lane) for lane in range(5)) + 2**255 + 2**102 - 1 < 2**256


@pytest.mark.parametrize("size", [0, 4, 28, 31, 33, 34, 35, 65])
def test_a_journal_that_is_too_short_or_ragged_is_refused(l1: L1, binding: bytes, size: int) -> None:
    with pytest.raises(RefusedError, match="koalabear: journal"):
        evaluate(l1, binding, bytes(size), bytes(32))


def test_a_journal_over_the_bound_is_refused(l1: L1, binding: bytes) -> None:
    with pytest.raises(RefusedError):
        evaluate(l1, binding, bytes(16388), bytes(32))


@pytest.mark.parametrize(
    "z",
    [
        *(tuple(P if i == at else 0 for i in range(8)) for at in range(8)),
        (0,) * 7 + (1,),
        (0,) * 5 + (1, 0, 0),
        (2**32 - 1,) * 8,
    ],
    ids=[*map(str, range(8)), "last bit", "sixth", "ones"],
)
def test_a_challenge_that_is_not_canonical_is_refused(l1: L1, binding: bytes, z: tuple[int, ...]) -> None:
    with pytest.raises(RefusedError, match="koalabear: challenge"):
        evaluate(l1, binding, bytes(32), ref.to_bytes(z))
    with pytest.raises(suites.NonCanonicalError):
        SUITE.evaluate(bytes(32), ref.to_bytes(z))


any_word = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, P - 1, P, P + 1, 2**32 - 1]))


@on_chain
@given(value=st.tuples(*[any_word] * 8))
@example(value=(P - 1,) * 8)
@example(value=(P,) + (P - 1,) * 7)
@example(value=(P - 1,) * 7 + (P,))
def test_canonical(l1: L1, binding: bytes, value: tuple[int, ...]) -> None:
    answer = call(l1, binding, "is_canonical(bytes32)", ["bytes32"], [ref.to_bytes(value)])
    assert int.from_bytes(answer, "big") == ref.is_canonical(ref.to_bytes(value))


@on_chain
@given(value=st.tuples(*[any_word] * 8))
@example(value=(P,) * 8)
@example(value=(2**32 - 1,) * 8)
def test_challenge_is_five_elements_of_the_seed(l1: L1, binding: bytes, value: tuple[int, ...]) -> None:
    answer = call(l1, binding, "challenge(bytes32)", ["bytes32"], [ref.to_bytes(value)])
    assert answer == ref.extended([element % P for element in value[:5]])


def test_settlement_accepts_what_the_native_suite_binds_and_nothing_else(l1: L1) -> None:
    accounts = l1.dev_accounts()
    prover = mock(l1, "one", ("koalabear",), binds=True)
    genesis, root = ref.to_bytes(range(1, 9)), ref.to_bytes([P - 1] * 8)

    def deployed(genesis_root: bytes) -> Settlement:
        plan = Plan(
            program=PROGRAM,
            bridge=RULES,
            suites=(SuiteInfo("koalabear", genesis_root),),
            proof_types=(prover,),
            policy=all_of(["one"], ["one"]),
            sequencer=raw(accounts[1]),
            operator=raw(accounts[2]),
            council=raw(accounts[2]),
        )
        return deploy(l1, deployer(l1), plan).settlement

    with pytest.raises(RefusedError, match="init: genesis root"):
        deployed(ref.to_bytes([*range(1, 8), P]))
    settlement = deployed(genesis)
    data = journal([slot(TRANSFER, 1, 2, 3, 4)], 11)
    parent = settlement.genesis
    claim = claims.claim_id(parent, data)
    commitment = SUITE.commit(data)
    with pytest.raises(RefusedError, match="bind: commitment"):
        settlement.post(accounts[1], parent, data, [ref.to_bytes([P] + [0] * 7)])
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
    for challenge, evaluation in ((z, other), (ref.extended((1, 0, 0, 0, 0)), y)):
        with pytest.raises(RefusedError, match="vouch: not bound"):
            vouch(challenge, evaluation)
    vouch(z, y)
