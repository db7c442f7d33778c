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
    FORCE_WINDOW,
    GAS_CAP,
    MAX_DELAY,
    OPERATOR,
    OTHER,
    POLICY,
    PROOF_WINDOW,
    QUARANTINED,
    SEQUENCER,
    STRANGER,
    TIERS,
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
from settlement_support import deposit
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


def stuck(core: Core) -> tuple[bytes, bytes]:
    """A batch with a forged signature, and one on it: no outputs are true of it. S vouches for both all the
    same, and is believed at the lower tiers.
    """
    one = core.post(core.genesis, batch(1))
    two = core.post(one, batch(2))
    core.vouch(S, core.genesis, batch(1), LIE)
    core.vouch(S, one, batch(2), LIE)
    core.wait(DAY + EPOCH)
    core.settle(core.genesis, batch(1))
    core.settlement.send(STRANGER, "complain")
    core.wait(PROOF_WINDOW + MAX_DELAY)
    return one, two


def test_inputs_that_only_a_liar_proves_do_not_stop_the_chain(core: Core) -> None:
    """Nobody can contradict a vouch for a forged signature: with these inputs, nothing is true."""
    one, two = stuck(core)
    assert core.final(one) == 3
    core.settlement.send(OTHER, "discard")
    # Nobody earns by it: a type that halts for so long is not the sequencer's fault.
    assert core.sequencing.view("sequencer") == bytes(20)
    assert core.sequencing.view("credit", OTHER) == 0
    assert core.sequencing.view("credit", SEQUENCER) == BOND
    # What was released stays released; nothing more is, on the liar's word of before.
    assert core.settlement.view("is_final", one, 1)
    assert core.head(S) == core.genesis
    assert core.claim(one)["counting"] == core.claim(two)["counting"] == 0
    refused("settle: nothing is due", core.settle, one, batch(2))
    refused("settle: discarded", core.settle, core.genesis, batch(1))
    refused("vouch: discarded", core.vouch, G, core.genesis, batch(1), LIE)
    core.take_seat(OTHER)
    true = core.post(core.genesis, batch(3), sender=OTHER)
    refused("vouch: not valid yet", core.vouch, S, core.genesis, batch(3), roots(3))
    core.wait(EPOCH)
    for t in (G, H, K, S):
        core.vouch(t, core.genesis, batch(3), roots(3))
    assert core.final(true) == 15
    assert core.settlement.view("final_claim") == true


def test_a_batch_that_comes_back_is_final_where_it_was_and_its_sibling_is_not(core: Core) -> None:
    """Discarded, and posted again word for word: what it was final at is neither lost nor open to another."""
    one, _ = stuck(core)
    core.settlement.send(OTHER, "discard")
    core.take_seat(OTHER)
    core.post(core.genesis, batch(1), sender=OTHER)
    core.propose(core.genesis, batch(101), batch(1))
    assert core.final(one) == 3
    assert core.claim(core.genesis)["child_final"] == 3
    for t in (G, H):
        core.vouch(t, core.genesis, batch(101), roots(1))
    assert core.final(claims.claim_id(core.genesis, batch(101))) == 0
    core.wait(DAY + EPOCH)
    core.settle(core.genesis, batch(101))
    assert core.final(claims.claim_id(core.genesis, batch(101))) == 12


def test_a_batch_that_waits_for_a_delay_of_its_policy_is_not_discarded() -> None:
    """The longest delay there is, and a complaint in the very second of the batch."""
    core = Core.deploy(policy([(UNLIMITED, (((G, H, K, S), 0), ((S,), MAX_DELAY), ((G, H), MAX_DELAY)))]))
    one = core.post(core.genesis, batch(1))
    core.settlement.send(STRANGER, "complain")
    core.wait(PROOF_WINDOW - EPOCH)
    core.vouch(S, core.genesis, batch(1), roots(1))
    core.wait(MAX_DELAY)
    refused("discard: too early", core.settlement.send, STRANGER, "discard")
    core.wait(EPOCH)
    core.settle(core.genesis, batch(1))
    assert core.settlement.view("final_claim") == one


def test_what_is_posted_on_a_branch_that_lost_takes_nothing_in(core: Core) -> None:
    """False outputs come first, the queue is taken in behind them, and nothing is where it counts."""
    origin, words = core.enqueue(deposit(0, 5))
    true, false = batch(1), batch(101)
    dead = core.post(core.genesis, false)
    core.post(dead, batch(2, [deposit(0, 5)]), [origin])
    core.propose(core.genesis, true, false)
    for t in (G, H, K, S):
        core.vouch(t, core.genesis, true, roots(1))
    core.wait(FORCE_WINDOW)
    refused("overdue: in time", core.sequencing.send, OTHER, "overdue", 0, origin, words)
    core.wait(EPOCH + 1)
    checkpoint = core.machine.evm.snapshot()
    core.sequencing.send(OTHER, "overdue", 0, origin, words)
    assert core.sequencing.view("credit", OTHER) == BOND // 2
    assert core.sequencing.view("credit", SEQUENCER) == 0
    # Who does take it in where it counts is in time.
    core.machine.evm.revert(checkpoint)
    core.post(claims.claim_id(core.genesis, true), batch(3, [deposit(0, 5)]), [origin])
    refused("overdue: in time", core.sequencing.send, OTHER, "overdue", 0, origin, words)


def test_what_was_announced_is_not_kept_for_a_better_time(core: Core) -> None:
    core.governance.send(OPERATOR, "propose_policy", ONE_IS_ENOUGH)
    core.wait(TIMELOCK)
    refused("timelock: scheduled", core.governance.send, OPERATOR, "propose_policy", ONE_IS_ENOUGH)
    core.wait(TIMELOCK + 1)
    refused("timelock: lapsed", core.governance.send, STRANGER, "apply_policy", ONE_IS_ENOUGH)
    core.governance.send(OPERATOR, "propose_policy", ONE_IS_ENOUGH)
    core.wait(2 * TIMELOCK)
    core.governance.send(STRANGER, "apply_policy", ONE_IS_ENOUGH)


def test_no_tightening_makes_a_type_indispensable() -> None:
    """Or an operator that can halt a type, as by revoking its keys, could stop the chain without notice."""
    either = [((G, H, K, S), 0), ((G, H), DAY), ((S,), DAY)]
    rows = lambda *alternatives: policy([(UNLIMITED, alternatives)], accepts_halt=True)  # noqa: E731
    core = Core.deploy(rows(*either))
    tighten = lambda *alternatives: core.governance.send(OPERATOR, "tighten_policy", rows(*alternatives))  # noqa: E731
    refused("policy: not tighter", tighten, either[0], ((G, H, S), DAY))
    refused("policy: not tighter", tighten, either[0], either[1])
    tighten(either[0], ((G, H), 2 * DAY), either[2])


def test_a_type_that_is_out_is_no_way_to_survive_another(core: Core) -> None:
    """The new policy leaves alternatives that want S, or K, which is out: then S would be indispensable."""
    low, middle, (limit, alternatives) = TIERS
    fewer = tuple(a for a in alternatives if a[0] in ((G, H, K, S), (H, K), (K, S), (G, S)))
    tighter = policy([low, middle, (limit, fewer)])
    checkpoint = core.machine.evm.snapshot()
    core.governance.send(OPERATOR, "tighten_policy", tighter)
    core.machine.evm.revert(checkpoint)
    core.canary(K, batch(50), LIE)
    refused("policy: not tighter", core.governance.send, OPERATOR, "tighten_policy", tighter)
    core.governance.send(OPERATOR, "tighten_policy", POLICY)
