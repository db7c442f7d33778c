"""The scenario: real trades on the exchange, all accepted, the same every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from examples.perpetuals import market_data, scenario
from examples.perpetuals.market_data import Mark, Scale, Trade
from examples.perpetuals.perpetuals import Perpetuals
from multiprover.ledger import BatchBuilder, State
from multiprover.program import interpreter, trace

SUITES = ("bn254",)
PROGRAM = trace(Perpetuals, SUITES)
KEYS = scenario.wallets(suites=SUITES)
SCALE = Scale(Decimal("0.001"), 10**6)
DOMAIN = bytes(32)


def trades(path: object = market_data.TRADES_2023) -> Iterator[Trade]:
    assert path in (market_data.TRADES_2023, market_data.TRADES_2024)
    return market_data.read_trades(path, SCALE)


def marks() -> Iterator[Mark]:
    return market_data.read_marks(market_data.MARKS_2023, SCALE)


def play(steps: list[scenario.Step], slots: int = 64) -> State:
    """Run on the executor, and every batch on the interpreter too."""
    state, reference = State(PROGRAM), interpreter.State(PROGRAM)
    for first in range(0, len(steps), slots):
        builder = BatchBuilder(Perpetuals, state, DOMAIN, slots)
        for step in steps[first : first + slots]:
            assert builder.add(scenario.transaction(step, PROGRAM, KEYS, DOMAIN)).refused is None
        batch = builder.close()
        words = [
            [int.from_bytes(s.words[i : i + 4], "big") for i in range(0, len(s.words), 4)]
            for s in batch.slots
        ]
        assert interpreter.run(PROGRAM, reference, words, lambda *_: True) == batch.journal
    return state


@pytest.mark.parametrize("path", [market_data.TRADES_2023, market_data.TRADES_2024], ids=["2023", "2024"])
def test_real_trades_are_accepted(path: object) -> None:
    with_marks = path == market_data.TRADES_2023
    steps = list(scenario.build(trades(path), 150, marks() if with_marks else None, keys=KEYS))
    state = play(steps)
    kinds = Counter(step.kind for step in steps)
    assert (kinds["register"], kinds["deposit"], kinds["set_oracle"], kinds["withdraw"]) == (8, 8, 1, 1)
    assert kinds["trade"] == 150
    assert steps[-2].kind == "mark"
    assert steps[-2].values["funding"] > 0
    records = [state.records[0, i] for i in range(8)]
    assert sum(r[4] for r in records) == 0
    assert len({r[4] for r in records}) > 4  # positions vary
    assert state.cells[8] == sum(s.value for s in steps) - steps[-1].values["amount"]


def test_trades_are_those_of_the_data() -> None:
    steps = scenario.build(trades(), 100, marks(), keys=KEYS)
    made = [(s.values["price"], s.values["size"]) for s in steps if s.kind == "trade"]
    assert made == [(t.price, t.size) for t, _ in zip(trades(), range(100), strict=False)]


def test_the_marks_are_those_of_the_file() -> None:
    steps = [s for s in scenario.build(trades(), 10**9, marks(), keys=KEYS) if s.kind == "mark"]
    prices = {s.values["time"]: s.values["price"] for s in steps}
    rows = {m.time_ms // 1000: m.price for m in marks()}
    last = max(rows)
    assert {t: p for t, p in prices.items() if t in rows and t < last} == {
        t: p for t, p in rows.items() if t < last
    }


def test_whole_file_is_affordable() -> None:
    """The scenario refuses what the exchange would refuse; over all trades of the file it refuses nothing."""
    count = sum(s.kind == "trade" for s in scenario.build(trades(), 10**9, marks(), keys=KEYS))
    assert count == 2197


def test_it_is_deterministic() -> None:
    one, two = (list(scenario.build(trades(), 40, marks(), keys=KEYS)) for _ in range(2))
    assert one == two
    assert scenario.seed(0) != scenario.seed(1)
    assert len(scenario.seed(0)) == 32


def test_l1_steps_lead_and_are_unsigned() -> None:
    steps = list(scenario.build(trades(), 5, marks(), accounts=3, keys=scenario.wallets(3, SUITES)))
    from_l1 = [s.from_l1 for s in steps]
    assert from_l1 == sorted(from_l1, reverse=True)
    for step in steps:
        assert bool(step.signers) != step.from_l1
        assert step.from_l1 == Perpetuals.kind(step.kind).from_l1
        assert step.value == (step.values["amount"] if step.kind == "deposit" else 0)


def trade(number: int = 1, symbol: str = "A", price: int = 1000, size: int = 1, second: int = 1000) -> Trade:
    return Trade(1000 * second, symbol, number, price, size, True, "MARKET")


def test_two_symbols_are_two_markets() -> None:
    steps = list(scenario.build([trade(1, "A"), trade(2, "B", 7), trade(3, "A", second=1200)], 3, keys=KEYS))
    assert [s.values["market"] for s in steps if s.kind == "trade"] == [0, 1, 0]
    play(steps)


def test_no_trades() -> None:
    steps = list(scenario.build([], 5, keys=KEYS))
    assert {s.kind for s in steps} == {"register", "deposit", "set_oracle"}
    play(steps)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([trade(1, "A"), trade(2, "B"), trade(3, "C")], "trade 3: a third symbol, C"),
        ([trade(1, size=2**31 - 1, price=2**40 - 1)], "trade 1: 2147483647 lots are too many"),
        ([trade(1), trade(2, second=1001 + 86_400)], "trade 2: over a day after the last mark"),
        ([trade(1), trade(2, price=1200)], "trade 2: its price 1200 is over 1/8 off the mark 1000"),
    ],
)
def test_what_the_exchange_could_not_follow(bad: list[Trade], reason: str) -> None:
    with pytest.raises(scenario.ScenarioError, match=reason):
        list(scenario.build(bad, 10, keys=KEYS))


def test_two_accounts_at_least() -> None:
    with pytest.raises(ValueError, match="2 or more accounts, got 1"):
        scenario.build([], 1, accounts=1, keys=KEYS)
