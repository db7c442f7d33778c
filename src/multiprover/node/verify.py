"""Verifying proofs without their provers: the very contracts that L1 runs, run in this process.

A proof that verifies here is one that L1 takes for the same statement. Neither a prover nor its keys are
needed, only the artefacts that it gave for L1 when the keys were made; those are stored with the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from eth_abi.abi import decode, encode
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims, plonky2
from multiprover.settlement.contracts import artifact
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.groth16 import VERIFYING_KEY_TYPES
from multiprover.settlement.l1 import L1, open_l1

_SUITE = "(bytes32,bytes32,bytes32,bytes32,bytes32)"
_VOUCH = f"(bytes32,bytes32,address,{_SUITE}[])"


class ProofInvalidError(Exception):
    """A proof that does not verify for its statement; the message says which check failed."""


class Verifier:
    """Verifies proofs of one deployment by the artefacts of its proof types."""

    def __init__(self, artefacts: Mapping[str, Mapping[str, bytes]]) -> None:
        """``artefacts``: by proof type, those of ``Prepared`` (docs/prover.md §3)."""
        self._artefacts = artefacts
        self._l1: L1 | None = None
        self._adapters: dict[tuple[str, bytes], bytes] = {}
        self._asked: tuple[bytes, bytes] | None = None

    def verify(self, proof_type: str, statement: pb.Statement, l1_proof: bytes) -> None:
        """Return if ``l1_proof`` is valid for ``statement`` (with the suites that the type commits to).

        Raises:
            ProofInvalidError: it is not, or nothing is known that it could be verified by.
        """
        artefacts = self._artefacts.get(proof_type)
        if artefacts is None:
            raise ProofInvalidError(f"{proof_type}: no artefacts are stored to verify it by")
        if proof_type == "sgx":
            self._verify_signature(statement, l1_proof, artefacts["signer"])
        elif proof_type == "groth16":
            self._verify_by_groth16(statement, l1_proof, artefacts["l1_verifier"])
        elif proof_type == "plonky2":
            self._verify_by_plonky2(statement, l1_proof, artefacts["l1_verifier"])
        else:
            raise ProofInvalidError(f"{proof_type}: this version has no verifier for it")

    def gas(self, proof_type: str, statement: pb.Statement, l1_proof: bytes) -> int:
        """Gas of a transaction to the adapter that verifies the proof, calldata included.

        Raises:
            ProofInvalidError: as :meth:`verify`; or the type has no adapter that verifies by itself.
        """
        self.verify(proof_type, statement, l1_proof)
        if self._asked is None:
            raise ProofInvalidError(f"{proof_type}: its adapter is not asked here")
        assert self._l1 is not None
        return self._l1.transact(self._l1.dev_accounts()[0], *self._asked).gas_used

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

    def _verify_by_groth16(self, statement: pb.Statement, proof: bytes, verifying_key: bytes) -> None:
        def creation_code() -> bytes:
            types = list(VERIFYING_KEY_TYPES)
            arguments = encode([*types, "bytes32"], [*decode(types, verifying_key), statement.domain])
            return artifact("Groth16Adapter").bytecode + arguments

        payee = to_checksum_address(statement.payee)
        vouch = (statement.domain, statement.claim, payee, [_words(s) for s in statement.suites])
        self._ask("groth16", statement, creation_code, "verify", [_VOUCH, "bytes"], [vouch, proof])

    def _verify_by_plonky2(self, statement: pb.Statement, proof: bytes, verifier_data: bytes) -> None:
        def creation_code() -> bytes:
            return plonky2.creation_code(plonky2.VerifierData.decode(verifier_data), statement.domain)

        if len(statement.suites) != 1:
            raise ProofInvalidError(f"plonky2: expected one suite, got {len(statement.suites)}")
        arguments = [_words(statement.suites[0]), to_checksum_address(statement.payee), proof]
        self._ask("plonky2", statement, creation_code, "check", [_SUITE, "address", "bytes"], arguments)

    def _ask(
        self,
        proof_type: str,
        statement: pb.Statement,
        creation_code: Callable[[], bytes],
        function: str,
        types: Sequence[str],
        arguments: Sequence[object],
    ) -> None:
        """Call a view of the proof type's adapter, which is created for the statement's domain once."""
        if self._l1 is None:
            self._l1 = open_l1(None)
        place = proof_type, bytes(statement.domain)
        if place not in self._adapters:
            account = self._l1.dev_accounts()[0]
            self._adapters[place] = self._l1.create(account, creation_code())
        data = keccak(f"{function}({','.join(types)})".encode())[:4] + encode(types, arguments)
        self._asked = self._adapters[place], data
        try:
            answer = self._l1.call(*self._asked)
        except RefusedError as error:
            raise ProofInvalidError(f"{proof_type}: {error}") from error
        if answer != claims.VOUCH_ACCEPTED:
            raise ProofInvalidError(f"{proof_type}: the verifier did not accept (0x{answer.hex()})")


def _words(suite: pb.SuiteStatement) -> tuple[bytes, ...]:
    return suite.pre_root, suite.post_root, suite.commitment, suite.challenge, suite.evaluation
