"""groth16 and sgx on one journal: real proofs, agreement on L1, and what must not fool them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from test_l1_anvil import MNEMONIC
from test_l1_anvil import pytestmark as needs_npm
from test_node import TOKEN, Events, fund, open_node, transfer

from examples.token.token import Token
from multiprover.ledger import BatchBuilder
from multiprover.node.lie import alter, try_lie
from multiprover.node.node import Node, prove_batch, vouch
from multiprover.node.verify import ProofInvalidError, Verifier
from multiprover.node.workspace import Config, Workspace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.errors import ProverRefused
from multiprover.settlement import claims
from multiprover.settlement.base import events_of
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.events import Finalised

SLOTS = 2


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Keys are made anew here: making them is under test as well."""
    folder = tmp_path_factory.mktemp("end-to-end")
    config = Config(transition=TOKEN, slots=SLOTS, types=("groth16", "sgx"))
    with Workspace.create(folder / "data", config, cache=folder / "cache") as opened:
        opened.prepare()
        yield opened


@pytest.fixture(scope="module")
def settled(workspace: Workspace) -> Iterator[tuple[Node, Events]]:
    events = Events()
    with open_node(workspace, events) as node:
        fund(node)
        node.submit(transfer(node, 0, 1, 7, 0))
        node.seal()
        node.wait_final(300)
        yield node, events


def proof_of(node: Node, batch: int, name: str) -> pb.Proof:
    return pb.Proof.FromString(node.storage.proofs()[batch, name].proof)


def test_both_types_agree_and_the_state_root_is_the_executors(settled: tuple[Node, Events]) -> None:
    node, events = settled
    last = node.batches[-1]
    status = node.settlement.claim(last.claim)
    assert status.final
    assert status.vouched == {"groth16", "sgx"}
    assert node.settlement.state_root(last.claim) == claims.state_root(node.state.roots().roots)
    events_on_l1 = [e.event for e in events_of(node.settlement.l1, node.contracts.all)]
    finals = [e for e in events_on_l1 if isinstance(e, Finalised) and e.state_root is not None]
    assert [f.number for f in finals] == list(range(1, len(node.batches) + 1))
    # sgx, the faster, is ahead: it vouches for the second batch before the first is final.
    order = [(e.kind, e.batch, e.proof_type) for e in events]
    assert order.index(("proved", 1, "sgx")) < order.index(("final", 0, None))


@needs_npm
def test_both_types_settle_on_a_node(
    workspace: Workspace, anvil: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same on anvil, under Osaka's rules and its cap on a transaction's gas."""
    Account.enable_unaudited_hdwallet_features()
    monkeypatch.setenv("MULTIPROVER_L1_KEY", Account.from_mnemonic(MNEMONIC).key.hex())
    config = workspace.config.model_copy(update={"settlement": None, "l1": anvil})
    with Workspace.create(tmp_path, config, cache=workspace.cache) as there:
        there.prepare()
        with open_node(there) as node:
            fund(node)
            node.wait_final(300)
            last = node.batches[-1]
            assert node.settlement.claim(last.claim).vouched == {"groth16", "sgx"}
            assert node.settlement.final_claim() == last.claim
            assert node.settlement.state_root(last.claim) == claims.state_root(node.state.roots().roots)


def test_a_lie_is_refused_by_each_prover_and_by_each_contract(settled: tuple[Node, Events]) -> None:
    node, _ = settled
    state = node.state.copy()
    builder = BatchBuilder(Token, state, node.settlement.domain, SLOTS)
    builder.add(transfer(node, 1, 2, 3, 0))
    refusals = try_lie(node, alter(node.program, builder.close(), state))
    assert [r.by for r in refusals] == ["groth16", "sgx", "contract:groth16", "contract:sgx"]
    assert "the proof does not verify" in refusals[2].reason


def test_a_vouch_counts_once_and_only_as_it_was_proved(settled: tuple[Node, Events]) -> None:
    node, _ = settled
    last = node.batches[-1]
    for name in ("groth16", "sgx"):
        proof = proof_of(node, last.number, name)
        with pytest.raises(RefusedError, match="not the head"):
            vouch(node.settlement, node.account, name, last, proof, node.payee)


def test_groth16_verifies_without_its_prover_and_for_this_statement_only(
    workspace: Workspace, settled: tuple[Node, Events]
) -> None:
    node, _ = settled
    batch = node.batches[-1]
    statement = node.manifests["groth16"].statement(pb.ProveRequest.FromString(batch.request).statement)
    proof = proof_of(node, batch.number, "groth16")
    verifier = Verifier(workspace.artefacts())
    verifier.verify("groth16", statement, proof.l1_proof)
    workspace.provers["groth16"].verify(statement, proof)

    def altered(**fields: bytes) -> pb.Statement:
        other = pb.Statement()
        other.CopyFrom(statement)
        for name, value in fields.items():
            setattr(other if hasattr(other, name) else other.suites[0], name, value)
        return other

    one = bytes(31) + b"\1"
    for name in ("pre_root", "post_root", "commitment", "challenge", "evaluation"):
        with pytest.raises(ProofInvalidError, match="does not verify"):
            verifier.verify("groth16", altered(**{name: one}), proof.l1_proof)
        with pytest.raises(ProofInvalidError, match="not below the field's order"):
            verifier.verify("groth16", altered(**{name: b"\xff" * 32}), proof.l1_proof)
    with pytest.raises(ProofInvalidError, match="does not verify"):
        verifier.verify("groth16", altered(payee=bytes(20)), proof.l1_proof)
    # Another deployment's adapter pins another domain, so there the same proof is a proof of nothing.
    with pytest.raises(ProofInvalidError, match="does not verify"):
        verifier.verify("groth16", altered(domain=bytes(32)), proof.l1_proof)
    for broken in (proof.l1_proof[:-1], proof.l1_proof + b"\0", b"\xff" * 384, bytes(384)):
        with pytest.raises(ProofInvalidError):
            verifier.verify("groth16", statement, broken)


def test_groth16_killed_while_it_proves_is_started_again_and_proves(
    workspace: Workspace, settled: tuple[Node, Events]
) -> None:
    node, _ = settled
    prover = workspace.provers["groth16"]
    batch = replace(node.batches[-1])
    killed = threading.Event()

    def kill_once(event: object) -> None:
        if getattr(event, "kind", "") == "progress" and not killed.is_set():
            killed.set()
            os.killpg(os.getpgid(prover.pid), signal.SIGKILL)  # type: ignore[attr-defined]

    stored = prove_batch(prover, node.manifests["groth16"], node.prepared["groth16"], batch, kill_once)
    assert killed.is_set()
    proof = pb.Proof.FromString(stored.proof)
    statement = node.manifests["groth16"].statement(pb.ProveRequest.FromString(batch.request).statement)
    Verifier(workspace.artefacts()).verify("groth16", statement, proof.l1_proof)


def test_keys_are_cached_and_a_corrupt_cache_is_refused(workspace: Workspace) -> None:
    folder = workspace.cache / "groth16"
    config = workspace.config.model_copy(update={"settlement": None})
    before = workspace.prepared["groth16"]
    data = workspace.directory.parent
    with Workspace.create(data / "again", config, cache=workspace.cache) as again:
        again.prepare()
        assert again.prepared["groth16"].cached
        assert again.prepared["groth16"].key_id == before.key_id
    largest = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = largest.read_bytes()
    try:
        largest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        corrupt = Workspace.create(data / "corrupt", config, cache=workspace.cache)
        with corrupt, pytest.raises(ProverRefused, match=rf"CORRUPT_KEYS.*{largest.name}"):
            corrupt.prepare()
        assert largest.stat().st_size == len(content)
    finally:
        largest.write_bytes(content)
