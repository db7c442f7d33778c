"""The node with the enclave's prover: agreement, refusals, death at any moment, and the planted lie."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import multiprover as mp
from examples.token.token import Token
from multiprover.cli.board import Board
from multiprover.ledger import BatchBuilder, Transaction, make_transaction, sign
from multiprover.ledger.storage import Storage, StorageError, StoredBatch, StoredProof
from multiprover.node.lie import LieAcceptedError, alter, try_lie
from multiprover.node.node import Event, Node, NodeError, vouch
from multiprover.node.reference import ReferenceError_, load_transition
from multiprover.node.verify import ProofInvalidError, Verifier
from multiprover.node.workspace import Config, Workspace, WorkspaceError
from multiprover.program import trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.errors import ProverCrashed, ProverRefused
from multiprover.settlement import claims
from multiprover.settlement.client import Settlement
from multiprover.settlement.errors import L1Error, RefusedError, refused
from multiprover.suites import Wallet

ROOT = Path(__file__).resolve().parent.parent
TOKEN = f"{ROOT / 'examples/token/token.py'}:Token"
SLOTS = 4
SUITES = ("bn254",)
WALLETS = [Wallet.from_seed(bytes([i + 1]) * 32, SUITES) for i in range(3)]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    config = Config(transition=TOKEN, slots=SLOTS, types=("sgx",))
    with Workspace.create(tmp_path / "data", config, cache=tmp_path / "cache") as opened:
        opened.prepare()
        yield opened


class Events(list[Event]):
    def __call__(self, event: Event) -> None:
        self.append(event)

    def kinds(self, batch: int) -> list[str]:
        return [e.kind for e in self if e.batch == batch and e.kind != "progress"]


def unsigned(node: Node, kind: str, **values: object) -> Transaction:
    return make_transaction(node.transition, node.program, kind, values)


def transfer(node: Node, sender: int, receiver: int, amount: int, nonce: int) -> Transaction:
    plain = unsigned(node, "transfer", sender=sender, receiver=receiver, amount=amount, nonce=nonce)
    return sign(plain, node.settlement.domain, [(WALLETS[sender], nonce)])


def fund(node: Node, amount: int = 10**9) -> None:
    """Two batches from L1: three accounts registered, and funded."""
    for i, wallet in enumerate(WALLETS):
        node.enqueue(unsigned(node, "register", account=i, key=wallet.public_key))
    for i in range(len(WALLETS)):
        node.enqueue(unsigned(node, "deposit", account=i, amount=amount))
    node.take_queue()
    node.seal()


def open_node(workspace: Workspace, listener: Events | None = None) -> Node:
    l1, account = workspace.connect()
    return workspace.node(
        workspace.contracts(l1, account), account, Events() if listener is None else listener
    )


def test_batches_become_final_and_roots_are_the_executors(workspace: Workspace) -> None:
    events = Events()
    with open_node(workspace, events) as node:
        fund(node)
        for nonce in range(5):
            node.submit(transfer(node, 0, 1, 7, nonce))
        node.seal()
        node.wait_final(60)
        last = node.batches[-1]
        assert node.settlement.final_claim() == last.claim
        assert node.settlement.state_root(last.claim) == claims.state_root(node.state.roots().roots)
        assert node.state.read_record(0, 0)[2] == 10**9 - 35
        assert [b.transactions for b in node.batches] == [4, 2, 4, 1]
        assert [b.queued for b in node.batches] == [4, 2, 0, 0]
    for batch in range(4):
        assert sorted(events.kinds(batch)) == ["final", "posted", "proved", "sealed", "vouched"]


def test_a_refused_transaction_names_the_require_and_its_line_and_takes_no_slot(workspace: Workspace) -> None:
    source = (ROOT / "examples/token/token.py").read_text(encoding="utf-8").splitlines()
    with open_node(workspace) as node:
        fund(node)
        before = node.state.roots()
        with pytest.raises(mp.Refused, match="insufficient balance") as refused:
            node.submit(transfer(node, 0, 1, 10**9 + 1, 0))
        assert refused.value.location is not None
        assert '"insufficient balance"' in source[refused.value.location.line - 1]
        with pytest.raises(mp.Refused, match="nonce"):
            node.submit(transfer(node, 0, 1, 1, 1))
        forged = sign(
            unsigned(node, "transfer", sender=0, receiver=1, amount=1, nonce=0),
            node.settlement.domain,
            [(WALLETS[1], 0)],
        )
        with pytest.raises(mp.Refused, match="signature does not verify"):
            node.submit(forged)
        with pytest.raises(mp.Refused, match="takes 1 authorizations, got 0"):
            node.submit(unsigned(node, "transfer", sender=0, receiver=1, amount=1, nonce=0))
        with pytest.raises(NodeError, match="use enqueue"):
            node.submit(unsigned(node, "deposit", account=0, amount=1))
        assert node.state.roots() == before
        assert node.seal() is None


def test_a_signature_of_another_deployment_is_refused(workspace: Workspace) -> None:
    with open_node(workspace) as node:
        fund(node)
        plain = unsigned(node, "transfer", sender=0, receiver=1, amount=1, nonce=0)
        elsewhere = claims.domain(1, node.settlement.address, node.program.program_id)
        with pytest.raises(mp.Refused, match="signature does not verify"):
            node.submit(sign(plain, elsewhere, [(WALLETS[0], 0)]))


def test_a_queued_transaction_that_fails_has_no_effect_and_blocks_nothing(workspace: Workspace) -> None:
    with open_node(workspace) as node:
        fund(node)
        node.enqueue(unsigned(node, "deposit", account=9, amount=5))
        (slot,) = node.take_queue()
        assert slot.refused is not None
        assert "no such account" in slot.refused
        node.submit(transfer(node, 0, 1, 1, 0))
        node.seal()
        node.wait_final(60)
        assert node.state.read_record(0, 9) == node.state.initial_record(0)


def test_a_dead_prover_is_restarted_and_the_batch_proved(workspace: Workspace) -> None:
    with open_node(workspace) as node:
        fund(node)
        node.wait_final(60)
        prover = workspace.provers["sgx"]
        os.killpg(os.getpgid(prover.pid), signal.SIGKILL)  # type: ignore[attr-defined]
        node.submit(transfer(node, 0, 1, 1, 0))
        node.seal()
        node.wait_final(120)


def test_a_prover_that_always_fails_is_named_and_nothing_is_lost(workspace: Workspace) -> None:
    class Broken:
        proof_type = "sgx"

        def prove(self, *_: object, batch: str | None = None, **__: object) -> None:
            raise ProverCrashed("sgx", "it broke", batch=batch)

    with open_node(workspace) as node:
        node.provers["sgx"] = Broken()  # type: ignore[assignment]
        fund(node)
        with pytest.raises(NodeError, match=r"2 batches are not final\. sgx: .*it broke"):
            node.wait_final(60)
    with open_node(workspace) as again:
        again.wait_final(60)
        assert len(again.batches) == 2


def test_an_early_proof_that_verifies_confirms_a_batch(workspace: Workspace) -> None:
    class Ahead:
        """Sends a proof ahead, as `stark` does; the vouch of an enclave by itself confirms nothing."""

        proof_type = "sgx"

        def __init__(self, real: Any) -> None:
            self.real, self.verified = real, list[bytes]()

        def prove(self, request: pb.ProveRequest, *, early: Any, **more: Any) -> Any:
            early(pb.Proof(proof=request.statement.claim))
            return self.real.prove(request, **more)

        def verify(self, statement: pb.Statement, proof: pb.Proof, **_: object) -> None:
            assert proof.proof == statement.claim
            self.verified.append(proof.proof)

    events, board = Events(), Board(["sgx"], live=False)
    with open_node(workspace, events) as node:
        node.provers["sgx"] = ahead = Ahead(node.provers["sgx"])  # type: ignore[assignment]
        fund(node)
        node.wait_final(60)
        assert ahead.verified == [b.claim for b in node.batches]
    for event in events:
        board(event)
    for batch in (0, 1):
        kinds = [e.kind for e in events if e.batch == batch and e.kind != "progress"]
        assert kinds.index("confirmed") < kinds.index("proved")
        row = board.rows[batch]
        assert row.soft_by == "sgx"
        assert row.soft_s is not None
        assert row.final_s is not None
        assert row.soft_s < row.final_s
        assert row.final_at_tier_s(0) is not None


def test_an_early_proof_that_does_not_verify_stops_its_prover(workspace: Workspace) -> None:
    class Lying:
        proof_type = "sgx"

        def prove(self, *_: object, early: Any, **__: object) -> None:
            early(pb.Proof())

        def verify(self, *_: object, **__: object) -> None:
            raise ProverRefused("sgx", pb.Refusal(message="it does not verify"))

    events = Events()
    with open_node(workspace, events) as node:
        node.provers["sgx"] = Lying()  # type: ignore[assignment]
        fund(node)
        with pytest.raises(NodeError, match="it does not verify"):
            node.wait_final(60)
    assert not any(e.kind == "confirmed" for e in events)


def test_an_l1_that_does_not_answer_is_asked_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_node(workspace) as node:
        post, failures = node.settlement.post, [L1Error("no answer"), L1Error("no answer")]

        def silent_at_first(*arguments: Any) -> Any:
            if failures:
                raise failures.pop()
            return post(*arguments)

        monkeypatch.setattr(node.settlement, "post", silent_at_first)
        fund(node)
        node.wait_final(60)
        assert not failures


def test_a_batch_made_final_by_somebody_else_is_noticed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events()
    with open_node(workspace, events) as node:
        # As if the receipt of our own vouch told nothing.
        monkeypatch.setattr(node, "_vouch", lambda name, batch, stored: bring(node, name, batch, stored))
        fund(node)
        node.wait_final(60)
    assert [e.batch for e in events if e.kind == "final"] == [0, 1]


def bring(node: Node, name: str, batch: StoredBatch, stored: StoredProof) -> None:
    vouch(node.settlement, node.account, name, batch, pb.Proof.FromString(stored.proof), node.payee)


def test_a_ledger_that_cannot_be_written_takes_nothing_more(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_node(workspace) as node:
        fund(node)
        node.wait_final(60)

        def full(_: Transaction) -> None:
            raise OSError("no space left on device")

        monkeypatch.setattr(node.storage, "accept", full)
        with pytest.raises(NodeError, match="no space left"):
            node.submit(transfer(node, 0, 1, 1, 0))
        monkeypatch.undo()
        with pytest.raises(NodeError, match="open the node again"):
            node.submit(transfer(node, 0, 1, 1, 0))
    with open_node(workspace) as again:
        again.submit(transfer(again, 0, 1, 1, 0))
        again.seal()
        again.wait_final(60)


def test_a_planted_lie_is_refused_by_the_prover_and_by_the_contract(workspace: Workspace) -> None:
    with open_node(workspace) as node:
        fund(node)
        node.wait_final(60)
        state = node.state.copy()
        builder = BatchBuilder(Token, state, node.settlement.domain, SLOTS)
        builder.add(transfer(node, 1, 2, 3, 0))
        lie = alter(node.program, builder.close(), state)
        assert "balance" in lie.what
        refusals = try_lie(node, lie)
        assert [r.by for r in refusals] == ["sgx", "contract:sgx"]
        assert "JOURNAL_MISMATCH" in refusals[0].reason
        assert node.settlement.final_claim() == node.batches[-1].claim


def test_a_truth_planted_as_a_lie_is_noticed(workspace: Workspace) -> None:
    """The demonstration can fail: what is true is proved, and that is an error there."""
    with open_node(workspace) as node:
        fund(node)
        node.wait_final(60)
        state = node.state.copy()
        builder = BatchBuilder(Token, state, node.settlement.domain, SLOTS)
        builder.add(transfer(node, 1, 2, 3, 0))
        lie = alter(node.program, builder.close(), node.state.copy())
        builder = BatchBuilder(Token, node.state.copy(), node.settlement.domain, SLOTS)
        builder.add(transfer(node, 1, 2, 3, 0))
        truth = type(lie)(builder.close(), "nothing")
        with pytest.raises(LieAcceptedError, match="sgx proved the lie"):
            try_lie(node, truth)


def test_proofs_verify_without_provers_and_altered_ones_do_not(workspace: Workspace) -> None:
    with open_node(workspace) as node:
        fund(node)
        node.wait_final(60)
        batch = node.batches[0]
        statement = pb.ProveRequest.FromString(batch.request).statement
        proof = pb.Proof.FromString(node.storage.proofs()[0, "sgx"].proof).l1_proof
    verifier = Verifier(workspace.artefacts())
    verifier.verify("sgx", statement, proof)
    with pytest.raises(ProofInvalidError, match=r"expected a signature of|no key recovers"):
        verifier.verify("sgx", statement, proof[:10] + bytes([proof[10] ^ 1]) + proof[11:])
    with pytest.raises(ProofInvalidError, match="expected 65 bytes, got 64"):
        verifier.verify("sgx", statement, proof[:-1])
    statement.payee = bytes(20)
    with pytest.raises(ProofInvalidError, match="expected a signature of"):
        verifier.verify("sgx", statement, proof)
    with pytest.raises(ProofInvalidError, match="no artefacts"):
        verifier.verify("groth16", statement, proof)


KILLED = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    sys.path[:0] = [{root!r}, {tests!r}]
    from multiprover.node.workspace import Workspace
    from test_node import fund, open_node, transfer

    def listener(event):
        if event.kind == {kind!r} and event.batch == {batch}:
            os.kill(os.getpid(), 9)

    with Workspace.open(Path({data!r}), cache=Path({cache!r})) as workspace:
        workspace.prepare()
        with open_node(workspace, listener) as node:
            fund(node)
            for nonce in range(6):
                node.submit(transfer(node, 0, 1, 1, nonce))
            node.wait_final(60)
    raise SystemExit("it was not killed")
""")


@pytest.mark.parametrize(("kind", "batch"), [("sealed", 0), ("posted", 1), ("proved", 1), ("vouched", 2)])
def test_a_killed_node_goes_on_where_it_was(tmp_path: Path, kind: str, batch: int) -> None:
    data, cache = tmp_path / "data", tmp_path / "cache"
    Workspace.create(data, Config(transition=TOKEN, slots=SLOTS, types=("sgx",)), cache=cache)
    script = KILLED.format(
        root=str(ROOT), tests=str(ROOT / "tests"), kind=kind, batch=batch, data=str(data), cache=str(cache)
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Workspace.open(data, cache=cache) as workspace:
        workspace.prepare()
        accepted = len(workspace.storage.transactions())
        with open_node(workspace) as node:
            first = node.state.read_record(0, 0)[3]  # account 0's nonce: what it has sent
            for nonce in range(first, 6):
                if accepted >= 6:
                    node.submit(transfer(node, 0, 1, 1, nonce))
            node.seal()
            node.wait_final(60)
            assert sum(b.transactions for b in node.batches) >= accepted
            assert node.settlement.final_claim() == node.batches[-1].claim
            assert node.settlement.state_root(node.batches[-1].claim) == claims.state_root(
                node.state.roots().roots
            )


def test_storage_refuses_another_program_and_what_is_no_ledger(tmp_path: Path) -> None:
    program = trace(Token, SUITES)
    Storage(tmp_path / "ledger.sqlite", program).close()
    other = dataclasses.replace(program, name="Other")
    with pytest.raises(StorageError, match="expected a ledger of format 1 of program"):
        Storage(tmp_path / "ledger.sqlite", other)
    (tmp_path / "text").write_text("no database", encoding="utf-8")
    with pytest.raises(StorageError, match="is not a ledger"):
        Storage(tmp_path / "text", program)


def test_a_data_directory_keeps_its_configuration(tmp_path: Path) -> None:
    config = Config(transition=TOKEN, slots=SLOTS, types=("sgx",))
    Workspace.create(tmp_path, config)
    with pytest.raises(WorkspaceError, match="another configuration"):
        Workspace.create(tmp_path, config.model_copy(update={"slots": 8}))
    with pytest.raises(WorkspaceError, match="no data directory"):
        Workspace.open(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"config\.json"):
        Workspace.open(tmp_path)


def test_a_reference_names_a_file_and_a_class(tmp_path: Path) -> None:
    assert load_transition(TOKEN).__name__ == "Token"
    for reference, message in [
        ("Token", "expected path/to/file.py:Class"),
        (f"{tmp_path}/none.py:Token", "a file that exists"),
        (TOKEN.replace(":Token", ":Tokens"), "it has Token"),
    ]:
        with pytest.raises(ReferenceError_, match=message):
            load_transition(reference)


class Killed(BaseException):
    """In place of a kill, where its moment must be exact."""


def test_a_batch_that_was_full_and_not_sealed_is_sealed_at_the_next_opening(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise Killed

    with open_node(workspace) as node:
        fund(node)
        for nonce in range(SLOTS - 1):
            node.submit(transfer(node, 0, 1, 1, nonce))
        monkeypatch.setattr(Storage, "seal", killed)
        with pytest.raises(Killed):
            node.submit(transfer(node, 0, 1, 1, SLOTS - 1))
        monkeypatch.undo()
    with open_node(workspace) as again:
        assert [b.transactions for b in again.batches] == [4, 2, SLOTS]
        again.submit(transfer(again, 0, 1, 1, SLOTS))
        again.seal()
        again.wait_final(60)
        assert again.settlement.state_root(again.batches[-1].claim) == claims.state_root(
            again.state.roots().roots
        )


def test_a_queued_transaction_that_cannot_be_executed_is_not_left_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError("no space left")

    with open_node(workspace) as node:
        node.enqueue(unsigned(node, "register", account=0, key=WALLETS[0].public_key))
        monkeypatch.setattr(BatchBuilder, "add", fails)
        with pytest.raises(OSError, match="no space left"):
            node.take_queue()
        monkeypatch.undo()
        assert len(node.take_queue()) == 1
        node.seal()
        node.wait_final(60)
        assert node.batches[0].queued == 1


def test_a_proof_and_a_claim_that_another_brought_first_count(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are seen before they are mined; copied and mined first, the node's own are refused."""
    done = Settlement.vouch, Settlement.post

    def twice(number: int) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            done[number](*arguments, **named)  # type: ignore[arg-type]
            return done[number](*arguments, **named)  # type: ignore[arg-type]

        return call

    monkeypatch.setattr(Settlement, "vouch", twice(0))
    monkeypatch.setattr(Settlement, "post", twice(1))
    with open_node(workspace) as node:
        fund(node)
        node.wait_final(60)
        assert node.stopped == {}


def test_a_proof_is_brought_for_the_payee_that_it_was_made_for(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise ConnectionError("L1 is away")

    monkeypatch.setattr(Settlement, "vouch", killed)
    with open_node(workspace) as node:
        fund(node)
        with pytest.raises(NodeError, match="L1 is away"):
            node.wait_final(60)
    monkeypatch.undo()
    again = open_node(workspace)
    again.payee = bytes(19) + b"\1"
    with again:
        again.wait_final(60)


def test_a_noop_is_not_submitted(workspace: Workspace) -> None:
    with open_node(workspace) as node:
        with pytest.raises(NodeError, match="noop"):
            node.submit(Transaction(bytes(4 * node.program.input_words)))
        assert node.seal() is None


@pytest.mark.parametrize("who", ["prover", "contract"])
def test_a_lie_that_nobody_looked_at_is_no_demonstration(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    with open_node(workspace) as node:
        fund(node)
        node.wait_final(60)
        state = node.state.copy()
        builder = BatchBuilder(Token, state, node.settlement.domain, SLOTS)
        builder.add(transfer(node, 1, 2, 3, 0))
        lie = alter(node.program, builder.close(), state)

        def unprepared(*_: object, **__: object) -> None:
            raise ProverRefused("sgx", pb.Refusal(code=pb.Refusal.CODE_NOT_PREPARED, message="no keys"))

        def behind(*_: object, **__: object) -> None:
            raise refused("vouch: not the head")

        if who == "prover":
            monkeypatch.setattr(node.provers["sgx"], "prove", unprepared)
            expected: tuple[type[Exception], str] = (ProverRefused, "no keys")
        else:
            monkeypatch.setattr(node.settlement, "vouch", behind)
            expected = (RefusedError, "not the head")
        with pytest.raises(expected[0], match=expected[1]):
            try_lie(node, lie)
