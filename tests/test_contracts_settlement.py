"""Settlement: every cause for which it refuses, with mock proof types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from settlement_support import (
    ACCEPT,
    BARE_REVERT,
    BURN,
    GENESIS_ROOT,
    GWEI,
    NOOP,
    P128,
    PAYEE,
    PROGRAM,
    REFUSE,
    ROOTS,
    RULES,
    TRANSFER,
    WRONG_WORD,
    Deployment,
    R,
    all_of,
    create,
    deployer,
    deposit,
    journal,
    mock,
    raw,
    slot,
)

from multiprover.settlement import claims
from multiprover.settlement.adapters import AdapterType, SgxType
from multiprover.settlement.base import events_of
from multiprover.settlement.client import Settlement
from multiprover.settlement.contracts import artifact
from multiprover.settlement.deploy import Plan, deploy
from multiprover.settlement.errors import (
    CouncilRefusedError,
    EnqueueRefusedError,
    GovernanceRefusedError,
    L1Error,
    PostRefusedError,
    ProofRefusedError,
    RefusedError,
    VouchRefusedError,
)
from multiprover.settlement.events import (
    ConflictShown,
    Enqueued,
    Finalised,
    Happened,
    Posted,
    RootConflict,
    Vouched,
)
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.policy import Policy, UnknownTypeError
from multiprover.settlement.types import Standing, SuiteInfo, SuiteResult

HONEST = {"bn254": 1001, "mock": 2001}
J1 = journal([slot(TRANSFER, 1, 2, 3, 4)], 1)


@pytest.fixture(scope="module")
def l1() -> L1:
    return open_l1(None)


@pytest.fixture(scope="module")
def deployed(l1: L1) -> Deployment:
    return Deployment.create(l1)


@pytest.fixture
def d(deployed: Deployment) -> Iterator[Deployment]:
    """The deployment as it was created."""
    created = deployed.l1.snapshot()
    yield deployed
    deployed.l1.revert(created)


def refuses(reason: str, kind: type[RefusedError] = RefusedError) -> Any:
    return pytest.raises(kind, match=f"^{reason}: ")


# Creation


def test_ids_are_those_of_the_page(l1: L1, d: Deployment) -> None:
    s = d.settlement
    assert s.domain == claims.domain(l1.chain_id, s.address, PROGRAM.program_id)
    assert s.genesis == claims.genesis_claim(s.domain, claims.state_root([ROOTS["bn254"], ROOTS["mock"]]))
    assert s.state_root(s.genesis) == claims.state_root([ROOTS["bn254"], ROOTS["mock"]])
    assert s.final_claim() == s.genesis
    assert s.heads() == {"one": s.genesis, "two": s.genesis, "all": s.genesis}
    assert s.journal_bytes == PROGRAM.journal_bytes
    assert s.genesis_roots == (ROOTS["bn254"], ROOTS["mock"])


def test_every_name_of_the_client_is_one_of_the_contract(l1: L1, d: Deployment) -> None:
    again = Settlement(l1, d.settlement.address)
    assert again.names.suite_index("bn254") == 0
    with pytest.raises(L1Error, match="suite: expected one of bn254, 0x"):
        again.names.suite_index("koalabear")
    with pytest.raises(L1Error, match="proof type: expected one of 0x"):
        again.names.type_index("groth16")
    assert set(again.heads()) == {"0x" + claims.proof_type_id(name).hex() for name in ("one", "two", "all")}


def plan(types: list[AdapterType], suite: str = "bn254", policy: Policy | None = None) -> Plan:
    return Plan(
        program=PROGRAM,
        bridge=RULES,
        suites=(SuiteInfo(suite, GENESIS_ROOT),),
        proof_types=tuple(types),
        policy=policy or all_of([t.name for t in types], [t.name for t in types]),
        sequencer=b"\x01" * 20,
        operator=b"\x02" * 20,
        council=b"\x03" * 20,
    )


def test_the_client_refuses_what_does_not_fit(l1: L1) -> None:
    account = l1.dev_accounts()[0]
    types = [AdapterType("one", b"\x01" * 20, ("bn254",), True, 1)]
    with pytest.raises(UnknownTypeError):
        deploy(l1, account, plan(types, policy=all_of(["two"], ["two"])))
    known = "bn254, goldilocks, koalabear"
    with pytest.raises(L1Error, match=f"suite: expected one of {known}, or a binding, got other"):
        deploy(l1, account, plan(types, suite="other"))


# Queue


def test_a_deposit_is_queued_and_paid(d: Deployment) -> None:
    words = deposit(7, 5_000_000_123)
    receipt = d.bridge.enqueue(d.stranger, words)
    assert d.bridge.queue_length() == 1
    (event,) = receipt.events
    assert isinstance(event, Enqueued)
    assert (event.index, event.sender, event.words) == (0, raw(d.stranger), words)
    assert event.time == d.l1.now()
    assert d.bridge.queue() == [event]
    assert d.bridge.balance() == 5_000_000_123 * GWEI


def test_a_refused_value_says_what_was_due(d: Deployment) -> None:
    with pytest.raises(EnqueueRefusedError) as caught:
        d.bridge.enqueue(d.stranger, deposit(1, 3), value=4)
    assert (caught.value.expected, caught.value.found) == (f"{3 * GWEI} wei", "4")


# Post


def test_a_posted_claim(d: Deployment) -> None:
    s = d.settlement
    receipt = s.post(d.sequencer, s.genesis, J1, d.commitments())
    claim = claims.claim_id(s.genesis, J1)
    assert receipt.events == (Posted(claim, s.genesis, claims.journal_hash(J1), 1, 0),)
    status = s.claim(claim)
    assert (status.posted, status.closed, status.final, status.number) == (True, False, False, 1)
    assert not status.vouched
    for result in d.results("one", s.genesis, J1, HONEST):
        assert s.is_bound(claim, "bn254", result)
        assert not s.is_bound(claim, "mock", result)
        assert not s.is_bound(s.genesis, "bn254", result)
        assert not s.is_bound(claim, "bn254", replace(result, evaluation=bytes(32)))
    (posted,) = (e for e in events_of(d.l1, [s], receipt.block_number) if isinstance(e.event, Posted))
    assert s.journal(posted) == J1


def test_only_the_sequencer_posts(d: Deployment) -> None:
    with refuses("post: not the sequencer", PostRefusedError):
        d.settlement.post(d.stranger, d.settlement.genesis, J1, d.commitments())


def test_the_parent_must_be_posted(d: Deployment) -> None:
    with refuses("post: unknown parent"):
        d.settlement.post(d.sequencer, b"\x01" * 32, J1, d.commitments())


def test_the_parent_has_one_batch_of_inputs(d: Deployment) -> None:
    d.post(d.settlement.genesis, J1)
    for data in (J1, journal([], 2)):
        with refuses("post: inputs are fixed"):
            d.post(d.settlement.genesis, data)


@pytest.mark.parametrize("data", [b"", J1[:-4], J1[:-1], J1 + b"\x00", J1 + bytes(4)])
def test_the_journal_has_one_length(d: Deployment, data: bytes) -> None:
    with refuses("post: journal length"):
        d.settlement.post(d.sequencer, d.settlement.genesis, data, d.commitments())


@pytest.mark.parametrize("kind", [4, 31, 255, 256, 2**32 - 1])
@pytest.mark.parametrize("place", [0, 2])
def test_a_kind_that_does_not_exist_is_refused(d: Deployment, kind: int, place: int) -> None:
    slots = [slot(NOOP)] * 3
    slots[place] = slot(kind)
    with refuses("post: kind"):
        d.post(d.settlement.genesis, journal(slots))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_there_is_one_commitment_a_suite(d: Deployment, count: int) -> None:
    with refuses("post: commitments"):
        d.settlement.post(d.sequencer, d.settlement.genesis, J1, [bytes(32)] * count)


@pytest.mark.parametrize(("suite", "bad"), [(0, R), (0, 2**256 - 1), (1, P128), (1, R - 1)])
def test_commitments_are_canonical(d: Deployment, suite: int, bad: int) -> None:
    commitments = d.commitments()
    commitments[suite] = bad.to_bytes(32, "big")
    with refuses("bind: commitment"):
        d.settlement.post(d.sequencer, d.settlement.genesis, J1, commitments)


def test_the_queue_is_taken_in_from_its_head(d: Deployment) -> None:
    s = d.settlement
    entries = [deposit(i, 10 + i) for i in range(5)]
    for words in entries:
        d.bridge.enqueue(d.stranger, words)
    queue = [entry.origin for entry in d.bridge.queue()]
    genesis, transfer = s.genesis, slot(TRANSFER, 1)
    for slots, origins, reason in [
        ([entries[1]], queue[:1], "post: queue entry"),
        ([entries[1]], queue[1:2], "post: queue entry"),
        ([entries[0], entries[2]], queue[:2], "post: queue entry"),
        ([deposit(0, 11)], queue[:1], "post: queue entry"),
        ([entries[0]], [], "post: origins"),
        ([entries[0]], queue[:2], "post: origins"),
        ([transfer, entries[0]], queue[:1], "post: L1 transaction after others"),
        ([slot(NOOP), entries[0]], queue[:1], "post: L1 transaction after others"),
        ([entries[0], transfer, entries[1]], queue[:2], "post: L1 transaction after others"),
    ]:
        with refuses(reason, PostRefusedError):
            d.post(genesis, journal(slots), origins=origins)
    first = d.post(genesis, journal(entries[:3]), origins=queue[:3])
    assert s.claim(first).queue_end == 3
    with refuses("post: queue entry"):
        d.post(first, journal([entries[0]]), origins=queue[:1])
    second = d.post(first, journal([transfer]))
    assert s.claim(second).queue_end == 3
    third = d.post(second, journal([*entries[3:], transfer]), origins=queue[3:])
    assert (s.claim(third).queue_end, s.claim(third).number) == (5, 3)
    with refuses("post: queue entry"):
        d.post(third, journal([entries[4]]), origins=queue[4:])


# Propose and bind


def test_anyone_proposes_other_outputs(d: Deployment) -> None:
    s = d.settlement
    d.bridge.enqueue(d.stranger, deposit(1, 2))
    first = journal([deposit(1, 2)], 1)
    d.post(s.genesis, first, origins=[entry.origin for entry in d.bridge.queue()])
    other = journal([deposit(1, 2)], 2)
    s.propose(d.stranger, s.genesis, other, first, d.commitments())
    status = s.claim(claims.claim_id(s.genesis, other))
    assert (status.posted, status.number, status.queue_end) == (True, 1, 1)


def test_what_cannot_be_proposed(d: Deployment) -> None:
    s = d.settlement
    d.post(s.genesis, J1)
    same_inputs = journal([slot(TRANSFER, 1, 2, 3, 4)], 2)

    def propose(data: bytes, first: bytes = J1, parent: bytes = s.genesis) -> None:
        s.propose(d.stranger, parent, data, first, d.commitments())

    with refuses("propose: other inputs", PostRefusedError):
        propose(journal([slot(TRANSFER, 1, 2, 3, 5)], 1))
    with refuses("propose: journal length"):
        propose(same_inputs[:-4])
    with refuses("propose: journal length"):
        propose(same_inputs, J1[:-4])
    with refuses("propose: unknown parent"):
        propose(same_inputs, parent=b"\x01" * 32)
    with refuses("propose: unknown claim"):
        propose(same_inputs, same_inputs)
    with refuses("propose: unknown claim"):
        propose(same_inputs, J1, claims.claim_id(s.genesis, J1))
    with refuses("post: already posted"):
        propose(J1)
    with refuses("post: commitments"):
        s.propose(d.stranger, s.genesis, same_inputs, J1, [])


def test_a_wrong_commitment_blocks_nobody(d: Deployment) -> None:
    s = d.settlement
    d.post(s.genesis, J1, c=666)
    with refuses("vouch: not bound", VouchRefusedError):
        d.vouch("one", s.genesis, J1, HONEST)
    s.bind(d.stranger, s.genesis, J1, "bn254", (7).to_bytes(32, "big"))
    assert isinstance(d.vouch("one", s.genesis, J1, HONEST).events[0], Vouched)


def test_what_cannot_be_bound(d: Deployment) -> None:
    s = d.settlement
    with refuses("bind: unknown claim", PostRefusedError):
        s.bind(d.stranger, s.genesis, J1, "bn254", bytes(32))
    d.post(s.genesis, J1)
    with refuses("bind: commitment"):
        s.bind(d.stranger, s.genesis, J1, "bn254", R.to_bytes(32, "big"))
    with refuses("bind: unknown claim"):
        s.bind(d.stranger, s.genesis, journal([], 9), "bn254", bytes(32))
    contract = d.l1.web3.eth.contract(abi=artifact("Settlement").abi)
    data = contract.encode_abi("bind", [s.genesis, J1, 2, bytes(32)])
    with refuses("bind: suite"):
        d.l1.call(s.address, bytes.fromhex(data[2:]))


# Vouch


def test_a_claim_is_final_when_the_policy_holds(d: Deployment) -> None:
    s = d.settlement
    claim = d.post(s.genesis, J1)
    assert d.vouch("one", s.genesis, J1, HONEST).events == (Vouched(claim, "one", PAYEE),)
    assert s.heads() == {"one": claim, "two": s.genesis, "all": s.genesis}
    assert s.root(claim, "bn254") == (1001).to_bytes(32, "big")
    assert s.root(claim, "mock") is None
    with refuses("state root: unknown"):
        s.state_root(claim)
    state_root = claims.state_root([HONEST[n].to_bytes(32, "big") for n in ("bn254", "mock")])
    assert d.vouch("all", s.genesis, J1, HONEST).events == (
        Vouched(claim, "all", PAYEE),
        Finalised(claim, 1, 15, state_root),
    )
    assert s.state_root(claim) == state_root
    assert s.final_claim() == claim
    assert s.claim(claim).vouched == {"one", "all"}
    assert d.vouch("two", s.genesis, J1, HONEST).events == (Vouched(claim, "two", PAYEE),)
    assert s.final_claim() == claim


def test_types_move_at_their_own_speed(d: Deployment) -> None:
    s = d.settlement
    pre, parents, data = dict(ROOTS), [s.genesis], []
    for i in range(3):
        data.append(journal([slot(TRANSFER, i)], i))
        parents.append(d.post(parents[-1], data[-1]))
    for name in ("one", "all"):
        pre = dict(ROOTS)
        for i in range(3):
            roots = {"bn254": 100 + i, "mock": 200 + i}
            receipt = d.vouch(name, parents[i], data[i], roots, pre_roots=pre)
            assert any(isinstance(e, Finalised) for e in receipt.events) == (name == "all")
            pre = {suite: root.to_bytes(32, "big") for suite, root in roots.items()}
    assert s.final_claim() == parents[-1]


def test_a_vouch_follows_the_head(d: Deployment) -> None:
    s = d.settlement
    claim = d.post(s.genesis, J1)
    second = journal([], 2)
    d.post(claim, second)
    with refuses("vouch: not the head", VouchRefusedError):
        d.vouch("one", claim, second, HONEST)
    d.vouch("one", s.genesis, J1, HONEST)
    with refuses("vouch: not the head"):
        d.vouch("one", s.genesis, J1, HONEST)


def test_the_head_that_was_expected_is_named(d: Deployment) -> None:
    claim = d.post(d.settlement.genesis, J1)
    d.vouch("one", d.settlement.genesis, J1, HONEST)
    with pytest.raises(VouchRefusedError) as caught:
        d.vouch("one", d.settlement.genesis, J1, HONEST)
    assert caught.value.expected == "0x" + claim.hex()
    assert caught.value.found == "0x" + d.settlement.genesis.hex()


def test_a_claim_must_be_posted(d: Deployment) -> None:
    with refuses("vouch: unknown claim"):
        d.vouch("one", d.settlement.genesis, J1, HONEST)


def test_a_proof_type_must_exist(d: Deployment) -> None:
    contract = d.l1.web3.eth.contract(abi=artifact("Settlement").abi)
    arguments = [3, d.settlement.genesis, bytes(32), [], "0x" + "00" * 20, b""]
    with refuses("vouch: proof type"):
        d.l1.call(d.settlement.address, bytes.fromhex(contract.encode_abi("vouch", arguments)[2:]))


@pytest.mark.parametrize("field", ["commitment", "challenge", "evaluation"])
def test_an_unbound_result_is_refused(d: Deployment, field: str) -> None:
    s = d.settlement
    d.post(s.genesis, J1)
    (result,) = d.results("one", s.genesis, J1, HONEST)
    changed = replace(result, **{field: (1).to_bytes(32, "big")})
    with refuses("vouch: not bound"):
        vouch(d, "one", [changed], b"")


def vouch(d: Deployment, name: str, results: list[SuiteResult], proof: bytes, payee: bytes = PAYEE) -> None:
    d.settlement.vouch(
        d.stranger,
        name,
        parent=d.settlement.genesis,
        journal_hash=claims.journal_hash(J1),
        results=results,
        payee=payee,
        proof=proof,
    )


def test_a_binding_of_one_claim_is_none_of_another(d: Deployment) -> None:
    s = d.settlement
    d.post(s.genesis, J1)
    other = journal([slot(TRANSFER, 1, 2, 3, 4)], 2)
    s.propose(d.stranger, s.genesis, other, J1, d.commitments())
    results = d.results("one", s.genesis, other, HONEST)
    with refuses("vouch: not bound"):
        vouch(d, "one", results, d.proof("one", s.genesis, J1, results, ROOTS))


def test_results_match_the_suites_of_the_type(d: Deployment) -> None:
    d.post(d.settlement.genesis, J1)
    one = d.results("one", d.settlement.genesis, J1, HONEST)
    everything = d.results("all", d.settlement.genesis, J1, HONEST)
    for name, results in (
        ("one", []),
        ("one", [*one, SuiteResult((5).to_bytes(32, "big"))]),
        ("all", everything[:1]),
        ("all", [*everything, everything[0]]),
    ):
        with refuses("vouch: results"):
            vouch(d, name, results, b"")


def test_roots_are_canonical(d: Deployment) -> None:
    d.post(d.settlement.genesis, J1)
    good = d.results("all", d.settlement.genesis, J1, HONEST)
    for suite, bad in ((0, 0), (0, R + 1001), (1, 0), (1, P128)):
        results = list(good)
        results[suite] = SuiteResult(bad.to_bytes(32, "big"))
        with refuses("vouch: root"):
            vouch(d, "all", results, b"")
    (one,) = d.results("one", d.settlement.genesis, J1, HONEST)
    with refuses("vouch: root"):
        vouch(d, "one", [replace(one, root=bytes(32))], b"")


@pytest.mark.parametrize("field", ["commitment", "challenge", "evaluation"])
def test_a_type_that_does_not_bind_gives_no_binding(d: Deployment, field: str) -> None:
    d.post(d.settlement.genesis, J1)
    results = d.results("all", d.settlement.genesis, J1, HONEST)
    results[1] = replace(results[1], **{field: (1).to_bytes(32, "big")})
    with refuses("vouch: nothing to bind"):
        vouch(d, "all", results, b"")


def test_the_adapter_gets_the_whole_statement(d: Deployment) -> None:
    """The mock wants its hash: domain, claim, payee, and every suite's roots, c, z, y."""
    d.post(d.settlement.genesis, J1)
    results = d.results("one", d.settlement.genesis, J1, HONEST)
    proof = d.proof("one", d.settlement.genesis, J1, results, ROOTS)
    with refuses("mock: statement"):
        vouch(d, "one", results, proof, payee=b"\x78" * 20)
    with refuses("mock: statement"):
        vouch(d, "one", [replace(results[0], root=(1002).to_bytes(32, "big"))], proof)
    vouch(d, "one", results, proof)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(REFUSE, "mock: proof"), (WRONG_WORD, "vouch: adapter"), (BURN, ""), (BARE_REVERT, "")],
)
def test_an_adapter_that_does_not_accept(d: Deployment, mode: bytes, reason: str) -> None:
    d.post(d.settlement.genesis, J1)
    with pytest.raises(RefusedError) as caught:
        d.vouch("one", d.settlement.genesis, J1, HONEST, mode=mode)
    assert caught.value.reason == reason
    assert d.settlement.head("one") == d.settlement.genesis


def test_an_adapter_that_burns_gas_burns_no_more_than_its_cap(d: Deployment) -> None:
    s = d.settlement
    d.post(s.genesis, J1)
    results = d.results("one", s.genesis, J1, HONEST)
    proof = d.proof("one", s.genesis, J1, results, ROOTS, BURN)
    contract = d.l1.web3.eth.contract(abi=artifact("Settlement").abi)
    arguments = [
        0,
        s.genesis,
        claims.journal_hash(J1),
        [(r.root, r.commitment, r.challenge, r.evaluation) for r in results],
        "0x" + PAYEE.hex(),
        proof,
    ]
    tx: Any = {
        "from": d.stranger.address,
        "to": to_checksum_address(s.address),
        "data": contract.encode_abi("vouch", arguments),
        "gas": 5_000_000,
        "nonce": d.l1.web3.eth.get_transaction_count(d.stranger.address),
        "chainId": d.l1.chain_id,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
    }
    signed = d.stranger.sign_transaction(tx)
    receipt = d.l1.web3.eth.wait_for_transaction_receipt(
        d.l1.web3.eth.send_raw_transaction(signed.raw_transaction)
    )
    assert receipt["status"] == 0
    assert d.types["one"].gas < receipt["gasUsed"] < d.types["one"].gas + 80_000


def test_an_adapter_without_an_answer_counts_for_nothing(l1: L1) -> None:
    silent = AdapterType("silent", create(l1, "Silent"), ("bn254",), False, 100_000)
    d = Deployment.create(l1, ("bn254",), ("one",), [silent])
    d.post(d.settlement.genesis, J1)
    with refuses("vouch: adapter"):
        vouch(d, "silent", [SuiteResult((1001).to_bytes(32, "big"))], ACCEPT)


def test_a_proof_over_the_bound_is_refused(d: Deployment) -> None:
    d.post(d.settlement.genesis, J1)
    with pytest.raises(RefusedError):
        vouch(d, "one", d.results("one", d.settlement.genesis, J1, HONEST), bytes(4097))


def test_a_claim_of_another_deployment_is_unknown(l1: L1, d: Deployment) -> None:
    other = Deployment.create(l1)
    assert other.settlement.domain != d.settlement.domain
    assert other.settlement.genesis != d.settlement.genesis
    d.post(d.settlement.genesis, J1)
    with refuses("vouch: not the head"):
        other.vouch("one", d.settlement.genesis, J1, HONEST)


# Conflict


def test_types_that_differ_in_a_root_are_in_conflict(d: Deployment) -> None:
    s = d.settlement
    claim = d.post(s.genesis, J1)
    d.vouch("one", s.genesis, J1, HONEST)
    receipt = d.vouch("two", s.genesis, J1, {"bn254": 1002})
    one, two = (root.to_bytes(32, "big") for root in (1001, 1002))
    assert receipt.events == (
        Vouched(claim, "two", PAYEE),
        RootConflict(claim, "two", "bn254", one, two),
        Happened("Settlement", "Frozen", {"number": 1}),
    )
    conflict = d.contracts.governance.open_conflict()
    assert conflict is not None
    assert (conflict.kind, conflict.claim, conflict.suite) == ("roots", claim, "bn254")
    assert conflict.options == (one, two)
    assert s.frozen_from() == 1
    assert s.head("two") == s.genesis


def test_two_claims_vouched_for_on_one_parent_are_a_conflict(d: Deployment) -> None:
    s, g = d.settlement, d.contracts.governance
    other = journal([slot(TRANSFER, 1, 2, 3, 4)], 2)
    h1, h2 = claims.journal_hash(J1), claims.journal_hash(other)
    first = d.post(s.genesis, J1)
    s.propose(d.stranger, s.genesis, other, J1, d.commitments())
    second = claims.claim_id(s.genesis, other)
    d.vouch("one", s.genesis, J1, HONEST)
    with refuses("conflict: not vouched for", GovernanceRefusedError):
        g.show_conflict(d.stranger, s.genesis, h1, h2)
    d.vouch("all", s.genesis, other, HONEST)
    assert s.final_claim() == s.genesis
    (shown,) = (
        e for e in g.show_conflict(d.stranger, s.genesis, h1, h2).events if isinstance(e, ConflictShown)
    )
    assert (shown.kind, shown.number, shown.parent) == ("claims", 1, s.genesis)
    conflict = g.open_conflict()
    assert conflict is not None
    assert (conflict.options, conflict.supporters) == ((first, second), (("one",), ("all",)))
    council = d.contracts.council
    assert council is not None
    members = sorted(d.l1.dev_accounts()[4:6], key=lambda m: m.address.lower())
    council.approve_and_execute(members, g.address, g.choose_data(0, 1))
    (resolved,) = g.conflicts()
    assert (resolved.winner, resolved.losers, resolved.by_council) == (1, ("one",), True)
    assert s.claim(first).closed
    assert s.proof_types()["one"].standing is Standing.QUARANTINED
    adapter = create(d.l1, "MockAdapter", encode(["string"], ["one again"]))
    council.approve_and_execute(members, g.address, g.replace_verifier_data("one", adapter, 100_000))
    assert s.proof_types()["one"].standing is Standing.ACTIVE
    assert s.proof_types()["one"].adapter == adapter


def test_a_member_too_few_or_another_is_refused(d: Deployment) -> None:
    council, g = d.contracts.council, d.contracts.governance
    assert council is not None
    with pytest.raises(CouncilRefusedError):
        council.approve_and_execute(d.l1.dev_accounts()[4:5], g.address, g.choose_data(0, 0))
    strangers = sorted(d.l1.dev_accounts()[2:4], key=lambda m: m.address.lower())
    with pytest.raises(CouncilRefusedError):
        council.approve_and_execute(strangers, g.address, g.choose_data(0, 0))


# Policy


def test_a_policy_is_as_it_was_given_and_changes_with_notice(d: Deployment) -> None:
    g = d.contracts.governance
    assert g.policy() == all_of(["one", "two", "all"], ["one", "all"])
    looser = all_of(["one", "two", "all"], ["all"])
    with refuses("policy: not tighter"):
        g.tighten_policy(d.operator, looser)
    g.propose_policy(d.operator, looser)
    assert g.policy_ready(looser) == d.l1.now() + g.timelock()
    with refuses("timelock: too early"):
        g.apply_policy(d.stranger, looser)
    d.l1.advance_time(g.timelock())
    g.apply_policy(d.stranger, looser)
    assert g.policy() == looser
    assert g.policy_ready(looser) == 0
    # That what halts for one type halts for another, too, needs notice.
    with refuses("policy: not tighter"):
        g.tighten_policy(d.operator, all_of(["one", "two", "all"], ["one", "two", "all"]))
    (tier,) = looser.tiers
    (alternative,) = tier.alternatives
    slower = tier.model_copy(update={"alternatives": (alternative.model_copy(update={"delay_s": 60}),)})
    tighter = looser.model_copy(update={"tiers": (slower,)})
    with pytest.raises(RefusedError):
        g.tighten_policy(d.stranger, tighter)
    g.tighten_policy(d.operator, tighter)
    assert g.policy() == tighter


def test_genesis_is_no_claim_on_the_domain(l1: L1) -> None:
    """genesis = keccak256(domain ‖ keccak256(roots)) has the form of a claim whose journal is the roots."""
    d = Deployment.create(l1)
    s = d.settlement
    roots = s.genesis_roots[0] + s.genesis_roots[1]
    assert claims.claim_id(s.domain, roots) == s.genesis
    with refuses("propose: unknown parent"):
        s.propose(d.stranger, s.domain, J1, roots, d.commitments())


def test_a_type_cannot_vouch_for_both_sides(d: Deployment) -> None:
    s = d.settlement
    other = journal([slot(TRANSFER, 1, 2, 3, 4)], 2)
    d.post(s.genesis, J1)
    s.propose(d.stranger, s.genesis, other, J1, d.commitments())
    d.vouch("one", s.genesis, J1, HONEST)
    with refuses("vouch: not the head"):
        d.vouch("one", s.genesis, other, HONEST)


# Real proof types are tested in test_contracts_groth16, test_contracts_sgx and test_settlement_real.


def test_the_enclave_adapter_serves_many_settlements(l1: L1) -> None:
    """Its signatures are bound to the settlement contract that asks, and to its program."""
    d = Deployment.create(l1, ("bn254",), ("sgx",), [SgxType(allow_simulated=True)])
    s = d.settlement
    key = b"\x05" * 32
    d.contracts.sgx().register(d.operator, claims.signer_address(key), simulated=True)
    claim = d.post(s.genesis, J1)
    root = (1001).to_bytes(32, "big")

    def sign(settlement: bytes, payee: bytes = PAYEE, domain: bytes = s.domain) -> bytes:
        digest = claims.vouch_digest(
            l1.chain_id,
            settlement,
            domain=domain,
            claim=claim,
            pre_state_root=claims.state_root([GENESIS_ROOT]),
            post_state_root=claims.state_root([root]),
            payee=payee,
        )
        return claims.sign_vouch(key, digest)

    other_program = claims.domain(l1.chain_id, s.address, b"\x02" * 32)
    for proof in (
        sign(b"\x01" * 20),
        sign(s.address, b"\x01" * 20),
        sign(s.address, domain=other_program),
    ):
        with refuses("sgx: key unknown", ProofRefusedError):
            vouch(d, "sgx", [SuiteResult(root)], proof)
    vouch(d, "sgx", [SuiteResult(root)], sign(s.address))
    assert s.final_claim() == claim
    d.contracts.sgx().revoke(d.operator, claims.signer_address(key))
    assert d.contracts.sgx().standing(claims.signer_address(key)) == "revoked"


def test_no_deployment_without_code(l1: L1) -> None:
    from multiprover.settlement.errors import NotSettlementError

    with pytest.raises(NotSettlementError, match="without code"):
        Settlement(l1, b"\x01" * 20)
    with pytest.raises(NotSettlementError, match="expected a Settlement contract"):
        Settlement(l1, create(l1, "Bn254Binding"))


def test_a_deployer_that_sends_in_between_is_told(l1: L1, monkeypatch: pytest.MonkeyPatch) -> None:
    account = deployer(l1)
    genuine = l1.create

    def create_and_interfere(sender: Any, code: bytes, *, value: int = 0) -> bytes:
        created = genuine(sender, code, value=value)
        l1.transact(account, raw(account), b"", gas=21_000)
        return created

    types = [mock(l1, "one", ("bn254",), binds=True)]
    monkeypatch.setattr(l1, "create", create_and_interfere)
    with pytest.raises(L1Error, match="the contracts know other addresses"):
        deploy(l1, account, plan(types))
