"""Proofs that come to L1 in several transactions: resumed, interleaved, taken back; a stand-in for stark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from settlement_support import GENESIS_ROOT, PAYEE, Deployment, create, journal, statement_hash

from multiprover.settlement import claims, stark
from multiprover.settlement.adapters import AdapterType
from multiprover.settlement.claims import ClaimError
from multiprover.settlement.errors import L1Error, ProofRefusedError, RefusedError, VouchRefusedError
from multiprover.settlement.events import Vouched
from multiprover.settlement.l1 import Mined, open_l1
from multiprover.settlement.types import SuiteResult

ROOT = 77
DATA = journal(outputs=5)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=stark.MAX_PARTS))
def test_a_proof_is_its_parts(parts: list[bytes]) -> None:
    assert list(stark.parts_of(stark.joined(parts))) == parts


@pytest.mark.parametrize(
    "proof",
    [
        b"",
        bytes(4),
        (256).to_bytes(4, "big") + bytes(256 * 4),
        b"\xff" * 64,
        stark.joined([b"a", b"bc"])[:-1],
        stark.joined([b"a", b"bc"]) + b"\0",
        stark.joined([b""])[:7],
    ],
    ids=["empty", "none", "too many", "nonsense", "short", "long", "no lengths"],
)
def test_what_is_no_list_of_parts_is_refused(proof: bytes) -> None:
    with pytest.raises(ClaimError, match="proof of stark: expected"):
        stark.parts_of(proof)


class Stage:
    """A deployment with a stand-in for ``stark``, on which a batch is posted."""

    def __init__(self) -> None:
        self.l1 = open_l1(None)
        self.adapter = create(self.l1, "MockSteppedAdapter")
        kind = AdapterType("stark", self.adapter, ("bn254",), True, 200_000)
        self.deployment = Deployment.create(self.l1, required=("stark", "all"), extra=[kind])
        self.deployment.types["stark"] = kind
        self.settlement = self.deployment.settlement
        self.genesis = self.settlement.genesis
        self.claim = self.deployment.post(self.genesis, DATA)
        self.results = self.deployment.results("stark", self.genesis, DATA, {"bn254": ROOT})

    def proof(self, results: Sequence[SuiteResult] | None = None) -> bytes:
        """Three parts, together longer than what ``Settlement`` takes."""
        suites = [(GENESIS_ROOT, (results or self.results)[0])]
        hash = statement_hash(self.settlement.domain, self.claim, PAYEE, suites)
        return stark.joined([hash + bytes([i]) * 2000 for i in range(3)])

    def session(self, sender: LocalAccount, proof: bytes | None = None) -> stark.Session:
        status = self.settlement.proof_type("stark")
        asked = self.settlement.statement(
            status, self.genesis, claims.journal_hash(DATA), self.results, PAYEE
        )
        return stark.Session(self.l1, self.adapter, sender, asked, proof or self.proof())

    def vouch(self, sender: LocalAccount, proof: bytes | None = None) -> tuple[bytes, int, bool]:
        """Transaction, how many it took, and whether L1 says that the type vouched."""
        receipt = self.settlement.vouch(
            sender,
            "stark",
            parent=self.genesis,
            journal_hash=claims.journal_hash(DATA),
            results=self.results,
            payee=PAYEE,
            proof=proof or self.proof(),
        )
        vouched = Vouched(self.claim, "stark", PAYEE) in receipt.events
        return receipt.tx_hash, receipt.transactions, vouched


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(autouse=True)
def _fresh(stage: Stage) -> Iterator[None]:
    before = stage.l1.snapshot()
    yield
    stage.l1.revert(before)


class Lost(Exception):
    """The connection, or the process, after so many transactions."""


def interrupt(stage: Stage, monkeypatch: pytest.MonkeyPatch, sender: LocalAccount, count: int) -> None:
    """L1 takes ``count`` of the transactions, and the sender does not hear of the last one."""
    real, left = stage.l1.transact, [count]

    def transact(*arguments: object, **named: object) -> Mined:
        mined = real(*arguments, **named)  # type: ignore[arg-type]
        left[0] -= 1
        if left[0] == 0:
            raise Lost
        return mined

    with monkeypatch.context() as lost:
        lost.setattr(stage.l1, "transact", transact)
        with pytest.raises(Lost):
            stage.vouch(sender)


def test_a_proof_comes_in_its_parts_and_vouches(stage: Stage) -> None:
    assert stage.vouch(stage.deployment.stranger)[1:] == (3, True)
    assert stage.settlement.claim(stage.claim).vouched == {"stark"}
    assert stage.session(stage.deployment.stranger).progress() == 0
    with pytest.raises(VouchRefusedError, match="not the head"):
        stage.vouch(stage.deployment.stranger)


@pytest.mark.parametrize("taken", [1, 2])
def test_who_was_interrupted_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    interrupt(stage, monkeypatch, stage.deployment.stranger, taken)
    assert stage.session(stage.deployment.stranger).progress() == taken
    assert stage.vouch(stage.deployment.stranger)[1:] == (3 - taken, True)


def test_others_cannot_disturb_a_session(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = stage.deployment.stranger, stage.deployment.operator
    for account in (ours, theirs):
        interrupt(stage, monkeypatch, account, 1)
    assert stage.vouch(theirs)[1:] == (2, True)
    # Ours stands where it stood, though the claim needs it no more.
    assert stage.session(ours).progress() == 1
    with pytest.raises(VouchRefusedError, match="not the head"):
        stage.vouch(ours)


def test_two_processes_of_one_account_share_a_session(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = stage.deployment.stranger
    real = stage.l1.transact
    raced: list[int] = []

    def transact(*arguments: object, **named: object) -> Mined:
        if not raced:
            raced.append(1)
            real(*arguments, **named)  # type: ignore[arg-type] # the other process, a moment before
            raced.append(stage.session(sender).progress())
            # What we read before is old now: sending the first part again would begin anew.
            return real(sender, stage.adapter, stage.session(sender)._step(0))
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.l1, "transact", transact)
    assert stage.vouch(sender)[2]
    assert raced == [1, 1]


def test_a_step_that_another_process_took_is_passed_over(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = stage.deployment.stranger
    session = stage.session(sender)
    stage.l1.transact(sender, stage.adapter, session._step(0))
    real, raced = stage.l1.transact, list[int]()

    def transact(*arguments: object, **named: object) -> Mined:
        if not raced:
            raced.append(1)
            real(*arguments, **named)  # type: ignore[arg-type]
            return real(*arguments, **named)  # type: ignore[arg-type] # "stark: step": it is taken
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.l1, "transact", transact)
    assert session.verify().transactions == 1


def test_after_a_reorganisation_the_lost_parts_are_sent_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stage.l1.snapshot()
    interrupt(stage, monkeypatch, stage.deployment.stranger, 2)
    stage.l1.revert(before)
    assert stage.session(stage.deployment.stranger).progress() == 0
    assert stage.vouch(stage.deployment.stranger)[1:] == (3, True)


def test_another_proof_is_another_session(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = stage.deployment.stranger
    interrupt(stage, monkeypatch, sender, 2)
    first, second, third = stage.proof()[16:2048], stage.proof()[2048:4080], b"\xee" * 2032
    bad = stage.proof()[:16] + first + second + third
    assert len(bad) == len(stage.proof())
    assert stage.session(sender, bad).progress() == 0
    with pytest.raises(RefusedError, match="mock: proof"):
        stage.vouch(sender, bad)
    assert stage.settlement.claim(stage.claim).vouched == frozenset()
    assert stage.vouch(sender)[1:] == (1, True)


def test_a_refused_proof_is_refused_each_time(stage: Stage) -> None:
    for _ in range(2):
        with pytest.raises(RefusedError, match="mock: proof"):
            stage.vouch(stage.deployment.stranger, stark.joined([b"\xff" * 2000] * 3))
    with pytest.raises(ClaimError, match="proof of stark"):
        stage.vouch(stage.deployment.stranger, bytes(5000))


def test_a_refusal_of_a_step_that_nobody_took_is_said(stage: Stage) -> None:
    """More parts than the adapter wants: no endless loop."""
    hash = stage.proof()[16:48]
    with pytest.raises(ProofRefusedError, match="stark: step"):
        stage.session(stage.deployment.stranger, stark.joined([hash] * 5)).verify()


def test_the_whole_proof_can_be_read_from_calldata(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = stage.deployment.stranger
    # An attempt that began anew leaves a part that belongs to nothing.
    stage.l1.transact(sender, stage.adapter, stage.session(sender)._step(0))
    with monkeypatch.context() as again:
        again.setattr(stark.Session, "progress", lambda _: 0)
        stage.l1.transact(sender, stage.adapter, stage.session(sender)._step(0))
    tx_hash, _, _ = stage.vouch(sender)
    name, parent, journal_hash, results, payee, proof = stage.settlement.vouched_with(tx_hash)
    assert (name, parent, journal_hash) == ("stark", stage.genesis, claims.journal_hash(DATA))
    assert (list(results), payee, proof) == (stage.results, PAYEE, stage.proof())


def test_parts_that_do_not_stand_in_calldata_are_missed(stage: Stage) -> None:
    sender = stage.deployment.stranger
    tx_hash, _, _ = stage.vouch(sender)
    tx = stage.l1.web3.eth.get_transaction(tx_hash)  # type: ignore[arg-type]
    carried = stage.session(sender)._framed(2)
    someone = stage.deployment.operator.address
    with pytest.raises(L1Error, match="expected 2 transactions with parts of the proof, found 0"):
        stark.whole_proof(stage.l1, stage.adapter, someone, tx["blockNumber"], carried)
    with pytest.raises(ClaimError, match="at least 36 bytes"):
        stark.whole_proof(stage.l1, stage.adapter, sender.address, tx["blockNumber"], bytes(35))


@pytest.mark.parametrize(
    ("proof_type", "reason"),
    [("stark", "expected a call of the adapter of stark"), (99, "expected a call of vouch")],
)
def test_what_others_call_prove_is_no_proof(stage: Stage, proof_type: str | int, reason: str) -> None:
    """A watcher reads whatever a dissent came in, and goes on without what it cannot read."""
    sender, settlement = stage.deployment.stranger, stage.settlement
    index = settlement.names.type_index(proof_type) if isinstance(proof_type, str) else proof_type
    rows = [r.words for r in stage.results]
    vouch = settlement.encode(
        "vouch", [index, stage.genesis, claims.journal_hash(DATA), rows, to_checksum_address(PAYEE), b""]
    )
    status = settlement.proof_type("stark")
    statement = settlement.statement(status, stage.genesis, claims.journal_hash(DATA), stage.results, PAYEE)
    # Stands in for a contract of theirs that vouches through the adapter: nothing lives there.
    theirs = bytes.fromhex(stage.deployment.operator.address[2:])
    data = settlement.through_adapter(theirs, statement, bytes(35), settlement.address, vouch)
    mined = stage.l1.transact(sender, theirs, data)
    with pytest.raises(L1Error, match=reason):
        settlement.vouched_with(mined.tx_hash)


def test_who_vouches_while_a_contract_is_created_leaves_no_proof(stage: Stage) -> None:
    mined = stage.l1.transact(stage.deployment.stranger, None, b"\x00")
    with pytest.raises(L1Error, match="one that creates a contract"):
        stage.settlement.vouched_with(mined.tx_hash)
