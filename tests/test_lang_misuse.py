"""What the language refuses: each misuse with its error, its line in the transition, and the ranges."""

# ruff: noqa: ARG001

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

import multiprover as mp
from multiprover.program import trace


class Leg(mp.Record):
    size: mp.i32


class Account(mp.Record):
    key: mp.Key
    balance: mp.u64
    nonce: mp.u32
    legs: mp.Array[Leg, Literal[3]]
    grid: mp.Array[mp.Array[mp.u8, Literal[2]], Literal[2]]


class Paid(mp.Message):
    recipient: mp.Address
    amount: mp.u64


class State:
    """The state that every case declares."""

    accounts: mp.Map[mp.u4, Account]
    total: mp.Cell[mp.u64]
    first: mp.Cell[Account]


@dataclass(frozen=True)
class Case:
    function: Callable[..., None]
    error: type[mp.LanguageError]
    message: str
    from_l1: bool


CASES: list[Case] = []


def refused(error: type[mp.LanguageError], message: str, *, from_l1: bool = False) -> Any:
    """Register a kind that must be refused with ``error`` and ``message``, at its line marked HERE."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        CASES.append(Case(function, error, message, from_l1))
        return function

    return register


def declare(function: Callable[..., None], *, from_l1: bool = False) -> type[mp.Transition]:
    kind = mp.from_l1()(function) if from_l1 else mp.transaction(function)
    body = {"__annotations__": State.__annotations__, "__module__": __name__, function.__name__: kind}
    return type("Misuse", (mp.Transition,), body)


def marked_line(function: Callable[..., None]) -> int:
    lines, first = inspect.getsourcelines(function)
    (marked,) = [i for i, line in enumerate(lines) if "# HERE" in line]
    return first + marked


# -- Python control flow on a value


@refused(mp.SymbolicBranchError, r"within \[0, 1\].*use mp\.select or mp\.require")
def if_on_a_comparison(self: Any, amount: mp.u64) -> None:
    if amount > 5:  # HERE
        self.total = 1


@refused(mp.SymbolicBranchError, r"within \[0, 18446744073709551615\]")
def if_on_an_integer(self: Any, amount: mp.u64) -> None:
    if amount:  # HERE
        self.total = 1


@refused(mp.SymbolicBranchError, r"chained comparisons.*mp\.all_of")
def chained_comparison(self: Any, amount: mp.u64) -> None:
    mp.require(5 < amount < 9, "bounds")  # HERE


@refused(mp.SymbolicBranchError, r"Python's if, and, or, not")
def python_and(self: Any, amount: mp.u64) -> None:
    mp.require(amount > 5 and amount < 9, "bounds")  # HERE


@refused(mp.SymbolicBranchError, r"Python's if, and, or, not")
def python_or(self: Any, amount: mp.u64) -> None:
    mp.require(amount < 5 or amount > 9, "bounds")  # HERE


@refused(mp.SymbolicBranchError, r"mp\.negate")
def python_not(self: Any, amount: mp.u64) -> None:
    mp.require(not amount == 5, "not five")  # noqa: SIM201 # HERE


@refused(mp.SymbolicBranchError, r"mp\.select")
def while_loop(self: Any, amount: mp.u64) -> None:
    while amount > 0:  # HERE
        amount -= 1


@refused(mp.SymbolicBranchError, r"mp\.select")
def conditional_expression(self: Any, amount: mp.u64) -> None:
    self.total = 1 if amount == 0 else 2  # HERE


@refused(mp.SymbolicBranchError, r"mp\.require")
def assertion(self: Any, amount: mp.u64) -> None:
    assert amount > 0  # HERE


@refused(mp.SymbolicBranchError, r"mp\.select")
def builtin_max(self: Any, amount: mp.u64) -> None:
    self.total = max(amount, 3)  # HERE


@refused(mp.SymbolicBranchError, r"cannot be a Python index")
def range_of_a_value(self: Any, amount: mp.u64) -> None:
    for _ in range(amount):  # HERE
        self.total += 1


@refused(mp.SymbolicBranchError, r"cannot be a Python index")
def index_of_a_list(self: Any, amount: mp.u64) -> None:
    self.total = [1, 2, 3][amount]  # HERE


@refused(mp.OperandError, r"cannot be iterated over")
def iteration(self: Any, amount: mp.u64) -> None:
    self.total = sum(x for x in amount)  # HERE


@refused(mp.KeyUseError, r"cannot be compared")
def membership(self: Any, account: mp.u4, key: mp.Key) -> None:
    mp.require(self.accounts[account].key in (key,), "same key")  # HERE


# -- ranges


@refused(
    mp.RangeOverflowError,
    r"mul of values within \[0, 18446744073709551615\], \[0, 18446744073709551615\] may reach "
    rf"\[0, {(2**64 - 1) ** 2}\], outside ±2\^127",
)
def product_too_wide(self: Any, amount: mp.u64, price: mp.u64) -> None:
    self.total = amount * price  # HERE


@refused(mp.RangeOverflowError, rf"add of values within .* may reach \[\d+, {2**127}\]")
def sum_too_wide(self: Any, a: mp.u64, b: mp.u63) -> None:
    wide = a * b + (2**64 - 1) + (2**63 - 1)
    self.total = wide + (2**127 - (2**64 - 1) * (2**63 - 1) - (2**64 - 1) - (2**63 - 1))  # HERE


@refused(mp.RangeOverflowError, r"sub of values within .*outside ±2\^127")
def difference_too_wide(self: Any, a: mp.u64, b: mp.u63) -> None:
    self.total = -(a * b) - 2**126  # HERE


@refused(mp.RangeOverflowError, r"const.*outside ±2\^127")
def constant_too_wide(self: Any, amount: mp.u64) -> None:
    self.total = amount + 2**127  # HERE


@refused(
    mp.RangeOverflowError,
    r"balance takes u64 \[0, 18446744073709551615\], but the value lies within "
    r"\[18446744073709551616, 36893488147419103231\]",
)
def store_that_never_fits(self: Any, account: mp.u4, amount: mp.u64) -> None:
    self.accounts[account].balance = amount + 2**64  # HERE


@refused(mp.RangeOverflowError, r"total takes u64 \[0, .*the value lies within \[-3, -3\]")
def cell_that_never_fits(self: Any, amount: mp.u64) -> None:
    self.total = -3  # HERE


@refused(mp.RangeOverflowError, r"accounts index takes u4 \[0, 15\], but the value lies within \[16, 16\]")
def map_index_that_never_fits(self: Any, amount: mp.u64) -> None:
    self.accounts[16].balance = amount  # HERE


@refused(mp.RangeOverflowError, r"nonce takes u64 \[0, .*within \[-4294967296, -1\]")
def nonce_that_never_fits(self: Any, account: mp.u4, nonce: mp.u32) -> None:
    mp.authorize(self.accounts[account].key, -nonce - 1)  # HERE


@refused(mp.DivisorError, r"the divisor lies within \[0, 4294967295\]")
def division_by_maybe_zero(self: Any, amount: mp.u64, parts: mp.u32) -> None:
    self.total = amount // parts  # HERE


@refused(mp.DivisorError, r"the divisor lies within \[-8, 7\]")
def remainder_by_maybe_negative(self: Any, amount: mp.u64, parts: mp.i4) -> None:
    self.total = amount % parts  # HERE


@refused(mp.DivisorError, r"the divisor lies within \[0, 0\]")
def division_by_constant_zero(self: Any, amount: mp.u64) -> None:
    self.total = amount // 0  # HERE


@refused(mp.DivisorError, r"the divisor lies within \[0, 4294967295\]")
def constant_divided_by_maybe_zero(self: Any, parts: mp.u32) -> None:
    self.total = mp.divmod(10, parts)[0]  # HERE


# -- operands and operators


@refused(mp.OperandError, r"got float 1\.5")
def float_factor(self: Any, amount: mp.u64) -> None:
    self.total = amount * 1.5  # HERE


@refused(mp.OperandError, r"integers only: use // or mp\.divmod")
def true_division(self: Any, amount: mp.u64) -> None:
    self.total = amount / 2  # HERE


@refused(mp.OperandError, r"integers only")
def conversion_to_float(self: Any, amount: mp.u64) -> None:
    self.total = float(amount)  # HERE


@refused(mp.OperandError, r"float")
def store_of_a_float(self: Any, amount: mp.u64) -> None:
    self.total = 0.5  # HERE


@refused(mp.OperandError, r"got str 'all'")
def store_of_text(self: Any, amount: mp.u64) -> None:
    self.total = "all"  # HERE


@refused(mp.OperandError, r"got NoneType None")
def comparison_with_none(self: Any, amount: mp.u64) -> None:
    mp.require(amount == None, "none")  # noqa: E711 # HERE


@refused(mp.OperandError, r"operator is not in the language")
def power(self: Any, amount: mp.u8) -> None:
    self.total = amount**2  # HERE


@refused(mp.OperandError, r"operator is not in the language")
def shift(self: Any, amount: mp.u8) -> None:
    self.total = 1 << amount  # HERE


@refused(mp.OperandError, r"operator is not in the language")
def exclusive_or(self: Any, amount: mp.u8) -> None:
    self.total = amount ^ 3  # HERE


@refused(mp.OperandError, r"operator is not in the language")
def inversion(self: Any, amount: mp.u8) -> None:
    self.total = ~amount  # HERE


@refused(mp.OperandError, r"expected a condition \(0 or 1\), got a value within \[0, 255\]")
def and_of_integers(self: Any, amount: mp.u8) -> None:
    self.total = amount & 3  # HERE


@refused(mp.OperandError, r"expected a condition \(0 or 1\), got a value within \[0, 255\]")
def require_of_an_integer(self: Any, amount: mp.u8) -> None:
    mp.require(amount, "amount")  # HERE


@refused(mp.OperandError, r"expected a condition \(0 or 1\), got a value within \[0, 255\]")
def select_by_an_integer(self: Any, amount: mp.u8) -> None:
    self.total = mp.select(amount, 1, 2)  # HERE


@refused(mp.OperandError, r"expected a condition \(0 or 1\), got a value within \[0, 255\]")
def all_of_integers(self: Any, amount: mp.u8) -> None:
    mp.require(mp.all_of(amount, amount > 1), "amount")  # HERE


@refused(mp.OperandError, r"the condition and the reason")
def require_without_reason(self: Any, amount: mp.u8) -> None:
    mp.require(amount > 0, "")  # HERE


@refused(mp.OperandError, r"missing 1 required positional argument")
def python_type_error(self: Any, amount: mp.u8) -> None:
    mp.require(amount > 0)  # HERE


# -- fields, records and arrays


@refused(mp.FieldError, r"Account has no field 'blance'; it has key, balance, nonce, legs, grid")
def read_of_an_unknown_field(self: Any, account: mp.u4) -> None:
    self.total = self.accounts[account].blance  # HERE


@refused(mp.FieldError, r"Account has no field 'frozen'")
def write_of_an_unknown_field(self: Any, account: mp.u4) -> None:
    self.accounts[account].frozen = 1  # HERE


@refused(mp.FieldError, r"Leg has no field 'price'")
def unknown_field_of_an_element(self: Any, account: mp.u4) -> None:
    self.total = self.accounts[account].legs[0].price  # HERE


@refused(mp.OperandError, r"index 3 of an array of 3")
def array_index_out_of_range(self: Any, account: mp.u4) -> None:
    self.accounts[account].legs[3].size = 1  # HERE


@refused(mp.OperandError, r"index -1 of an array of 3")
def negative_array_index(self: Any, account: mp.u4) -> None:
    self.accounts[account].legs[-1].size = 1  # HERE


@refused(mp.RangeOverflowError, r"the index lies within \[0, 3\], the array has elements 0 to 2")
def array_index_that_may_leave(self: Any, account: mp.u4, leg: mp.u2) -> None:
    self.accounts[account].legs[leg].size = 1  # HERE


@refused(mp.RangeOverflowError, r"the index lies within \[-1, 1\], the array has elements 0 to 2")
def array_index_that_may_be_negative(self: Any, account: mp.u4, leg: mp.u1, other: mp.u1) -> None:
    self.accounts[account].legs[leg - other].size = 1  # HERE


@refused(mp.OperandError, r"cannot be indexed by another")
def two_values_as_indices(self: Any, account: mp.u4, row: mp.u1, column: mp.u1) -> None:
    self.accounts[account].grid[row][column] = 1  # HERE


@refused(mp.OperandError, r"array is assigned field by field")
def array_as_a_whole(self: Any, account: mp.u4) -> None:
    self.accounts[account].legs = [1, 2, 3]  # HERE


@refused(mp.OperandError, r"Leg is assigned field by field")
def record_in_an_array_as_a_whole(self: Any, account: mp.u4) -> None:
    self.accounts[account].legs[0] = self.accounts[account + 0].legs[1]  # HERE


@refused(mp.AccessError, r"accounts is a map: assign fields of its records")
def map_as_a_whole(self: Any, account: mp.u4) -> None:
    self.accounts = {}  # HERE


@refused(mp.AccessError, r"a record of accounts is assigned field by field")
def record_as_a_whole(self: Any, account: mp.u4) -> None:
    self.accounts[account] = self.first  # HERE


@refused(mp.AccessError, r"first is assigned field by field")
def record_cell_as_a_whole(self: Any, account: mp.u4) -> None:
    self.first = self.accounts[account]  # HERE


@refused(mp.OperandError, r"amounts\[0\] is a parameter and cannot be assigned")
def assignment_to_a_parameter(self: Any, amounts: mp.Array[mp.u8, Literal[2]]) -> None:
    amounts[0] = 1  # HERE


@refused(
    mp.AccessError, r"accounts is accessed twice at the same index \(first at .*test_lang_misuse\.py:\d+\)"
)
def same_index_twice(self: Any, account: mp.u4) -> None:
    self.accounts[account].balance += 1
    self.accounts[account].nonce += 1  # HERE


@refused(mp.AccessError, r"accessed twice at the same index")
def same_constant_index_twice(self: Any, amount: mp.u8) -> None:
    self.accounts[3].balance = amount
    self.total = self.accounts[3].nonce  # HERE


# -- keys


@refused(mp.KeyUseError, r"cannot be compared")
def key_compared(self: Any, account: mp.u4, key: mp.Key) -> None:
    mp.require(self.accounts[account].key == key, "key")  # HERE


@refused(mp.KeyUseError, r"cannot be compared")
def key_tested(self: Any, account: mp.u4) -> None:
    mp.require(mp.negate(bool(self.accounts[account].key)), "key")  # HERE


@refused(mp.KeyUseError, r"only a key that is a parameter can be stored")
def stored_key_copied(self: Any, a: mp.u4, b: mp.u4) -> None:
    self.accounts[a].key = self.accounts[b].key  # HERE


@refused(mp.KeyUseError, r"only a key that is a parameter can be stored")
def integer_as_a_key(self: Any, account: mp.u4, amount: mp.u64) -> None:
    self.accounts[account].key = amount  # HERE


@refused(mp.KeyUseError, r"balance takes an integer, got a key")
def key_as_an_integer(self: Any, account: mp.u4, key: mp.Key) -> None:
    self.accounts[account].balance = key  # HERE


@refused(mp.OperandError, r"unsupported operand|got SymbolicKey")
def key_in_arithmetic(self: Any, account: mp.u4, key: mp.Key) -> None:
    self.total = key + 1  # HERE


@refused(mp.KeyUseError, r"a parameter would be anyone's")
def authorized_by_a_parameter(self: Any, key: mp.Key, nonce: mp.u32) -> None:
    mp.authorize(key, nonce)  # HERE


@refused(mp.KeyUseError, r"takes a key of the state")
def authorized_by_an_integer(self: Any, account: mp.u4, nonce: mp.u32) -> None:
    mp.authorize(self.accounts[account].balance, nonce)  # HERE


@refused(mp.DeclarationError, r"comes from L1 and carries no signature", from_l1=True)
def from_l1_with_authorize(self: Any, account: mp.u4, nonce: mp.u32) -> None:
    mp.authorize(self.accounts[account].key, nonce)  # HERE


# -- messages


@refused(mp.FieldError, r"Paid takes exactly recipient, amount; got amount")
def message_without_a_field(self: Any, amount: mp.u64) -> None:
    mp.emit(Paid(amount=amount))  # HERE


@refused(mp.OperandError, r"recipient: expected 5 elements, got 2")
def message_with_a_short_array(self: Any, amount: mp.u64) -> None:
    mp.emit(Paid(recipient=[1, 2], amount=amount))  # HERE


@refused(mp.OperandError, r"recipient: the value has another shape")
def message_with_another_shape(self: Any, account: mp.u4, amount: mp.u64) -> None:
    mp.emit(Paid(recipient=self.accounts[account].legs, amount=amount))  # HERE


@refused(mp.RangeOverflowError, r"amount takes u64 \[0, .*within \[-18446744073709551616, -1\]")
def message_that_never_fits(self: Any, amount: mp.u64) -> None:
    mp.emit(Paid(recipient=[0] * 5, amount=-1 - amount))  # HERE


@refused(mp.OperandError, r"mp\.emit takes a mp\.Message")
def message_of_no_type(self: Any, amount: mp.u64) -> None:
    mp.emit(amount)  # HERE


# -- the kind as a whole: the error names the line of its declaration


@refused(mp.DeclarationError, r"unsigned is signed by nobody: call mp\.authorize")  # HERE
def unsigned(self: Any, amount: mp.u64) -> None:
    self.total += amount


@refused(mp.DeclarationError, r"returned returns a value", from_l1=True)  # HERE
def returned(self: Any, amount: mp.u64) -> Any:
    self.total = amount
    return amount


@refused(mp.DeclarationError, r"unannotated: parameter 'amount' has no annotation; give it a type")  # HERE
def unannotated(self: Any, amount) -> None:  # type: ignore[no-untyped-def]
    self.total = amount


@refused(mp.DeclarationError, r"parameter 'amount': <class 'int'> is no type of the language")  # HERE
def plain_int(self: Any, amount: int) -> None:
    self.total = amount


@refused(mp.DeclarationError, r"plain_float: parameter 'amount': <class 'float'> is no type")  # HERE
def plain_float(self: Any, amount: float) -> None:
    self.total = amount


@refused(mp.DeclarationError, r"an annotation names something unknown: .*u65")  # HERE
def unknown_type(self: Any, amount: mp.u65) -> None:  # type: ignore[name-defined]
    self.total = amount


@refused(mp.DeclarationError, r"parameter 'amount' must be plain, without default")  # HERE
def default(self: Any, amount: mp.u64 = 1) -> None:
    self.total = amount


@refused(mp.DeclarationError, r"parameter 'amounts' must be plain")  # HERE
def variadic(self: Any, *amounts: mp.u64) -> None:
    self.total = amounts[0]


@refused(mp.DeclarationError, r"parameter 'amount' must be plain")  # HERE
def keyword_only(self: Any, *, amount: mp.u64) -> None:
    self.total = amount


@pytest.mark.parametrize("case", CASES, ids=[c.function.__name__ for c in CASES])
def test_is_refused_at_its_line(case: Case) -> None:
    with pytest.raises(mp.LanguageError) as caught:
        trace(declare(case.function, from_l1=case.from_l1), ["bn254"])
    error = caught.value
    assert type(error) is case.error, error
    assert re.search(case.message, error.message), error.message
    assert error.location is not None
    assert (error.location.file, error.location.line) == (__file__, marked_line(case.function))
    assert str(error).startswith(f"{__file__}:{error.location.line}: ")


# -- declarations that never reach a kind


def nothing(self: Any) -> None:
    """A kind that does nothing."""


def transition(annotations: dict[str, Any], *functions: Callable[..., None]) -> type[mp.Transition]:
    kinds = {f.__name__: mp.from_l1()(f) for f in functions}
    return type(
        "Declared", (mp.Transition,), {"__annotations__": annotations, "__module__": __name__, **kinds}
    )


CELL = {"total": mp.Cell[mp.u64]}


@pytest.mark.parametrize(
    ("annotations", "functions", "message"),
    [
        ({}, [nothing], "declares no state"),
        (CELL, [], "declares no transaction"),
        (
            {"total": mp.u64},
            [nothing],
            r"Declared\.total: state is declared as mp\.Map\[…\] or mp\.Cell\[…\]",
        ),
        ({"total": mp.Cell[int]}, [nothing], "is no type of the language"),
        ({"total": "mp.Cell[mp.u640]"}, [nothing], "an annotation names something unknown"),
        ({"a": mp.Map[mp.i8, Account]}, [nothing], "index is one of mp.u1 … mp.u32"),
        ({"a": mp.Map[mp.u33, Account]}, [nothing], "index is one of mp.u1 … mp.u32"),
        ({"a": mp.Map[mp.Key, Account]}, [nothing], "index is one of mp.u1 … mp.u32"),
        ({"a": mp.Map[mp.u8, mp.u64]}, [nothing], r"a map holds a mp\.Record"),
        ({"a": mp.Cell[mp.Array[mp.u8, Literal[0]]]}, [nothing], "length is 1 to 64, got 0"),
        ({"a": mp.Cell[mp.Array[mp.u8, Literal[65]]]}, [nothing], "length is 1 to 64, got 65"),
    ],
)
def test_declaration_is_refused(
    annotations: dict[str, Any], functions: list[Callable[..., None]], message: str
) -> None:
    with pytest.raises(mp.DeclarationError, match=message):
        transition(annotations, *functions)


def test_record_and_message_declarations() -> None:
    with pytest.raises(mp.DeclarationError, match="record Empty has no field"):
        type("Empty", (mp.Record,), {"__annotations__": {}, "__module__": __name__})
    with pytest.raises(mp.DeclarationError, match=r"Bad\.x: .* is no type of the language"):
        type("Bad", (mp.Record,), {"__annotations__": {"x": str}, "__module__": __name__})
    with pytest.raises(mp.DeclarationError, match="message Keyed has a key field"):
        type("Keyed", (mp.Message,), {"__annotations__": {"key": mp.Key}, "__module__": __name__})


@pytest.mark.parametrize("value", ["missing", "small", "signed", "key"])
def test_value_names_a_u64_parameter(value: str) -> None:
    def deposit(self: Any, small: mp.u63, signed: mp.i64, key: mp.Key) -> None:
        """The contract compares two words with the value paid."""

    with pytest.raises(mp.DeclarationError, match=f"value='{value}' must name a parameter of type mp.u64"):
        type(
            "Declared",
            (mp.Transition,),
            {"__annotations__": CELL, "__module__": __name__, "deposit": mp.from_l1(value=value)(deposit)},
        )


def test_unknown_kind() -> None:
    with pytest.raises(mp.DeclarationError, match="has no kind 'nothng'; it has nothing"):
        transition(CELL, nothing).kind("nothng")


def test_outside_a_transaction() -> None:
    declared: Any = transition({**CELL, "accounts": mp.Map[mp.u4, Account]}, nothing)()
    for access in (
        lambda: declared.total,
        lambda: declared.accounts[0],
        lambda: setattr(declared, "total", 1),
        lambda: mp.require(True, "always"),
        lambda: mp.authorize(mp.Key(bytes(32)), 0),
        lambda: mp.emit(Paid(recipient=[0] * 5, amount=0)),
    ):
        with pytest.raises(mp.AccessError, match="only possible inside a transaction"):
            access()
