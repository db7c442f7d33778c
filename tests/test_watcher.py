"""The watcher on lies, on inputs that nobody can prove, on a silent sequencer: with the enclave's prover."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from eth_account.signers.local import LocalAccount
from test_node import TOKEN, Events, fund, transfer

from multiprover.ledger import make_transaction
from multiprover.node.node import Node
from multiprover.node.takeover import TakeoverError, import_batches
from multiprover.node.watcher import Finding, Watcher
from multiprover.node.workspace import Config, Workspace
from multiprover.settlement.deploy import Contracts
from multiprover.suites import get

SLOTS = 2


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    config = Config(transition=TOKEN, slots=SLOTS, types=("sgx",))
    with Workspace.create(tmp_path / "data", config, cache=tmp_path / "cache") as opened:
        opened.prepare()
        yield opened


@pytest.fixture
def contracts(workspace: Workspace) -> Contracts:
    return workspace.contracts(*workspace.connect())


@pytest.fixture
def sequencer(workspace: Workspace) -> LocalAccount:
    return workspace.connect()[1]


def accounts(contracts: Contracts) -> list[LocalAccount]:
    return contracts.settlement.l1.dev_accounts()


@pytest.fixture
def watcher(contracts: Contracts, workspace: Workspace) -> Watcher:
    return Watcher(contracts, workspace.transition, workspace.program, accounts(contracts)[5])


def open_node(workspace: Workspace, contracts: Contracts) -> Node:
    return workspace.node(contracts, accounts(contracts)[0], Events())


def kinds(findings: list[Finding]) -> list[tuple[str, str | None]]:
    return [(f.kind, f.action) for f in findings]


def commitments(workspace: Workspace, journal: bytes) -> list[bytes]:
    return [get(suite).commit(journal) for suite in workspace.program.suites]


def test_what_is_true_is_left_alone(workspace: Workspace, contracts: Contracts, watcher: Watcher) -> None:
    with open_node(workspace, contracts) as node:
        fund(node)
        node.submit(transfer(node, 0, 1, 7, 0))
        node.seal()
        node.wait_final(60)
        assert watcher.look() == []
        assert watcher.claims == tuple(b.claim for b in node.batches)
        truth = watcher.truth_of(node.batches[-1].claim)
        assert truth is not None
        assert truth.roots == node.batches[-1].post_roots


def test_it_posts_the_truth_where_only_a_lie_stands(
    workspace: Workspace, contracts: Contracts, watcher: Watcher, sequencer: LocalAccount
) -> None:
    settlement = contracts.settlement
    with open_node(workspace, contracts) as node:
        fund(node)
        node.wait_final(60)
    parent = node.batches[-1].claim
    words = unsigned_words(workspace, "transfer", sender=0, receiver=1, amount=1, nonce=0)
    # The outputs are those of no transfer at all; a signature is no matter of L1's.
    lie = (words + bytes(len(words))).ljust(settlement.journal_bytes, b"\0")
    settlement.post(sequencer, parent, lie, commitments(workspace, lie))
    assert kinds(watcher.look()) == [("false-claim", "posted the true claim")]
    true = watcher.claims[-1]
    assert settlement.claim(true).posted
    # It stands now: nothing is left to do until somebody vouches.
    assert kinds(watcher.look()) == [("false-claim", None)]


def test_inputs_that_nobody_can_prove_are_given_up(
    workspace: Workspace, contracts: Contracts, watcher: Watcher, sequencer: LocalAccount
) -> None:
    settlement = contracts.settlement
    overdrawn = unsigned_words(workspace, "transfer", sender=0, receiver=1, amount=1, nonce=0)
    journal = overdrawn.ljust(settlement.journal_bytes, b"\0")
    settlement.post(sequencer, settlement.genesis, journal, commitments(workspace, journal))
    found = watcher.look()
    assert ("unproved", "complained") in kinds(found)
    assert "no such account" in found[0].detail or "insufficient" in found[0].detail
    assert settlement.complained(settlement.genesis)
    assert ("unproved", None) in kinds(watcher.look())
    settlement.l1.advance_time(settlement.proof_window() + 1)
    assert ("unproved", "had the inputs given up") in kinds(watcher.look())
    # Its bond is lost, and it pays another; what is posted now is proved.
    assert contracts.sequencing.sequencer() is None
    contracts.sequencing.take_seat(sequencer)
    with open_node(workspace, contracts) as node:
        fund(node)
        node.wait_final(60)
        assert [f for f in watcher.look() if f.false] == []
        assert watcher.claims == tuple(b.claim for b in node.batches)


def unsigned_words(workspace: Workspace, kind: str, **values: object) -> bytes:
    return make_transaction(workspace.transition, workspace.program, kind, values).words


def test_it_opens_the_seat_of_a_sequencer_that_leaves_the_queue_waiting(
    workspace: Workspace, contracts: Contracts, watcher: Watcher, tmp_path: Path
) -> None:
    with open_node(workspace, contracts) as node:
        fund(node)
        node.wait_final(60)
    words = unsigned_words(workspace, "deposit", account=0, amount=5)
    contracts.bridge.enqueue(accounts(contracts)[3], words)
    assert watcher.look() == []
    contracts.settlement.l1.advance_time(contracts.sequencing.force_window() + 1)
    assert kinds(watcher.look()) == [("overdue", "opened the sequencer's seat")]
    assert contracts.sequencing.sequencer() is None
    rival = accounts(contracts)[6]
    contracts.sequencing.take_seat(rival)
    with Workspace.create(tmp_path / "rival", workspace.config, cache=workspace.cache) as taken:
        taken.prepare()
        count = import_batches(taken.storage, contracts, taken.transition, taken.program)
        assert count == len(node.batches)
        with pytest.raises(TakeoverError, match="expected an empty ledger"):
            import_batches(taken.storage, contracts, taken.transition, taken.program)
        with taken.node(contracts, rival) as other:
            other.take_queue()
            other.submit(transfer(other, 0, 1, 3, 0))
            other.seal()
            other.wait_final(60)
            assert other.state.read_record(0, 0)[2] == 10**9 + 5 - 3


def test_a_batch_that_was_given_up_is_posted_again_word_for_word(
    workspace: Workspace, contracts: Contracts, sequencer: LocalAccount
) -> None:
    """Its prover came back too late: nothing that it did is lost."""
    settlement = contracts.settlement
    halted = workspace.node(contracts, accounts(contracts)[0], Events())
    del halted.provers["sgx"]
    with halted:
        fund(halted)
        until(lambda: all(settlement.claim(b.claim).posted for b in halted.batches))
        settlement.complain(accounts(contracts)[5])
        settlement.l1.advance_time(settlement.proof_window())
        settlement.discard(accounts(contracts)[5])
        contracts.sequencing.take_seat(sequencer)
        first = halted.batches[0]
        until(lambda: settlement.stands(first.parent, first.claim))
        claims = [b.claim for b in halted.batches]
    with open_node(workspace, contracts) as node:
        node.wait_final(60)
        assert [b.claim for b in node.batches] == claims
        assert settlement.final_claim() == claims[-1]


def until(condition: Callable[[], bool]) -> None:
    end = monotonic() + 60
    while not condition():
        assert monotonic() < end
        sleep(0.1)


def test_without_an_account_it_only_reports(
    workspace: Workspace, contracts: Contracts, sequencer: LocalAccount
) -> None:
    silent = Watcher(contracts, workspace.transition, workspace.program)
    settlement = contracts.settlement
    # A kind that exists, with words that it does not use.
    words = (bytes(3) + b"\x03").ljust(4 * workspace.program.input_words, b"\1")
    journal = words.ljust(settlement.journal_bytes, b"\0")
    settlement.post(sequencer, settlement.genesis, journal, commitments(workspace, journal))
    found = silent.look()
    assert [f.kind for f in found] == ["unprovable", "unproved"]
    assert all(f.action is None for f in found)
    assert not settlement.complained(settlement.genesis)


def test_a_reorganisation_is_noticed_and_everything_looked_at_again(
    workspace: Workspace, contracts: Contracts, watcher: Watcher
) -> None:
    l1 = contracts.settlement.l1
    with open_node(workspace, contracts) as node:
        before = l1.snapshot()
        fund(node)
        node.wait_final(60)
    watcher.look()
    assert len(watcher.claims) == len(node.batches)
    l1.revert(before)
    l1.advance_time(12)
    found = watcher.look()
    assert [f.kind for f in found] == ["reorganised"]
    assert watcher.claims == ()
    assert watcher.replica.number == 0
