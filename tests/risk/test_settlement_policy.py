"""The policy that settlement takes: what it may be, and one refusal a cause."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import pytest
from pydantic import ValidationError

from multiprover.settlement.policy import (
    Alternative,
    DelayOrderError,
    DuplicateAlternativeError,
    HaltError,
    NotMonotoneError,
    Policy,
    PolicyError,
    TierOrderError,
    UncoveredSuiteError,
    UnknownTypeError,
    WeightError,
    distinct_weights,
)

TYPES = {"groth16": ("bn254",), "plonky2": ("goldilocks",), "sgx": ()}
SUITES = ("bn254", "goldilocks")
DAY = 86_400


def document() -> dict[str, Any]:
    """A right policy of three types and two tiers."""
    return {
        "tiers": [
            {
                "limit_gwei": 10**9,
                "alternatives": [
                    {"types": ["sgx", "groth16"], "delay_s": 0},
                    {"types": ["plonky2", "groth16"], "delay_s": 3600},
                    {"types": ["sgx"], "delay_s": DAY},
                ],
            },
            {
                "limit_gwei": None,
                "alternatives": [
                    {"types": ["groth16", "plonky2", "sgx"], "delay_s": 0},
                    {"types": ["groth16", "plonky2"], "delay_s": DAY},
                    {"types": ["groth16", "sgx"], "delay_s": 2 * DAY},
                    {"types": ["plonky2", "sgx"], "delay_s": 2 * DAY},
                ],
            },
        ],
        "weights": {"groth16": 3, "plonky2": 4, "sgx": 2},
    }


def check(changed: dict[str, Any]) -> None:
    Policy.model_validate(changed).check(TYPES, SUITES)


def test_a_right_policy_passes_and_survives_its_json() -> None:
    policy = Policy.model_validate(document())
    policy.check(TYPES, SUITES)
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    assert policy.tiers[0].alternatives[0].types == ("groth16", "sgx")  # in the order of the weights


def test_types_must_be_the_deployments() -> None:
    with pytest.raises(UnknownTypeError, match="halo2"):
        Policy.model_validate(document()).check(TYPES | {"halo2": ("bn254",)}, SUITES)
    with pytest.raises(UnknownTypeError):
        Policy.model_validate(document()).check({"groth16": (), "sgx": ()}, SUITES)
    with pytest.raises(ValidationError, match="have a weight"):
        Policy.model_validate(document() | {"weights": {"groth16": 1, "sgx": 2}})


def test_a_type_of_other_suites_is_refused() -> None:
    with pytest.raises(UncoveredSuiteError, match="koalabear"):
        Policy.model_validate(document()).check(TYPES | {"plonky2": ("koalabear",)}, SUITES)
    with pytest.raises(UncoveredSuiteError, match="at least one"):
        Policy.model_validate(document()).check(TYPES, ())


@pytest.mark.parametrize("limits", [(10, 10), (None, None), (10, 20), (None, 10), (20, 10, None)])
def test_limits_rise_to_none(limits: tuple[int | None, ...]) -> None:
    wrong = document()
    tier = wrong["tiers"][1]
    wrong["tiers"] = [tier | {"limit_gwei": limit} for limit in limits]
    with pytest.raises(TierOrderError):
        check(wrong)


def test_every_alternative_covers_every_suite() -> None:
    wrong = document()
    wrong["tiers"][0]["alternatives"][2]["types"] = ["groth16"]
    with pytest.raises(UncoveredSuiteError, match=r"tier 0, \{groth16\}.*goldilocks"):
        check(wrong)


def test_a_set_of_types_stands_once() -> None:
    wrong = document()
    wrong["tiers"][0]["alternatives"].append({"types": ["groth16", "sgx"], "delay_s": 0})
    with pytest.raises(DuplicateAlternativeError):
        check(wrong)


def test_more_types_never_wait_longer() -> None:
    wrong = document()
    wrong["tiers"][1]["alternatives"][0]["delay_s"] = DAY + 1
    with pytest.raises(DelayOrderError):
        check(wrong)
    wrong["tiers"][1]["alternatives"][0]["delay_s"] = DAY
    check(wrong)


def test_more_value_never_needs_less() -> None:
    wrong = document()
    wrong["tiers"][1]["alternatives"][1]["delay_s"] = 3599  # tier 0 waits 3600 for these
    with pytest.raises(NotMonotoneError, match=r"tier 1, \{groth16, plonky2\} after 3599"):
        check(wrong)
    wrong = document()
    wrong["tiers"][0]["alternatives"] = wrong["tiers"][0]["alternatives"][
        :2
    ]  # {plonky2, sgx} has no subset now
    wrong["accepts_halt"] = True
    with pytest.raises(NotMonotoneError, match=r"plonky2, sgx"):
        check(wrong)


def test_the_halt_of_any_one_type_is_survived_or_accepted_by_name() -> None:
    wrong = document()
    wrong["tiers"][1]["alternatives"].pop(1)  # the only one without sgx
    with pytest.raises(HaltError, match=r"tier 1 .* sgx: every alternative"):
        check(wrong)
    check(wrong | {"accepts_halt": True})


def test_types_that_cannot_survive_a_halt_are_told_why() -> None:
    policy = Policy.single(("groth16", "plonky2"))
    with pytest.raises(HaltError, match="no policy of these types can: no other type commits to bn254"):
        policy.check({"groth16": ("bn254",), "plonky2": ("goldilocks",)}, SUITES)
    dual = Policy.single(("groth16", "sgx"), accepts_halt=True)
    dual.check({"groth16": ("bn254",), "sgx": ()}, ("bn254",))
    with pytest.raises(HaltError):
        Policy.single(("groth16", "sgx")).check({"groth16": ("bn254",), "sgx": ()}, ("bn254",))


@pytest.mark.parametrize("weights", [(1, 1, 2), (1, 2, 3), (5, 5, 5), (100, 101, 102)])
def test_weights_decide_every_conflict(weights: tuple[int, int, int]) -> None:
    with pytest.raises(WeightError):
        check(document() | {"weights": dict(zip(("groth16", "plonky2", "sgx"), weights, strict=True))})


@pytest.mark.parametrize("count", range(1, 9))
def test_distinct_weights_are_distinct(count: int) -> None:
    weights = distinct_weights([f"t{i}" for i in range(count)])
    values = list(weights.values())
    assert values == sorted(values)
    assert sum(values) <= 255
    subsets = chain.from_iterable(combinations(values, k) for k in range(count + 1))
    assert len({sum(s) for s in subsets}) == 2**count


@pytest.mark.parametrize("count", [0, 9])
def test_distinct_weights_refuse_other_counts(count: int) -> None:
    with pytest.raises(PolicyError, match="1 to 8"):
        distinct_weights([f"t{i}" for i in range(count)])


@pytest.mark.parametrize(
    "change",
    [
        {"tiers": []},
        {"tiers": document()["tiers"] * 3},
        {"weights": {}},
        {"weights": {"groth16": 0, "plonky2": 1, "sgx": 2}},
        {"weights": {"groth16": 1.5, "plonky2": 1, "sgx": 2}},
        {"unknown": 1},
    ],
)
def test_what_no_policy_is(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate(document() | change)


@pytest.mark.parametrize(
    "alternative",
    [
        {"types": [], "delay_s": 0},
        {"types": ["sgx", "sgx"], "delay_s": 0},
        {"types": ["sgx"], "delay_s": -1},
        {"types": ["sgx"], "delay_s": 2**32},
        {"types": ["sgx"], "delay_s": 0.5},
        {"types": ["SGX!"], "delay_s": 0},
    ],
)
def test_what_no_alternative_is(alternative: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Alternative.model_validate(alternative)
