"""Known failures of other systems, each told to ours where it applies; sources in docs/soundness.md."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

import pytest
from eth_abi.abi import decode
from eth_hash.auto import keccak
from py_ecc.bn128.bn128_curve import FQ, FQ2, Point2D, multiply
from settlement_support import Deployment

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement.adapters import AdapterType
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1
from multiprover.soundness import faults, forging, settling
from multiprover.soundness.checkers import repository

FIELDS = ("pre_root", "post_root", "commitment", "challenge", "evaluation")


@pytest.fixture(scope="module")
def l1() -> L1:
    return open_l1(None)


@dataclass
class Forged:
    """A Groth16 key whose trapdoor is known, so that proofs of anything can be made for it."""

    l1: L1
    waste: forging.Waste
    statement: pb.Statement
    adapter: bytes

    def offer(self, statement: pb.Statement, proof: bytes) -> str | None:
        own = [s for s in statement.suites if s.suite == "bn254"]
        return forging.offer(self.l1, self.adapter, statement, own, proof)

    def proof(self) -> bytes:
        own = next(s for s in self.statement.suites if s.suite == "bn254")
        inputs = forging.public_inputs(own, self.statement.payee, self.statement.domain)
        return self.waste.forge(inputs)

    def changed(self) -> pb.Statement:
        copy = pb.Statement()
        copy.CopyFrom(self.statement)
        return copy


@pytest.fixture(scope="module")
def forged(l1: L1) -> Forged:
    statement = faults.honest().prove.statement
    waste = forging.Waste.fresh()
    adapter = forging.create(l1, "Groth16Adapter", waste.key(statement.domain))
    return Forged(l1, waste, statement, adapter)


def refused(found: str | None, reason: str) -> None:
    assert found is not None, f"accepted; expected {reason}"
    assert found.startswith(reason), found


def test_every_public_input_is_bound(forged: Forged) -> None:
    """Frozen Heart (Trail of Bits, 2022) and front-run claims: an input that no equation has is anyone's."""
    proof = forged.proof()
    assert forged.offer(forged.statement, proof) is None
    for name in FIELDS:
        other = forged.changed()
        (own,) = (s for s in other.suites if s.suite == "bn254")
        value = getattr(own, name)
        setattr(own, name, value[:-1] + bytes([value[-1] ^ 1]))
        refused(forged.offer(other, proof), "groth16: proof")
    other = forged.changed()
    other.payee = b"\x12" * 20
    refused(forged.offer(other, proof), "groth16: proof")
    other = forged.changed()
    other.domain = b"\x12" * 32
    refused(forged.offer(other, proof), "groth16: domain")


def test_an_alias_of_a_public_input_is_refused(forged: Forged) -> None:
    """Public inputs v and v + r are one field element (Semaphore and Tornado-like verifiers, 2019)."""
    proof = forged.proof()
    for name in FIELDS:
        other = forged.changed()
        (own,) = (s for s in other.suites if s.suite == "bn254")
        value = int.from_bytes(getattr(own, name), "big") + forging.R
        setattr(own, name, value.to_bytes(32, "big"))
        refused(forged.offer(other, proof), "groth16: public input")


def test_a_key_with_gamma_equal_to_delta_is_refused(l1: L1, forged: Forged) -> None:
    """A default setup without its second phase lets anyone prove anything (Veil Cash, FoomCash, 2026)."""
    key = forging.Waste.fresh(gamma_is_delta=True).key(forged.statement.domain)
    with pytest.raises(RefusedError, match="groth16: gamma is delta"):
        forging.create(l1, "Groth16Adapter", key)


def test_a_proof_for_another_key_is_refused(l1: L1, forged: Forged) -> None:
    """A proof key of another version."""
    other = forging.create(l1, "Groth16Adapter", forging.Waste.fresh().key(forged.statement.domain))
    own = [s for s in forged.statement.suites if s.suite == "bn254"]
    refused(forging.offer(l1, other, forged.statement, own, forged.proof()), "groth16: proof")


def test_a_verifier_without_code_is_refused(l1: L1) -> None:
    """The EVM answers a call into nothing with success (Solidity documentation, on low-level calls)."""
    nobody = AdapterType("nobody", b"\x01" * 20, ("bn254",), True, 200_000)
    with pytest.raises(RefusedError, match="adapter"):
        Deployment.create(l1, extra=[nobody])


def malleated(proof: bytes) -> bytes:
    """Another proof of the same statement: A times s, B by s."""
    words = list(decode(["uint256[12]"], proof)[0])
    s = secrets.randbelow(forging.R - 2) + 2
    a: Point2D[FQ] = (FQ(words[0]), FQ(words[1]))
    b: Point2D[FQ2] = (FQ2([words[3], words[2]]), FQ2([words[5], words[4]]))
    x, y = multiply(a, s)
    u, v = multiply(b, pow(s, -1, forging.R))
    points = [x, y, u.coeffs[1], u.coeffs[0], v.coeffs[1], v.coeffs[0]]
    return b"".join(int(w).to_bytes(32, "big") for w in [*points, *words[6:]])


def test_a_malleated_proof_is_worth_no_more_than_the_first(forged: Forged) -> None:
    """Groth16 proofs can be changed into others of their statement (eprint 2020/811): of no other."""
    proof = forged.proof()
    other = malleated(proof)
    assert other != proof
    assert forged.offer(forged.statement, other) is None
    changed = forged.changed()
    changed.payee = b"\x12" * 20
    refused(forged.offer(changed, other), "groth16: proof")


def test_a_proof_counts_once() -> None:
    """A replay, of a proof's bytes or of its statement by other bytes, moves nothing."""
    stage = settling.Stage(("groth16", "sgx"))
    settlement = stage.contracts.settlement
    for name in stage.types:
        # The trapdoor makes another proof each time; the enclave's signature is the same.
        assert stage.vouch(name, stage.first, honest=True) == "vouch: not the head"
    assert settlement.head("groth16") == settlement.head("sgx") == stage.first.id


def test_all_enclaves_of_a_flawed_kind_are_revoked_and_stay_so(l1: L1) -> None:
    """A policy that goes must take with it, for good, what it let in (taiko-mono #21848, #21894)."""
    measurement = b"\x0a" * 32
    adapter, operator = enclave(l1, measurement), l1.dev_accounts()[0]
    statement = faults.honest().prove.statement
    kept = [secrets.token_bytes(32) for _ in range(2)]
    for secret in kept:
        quote = forging.quote(measurement, secret, debug=False)
        faults.register(l1, adapter, operator, secret, quote=quote, simulated=False)
        vouch = forging.leaked_vouch(statement, l1, secret)
        assert forging.offer(l1, adapter, statement, statement.suites, vouch) is None
    l1.transact(operator, adapter, keccak(b"revoke_epoch()")[:4])
    for secret in kept:
        vouch = forging.leaked_vouch(statement, l1, secret)
        refused(forging.offer(l1, adapter, statement, statement.suites, vouch), "sgx: key revoked")
        quote = forging.quote(measurement, secret, debug=False)
        with pytest.raises(RefusedError, match="sgx: key known"):
            faults.register(l1, adapter, operator, secret, quote=quote, simulated=False)


def test_the_page_names_tests_that_exist() -> None:
    """Every failure in the table has a source and a test, or a planted fault."""
    page = (repository() / "docs/soundness.md").read_text(encoding="utf-8")
    rows = page.split("| failure | source | test |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(rows) >= 18
    folders = ("tests", "provers/groth16/internal", "provers/plonky2/tests", "provers/halo2/tests")
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in folders
        for path in (repository() / folder).rglob("*")
        if path.suffix in {".py", ".go", ".rs"}
    )
    planted = {fault.name for fault in faults.CATALOGUE}
    for row in rows:
        failure, source, tests = (cell.strip() for cell in row.strip("| ").split(" | "))
        assert source, failure
        named = re.findall(r"`([A-Za-z0-9_]+)`", tests)
        faulty = re.findall(r"«(.+?)»", tests)
        assert named or faulty, failure
        assert all(re.search(rf"(def|func|fn) {name}\b", sources) for name in named), (failure, named)
        assert set(faulty) <= planted, (failure, faulty)


def enclave(l1: L1, measurement: bytes) -> bytes:
    arguments = forging.sgx_arguments(l1, simulated=False, measurement=measurement)
    return forging.create(l1, "SgxAdapter", arguments)


def test_an_enclave_in_debug_mode_is_refused(l1: L1) -> None:
    """Its memory can be read by whoever runs it (found in several TEE bridges; audits of 2023 to 2025)."""
    measurement, secret = b"\x0a" * 32, b"\x06" * 32
    adapter, operator = enclave(l1, measurement), l1.dev_accounts()[0]
    quote = forging.quote(measurement, secret, debug=True)
    with pytest.raises(RefusedError, match="sgx: debug enclave"):
        faults.register(l1, adapter, operator, secret, quote=quote, simulated=False)
    other = forging.quote(b"\x0b" * 32, secret, debug=False)
    with pytest.raises(RefusedError, match="sgx: measurement"):
        faults.register(l1, adapter, operator, secret, quote=other, simulated=False)
    with pytest.raises(RefusedError, match="sgx: simulated"):
        faults.register(l1, adapter, operator, secret, quote=b"", simulated=True)


def test_a_revoked_enclave_is_refused_and_a_vouch_is_for_one_payee(l1: L1) -> None:
    """An instance not revoked with its policy; a payee that the signature leaves out."""
    measurement, secret = b"\x0a" * 32, b"\x07" * 32
    adapter, operator = enclave(l1, measurement), l1.dev_accounts()[0]
    quote = forging.quote(measurement, secret, debug=False)
    faults.register(l1, adapter, operator, secret, quote=quote, simulated=False)
    statement = faults.honest().prove.statement
    vouch = forging.leaked_vouch(statement, l1, secret)
    assert forging.offer(l1, adapter, statement, statement.suites, vouch) is None
    other = pb.Statement()
    other.CopyFrom(statement)
    other.payee = b"\x12" * 20
    refused(forging.offer(l1, adapter, other, other.suites, vouch), "sgx: key unknown")
    faults.revoke(l1, adapter, operator, secret)
    refused(forging.offer(l1, adapter, statement, statement.suites, vouch), "sgx: key revoked")
    with pytest.raises(RefusedError, match="sgx: key known"):
        faults.register(l1, adapter, operator, secret, quote=quote, simulated=False)
