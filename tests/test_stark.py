"""stark and sgx on one journal: a real proof, confirmed early, on L1 in its parts, and agreement there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from test_node import TOKEN, Events, open_node, unsigned

from examples.token.token import Token
from multiprover.ledger import BatchBuilder, Transaction, sign
from multiprover.node.lie import alter, try_lie
from multiprover.node.node import Node
from multiprover.node.verify import ProofInvalidError, Verifier, transactions
from multiprover.node.workspace import Config, Workspace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims, stark
from multiprover.settlement.base import events_of
from multiprover.settlement.events import Vouched
from multiprover.suites import Wallet

SUITES = ("koalabear",)
SLOTS = 4
WALLETS = [Wallet.from_seed(bytes([9]) * 31 + bytes([i]), SUITES, height=4) for i in range(2)]


def transfer(node: Node, sender: int, receiver: int, amount: int, nonce: int) -> Transaction:
    plain = unsigned(node, "transfer", sender=sender, receiver=receiver, amount=amount, nonce=nonce)
    return sign(plain, node.settlement.domain, [(WALLETS[sender], nonce)])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("stark")
    config = Config(transition=TOKEN, slots=SLOTS, types=("stark", "sgx"))
    with Workspace.create(folder / "data", config, cache=folder / "cache") as opened:
        opened.prepare()
        yield opened


@pytest.fixture(scope="module")
def settled(workspace: Workspace) -> Iterator[tuple[Node, Events]]:
    events = Events()
    with open_node(workspace, events) as node:
        for i, wallet in enumerate(WALLETS):
            node.enqueue(unsigned(node, "register", account=i, key=wallet.public_key))
        node.enqueue(unsigned(node, "deposit", account=0, amount=10**9))
        node.take_queue()
        node.submit(transfer(node, 0, 1, 7, 0))
        node.wait_final(900)
        yield node, events


def proof_of(node: Node) -> pb.Proof:
    return pb.Proof.FromString(node.storage.proofs()[0, "stark"].proof)


def test_both_types_agree(settled: tuple[Node, Events]) -> None:
    node, _ = settled
    (batch,) = node.batches
    status = node.settlement.claim(batch.claim)
    assert status.final
    assert status.vouched == {"stark", "sgx"}
    assert node.settlement.state_root(batch.claim) == claims.state_root(node.state.roots().roots)


def test_a_batch_is_confirmed_by_a_proof_before_l1_has_one(settled: tuple[Node, Events]) -> None:
    _, events = settled
    kinds = [e.kind for e in events if e.batch == 0 and e.proof_type == "stark" and e.kind != "progress"]
    assert kinds == ["confirmed", "proved", "vouched", "confirmed"]


def test_the_proof_is_read_again_from_the_calldata_of_all_its_transactions(
    settled: tuple[Node, Events],
) -> None:
    node, _ = settled
    proof = proof_of(node).l1_proof
    assert transactions("stark", proof) == len(stark.parts_of(proof)) > 1
    index = node.settlement.names.type_index("stark")
    assert index == 0
    (located,) = (
        one
        for one in events_of(node.settlement.l1, [node.settlement])
        if isinstance(one.event, Vouched) and one.event.proof_type == "stark"
    )
    name, _, _, _, payee, found = node.settlement.vouched_with(located.tx_hash)
    assert (name, payee, found) == ("stark", node.payee, proof)


def test_it_verifies_without_its_prover_and_for_this_statement_only(
    workspace: Workspace, settled: tuple[Node, Events]
) -> None:
    node, _ = settled
    (batch,) = node.batches
    statement = node.manifests["stark"].statement(pb.ProveRequest.FromString(batch.request).statement)
    proof = proof_of(node).l1_proof
    verifier = Verifier(workspace.artefacts())
    verifier.verify("stark", statement, proof)
    workspace.provers["stark"].verify(statement, proof_of(node))

    def altered(name: str, value: bytes) -> pb.Statement:
        other = pb.Statement()
        other.CopyFrom(statement)
        setattr(other if hasattr(other, name) else other.suites[0], name, value)
        return other

    for name in ("pre_root", "post_root", "commitment", "challenge", "evaluation"):
        with pytest.raises(ProofInvalidError, match="public input"):
            verifier.verify("stark", altered(name, b"\xff" * 32), proof)
    for name, value in (("payee", bytes(20)), ("post_root", bytes(32))):
        with pytest.raises(ProofInvalidError, match=r"grinding|identity"):
            verifier.verify("stark", altered(name, value), proof)
    for broken in (proof[:-1], proof + b"\0", b""):
        with pytest.raises(ProofInvalidError, match="proof of stark"):
            verifier.verify("stark", statement, broken)


def test_a_lie_is_refused_by_each_prover_and_by_each_contract(settled: tuple[Node, Events]) -> None:
    node, _ = settled
    state = node.state.copy()
    builder = BatchBuilder(Token, state, node.settlement.domain, SLOTS)
    builder.add(transfer(node, 1, 0, 3, 0))
    refusals = try_lie(node, alter(node.program, builder.close(), state))
    assert [r.by for r in refusals] == ["stark", "sgx", "contract:stark", "contract:sgx"]
