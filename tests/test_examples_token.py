"""The token: nobody loses money but by their own signature, and the supply is what is held."""

from __future__ import annotations

from typing import Any

from differential import Both
from hypothesis import given, settings
from hypothesis import strategies as st

import multiprover as mp
from examples.token.token import Token
from multiprover.lang.exits import exit_value
from multiprover.ledger.codec import arguments, encode_words

KEYS = [mp.Key(bytes([i + 1]) * 32) for i in range(4)]
RECIPIENT = [1, 2, 3, 4, 5]


def run(both: Both, kind: str, **values: Any) -> Any:
    spec = Token.kind(kind)
    data = encode_words(spec, arguments(spec, values, 1), both.program.input_words)
    return both.slot([int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)])


def test_an_account_cannot_be_taken_over() -> None:
    both = Both(Token)
    assert run(both, "register", account=3, key=KEYS[0]).refused is None
    assert run(both, "deposit", account=3, amount=50).refused is None
    assert run(both, "register", account=3, key=KEYS[1]).refused.reason == "the account is taken"
    assert both.memory.records[0, 3] == [KEYS[0], 1, 50, 0]


def test_money_does_not_go_where_nobody_is() -> None:
    both = Both(Token)
    run(both, "register", account=0, key=KEYS[0])
    run(both, "deposit", account=0, amount=50)
    assert run(both, "deposit", account=1, amount=1).refused.reason == "no such account"
    assert run(both, "transfer", sender=0, receiver=1, amount=1, nonce=0) is None


def test_edges() -> None:
    both = Both(Token)
    for i in (0, 1):
        run(both, "register", account=i, key=KEYS[i])
    assert run(both, "deposit", account=0, amount=2**64 - 1).refused is None
    assert run(both, "deposit", account=1, amount=1).refused is not None  # the supply has no room
    assert run(both, "transfer", sender=0, receiver=1, amount=2**64 - 1, nonce=0) is not None
    assert run(both, "transfer", sender=0, receiver=1, amount=1, nonce=1) is None
    assert run(both, "transfer", sender=0, receiver=1, amount=0, nonce=1) is not None
    assert run(both, "withdraw", sender=1, amount=2**64 - 1, nonce=0, recipient=RECIPIENT) is not None
    assert both.memory.cells == [0]


def test_forced_withdrawal() -> None:
    both = Both(Token)
    run(both, "register", account=3, key=KEYS[0])
    run(both, "deposit", account=3, amount=50)
    too_much = run(both, "force_withdraw", account=3, amount=51, recipient=RECIPIENT)
    assert too_much.refused.reason == "insufficient balance"
    assert run(both, "force_withdraw", account=3, amount=20, recipient=RECIPIENT).refused is None
    assert both.memory.records[0, 3] == [KEYS[0], 1, 30, 0]
    assert both.memory.cells == [30]
    assert exit_value(Token, Token.exits[0], both.memory, 3) == 30


def test_another_key() -> None:
    both = Both(Token)
    for i in (0, 1):
        run(both, "register", account=i, key=KEYS[i])
    run(both, "deposit", account=0, amount=50)
    assert run(both, "transfer", sender=0, receiver=1, amount=1, nonce=0) is not None
    assert run(both, "rotate", account=0, key=KEYS[2]) is not None
    assert both.memory.records[0, 0] == [KEYS[2], 1, 49, 0]
    assert both.state.records[0, 0] == [KEYS[2].data, 1, 49, 0]
    assert run(both, "transfer", sender=0, receiver=1, amount=1, nonce=1) is None
    assert run(both, "transfer", sender=0, receiver=1, amount=1, nonce=0) is not None


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["register", "deposit", "transfer", "withdraw", "force_withdraw"]),
            st.integers(0, 3),
            st.integers(0, 3),
            st.integers(0, 120),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_the_supply_is_the_sum_of_balances(steps: list[tuple[str, int, int, int, bool]]) -> None:
    both = Both(Token)
    paid = 0
    for kind, a, b, amount, fresh in steps:
        nonce = both.memory.read_record(0, a)[3] if fresh else 0
        match kind:
            case "register":
                run(both, kind, account=a, key=KEYS[a])
            case "deposit":
                paid += amount if run(both, kind, account=a, amount=amount).refused is None else 0
            case "transfer":
                run(both, kind, sender=a, receiver=b, amount=amount, nonce=nonce)
            case "withdraw":
                done = run(both, kind, sender=a, amount=amount, nonce=nonce, recipient=RECIPIENT)
                paid -= amount if done is not None else 0
            case "force_withdraw":
                effect = run(both, kind, account=a, amount=amount, recipient=RECIPIENT)
                paid -= amount if effect.refused is None else 0
        balances = [record[2] for record in both.memory.records.values()]
        assert sum(balances) == both.memory.cells[0] == paid
        assert all(
            record[0] == KEYS[index] for (_, index), record in both.memory.records.items() if record[1]
        )
