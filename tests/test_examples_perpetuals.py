"""The perpetuals exchange: its conservation law, its margin rules, and attacks on both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from differential import Both
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import multiprover as mp
from examples.perpetuals.perpetuals import DAY, INITIAL, MAINTENANCE, MAX_AGE, MAX_USES, Perpetuals
from multiprover.lang.exits import exit_value
from multiprover.ledger.codec import arguments, encode_words
from multiprover.ledger.executor import Effect

KEY = mp.Key(bytes([1]) * 32)
NOW = 1_700_000_000
PRICE = 1_000_000
COIN = 10**9
ADDRESS = [1, 2, 3, 4, 5]


class Exchange:
    """The exchange on executor and interpreter, and what of its state the tests look at."""

    def __init__(self) -> None:
        self.both = Both(Perpetuals)
        program = self.both.program
        self._fields = [f.name for f in program.maps[0].fields]
        self._cells = [c.name for c in program.cells]

    def do(self, kind: str, **values: Any) -> Effect | None:
        """Run a transaction; nonces that are not given are the right ones."""
        spec = Perpetuals.kind(kind)
        owners = {"nonce": "account", "buyer_nonce": "buyer", "seller_nonce": "seller"}
        for param in spec.params:
            if param.name in owners and param.name not in values:
                oracle = kind == "mark"
                values[param.name] = (
                    self.cell("oracle_nonce") if oracle else self.account(values[owners[param.name]])["nonce"]
                )
        data = encode_words(spec, arguments(spec, values, 1), self.both.program.input_words)
        return self.both.slot([int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)])

    def done(self, kind: str, **values: Any) -> Effect:
        effect = self.do(kind, **values)
        assert effect is not None
        assert effect.refused is None, effect.refused
        return effect

    def refuses(self, kind: str, **values: Any) -> None:
        """The transaction is refused (or has no effect, from L1), and nothing changes."""
        before = self.snapshot()
        effect = self.do(kind, **values)
        assert effect is None or effect.refused is not None
        assert self.snapshot() == before

    def snapshot(self) -> tuple[Any, ...]:
        """The whole state, records that are as if never written left out."""
        zeros = self.both.state.zeros(0)
        records = {place: tuple(r) for place, r in self.both.state.records.items() if r != zeros}
        return tuple(self.both.state.cells), records

    def trade(
        self, buyer: int, seller: int, size: int, price: int = PRICE, market: int = 0
    ) -> dict[str, Any]:
        return {"buyer": buyer, "seller": seller, "market": market, "size": size, "price": price}

    def cell(self, name: str) -> Any:
        return self.both.state.cells[self._cells.index(name)]

    def account(self, index: int) -> dict[str, Any]:
        return dict(zip(self._fields, self.both.state.read(0, index), strict=True))

    def pending(self, index: int) -> int:
        account = self.account(index)
        return sum(
            account[f"positions[{m}].size"]
            * (self.cell(f"markets[{m}].funding") - account[f"positions[{m}].funding"])
            for m in (0, 1)
        )

    def equity(self, index: int) -> int:
        account = self.account(index)
        value = sum(account[f"positions[{m}].size"] * self.cell(f"markets[{m}].price") for m in (0, 1))
        return account["collateral"] - self.pending(index) + value

    def exposure(self, index: int) -> int:
        account = self.account(index)
        return sum(abs(account[f"positions[{m}].size"]) * self.cell(f"markets[{m}].price") for m in (0, 1))

    def check_conservation(self) -> None:
        accounts = [index for _, index in self.both.state.records]
        assert sum(self.account(i)["collateral"] - self.pending(i) for i in accounts) == self.cell("vault")
        for m in (0, 1):
            assert sum(self.account(i)[f"positions[{m}].size"] for i in accounts) == 0


@pytest.fixture
def exchange() -> Exchange:
    """Accounts 0 to 2 with a coin each, both markets open at PRICE."""
    x = Exchange()
    for i in range(3):
        x.done("register", account=i, key=KEY)
        x.done("deposit", account=i, amount=COIN)
    x.done("set_oracle", key=KEY)
    for m in (0, 1):
        x.done("mark", market=m, price=PRICE, funding=0, time=NOW)
    return x


# -- accounting


def test_profit_is_loss(exchange: Exchange) -> None:
    exchange.done("trade", **exchange.trade(0, 1, 100))
    exchange.done("mark", market=0, price=PRICE + 7, funding=0, time=NOW + 1)
    assert exchange.equity(0) == COIN + 700
    assert exchange.equity(1) == COIN - 700
    exchange.done("trade", **exchange.trade(1, 0, 100, PRICE + 7))
    assert exchange.account(0)["collateral"] == COIN + 700
    assert exchange.account(1)["collateral"] == COIN - 700
    exchange.check_conservation()


def test_funding_is_settled_once_by_index_difference(exchange: Exchange) -> None:
    exchange.done("trade", **exchange.trade(0, 1, 100))
    exchange.done("mark", market=0, price=PRICE, funding=3, time=NOW + 1)
    exchange.done("mark", market=0, price=PRICE, funding=-1, time=NOW + 2)
    assert (exchange.pending(0), exchange.pending(1)) == (200, -200)
    exchange.done("trade", **exchange.trade(0, 2, 1))
    assert exchange.account(0)["collateral"] == COIN - 101 * PRICE - 200
    assert exchange.pending(0) == 0
    assert exchange.pending(1) == -200
    exchange.done("trade", **exchange.trade(1, 2, 1))
    assert exchange.account(1)["collateral"] == COIN + 99 * PRICE + 200
    exchange.check_conservation()


def test_a_position_opened_after_funding_owes_none(exchange: Exchange) -> None:
    exchange.done("mark", market=0, price=PRICE, funding=1000, time=NOW + 1)
    exchange.done("trade", **exchange.trade(0, 1, 100))
    assert exchange.pending(0) == exchange.pending(1) == 0
    assert exchange.equity(0) == exchange.equity(1) == COIN


def test_withdrawal(exchange: Exchange) -> None:
    effect = exchange.done("withdraw", account=0, amount=COIN, recipient=ADDRESS)
    assert (exchange.account(0)["collateral"], exchange.cell("vault")) == (0, 2 * COIN)
    words = [effect.outputs[i : i + 4] for i in range(0, len(effect.outputs), 4)]
    offset = exchange.both.program.messages[0].output_offset
    sent = [int.from_bytes(w, "big") for w in words[offset : offset + 8]]
    assert sent == [1, *ADDRESS, 0, COIN]


# -- margin


def test_initial_margin_to_the_unit(exchange: Exchange) -> None:
    most = INITIAL * COIN // PRICE
    exchange.refuses("trade", **exchange.trade(0, 1, most + 1))
    exchange.done("trade", **exchange.trade(0, 1, most))
    exchange.refuses("withdraw", account=0, amount=1, recipient=ADDRESS)


def test_margin_counts_the_other_market(exchange: Exchange) -> None:
    half = INITIAL * COIN // PRICE // 2
    exchange.done("trade", **exchange.trade(0, 1, half))
    exchange.refuses("trade", **exchange.trade(0, 2, half + 1, market=1))
    exchange.refuses("trade", **exchange.trade(2, 0, half + 1, market=1))
    exchange.done("trade", **exchange.trade(2, 0, half, market=1))
    exchange.check_conservation()


def test_margin_of_either_side_refuses(exchange: Exchange) -> None:
    exchange.done("withdraw", account=1, amount=COIN // 2, recipient=ADDRESS)
    exchange.refuses("trade", **exchange.trade(0, 1, 8000))
    exchange.refuses("trade", **exchange.trade(1, 0, 8000))
    exchange.done("trade", **exchange.trade(0, 2, 8000))


def test_under_initial_margin_only_reducing_is_possible(exchange: Exchange) -> None:
    exchange.done("deposit", account=1, amount=100 * COIN)
    exchange.done("trade", **exchange.trade(0, 1, 10_000))
    exchange.done("mark", market=0, price=PRICE * 97 // 100, funding=0, time=NOW + 1)
    price = PRICE * 97 // 100
    assert MAINTENANCE * exchange.equity(0) >= exchange.exposure(0) > INITIAL * exchange.equity(0)
    exchange.refuses("trade", **exchange.trade(0, 1, 1, price))
    exchange.refuses("trade", **exchange.trade(0, 1, 1, price, market=1))
    exchange.refuses("trade", **exchange.trade(1, 0, 20_001, price))  # turns it over
    exchange.done("trade", **exchange.trade(1, 0, 100, price - 1))  # worse than the mark, above maintenance
    exchange.done("trade", **exchange.trade(1, 0, 9_900, price))
    assert exchange.account(0)["positions[0].size"] == 0


@pytest.mark.parametrize("side", [1, -1])
def test_under_maintenance_margin_no_worse_than_the_mark(exchange: Exchange, side: int) -> None:
    exchange.done("deposit", account=1, amount=100 * COIN)
    opening = (0, 1) if side == 1 else (1, 0)
    exchange.done("trade", **exchange.trade(*opening, 10_000))
    price = PRICE * (100 - 8 * side) // 100
    exchange.done("mark", market=0, price=price, funding=0, time=NOW + 1)
    assert 0 < MAINTENANCE * exchange.equity(0) < exchange.exposure(0)
    closing = (opening[1], opening[0])
    exchange.refuses("trade", **exchange.trade(*closing, 10, price - side))
    exchange.refuses("trade", **exchange.trade(*opening, 10, price - side))
    exchange.done("trade", **exchange.trade(*closing, 10, price))
    exchange.done("trade", **exchange.trade(*closing, 10, price + side))
    exchange.refuses("withdraw", account=0, amount=1, recipient=ADDRESS)
    exchange.check_conservation()


def test_a_bankrupt_account_cannot_be_emptied_further(exchange: Exchange) -> None:
    exchange.done("deposit", account=1, amount=100 * COIN)
    exchange.done("trade", **exchange.trade(0, 1, 10_000))
    price = PRICE * 85 // 100
    exchange.done("mark", market=0, price=price, funding=0, time=NOW + 1)
    assert exchange.equity(0) < 0
    exchange.refuses("withdraw", account=0, amount=1, recipient=ADDRESS)
    exchange.refuses("trade", **exchange.trade(1, 0, 10_000, price - 1))
    debt = exchange.equity(0)
    exchange.done("trade", **exchange.trade(1, 0, 10_000, price))
    assert exchange.equity(0) == debt
    exchange.refuses("trade", **exchange.trade(0, 1, 1, price))


# -- attacks


def test_self_trade(exchange: Exchange) -> None:
    exchange.refuses("trade", **exchange.trade(0, 0, 1))


def test_size_zero_and_range_edges(exchange: Exchange) -> None:
    exchange.refuses("trade", **exchange.trade(0, 1, 0))
    exchange.refuses("trade", **exchange.trade(0, 1, 2**31 - 1))
    words = [0] * exchange.both.program.input_words
    number = Perpetuals.kind("trade").number
    for broken in ({6: 2**31}, {7: 2**8}, {5: 2}, {1: 2**20}):
        words[:9] = [number, 0, 1, 0, 0, 0, 0, 0, 0]
        for position, value in broken.items():
            words[position] = value
        assert exchange.both.slot(words) is None


def test_price_off_the_mark(exchange: Exchange) -> None:
    exchange.refuses("trade", **exchange.trade(0, 1, 1, 0))
    exchange.refuses("trade", **exchange.trade(0, 1, 1, PRICE * 7 // 8 - 1))
    exchange.refuses("trade", **exchange.trade(0, 1, 1, PRICE * 9 // 8 + 1))
    exchange.done("trade", **exchange.trade(0, 1, 1, PRICE * 7 // 8))
    exchange.done("trade", **exchange.trade(0, 1, 1, PRICE * 9 // 8))


def test_replay_and_nonces(exchange: Exchange) -> None:
    order = exchange.trade(0, 1, 1)
    exchange.done("trade", **order, buyer_nonce=0, seller_nonce=0)
    exchange.refuses("trade", **order, buyer_nonce=0, seller_nonce=0)
    exchange.refuses("trade", **order, buyer_nonce=1, seller_nonce=0)
    exchange.refuses("trade", **order, buyer_nonce=0, seller_nonce=1)
    exchange.refuses("trade", **order, buyer_nonce=2, seller_nonce=1)
    exchange.done("withdraw", account=0, amount=1, recipient=ADDRESS, nonce=1)
    exchange.refuses("withdraw", account=0, amount=1, recipient=ADDRESS, nonce=1)
    nonce = exchange.cell("oracle_nonce")
    exchange.done("mark", market=0, price=PRICE, funding=0, time=NOW + 1)
    exchange.refuses("mark", market=0, price=PRICE, funding=0, time=NOW + 2, nonce=nonce)


@pytest.mark.parametrize("unsigned", [0, 1])
def test_both_sides_sign(exchange: Exchange, unsigned: int) -> None:
    spec = Perpetuals.kind("trade")
    values = {**exchange.trade(0, 1, 1), "buyer_nonce": 0, "seller_nonce": 0}
    data = encode_words(spec, arguments(spec, values, 1), exchange.both.program.input_words)
    words = [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]
    assert exchange.both.slot(words, [i != unsigned for i in range(2)]) is None
    assert exchange.both.slot(words, [True, True]) is not None


def test_accounts_must_be_open(exchange: Exchange) -> None:
    exchange.refuses("deposit", account=9, amount=1)
    exchange.refuses("trade", **exchange.trade(0, 9, 1))
    exchange.refuses("trade", **exchange.trade(9, 0, 1))
    exchange.refuses("withdraw", account=9, amount=1, recipient=ADDRESS)


def test_registering_a_taken_account(exchange: Exchange) -> None:
    exchange.refuses("register", account=0, key=mp.Key(bytes([2]) * 32))
    assert exchange.account(0)["key"] == KEY.data


def test_withdrawals_of_too_much(exchange: Exchange) -> None:
    for amount in (0, COIN + 1, 3 * COIN, 2**63, 2**64 - 1):
        exchange.refuses("withdraw", account=0, amount=amount, recipient=ADDRESS)


def test_deposits_at_the_edge(exchange: Exchange) -> None:
    exchange.refuses("deposit", account=0, amount=2**64 - 1)
    exchange.refuses("deposit", account=0, amount=2**63 - COIN)
    exchange.done("deposit", account=0, amount=2**63 - 1 - COIN)
    exchange.refuses("deposit", account=0, amount=1)
    exchange.done("deposit", account=1, amount=2**63 - 2**62)
    exchange.done("deposit", account=2, amount=2**62 - 2 * COIN)
    assert exchange.cell("vault") == 2**64 - 1
    exchange.refuses("deposit", account=1, amount=1)


# -- the oracle


def test_no_mark_no_trade() -> None:
    x = Exchange()
    for i in range(2):
        x.done("register", account=i, key=KEY)
        x.done("deposit", account=i, amount=COIN)
    x.refuses("trade", **x.trade(0, 1, 1, 0))
    x.refuses("trade", **x.trade(0, 1, 1))
    x.done("withdraw", account=0, amount=1, recipient=ADDRESS)  # without positions no mark is needed


def test_closed_market(exchange: Exchange) -> None:
    exchange.done("trade", **exchange.trade(0, 1, 1))
    exchange.done("mark", market=0, price=0, funding=0, time=NOW + 1)
    exchange.refuses("trade", **exchange.trade(0, 1, 1))
    exchange.refuses("trade", **exchange.trade(0, 1, 1, 0))
    exchange.refuses("trade", **exchange.trade(0, 2, 1, market=1))  # 0 holds what has no price
    exchange.refuses("withdraw", account=0, amount=1, recipient=ADDRESS)
    exchange.done("withdraw", account=2, amount=1, recipient=ADDRESS)


def test_stale_mark(exchange: Exchange) -> None:
    exchange.done("trade", **exchange.trade(0, 1, 1))
    exchange.done("mark", market=1, price=PRICE, funding=0, time=NOW + MAX_AGE)
    exchange.done("trade", **exchange.trade(0, 1, 1))
    exchange.done("mark", market=1, price=PRICE, funding=0, time=NOW + MAX_AGE + 1)
    exchange.refuses("trade", **exchange.trade(0, 1, 1))
    exchange.refuses("trade", **exchange.trade(0, 2, 1, market=1))
    exchange.refuses("trade", **exchange.trade(2, 0, 1, market=1))
    exchange.refuses("withdraw", account=0, amount=1, recipient=ADDRESS)
    exchange.done("mark", market=0, price=PRICE, funding=0, time=NOW + MAX_AGE + 1)
    exchange.done("trade", **exchange.trade(2, 0, 1, market=1))


def test_a_mark_serves_a_number_of_uses(exchange: Exchange) -> None:
    cells = exchange.both.program.cells
    (uses,) = [i for i, c in enumerate(cells) if c.name == "uses"]
    for state in (exchange.both.memory.cells, exchange.both.state.cells):
        state[uses] = MAX_USES - 1
    exchange.done("trade", **exchange.trade(0, 1, 1))
    exchange.refuses("trade", **exchange.trade(0, 1, 1))
    exchange.refuses("withdraw", account=2, amount=1, recipient=ADDRESS)
    exchange.done("mark", market=1, price=PRICE, funding=0, time=NOW + 1)
    exchange.done("trade", **exchange.trade(0, 1, 1))


def test_oracle_times(exchange: Exchange) -> None:
    mark = {"market": 0, "price": PRICE, "funding": 0}
    exchange.refuses("mark", **mark, time=NOW)
    exchange.refuses("mark", **mark, time=NOW - 1)
    exchange.refuses("mark", **mark, time=NOW + DAY + 1)
    exchange.done("mark", **mark, time=NOW + DAY)
    exchange.refuses("mark", **{**mark, "market": 1}, time=NOW + 1)  # behind the other market
    exchange.done("mark", **{**mark, "market": 1}, time=NOW + DAY)


def test_oracle_funding(exchange: Exchange) -> None:
    mark = {"market": 0, "price": 64_000}
    exchange.refuses("mark", **mark, funding=1001, time=NOW + 1)
    exchange.refuses("mark", **mark, funding=-1001, time=NOW + 1)
    exchange.refuses("mark", market=0, price=0, funding=1, time=NOW + 1)
    exchange.done("mark", **mark, funding=1000, time=NOW + 1)
    exchange.done("mark", **mark, funding=-1000, time=NOW + 2)


def test_a_new_oracle_starts_with_closed_markets(exchange: Exchange) -> None:
    exchange.done("trade", **exchange.trade(0, 1, 1))
    nonce = exchange.cell("oracle_nonce")
    exchange.done("set_oracle", key=mp.Key(bytes([3]) * 32))
    exchange.refuses("trade", **exchange.trade(0, 1, 1))
    exchange.refuses("trade", **exchange.trade(0, 1, 1, 0))
    exchange.refuses("withdraw", account=0, amount=1, recipient=ADDRESS)
    exchange.refuses("mark", market=0, price=PRICE, funding=0, time=5, nonce=nonce - 1)
    exchange.done("mark", market=0, price=PRICE, funding=0, time=5)
    exchange.done("trade", **exchange.trade(0, 1, 1))


def test_who_may_what() -> None:
    kinds = {k.name: (k.from_l1, k.operator_only, k.value_word) for k in Both(Perpetuals).program.kinds}
    assert kinds == {
        "noop": (False, False, None),
        "register": (True, False, None),
        "deposit": (True, False, 2),
        "set_oracle": (True, True, None),
        "mark": (False, False, None),
        "trade": (False, False, None),
        "withdraw": (False, False, None),
        "force_withdraw": (True, False, None),
        "rotate": (False, False, None),
    }
    owned = {k.name: (k.rules.registers, k.rules.owner) for k in Perpetuals.kinds if k.from_l1}
    assert owned == {
        "register": ("account", None),
        "deposit": (None, None),
        "set_oracle": (None, None),
        "force_withdraw": (None, "account"),
    }


# -- leaving without the sequencer, and another key


def test_forced_withdrawal(exchange: Exchange) -> None:
    exchange.done("trade", **exchange.trade(0, 1, 100))
    free = COIN - 100 * PRICE // INITIAL
    exchange.refuses("force_withdraw", account=0, amount=free + 1, recipient=ADDRESS)
    effect = exchange.done("force_withdraw", account=0, amount=free, recipient=ADDRESS)
    words = [effect.outputs[i : i + 4] for i in range(0, len(effect.outputs), 4)]
    offset = exchange.both.program.messages[0].output_offset
    assert [int.from_bytes(w, "big") for w in words[offset : offset + 8]] == [1, *ADDRESS, 0, free]
    assert exchange.cell("vault") == 3 * COIN - free
    assert exchange.account(0)["nonce"] == 1
    exchange.refuses("force_withdraw", account=9, amount=1, recipient=ADDRESS)
    exchange.check_conservation()


def test_a_silent_oracle_holds_only_accounts_with_positions(exchange: Exchange) -> None:
    exchange.done("trade", **exchange.trade(0, 1, 1))
    exchange.done("set_oracle", key=KEY)
    exchange.refuses("force_withdraw", account=0, amount=1, recipient=ADDRESS)
    for state in (exchange.both.memory.cells, exchange.both.state.cells):
        state[[c.name for c in exchange.both.program.cells].index("uses")] = MAX_USES
    exchange.refuses("withdraw", account=2, amount=1, recipient=ADDRESS)
    exchange.done("force_withdraw", account=2, amount=COIN, recipient=ADDRESS)
    assert exchange.cell("uses") == MAX_USES


def test_another_key(exchange: Exchange) -> None:
    exchange.done("trade", **exchange.trade(0, 1, 1))
    other = mp.Key(bytes([7]) * 32)
    exchange.done("rotate", account=0, key=other)
    assert exchange.account(0)["key"] == other.data
    assert exchange.account(0)["nonce"] == 0
    exchange.done("trade", **exchange.trade(0, 1, 1))
    spec = Perpetuals.kind("rotate")
    data = encode_words(spec, [1, KEY], exchange.both.program.input_words)
    words = [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]
    assert exchange.both.slot(words, [False]) is None


def test_what_leaves(exchange: Exchange) -> None:
    """Equity: with pending funding, at the last price of a closed market, and never below 0."""
    leave = Perpetuals.exits[0]

    def value(account: int) -> int:
        return exit_value(Perpetuals, leave, exchange.both.memory, account)

    exchange.done("deposit", account=1, amount=100 * COIN)
    exchange.done("trade", **exchange.trade(0, 1, 10_000))
    exchange.done("mark", market=0, price=PRICE * 97 // 100, funding=11, time=NOW + 1)
    assert exchange.pending(0) == 110_000
    assert [value(i) for i in range(3)] == [exchange.equity(i) for i in range(3)]
    exchange.done("mark", market=0, price=0, funding=0, time=NOW + 2)
    assert exchange.cell("markets[0].price") == PRICE * 97 // 100
    assert value(0) == exchange.equity(0) == COIN - 300 * PRICE - 110_000
    exchange.done("set_oracle", key=KEY)
    assert value(0) == exchange.equity(0)
    exchange.done("mark", market=0, price=PRICE * 80 // 100, funding=0, time=NOW + 3)
    assert exchange.equity(0) < 0 == value(0)
    assert value(9) == 0


# -- anything, in any order

accounts = st.integers(0, 3)


class Machine(RuleBasedStateMachine):
    """Random transactions; after each, what is conserved is, and nobody traded himself into the red."""

    @initialize(
        deposits=st.lists(st.integers(1, 10**13), min_size=4, max_size=4),
        prices=st.tuples(*[st.integers(1, 2**33)] * 2),
    )
    def open(self, deposits: list[int], prices: tuple[int, int]) -> None:
        self.x = Exchange()
        self.time = NOW
        self.vault = 0
        for i, amount in enumerate(deposits):
            self.x.done("register", account=i, key=KEY)
            self.deposit(i, amount)
        self.x.done("set_oracle", key=KEY)
        for m in (0, 1):
            self.x.done("mark", market=m, price=prices[m], funding=0, time=self.time)

    @rule(account=accounts, amount=st.integers(0, 10**13))
    def deposit(self, account: int, amount: int) -> None:
        self.x.done("deposit", account=account, amount=amount)
        self.vault += amount

    @rule(
        market=st.integers(0, 1),
        change=st.integers(-150, 150),
        funding=st.integers(-(2**31), 2**31 - 1),
        seconds=st.integers(1, 40),
    )
    def mark(self, market: int, change: int, funding: int, seconds: int) -> None:
        self.time += seconds
        price = min(max(self.x.cell(f"markets[{market}].price") * (1000 + change) // 1000, 1), 2**40 - 1)
        bound = price // 64
        self.x.done(
            "mark", market=market, price=price, funding=min(max(funding, -bound), bound), time=self.time
        )

    @rule(
        pair=st.one_of(st.permutations(range(4)), st.tuples(accounts, accounts)),
        market=st.integers(0, 1),
        leverage=st.one_of(st.integers(1, 5), st.integers(1, 12)),
        off=st.one_of(st.integers(-3, 3), st.integers(-130, 130)),
        close=st.booleans(),
    )
    def trade(self, pair: Sequence[int], market: int, leverage: int, off: int, close: bool) -> None:
        x, (buyer, seller, *_) = self.x, pair
        mark = x.cell(f"markets[{market}].price")
        held = x.account(seller)[f"positions[{market}].size"]
        size = held if close and held > 0 else max(x.equity(buyer), 0) * leverage // mark
        price = max(mark * (1000 + off) // 1000, 1)
        before = {i: (x.equity(i), x.account(i)) for i in (buyer, seller)}
        order = x.trade(buyer, seller, min(size, 2**31 - 1), min(price, 2**40 - 1), market)
        if x.do("trade", **order) is None:
            return
        assert buyer != seller
        for i, side in ((buyer, 1), (seller, -1)):
            equity, account = before[i]
            old = account[f"positions[{market}].size"]
            new = x.account(i)[f"positions[{market}].size"]
            assert new == old + side * order["size"]
            assert x.account(i)["nonce"] == account["nonce"] + 1
            assert x.equity(i) == equity + side * order["size"] * (mark - order["price"])
            if INITIAL * x.equity(i) < x.exposure(i):
                assert abs(new) < abs(old)
                assert new * old >= 0
                assert MAINTENANCE * x.equity(i) >= x.exposure(i) or x.equity(i) >= equity

    @rule(account=accounts, part=st.integers(1, 300))
    def withdraw(self, account: int, part: int) -> None:
        x = self.x
        amount = max(x.equity(account) * part // 1000, 1)
        if x.do("withdraw", account=account, amount=amount, recipient=ADDRESS) is not None:
            self.vault -= amount
            assert INITIAL * x.equity(account) >= x.exposure(account)

    @invariant()
    def conserved(self) -> None:
        if hasattr(self, "x"):
            self.x.check_conservation()
            assert self.x.cell("vault") == self.vault


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
