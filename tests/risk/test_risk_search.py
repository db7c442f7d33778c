"""Policy search: against every policy there is, what settlement takes, and targets that cannot be met."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from multiprover.risk.errors import DataError, TargetError, UnknownComponentError
from multiprover.risk.search import (
    DAY_S,
    HOUR_S,
    Market,
    Targets,
    TierDemand,
    TypeCost,
    _Problem,
    costs_from_bench,
    proving_eth_year,
    search,
    shipped_costs,
)
from multiprover.risk.system import System, deploy, parse_system, shipped_system
from multiprover.settlement.policy import Policy, PolicyError, distinct_weights

ETH = 10**9


def system(**changes: Any) -> System:
    """Three types with a library and an operator shared by two; ``c`` commits to every suite."""
    document: dict[str, Any] = {
        "schema": "multiprover-risk/1",
        "types": [
            {"name": "a", "components": ["a1", "lib"], "suites": ["s"], "cost_usd_batch": 0.5},
            {"name": "b", "components": ["b1", "lib"], "suites": ["s"], "cost_usd_batch": 0.2},
            {"name": "c", "components": ["c1"], "cost_usd_batch": 0.1},
        ],
        "components": [
            {"id": "a1", "p_year": 0.01, "p_down": 0.02, "outage_h": 60},
            {"id": "b1", "p_year": 0.03, "p_down": 0.01, "outage_h": 20},
            {"id": "c1", "p_year": 0.08, "p_down": 0.03, "outage_h": 100},
            {"id": "lib", "p_year": 0.004, "p_down": 0.001, "outage_h": 200},
        ],
    }
    return parse_system(document | changes, "made up")


MARKET = Market(
    value_gwei=20_000 * ETH,
    tiers=(
        TierDemand(limit_gwei=ETH, flow_gwei_day=200 * ETH),
        TierDemand(limit_gwei=None, flow_gwei_day=800 * ETH),
    ),
    delays_s=(DAY_S,),
)


def exhaustive(problem: _Problem, targets: Targets, market: Market) -> float:
    """The cost, without proving, of the cheapest policy among all there are."""
    count = len(problem.masks)
    reach = market.reach()
    stakes = [(b - a) * 1e-9 for a, b in itertools.pairwise([0.0, *reach])]
    covers = {name: problem.deployment.system.types[name].suites for name in problem.types}
    tiers: list[list[tuple[float, Any]]] = []
    for stake, demand in zip(stakes, market.tiers, strict=True):
        rows = []
        for size in range(1, 5):
            for members in itertools.combinations(range(count), size):
                result = problem._result(members, stake, demand)
                if targets.loss is not None and result.p_unsafe > targets.loss:
                    continue
                if targets.availability is not None and result.availability < targets.availability:
                    continue
                tier = {
                    "limit_gwei": None,
                    "alternatives": [a.model_dump() for a in result.alternatives],
                }
                whole = Policy.model_validate({"tiers": [tier], "weights": distinct_weights(problem.types)})
                try:
                    whole.check(covers, problem.suites)
                except PolicyError:
                    continue
                rows.append((result.cost_eth, tier))
        tiers.append(rows)
    best = float("inf")
    for low, high in itertools.product(*tiers):
        if low[0] + high[0] >= best:
            continue
        both = Policy.model_validate(
            {"tiers": [low[1] | {"limit_gwei": ETH}, high[1]], "weights": distinct_weights(problem.types)}
        )
        try:
            both.check(covers, problem.suites)
        except PolicyError:
            continue
        best = low[0] + high[0]
    return best


@pytest.mark.parametrize("targets", [Targets(), Targets(loss=0.09), Targets(availability=0.999)])
def test_the_cheapest_of_all_policies_is_found(targets: Targets) -> None:
    made = system()
    found = search(made, ["a", "c"], market=MARKET, targets=targets)
    assert found.best.exact
    two = next(f for f in found.by_types if f.types == ("a", "c"))
    problem = _Problem(deploy(made, ["a", "c"]), MARKET)
    assert sum(t.cost_eth for t in two.tiers) == pytest.approx(exhaustive(problem, targets, MARKET), rel=1e-9)


def test_three_types_against_all_policies_of_small_tiers() -> None:
    made = system()
    problem = _Problem(deploy(made, ["a", "b", "c"]), MARKET)
    found = next(f for f in search(made, market=MARKET).by_types if len(f.types) == 3)
    assert found.exact
    # Tiers of up to three alternatives cannot be cheaper than tiers of up to six.
    stakes = [MARKET.reach()[0] * 1e-9, (MARKET.reach()[1] - MARKET.reach()[0]) * 1e-9]
    for stake, demand, tier in zip(stakes, MARKET.tiers, found.tiers, strict=True):
        for size in (1, 2, 3):
            for members in itertools.combinations(range(len(problem.masks)), size):
                if problem.avoids[:, list(members)].any(axis=1).all():
                    assert problem._result(members, stake, demand).cost_eth >= tier.cost_eth * (1 - 1e-9)


def test_probabilities_by_hand() -> None:
    """{a} after a day: a can be used, and c too, or c is silent for longer than a day."""
    made = system()
    deployment = deploy(made, ["a", "c"])
    problem = _Problem(deployment, MARKET)
    a = 1 - (1 - 0.01) * (1 - 0.004)
    day = (DAY_S - MARKET.vouch_s) / HOUR_S
    load = 0.03 / 0.97
    longer = 1 - np.exp(-load * 8766 / 100 * np.exp(-day / 100))
    silent = 1 - (1 - 0.08) * (1 - longer)
    at = {
        (problem.masks[i], problem.delays[i]): problem.events[i] @ problem.probability
        for i in range(len(problem.masks))
    }
    assert at[1, 0] == pytest.approx(a)
    assert at[3, 0] == pytest.approx(a * 0.08)
    assert at[1, DAY_S] == pytest.approx(a * silent)
    assert (3, DAY_S) not in at  # nobody would be left to object
    up_a, up_c = (1 - 0.02) * (1 - 0.001), 0.97
    np.testing.assert_allclose(
        problem.up, [(1 - up_a) * (1 - up_c), up_a * (1 - up_c), (1 - up_a) * up_c, up_a * up_c]
    )


def test_a_delay_shorter_than_a_vouch_gains_nothing() -> None:
    market = MARKET.model_copy(update={"delays_s": (600,)})
    problem = _Problem(deploy(system(), ["a", "c"]), market)
    at = {
        (m, d): e @ problem.probability
        for m, d, e in zip(problem.masks, problem.delays, problem.events, strict=True)
    }
    assert at[1, 600] == at[1, 0]


@pytest.mark.parametrize("types", [("groth16", "sgx"), ("groth16", "plonky2", "sgx")])
def test_the_shipped_types_get_what_settlement_takes(types: tuple[str, ...]) -> None:
    made = shipped_system()
    best = search(made, types).best
    covers = {name: made.types[name].suites for name in best.types}
    best.policy.check(covers, best.suites)
    assert Policy.model_validate(best.document()["policy"]) == best.policy
    assert best.exact
    # More trusted is who alone fails less: groth16's setup and lowering against the rest.
    assert best.policy.weights["groth16"] == min(best.policy.weights.values())
    for low, high in itertools.pairwise(best.tiers):
        assert high.p_unsafe <= low.p_unsafe + 1e-12
    cost = best.proving_eth + sum(t.loss_eth + t.delay_eth for t in best.tiers)
    assert best.cost_eth == pytest.approx(cost)


def test_five_types_and_four_tiers() -> None:
    market = Market(
        tiers=tuple(
            TierDemand(limit_gwei=limit, flow_gwei_day=200 * ETH)
            for limit in (ETH // 10, ETH, 10 * ETH, None)
        )
    )
    made = shipped_system(audited=True)
    found = search(made, ["groth16", "plonky2", "sgx", "halo2", "stark"], market=market)
    assert len(found.best.policy.tiers) == 4
    covers = {name: made.types[name].suites for name in found.best.types}
    found.best.policy.check(covers, found.best.suites)
    three = search(made, ["groth16", "plonky2", "sgx"], market=market).best
    assert found.best.loss_eth < three.loss_eth
    points = found.pareto()
    assert any(p.efficient and p.types == found.best.types for p in points)
    for p in points:
        better = [
            q
            for q in points
            if q.running_eth < p.running_eth and q.loss_eth < p.loss_eth and q.availability > p.availability
        ]
        assert p.efficient <= (not better)


def test_targets_are_met_or_refused_with_the_nearest() -> None:
    made = system()
    loose, tight = search(made, market=MARKET), search(made, market=MARKET, targets=Targets(loss=0.008))
    assert all(t.p_unsafe <= 0.008 for t in tight.best.tiers)
    assert tight.best.cost_eth >= loose.best.cost_eth
    with pytest.raises(TargetError, match=r"at most 1e-06 in every tier; the nearest, of a, b, c, has 0\.00"):
        search(made, market=MARKET, targets=Targets(loss=1e-6))
    up = search(made, market=MARKET, targets=Targets(availability=0.999))
    assert all(t.availability >= 0.999 for t in up.best.tiers)
    with pytest.raises(TargetError, match=r"available 1 of the time .* the nearest"):
        search(made, market=MARKET, targets=Targets(availability=0.9999999))


def test_types_that_no_halt_may_hit_are_refused_or_accepted_by_name() -> None:
    made = shipped_system()
    with pytest.raises(TargetError, match="survives the halt of any one type"):
        search(made, ["groth16", "plonky2"])
    best = search(made, ["groth16", "plonky2"], targets=Targets(accepts_halt=True)).best
    assert best.policy.accepts_halt
    best.policy.check({name: made.types[name].suites for name in best.types}, best.suites)


def test_what_the_search_cannot_use() -> None:
    with pytest.raises(UnknownComponentError, match="found 'd'"):
        search(system(), ["a", "d"])
    rising = (TierDemand(limit_gwei=5, flow_gwei_day=1), TierDemand(limit_gwei=None, flow_gwei_day=1))
    with pytest.raises(DataError, match="rising limits"):
        search(system(), market=MARKET.model_copy(update={"tiers": rising[::-1]}))
    with pytest.raises(DataError, match="rising delays"):
        search(system(), market=MARKET.model_copy(update={"delays_s": (7, 5)}))
    bare = parse_system(
        {
            "schema": "multiprover-risk/1",
            "types": [{"name": "x", "components": ["c"]}],
            "components": [{"id": "c", "p_year": 0.1}],
        },
        "made up",
    )
    with pytest.raises(DataError, match="x: expected cost_usd_batch"):
        search(bare)


def test_costs_come_from_the_bench() -> None:
    known = shipped_costs()
    measured = costs_from_bench({"provers": {"groth16": {"cpu_s_per_slot": 2.0}}}, known)
    assert measured["groth16"].cpu_s_per_slot == 2.0
    # A proof for L1 is made once a batch, and counts.
    row = {"cpu_s_per_slot": 0.5, "batch_cpu_s": 64.0, "l1_gas": 4_330_000}
    measured = costs_from_bench({"slots": 16, "provers": {"plonky2": row}}, known)
    assert measured["plonky2"].cpu_s_per_slot == 4.0
    assert measured["plonky2"].gas_per_batch == 4_330_000
    assert measured["groth16"].gas_per_batch == known["groth16"].gas_per_batch
    assert measured["sgx"] == known["sgx"]
    market = Market(eth_usd=2000, gas_gwei=2, cpu_hour_usd=0.1, slots=18, batches_day=10)
    cost = {"groth16": TypeCost(cpu_s_per_slot=2.0, gas_per_batch=300_000, source="x")}
    by_hand = (2.0 * 18 / 3600 * 0.1 / 2000 + 300_000 * 2e-9) * 10 * 365.25
    assert proving_eth_year(shipped_system(), "groth16", market, cost) == pytest.approx(by_hand)
    for wrong in ({}, {"provers": 1}, {"provers": {"groth16": {}}}, [1]):
        with pytest.raises(DataError, match="multiprover bench"):
            costs_from_bench(wrong, known)  # type: ignore[arg-type]


def test_what_can_be_reached_grows_with_the_limit() -> None:
    market = Market(
        value_gwei=1000 * ETH,
        tiers=(
            TierDemand(limit_gwei=ETH, flow_gwei_day=1),
            TierDemand(limit_gwei=100 * ETH, flow_gwei_day=1, reach_gwei=150 * ETH),
            TierDemand(limit_gwei=None, flow_gwei_day=1),
        ),
        reaction_s=DAY_S / 2,
        batches_day=20,
        slots=4,
    )
    assert market.reach() == [40 * ETH, 150 * ETH, 1000 * ETH]
