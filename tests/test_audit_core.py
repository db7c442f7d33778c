"""Attacks on the core contracts that once worked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from core_support import (
    ACTIVE,
    BOND,
    COUNCIL,
    COUNCIL_WINDOW,
    DAY,
    EPOCH,
    GAS_CAP,
    OPERATOR,
    PROOF_WINDOW,
    QUARANTINED,
    SEQUENCER,
    STRANGER,
    TIMELOCK,
    UNLIMITED,
    Core,
    G,
    H,
    K,
    S,
    batch,
    mask,
    policy,
    roots,
)
from test_core_conflicts import LIE, agree, fork, refused

from multiprover.settlement import claims

WEEK = 7 * DAY
ONE_IS_ENOUGH = policy([(UNLIMITED, (((G, H, K, S), 0), ((S,), WEEK), ((G, H), WEEK)))])
"""Any value after a week by one type that nobody contradicts."""


@pytest.fixture(scope="module")
def deployed() -> Core:
    return Core.deploy()


@pytest.fixture
def core(deployed: Core) -> Iterator[Core]:
    now, checkpoint = deployed.machine.now, deployed.machine.evm.snapshot()
    yield deployed
    deployed.machine.evm.revert(checkpoint)
    deployed.machine.set_time(now)


@pytest.mark.parametrize("honest", [G, H, K, S])
def test_a_pruned_root_is_no_contradiction(core: Core, honest: int) -> None:
    """Prune a claim, but not its parent: anyone could convict every honest type with its own old proof."""
    one = agree(core, core.genesis, 1)
    agree(core, one, 2)
    core.wait(PROOF_WINDOW + EPOCH)
    core.settlement.send(STRANGER, "prune", core.genesis, claims.journal_hash(batch(1)), [])
    assert core.settlement.view("root", one, 0) == bytes(32)
    refused("convict: no contradiction", core.convict, honest, core.genesis, batch(1), batch(1), roots(1))
    assert core.status(honest) == ACTIVE


def test_no_delay_passes_while_nobody_can_object() -> None:
    """K gives itself up in batch 1, so that S's lie in batch 2 ripens while nobody else can vouch there."""
    core = Core.deploy(ONE_IS_ENOUGH)
    true1, false1 = fork(core, core.genesis, 1)
    one = claims.claim_id(core.genesis, true1)
    true2, false2 = fork(core, one, 2)
    two = claims.claim_id(one, true2)
    core.vouch(S, core.genesis, true1, roots(1))
    lie = core.vouch(S, one, false2, LIE)
    core.vouch(K, core.genesis, false1, LIE)
    core.show(core.genesis, true1, false1)
    for t in (G, H):
        core.vouch(t, core.genesis, true1, roots(1))
        refused("vouch: frozen", core.vouch, t, one, true2, roots(2))
    core.wait(COUNCIL_WINDOW + EPOCH)
    # All of it in one transaction, as the attacker would.
    core.governance.send(STRANGER, "resolve")
    refused("settle: nothing is due", core.settle, core.genesis, true1)
    refused("settle: nothing is due", core.settle, one, false2)
    for t in (G, H):
        core.vouch(t, one, true2, roots(2))
    core.show(one, true2, false2)
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")
    core.wait(WEEK + EPOCH)
    core.settle(core.genesis, true1)
    core.settle(one, true2)
    assert core.settlement.view("final_claim") == two
    assert core.final(lie) == 0


def test_who_stands_behind_a_claim_but_not_its_roots_still_weighs(core: Core) -> None:
    """G spoils the true claim's root, so that nobody else can vouch for it; H lies (weights 3, 5, 6, 7)."""
    true, false = fork(core, core.genesis, 1)
    good = core.vouch(G, core.genesis, true, {"bn254": 666, "mock": 0})
    core.vouch(H, core.genesis, false, LIE)
    core.show(core.genesis, true, false)
    for t in (K, S):
        core.vouch(t, core.genesis, true, roots(1))
    assert core.governance.view("support")[:2] == (mask([G, K, S]), mask([H]))
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")
    assert [core.status(t) for t in (G, H, K, S)] == [ACTIVE, QUARANTINED, ACTIVE, ACTIVE]
    # The roots' turn.
    for t in (K, S):
        core.vouch(t, core.genesis, true, roots(1))
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")
    assert core.status(G) == QUARANTINED
    for t in (K, S):
        core.vouch(t, core.genesis, true, roots(1))
    core.wait(DAY + EPOCH)
    core.settle(core.genesis, true)
    assert core.settlement.view("final_claim") == good


def test_who_doubts_one_suite_still_weighs_in_another(core: Core) -> None:
    """H spoils the root of `mock`; K lies about that of `bn254` (6), G does not (3), nor does S (7)."""
    claim = core.post(core.genesis, batch(1))
    core.vouch(G, core.genesis, batch(1), roots(1))
    core.vouch(H, core.genesis, batch(1), LIE)
    core.vouch(K, core.genesis, batch(1), LIE)
    core.vouch(S, core.genesis, batch(1), roots(1))
    assert core.governance.view("support")[:2] == (mask([G, S]), mask([K]))
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")
    assert [core.status(t) for t in (G, H, K, S)] == [ACTIVE, ACTIVE, QUARANTINED, ACTIVE]
    core.vouch(S, core.genesis, batch(1), roots(1))
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")
    assert core.status(H) == QUARANTINED
    core.vouch(S, core.genesis, batch(1), roots(1))
    assert core.claim(claim)["counting"] == mask([G, S])


def test_a_quarrel_over_roots_does_not_hide_one_over_claims(core: Core) -> None:
    """K and G quarrel, in earnest or not, over the roots of a claim whose outputs are false."""
    true, false = fork(core, core.genesis, 1)
    good = core.vouch(S, core.genesis, true, roots(1))
    core.vouch(G, core.genesis, false, LIE)
    core.vouch(K, core.genesis, false, {"bn254": 5, "mock": 0})
    assert core.conflict(0)["kind"] == 2
    core.show(core.genesis, true, false)
    core.vouch(H, core.genesis, true, roots(1))
    core.vouch(K, core.genesis, false, {"bn254": 5, "mock": 0})
    assert core.governance.view("support")[:2] == (mask([S, H]), mask([G, K]))
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")
    core.governance.send(STRANGER, "resolve")
    assert core.settlement.view("frozen_from") == 0
    assert [core.status(t) for t in (G, H, K, S)] == [QUARANTINED, ACTIVE, QUARANTINED, ACTIVE]
    assert core.claim(good)["counting"] == mask([H, S])


def test_a_liar_against_what_is_final_is_out_even_if_its_truthful_witnesses_are(core: Core) -> None:
    """Those that made the batch final were all replaced since: K's lie is one all the same."""
    true, false = fork(core, core.genesis, 1)
    core.vouch(K, core.genesis, false, LIE)
    for t in (G, S):
        core.vouch(t, core.genesis, true, roots(1))
    core.wait(DAY + EPOCH)
    core.settle(core.genesis, true)
    assert core.final(claims.claim_id(core.genesis, true)) == 15
    for t in (G, S):
        core.canary(t, batch(50), LIE)
    core.show(core.genesis, true, false)
    assert core.status(K) == QUARANTINED


def test_the_adapter_that_was_asked_is_the_one_banned(core: Core) -> None:
    new = core.new_adapter("g")
    arguments = (G, new, GAS_CAP, 1)
    core.governance.send(OPERATOR, "schedule_upgrade", *arguments)
    core.wait(TIMELOCK)
    core.governance.send(STRANGER, "apply_upgrade", *arguments)
    core.post(core.genesis, batch(1))
    core.vouch(K, core.genesis, batch(1), roots(1))
    core.vouch(G, core.genesis, batch(1), LIE)
    core.vouch(G, core.genesis, batch(1), {"bn254": 5, "mock": 0})
    core.governance.send(STRANGER, "resolve")
    assert core.governance.view("banned", new)
    assert not core.governance.view("banned", core.adapters[G])


def test_a_choice_for_one_conflict_is_none_in_another(core: Core) -> None:
    """The council signs option 1 of a conflict; a type gives itself up for one that comes first."""
    true1, false1 = fork(core, core.genesis, 1)
    one = claims.claim_id(core.genesis, true1)
    for t in (G, H):
        core.vouch(t, core.genesis, true1, roots(1))
    true2, false2 = fork(core, one, 2)
    core.vouch(H, one, false2, LIE)
    core.vouch(G, one, true2, roots(2))
    core.show(one, false2, true2)
    signed = core.governance.data("choose", 0, 1)
    core.vouch(K, core.genesis, false1, LIE)
    core.show(core.genesis, true1, false1)
    refused(
        "choose: another conflict is open",
        core.machine.call,
        COUNCIL,
        core.governance.address,
        signed,
    )
    assert [core.status(t) for t in (G, H, K)] == [ACTIVE] * 3


def test_who_was_out_when_its_root_lost_gave_one_answer_all_the_same(core: Core) -> None:
    """K and S vouched for one root, K is out for another matter, and the council chooses the other root."""
    one = core.post(core.genesis, batch(1))
    for t in (K, S):
        core.vouch(t, core.genesis, batch(1), roots(1))
    true, false = fork(core, one, 2)
    core.vouch(K, one, false, LIE)
    core.vouch(S, one, true, roots(2))
    core.show(one, true, false)
    core.governance.send(COUNCIL, "choose", 0, 0)
    assert core.status(K) == QUARANTINED
    core.vouch(G, core.genesis, batch(1), LIE)
    core.governance.send(COUNCIL, "choose", 1, 1)
    assert core.settlement.view("root", one, 0) == LIE["bn254"].to_bytes(32, "big")
    refused("convict: not vouched for", core.convict, K, core.genesis, batch(1), batch(1), roots(1))
    assert core.claim(one)["vouched"] == 0


def test_a_sequencer_does_not_leave_before_its_batch_is_final(core: Core) -> None:
    """It would post what nobody can prove as it goes, and keep its bond."""
    claim = agree(core, core.genesis, 1)
    core.sequencing.send(SEQUENCER, "leave")
    core.wait(DAY)
    core.post(claim, batch(2))
    refused("seat: batch not final", core.sequencing.send, SEQUENCER, "retire")
    core.settlement.send(STRANGER, "complain")
    core.wait(PROOF_WINDOW)
    core.settlement.send(STRANGER, "discard")
    assert core.sequencing.view("credit", SEQUENCER) == 0
    assert core.sequencing.view("credit", STRANGER) == BOND // 2
