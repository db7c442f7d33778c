"""The core contracts against liars: types that accept anything, a silent council, an operator in a hurry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from core_support import (
    ACTIVE,
    BOUNTY,
    COUNCIL,
    COUNCIL_WINDOW,
    DAY,
    DEPLOYER,
    DISABLED,
    EPOCH,
    GAS_CAP,
    HOUR,
    MAX_DELAY,
    NO_WINNER,
    OPERATOR,
    OTHER,
    PAYEE,
    POLICY,
    PROOF_WINDOW,
    QUARANTINED,
    SEQUENCER,
    STRANGER,
    TIMELOCK,
    Contract,
    Core,
    G,
    H,
    K,
    Machine,
    Reverted,
    S,
    batch,
    compiled,
    mask,
    policy,
    roots,
)
from settlement_support import TRANSFER, deposit, journal, slot

from multiprover.settlement import claims

LIE = {"bn254": 666, "mock": 667}


@pytest.fixture(scope="module")
def deployed() -> Core:
    return Core.deploy()


@pytest.fixture
def core(deployed: Core) -> Iterator[Core]:
    now, checkpoint = deployed.machine.now, deployed.machine.evm.snapshot()
    yield deployed
    deployed.machine.evm.revert(checkpoint)
    deployed.machine.set_time(now)


def refused(reason: str, action: Callable[..., object], *arguments: Any, **named: Any) -> None:
    with pytest.raises(Reverted) as caught:
        action(*arguments, **named)
    assert caught.value.reason == reason


def agree(core: Core, parent: bytes, number: int, types: tuple[int, ...] = (G, H, K, S)) -> bytes:
    """The next batch, vouched for by these types."""
    claim = core.post(parent, batch(number))
    for t in types:
        core.vouch(t, parent, batch(number), roots(number))
    return claim


def fork(core: Core, parent: bytes, number: int) -> tuple[bytes, bytes]:
    """A batch and a sibling of it that lies: same inputs, other outputs."""
    true, false = batch(number), batch(number + 100)
    core.post(parent, true)
    core.propose(parent, false, true)
    return true, false


# Finality by value


def test_all_types_make_a_claim_final_at_once_at_every_tier(core: Core) -> None:
    claim = agree(core, core.genesis, 1)
    assert core.final(claim) == 15
    assert core.settlement.view("final_claim") == claim
    assert [core.settlement.view("is_final", claim, t) for t in range(3)] == [True] * 3


def test_a_value_is_released_by_the_tier_that_it_belongs_to(core: Core) -> None:
    tier_of = [core.settlement.view("tier_of", v) for v in (0, 100, 101, 10_000, 10_001, 2**64 - 1, 2**200)]
    assert tier_of == [0, 0, 1, 1, 2, 2, 2]
    claim = agree(core, core.genesis, 1, (G, H))
    assert [core.settlement.view("is_final", claim, t) for t in range(3)] == [True, False, False]
    refused("tier: unknown", core.settlement.view, "is_final", claim, 3)


def test_fewer_types_wait_longer_and_never_a_second_too_short(core: Core) -> None:
    core.wait(5)
    claim = agree(core, core.genesis, 1, (S,))
    vouched = core.machine.now
    refused("settle: nothing is due", core.settle, core.genesis, batch(1))
    core.wait(HOUR)
    refused("settle: nothing is due", core.settle, core.genesis, batch(1))
    (due,) = {t for t in core.claim(claim)["times"] if t}
    assert vouched <= due <= vouched + EPOCH
    core.machine.set_time(due + HOUR - 1)
    refused("settle: nothing is due", core.settle, core.genesis, batch(1))
    core.machine.set_time(due + HOUR)
    core.settle(core.genesis, batch(1))
    assert core.final(claim) == 1
    core.machine.set_time(due + DAY)
    core.settle(core.genesis, batch(1))
    assert core.final(claim) == 3
    core.wait(365 * DAY)
    refused("settle: nothing is due", core.settle, core.genesis, batch(1))


def test_a_claim_is_final_only_after_its_parent(core: Core) -> None:
    one = agree(core, core.genesis, 1, (G, H, S))
    two = agree(core, one, 2, (G, H, S))
    core.vouch(K, core.genesis, batch(1), roots(1))
    assert core.final(one) == 15
    assert core.final(two) == 3
    core.vouch(K, one, batch(2), roots(2))
    assert core.final(two) == 15


def test_a_delay_passes_for_the_parent_first(core: Core) -> None:
    one = agree(core, core.genesis, 1, (G, S))
    two = agree(core, one, 2, (G, S))
    core.wait(2 * DAY)
    refused("settle: nothing is due", core.settle, one, batch(2))
    core.settle(core.genesis, batch(1))
    core.settle(one, batch(2))
    assert core.final(two) == 15


# Conflicts of claims


def test_a_lie_freezes_its_batch_and_all_after_and_nothing_before(core: Core) -> None:
    one = agree(core, core.genesis, 1, (G, H, S))
    true, false = fork(core, one, 2)
    lie = core.vouch(K, core.genesis, batch(1), roots(1)) and core.vouch(K, one, false, LIE)
    two = core.vouch(G, one, true, roots(2))
    core.show(one, true, false)
    assert core.settlement.view("frozen_from") == 2
    core.vouch(H, one, true, roots(2))
    core.vouch(S, one, true, roots(2))
    assert core.final(two) == core.final(lie) == 0
    core.wait(6 * DAY)
    refused("settle: nothing is due", core.settle, one, true)
    assert core.final(one) == 15
    core.post(two, batch(3))
    refused("vouch: frozen", core.vouch, G, two, batch(3), roots(3))


def test_the_council_chooses_a_branch_and_the_liar_is_out(core: Core) -> None:
    true, false = fork(core, core.genesis, 1)
    core.vouch(K, core.genesis, false, LIE)
    good = core.vouch(G, core.genesis, true, roots(1))
    core.show(core.genesis, true, false)
    refused("choose: not the council", core.governance.send, OPERATOR, "choose", 0, 0)
    refused("choose: no such option", core.governance.send, COUNCIL, "choose", 0, 2)
    core.governance.send(COUNCIL, "choose", 0, 0)
    assert (core.status(K), core.status(G)) == (QUARANTINED, ACTIVE)
    assert core.claim(claims.claim_id(core.genesis, false))["closed"]
    for t in (H, S):
        core.vouch(t, core.genesis, true, roots(1))
    core.wait(2 * HOUR)
    core.settle(core.genesis, true)
    assert core.final(good) == 15
    record = core.conflict(0)
    assert (record["losers"], record["winner"], record["by_council"], record["disabled"]) == (
        mask([K]),
        0,
        True,
        0,
    )
    refused("vouch: not the head", core.vouch, K, core.genesis, true, roots(1))
    refused("conflict: none is open", core.governance.send, COUNCIL, "choose", 0, 0)


def test_two_types_lie_together_and_lose_to_more_weight(core: Core) -> None:
    """A silent council: the heavier side stands (G 3, H 5, K 6, S 7)."""
    true, false = fork(core, core.genesis, 1)
    for t in (G, H):
        core.vouch(t, core.genesis, false, LIE)
    # At the lowest tier, two types that lie together are believed at once: that is what the tier says.
    lie = claims.claim_id(core.genesis, false)
    assert core.final(lie) == 1
    core.vouch(K, core.genesis, true, roots(1))
    good = core.vouch(S, core.genesis, true, roots(1))
    core.show(core.genesis, true, false)
    refused("resolve: too early", core.governance.send, STRANGER, "resolve")
    core.wait(COUNCIL_WINDOW)
    refused("choose: too late", core.governance.send, COUNCIL, "choose", 0, 0)
    core.governance.send(STRANGER, "resolve")
    assert [core.status(t) for t in (G, H, K, S)] == [QUARANTINED, QUARANTINED, ACTIVE, ACTIVE]
    # The delay starts anew: while the batch was frozen, nobody could contradict what was built on it.
    refused("settle: nothing is due", core.settle, core.genesis, true)
    core.wait(DAY + EPOCH)
    core.settle(core.genesis, true)
    assert core.final(good) == 15
    assert core.settlement.view("final_claim") == good
    # What was final stays so: nobody takes it back.
    assert core.final(lie) == 1
    refused("settle: nothing is due", core.settle, core.genesis, false)


def test_only_one_sibling_is_final_at_a_tier(core: Core) -> None:
    """Two types' lie is final at the lowest tier; the truth is not, until it is at a higher one."""
    true, false = fork(core, core.genesis, 1)
    for t in (G, H):
        core.vouch(t, core.genesis, false, LIE)
    good = core.vouch(S, core.genesis, true, roots(1))
    core.wait(HOUR + EPOCH)
    refused("settle: nothing is due", core.settle, core.genesis, true)
    core.wait(DAY)
    # {S} after a day is the second tier's; nobody showed the conflict.
    core.settle(core.genesis, true)
    assert core.final(good) == 2
    assert core.settlement.view("is_final", good, 0)
    refused("settle: nothing is due", core.settle, core.genesis, true)


def test_a_lower_conflict_comes_first_and_the_other_waits(core: Core) -> None:
    true1, false1 = fork(core, core.genesis, 1)
    one = claims.claim_id(core.genesis, true1)
    for t in (G, H):
        core.vouch(t, core.genesis, true1, roots(1))
    true2, false2 = fork(core, one, 2)
    core.vouch(G, one, true2, roots(2))
    core.vouch(H, one, false2, LIE)
    core.show(one, true2, false2)
    refused("conflict: another is open", core.show, one, true2, false2)
    core.wait(3 * DAY)
    core.vouch(K, core.genesis, false1, LIE)
    core.show(core.genesis, true1, false1)
    assert core.settlement.view("frozen_from") == 1
    refused("choose: another conflict is open", core.governance.send, COUNCIL, "choose", 0, 0)
    core.governance.send(COUNCIL, "choose", 1, 0)
    assert core.status(K) == QUARANTINED
    # The other is open again, with the whole window.
    assert core.settlement.view("frozen_from") == 2
    assert core.conflict(0)["deadline"] == core.machine.now + COUNCIL_WINDOW
    refused("settle: nothing is due", core.settle, one, true2)
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")
    assert core.settlement.view("frozen_from") == 0
    assert (core.status(G), core.status(H)) == (QUARANTINED, ACTIVE)


def test_a_waiting_conflict_on_a_lost_branch_is_moot(core: Core) -> None:
    true1, false1 = fork(core, core.genesis, 1)
    lie = claims.claim_id(core.genesis, false1)
    for t in (G, H):
        core.vouch(t, core.genesis, false1, LIE)
    a, b = fork(core, lie, 2)
    core.vouch(G, lie, a, roots(2))
    core.vouch(H, lie, b, LIE)
    core.show(lie, a, b)
    core.vouch(S, core.genesis, true1, roots(1))
    core.show(core.genesis, true1, false1)
    core.governance.send(COUNCIL, "choose", 1, 0)
    assert core.settlement.view("frozen_from") == 2
    refused("choose: no such option", core.governance.send, COUNCIL, "choose", 0, 0)
    core.governance.send(STRANGER, "resolve")
    assert core.settlement.view("frozen_from") == 0
    assert core.conflict(0)["winner"] == NO_WINNER
    assert core.conflict(0)["losers"] == 0


def test_further_branches_join_and_lose(core: Core) -> None:
    true, false = fork(core, core.genesis, 1)
    third = batch(777)
    core.propose(core.genesis, third, true)
    core.vouch(G, core.genesis, true, roots(1))
    core.vouch(K, core.genesis, false, LIE)
    core.show(core.genesis, true, false)
    refused(
        "conflict: not vouched for", core.governance.send, STRANGER, "add_branch", claims.journal_hash(third)
    )
    core.vouch(H, core.genesis, third, LIE)
    core.governance.send(STRANGER, "add_branch", claims.journal_hash(third))
    refused("conflict: known", core.governance.send, STRANGER, "add_branch", claims.journal_hash(third))
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")  # G 3, K 6, H 5
    assert [core.status(t) for t in (G, H, K, S)] == [QUARANTINED, QUARANTINED, ACTIVE, ACTIVE]


def test_the_council_has_no_power_without_a_conflict(core: Core) -> None:
    claim = agree(core, core.genesis, 1, (G, H, K))
    for name, arguments in {
        "choose": (0, 0),
        "replace_verifier": (G, core.new_adapter("x"), GAS_CAP),
        "tighten_policy": (POLICY,),
        "cancel": (bytes(32),),
    }.items():
        with pytest.raises(Reverted):
            core.governance.send(COUNCIL, name, *arguments)
    for name, arguments in {
        "freeze": (1,),
        "set_status": (1, QUARANTINED),
        "close": (claim,),
        "elect": (core.genesis, claim),
        "set_root": (claim, 0, b"\x01" * 32, 0),
        "reinstate": (G, core.adapters[0], 1),
        "set_next": (G, core.adapters[0], 1, 9),
        "set_policy": (1, 1, [0] * 5),
        "add_type": ((b"\x01" * 32, core.adapters[0], 1, True, 1),),
    }.items():
        for sender in (COUNCIL, OPERATOR, SEQUENCER, STRANGER):
            refused("hook: not governance", core.settlement.send, sender, name, *arguments)
    refused("halt: not the bridge", core.settlement.send, COUNCIL, "halt")
    refused(
        "conflict: not settlement",
        core.governance.send,
        STRANGER,
        "dissent",
        K,
        core.genesis,
        claim,
        0,
        *[bytes(32)] * 2,
    )


def test_claims_that_nobody_stands_behind_are_no_conflict(core: Core) -> None:
    true, false = fork(core, core.genesis, 1)
    refused("conflict: not vouched for", core.show, core.genesis, true, false)
    core.vouch(G, core.genesis, true, roots(1))
    refused("conflict: not vouched for", core.show, core.genesis, true, false)
    refused("conflict: one claim", core.show, core.genesis, true, true)
    refused("conflict: unknown claim", core.show, core.genesis, true, batch(9))


def test_who_contradicts_what_is_final_is_out_at_once(core: Core) -> None:
    true, false = fork(core, core.genesis, 1)
    for t in (G, H, S):
        core.vouch(t, core.genesis, true, roots(1))
    core.wait(HOUR + EPOCH)
    core.settle(core.genesis, true)
    core.vouch(K, core.genesis, false, LIE)
    core.show(core.genesis, true, false)
    assert core.status(K) == QUARANTINED
    assert core.governance.view("open_conflict") == core.settlement.view("frozen_from") == 0
    record = core.conflict(0)
    assert (record["winner"], record["losers"]) == (0, mask([K]))
    assert core.claim(claims.claim_id(core.genesis, false))["closed"]


# Conflicts of roots


def test_a_dissent_on_roots_freezes_and_the_winner_vouches_again(core: Core) -> None:
    claim = core.post(core.genesis, batch(1))
    core.vouch(G, core.genesis, batch(1), {"bn254": 666, "mock": 0})
    core.vouch(K, core.genesis, batch(1), roots(1))
    assert core.head(K) == core.genesis
    assert core.settlement.events("RootConflict")[0]["found"] == roots(1)["bn254"].to_bytes(32, "big")
    assert core.settlement.view("frozen_from") == 1
    core.vouch(S, core.genesis, batch(1), roots(1))
    record = core.conflict(0)
    assert record["supporters"] == (0, mask([K, S]))
    assert core.governance.view("support")[:3] == (mask([G]), mask([K, S]), 0)
    core.vouch(H, core.genesis, batch(1), roots(1))
    assert core.final(claim) == 0
    core.wait(COUNCIL_WINDOW)
    core.governance.send(STRANGER, "resolve")
    assert [core.status(t) for t in (G, H, K, S)] == [QUARANTINED, ACTIVE, ACTIVE, ACTIVE]
    assert core.claim(claim)["vouched"] == mask([H])
    for t in (K, S):
        core.vouch(t, core.genesis, batch(1), roots(1))
    core.wait(DAY + EPOCH)
    core.settle(core.genesis, batch(1))
    assert core.final(claim) == 15


def test_a_dissent_that_loses_leaves_the_roots(core: Core) -> None:
    claim = core.post(core.genesis, batch(1))
    for t in (G, H):
        core.vouch(t, core.genesis, batch(1), roots(1))
    core.vouch(S, core.genesis, batch(1), {"bn254": roots(1)["bn254"], "mock": 667})
    core.governance.send(COUNCIL, "choose", 0, 0)
    assert [core.status(t) for t in (G, H, K, S)] == [ACTIVE, ACTIVE, ACTIVE, QUARANTINED]
    core.vouch(K, core.genesis, batch(1), roots(1))
    assert core.claim(claim)["counting"] == mask([G, H, K])


def test_a_type_behind_two_roots_is_disabled_and_weighs_nothing(core: Core) -> None:
    core.post(core.genesis, batch(1))
    core.vouch(G, core.genesis, batch(1), roots(1))
    core.vouch(S, core.genesis, batch(1), LIE)
    core.vouch(S, core.genesis, batch(1), {"bn254": roots(1)["bn254"], "mock": 5})
    # Only one option is left that an honest type stands behind.
    core.governance.send(STRANGER, "resolve")
    assert (core.status(S), core.status(G)) == (DISABLED, ACTIVE)
    assert core.governance.view("banned", core.adapters[S])
    assert core.conflict(0)["disabled"] == mask([S])


def test_a_dissent_with_what_is_final_is_out_at_once(core: Core) -> None:
    claim = agree(core, core.genesis, 1, (G, H, S))
    core.wait(HOUR + EPOCH)
    core.settle(core.genesis, batch(1))
    before = core.settlement.view("state_root", claim)
    core.vouch(K, core.genesis, batch(1), LIE)
    assert core.status(K) == QUARANTINED
    assert core.head(K) == core.genesis
    assert core.settlement.view("state_root", claim) == before
    assert core.settlement.view("frozen_from") == 0


def test_roots_that_no_active_type_backs_give_way_but_not_if_final(core: Core) -> None:
    """K lied about the root and is out for another lie: G's root takes its place, without a conflict."""
    one = core.post(core.genesis, batch(1))
    core.vouch(K, core.genesis, batch(1), LIE)
    core.canary(K, batch(50), LIE)
    assert core.status(K) == DISABLED
    core.vouch(G, core.genesis, batch(1), roots(1))
    assert core.settlement.view("root", one, 0) == roots(1)["bn254"].to_bytes(32, "big")
    assert core.governance.view("open_conflict") == 0
    # K's vouch is forgotten with it: it was for another root.
    assert core.claim(one)["vouched"] == mask([G])


def test_the_dissenter_of_another_claim_waits_for_the_open_conflict(core: Core) -> None:
    true, false = fork(core, core.genesis, 1)
    core.vouch(G, core.genesis, true, roots(1))
    core.vouch(H, core.genesis, false, LIE)
    core.show(core.genesis, true, false)
    third = batch(201)
    core.propose(core.genesis, third, true)
    core.vouch(S, core.genesis, third, roots(1))
    refused("conflict: another is open", core.vouch, K, core.genesis, third, LIE)
    # As a branch of the conflict, it has K behind it, whatever K says of its roots.
    core.governance.send(STRANGER, "add_branch", claims.journal_hash(third))
    core.vouch(K, core.genesis, third, LIE)
    assert core.head(K) == core.genesis
    assert core.governance.view("support")[:3] == (mask([G]), mask([H]), mask([K, S]))


# Verifiers that are replaced


def quarantine(core: Core, liar: int, parent: bytes, number: int) -> bytes:
    """The liar vouches for a lie; the others for the truth."""
    true, false = fork(core, parent, number)
    core.vouch(liar, parent, false, LIE)
    for t in {G, H, K, S} - {liar}:
        core.vouch(t, parent, true, roots(number))
    core.show(parent, true, false)
    core.governance.send(COUNCIL, "choose", 0, 0)
    return claims.claim_id(parent, true)


def test_the_council_replaces_the_verifier_of_a_quarantined_type_only(core: Core) -> None:
    one = quarantine(core, K, core.genesis, 1)
    new = core.new_adapter("new")
    replace = lambda t, adapter, sender=COUNCIL: core.governance.send(  # noqa: E731
        sender, "replace_verifier", t, adapter, GAS_CAP
    )
    refused("replace: not the council", replace, K, new, OPERATOR)
    refused("replace: type is active", replace, G, new)
    refused("type: adapter in use", replace, K, core.adapters[G])
    refused("type: unknown", replace, 7, new)
    replace(K, new)
    assert core.status(K) == ACTIVE
    # From the next epoch on, at final_claim; the others have not made the batch final yet.
    assert core.head(K) == core.genesis
    refused("vouch: not valid yet", core.vouch, K, core.genesis, batch(1), roots(1))
    core.wait(EPOCH)
    core.vouch(K, core.genesis, batch(1), roots(1))
    assert core.final(one) == 15
    refused("replace: type is active", replace, K, core.new_adapter("newer"))


def test_a_reinstated_types_old_vouches_do_not_count(core: Core) -> None:
    """H vouched for three batches; its old verifier's word is worth nothing once it is replaced."""
    one = agree(core, core.genesis, 1, (H, G))
    two = agree(core, one, 2, (H,))
    core.canary(H, batch(50), LIE)
    assert core.claim(one)["counting"] == mask([G])
    core.governance.send(COUNCIL, "replace_verifier", H, core.new_adapter("new"), GAS_CAP)
    core.wait(3 * DAY)
    assert core.claim(one)["counting"] == mask([G])
    refused("settle: nothing is due", core.settle, core.genesis, batch(1))
    assert core.head(H) == core.genesis
    core.vouch(H, core.genesis, batch(1), roots(1))
    core.vouch(H, one, batch(2), roots(2))
    assert core.claim(two)["counting"] == mask([H])


def test_a_vouch_of_the_epoch_in_which_a_type_was_replaced_does_not_count(core: Core) -> None:
    one = agree(core, core.genesis, 1, (H,))
    core.canary(H, batch(50), LIE)
    core.governance.send(COUNCIL, "replace_verifier", H, core.new_adapter("new"), GAS_CAP)
    assert core.claim(one)["counting"] == 0
    core.wait(EPOCH)
    assert core.claim(one)["counting"] == 0


def test_a_banned_adapter_never_comes_back(core: Core) -> None:
    core.canary(K, batch(50), LIE)
    refused(
        "type: adapter is banned",
        core.governance.send,
        COUNCIL,
        "replace_verifier",
        K,
        core.adapters[K],
        GAS_CAP,
    )
    core.governance.send(OPERATOR, "schedule_upgrade", G, core.adapters[K], GAS_CAP, 5)
    core.wait(TIMELOCK)
    refused(
        "type: adapter is banned",
        core.governance.send,
        STRANGER,
        "apply_upgrade",
        G,
        core.adapters[K],
        GAS_CAP,
        5,
    )


def test_no_verifier_is_replaced_while_a_conflict_is_open(core: Core) -> None:
    core.canary(H, batch(50), LIE)
    true, false = fork(core, core.genesis, 1)
    core.vouch(G, core.genesis, true, roots(1))
    core.vouch(K, core.genesis, false, LIE)
    core.show(core.genesis, true, false)
    refused(
        "replace: conflict is open",
        core.governance.send, COUNCIL, "replace_verifier", H, core.new_adapter("new"), GAS_CAP,
    )  # fmt: skip


# Proofs against a type


@pytest.mark.parametrize("liar", [G, H, K, S])
def test_a_type_that_stands_behind_two_claims_is_disabled_by_anyone(core: Core, liar: int) -> None:
    true, false = fork(core, core.genesis, 1)
    refused("convict: not vouched for", core.convict, liar, core.genesis, false, true, LIE)
    core.vouch(liar, core.genesis, true, roots(1))
    refused("mock: proof", core.convict, liar, core.genesis, false, true, LIE, mode=b"\x00")
    refused("convict: proof", core.convict, liar, core.genesis, false, true, LIE, mode=b"\x02")
    core.convict(liar, core.genesis, false, true, LIE)
    assert core.status(liar) == DISABLED
    refused("type: disabled", core.convict, liar, core.genesis, false, true, LIE)
    assert core.claim(claims.claim_id(core.genesis, true))["counting"] == 0


@pytest.mark.parametrize("liar", [G, H, K, S])
def test_a_type_that_stands_behind_other_roots_of_its_claim_is_disabled(core: Core, liar: int) -> None:
    core.post(core.genesis, batch(1))
    core.vouch(liar, core.genesis, batch(1), roots(1))
    refused("convict: no contradiction", core.convict, liar, core.genesis, batch(1), batch(1), roots(1))
    core.convict(liar, core.genesis, batch(1), batch(1), LIE)
    assert core.status(liar) == DISABLED


def test_an_honest_type_is_not_convicted(core: Core) -> None:
    """Not by a proof of a claim with other inputs, not by unbound values, not by another's vouch."""
    true, false = fork(core, core.genesis, 1)
    core.vouch(G, core.genesis, true, roots(1))
    refused("convict: other inputs", core.convict, G, core.genesis, batch(9), true, LIE)
    unbound = batch(9)
    core.propose(core.genesis, unbound, true, c=8)
    refused("convict: not bound", core.convict, G, core.genesis, unbound, true, LIE)
    refused("convict: not vouched for", core.convict, H, core.genesis, false, true, LIE)


def test_a_type_that_lost_its_parents_roots_is_not_convicted_by_new_ones(core: Core) -> None:
    """From roots that it never stood behind, an honest verifier accepts another result."""
    one = core.post(core.genesis, batch(1))
    core.vouch(G, core.genesis, batch(1), roots(1))
    core.post(one, batch(2))
    core.vouch(G, one, batch(2), roots(2))
    core.vouch(K, core.genesis, batch(1), LIE)
    core.governance.send(COUNCIL, "choose", 0, 1)
    assert core.status(G) == QUARANTINED
    assert core.settlement.view("root", one, 0) == (666).to_bytes(32, "big")
    refused("convict: other roots before", core.convict, G, one, batch(2), batch(2), LIE)


@pytest.mark.parametrize("liar", [G, H, K, S])
def test_a_canary_disables_its_type_and_is_paid(core: Core, liar: int) -> None:
    honest = {"bn254": int.from_bytes(core.pre_roots(core.genesis)["bn254"], "big")}
    honest["mock"] = int.from_bytes(core.pre_roots(core.genesis)["mock"], "big")
    refused("canary: not false", core.canary, liar, batch(1), honest)
    refused("canary: not a noop", core.canary, liar, journal([slot(TRANSFER, 1, 2, 3, 4)], 1), LIE)
    refused("canary: not a noop", core.canary, liar, journal([slot(0), slot(0), deposit(1, 2)], 1), LIE)
    refused("canary: journal", core.canary, liar, batch(1) + bytes(4), LIE)
    refused("mock: proof", core.canary, liar, batch(1), LIE, mode=b"\x00")
    refused("canary: proof", core.canary, liar, batch(1), LIE, mode=b"\x02")
    one_side = dict(honest) | ({"mock": 5} if liar in (H, S) else {"bn254": 5})
    core.canary(liar, batch(1), one_side)
    assert core.status(liar) == DISABLED
    core.governance.send(OTHER, "claim_bounty", PAYEE)
    assert core.machine.balance(PAYEE) == BOUNTY
    refused("bounty: nothing to pay", core.governance.send, OTHER, "claim_bounty", PAYEE)
    refused("type: disabled", core.canary, liar, batch(1), LIE)


def test_bounties_are_paid_as_far_as_there_is_money(core: Core) -> None:
    """One and a half bounties are there."""
    core.canary(G, batch(1), LIE)
    core.canary(H, batch(1), LIE)
    core.canary(K, batch(1), LIE)
    assert core.governance.view("credit", PAYEE) == 3 * BOUNTY // 2
    core.governance.send(STRANGER, "fund", value=BOUNTY)
    core.canary(S, batch(1), LIE)
    core.governance.send(OTHER, "claim_bounty", PAYEE)
    assert core.machine.balance(PAYEE) == 5 * BOUNTY // 2
    assert core.machine.balance(core.governance.address) == 0


def test_a_canary_root_is_one_of_its_suite(core: Core) -> None:
    """The genesis root plus the order of the field is the same root, written otherwise: no lie."""
    r = 21888242871839275222246405745257275088548364400416034343698204186575808495617
    again = int.from_bytes(core.pre_roots(core.genesis)["bn254"], "big") + r
    refused("canary: root", core.canary, G, batch(1), {"bn254": again})


# Changes, announced

STRICTER = policy(
    (
        (50, (((G, H, S), 0), ((H, K), 600), ((S,), 2 * HOUR))),
        (10_000, (((G, H, S), 0), ((H, K), 2 * HOUR), ((K, S), 2 * HOUR), ((S,), DAY))),
        (
            2**64 - 1,
            (((G, H, K, S), 0), ((G, H, S), HOUR), ((H, K), 2 * DAY), ((K, S), DAY), ((G, S), DAY)),
        ),
    )
)


def test_a_policy_waits_and_a_stricter_one_does_not(core: Core) -> None:
    looser = policy(((2**64 - 1, (((G, H), 0), ((K, S), 0), ((G, S), 0))),))
    for sender in (COUNCIL, STRANGER):
        refused("operator: not the operator", core.governance.send, sender, "propose_policy", looser)
        refused("operator: not the operator", core.governance.send, sender, "tighten_policy", STRICTER)
    refused("policy: not tighter", core.governance.send, OPERATOR, "tighten_policy", looser)
    core.governance.send(OPERATOR, "tighten_policy", STRICTER)
    assert core.settlement.view("tier_of", 60) == 1
    refused("policy: not tighter", core.governance.send, OPERATOR, "tighten_policy", POLICY)
    core.governance.send(OPERATOR, "propose_policy", looser)
    refused("timelock: scheduled", core.governance.send, OPERATOR, "propose_policy", looser)
    core.wait(TIMELOCK - 1)
    refused("timelock: too early", core.governance.send, STRANGER, "apply_policy", looser)
    core.wait(1)
    refused("timelock: not scheduled", core.governance.send, STRANGER, "apply_policy", POLICY)
    core.governance.send(STRANGER, "apply_policy", looser)
    refused("timelock: not scheduled", core.governance.send, STRANGER, "apply_policy", looser)
    assert core.settlement.view("tier_count") == 1
    claim = agree(core, core.genesis, 1, (G, H))
    assert core.final(claim) == 15


def test_what_is_proposed_can_be_taken_back(core: Core) -> None:
    looser = policy(((2**64 - 1, (((G, H), 0), ((K, S), 0))),))
    key = core.governance.send(OPERATOR, "propose_policy", looser)
    refused("operator: not the operator", core.governance.send, COUNCIL, "cancel", key)
    core.governance.send(OPERATOR, "cancel", key)
    refused("timelock: not scheduled", core.governance.send, OPERATOR, "cancel", key)
    core.wait(TIMELOCK)
    refused("timelock: not scheduled", core.governance.send, STRANGER, "apply_policy", looser)


def test_an_upgrade_has_a_batch_boundary(core: Core) -> None:
    new = core.new_adapter("new")
    key = core.governance.send(OPERATOR, "schedule_upgrade", G, new, GAS_CAP, 2)
    assert core.governance.view("ready", key) == core.machine.now + TIMELOCK
    core.wait(TIMELOCK)
    core.governance.send(STRANGER, "apply_upgrade", G, new, GAS_CAP, 2)
    info = core.settlement.view("proof_type", G)
    assert (info["adapter"], info["next_adapter"], info["next_from"]) == (core.adapters[G], new, 2)
    # Batch 1 goes to the old adapter, batch 2 to the new one: each accepts what is in its name only.
    one = agree(core, core.genesis, 1)
    two = agree(core, one, 2)
    assert core.final(two) == 15
    newer = core.new_adapter("newer")
    core.governance.send(OPERATOR, "schedule_upgrade", G, newer, GAS_CAP, 2)
    core.governance.send(OPERATOR, "schedule_upgrade", G, newer, GAS_CAP, 3)
    core.wait(TIMELOCK)
    refused("hook: batch", core.governance.send, STRANGER, "apply_upgrade", G, newer, GAS_CAP, 2)
    core.governance.send(STRANGER, "apply_upgrade", G, newer, GAS_CAP, 3)
    info = core.settlement.view("proof_type", G)
    assert (info["adapter"], info["next_adapter"], info["next_from"]) == (new, newer, 3)
    assert core.settlement.view("adapter_since", G) == 2
    refused("convict: other adapter", core.convict, G, core.genesis, batch(1), batch(1), LIE)


def test_a_pending_upgrade_is_not_overtaken(core: Core) -> None:
    a, b = core.new_adapter("a"), core.new_adapter("b")
    core.governance.send(OPERATOR, "schedule_upgrade", G, a, GAS_CAP, 5)
    core.governance.send(OPERATOR, "schedule_upgrade", G, b, GAS_CAP, 9)
    core.wait(TIMELOCK)
    core.governance.send(STRANGER, "apply_upgrade", G, a, GAS_CAP, 5)
    refused("hook: upgrade pending", core.governance.send, STRANGER, "apply_upgrade", G, b, GAS_CAP, 9)


def test_from_four_types_to_five(core: Core) -> None:
    """A new type starts at final_claim, and counts once a policy names it."""
    one = agree(core, core.genesis, 1)
    new = (claims.proof_type_id("f"), core.new_adapter("f"), 1, True, GAS_CAP)
    wider = policy(((2**64 - 1, (((0, 1, 4), 0), ((2, 3), HOUR), ((0, 1), DAY))),), weights=(3, 5, 6, 7, 23))
    core.governance.send(OPERATOR, "schedule_type", new, 23)
    core.governance.send(OPERATOR, "propose_policy", wider)
    core.wait(TIMELOCK)
    refused("policy: weights", core.governance.send, STRANGER, "apply_policy", wider)
    refused("timelock: not scheduled", core.governance.send, STRANGER, "apply_type", new, 24)
    core.governance.send(STRANGER, "apply_type", new, 23)
    core.governance.send(STRANGER, "apply_policy", wider)
    assert core.settlement.view("head", 4) == one
    core.types = (*core.types, core.types[G])
    try:
        two = agree(core, one, 2, (0, 1, 4))
    finally:
        core.types = core.types[:4]
    assert core.final(two) == 15


# Liveness


def test_inputs_that_nobody_can_prove_are_discarded_and_their_poster_pays(core: Core) -> None:
    one = agree(core, core.genesis, 1)
    refused("stuck: nothing posted", core.settlement.send, STRANGER, "complain")
    dead = core.post(one, batch(2))
    after = core.post(dead, batch(3))
    refused("discard: no complaint", core.settlement.send, STRANGER, "discard")
    core.settlement.send(STRANGER, "complain")
    refused("complain: known", core.settlement.send, STRANGER, "complain")
    refused("discard: too early", core.settlement.send, STRANGER, "discard")
    core.wait(PROOF_WINDOW)
    core.settlement.send(OTHER, "discard")
    assert core.sequencing.view("sequencer") == bytes(20)
    assert core.sequencing.view("credit", OTHER) == 10**18 // 2
    refused("vouch: discarded", core.vouch, G, one, batch(2), roots(2))
    refused("propose: discarded", core.propose, one, batch(9), batch(2))
    # Anyone takes the seat; the batch may come back word for word, with what was built on it.
    core.take_seat(STRANGER)
    core.post(one, batch(2), sender=STRANGER)
    for t in (G, H, K, S):
        core.vouch(t, one, batch(2), roots(2))
    assert core.final(dead) == 15
    for t in (G, H, K, S):
        core.vouch(t, dead, batch(3), roots(3))
    assert core.final(after) == 15


def test_a_batch_that_somebody_proved_is_not_discarded_as_one_that_nobody_did(core: Core) -> None:
    core.post(core.genesis, batch(1))
    core.settlement.send(STRANGER, "complain")
    core.vouch(K, core.genesis, batch(1), roots(1))
    core.wait(PROOF_WINDOW)
    refused("discard: too early", core.settlement.send, STRANGER, "discard")
    core.wait(MAX_DELAY - 1)
    refused("discard: too early", core.settlement.send, STRANGER, "discard")
    for t in (G, H, S):
        core.vouch(t, core.genesis, batch(1), roots(1))
    core.wait(1)
    refused("stuck: nothing posted", core.settlement.send, STRANGER, "discard")


def test_a_complaint_lapses(core: Core) -> None:
    core.post(core.genesis, batch(1))
    core.settlement.send(STRANGER, "complain")
    core.wait(2 * PROOF_WINDOW + MAX_DELAY + 1)
    refused("discard: no complaint", core.settlement.send, STRANGER, "discard")
    core.settlement.send(STRANGER, "complain")
    core.wait(PROOF_WINDOW)
    core.settlement.send(STRANGER, "discard")


def test_old_vouches_of_a_discarded_claim_do_not_come_back_with_it(core: Core) -> None:
    """H vouched, was disabled and replaced; the batch was discarded and posted again."""
    one = core.post(core.genesis, batch(1))
    core.vouch(H, core.genesis, batch(1), LIE)
    core.canary(H, batch(50), LIE)
    core.settlement.send(STRANGER, "complain")
    core.wait(PROOF_WINDOW)
    core.settlement.send(STRANGER, "discard")
    core.take_seat(STRANGER)
    core.post(core.genesis, batch(1), sender=STRANGER)
    assert core.claim(one)["vouched"] == 0
    assert core.claim(one)["generation"] == 1


def test_a_silent_type_is_reported_and_goes_on_from_what_is_final(core: Core) -> None:
    parent = core.genesis
    for number in (1, 2):
        parent = agree(core, parent, number, (G, H, S))
        core.wait(HOUR + EPOCH)
        core.settle(_parent(core, number), batch(number))
    assert core.final(parent) == 15
    refused("catch up: not behind", core.settlement.send, STRANGER, "catch_up", G)
    refused("catch up: not silent", core.settlement.send, STRANGER, "catch_up", K)
    refused("catch up: proof type", core.settlement.send, STRANGER, "catch_up", 4)
    core.wait(PROOF_WINDOW)
    core.settlement.send(STRANGER, "catch_up", K)
    assert core.head(K) == parent
    assert core.settlement.events("Lagging")[0]["head"] == core.genesis
    three = agree(core, parent, 3)
    assert core.final(three) == 15


def _parent(core: Core, number: int) -> bytes:
    claim = core.genesis
    for n in range(1, number):
        claim = claims.claim_id(claim, batch(n))
    return claim


def test_a_type_on_a_lost_branch_does_not_catch_up(core: Core) -> None:
    true, false = fork(core, core.genesis, 1)
    core.vouch(K, core.genesis, false, LIE)
    one = claims.claim_id(core.genesis, true)
    for t in (G, H, S):
        core.vouch(t, core.genesis, true, roots(1))
    core.wait(HOUR + EPOCH)
    core.settle(core.genesis, true)
    two = agree(core, one, 2, (G, H, S))
    core.wait(HOUR + EPOCH)
    core.settle(one, batch(2))
    assert core.final(two) == 15
    core.wait(PROOF_WINDOW)
    refused("catch up: head not final", core.settlement.send, STRANGER, "catch_up", K)
    core.show(core.genesis, true, false)
    assert core.status(K) == QUARANTINED


def test_pruning_leaves_one_slot_a_batch_and_no_way_to_lose_anything(core: Core) -> None:
    true, false = fork(core, core.genesis, 1)
    one = claims.claim_id(core.genesis, true)
    for t in (G, H, K, S):
        core.vouch(t, core.genesis, true, roots(1))
    row = core.rows(G, core.genesis, true, roots(1))[0][1:]
    prune = lambda data, bound=(): core.settlement.send(  # noqa: E731
        STRANGER, "prune", core.genesis, claims.journal_hash(data), list(bound)
    )
    refused("prune: not left behind", prune, true)
    two = agree(core, one, 2)
    refused("prune: too early", prune, true)
    core.wait(PROOF_WINDOW + EPOCH)
    assert core.settlement.view("is_bound", one, 0, *row)
    prune(true, [(0, *row)])
    assert not core.settlement.view("is_bound", one, 0, *row)
    assert core.settlement.view("root", one, 0) == bytes(32)
    assert core.final(one) == 15
    prune(false)
    assert not core.claim(claims.claim_id(core.genesis, false))["posted"]
    assert core.final(agree(core, two, 3)) == 15


def test_evidence_against_an_active_type_is_not_pruned(core: Core) -> None:
    _, false = fork(core, core.genesis, 1)
    lie = core.vouch(K, core.genesis, false, LIE)
    core.post(lie, batch(50))
    core.vouch(K, lie, batch(50), LIE)
    core.post(claims.claim_id(lie, batch(50)), batch(51))
    core.vouch(K, claims.claim_id(lie, batch(50)), batch(51), LIE)
    parent = core.genesis
    for number in (1, 2):
        if number == 2:
            core.post(parent, batch(2))
        for t in (G, H, S):
            core.vouch(t, parent, batch(number), roots(number))
        core.wait(HOUR + EPOCH)
        core.settle(parent, batch(number))
        parent = claims.claim_id(parent, batch(number))
    core.wait(PROOF_WINDOW + EPOCH)
    refused(
        "prune: evidence",
        core.settlement.send,
        STRANGER,
        "prune",
        core.genesis,
        claims.journal_hash(false),
        [],
    )


def test_after_the_halt_nothing_becomes_final(core: Core) -> None:
    claim = agree(core, core.genesis, 1, (G, H, K))
    core.bridge.send(STRANGER, "halt", core.settlement.address)
    assert core.settlement.view("halted")
    refused("vouch: halted", core.vouch, S, core.genesis, batch(1), roots(1))
    core.wait(30 * DAY)
    refused("settle: halted", core.settle, core.genesis, batch(1))
    assert core.final(claim) == 1


# Adapters


def test_an_adapter_that_answers_nothing_or_burns_gas_does_not_vouch(core: Core) -> None:
    core.post(core.genesis, batch(1))
    refused("vouch: adapter", core.vouch, G, core.genesis, batch(1), roots(1), mode=b"\x02")
    refused("", core.vouch, G, core.genesis, batch(1), roots(1), mode=b"\x03")
    refused("", core.vouch, G, core.genesis, batch(1), roots(1), mode=b"\x04")
    core.vouch(G, core.genesis, batch(1), roots(1))


def test_a_type_whose_adapter_calls_back_changes_nothing() -> None:
    """Adapters have no right to write: a call back into the core fails, and the vouch with it."""
    m = Machine()
    evil = Contract(m, "Reenter", m.create(DEPLOYER, compiled("Reenter").bytecode))
    core = Core.deploy(machine=m, adapters={"g": evil.address})
    claim = core.post(core.genesis, batch(1))
    for t in (H, K, S):
        core.vouch(t, core.genesis, batch(1), roots(1))
    core.wait(DAY + EPOCH)
    data = core.settlement.data("settle", core.genesis, claims.journal_hash(batch(1)))
    evil.send(STRANGER, "aim", core.settlement.address, data)
    refused("", core.vouch, G, core.genesis, batch(1), roots(1))
    assert core.final(claim) == 0
    core.settle(core.genesis, batch(1))
    assert core.final(claim) == 15
