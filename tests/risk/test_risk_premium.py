"""Prices by hand and by closed form; the fund's ruin exactly, by formula, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from multiprover.risk.errors import ProbabilityError, RiskError
from multiprover.risk.premium import (
    Fund,
    Level,
    Terms,
    claim_rates,
    expected_shortfall,
    levels_of,
    option_price,
    price,
)
from multiprover.risk.search import search
from multiprover.risk.system import parse_system

TERMS = Terms(loading=0.25, capital_rate=0.08, shortfall_level=0.99, severity=0.5)


def test_a_price_by_hand() -> None:
    """A million at risk, half of it lost for good, once in 200 years; the worst 1 % of years: a quarter."""
    got = price(1e6, [Level(1.0, 0.005)], TERMS, notional=1e7)
    assert got.expected_loss == pytest.approx(2500)
    assert got.loading == pytest.approx(625)
    assert got.expected_shortfall == pytest.approx(250_000)
    assert got.capital_charge == pytest.approx(0.08 * (250_000 - 2500))
    assert got.bps() == pytest.approx((2500 + 625 + 19_800) / 1e7 * 1e4)


def test_expected_shortfall_of_several_losses() -> None:
    levels = [Level(0.1, 0.02), Level(1.0, 0.004)]
    assert expected_shortfall(levels, 0.99) == pytest.approx((0.004 * 1 + 0.006 * 0.1) / 0.01)
    assert expected_shortfall(levels, 0.9) == pytest.approx((0.004 * 1 + 0.02 * 0.1) / 0.1)
    assert expected_shortfall(levels, 0.0) == pytest.approx(0.004 + 0.002)  # the mean
    rng = np.random.default_rng(2)
    draws = np.sort(rng.choice([0, 0.1, 1.0], p=[0.976, 0.02, 0.004], size=1_000_000))
    assert expected_shortfall(levels, 0.99) == pytest.approx(draws[-10_000:].mean(), rel=0.02)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(1, 1e9),
    st.floats(1, 1e9),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 0.999),
    st.floats(0, 1),
)
def test_more_at_risk_or_more_likely_never_costs_less(
    a: float, b: float, p: float, q: float, level: float, severity: float
) -> None:
    terms = Terms(shortfall_level=level, severity=severity)
    a, b, p, q = *sorted((a, b)), *sorted((p, q))
    low, high = price(a, [Level(1, p)], terms, notional=1e9), price(b, [Level(1, p)], terms, notional=1e9)
    assert high.premium >= low.premium * (1 - 1e-12)
    # Twice as much costs twice as much.
    assert price(2 * a, [Level(1, p)], terms).bps() == pytest.approx(price(a, [Level(1, p)], terms).bps())
    # More likely costs more, where the capital's cost is below the loading's base.
    assume(terms.capital_rate <= 1 + terms.loading)
    assert price(a, [Level(1, q)], terms).premium >= price(a, [Level(1, p)], terms).premium * (1 - 1e-9)


def test_an_option() -> None:
    """What its holder can lose is the option's value; basis points are of the underlying's notional."""
    yearly, until = option_price(50.0, 1000.0, 73.0, [Level(1.0, 0.02)], Terms(loading=0, capital_rate=0))
    assert yearly.bps() == pytest.approx(50 * 0.02 / 1000 * 1e4)
    assert until == pytest.approx(50 * 0.02 / 5)
    with pytest.raises(RiskError, match="days"):
        option_price(50.0, 1000.0, 0, [Level(1.0, 0.02)])


@pytest.mark.parametrize("amount", [0, -1, math.inf, math.nan])
def test_amounts_that_are_none(amount: float) -> None:
    with pytest.raises(RiskError, match="positive"):
        price(amount, [Level(1, 0.1)])
    with pytest.raises(RiskError, match="notional"):
        price(1.0, [Level(1, 0.1)], notional=amount)


def test_terms_and_levels_that_are_none() -> None:
    with pytest.raises(ProbabilityError, match="probability of a loss"):
        Level(0.5, 1.1)
    with pytest.raises(ProbabilityError, match="share of a loss"):
        Level(-0.5, 0.1)
    with pytest.raises(ProbabilityError, match="sum to at most 1"):
        expected_shortfall([Level(1, 0.7), Level(0.5, 0.7)], 0.9)
    with pytest.raises(RiskError, match="shortfall"):
        Terms(shortfall_level=1.0)
    with pytest.raises(RiskError, match="loading"):
        Terms(loading=-0.1)
    with pytest.raises(ProbabilityError, match="severity"):
        Terms(severity=2)


def test_losses_of_a_policy() -> None:
    made = parse_system(
        {
            "schema": "multiprover-risk/1",
            "types": [
                {"name": n, "components": [n], "cost_usd_batch": 0.1, "suites": ["s"]} for n in ("x", "y")
            ],
            "components": [
                {"id": "x", "p_year": 0.1, "p_down": 0.01},
                {"id": "y", "p_year": 0.2, "p_down": 0.01},
                {"id": "l1", "p_year": 0.01},
            ],
            "common": ["l1"],
        },
        "made up",
    )
    best = search(made).best
    levels = levels_of(best, [10, 20, 100], 100)
    total = sum(row.probability for row in levels)
    assert total == pytest.approx(1 - (1 - 0.01) * (1 - best.tiers[0].p_unsafe))
    assert [row.share for row in levels] == [0.1, 0.2, 1.0, 1.0]
    assert levels[-1].probability == pytest.approx(0.01)


def ruin_for_ever(start: float, rate: float, claim: float, income: float) -> float:
    """Of a compound Poisson process with one size of claim, over infinite time (Takács 1967; Asmussen and
    Albrecher, Ruin Probabilities, IV.2)."""
    total = 0.0
    for k in range(math.floor(start / claim) + 1):
        x = rate * (start - k * claim) / income
        total += math.exp(x) * (-x) ** k / math.factorial(k)
    return 1 - (1 - rate * claim / income) * total


@pytest.mark.parametrize("start", [0, 0.5, 1, 1.5, 2.7])
def test_ruin_comes_to_the_formula_for_infinite_time(start: float) -> None:
    fund = Fund(np.array([0.3]), claim=1.0, income=0.6, years=300)
    assert fund.ruin(start) == pytest.approx(ruin_for_ever(start, 0.3, 1.0, 0.6), abs=1e-9)


def test_ruin_without_income_is_a_count_of_claims() -> None:
    fund = Fund(np.array([0.2]), claim=1.0, income=0.0, years=5)
    assert fund.ruin(0) == pytest.approx(1 - math.exp(-1))
    assert fund.ruin(2.5) == pytest.approx(1 - math.exp(-1) * (1 + 1 + 0.5))
    assert fund.ruin(-1) == 1.0


@pytest.mark.parametrize("start", [0.0, 0.4, 1.0, 1.6])
def test_ruin_is_what_a_simulation_says(start: float) -> None:
    fund = Fund(np.array([0.02, 0.1, 0.3]), claim=1.0, income=0.11, years=10)
    share, error = fund.simulated_ruin(start, paths=100_000, seed=4)
    assert abs(share - fund.ruin(start)) < 4 * error
    assert 0.02 < share < 0.9  # so that the comparison says something
    assert fund.simulated_ruin(start, paths=1000, seed=4) == fund.simulated_ruin(start, paths=1000, seed=4)


@pytest.mark.parametrize("target", [0.3, 0.1, 0.01, 0.001])
def test_the_fund_is_no_larger_than_it_must_be(target: float) -> None:
    fund = Fund(np.array([0.02, 0.1, 0.3]), claim=7.0, income=0.8, years=10)
    size = fund.size(target)
    assert fund.ruin(size) <= target + 1e-9
    assert size == 0 or fund.ruin(size - 0.001) > target


def test_a_fund_that_is_none() -> None:
    for change in ({"claim": 0.0}, {"years": 0.0}, {"income": -1.0}, {"rate": np.array([-0.1])}):
        with pytest.raises(RiskError, match="fund"):
            Fund(**({"rate": np.array([0.1]), "claim": 1.0, "income": 0.1, "years": 1.0} | change))  # type: ignore[arg-type]
    for target in (0.0, 1.0, math.nan):
        with pytest.raises(ProbabilityError, match="target"):
            Fund(np.array([0.1]), 1.0, 0.1, 1.0).size(target)


def test_rates_of_claims_keep_the_mean() -> None:
    p = np.random.default_rng(5).beta(2, 20, 5000)
    rates = claim_rates(p)
    assert len(rates) == 64
    assert rates.mean() == pytest.approx(-np.log1p(-p).mean(), rel=0.01)
    assert claim_rates(np.array([0.1])) == pytest.approx([-math.log(0.9)])
