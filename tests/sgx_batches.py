"""Batches for the tests of the enclave prover: executed, with the statement of an honest sequencer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import sgx_token
from multiprover_sgx.source import load

import multiprover as mp
from multiprover.ledger import Batch, BatchBuilder, State, make_transaction, sign
from multiprover.ledger.wire import prepare_request, prove_request
from multiprover.program import Program, trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims
from multiprover.suites import Wallet, get

CHAIN_ID = 31337
SETTLEMENT = bytes(range(20))
PAYEE = b"\x11" * 20
PARENT = b"\x22" * 32


def domain_of(program: Program) -> bytes:
    return claims.domain(CHAIN_ID, SETTLEMENT, program.program_id)


class Ledger:
    """A token ledger with a few funded accounts."""

    def __init__(self, suites: Sequence[str] = ("bn254",), accounts: Sequence[int] = (3, 7, 900_001)) -> None:
        self.transition: type[mp.Transition] = sgx_token.Token
        self.program = trace(sgx_token.Token, suites)
        self.domain = domain_of(self.program)
        self.state = State(self.program)
        self.accounts = list(accounts)
        self.wallets = {a: Wallet.from_seed(bytes([i + 1]) * 32, suites) for i, a in enumerate(accounts)}
        self.nonces = dict.fromkeys(accounts, 0)
        opening = self.builder(2 * len(accounts))
        for account, wallet in self.wallets.items():
            self.l1(opening, "register", account=account, key=wallet.public_key)
            self.l1(opening, "deposit", account=account, amount=10_000)
        self.genesis = opening.close()

    def builder(self, slots: int) -> BatchBuilder:
        return BatchBuilder(self.transition, self.state, self.domain, slots)

    def l1(self, builder: BatchBuilder, kind: str, **values: object) -> None:
        builder.add(make_transaction(sgx_token.Token, self.program, kind, values))

    def signed(self, builder: BatchBuilder, kind: str, sender: int, **values: object) -> None:
        nonce = self.nonces[sender]
        transaction = make_transaction(
            sgx_token.Token, self.program, kind, {"sender": sender, "nonce": nonce, **values}
        )
        builder.add(sign(transaction, self.domain, [(self.wallets[sender], nonce)]))
        self.nonces[sender] += 1


@dataclass
class Case:
    """A batch to prove: its program, the batch, and honest requests, which a test may spoil."""

    program: Program
    batch: Batch
    prepare: pb.PrepareRequest
    prove: pb.ProveRequest


def mixed_case(suites: Sequence[str] = ("bn254",)) -> Case:
    """Six slots: transfers, a withdrawal, deposits of which one is refused, and a noop."""
    ledger = Ledger(suites)
    a, b, c = ledger.accounts
    builder = ledger.builder(6)
    ledger.l1(builder, "deposit", account=a, amount=500)
    ledger.signed(builder, "transfer", a, receiver=b, amount=40)
    ledger.signed(builder, "transfer", b, receiver=c, amount=9_999)
    ledger.signed(builder, "withdraw", c, amount=70, recipient=[1, 2, 3, 4, 5])
    ledger.l1(builder, "deposit", account=b, amount=2**64 - 1)
    return case_of(sgx_token.Token, ledger.program, builder.close())


def transfers(slots: int) -> Case:
    """A full batch of transfers between two accounts."""
    ledger = Ledger()
    a, b, _ = ledger.accounts
    builder = ledger.builder(slots)
    for n in range(slots):
        ledger.signed(builder, "transfer", (a, b)[n % 2], receiver=(b, a)[n % 2], amount=1 + n % 5)
    return case_of(sgx_token.Token, ledger.program, builder.close())


def replayed() -> Case:
    """A transfer and the same once more, executed by a sequencer that does not look at nonces."""
    ledger = Ledger()
    source = Path(sgx_token.__file__).read_text(encoding="utf-8")
    ledger.transition = load(source.replace('mp.require(payer.nonce == nonce, "nonce")', "pass"), "Token")
    a, b, _ = ledger.accounts
    builder = ledger.builder(2)
    # Nor does that sequencer ask whether Python and program agree.
    with mock.patch("multiprover.ledger.agreement.check"):
        for _ in range(2):
            ledger.nonces[a] = 0
            ledger.signed(builder, "transfer", a, receiver=b, amount=40)
    return case_of(sgx_token.Token, ledger.program, builder.close())


def case_of(transition: type[mp.Transition], program: Program, batch: Batch) -> Case:
    statement = statement_of(program, batch)
    return Case(
        program,
        batch,
        prepare_request(transition, program, len(batch.slots)),
        prove_request(program, batch, statement, b""),
    )


def statement_of(program: Program, batch: Batch) -> pb.Statement:
    """The statement of an honest sequencer."""
    statement = pb.Statement(
        program_id=program.program_id,
        slots=len(batch.slots),
        domain=domain_of(program),
        parent_claim=PARENT,
        payee=PAYEE,
        chain_id=CHAIN_ID.to_bytes(32, "big"),
        settlement=SETTLEMENT,
    )
    for s, name in enumerate(program.suites):
        statement.suites.add(suite=name, pre_root=batch.pre.roots[s], post_root=batch.post.roots[s])
    bind(statement, batch.journal)
    return statement


def bind(statement: pb.Statement, journal: bytes) -> None:
    """Make claim, commitments, challenges and evaluations those of ``journal``."""
    statement.claim = claims.claim_id(statement.parent_claim, journal)
    for suite in statement.suites:
        native = get(suite.suite)
        suite.commitment = native.commit(journal)
        suite.challenge = native.challenge(statement.domain, statement.claim, suite.commitment)
        suite.evaluation = native.evaluate(journal, suite.challenge)
