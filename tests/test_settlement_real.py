"""Two batches settled by real proof types: frozen gnark proofs and an enclave's signatures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from settlement_support import (
    FROZEN,
    GENESIS_ROOT,
    PAYEE,
    PROGRAM,
    RULES,
    Frozen,
    all_of,
    bind_bn254,
    fixed_deployer,
    raw,
)

from multiprover.settlement import claims
from multiprover.settlement.adapters import Groth16Type, SgxType
from multiprover.settlement.client import Settlement
from multiprover.settlement.contracts import artifact
from multiprover.settlement.deploy import Contracts, Plan, deploy
from multiprover.settlement.errors import ProofRefusedError, VouchRefusedError
from multiprover.settlement.events import Finalised, Receipt, RootConflict, Vouched
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.types import SuiteInfo, SuiteResult

FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "groth16.json").read_text())
KEY_FIELDS = ("alpha", "beta", "gamma", "delta", "commitment_g", "commitment_g_sigma_neg", "ic")
ENCLAVE = b"\x05" * 32


def verifying_key() -> bytes:
    def ints(value: Any) -> Any:
        return [ints(v) for v in value] if isinstance(value, list) else int(value)

    values = [ints(FIXTURE["verifying_key"][name]) for name in KEY_FIELDS]
    return encode(["uint256[2]", *["uint256[4]"] * 5, "uint256[2][]"], values)


def frozen_proof(chain_id: int, batch: int) -> bytes:
    (found,) = (p for p in FIXTURE["proofs"] if (p["chain"], p["batch"]) == (str(chain_id), str(batch)))
    return bytes.fromhex(found["proof"])


@dataclass
class Rollup:
    """The deployment that the frozen proofs are for."""

    contracts: Contracts
    sequencer: LocalAccount
    operator: LocalAccount
    stranger: LocalAccount

    @classmethod
    def deploy(cls, l1: L1, accounts: list[LocalAccount]) -> Rollup:
        plan = Plan(
            program=PROGRAM,
            bridge=RULES,
            suites=(
                SuiteInfo("bn254", GENESIS_ROOT, l1.create(accounts[0], artifact("Bn254Binding").bytecode)),
            ),
            proof_types=(Groth16Type(verifying_key()), SgxType(allow_simulated=True)),
            policy=all_of(["sgx", "groth16"], ["groth16", "sgx"]),
            sequencer=raw(accounts[1]),
            operator=raw(accounts[2]),
            council=raw(accounts[3]),
        )
        contracts = deploy(l1, fixed_deployer(l1, accounts[0]), plan)
        rollup = cls(contracts, *accounts[1:4])
        contracts.sgx().register(rollup.operator, claims.signer_address(ENCLAVE), simulated=True)
        return rollup

    @property
    def settlement(self) -> Settlement:
        return self.contracts.settlement

    def post(self, parent: bytes, batch: Frozen) -> bytes:
        self.settlement.post(self.sequencer, parent, batch.journal, [batch.commitment])
        return claims.claim_id(parent, batch.journal)

    def groth16(
        self, parent: bytes, batch: Frozen, proof: bytes, payee: bytes = PAYEE, root: bytes | None = None
    ) -> Receipt:
        claim = claims.claim_id(parent, batch.journal)
        z, y = bind_bn254(self.settlement.domain, claim, batch.commitment, batch.journal)
        return self.settlement.vouch(
            self.stranger,
            "groth16",
            parent=parent,
            journal_hash=claims.journal_hash(batch.journal),
            results=[SuiteResult(root or batch.post_root, batch.commitment, z, y)],
            payee=payee,
            proof=proof,
        )

    def sgx(self, parent: bytes, batch: Frozen, pre_root: bytes, root: bytes | None = None) -> Receipt:
        root = root or batch.post_root
        digest = claims.vouch_digest(
            self.settlement.l1.chain_id,
            self.settlement.address,
            domain=self.settlement.domain,
            claim=claims.claim_id(parent, batch.journal),
            pre_state_root=claims.state_root([pre_root]),
            post_state_root=claims.state_root([root]),
            payee=PAYEE,
        )
        return self.settlement.vouch(
            self.stranger,
            "sgx",
            parent=parent,
            journal_hash=claims.journal_hash(batch.journal),
            results=[SuiteResult(root)],
            payee=PAYEE,
            proof=claims.sign_vouch(ENCLAVE, digest),
        )


def settle_two_batches(rollup: Rollup) -> None:
    """Groth16 vouches first for one batch and last for the other."""
    s, chain_id = rollup.settlement, rollup.settlement.l1.chain_id
    first = rollup.post(s.genesis, FROZEN[0])
    second = rollup.post(first, FROZEN[1])
    final = [
        Finalised(claim, n + 1, 15, claims.state_root([FROZEN[n].post_root]))
        for n, claim in enumerate((first, second))
    ]
    assert rollup.groth16(s.genesis, FROZEN[0], frozen_proof(chain_id, 0)).events == (
        Vouched(first, "groth16", PAYEE),
    )
    assert rollup.sgx(s.genesis, FROZEN[0], GENESIS_ROOT).events == (Vouched(first, "sgx", PAYEE), final[0])
    assert rollup.sgx(first, FROZEN[1], FROZEN[0].post_root).events == (Vouched(second, "sgx", PAYEE),)
    assert rollup.groth16(first, FROZEN[1], frozen_proof(chain_id, 1)).events == (
        Vouched(second, "groth16", PAYEE),
        final[1],
    )
    assert s.final_claim() == second
    assert s.heads() == {"groth16": second, "sgx": second}


@pytest.fixture
def rollup() -> Rollup:
    l1 = open_l1(None)
    return Rollup.deploy(l1, l1.dev_accounts())


def test_two_batches_are_settled(rollup: Rollup) -> None:
    settle_two_batches(rollup)


def test_a_groth16_vouch_is_within_its_gas(rollup: Rollup) -> None:
    """Whole transactions: the one that records a suite's root, and the one that makes a claim final."""
    s, chain_id = rollup.settlement, rollup.settlement.l1.chain_id
    first = rollup.post(s.genesis, FROZEN[0])
    rollup.post(first, FROZEN[1])
    assert rollup.groth16(s.genesis, FROZEN[0], frozen_proof(chain_id, 0)).gas_used <= 360_000
    rollup.sgx(s.genesis, FROZEN[0], GENESIS_ROOT)
    rollup.sgx(first, FROZEN[1], FROZEN[0].post_root)
    assert rollup.groth16(first, FROZEN[1], frozen_proof(chain_id, 1)).gas_used <= 360_000


def test_a_proof_is_of_one_payee_root_and_batch(rollup: Rollup) -> None:
    s = rollup.settlement
    chain_id = s.l1.chain_id
    first = rollup.post(s.genesis, FROZEN[0])
    rollup.post(first, FROZEN[1])
    proof = frozen_proof(chain_id, 0)
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        rollup.groth16(s.genesis, FROZEN[0], proof, payee=b"\x78" * 20)
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        rollup.groth16(s.genesis, FROZEN[0], proof, root=FROZEN[1].post_root)
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        rollup.groth16(s.genesis, FROZEN[0], frozen_proof(chain_id, 1))
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        rollup.groth16(s.genesis, FROZEN[0], frozen_proof(31337, 0))
    rollup.groth16(s.genesis, FROZEN[0], proof)
    with pytest.raises(VouchRefusedError, match="vouch: not the head"):
        rollup.groth16(s.genesis, FROZEN[0], proof)


def test_an_enclave_that_lies_stops_the_claim(rollup: Rollup) -> None:
    """A leaked enclave key can halt settlement, and cannot settle a false root."""
    s = rollup.settlement
    claim = rollup.post(s.genesis, FROZEN[0])
    rollup.groth16(s.genesis, FROZEN[0], frozen_proof(s.l1.chain_id, 0))
    lie = (99).to_bytes(32, "big")
    assert rollup.sgx(s.genesis, FROZEN[0], GENESIS_ROOT, lie).events[1] == RootConflict(
        claim, "sgx", "bn254", FROZEN[0].post_root, lie
    )
    assert s.frozen_from() == 1
    assert s.final_claim() == s.genesis


def test_the_same_proofs_are_void_at_another_address() -> None:
    """One transaction of the deployer more, and the domain is another."""
    l1 = open_l1(None)
    deployer = fixed_deployer(l1, l1.dev_accounts()[0])
    l1.transact(deployer, raw(deployer), b"", gas=21_000)
    rollup = Rollup.deploy(l1, l1.dev_accounts())
    rollup.post(rollup.settlement.genesis, FROZEN[0])
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        rollup.groth16(rollup.settlement.genesis, FROZEN[0], frozen_proof(l1.chain_id, 0))


def test_a_malformed_proof_is_refused_within_the_adapters_gas(rollup: Rollup) -> None:
    s = rollup.settlement
    rollup.post(s.genesis, FROZEN[0])
    proof = bytearray(frozen_proof(s.l1.chain_id, 0))
    proof[40] ^= 1
    with pytest.raises(ProofRefusedError, match="groth16: point"):
        rollup.groth16(s.genesis, FROZEN[0], bytes(proof))
