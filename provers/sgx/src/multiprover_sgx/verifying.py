"""Checking a vouch: it is this enclave's key that signed the statement's claim, roots and payee."""

from __future__ import annotations

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement.claims import SIGNATURE_BYTES, ClaimError, recover_signer
from multiprover.suites import SuiteError, get
from multiprover_sgx import FORMAT_VERSION, PROOF_TYPE
from multiprover_sgx.programs import Prepared
from multiprover_sgx.refusal import Refusal, fixed
from multiprover_sgx.statement import SUITE_FIELDS, check_statement, vouch_digest, wrong_statement


def verify(statement: pb.Statement, proof: pb.Proof, prepared: Prepared) -> None:
    """Return if ``proof`` vouches for ``statement`` under the key of the prepared program.

    A vouch signs the claim, which fixes the journal. Whether ``y`` is this journal's cannot be seen
    without it, and is checked by whoever has it (L1, when the claim is bound).

    Raises:
        Refusal: it does not.
    """
    if proof.proof_type != PROOF_TYPE:
        raise Refusal(
            pb.Refusal.CODE_UNSUPPORTED,
            "proof_type: the proof is of another",
            expected=PROOF_TYPE,
            found=proof.proof_type,
        )
    if proof.format_version != FORMAT_VERSION:
        raise Refusal(
            pb.Refusal.CODE_UNSUPPORTED,
            "format_version: the proof has another",
            expected=str(FORMAT_VERSION),
            found=str(proof.format_version),
        )
    fixed("proof", proof.proof, SIGNATURE_BYTES)
    if proof.l1_proof != proof.proof:
        raise Refusal(
            pb.Refusal.CODE_MALFORMED,
            "l1_proof: expected the same bytes as proof",
            expected=proof.proof,
            found=proof.l1_proof,
        )
    check_statement(statement, prepared)
    for given, claimed in zip(statement.suites, proof.suites, strict=False):
        for name in ("suite", *SUITE_FIELDS):
            if getattr(given, name) != getattr(claimed, name):
                raise wrong_statement(
                    f"{name}: the proof is of another {given.suite} statement",
                    getattr(given, name),
                    getattr(claimed, name),
                )
        try:
            challenge = get(given.suite).challenge(statement.domain, statement.claim, given.commitment)
        except SuiteError as error:
            raise Refusal(pb.Refusal.CODE_NON_CANONICAL, f"{given.suite} commitment: {error}") from error
        if given.challenge != challenge:
            raise wrong_statement(
                f"challenge: it does not follow from domain, claim and {given.suite} commitment",
                given.challenge,
                challenge,
            )
    if len(statement.suites) != len(proof.suites):
        raise wrong_statement(
            "suites: the proof has not as many as the statement",
            str(len(statement.suites)),
            str(len(proof.suites)),
        )
    digest = vouch_digest(
        statement,
        statement.claim,
        [s.pre_root for s in statement.suites],
        [s.post_root for s in statement.suites],
    )
    try:
        found = recover_signer(digest, proof.proof)
    except ClaimError as error:
        raise Refusal(pb.Refusal.CODE_INVALID_PROOF, f"proof: {error}") from error
    if found != prepared.signer.address:
        raise Refusal(
            pb.Refusal.CODE_INVALID_PROOF,
            "proof: this claim, roots and payee were not signed by this enclave's key of the program",
            expected=prepared.signer.address,
            found=found,
        )
