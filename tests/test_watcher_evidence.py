"""The watcher brings before the contracts whatever they take: with proof types that say anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount
from settlement_support import ACCEPT, PAYEE, bind_bn254, create, deployer, mock, raw, statement_hash
from test_node import TOKEN

from multiprover.ledger import make_transaction
from multiprover.ledger.state import State
from multiprover.node.reference import load_transition
from multiprover.node.watcher import Finding, Watcher
from multiprover.program import trace
from multiprover.settlement import claims
from multiprover.settlement.adapters import AdapterType
from multiprover.settlement.bridge_rules import BridgeRules
from multiprover.settlement.client import Settlement
from multiprover.settlement.deploy import CouncilInfo, Plan, deploy
from multiprover.settlement.evidence import Evidence, EvidenceError, Result, read_evidence
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.policy import Alternative, Policy, Tier
from multiprover.settlement.types import DAY_S, ProgramInfo, Standing, SuiteInfo, SuiteResult

SLOTS = 2
TRANSITION = load_transition(TOKEN)
PROGRAM = trace(TRANSITION, ("bn254",))
C = (7).to_bytes(32, "big")
LIE, OTHER_LIE = (666).to_bytes(32, "big"), (667).to_bytes(32, "big")


class Stage:
    """A deployment of the token ledger: ``one``, ``two``, ``long`` bind, ``all`` does not; two are enough."""

    def __init__(self, l1: L1) -> None:
        self.l1 = l1
        accounts = l1.dev_accounts()
        self.sequencer, self.operator, self.stranger, self.keeper = accounts[1:5]
        long = AdapterType("long", create(l1, "MockLongAdapter"), ("bn254",), True, 200_000)
        types = [mock(l1, name, ("bn254",), binds=name != "all") for name in ("one", "two", "all")]
        p = PROGRAM
        everyone = Alternative(types=("one", "all"), delay_s=0)
        slower = Alternative(types=("two", "long"), delay_s=DAY_S)
        self.contracts = deploy(
            l1,
            deployer(l1),
            Plan(
                program=ProgramInfo(p.program_id, SLOTS, p.input_words, p.output_words, p.cell_words),
                bridge=BridgeRules.of(TRANSITION, p),
                suites=(SuiteInfo("bn254", State(p).roots().roots[0]),),
                proof_types=(*types, long),
                policy=Policy(
                    tiers=(Tier(limit_gwei=None, alternatives=(everyone, slower)),),
                    weights={"one": 3, "two": 5, "all": 6, "long": 7},
                ),
                sequencer=raw(self.sequencer),
                operator=raw(self.operator),
                council=CouncilInfo(tuple(raw(a) for a in accounts[4:7]), 2),
            ),
        )
        self.evidence: list[Evidence] = []
        self.watcher = self.watch(self.keeper)
        self.root = self.settlement.genesis_roots[0]

    def watch(self, account: LocalAccount | None) -> Watcher:
        return Watcher(self.contracts, TRANSITION, PROGRAM, account, lambda: self.evidence)

    @property
    def settlement(self) -> Settlement:
        return self.contracts.settlement

    def journal(self, outputs: int = 0) -> bytes:
        """A batch of noops; with no outputs it is true, and leaves the roots as they are."""
        size = SLOTS * 4 * PROGRAM.input_words
        return bytes(size) + outputs.to_bytes(self.settlement.journal_bytes - size, "big")

    def post(self, parent: bytes, journal: bytes) -> bytes:
        self.settlement.post(self.sequencer, parent, journal, [C])
        return claims.claim_id(parent, journal)

    def propose(self, parent: bytes, journal: bytes) -> bytes:
        self.settlement.propose(self.stranger, parent, journal, self.journal(), [C])
        return claims.claim_id(parent, journal)

    def said(self, name: str, parent: bytes, journal: bytes, root: bytes, c: bytes = C) -> Evidence:
        """What a type would say of a claim, true or not, with a proof that its adapter takes."""
        claim, domain = claims.claim_id(parent, journal), self.settlement.domain
        binds = self.settlement.binds(name)
        result = SuiteResult(root, c, *bind_bn254(domain, claim, c, journal)) if binds else SuiteResult(root)
        pre = self.settlement.root(parent, "bn254")
        assert pre is not None
        hash = statement_hash(domain, claim, PAYEE, [(pre, result)])
        proof = hash + bytes(5000) if name == "long" else ACCEPT + hash
        return Evidence(
            proof_type=name,
            parent=parent,
            journal=journal,
            results=(Result.of(result),),
            payee=PAYEE,
            proof=proof,
        )

    def vouch(self, name: str, parent: bytes, journal: bytes, root: bytes | None = None) -> bytes:
        one = self.said(name, parent, journal, root or self.root)
        self.settlement.vouch(
            self.stranger,
            name,
            parent=parent,
            journal_hash=claims.journal_hash(journal),
            results=one.suites,
            payee=one.payee,
            proof=one.proof,
        )
        return one.claim

    def agreed(self, parent: bytes, types: Sequence[str] = ("one", "two", "all", "long")) -> bytes:
        self.post(parent, self.journal())
        for name in types:
            self.vouch(name, parent, self.journal())
        return claims.claim_id(parent, self.journal())

    def standing(self, name: str) -> Standing:
        return Standing(self.settlement.proof_type(name).standing)

    def look(self) -> list[tuple[str, str | None]]:
        """What the watcher finds and does; nothing that it does is refused."""
        found = self.watcher.look()
        assert all(f.refusal is None and (f.action is None) == (f.transaction is None) for f in found), found
        return [(f.kind, f.action) for f in found]


@pytest.fixture(scope="module")
def world() -> Stage:
    stage = Stage(open_l1(None))
    stage.agreed(stage.settlement.genesis)
    return stage


@pytest.fixture
def stage(world: Stage) -> Iterator[Stage]:
    """The first batch is final; L1 forgets afterwards what a test did."""
    checkpoint = world.l1.snapshot()
    world.evidence, world.watcher = [], world.watch(world.keeper)
    yield world
    world.l1.revert(checkpoint)


@pytest.fixture
def one(stage: Stage) -> bytes:
    return stage.settlement.final_claim()


DISABLED = ("two-answers", "had the type disabled for good")
SHOWN = ("false-claim", "showed the conflict")


def test_two_answers_on_l1_disable_their_type(stage: Stage, one: bytes) -> None:
    """A dissent moves no head, so its type vouches for a sibling too: both proofs are in calldata."""
    true, false = stage.journal(), stage.journal(5)
    stage.post(one, true)
    stage.vouch("one", one, true)
    stage.vouch("two", one, true, LIE)
    stage.propose(one, false)
    stage.vouch("two", one, false, OTHER_LIE)
    assert DISABLED in stage.look()
    assert stage.standing("two") is Standing.DISABLED
    # Its word for the false roots is worth nothing now: one side is left.
    assert stage.settlement.frozen_from() == 0
    assert stage.look() == [("false-claim", None)]
    stage.vouch("all", one, true)
    assert stage.settlement.final_claim() == claims.claim_id(one, true)


@pytest.mark.parametrize("name", ["one", "all", "long"])
def test_a_second_answer_found_elsewhere_disables_its_type(stage: Stage, one: bytes, name: str) -> None:
    """Another claim, which the watcher posts first, or other roots of the same."""
    stage.post(one, stage.journal())
    stage.vouch(name, one, stage.journal())
    checkpoint = stage.l1.snapshot()
    stage.evidence = [stage.said(name, one, stage.journal(5), LIE)]
    assert DISABLED in stage.look()
    assert stage.standing(name) is Standing.DISABLED
    stage.l1.revert(checkpoint)
    stage.l1.advance_time(12)
    stage.evidence = [stage.said(name, one, stage.journal(), LIE, (8).to_bytes(32, "big"))]
    assert DISABLED in stage.look()
    assert stage.standing(name) is Standing.DISABLED


def test_what_contradicts_nothing_is_not_brought(stage: Stage, one: bytes) -> None:
    """The type's own word again; a lie of a type that has not vouched; one whose proof is none."""
    stage.post(one, stage.journal())
    stage.vouch("one", one, stage.journal())
    bad = stage.said("one", one, stage.journal(), LIE)
    stage.evidence = [
        stage.said("one", one, stage.journal(), stage.root),
        stage.said("two", one, stage.journal(5), LIE),
        bad.model_copy(update={"proof": ACCEPT + bytes(32)}),
    ]
    (found,) = stage.watcher.look()
    assert (found.kind, found.transaction) == ("two-answers", None)
    assert "mock: statement" in (found.refusal or "")
    assert [stage.standing(t) for t in ("one", "two")] == [Standing.ACTIVE] * 2


@pytest.mark.parametrize("name", ["two", "all", "long"])
def test_a_public_lie_found_elsewhere_is_a_canary(stage: Stage, name: str) -> None:
    genesis = stage.settlement.genesis
    stage.evidence = [stage.said(name, genesis, stage.journal(9), LIE)]
    assert stage.look() == [("canary", "brought the canary")]
    assert stage.standing(name) is Standing.DISABLED
    governance = stage.contracts.governance
    assert governance.credit(PAYEE) == governance.bounty()
    assert stage.look() == []


def test_who_contradicts_what_is_final_is_out(stage: Stage, one: bytes) -> None:
    """Though the batch is final, and nobody looks at it any more."""
    two = stage.agreed(one, ("one", "all"))
    assert stage.settlement.final_claim() == two
    assert stage.look() == []
    for outputs, name in ((5, "two"), (6, "long")):
        stage.propose(one, stage.journal(outputs))
        stage.vouch(name, one, stage.journal(outputs), LIE)
    assert stage.look() == [SHOWN, SHOWN]
    assert [stage.standing(t) for t in ("one", "two", "all", "long")] == [0, 1, 0, 1]
    assert stage.look() == []


def test_a_third_branch_joins_the_conflict_and_the_council_may_sleep(stage: Stage, one: bytes) -> None:
    stage.post(one, stage.journal())
    for outputs, name in ((0, "all"), (5, "one"), (6, "two")):
        if outputs:
            stage.propose(one, stage.journal(outputs))
        stage.vouch(name, one, stage.journal(outputs), LIE if outputs else None)
    found = stage.look()
    assert found.count(SHOWN) == 1
    assert ("false-claim", "added it to the conflict") in stage.look()
    conflict = stage.contracts.governance.open_conflict()
    assert conflict is not None
    assert len(conflict.options) == 3
    assert ("conflict", None) in stage.look()
    stage.l1.advance_time(stage.contracts.governance.council_window())
    assert ("conflict", "had it resolved by weight") in stage.look()
    assert [stage.standing(t) for t in ("one", "two", "all")] == [1, 1, 0]


def test_two_lies_are_a_conflict_without_the_truth(stage: Stage, one: bytes) -> None:
    stage.post(one, stage.journal())
    for outputs, name in ((5, "one"), (6, "two")):
        stage.propose(one, stage.journal(outputs))
        stage.vouch(name, one, stage.journal(outputs), LIE)
    assert SHOWN in stage.look()
    conflict = stage.contracts.governance.open_conflict()
    assert conflict is not None
    assert stage.watcher.advise(conflict) is None


def test_a_silent_type_is_reported_and_goes_on(stage: Stage, one: bytes) -> None:
    two = stage.agreed(one, ("one", "all"))
    three = stage.agreed(two, ("one", "all"))
    stage.l1.advance_time(stage.settlement.proof_window())
    assert stage.look() == []
    stage.l1.advance_time(1024)
    found = stage.watcher.look()
    assert [(f.kind, f.number) for f in found] == [("lagging", 1)] * 2
    assert "2 batches behind" in found[0].detail
    assert stage.settlement.head("two") == stage.settlement.head("long") == three
    assert stage.look() == []


def test_inputs_that_only_a_liar_proves_are_given_up(stage: Stage, one: bytes) -> None:
    """A transfer of money that is not there: no journal of it is true, and `two` vouches for one."""
    values = {"sender": 0, "receiver": 1, "amount": 1, "nonce": 0}
    words = make_transaction(TRANSITION, PROGRAM, "transfer", values).words
    false = words.ljust(stage.settlement.journal_bytes, b"\0")
    stage.post(one, false)
    stage.vouch("two", one, false, LIE)
    assert ("unproved", "complained") in stage.look()
    stage.l1.advance_time(stage.settlement.proof_window() + 30 * DAY_S - 60)
    assert ("unproved", None) in stage.look()
    stage.l1.advance_time(60)
    assert ("unproved", "had the inputs given up") in stage.look()
    assert stage.contracts.sequencing.sequencer() is None
    assert stage.settlement.head("two") == one
    assert stage.look() == []


def test_what_some_have_proved_and_no_policy_holds_is_left_to_people(stage: Stage, one: bytes) -> None:
    stage.agreed(one, ("one",))
    assert stage.look() == []
    stage.l1.advance_time(stage.settlement.proof_window())
    assert stage.look() == [("unproved", "complained")]
    stage.l1.advance_time(stage.settlement.proof_window() + 30 * DAY_S)
    (found,) = [f for f in stage.watcher.look() if f.kind == "unproved"]
    assert found.action is None
    assert "proved by one: it can be given up" in found.detail


def test_evidence_comes_back_from_its_file(stage: Stage, one: bytes, tmp_path: Path) -> None:
    said, file = stage.said("one", one, stage.journal(5), LIE), tmp_path / "said.json"
    file.write_text(said.model_dump_json(), encoding="utf-8")
    assert read_evidence(file) == said
    for text in ("{}", "[", '{"proof_type": 1}'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(EvidenceError, match="expected a proof with its statement in JSON"):
            read_evidence(file)
    with pytest.raises(EvidenceError):
        read_evidence(tmp_path / "nowhere")


def test_without_an_account_it_only_tells(stage: Stage, one: bytes) -> None:
    stage.post(one, stage.journal())
    stage.vouch("one", one, stage.journal())
    stage.evidence = [stage.said("one", one, stage.journal(5), LIE)]
    found: list[Finding] = stage.watch(None).look()
    assert [(f.kind, f.action) for f in found] == [("two-answers", None)]
    assert stage.standing("one") is Standing.ACTIVE
