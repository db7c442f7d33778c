"""Python that would mean one thing when it is traced and another when it runs: refused where it is traced."""

# ruff: noqa: ARG001, ARG002

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import pytest
from differential import Both, Memory

import multiprover as mp
from multiprover.lang.concrete import ConcreteRun
from multiprover.lang.tracer import trace_kind
from multiprover.ledger import BatchBuilder, DisagreementError, Transaction, make_transaction, sign
from multiprover.ledger import State as Ledger
from multiprover.program import trace
from multiprover.suites import Wallet

SUITES = ("bn254",)
FEES = {0: 5, 1: 3}


class Account(mp.Record):
    key: mp.Key
    balance: mp.u64
    nonce: mp.u32
    lots: mp.Array[mp.u8, Literal[3]]


class Note(mp.Message):
    amount: mp.u64


class State:
    accounts: mp.Map[mp.u4, Account]
    total: mp.Cell[mp.u64]


def declare(*functions: Callable[..., None], from_l1: bool = True) -> type[mp.Transition]:
    mark = mp.from_l1() if from_l1 else mp.transaction
    kinds = {f.__name__: mark(f) for f in functions}
    body = {"__annotations__": State.__annotations__, "__module__": __name__, **kinds}
    return type("Audited", (mp.Transition,), body)


def distinct_by_a_set(self: Any, a: mp.u4, b: mp.u4) -> None:
    mp.require(len({a, b}) == 2, "distinct")
    self.total = a


def excluded_by_a_set(self: Any, a: mp.u4, b: mp.u4) -> None:
    mp.require(a not in {0, 4}, "excluded")
    self.total = b


def fee_of_a_dict(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.total = FEES.get(a, 30) + b


def key_in_a_dict(self: Any, a: mp.u4, key: mp.Key) -> None:
    self.total = {key: 1}.get(self.accounts[a].key, a)


def digits(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.total = len(str(a)) + b


def formatted(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.total = len(f"{a:>3}") + b


def attribute_of_int(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.total = b + (1 if hasattr(a, "bit_length") else 0)


def caught_index(self: Any, a: mp.u4, b: mp.u4) -> None:
    try:
        self.total = [7, 8][a]
    except Exception:
        self.total = b


def caught_branch(self: Any, a: mp.u4, b: mp.u4) -> None:
    fee = 1
    with suppress(Exception):
        if a > 3:
            fee = 0
    self.total = fee + b


def caught_access(self: Any, a: mp.u4, b: mp.u4) -> None:
    account = self.accounts[a]
    try:
        self.total = self.accounts[a].balance
    except mp.AccessError:
        self.total = account.balance + b


def misspelt_cell(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.totl = a + b


def records_in_a_set(self: Any, a: mp.u4, b: mp.u4) -> None:
    for account in {self.accounts[a], self.accounts[b]}:
        account.balance = 1


def records_compared(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.total = 1 if self.accounts[a] == self.accounts[b] else 2


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (distinct_by_a_set, mp.OperandError, "cannot be looked up in a set or dict"),
        (excluded_by_a_set, mp.OperandError, "cannot be looked up in a set or dict"),
        (fee_of_a_dict, mp.OperandError, "cannot be looked up in a set or dict"),
        (key_in_a_dict, mp.OperandError, "cannot be looked up in a set or dict"),
        (digits, mp.OperandError, "it has no text"),
        (formatted, mp.OperandError, "it has no text"),
        (attribute_of_int, mp.OperandError, "has no 'bit_length'"),
        (caught_index, mp.SymbolicBranchError, "cannot be a Python index"),
        (caught_branch, mp.SymbolicBranchError, "known only when a transaction runs"),
        (caught_access, mp.AccessError, "accessed twice at the same index"),
        (misspelt_cell, mp.FieldError, "has no state 'totl'"),
        (records_in_a_set, mp.OperandError, "unhashable"),
        (records_compared, mp.OperandError, "compare their fields"),
    ],
)
def test_is_refused_when_it_is_traced(
    function: Callable[..., None], error: type[mp.LanguageError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        trace(declare(function), ["bn254"])
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_an_error_of_an_earlier_trace_does_not_count_for_the_next() -> None:
    with pytest.raises(mp.SymbolicBranchError):
        trace(declare(caught_branch), ["bn254"])

    def plain(self: Any, a: mp.u4) -> None:
        self.total = a

    assert trace_kind(declare(plain), declare(plain).kind("plain")).cells


def test_a_transition_is_not_extended() -> None:
    """Its cells would stand where the inherited ones stand."""

    def plain(self: Any, a: mp.u4) -> None:
        self.total = a

    body = {
        "__annotations__": {"other": mp.Cell[mp.u64]},
        "__module__": __name__,
        "more": mp.from_l1()(plain),
    }
    with pytest.raises(mp.DeclarationError, match="Longer extends a transition"):
        type("Longer", (declare(plain),), body)


# -- what a transition catches while it runs


def lenient(self: Any, a: mp.u4, nonce: mp.u32) -> None:
    account = self.accounts[a]
    with suppress(Exception):
        mp.authorize(account.key, nonce)
    account.balance = 0


class Broken(Exception):
    """Of whoever runs the transaction: the enclave refuses a signature by an exception of its own."""


def test_whatever_the_authorizer_raises_cannot_be_caught() -> None:
    transition = declare(lenient, from_l1=False)
    both = Both(transition)

    def authorize(position: int, key: mp.Key, nonce: int) -> None:
        raise Broken

    run = ConcreteRun(transition, transition.kind("lenient"), both.memory, authorize)
    with pytest.raises(Broken):
        run.execute([1, 2])


def test_whatever_the_state_raises_cannot_be_caught() -> None:
    class Closed(Memory):
        def read_record(self, map_position: int, index: int) -> Any:
            raise Broken

    def reads(self: Any, a: mp.u4) -> None:
        try:
            self.total = self.accounts[a].balance
        except Exception:
            self.total = 0

    transition = declare(reads)
    run = ConcreteRun(transition, transition.kind("reads"), Closed(trace(transition, ["bn254"])), print)
    with pytest.raises(Broken):
        run.execute([1])


@pytest.mark.parametrize("offset", [-1, 2**64 - 1])
def test_a_nonce_out_of_range_is_refused(offset: int) -> None:
    def shifted(self: Any, a: mp.u4, nonce: mp.u32) -> None:
        mp.authorize(self.accounts[a].key, nonce + offset)

    both = Both(declare(shifted, from_l1=False))
    assert (both.slot([1, 0, 0]) is None) == (offset < 0)
    assert (both.slot([1, 0, 1]) is None) == (offset > 0)


def test_messages_of_one_name_have_a_place_each() -> None:
    fields = {"a": mp.u8, "b": mp.u64}
    other = type("Note", (mp.Message,), {"__annotations__": fields, "__module__": __name__})

    def second(self: Any, a: mp.u4) -> None:
        mp.emit(other(a=a, b=1))
        mp.emit(Note(amount=a + 5))

    def first(self: Any, a: mp.u4) -> None:
        mp.emit(Note(amount=a + 5))
        mp.emit(other(a=a, b=1))

    both = Both(declare(first, second))
    for kind in (1, 2):
        effect = both.slot([kind, 3])
        assert effect is not None
        assert effect.refused is None


# -- what cannot be seen when it is traced is seen before a batch holds it

CALLS: list[int] = []


def asks_for_the_type(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.total = a + b + (1 if isinstance(a, int) else 0)


def requires_by_type(self: Any, a: mp.u4, b: mp.u4) -> None:
    if isinstance(a, int):
        mp.require(a == b, "equal")
    self.total = 1


def asks_for_identity(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.accounts[a].balance = 5 if (a == b) is True else 6


def counts_calls(self: Any, a: mp.u4, b: mp.u4) -> None:
    CALLS.append(1)
    self.accounts[a].nonce = len(CALLS) + b


def writes_by_type(self: Any, a: mp.u4, b: mp.u4) -> None:
    account = self.accounts[a]
    account.balance = b
    if not isinstance(a, int):
        account.nonce = 4


@pytest.mark.parametrize(
    ("function", "b"),
    [
        (asks_for_the_type, 2),
        (requires_by_type, 2),
        (asks_for_identity, 3),
        (counts_calls, 2),
        (writes_by_type, 2),
    ],
)
def test_no_batch_holds_what_python_and_program_differ_on(function: Callable[..., None], b: int) -> None:
    transition = declare(function)
    state = Ledger(trace(transition, SUITES))
    builder = BatchBuilder(transition, state, bytes(32), 2)
    before = state.roots()
    words = b"".join(w.to_bytes(4, "big") for w in [1, 3, b])
    with pytest.raises(DisagreementError, match=function.__name__):
        builder.add(Transaction(words))
    assert not builder.slots
    assert state.roots() == before


def test_python_refusing_what_the_program_accepts_is_a_difference() -> None:
    def sometimes(self: Any, a: mp.u4, nonce: mp.u32) -> None:
        account = self.accounts[a]
        mp.authorize(account.key, nonce)
        if isinstance(a, int):
            mp.require(account.nonce == nonce, "nonce")
        account.nonce = nonce + 1

    transition = declare(sometimes, from_l1=False)
    program = trace(transition, SUITES)
    wallet = Wallet.from_seed(bytes(32), SUITES)
    state = Ledger(program, None, [(0, 3, (mp.Key(wallet.public_key.to_bytes(SUITES)), *[0] * 5))])
    builder = BatchBuilder(transition, state, bytes(32), 2)

    def made(nonce: int, signed: int) -> Transaction:
        plain = make_transaction(transition, program, "sometimes", {"a": 3, "nonce": nonce})
        return sign(plain, bytes(32), [(wallet, signed)])

    with pytest.raises(DisagreementError, match="Python refuses it, the program accepts it"):
        builder.add(made(1, 1))
    # A signature that does not verify is no difference: the program refuses it as well.
    with pytest.raises(mp.Refused, match="signature does not verify"):
        builder.add(made(0, 1))
    builder.add(made(0, 0))
