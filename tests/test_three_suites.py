"""Five proof types over three suites: nothing outside of ``suites/`` asks how many there are.

The contracts are ours, with the default policy of five types. Adapters of ``halo2``, ``plonky2`` and
``stark`` take what they are told; those of ``groth16`` and ``sgx`` verify.
"""

from __future__ import annotations

import pytest

from examples.token.token import Token
from multiprover.ledger.state import State
from multiprover.program import trace
from multiprover.provers.registry import suites_for
from multiprover.settlement import claims
from multiprover.settlement.types import DAY_S, TOP_TIER
from multiprover.soundness import settling
from multiprover.soundness.settling import LARGE, SMALL, Stage, played
from multiprover.suites import Wallet

FIVE = ("groth16", "halo2", "plonky2", "stark", "sgx")
SUITES = ("bn254", "goldilocks", "koalabear")


@pytest.fixture(scope="module")
def stage() -> Stage:
    return settling._stage(FIVE)


def test_every_suite_is_there() -> None:
    assert suites_for(FIVE) == SUITES
    assert suites_for(["stark"]) == ("koalabear",)
    wallet = Wallet.from_seed(b"\x05" * 32, SUITES, height=2)
    assert len(wallet.public_key.to_bytes(SUITES)) == 96


def test_a_batch_is_final_for_any_value(stage: Stage) -> None:
    settlement, first = stage.contracts.settlement, stage.first
    status = settlement.claim(first.id)
    assert status.final
    assert status.vouched == set(FIVE)
    roots = [first.post[suite] for suite in SUITES]
    assert [settlement.root(first.id, suite) for suite in SUITES] == roots
    assert settlement.state_root(first.id) == claims.state_root(roots)
    before = claims.state_root([first.pre[suite] for suite in SUITES])
    assert settlement.genesis == claims.genesis_claim(settlement.domain, before)


def test_small_values_are_released_before_the_slowest_type_is_there(stage: Stage) -> None:
    settlement = stage.contracts.settlement
    snapshot, state = stage.l1.snapshot(), stage.world.state
    stage.world.state = state.copy()
    try:
        claim = stage._claim(stage.first.id, stage._withdrawals(settling.ETH))
        stage.post(claim)
        bits = []
        for name in ("sgx", "stark", "halo2", "groth16", "plonky2"):
            assert stage.vouch(name, claim, honest=True) is None
            bits.append(settlement.claim(claim.id).final_bits)
        everything = (2 << TOP_TIER) - 1
        assert bits == [0, 1, 3, 3, everything]
        assert [settlement.tier_of(gwei) for gwei in (settling.ETH, settling.ETH + 1, SMALL + 1)] == [0, 1, 2]
    finally:
        stage.l1.revert(snapshot)
        stage.world.state = state


@pytest.mark.parametrize("liars", [("stark",), ("plonky2", "stark")])
def test_liars_move_nothing_and_are_found(liars: tuple[str, ...]) -> None:
    outcome = played(FIVE, liars, "result")
    assert (outcome.stolen_gwei, outcome.false_final) == (0, {})
    assert outcome.conflict
    assert set(outcome.replaced) == set(liars)
    assert outcome.final_s is not None
    assert outcome.final_s < DAY_S


def test_a_false_root_in_the_third_suite_alone_is_found() -> None:
    outcome = played(FIVE, ["stark"], "root")
    assert outcome.conflict
    assert outcome.replaced == ("stark",)
    assert outcome.stolen_gwei == 0


def test_the_two_fast_types_together_take_no_more_than_little_values() -> None:
    outcome = played(FIVE, ["stark", "sgx"], "result")
    assert set(outcome.false_final) == {0}
    assert SMALL not in outcome.stolen_after_s
    assert LARGE not in outcome.stolen_after_s


def test_a_suites_root_does_not_depend_on_the_others() -> None:
    together = State(trace(Token, SUITES)).roots().roots
    assert together == tuple(State(trace(Token, [suite])).roots().roots[0] for suite in SUITES)
    assert len(set(together)) == 3
