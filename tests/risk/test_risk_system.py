"""Deployments: closed forms through the whole model, what must always hold, and the manifests behind it."""

from __future__ import annotations

import json
import math
import random
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiprover.node.workspace import default_cache, default_registry
from multiprover.provers.errors import ProverNotFound
from multiprover.provers.registry import SUITES, Fleet
from multiprover.risk.assess import assess, with_own_copies, without_fault, worth
from multiprover.risk.errors import DataError, ProbabilityError, RiskError, UnknownComponentError
from multiprover.risk.system import (
    deploy,
    differences,
    manifests_document,
    parse_system,
    read_system,
    shipped_manifests,
    shipped_system,
)

ROOT = Path(__file__).resolve().parents[2]


def made(types: dict[str, list[str]], p: dict[str, float], **more: Any) -> dict[str, Any]:
    """A document of made-up types and components with fixed probabilities."""
    return {
        "schema": "multiprover-risk/1",
        "types": [{"name": name, "components": parts} for name, parts in types.items()],
        "components": [{"id": name, "p_year": value} for name, value in p.items()],
    } | more


def risk(document: dict[str, Any], names: list[str] | None = None) -> float:
    return assess(deploy(parse_system(document, "made up"), names)).p_safety_year


@pytest.mark.parametrize("count", range(1, 6))
def test_independent_provers_are_as_many_as_they_are(count: int) -> None:
    parts = {f"t{i}": [f"c{i}"] for i in range(count)}
    assessment = assess(deploy(parse_system(made(parts, {f"c{i}": 0.02 for i in range(count)}), "made up")))
    assert assessment.p_safety_year == pytest.approx(0.02**count, rel=1e-12)
    assert assessment.interval == pytest.approx((0.02**count, 0.02**count))
    assert assessment.effective_provers == pytest.approx(count)


def test_a_formal_two_of_two_with_one_key_is_close_to_one() -> None:
    """Both legs hang on one enclave key (as in June 2026); beside it each has a lowering and a library."""
    p = {"key": 0.067, "lowering-1": 0.02, "lowering-2": 0.02, "library-1": 0.01, "library-2": 0.01}
    both = {"leg-1": ["key", "lowering-1", "library-1"], "leg-2": ["key", "lowering-2", "library-2"]}
    assessment = assess(deploy(parse_system(made(both, p), "made up")))
    one = risk(made(both, p), ["leg-1"])
    assert 0.67 < assessment.p_safety_year / one < 0.72  # 0.0678 of 0.0948
    assert 1 < assessment.effective_provers < 1.2
    assert next(iter(assessment.importance)) == "key"
    assert assessment.importance["key"] > 0.95
    # With a key each, it would be two.
    own = assess(with_own_copies(deploy(parse_system(made(both, p), "made up")), "key"))
    assert own.p_safety_year == pytest.approx(one**2)
    assert own.effective_provers == pytest.approx(2)


def test_a_deployment_by_hand() -> None:
    """Two types share s; c is common. p = c + (1 - c)(s + (1 - s) a b)."""
    a, b, s, c = 0.1, 0.2, 0.05, 0.01
    document = made({"x": ["a", "s"], "y": ["b", "s"]}, {"a": a, "b": b, "s": s, "c": c}, common=["c"])
    assessment = assess(deploy(parse_system(document, "made up")))
    assert assessment.p_provers == pytest.approx(s + (1 - s) * a * b)
    assert assessment.p_common == pytest.approx(c)
    whole = c + (1 - c) * (s + (1 - s) * a * b)
    assert assessment.p_safety_year == pytest.approx(whole)
    assert assessment.importance["c"] == pytest.approx(1 - (s + (1 - s) * a * b) / whole)
    assert assessment.importance["s"] == pytest.approx(1 - (c + (1 - c) * a * b) / whole)
    assert assessment.importance["a"] == pytest.approx(1 - (c + (1 - c) * s) / whole)
    for name, share in assessment.importance.items():
        without = assess(without_fault(deploy(parse_system(document, "made up")), name)).p_safety_year
        assert share == pytest.approx(1 - without / whole)


def test_liveness_by_hand() -> None:
    document = made({"x": ["a", "s"], "y": ["b", "s"]}, {"a": 0, "b": 0, "s": 0})
    for row, down in zip(document["components"], (0.01, 0.02, 0.001), strict=True):
        row["p_down"] = down
    assessment = assess(deploy(parse_system(document, "made up")))
    assert assessment.p_liveness == pytest.approx(1 - 0.99 * 0.98 * 0.999)
    assert assessment.by_type["x"][1] == pytest.approx(1 - 0.99 * 0.999)
    assert assessment.effective_provers_liveness < 1  # all must vouch: more types halt more
    assert assessment.effective_provers == math.inf  # and none can fail in safety


def test_what_a_component_rests_on_is_shared_too() -> None:
    document = made({"x": ["a"], "y": ["b"]}, {"a": 0.0, "b": 0.0, "base": 0.03})
    document["components"][0]["relies_on"] = ["base"]
    document["components"][1]["relies_on"] = ["base"]
    assert risk(document) == pytest.approx(0.03)


def test_uncertainty_is_carried_through() -> None:
    """Two types of one class: E[p²] > E[p]², since what is not known of one is not known of the other."""
    document = made({"x": ["a"], "y": ["b"]}, {})
    document["components"] = [{"id": n, "classes": ["enclave-vendor"]} for n in "ab"]
    system = parse_system(document, "made up")
    both, one = assess(deploy(system)), assess(deploy(system, ["x"]))
    assert both.p_safety_year > one.p_safety_year**2 * 1.1
    low, high = one.interval
    assert low < one.p_safety_year < high
    # One class's faults and attacks by hand, from many plain draws.
    rng = np.random.default_rng(1)
    rate, (used, unused) = system.evidence.rate("enclave-vendor"), system.evidence.attacked("enclave-vendor")
    draws = -np.expm1(-rng.gamma(rate.shape, 1 / rate.years, 400_000) * rng.beta(used, unused, 400_000))
    assert one.p_safety_year == pytest.approx(draws.mean(), rel=0.03)
    assert both.p_safety_year == pytest.approx((draws**2).mean(), rel=0.05)
    assert low == pytest.approx(np.quantile(draws, 0.05), rel=0.15, abs=1e-4)
    assert high == pytest.approx(np.quantile(draws, 0.95), rel=0.1)
    assert deploy(system).unsafe["a"].tolist() == deploy(system).unsafe["a"].tolist()  # seeded


P = st.floats(0, 1)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Two to four types over up to eight components, any of them shared."""
    ids = [f"c{i}" for i in range(draw(st.integers(2, 8)))]
    parts = st.lists(st.sampled_from(ids), min_size=1, max_size=4, unique=True)
    types = {f"t{i}": draw(parts) for i in range(draw(st.integers(2, 4)))}
    return made(
        types, {name: draw(P) for name in ids}, common=draw(st.lists(st.sampled_from(ids), max_size=1))
    )


@settings(max_examples=30, deadline=None)
@given(documents())
def test_another_type_that_must_vouch_never_adds_risk(document: dict[str, Any]) -> None:
    names = [t["name"] for t in document["types"]]
    for count in range(1, len(names)):
        assert risk(document, names[: count + 1]) <= risk(document, names[:count]) + 1e-12


@settings(max_examples=30, deadline=None)
@given(documents(), P, st.data())
def test_a_component_more_never_takes_risk_away(
    document: dict[str, Any], p: float, data: st.DataObject
) -> None:
    before = risk(document)
    holders = data.draw(st.sets(st.integers(0, len(document["types"]) - 1)))
    document["components"].append({"id": "new", "p_year": p})
    for i in holders:
        document["types"][i]["components"] = [*document["types"][i]["components"], "new"]
    assert risk(document) >= before - 1e-12


@settings(max_examples=30, deadline=None)
@given(documents(), st.data())
def test_sharing_never_helps(document: dict[str, Any], data: st.DataObject) -> None:
    """Of all ways in which types can have a part each, one part for all is the worst."""
    deployment = deploy(parse_system(document, "made up"))
    if deployment.members:
        name = data.draw(st.sampled_from(sorted(deployment.members)))
        apart = assess(with_own_copies(deployment, name))
        assert apart.p_safety_year <= assess(deployment).p_safety_year + 1e-12


@settings(max_examples=30, deadline=None)
@given(documents())
def test_importance_is_a_share(document: dict[str, Any]) -> None:
    assessment = assess(deploy(parse_system(document, "made up")))
    assert all(-1e-12 <= share <= 1 + 1e-12 for share in assessment.importance.values())


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_a_thousand_components_and_ten_types(kind: str) -> None:
    """Against the closed form of inclusion and exclusion: all fail = Σ (-1)^|A| Π over what A rests on."""
    rng = random.Random(3)  # noqa: S311
    names = [f"t{i}" for i in range(10)]
    types: dict[str, list[str]] = {name: [] for name in names}
    p = {}
    for i in range(1000):
        share = rng.randint(1, 10) if kind == "dense" else (1 if rng.random() < 0.9 else rng.randint(2, 4))
        p[f"c{i}"] = rng.uniform(0, 0.002 if kind == "dense" else 0.02)
        for name in rng.sample(names, share):
            types[name].append(f"c{i}")
    total = 0.0
    for mask in range(1 << 10):
        held = {c for k in range(10) if mask >> k & 1 for c in types[names[k]]}
        total += (-1) ** mask.bit_count() * math.prod(1 - p[c] for c in held)
    assert risk(made(types, p)) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"schema": "x"}, DataError, "schema"),
        ({"types": [{"name": "a", "components": ["nothing"]}]}, UnknownComponentError, "a: .*'nothing'"),
        ({"types": [{"name": "a", "components": []}]}, DataError, "components"),
        ({"types": [{"name": "a", "components": ["c"]}] * 2}, DataError, "'a' again"),
        (
            {"components": [{"id": "c", "p_year": 1.5}]},
            ProbabilityError,
            r"c: expected p_year within \[0, 1\]",
        ),
        ({"components": [{"id": "c", "p_year": -0.1}]}, ProbabilityError, "p_year"),
        ({"components": [{"id": "c", "p_down": 1.0}]}, ProbabilityError, "p_down"),
        ({"components": [{"id": "c", "classes": ["none"]}]}, UnknownComponentError, "none"),
        ({"components": [{"id": "c", "p_year": 0.1, "classes": ["key"]}]}, DataError, "both"),
        ({"components": [{"id": "c", "layer": "cellar"}]}, DataError, "cellar"),
        ({"components": [{"id": "c", "relies_on": ["d"]}]}, UnknownComponentError, "'d'"),
        ({"common": ["d"]}, UnknownComponentError, "common"),
        ({"surprise": 1}, DataError, "surprise"),
    ],
)
def test_files_that_cannot_be_used(change: dict[str, Any], error: type[RiskError], message: str) -> None:
    document = made({"a": ["c"]}, {"c": 0.1}) | change
    with pytest.raises(error, match=message):
        parse_system(document, "made up")


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "types.json"
    file.write_text(json.dumps(made({"a": ["c"]}, {"c": 0.25})))
    assert assess(deploy(read_system(file))).p_safety_year == 0.25
    file.write_text("no")
    with pytest.raises(DataError, match="cannot be read"):
        read_system(file)


def test_names_that_are_not_there() -> None:
    system = parse_system(made({"a": ["c"]}, {"c": 0.1}), "made up")
    with pytest.raises(UnknownComponentError, match="expected one of a, found 'b'"):
        deploy(system, ["b"])
    with pytest.raises(UnknownComponentError, match="at least one"):
        deploy(system, [])
    with pytest.raises(RiskError, match="samples"):
        deploy(system, samples=0)
    for change in (with_own_copies, without_fault):
        with pytest.raises(UnknownComponentError, match="found 'd'"):
            change(deploy(system), "d")


def test_the_shipped_system() -> None:
    system = shipped_system()
    three = assess(deploy(system, ["groth16", "plonky2", "sgx"]))
    two = assess(deploy(system, ["groth16", "sgx"]))
    assert three.p_safety_year < two.p_safety_year
    assert 2 < three.effective_provers < 3
    assert (
        assess(deploy(shipped_system(audited=True), ["groth16", "plonky2", "sgx"])).p_safety_year
        < three.p_safety_year
    )
    # What both legs of the two hang on: the operator made the one's keys and holds the other's.
    assert "deployment-operator" in list(two.importance)[:3]
    assert {w.change for w in worth(system, ["groth16", "sgx"])} >= {
        "with halo2",
        "without sgx",
        "own keccak256 for each",
    }
    # plonky2's proven bits are few: it rests on a conjecture; groth16 lists its assumptions itself.
    assert "plonky2-conjecture" in deploy(system, ["plonky2"]).members
    assert "groth16-conjecture" not in system.components


def test_the_only_suite_is_a_part_of_types_that_commit_to_all() -> None:
    system = shipped_system()
    assert deploy(system, ["groth16", "sgx"]).members["poseidon2-bn254"] == ("groth16", "sgx")
    wider = deploy(system, ["groth16", "plonky2", "sgx"])
    assert wider.members["poseidon2-bn254"] == ("groth16",)
    assert wider.members["every-suite"] == ("groth16", "plonky2", "sgx")
    both = (
        1 - (1 - wider.unsafe["poseidon2-bn254"]) * (1 - wider.unsafe["curve-babyjubjub"])
    ) * wider.unsafe["poseidon-goldilocks"]
    np.testing.assert_allclose(wider.unsafe["every-suite"], both, atol=1e-15)


def test_the_snapshot_is_what_the_provers_say() -> None:
    known = shipped_manifests()
    with Fleet(default_registry(), tuple(known), default_cache()) as fleet:
        for failure in fleet.failures.values():
            if not isinstance(failure, ProverNotFound):
                raise failure
        assert "sgx" in fleet.provers
        for name, prover in fleet.provers.items():
            assert differences(known[name], prover.describe()) == [], (
                f"{name}: run `multiprover risk manifests --write src/multiprover/risk/data/manifests.json`"
            )


def test_a_manifest_that_changed_is_seen() -> None:
    known = shipped_manifests()["groth16"]
    parts = [c.model_copy(update={"version": "9"}) if c.id == "gnark" else c for c in known.components]
    other = known.model_copy(update={"components": tuple(parts[1:]), "format_version": 99})
    assert differences(known, known) == []
    assert differences(known, other) == [
        "format_version differs",
        "gnark is 9, not 0.16.3",
        f"{known.components[0].id} ({known.components[0].layer}) is gone",
    ]
    assert differences(other, known)[-1].endswith("is new")


def test_versions_are_those_of_the_lock_files() -> None:
    versions = {name: {c.id: c.version for c in m.components} for name, m in shipped_manifests().items()}
    go = dict(re.findall(r"github.com/consensys/(\S+) v(\S+)", (ROOT / "provers/groth16/go.mod").read_text()))
    assert versions["groth16"]["gnark"] == go["gnark"]
    assert versions["groth16"]["gnark-crypto"] == go["gnark-crypto"]
    cargo = tomllib.loads((ROOT / "provers/plonky2/Cargo.lock").read_text())["package"]
    assert versions["plonky2"]["plonky2"] == next(p["version"] for p in cargo if p["name"] == "plonky2")
    uv = {p["name"]: p["version"] for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert versions["sgx"]["keccak256"] == uv["pycryptodome"]
    assert versions["sgx"]["curve-secp256k1"] == uv["eth-keys"]
    assert versions["sgx"]["multiprover-native"] == uv["multiprover-native"]


def test_the_snapshot_is_written_as_it_is_kept() -> None:
    kept = (ROOT / "src/multiprover/risk/data/manifests.json").read_text()
    assert manifests_document(shipped_manifests()) == kept
    for name, manifest in shipped_manifests().items():
        assert manifest.suites == SUITES[name]


def test_the_shipped_example_of_one_key_under_two_legs() -> None:
    """With the evidence's own rates: two formal legs that share key, vendor and contract are nearly one."""
    system = read_system(ROOT / "examples/risk/two_legs_one_key.json")
    both, one = assess(deploy(system)), assess(deploy(system, ["sgx-geth"]))
    assert both.p_safety_year > 0.8 * one.p_safety_year
    assert both.effective_provers < 1.2
    assert next(iter(both.importance)) in {"enclave-signing-key", "registrar-key"}
