"""Default policies, and from when a claim is final for which value."""

from __future__ import annotations

import pytest

from multiprover.settlement.defaults import LOW_VALUE_GWEI, by_trust, default_policy
from multiprover.settlement.finality import due, final_from, tier_bits
from multiprover.settlement.governance import policy_from, policy_words
from multiprover.settlement.policy import Policy, UncoveredSuiteError
from multiprover.settlement.types import DAY_S, ClaimStatus

DUAL = {"groth16": ["bn254"], "sgx": ["bn254"]}
TRIPLE = {"groth16": ["bn254"], "plonky2": ["goldilocks"], "sgx": ["bn254", "goldilocks"]}
BOTH = ["bn254", "goldilocks"]


def alternatives(policy: Policy, tier: int) -> set[tuple[frozenset[str], int]]:
    return {(frozenset(a.types), a.delay_s) for a in policy.tiers[tier].alternatives}


def test_two_types_agree_at_once_and_one_does_for_small_sums_after_a_week() -> None:
    policy = default_policy(DUAL, ["bn254"])
    everything = (frozenset(DUAL), 0)
    singles = {(frozenset([name]), 7 * DAY_S) for name in DUAL}
    assert [t.limit_gwei for t in policy.tiers] == [LOW_VALUE_GWEI, None]
    assert alternatives(policy, 0) == {everything} | singles
    assert alternatives(policy, 1) == {everything}
    assert policy.accepts_halt


def test_three_types_survive_the_halt_of_any() -> None:
    policy = default_policy(TRIPLE, BOTH)
    pairs = {(frozenset(TRIPLE) - {name}, DAY_S) for name in TRIPLE}
    assert alternatives(policy, 1) == {(frozenset(TRIPLE), 0)} | pairs
    # Neither of the two others commits to every suite.
    assert alternatives(policy, 0) == alternatives(policy, 1) | {(frozenset(["sgx"]), 7 * DAY_S)}
    assert not policy.accepts_halt
    assert policy.weights["sgx"] < policy.weights["groth16"] < policy.weights["plonky2"]


FIVE = {
    "groth16": ["bn254"],
    "halo2": ["bn254"],
    "plonky2": ["goldilocks"],
    "stark": ["koalabear"],
    "sgx": ["bn254", "goldilocks", "koalabear"],
}
ALL_SUITES = ["bn254", "goldilocks", "koalabear"]


def test_five_types_release_small_sums_before_the_slowest_is_there() -> None:
    policy = default_policy(FIVE, ALL_SUITES)
    assert [t.limit_gwei for t in policy.tiers] == [LOW_VALUE_GWEI // 10, LOW_VALUE_GWEI, None]
    fast, middle = frozenset({"stark", "sgx"}), frozenset({"halo2", "stark", "sgx"})

    def without(*names: str) -> set[tuple[frozenset[str], int]]:
        return {(frozenset(FIVE) - {name}, DAY_S) for name in names}

    single = (frozenset({"sgx"}), 7 * DAY_S)
    assert alternatives(policy, 0) == {(fast, 0), single} | without("stark", "sgx")
    assert alternatives(policy, 1) == {(middle, 0)} | without("halo2", "stark", "sgx")
    assert alternatives(policy, 2) == {(frozenset(FIVE), 0)} | without(*FIVE)
    assert not policy.accepts_halt
    assert policy_from(policy_words(policy, list(FIVE)), list(FIVE)) == policy


def test_one_type_is_all_there_is() -> None:
    policy = default_policy({"sgx": BOTH}, BOTH)
    assert [alternatives(policy, 0)] == [{(frozenset(["sgx"]), 0)}]
    with pytest.raises(UncoveredSuiteError):
        default_policy({"groth16": ["bn254"]}, BOTH)


def test_trust_is_known_for_ours_and_least_for_others() -> None:
    assert by_trust(["plonky2", "acme", "groth16", "sgx"]) == ("acme", "sgx", "groth16", "plonky2")


@pytest.mark.parametrize("types", [DUAL, TRIPLE])
def test_a_policy_comes_back_from_l1_as_it_went(types: dict[str, list[str]]) -> None:
    policy = default_policy(types, BOTH if types is TRIPLE else ["bn254"])
    assert policy_from(policy_words(policy, list(types)), list(types)) == policy


def status(final_bits: int = 0, **times: int) -> ClaimStatus:
    names = frozenset(times)
    return ClaimStatus(True, False, 0, 0, final_bits, 1, 0, names, names, times)


def test_a_claim_is_final_from_the_earliest_alternative_that_holds() -> None:
    policy = default_policy(TRIPLE, BOTH)
    low, top = tier_bits(policy)
    assert (low, top) == (0, 3)
    assert final_from(policy, status(groth16=100), 0) == {}
    assert final_from(policy, status(sgx=100), 0) == {low: 100 + 7 * DAY_S}
    pair = {low: 200 + DAY_S, top: 200 + DAY_S}
    assert final_from(policy, status(sgx=100, groth16=200), 0) == pair
    assert final_from(policy, status(sgx=100, groth16=200, plonky2=300), 0) == {low: 300, top: 300}
    # A third vouch that comes later than the pair's delay takes nothing back.
    late = status(sgx=100, groth16=200, plonky2=9 * DAY_S)
    assert final_from(policy, late, 0) == pair
    assert final_from(policy, status(final_bits=0b1001), 0) == {low: 0, top: 0}


def test_no_delay_counts_from_before_a_conflict_ended() -> None:
    policy = default_policy(TRIPLE, BOTH)
    low, top = tier_bits(policy)
    pair, both = status(sgx=100, groth16=200), {low: 500 + DAY_S, top: 500 + DAY_S}
    assert final_from(policy, pair, 500) == both
    assert final_from(policy, pair, 150) == final_from(policy, pair, 0)
    # What all vouch for waits for nothing.
    assert final_from(policy, status(sgx=100, groth16=200, plonky2=300), 500) == {low: 300, top: 300}
    assert not due(policy, pair, status(final_bits=15), 200 + DAY_S, 500)
    assert due(policy, pair, status(final_bits=15), 500 + DAY_S, 500)


def test_what_is_due_waits_for_delay_and_parent() -> None:
    policy = default_policy(TRIPLE, BOTH)
    pair, genesis = status(sgx=100, groth16=200), status(final_bits=15)
    assert not due(policy, pair, genesis, 199 + DAY_S, 0)
    assert due(policy, pair, genesis, 200 + DAY_S, 0)
    assert not due(policy, pair, status(final_bits=0), 200 + DAY_S, 0)
    # The parent is final for small values only: so much is due, and no more.
    assert due(policy, pair, status(final_bits=0b0001), 200 + DAY_S, 0)
    assert not due(policy, status(0b0001, sgx=100, groth16=200), status(final_bits=0b0001), 200 + DAY_S, 0)
