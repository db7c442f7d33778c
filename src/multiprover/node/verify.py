"""Verifying proofs without their provers: the very contracts that L1 runs, run in this process.

A proof that verifies here is one that L1 takes for the same statement. Neither a prover nor its keys are
needed, only the artefacts that it gave for L1 when the keys were made; those are stored with the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping

from eth_abi.abi import encode
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims, groth16, halo2, plonky2, stark
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1

_SUITE = "(bytes32,bytes32,bytes32,bytes32,bytes32)"
_VOUCH = f"(bytes32,bytes32,address,{_SUITE}[])"


def transactions(proof_type: str, l1_proof: bytes) -> int:
    """How many transactions it takes to bring a proof to L1.

    Raises:
        ClaimError: a ``stark`` proof that is no list of parts.
    """
    return len(stark.parts_of(l1_proof)) if proof_type == stark.NAME else 1


class ProofInvalidError(Exception):
    """A proof that does not verify for its statement; the message says which check failed."""


class Verifier:
    """Verifies proofs of one deployment by the artefacts of its proof types."""

    def __init__(self, artefacts: Mapping[str, Mapping[str, bytes]]) -> None:
        """``artefacts``: by proof type, those of ``Prepared`` (docs/prover.md §3)."""
        self._artefacts = artefacts
        self._l1: L1 | None = None
        self._adapters: dict[tuple[str, bytes], bytes] = {}

    def verify(self, proof_type: str, statement: pb.Statement, l1_proof: bytes) -> None:
        """Return if ``l1_proof`` is valid for ``statement`` (with the suites that the type commits to).

        Raises:
            ProofInvalidError: it is not, or nothing is known that it could be verified by.
        """
        if proof_type == "sgx":
            self._verify_signature(statement, l1_proof, self._artefact("sgx", "signer"))
            return
        try:
            if proof_type == stark.NAME:
                self._session(statement, l1_proof).verify()
                return
            l1, adapter, data = self._question(proof_type, statement, l1_proof)
            answer = l1.call(adapter, data)
        except (RefusedError, claims.ClaimError) as error:
            raise ProofInvalidError(f"{proof_type}: {error}") from error
        if answer != claims.VOUCH_ACCEPTED:
            raise ProofInvalidError(f"{proof_type}: the verifier did not accept (0x{answer.hex()})")

    def gas(self, proof_type: str, statement: pb.Statement, l1_proof: bytes) -> int:
        """Gas of the transactions that have the type's contract verify a proof, calldata included.

        Raises:
            ProofInvalidError: no contract verifies the type's proofs by itself.
            RefusedError: the proof is not valid.
        """
        if proof_type == stark.NAME:
            return self._session(statement, l1_proof).verify().gas_used
        l1, adapter, data = self._question(proof_type, statement, l1_proof)
        return l1.transact(l1.dev_accounts()[0], adapter, data).gas_used

    def _verify_signature(self, statement: pb.Statement, signature: bytes, signer: bytes) -> None:
        digest = claims.vouch_digest(
            int.from_bytes(statement.chain_id, "big"),
            statement.settlement,
            domain=statement.domain,
            claim=statement.claim,
            pre_state_root=claims.state_root([s.pre_root for s in statement.suites]),
            post_state_root=claims.state_root([s.post_root for s in statement.suites]),
            payee=statement.payee,
        )
        try:
            found = claims.recover_signer(digest, signature)
        except claims.ClaimError as error:
            raise ProofInvalidError(f"sgx: {error}") from error
        if found != signer:
            raise ProofInvalidError(
                f"sgx: expected a signature of 0x{signer.hex()}, found one of 0x{found.hex()}"
            )

    def _question(self, proof_type: str, statement: pb.Statement, proof: bytes) -> tuple[L1, bytes, bytes]:
        """An L1 in this process, the type's adapter there, and the calldata that asks it about the proof."""
        artefact = self._artefact(proof_type, "l1_verifier")
        payee, suites = to_checksum_address(statement.payee), [_words(s) for s in statement.suites]
        if proof_type in ("groth16", "halo2"):
            created = groth16.creation_code if proof_type == "groth16" else halo2.creation_code
            creation_code = created(artefact, statement.domain)
            function, types = "verify", [_VOUCH, "bytes"]
            arguments: list[object] = [(statement.domain, statement.claim, payee, suites), proof]
        elif proof_type == "plonky2":
            if len(suites) != 1:
                raise ProofInvalidError(f"plonky2: expected one suite, got {len(suites)}")
            creation_code = plonky2.creation_code(plonky2.VerifierData.decode(artefact), statement.domain)
            function, types = "check", [_SUITE, "address", "bytes"]
            arguments = [suites[0], payee, proof]
        else:
            raise ProofInvalidError(f"{proof_type}: this version has no verifier for it")
        l1, adapter = self._adapter(proof_type, statement.domain, creation_code)
        selector = keccak(f"{function}({','.join(types)})".encode())[:4]
        return l1, adapter, selector + encode(types, arguments)

    def _session(self, statement: pb.Statement, proof: bytes) -> stark.Session:
        """The way of a stark proof through its adapter, on an L1 in this process."""
        creation_code = stark.creation_code(self._artefact(stark.NAME, "l1_verifier"), statement.domain)
        l1, adapter = self._adapter(stark.NAME, statement.domain, creation_code)
        payee, suites = to_checksum_address(statement.payee), [_words(s) for s in statement.suites]
        asked = statement.domain, statement.claim, payee, suites
        return stark.Session(l1, adapter, l1.dev_accounts()[0], asked, proof)

    def _adapter(self, proof_type: str, domain: bytes, creation_code: bytes) -> tuple[L1, bytes]:
        """An L1 in this process, and the type's adapter there."""
        if self._l1 is None:
            self._l1 = open_l1(None)
        place = proof_type, bytes(domain)
        if place not in self._adapters:
            self._adapters[place] = self._l1.create(self._l1.dev_accounts()[0], creation_code)
        return self._l1, self._adapters[place]

    def _artefact(self, proof_type: str, name: str) -> bytes:
        artefacts = self._artefacts.get(proof_type)
        if artefacts is None:
            raise ProofInvalidError(f"{proof_type}: no artefacts are stored to verify it by")
        if name not in artefacts:
            raise ProofInvalidError(f"{proof_type}: this version has no verifier for it")
        return artefacts[name]


def _words(suite: pb.SuiteStatement) -> tuple[bytes, ...]:
    return suite.pre_root, suite.post_root, suite.commitment, suite.challenge, suite.evaluation
