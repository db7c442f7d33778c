"""What the remaining risk costs: premium, capital, and the insurance fund.

A year's loss is one of a few amounts: what an attacker reaches through the highest tier passed, or everything
where something common fails. The premium is the expected loss with a loading, and the cost of the capital
that stands for the worst years: the expected shortfall at a stated level beyond the expected loss (Acerbi and
Tasche, "On the coherence of expected shortfall", 2002). Probabilities are predictive: means over the
evidence's uncertainty, which is what an expectation needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from multiprover.risk.errors import ProbabilityError, RiskError
from multiprover.risk.search import Found
from multiprover.risk.tree import Floats

BPS = 1e4
YEAR_DAYS = 365.0


@dataclass(frozen=True)
class Level:
    """A possible loss of a year.

    Attributes:
        share: of the value at risk that is lost, 0 to 1.
        probability: of just this loss within a year.
    """

    share: float
    probability: float

    def __post_init__(self) -> None:
        for name, value in (("share", self.share), ("probability", self.probability)):
            if not 0 <= value <= 1:
                raise ProbabilityError(f"{name} of a loss: expected within [0, 1], found {value}")


@dataclass(frozen=True)
class Terms:
    """How risk becomes a price.

    Attributes:
        loading: on the expected loss, for expenses and profit.
        capital_rate: cost of risk capital a year.
        shortfall_level: of the expected shortfall that capital must cover, within [0, 1).
        severity: share of what is reached that is lost for good, after recovery.
    """

    loading: float = 0.2
    capital_rate: float = 0.1
    shortfall_level: float = 0.99
    severity: float = 1.0

    def __post_init__(self) -> None:
        if self.loading < 0 or self.capital_rate < 0:
            raise RiskError(
                f"terms: expected a loading and a capital rate of 0 or more, "
                f"found {self.loading} and {self.capital_rate}"
            )
        if not 0 <= self.shortfall_level < 1:
            raise RiskError(f"shortfall level: expected within [0, 1), found {self.shortfall_level}")
        if not 0 <= self.severity <= 1:
            raise ProbabilityError(f"severity: expected within [0, 1], found {self.severity}")


@dataclass(frozen=True)
class Price:
    """A year's premium, in the unit of the value at risk, and in basis points of ``notional``."""

    notional: float
    value_at_risk: float
    expected_loss: float
    loading: float
    capital_charge: float
    expected_shortfall: float

    @property
    def premium(self) -> float:
        return self.expected_loss + self.loading + self.capital_charge

    def bps(self, amount: float | None = None) -> float:
        """``amount``, or the whole premium, in basis points of the notional a year."""
        return (self.premium if amount is None else amount) / self.notional * BPS

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "notional": self.notional,
            "value_at_risk": self.value_at_risk,
            "premium_bps": self.bps(),
            "expected_loss_bps": self.bps(self.expected_loss),
            "loading_bps": self.bps(self.loading),
            "capital_charge_bps": self.bps(self.capital_charge),
            "premium": self.premium,
            "expected_shortfall": self.expected_shortfall,
        }


def levels_of(found: Found, reach: Sequence[float], value: float) -> list[Level]:
    """The losses that a policy leaves, by ``reach`` of each tier; the common components lose everything."""
    passed = [found.p_common + (1 - found.p_common) * t.p_unsafe for t in found.tiers]
    shares = [min(r / value, 1.0) for r in reach]
    # Higher tiers need no less than lower ones, so passing one means having passed all below.
    rows = [
        Level(share, max(0.0, p - further))
        for share, p, further in zip(shares, passed, [*passed[1:], found.p_common], strict=True)
    ]
    return [*rows, Level(1.0, found.p_common)]


def expected_shortfall(levels: Sequence[Level], level: float) -> float:
    """Mean share lost in the worst ``1 - level`` of years.

    Raises:
        ProbabilityError: the probabilities sum to more than 1.
    """
    total = sum(row.probability for row in levels)
    if total > 1 + 1e-12:
        raise ProbabilityError(f"losses: expected probabilities that sum to at most 1, found {total}")
    left, mean = 1 - level, 0.0
    for row in sorted(levels, key=lambda row: -row.share):
        part = min(row.probability, left)
        mean += part * row.share
        left -= part
    return mean / (1 - level)


def price(
    value_at_risk: float,
    levels: Sequence[Level],
    terms: Terms | None = None,
    *,
    notional: float | None = None,
) -> Price:
    """The premium of a year.

    Args:
        value_at_risk: what a false state could take: a perpetual's collateral, an option's value.
        notional: what basis points are of; the value at risk if not given.

    Raises:
        RiskError: the value or the notional is not positive.
        ProbabilityError: the levels are no distribution.
    """
    terms = terms or Terms()
    notional = value_at_risk if notional is None else notional
    for name, amount in (("value at risk", value_at_risk), ("notional", notional)):
        if not (amount > 0 and math.isfinite(amount)):
            raise RiskError(f"{name}: expected a positive amount, found {amount}")
    stake = value_at_risk * terms.severity
    expected = stake * sum(row.share * row.probability for row in levels)
    shortfall = stake * expected_shortfall(levels, terms.shortfall_level)
    return Price(
        notional=notional,
        value_at_risk=value_at_risk,
        expected_loss=expected,
        loading=terms.loading * expected,
        capital_charge=terms.capital_rate * max(0.0, shortfall - expected),
        expected_shortfall=shortfall,
    )


def option_price(
    value: float, notional: float, days: float, levels: Sequence[Level], terms: Terms | None = None
) -> tuple[Price, float]:
    """What an option's holder should pay for the risk that a false state takes the option.

    Args:
        value: the option's market value, its premium: what its holder would lose.
        notional: of the underlying; basis points are of it, a year.
        days: to expiry.

    Returns:
        the price of a year, and what it comes to until expiry, in the unit of ``value``.

    Raises:
        RiskError: an amount or the days are not positive.
    """
    if not days > 0:
        raise RiskError(f"days: expected a positive number, found {days}")
    yearly = price(value, levels, terms, notional=notional)
    return yearly, yearly.premium * days / YEAR_DAYS


def claim_rates(probabilities: Floats, most: int = 64) -> Floats:
    """Claims a year from samples of the probability of one: at most ``most``, the middles of equal parts."""
    ordered = np.sort(np.atleast_1d(probabilities))
    if len(ordered) > most:
        ordered = np.quantile(ordered, (np.arange(most) + 0.5) / most)
    return np.asarray(-np.log1p(-np.minimum(ordered, 1 - 1e-12)))


@dataclass(frozen=True)
class Fund:
    """An insurance fund that pays a claim each time and earns the premiums.

    Attributes:
        rate: claims a year; several samples where it is uncertain, each as likely.
        claim: what one claim costs.
        income: what comes in a year.
        years: for how long it must last.
    """

    rate: Floats
    claim: float
    income: float
    years: float

    def __post_init__(self) -> None:
        if not (self.claim > 0 and self.years > 0 and self.income >= 0) or (np.asarray(self.rate) < 0).any():
            raise RiskError(
                "fund: expected a positive claim and time, and no negative income or rate; found "
                f"claim {self.claim}, {self.years} years, income {self.income}, "
                f"least rate {np.min(self.rate)}"
            )

    def ruin(self, start: float) -> float:
        """Probability that the fund is ever below 0, exactly.

        Claim ``k`` ruins it where it comes before ``t_k = (k claim - start) / income``. So it lasts where at
        each ``t_k`` at most ``k - 1`` claims have come: a walk over those times, with Poisson steps.
        """
        rate = np.atleast_1d(np.asarray(self.rate, dtype=np.float64))
        if start < 0:
            return 1.0
        free = math.floor(start / self.claim + 1e-12)
        times: list[float] = []
        k = free + 1
        while self.income > 0 and (due := (k * self.claim - start) / self.income) < self.years:
            times.append(due)
            k += 1
        states: Floats = np.zeros((k, len(rate)))
        states[0] = 1
        before = 0.0
        for allowed, due in enumerate([*times, self.years], start=free):
            steps = np.asarray(stats.poisson.pmf(np.arange(k)[:, None], rate[None, :] * (due - before)))
            moved = np.zeros_like(states)
            for n in range(allowed + 1):
                moved[n] = (states[: n + 1] * steps[n::-1]).sum(axis=0)
            states, before = moved, due
        return float(1 - states.sum(axis=0).mean())

    def simulated_ruin(self, start: float, *, paths: int = 100_000, seed: int = 8) -> tuple[float, float]:
        """The same by simulation, and its standard error."""
        rng = np.random.default_rng(seed)
        rate = rng.choice(np.atleast_1d(np.asarray(self.rate, dtype=np.float64)), size=paths)
        now = np.zeros(paths)
        ruined = np.zeros(paths, dtype=bool)
        claims = 0
        alive = rate > 0
        while alive.any():
            with np.errstate(divide="ignore"):
                now = now + rng.exponential(1.0, paths) / rate
            claims += 1
            alive &= now <= self.years
            short = start + self.income * now - claims * self.claim < -1e-9 * self.claim
            ruined |= alive & short
            alive &= ~short
        share = float(ruined.mean())
        return share, math.sqrt(max(share * (1 - share), 1 / paths) / paths)

    def size(self, target: float) -> float:
        """The least start with a probability of ruin of at most ``target``.

        Raises:
            ProbabilityError: the target is not within (0, 1).
        """
        if not 0 < target < 1:
            raise ProbabilityError(f"ruin: expected a target within (0, 1), found {target}")
        if self.ruin(0.0) <= target:
            return 0.0
        top = self.claim
        while self.ruin(top) > target:
            top *= 2
        # Ruin falls in steps where another claim can be paid at once, and smoothly between them.
        whole = next(n for n in range(math.ceil(top / self.claim) + 1) if self.ruin(n * self.claim) <= target)
        low, high = (whole - 1) * self.claim, whole * self.claim
        if self.ruin(high - 1e-9 * self.claim) > target:
            return high
        return float(optimize.brentq(lambda u: self.ruin(u) - target, low, high - 1e-9 * self.claim))
