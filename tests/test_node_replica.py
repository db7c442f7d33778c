"""A replica follows a ledger from its journals alone, forwards and back."""

from __future__ import annotations

import pytest

from examples.token.token import Token
from multiprover.ledger import BatchBuilder, Transaction, make_transaction, sign
from multiprover.ledger.codec import CodecError
from multiprover.ledger.state import State
from multiprover.node.replica import Replica, UnprovableError, messages
from multiprover.program import Program, trace
from multiprover.suites import Wallet

SLOTS = 3
DOMAIN = bytes(range(32))
SUITES = ("bn254",)
WALLETS = [Wallet.from_seed(bytes([i + 1]) * 32, SUITES) for i in range(2)]


@pytest.fixture(scope="module")
def program() -> Program:
    return trace(Token, SUITES)


def transaction(
    program: Program, kind: str, signer: int | None = None, nonce: int = 0, **values: object
) -> Transaction:
    plain = make_transaction(Token, program, kind, values | ({"nonce": nonce} if signer is not None else {}))
    return plain if signer is None else sign(plain, DOMAIN, [(WALLETS[signer], nonce)])


def batches(program: Program) -> list[list[Transaction]]:
    return [
        [
            transaction(program, "register", account=0, key=WALLETS[0].public_key),
            transaction(program, "register", account=0, key=WALLETS[1].public_key),  # it is taken
            transaction(program, "deposit", account=0, amount=50),
        ],
        [
            transaction(program, "register", account=1, key=WALLETS[1].public_key),
            transaction(program, "transfer", 0, 0, sender=0, receiver=1, amount=20),
            transaction(program, "withdraw", 0, 1, sender=0, amount=5, recipient=[0, 0, 0, 0, 0xAB]),
        ],
    ]


def test_it_finds_what_the_executor_found_and_goes_back(program: Program) -> None:
    state, replica = State(program), Replica(Token, program, SLOTS)
    genesis = state.roots().roots
    roots = []
    for inputs in batches(program):
        builder = BatchBuilder(Token, state, DOMAIN, SLOTS)
        for each in inputs:
            builder.add(each)
        batch = builder.close()
        truth = replica.apply(batch.journal[: replica.input_bytes])
        assert truth.journal == batch.journal
        assert truth.roots == batch.post.roots
        assert [r is None for r in truth.refused] == [s.refused is None for s in batch.slots]
        roots.append(truth.roots)
    ((slot, withdrawal),) = messages(program, SLOTS, truth.journal, "Withdrawal")
    assert (slot, withdrawal["recipient[4]"], withdrawal["amount"]) == (2, 0xAB, 5)
    replica.undo()
    assert replica.state.roots().roots == roots[0]
    replica.undo()
    assert (replica.state.roots().roots, replica.number) == (genesis, 0)


def test_inputs_that_nobody_can_prove_change_nothing(program: Program) -> None:
    replica = Replica(Token, program, SLOTS)
    first = b"".join(t.words for t in batches(program)[0])
    replica.apply(first)
    before = replica.state.roots()
    overdrawn = [
        transaction(program, "deposit", account=0, amount=1),
        transaction(program, "transfer", 0, 0, sender=0, receiver=1, amount=52),
        transaction(program, "deposit", account=0, amount=1),
    ]
    with pytest.raises(UnprovableError, match=r"slot 1: .*insufficient balance"):
        replica.apply(b"".join(t.words for t in overdrawn))
    assert (replica.state.roots(), replica.number) == (before, 1)
    with pytest.raises(CodecError, match=r"expected .* bytes"):
        replica.apply(first[:-4])
