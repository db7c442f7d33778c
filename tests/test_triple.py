"""All our proof types on one journal over two suites: real proofs, one batch, agreement on L1."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from test_node import TOKEN, Events, open_node, unsigned

from examples.token.token import Token
from multiprover.ledger import BatchBuilder, Transaction, sign
from multiprover.node.lie import alter, try_lie
from multiprover.node.node import Node
from multiprover.node.verify import ProofInvalidError, Verifier
from multiprover.node.workspace import Config, Workspace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims
from multiprover.settlement.client import MAX_PROOF
from multiprover.suites import Wallet

SUITES = ("bn254", "goldilocks")
TYPES = ("groth16", "halo2", "plonky2", "sgx")
SLOTS = 4
WALLETS = [Wallet.from_seed(bytes([7]) * 31 + bytes([i]), SUITES) for i in range(2)]


def transfer(node: Node, sender: int, receiver: int, amount: int, nonce: int) -> Transaction:
    plain = unsigned(node, "transfer", sender=sender, receiver=receiver, amount=amount, nonce=nonce)
    return sign(plain, node.settlement.domain, [(WALLETS[sender], nonce)])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("triple")
    config = Config(transition=TOKEN, slots=SLOTS, types=TYPES)
    with Workspace.create(folder / "data", config, cache=folder / "cache") as opened:
        opened.prepare()
        yield opened


@pytest.fixture(scope="module")
def node(workspace: Workspace) -> Iterator[Node]:
    with open_node(workspace, Events()) as node:
        for i, wallet in enumerate(WALLETS):
            node.enqueue(unsigned(node, "register", account=i, key=wallet.public_key))
        node.enqueue(unsigned(node, "deposit", account=0, amount=10**9))
        node.take_queue()
        node.submit(transfer(node, 0, 1, 7, 0))
        node.wait_final(900)
        yield node


def proof_of(node: Node, name: str) -> pb.Proof:
    return pb.Proof.FromString(node.storage.proofs()[0, name].proof)


def test_all_types_agree_over_both_suites(node: Node) -> None:
    (batch,) = node.batches
    settlement = node.settlement
    status = settlement.claim(batch.claim)
    assert status.final
    assert status.vouched == set(TYPES)
    roots = node.state.roots().roots
    assert tuple(settlement.root(batch.claim, suite) for suite in SUITES) == tuple(roots)
    assert settlement.state_root(batch.claim) == claims.state_root(roots)
    # Each ZK type knows one suite only; a proof too long for Settlement came through its adapter.
    assert [s.suite for s in proof_of(node, "groth16").suites] == ["bn254"]
    assert [s.suite for s in proof_of(node, "halo2").suites] == ["bn254"]
    assert [s.suite for s in proof_of(node, "plonky2").suites] == ["goldilocks"]
    assert len(proof_of(node, "plonky2").l1_proof) > MAX_PROOF


def test_plonky2_verifies_without_its_prover_and_for_this_statement_only(
    workspace: Workspace, node: Node
) -> None:
    (batch,) = node.batches
    statement = node.manifests["plonky2"].statement(pb.ProveRequest.FromString(batch.request).statement)
    proof = proof_of(node, "plonky2").l1_proof
    verifier = Verifier(workspace.artefacts())
    verifier.verify("plonky2", statement, proof)
    workspace.provers["plonky2"].verify(statement, proof_of(node, "plonky2"))

    def altered(name: str, value: bytes) -> pb.Statement:
        other = pb.Statement()
        other.CopyFrom(statement)
        setattr(other if hasattr(other, name) else other.suites[0], name, value)
        return other

    one = bytes(7) + b"\1" + bytes(24)
    for name in ("pre_root", "post_root", "commitment", "challenge", "evaluation"):
        with pytest.raises(ProofInvalidError, match="identity"):
            verifier.verify("plonky2", altered(name, one), proof)
        with pytest.raises(ProofInvalidError, match="public input"):
            verifier.verify("plonky2", altered(name, b"\xff" * 32), proof)
    with pytest.raises(ProofInvalidError, match="identity"):
        verifier.verify("plonky2", altered("payee", bytes(20)), proof)
    with pytest.raises(ProofInvalidError, match="identity"):
        verifier.verify("plonky2", altered("domain", bytes(32)), proof)
    for broken in (proof[:-1], proof + b"\0", b""):
        with pytest.raises(ProofInvalidError, match="proof length"):
            verifier.verify("plonky2", statement, broken)


def test_a_lie_is_refused_by_each_prover_and_by_each_contract(node: Node) -> None:
    state = node.state.copy()
    builder = BatchBuilder(Token, state, node.settlement.domain, SLOTS)
    builder.add(transfer(node, 1, 0, 3, 0))
    refusals = try_lie(node, alter(node.program, builder.close(), state))
    assert [r.by for r in refusals] == [*TYPES, *(f"contract:{name}" for name in TYPES)]
    assert "identity" in {r.by: r.reason for r in refusals}["contract:plonky2"]
