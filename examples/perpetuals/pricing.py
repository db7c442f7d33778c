"""What the settlement risk of this exchange costs, on real trades and funding.

    python -m examples.perpetuals.pricing [--trades FILE] [--count N] [--types groth16,sgx] [--audited]

The trades are played as the demo plays them; what is open at their end, and what the accounts have deposited,
is priced: the premium of a year in basis points of the open interest, beside what funding moved in four real
years; and an option on one unit of the underlying, at the money, valued at the volatility of the same trades.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from scipy import stats

from examples.perpetuals import market_data, scenario
from multiprover.risk.assess import assess
from multiprover.risk.premium import BPS, Fund, Level, Terms, claim_rates, option_price, price
from multiprover.risk.system import deploy, shipped_system

YEAR_MS = 365 * 86_400_000
FUNDINGS_A_YEAR = 3 * 365


@dataclass(frozen=True)
class Book:
    """The exchange after the trades, in the quote currency (USDT).

    Attributes:
        open_interest: notional of all long positions at the last price.
        deposits: what the accounts put in, which is what a false state could take.
        last_price: of one unit of the base currency (BTC).
        volatility: of the trades' prices, a second apart or more, a year.
    """

    trades: int
    open_interest: float
    deposits: float
    last_price: float
    volatility: float


def play(path: Path, count: int) -> Book:
    """The book after the first ``count`` trades of a file.

    Raises:
        MarketDataError, ScenarioError: the file's rows are wrong, or cannot be played.
    """
    scale = market_data.scale_of(path)
    positions: Counter[int] = Counter()
    deposits = trades = last = 0
    for step in scenario.build(market_data.read_trades(path, scale), count):
        if step.kind == "deposit":
            deposits += step.value
        if step.kind == "trade":
            values = step.values
            positions[values["buyer"]] += values["size"]
            positions[values["seller"]] -= values["size"]
            last, trades = values["price"], trades + 1
    longs = sum(size for size in positions.values() if size > 0)
    ticks: list[tuple[int, int]] = []
    for _, trade in zip(range(count), market_data.read_trades(path, scale), strict=False):
        if not ticks or trade.time_ms - ticks[-1][0] >= 1000:
            ticks.append((trade.time_ms, trade.price))
    moves = [math.log(b[1] / a[1]) ** 2 for a, b in pairwise(ticks)]
    elapsed = (ticks[-1][0] - ticks[0][0]) / YEAR_MS if len(ticks) > 1 else 1.0
    return Book(
        trades=trades,
        open_interest=longs * last / scale.units,
        deposits=deposits / scale.units,
        last_price=last / float(scale.lot) / scale.units,
        volatility=math.sqrt(sum(moves) / elapsed),
    )


def at_the_money_call(spot: float, volatility: float, days: float) -> float:
    """Black and Scholes (1973), no interest: the market value of a call struck at ``spot``."""
    spread = volatility * math.sqrt(days / 365)
    return float(spot * (stats.norm.cdf(spread / 2) - stats.norm.cdf(-spread / 2)))


def report(
    path: Path, count: int, types: Sequence[str], *, audited: bool = False, days: float = 30
) -> dict[str, Any]:
    """Everything, as one document; amounts in the quote currency."""
    book = play(path, count)
    system = shipped_system(audited=audited)
    choices = [tuple(types[:k]) for k in range(1, len(types) + 1)]
    assessed = {choice: assess(deploy(system, choice)) for choice in choices}
    terms = Terms()
    prices = {
        " ∧ ".join(choice): price(
            book.deposits, [Level(1.0, a.p_safety_year)], terms, notional=book.open_interest
        ).document()
        for choice, a in assessed.items()
    }
    whole = assessed[choices[-1]]
    levels = [Level(1.0, whole.p_safety_year)]
    yearly = price(book.deposits, levels, terms, notional=book.open_interest)
    fund = Fund(claim_rates(whole.samples), claim=book.deposits, income=yearly.premium, years=10)
    value = at_the_money_call(book.last_price, book.volatility, days)
    option, until = option_price(value, book.last_price, days, levels, terms)
    rates = [float(row.rate) for row in market_data.read_funding(market_data.FUNDING)]
    return {
        "book": {
            "trades": book.trades,
            "open_interest": book.open_interest,
            "deposits": book.deposits,
            "last_price": book.last_price,
            "volatility": book.volatility,
        },
        "perpetual": prices,
        "funding_bps_year": sum(rates) / len(rates) * FUNDINGS_A_YEAR * BPS,
        "option": {
            "days": days,
            "value": value,
            "premium_bps_of_notional_year": option.bps(),
            "premium_until_expiry": until,
            "share_of_value": until / value,
        },
        "fund": {"size_for_ruin_of_1_percent_in_10_years": fund.size(0.01)},
    }


def main() -> None:
    """Print the report as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trades", type=Path, default=market_data.TRADES_2024)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--types", default="groth16,plonky2,sgx")
    parser.add_argument("--audited", action="store_true", help="as if every circuit had been audited")
    given = parser.parse_args()
    document = report(given.trades, given.count, given.types.split(","), audited=given.audited)
    print(json.dumps(document, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
