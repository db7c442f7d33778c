"""halo2 on L1 with real proofs; and that types of one suite must agree on its root."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fresh_cache import fresh_cache
from settlement_support import PAYEE, all_of, mock, statement_hash
from test_node import TOKEN, Events, unsigned

from multiprover.ledger import Transaction, sign
from multiprover.node.deployment import deploy_program, plan_for
from multiprover.node.node import Node
from multiprover.node.verify import ProofInvalidError, Verifier
from multiprover.node.workspace import Config, Workspace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims, halo2
from multiprover.settlement.base import address_of
from multiprover.settlement.events import Finalised, Receipt, RootConflict
from multiprover.settlement.types import SuiteResult
from multiprover.suites import Wallet

SLOTS = 2
TYPES = ("groth16", "halo2", "sgx")
WALLETS = [Wallet.from_seed(bytes([9]) * 31 + bytes([i]), ("bn254",)) for i in range(2)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("halo2")
    config = Config(transition=TOKEN, slots=SLOTS, types=("halo2", "sgx"))
    with Workspace.create(folder / "data", config, cache=fresh_cache(folder / "cache")) as opened:
        opened.prepare()
        yield opened


@pytest.fixture(scope="module")
def node(workspace: Workspace) -> Iterator[Node]:
    """Two batches with the vouches of halo2 and sgx; each value needs that of a third type too.

    The third stands in for groth16: it says what the tests have it say, and knows the same suite.
    """
    l1, account = workspace.connect()
    plan = plan_for(
        workspace.transition,
        workspace.program,
        SLOTS,
        workspace.prepared,
        workspace.manifests,
        address_of(account),
        allow_simulated=True,
        allow_insecure_setup=True,
        policy=all_of(TYPES, TYPES),
    )
    stand_in = mock(l1, "groth16", ("bn254",), binds=True)
    plan = replace(plan, proof_types=(*plan.proof_types, stand_in))
    contracts = deploy_program(l1, account, plan, workspace.prepared, workspace.manifests)
    workspace.settle_at(contracts)
    with workspace.node(contracts, account, Events()) as node:
        for i, wallet in enumerate(WALLETS):
            node.enqueue(unsigned(node, "register", account=i, key=wallet.public_key))
        node.enqueue(unsigned(node, "deposit", account=0, amount=10**9))
        node.take_queue()
        node.submit(transfer(node, 7, 0))
        node.seal()
        deadline = time.monotonic() + 600
        while not all(node.settlement.claim(b.claim).vouched == {"halo2", "sgx"} for b in node.batches):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield node


def transfer(node: Node, amount: int, nonce: int) -> Transaction:
    plain = unsigned(node, "transfer", sender=0, receiver=1, amount=amount, nonce=nonce)
    return sign(plain, node.settlement.domain, [(WALLETS[0], nonce)])


def statement_of(node: Node, batch: int) -> pb.Statement:
    request = pb.ProveRequest.FromString(node.batches[batch].request)
    return node.manifests["halo2"].statement(request.statement)


def vouch_as_groth16(node: Node, batch: int, root: bytes) -> Receipt:
    statement = statement_of(node, batch)
    (suite,) = statement.suites
    result = SuiteResult(root, suite.commitment, suite.challenge, suite.evaluation)
    hashed = statement_hash(statement.domain, statement.claim, PAYEE, [(suite.pre_root, result)])
    return node.settlement.vouch(
        node.account,
        "groth16",
        parent=statement.parent_claim,
        journal_hash=claims.journal_hash(node.batches[batch].journal),
        results=[result],
        payee=PAYEE,
        proof=b"\x01" + hashed,
    )


def test_a_proof_verifies_without_its_prover_and_for_this_statement_only(
    workspace: Workspace, node: Node
) -> None:
    statement = statement_of(node, 1)
    proof = pb.Proof.FromString(node.storage.proofs()[1, "halo2"].proof)
    verifier = Verifier(workspace.artefacts())
    verifier.verify("halo2", statement, proof.l1_proof)
    assert verifier.gas("halo2", statement, proof.l1_proof) < 600_000
    workspace.provers["halo2"].verify(statement, proof)

    def altered(name: str, value: bytes) -> pb.Statement:
        other = pb.Statement()
        other.CopyFrom(statement)
        setattr(other if hasattr(other, name) else other.suites[0], name, value)
        return other

    for name in ("pre_root", "post_root", "commitment", "challenge", "evaluation"):
        with pytest.raises(ProofInvalidError, match="halo2: proof"):
            verifier.verify("halo2", altered(name, (5).to_bytes(32, "big")), proof.l1_proof)
        with pytest.raises(ProofInvalidError, match="halo2: public input"):
            verifier.verify("halo2", altered(name, b"\xff" * 32), proof.l1_proof)
    with pytest.raises(ProofInvalidError, match="halo2: proof"):
        verifier.verify("halo2", altered("payee", bytes(20)), proof.l1_proof)
    with pytest.raises(ProofInvalidError, match="halo2: proof"):
        verifier.verify("halo2", altered("domain", bytes(32)), proof.l1_proof)
    for broken in (proof.l1_proof[:-1], proof.l1_proof + b"\0", b""):
        with pytest.raises(ProofInvalidError, match="proof length"):
            verifier.verify("halo2", statement, broken)


def test_the_setup_is_labelled(workspace: Workspace) -> None:
    """No ceremony's parameters are at hand here: manifest, artefact and L1 must say so."""
    assert halo2.is_insecure(workspace.prepared["halo2"].artefacts["l1_verifier"])
    assert any("setup" in warning for warning in workspace.manifests["halo2"].warnings)


def test_groth16_and_halo2_must_give_equal_roots(node: Node) -> None:
    settlement = node.settlement
    first, second = node.batches
    root = statement_of(node, 0).suites[0].post_root
    assert not settlement.claim(first.claim).final
    agreed = vouch_as_groth16(node, 0, root)
    assert [type(event) for event in agreed.events][-1] is Finalised
    assert settlement.claim(first.claim).final

    true, lie = statement_of(node, 1).suites[0].post_root, (99).to_bytes(32, "big")
    disagreed = vouch_as_groth16(node, 1, lie)
    assert RootConflict(second.claim, "groth16", "bn254", true, lie) in disagreed.events
    assert not settlement.claim(second.claim).final
    assert settlement.root(second.claim, "bn254") == true
    assert settlement.frozen_from() == 2
    assert settlement.final_claim() == first.claim
