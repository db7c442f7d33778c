"""What can be checked of a statement before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims
from multiprover_sgx.programs import Prepared
from multiprover_sgx.refusal import Refusal, fixed

SUITE_FIELDS = ("pre_root", "post_root", "commitment", "challenge", "evaluation")


def check_statement(statement: pb.Statement, prepared: Prepared) -> None:
    """Return if the statement is about the prepared program, under the domain of its chain and settlement.

    Raises:
        Refusal: ``MALFORMED``, ``WRONG_PROGRAM`` or ``WRONG_STATEMENT``.
    """
    for name, size in [
        ("program_id", 32),
        ("domain", 32),
        ("parent_claim", 32),
        ("claim", 32),
        ("payee", 20),
        ("chain_id", 32),
        ("settlement", 20),
    ]:
        fixed(f"statement.{name}", getattr(statement, name), size)
    program = prepared.program
    if statement.program_id != program.program_id:
        raise Refusal(
            pb.Refusal.CODE_WRONG_PROGRAM,
            "program_id: the statement's is not that of the program prepared under key_id",
            expected=statement.program_id,
            found=program.program_id,
        )
    if statement.slots != prepared.slots:
        raise Refusal(
            pb.Refusal.CODE_WRONG_PROGRAM,
            "slots: the statement's batch size is not that prepared under key_id",
            expected=str(statement.slots),
            found=str(prepared.slots),
        )
    domain = claims.domain(
        int.from_bytes(statement.chain_id, "big"), statement.settlement, statement.program_id
    )
    if statement.domain != domain:
        raise wrong_statement(
            "domain: it does not follow from chain_id, settlement and program_id", statement.domain, domain
        )
    names = [suite.suite for suite in statement.suites]
    if names != list(program.suites):
        raise wrong_statement(
            "suites: this proof type commits to every suite of the program, in its order",
            ", ".join(names),
            ", ".join(program.suites),
        )
    for suite in statement.suites:
        for name in SUITE_FIELDS:
            fixed(f"statement: {suite.suite} {name}", getattr(suite, name), 32)


def vouch_digest(statement: pb.Statement, claim: bytes, pre: Sequence[bytes], post: Sequence[bytes]) -> bytes:
    """What is signed for ``claim`` and each suite's roots, given a checked statement."""
    return claims.vouch_digest(
        int.from_bytes(statement.chain_id, "big"),
        statement.settlement,
        domain=statement.domain,
        claim=claim,
        pre_state_root=claims.state_root(pre),
        post_state_root=claims.state_root(post),
        payee=statement.payee,
    )


def wrong_statement(message: str, expected: bytes | str, found: bytes | str) -> Refusal:
    return Refusal(pb.Refusal.CODE_WRONG_STATEMENT, message, expected=expected, found=found)
