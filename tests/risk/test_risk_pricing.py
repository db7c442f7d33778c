"""The example: real trades and funding become prices."""

from __future__ import annotations

import math

import pytest

from examples.perpetuals import market_data, pricing
from examples.perpetuals.scenario import ACCOUNTS, DEPOSIT


def test_prices_of_real_trades() -> None:
    got = pricing.report(market_data.TRADES_2023, 300, ["groth16", "plonky2", "sgx"])
    book = got["book"]
    assert book["trades"] == 300
    assert book["deposits"] == ACCOUNTS * DEPOSIT / 10**6
    assert 28_000 < book["last_price"] < 28_300  # BTCUSDT on 4 April 2023
    assert 0.02 < book["volatility"] < 2
    bps = [row["premium_bps"] for row in got["perpetual"].values()]
    assert list(got["perpetual"]) == ["groth16", "groth16 ∧ plonky2", "groth16 ∧ plonky2 ∧ sgx"]
    assert bps == sorted(bps, reverse=True)
    # What could be lost is what was deposited, whatever the open interest.
    row = got["perpetual"]["groth16"]
    assert row["value_at_risk"] == book["deposits"]
    assert row["premium"] == pytest.approx(row["premium_bps"] * book["open_interest"] / 1e4)
    assert got["option"]["share_of_value"] < 0.1
    assert got["fund"]["size_for_ruin_of_1_percent_in_10_years"] > 0
    rates = [float(r.rate) for r in market_data.read_funding(market_data.FUNDING)]
    assert got["funding_bps_year"] == pytest.approx(sum(rates) / 4 * 1e4, rel=0.01)  # four years of them


def test_open_interest_by_hand() -> None:
    """Three trades, from the file: positions of the accounts that the scenario picks."""
    scale = market_data.scale_of(market_data.TRADES_2023)
    trades = [
        t for _, t in zip(range(1), market_data.read_trades(market_data.TRADES_2023, scale), strict=False)
    ]
    book = pricing.play(market_data.TRADES_2023, 1)
    assert book.open_interest == pytest.approx(trades[0].size * trades[0].price / scale.units)
    assert book.volatility == 0


def test_a_call_is_worth_its_closed_form() -> None:
    """For a small spread s, spot · s / sqrt(2 π) (Brenner and Subrahmanyam, 1988)."""
    spread = 0.5 * math.sqrt(30 / 365)
    assert pricing.at_the_money_call(100, 0.5, 30) == pytest.approx(
        100 * spread / math.sqrt(2 * math.pi), rel=1e-2
    )
