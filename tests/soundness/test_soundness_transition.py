"""``check_transition`` on a transition, valid and invalid."""

from __future__ import annotations

import pytest

from examples.token.token import Token
from multiprover.soundness import Disagreement, Step, check_transition
from multiprover.soundness.checkers import ALL, CheckerError
from multiprover.suites import Wallet

SUITES = ("bn254", "goldilocks", "koalabear")


def wallet() -> Wallet:
    return Wallet.from_seed(b"\x07" * 32, SUITES, height=2)


def setup() -> list[Step]:
    key = wallet().public_key
    opened = [Step("register", {"account": n, "key": key}) for n in (1, 2)]
    return [*opened, Step("deposit", {"account": 1, "amount": 100})]


def transfer(amount: int, nonce: int = 0, signed: int = 0) -> Step:
    values = {"sender": 1, "receiver": 2, "amount": amount, "nonce": nonce}
    return Step("transfer", values, [(wallet(), signed)])


def test_valid_and_invalid_batches() -> None:
    report = check_transition(
        Token,
        valid=[[transfer(40)]],
        invalid=[[transfer(101)], [transfer(1, nonce=1, signed=1)], [transfer(1, signed=1)]],
        setup=setup(),
    )
    assert len(ALL) >= 4
    assert [row.verdict.accepts for row in report.rows] == [True] * len(ALL) + [False] * 3 * len(ALL)
    assert all(row.verdict.violated for row in report.rows if not row.expected and row.prover != "sgx")


def test_a_wrong_expectation_is_a_disagreement() -> None:
    with pytest.raises(Disagreement, match="refused: insufficient balance"):
        check_transition(Token, valid=[[transfer(101)]], setup=setup(), provers=())
    with pytest.raises(Disagreement, match="expected executor and interpreter to refuse transfer"):
        check_transition(Token, valid=[], invalid=[[transfer(40)]], setup=setup(), provers=())


def test_full_proofs_of_the_enclave() -> None:
    report = check_transition(
        Token, [[transfer(40)]], [[transfer(101)]], ("sgx",), setup=setup(), full_proofs=True
    )
    assert [row.verdict.proves for row in report.rows] == [True, False]


def test_an_unknown_prover() -> None:
    with pytest.raises(CheckerError, match="expected one of the proof types"):
        check_transition(Token, [[transfer(40)]], provers=("acme",), setup=setup())
