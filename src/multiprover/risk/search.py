"""The cheapest settlement policy that meets its targets.

For each tier of value a policy has alternatives: a set of types, and a delay. A false claim passes an
alternative when each of its types can be made to vouch for it, and no other type of the deployment shows the
conflict within the delay: each of those can be made to vouch too, or stays silent for longer than the delay
at some time of the year that the attacker chooses. What the search weighs against each other, a year:

- proving: every type that the policy uses proves every batch, and vouches on L1;
- loss: what an attacker can take through the tier before somebody reacts, times the probability that some
  alternative of the tier can be passed. Tiers are nested, so each adds what it lets out beyond the one below;
- delay: the value that waits, times the cost of capital, times the mean wait, over which types are up.

All probabilities are means over the evidence's uncertainty, of the exact joint distribution of the types'
levels (:mod:`multiprover.risk.joint`). Each tier is searched by branch and bound, with the best few kept; the
tiers are then joined so that more value never needs less (``multiprover.settlement.policy``). The result says
whether it is proved the cheapest.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from multiprover.risk.errors import DataError, TargetError
from multiprover.risk.joint import joint_levels
from multiprover.risk.system import Deployment, Outage, System, deploy
from multiprover.risk.tree import Floats
from multiprover.settlement.policy import (
    MAX_ALTERNATIVES,
    MAX_LIMIT_GWEI,
    MAX_TIERS,
    Alternative,
    Policy,
    Tier,
    distinct_weights,
)

Bools = npt.NDArray[np.bool_]
GWEI = 1e-9
DAY_S = 86_400
HOUR_S = 3_600


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TierDemand(_Part):
    """What a tier is for.

    Attributes:
        limit_gwei: greatest single value; ``None`` in the last tier only.
        flow_gwei_day: value that leaves through it a day.
        reach_gwei: what an attacker can take through it before somebody reacts; without it, a withdrawal of
            the limit in every slot until then, at most everything.
    """

    limit_gwei: Annotated[int, Field(ge=1, le=MAX_LIMIT_GWEI)] | None
    flow_gwei_day: Annotated[float, Field(ge=0)]
    reach_gwei: Annotated[float, Field(ge=0)] | None = None


class Market(_Part):
    """What is settled and what things cost. All are assumptions to replace; the defaults are round numbers.

    Attributes:
        value_gwei: all that the contract holds.
        tiers: rising in their limits.
        reaction_s: from the first false release until everything is frozen.
        batches_day, slots: how much is proved.
        capital_rate: cost of capital a year, of value that waits.
        eth_usd, gas_gwei, cpu_hour_usd: prices.
        delays_s: the delays that alternatives may have, beside none.
        vouch_s: an honest type vouches for a claim within this time, so shorter delays let nobody object.
        max_wait_s: a tier is available while some alternative of at most this delay has all its types up.
        halt_s: what a withdrawal waits when no alternative has all its types up.
    """

    value_gwei: Annotated[float, Field(gt=0)] = 50_000 * 1e9
    tiers: Annotated[tuple[TierDemand, ...], Field(min_length=1, max_length=MAX_TIERS)] = (
        TierDemand(limit_gwei=1 * 10**9, flow_gwei_day=100 * 1e9),
        TierDemand(limit_gwei=10 * 10**9, flow_gwei_day=400 * 1e9),
        TierDemand(limit_gwei=None, flow_gwei_day=500 * 1e9),
    )
    reaction_s: Annotated[float, Field(gt=0)] = 6 * HOUR_S
    batches_day: Annotated[float, Field(gt=0)] = 144
    slots: Annotated[int, Field(ge=1)] = 16
    capital_rate: Annotated[float, Field(ge=0)] = 0.1
    eth_usd: Annotated[float, Field(gt=0)] = 3000
    gas_gwei: Annotated[float, Field(ge=0)] = 1
    cpu_hour_usd: Annotated[float, Field(ge=0)] = 0.05
    delays_s: tuple[Annotated[int, Field(gt=0)], ...] = (HOUR_S, DAY_S, 7 * DAY_S, 30 * DAY_S)
    vouch_s: Annotated[float, Field(ge=0)] = 1800
    max_wait_s: Annotated[int, Field(ge=0)] = 7 * DAY_S
    halt_s: Annotated[float, Field(ge=0)] = 60 * DAY_S

    def reach(self) -> list[float]:
        """By tier, what can be taken through it, in gwei; never falling."""
        found: list[float] = []
        for tier in self.tiers:
            reach = tier.reach_gwei
            if reach is None:
                slots = self.slots * max(1.0, self.batches_day * self.reaction_s / DAY_S)
                reach = self.value_gwei if tier.limit_gwei is None else tier.limit_gwei * slots
            found.append(max(min(reach, self.value_gwei), found[-1] if found else 0.0))
        return found


class TypeCost(_Part):
    """What one type costs; ``source`` tells from where the figures are."""

    cpu_s_per_slot: Annotated[float, Field(ge=0)]
    gas_per_batch: Annotated[float, Field(ge=0)]
    source: str


class _Costs(_Part):
    format: Annotated[Literal["multiprover-costs/1"], Field(alias="schema")]
    types: dict[str, TypeCost]


def shipped_costs() -> dict[str, TypeCost]:
    """Figures of ``data/costs.json``: measured where a prover exists, else estimated, as each says."""
    text = (files("multiprover.risk") / "data" / "costs.json").read_text(encoding="utf-8")
    return _Costs.model_validate_json(text).types


def costs_from_bench(document: Mapping[str, Any], known: Mapping[str, TypeCost]) -> dict[str, TypeCost]:
    """``known`` with what a ``multiprover bench --json`` measured: CPU seconds a slot of a whole batch, the
    proof for L1 included where there is one, and the gas of a verification on L1.

    Raises:
        DataError: the document is not of that command.
    """
    costs = dict(known)
    try:
        measured = {
            name: (_cpu_s_per_slot(document, row), row.get("l1_gas"))
            for name, row in document["provers"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"bench: expected the document of `multiprover bench --json`, found none: {error!r}"
        ) from error
    for name, (seconds, verified) in measured.items():
        # A vouch without a proof on L1 has no such figure.
        gas = float(verified) if verified is not None else costs[name].gas_per_batch if name in costs else 0.0
        costs[name] = TypeCost(cpu_s_per_slot=seconds, gas_per_batch=gas, source="multiprover bench")
    return costs


def _cpu_s_per_slot(document: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    batch = row.get("batch_cpu_s")
    return float(row["cpu_s_per_slot"]) if batch is None else float(batch) / float(document["slots"])


def proving_eth_year(system: System, name: str, market: Market, costs: Mapping[str, TypeCost]) -> float:
    """ETH a year that one type costs, proving and vouching for every batch.

    Raises:
        DataError: nothing says what the type costs.
    """
    spec = system.types[name]
    if spec.cost_usd_batch is not None:
        batch = spec.cost_usd_batch / market.eth_usd
    elif name in costs:
        cost = costs[name]
        cpu_usd = cost.cpu_s_per_slot * market.slots / HOUR_S * market.cpu_hour_usd
        batch = cpu_usd / market.eth_usd + cost.gas_per_batch * market.gas_gwei * GWEI
    else:
        raise DataError(f"{name}: expected cost_usd_batch, or figures of the bench; found neither")
    return batch * market.batches_day * 365.25


@dataclass(frozen=True)
class Targets:
    """What a policy must meet.

    Attributes:
        loss: greatest probability, within a year, that a tier's alternatives are passed: expected loss by
            unit of what can be reached through it. ``None``: any. Common components, which no policy changes,
            are not in it.
        availability: least share of time in which each tier is available. ``None``: any.
        accepts_halt: the halt of one type may halt finality.
    """

    loss: float | None = None
    availability: float | None = None
    accepts_halt: bool = False


@dataclass(frozen=True)
class TierResult:
    """One tier of a policy found; costs in ETH a year."""

    alternatives: tuple[Alternative, ...]
    p_unsafe: float
    loss_eth: float
    delay_eth: float
    mean_wait_s: float
    availability: float

    @property
    def cost_eth(self) -> float:
        return self.loss_eth + self.delay_eth


@dataclass(frozen=True)
class Found:
    """A policy, and what it costs and risks.

    Attributes:
        exact: whether no policy of these types can be cheaper.
        p_common: what no policy changes.
    """

    policy: Policy
    types: tuple[str, ...]
    suites: tuple[str, ...]
    tiers: tuple[TierResult, ...]
    proving_eth: float
    p_common: float
    exact: bool

    @property
    def cost_eth(self) -> float:
        return self.proving_eth + sum(t.cost_eth for t in self.tiers)

    @property
    def loss_eth(self) -> float:
        return sum(t.loss_eth for t in self.tiers)

    def document(self) -> dict[str, Any]:
        """As JSON; ``policy`` is what the settlement contract takes."""
        return {
            "policy": self.policy.model_dump(mode="json"),
            "types": list(self.types),
            "suites": list(self.suites),
            "cost_eth_year": self.cost_eth,
            "proving_eth_year": self.proving_eth,
            "loss_eth_year": self.loss_eth,
            "delay_eth_year": sum(t.delay_eth for t in self.tiers),
            "p_common_year": self.p_common,
            "tiers": [
                {
                    "p_unsafe_year": t.p_unsafe,
                    "loss_eth_year": t.loss_eth,
                    "delay_eth_year": t.delay_eth,
                    "mean_wait_s": t.mean_wait_s,
                    "availability": t.availability,
                }
                for t in self.tiers
            ],
            "cheapest": self.exact,
        }


@dataclass(frozen=True)
class Point:
    """A policy in the Pareto picture."""

    types: tuple[str, ...]
    running_eth: float
    loss_eth: float
    availability: float
    efficient: bool


@dataclass(frozen=True)
class Search:
    """The outcome of a search: the cheapest policy, and the best of each choice of types."""

    best: Found
    by_types: tuple[Found, ...]

    def pareto(self) -> list[Point]:
        """Each choice of types by running cost, loss, availability; ``efficient``: none is better in all."""
        rows = [
            (f.types, f.cost_eth - f.loss_eth, f.loss_eth, min(t.availability for t in f.tiers))
            for f in self.by_types
        ]
        return [
            Point(
                types,
                running,
                loss,
                up,
                not any(
                    r <= running and x <= loss and u >= up and (r, x, u) != (running, loss, up)
                    for _, r, x, u in rows
                ),
            )
            for types, running, loss, up in rows
        ]


KEEP = (16, 64)
"""Best sets of alternatives kept for each tier: more, as long as the cheapest policy is not proved."""
MAX_NODES = 2_500
"""Most sets tried for one tier and one choice of types."""
SAMPLES = 128


def search(
    system: System,
    names: Sequence[str] | None = None,
    *,
    market: Market | None = None,
    targets: Targets | None = None,
    costs: Mapping[str, TypeCost] | None = None,
    seed: int = 8,
) -> Search:
    """The cheapest policy of some of these types.

    Raises:
        TargetError: none meets the targets; the message says which is missed, and the nearest.
        DataError: the market's tiers are not in order, or a type's cost is not known.
        UnknownComponentError: a type is not known.
    """
    market = market or Market()
    targets = targets or Targets()
    costs = costs if costs is not None else shipped_costs()
    _check_market(market)
    chosen = system.chosen(names)
    proving = {name: proving_eth_year(system, name, market, costs) for name in chosen}
    found: list[Found] = []
    misses: list[_Miss] = []
    choices = [c for k in range(1, len(chosen) + 1) for c in itertools.combinations(chosen, k)]
    for choice in sorted(choices, key=lambda c: sum(proving[name] for name in c)):
        # A type that is not used is not deployed, nor a suite that only it needs.
        problem = _Problem(deploy(system, choice, samples=SAMPLES, seed=seed), market)
        result = problem.solve(targets, sum(proving[name] for name in choice))
        if isinstance(result, _Miss):
            misses.append(result)
        else:
            found.append(result)
    if not found:
        raise TargetError(_reason(chosen, system.suites_of(chosen), targets, misses))
    return Search(min(found, key=lambda f: f.cost_eth), tuple(found))


def _check_market(market: Market) -> None:
    limits = [tier.limit_gwei for tier in market.tiers]
    bounded = [limit for limit in limits if limit is not None]
    if limits[-1] is not None or len(bounded) != len(limits) - 1 or bounded != sorted(set(bounded)):
        raise DataError(f"tiers: expected rising limits, and none (null) in the last only; found {limits}")
    if list(market.delays_s) != sorted(set(market.delays_s)):
        raise DataError(f"delays_s: expected rising delays, found {list(market.delays_s)}")


@dataclass(frozen=True)
class _Miss:
    """Why a choice of types has no policy: the best it can do."""

    cause: Literal["halt", "loss", "availability", "both"]
    types: tuple[str, ...]
    nearest: float


def _reason(chosen: Sequence[str], suites: Sequence[str], targets: Targets, misses: Sequence[_Miss]) -> str:
    by_cause = {cause: [m for m in misses if m.cause == cause] for cause in ("both", "loss", "availability")}
    if rows := by_cause["both"]:
        return (
            f"target: a policy of {', '.join(rows[0].types)} meets a yearly loss rate of {targets.loss:.3g}, "
            f"and another is available {targets.availability:.6g} of the time, but none does both; relax one"
        )
    if rows := by_cause["loss"]:
        nearest = min(rows, key=lambda m: m.nearest)
        return (
            f"target: expected a policy of {', '.join(chosen)} whose yearly loss rate is at most "
            f"{targets.loss:.3g} in every tier; the nearest, of {', '.join(nearest.types)}, "
            f"has {nearest.nearest:.3g}"
        )
    if rows := by_cause["availability"]:
        nearest = max(rows, key=lambda m: m.nearest)
        return (
            f"target: expected a policy of {', '.join(chosen)} that is available {targets.availability:.6g} "
            f"of the time in every tier; the nearest, of {', '.join(nearest.types)}, is {nearest.nearest:.6g}"
        )
    return (
        f"target: no policy of {', '.join(chosen)} (suites {', '.join(suites)}) survives the halt of any one "
        "type: without some type, no alternative commits to every suite; add a type, or accept the halt"
    )


@dataclass
class _Kept:
    """The best ``size`` sets found, worst first in the heap."""

    size: int
    rows: list[tuple[float, int, tuple[int, ...]]] = field(default_factory=list)
    count: int = 0

    def offer(self, cost: float, members: tuple[int, ...]) -> None:
        self.count += 1
        heapq.heappush(self.rows, (-cost, self.count, members))
        if len(self.rows) > self.size:
            heapq.heappop(self.rows)

    @property
    def bar(self) -> float:
        return -self.rows[0][0] if len(self.rows) == self.size else math.inf


class _Problem:
    """One choice of types: its candidate alternatives, and how they do together."""

    def __init__(self, deployment: Deployment, market: Market) -> None:
        self.deployment, self.market, self.suites = deployment, market, deployment.suites
        self.types = deployment.types
        n = len(self.types)
        self.unsafe_level = len(market.delays_s) + 1
        levels, self.probability = self._levels()
        self.up = self._up_sets()
        covers = {name: set(of_type) for name, of_type in self._covers().items()}
        self.masks: list[int] = []
        self.delays: list[int] = []
        events: list[Bools] = []
        for mask in range(1, 1 << n):
            members = [k for k in range(n) if mask >> k & 1]
            if set().union(*(covers[self.types[k]] for k in members)) < set(self.suites):
                continue
            others = [k for k in range(n) if not mask >> k & 1]
            for position, delay in enumerate((0, *market.delays_s)):
                if position and not others:
                    continue  # nobody is left to object: a delay gains nothing
                silent = position if delay > market.vouch_s else 0
                passed = (levels[members] == self.unsafe_level).all(axis=0)
                passed &= (levels[others] >= silent).all(axis=0)
                self.masks.append(mask)
                self.delays.append(delay)
                events.append(passed)
        self.events = np.array(events)
        masks, delays = np.array(self.masks), np.array(self.delays)
        ups = np.arange(1 << n)
        live = (masks[:, None] & ups[None, :]) == masks[:, None]
        self.waits = np.where(live, delays[:, None], market.halt_s)
        self.quick = live & (delays[:, None] <= market.max_wait_s)
        self.avoids = np.array([[not mask >> k & 1 for mask in masks] for k in range(n)])
        subset = (masks[:, None] & masks[None, :]) == masks[:, None]
        same = masks[:, None] == masks[None, :]
        strict = subset & ~same
        # Within a tier: no set twice, and no superset that waits longer.
        self.clash = same | (strict & (delays[None, :] > delays[:, None]))
        self.clash |= self.clash.T
        # Between tiers: which candidates of the tier below let this one's vouches through.
        self.below = subset & (delays[:, None] <= delays[None, :])

    def _levels(self) -> tuple[npt.NDArray[np.int_], Floats]:
        """Every state (a level for each type) with its mean probability; impossible ones left out."""
        deployment, market = self.deployment, self.market
        index = {name: k for k, name in enumerate(self.types)}
        causes = []
        for component, members in deployment.members.items():
            unsafe = np.broadcast_to(deployment.unsafe[component], (deployment.samples,))
            silent = [
                _longer(
                    deployment.outages[component], max(0.0, d - market.vouch_s) / HOUR_S, deployment.samples
                )
                for d in market.delays_s
            ]
            at_least = [np.ones(deployment.samples), *silent, np.zeros(deployment.samples)]
            rows = [(1 - unsafe) * (a - b) for a, b in itertools.pairwise(at_least)]
            causes.append(([index[m] for m in members], np.stack([*rows, unsafe])))
        joint = joint_levels(len(self.types), causes, deployment.samples).mean(axis=-1)
        states = np.indices(joint.shape).reshape(len(self.types), -1)
        probability = joint.ravel()
        possible = probability > 0
        return states[:, possible], probability[possible]

    def _up_sets(self) -> Floats:
        """Mean probability at a moment that exactly these types are up, by their bits."""
        deployment = self.deployment
        n = len(self.types)
        index = {name: k for k, name in enumerate(self.types)}
        causes = []
        for component, members in deployment.members.items():
            down = deployment.down(component)
            causes.append(([index[m] for m in members], np.stack([1 - down, down])))
        joint = joint_levels(n, causes, deployment.samples).mean(axis=-1)
        # Axis k is type k, 0 = up; bit k of the result's index is to be 1 where type k is up.
        flipped = joint[(slice(None, None, -1),) * n]
        return np.asarray(flipped.transpose(range(n - 1, -1, -1)).ravel())

    def solve(self, targets: Targets, proving_eth: float) -> Found | _Miss:
        market = self.market
        if not targets.accepts_halt and not self.avoids.any(axis=1).all():
            return _Miss("halt", self.types, 0.0)
        reach = market.reach()
        stakes = [(b - a) * GWEI for a, b in itertools.pairwise([0.0, *reach])]
        flows = [tier.flow_gwei_day * GWEI * market.capital_rate / DAY_S for tier in market.tiers]
        for size in KEEP:
            kept, complete = [], True
            for stake, flow in zip(stakes, flows, strict=True):
                rows, done = self._tier(stake, flow, targets, size)
                kept.append(rows)
                complete &= done
            if not all(k.rows for k in kept):
                return self._miss(targets)
            chain, cost = self._chain(kept, stakes, flows)
            # Proved the cheapest if even one set beyond those kept could not make up for it.
            floors = [min(-row[0] for row in k.rows) for k in kept]
            bound = min(sum(floors) - floor + k.bar for floor, k in zip(floors, kept, strict=True))
            exact = complete and cost <= bound * (1 + 1e-12)
            if exact or not complete:
                break
        tiers = tuple(
            self._result(members, stake, tier)
            for members, stake, tier in zip(chain, stakes, market.tiers, strict=True)
        )
        weights = distinct_weights(sorted(self.types, key=lambda name: -self._alone(name)))
        policy = Policy(
            tiers=tuple(
                Tier(limit_gwei=demand.limit_gwei, alternatives=t.alternatives)
                for demand, t in zip(market.tiers, tiers, strict=True)
            ),
            weights={name: weights[name] for name in self.types},
            accepts_halt=targets.accepts_halt,
        )
        policy.check(self._covers(), self.suites)
        common = 1 - np.prod([1 - self.deployment.unsafe[c] for c in self.deployment.common], axis=0)
        return Found(
            policy=policy,
            types=self.types,
            suites=self.suites,
            tiers=tiers,
            proving_eth=proving_eth,
            p_common=float(np.mean(common)) if self.deployment.common else 0.0,
            exact=exact,
        )

    def _covers(self) -> dict[str, tuple[str, ...]]:
        return {name: self.deployment.system.types[name].suites or self.suites for name in self.types}

    def _alone(self, name: str) -> float:
        parts = [self.deployment.unsafe[c] for c, m in self.deployment.members.items() if name in m]
        return float(np.mean(1 - np.prod([1 - p for p in parts], axis=0)))

    def _tier(self, stake: float, wait: float, targets: Targets, size: int) -> tuple[_Kept, bool]:
        """The best sets of alternatives of one tier: branch and bound, depth first.

        ``stake``: ETH lost if it is passed; ``wait``: ETH a year for a second of mean delay.
        """
        kept = _Kept(size)
        limit = targets.loss if targets.loss is not None else math.inf
        need_up = targets.availability or 0.0
        single = self.events @ self.probability
        order = np.argsort(single, kind="stable")
        nodes = 0
        nothing = np.zeros(self.events.shape[1], dtype=bool)
        halted = np.full(self.waits.shape[1], self.market.halt_s)
        stack: list[tuple[tuple[int, ...], npt.NDArray[np.int_], Bools, float, Floats]] = [
            ((), order, nothing, 0.0, halted)
        ]
        while stack:
            members, rest, passed, p, waits = stack.pop()
            nodes += 1
            if nodes > MAX_NODES:
                return kept, False
            avoided = [bool(self.avoids[k, list(members)].any()) for k in range(len(self.types))]
            unmet = [] if targets.accepts_halt else [k for k, met in enumerate(avoided) if not met]
            quick = self.quick[list(members)].any(axis=0) if members else np.zeros(len(self.up), dtype=bool)
            if members and not unmet and float(self.up @ quick) >= need_up and p <= limit:
                kept.offer(stake * p + wait * float(self.up @ waits), members)
            if len(members) == MAX_ALTERNATIVES or not len(rest):
                continue
            added = self.events[rest] @ np.where(passed, 0.0, self.probability)
            rest, added = rest[added + p <= limit], added[added + p <= limit]
            children = []
            # In order of their own probability; a child may be followed by those after it only.
            least = (
                np.minimum.accumulate(self.waits[rest][::-1], axis=0)[::-1] if len(rest) else self.waits[rest]
            )
            quickest = np.logical_or.accumulate(self.quick[rest][::-1], axis=0)[::-1] if len(rest) else rest
            for position in range(len(rest)):
                later = rest[position:]
                if any(not self.avoids[k, later].any() for k in unmet):
                    break
                if float(self.up @ (quick | quickest[position])) < need_up:
                    break
                floor = max(
                    [float(added[position])]
                    + [float(added[position:][self.avoids[k, later]].min()) for k in unmet]
                )
                bound = stake * (p + floor) + wait * float(self.up @ np.minimum(waits, least[position]))
                if bound >= kept.bar:
                    continue
                candidate = int(rest[position])
                following = rest[position + 1 :]
                children.append(
                    (
                        (*members, candidate),
                        following[~self.clash[candidate, following]],
                        passed | self.events[candidate],
                        p + float(added[position]),
                        np.minimum(waits, self.waits[candidate]),
                    )
                )
            stack.extend(reversed(children))
        return kept, True

    def _chain(
        self, kept: Sequence[_Kept], stakes: Sequence[float], flows: Sequence[float]
    ) -> tuple[list[tuple[int, ...]], float]:
        """The cheapest choice of one kept set a tier, such that more value never needs less.

        Any tier may take a set that was kept for another, so that there is a choice: the same in all.
        """
        pool = sorted({members for k in kept for _, _, members in k.rows})
        p = [float(self.probability[self.events[list(m)].any(axis=0)].sum()) for m in pool]
        waits = [float(self.up @ self.waits[list(m)].min(axis=0)) for m in pool]
        fits = np.array(
            [[bool(self.below[np.ix_(low, high)].any(axis=0).all()) for high in pool] for low in pool]
        )
        total = np.zeros(len(pool))
        back: list[npt.NDArray[np.intp]] = []
        for number, (stake, flow) in enumerate(zip(stakes, flows, strict=True)):
            own = stake * np.array(p) + flow * np.array(waits)
            if number:
                reachable = np.where(fits, total[:, None], math.inf)
                back.append(reachable.argmin(axis=0))
                total = reachable.min(axis=0) + own
            else:
                total = own
        last = int(total.argmin())
        chain = [last]
        for step in reversed(back):
            chain.append(int(step[chain[-1]]))
        return [pool[i] for i in reversed(chain)], float(total[last])

    def _result(self, members: tuple[int, ...], stake: float, demand: TierDemand) -> TierResult:
        passed = self.events[list(members)].any(axis=0)
        p = float(self.probability[passed].sum())
        wait = float(self.up @ self.waits[list(members)].min(axis=0))
        return TierResult(
            alternatives=tuple(
                Alternative(
                    types=tuple(t for k, t in enumerate(self.types) if self.masks[i] >> k & 1),
                    delay_s=self.delays[i],
                )
                for i in sorted(members, key=lambda i: (self.delays[i], -self.masks[i].bit_count()))
            ),
            p_unsafe=p,
            loss_eth=stake * p,
            delay_eth=demand.flow_gwei_day * GWEI * self.market.capital_rate * wait / DAY_S,
            mean_wait_s=wait,
            availability=float(self.up @ self.quick[list(members)].any(axis=0)),
        )

    def _miss(self, targets: Targets) -> _Miss:
        """Why nothing was found: the least loss there is, else the best availability, else both together."""
        if targets.loss is not None:
            free = Targets(accepts_halt=targets.accepts_halt)
            safest, _ = self._tier(1.0, 0.0, free, 1)
            if (nearest := -safest.rows[0][0]) > targets.loss:
                return _Miss("loss", self.types, nearest)
        best = float(self.up @ self.quick.any(axis=0))
        if targets.availability is not None and best < targets.availability:
            return _Miss("availability", self.types, best)
        return _Miss("both", self.types, 0.0)


def _longer(outages: Sequence[Outage], hours: float, samples: int) -> Floats:
    """Probability of an outage of any of these causes, within a year, that lasts longer."""
    none = np.ones(samples)
    for outage in outages:
        none = none * (1 - outage.longer_than(hours))
    return 1 - none
