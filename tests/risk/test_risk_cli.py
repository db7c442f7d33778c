"""``multiprover risk``: documents with the fields that are promised, pictures, and refusals in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from multiprover.cli.risk import app
from multiprover.risk.errors import RiskError
from multiprover.settlement.policy import Policy

TYPES = {
    "schema": "multiprover-risk/1",
    "types": [
        {"name": "x", "components": ["a", "s"], "cost_usd_batch": 0.1},
        {"name": "y", "components": ["b", "s"], "cost_usd_batch": 0.2},
        {"name": "z", "components": ["c"], "cost_usd_batch": 0.3, "planned": True},
    ],
    "components": [
        {"id": "a", "p_year": 0.1, "p_down": 0.01},
        {"id": "b", "p_year": 0.2, "p_down": 0.02},
        {"id": "c", "p_year": 0.5, "p_down": 0.01},
        {"id": "s", "p_year": 0.05},
    ],
}


@pytest.fixture
def made_up(tmp_path: Path) -> str:
    file = tmp_path / "types.json"
    file.write_text(json.dumps(TYPES))
    return str(file)


def document(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: str) -> str:
    with pytest.raises(RiskError) as caught:
        CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    return str(caught.value)


def test_show_made_up_types(made_up: str, tmp_path: Path) -> None:
    got = document("show", "--manifests", made_up, "--plot", str(tmp_path / "risk.svg"))
    whole = 0.05 + 0.95 * 0.1 * 0.2
    assert got["types"] == ["x", "y"]  # what is planned is left out unless it is named
    assert got["p_safety_year"] == pytest.approx(whole)
    assert got["interval"] == pytest.approx([whole, whole])
    assert got["p_liveness"] == pytest.approx(1 - 0.99 * 0.98)
    assert 1 < got["effective_provers"] < 2
    assert got["importance"]["s"] == pytest.approx(1 - 0.02 / whole)
    assert got["worth"]["own s for each"]["p_safety_year"] == pytest.approx(
        (1 - 0.9 * 0.95) * (1 - 0.8 * 0.95)
    )
    assert got["worth"]["without y"]["p_safety_year"] == pytest.approx(1 - 0.9 * 0.95)
    assert (tmp_path / "risk.svg").read_text().lstrip().startswith("<?xml")
    three = document("show", "--manifests", made_up, "--types", "x,y,z")
    assert three["p_safety_year"] == pytest.approx(whole * 0.5)


def test_show_the_provers_of_this_repository() -> None:
    got = document("show", "--types", "groth16,plonky2,sgx")
    assert {"p_safety_year", "interval", "effective_provers", "importance", "p_liveness"} <= got.keys()
    low, high = got["interval"]
    assert 0 < low < got["p_safety_year"] < high < 1
    assert got["engine"].startswith("dd.")
    assert got["warnings"]["sgx"]
    better = document("show", "--types", "groth16,plonky2,sgx", "--audited")
    assert better["p_safety_year"] < got["p_safety_year"]
    assert "groth16 ∧ halo2 ∧ plonky2 ∧ sgx" in shown("show")


def test_more_evidence_moves_the_risk(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    row = {"source": "chain 1, 0x…", "date": "2026-11-01", "type": "sgx", "against": ["groth16"]}
    rows.write_text(json.dumps([row] * 5))
    before, after = (
        document("show", "--types", "groth16,sgx", *more)["by_type"]
        for more in ((), ("--evidence", str(rows)))
    )
    assert after["sgx"]["p_safety_year"] > before["sgx"]["p_safety_year"]


def test_what_if(made_up: str) -> None:
    got = document("what-if", "--manifests", made_up, "--without", "z")
    assert (got["now"]["types"], got["then"]["types"]) == (["x", "y", "z"], ["x", "y"])
    assert got["now"]["p_safety_year"] == pytest.approx(got["then"]["p_safety_year"] / 2)
    got = document("what-if", "--manifests", made_up, "--own", "s", "--perfect", "a")
    assert got["then"]["p_safety_year"] == pytest.approx(0.05 * (1 - 0.8 * 0.95))
    assert "→" in shown("what-if", "--without", "halo2")
    assert "expected a change" in refused("what-if", "--manifests", made_up)
    assert "found none" in refused("what-if", "--manifests", made_up, "--without", "x,y")


def test_policy(made_up: str, tmp_path: Path) -> None:
    out, picture = tmp_path / "policy.json", tmp_path / "pareto.png"
    got = document("policy", "--manifests", made_up, "--out", str(out), "--plot", str(picture))
    policy = Policy.model_validate(got["policy"])
    assert Policy.model_validate_json(out.read_text()) == policy
    policy.check({"x": (), "y": ()}, ("bn254",))
    assert got["cheapest"] is True
    assert len(got["tiers"]) == len(policy.tiers) == 3
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "weights in a conflict" in shown("policy", "--types", "groth16,sgx")
    assert "the nearest, of x, y" in refused("policy", "--manifests", made_up, "--target-loss", "1")


def test_policy_of_another_market_and_bench(made_up: str, tmp_path: Path) -> None:
    market = tmp_path / "market.json"
    market.write_text(
        json.dumps({"value_gwei": 1e12, "tiers": [{"limit_gwei": None, "flow_gwei_day": 1e9}], "slots": 4})
    )
    assert len(document("policy", "--manifests", made_up, "--market", str(market))["policy"]["tiers"]) == 1
    bench = tmp_path / "bench.json"
    bench.write_text(json.dumps({"provers": {"groth16": {"cpu_s_per_slot": 1000.0}}}))
    cheap, dear = (
        document("policy", "--types", "groth16,sgx", *more)["proving_eth_year"]
        for more in ((), ("--bench", str(bench)))
    )
    assert dear > cheap
    market.write_text("{}x")
    assert "cannot be read" in refused("policy", "--market", str(market))
    market.write_text('{"tier": 1}')
    assert "tier" in refused("policy", "--market", str(market))


def test_price(made_up: str, tmp_path: Path) -> None:
    arguments = ("price", "--manifests", made_up, "--open-interest", "1000000", "--collateral", "0.1")
    got = document(*arguments, "--plot", str(tmp_path / "price.png"))
    p = 0.05 + 0.95 * 0.02
    assert got["expected_loss_bps"] == pytest.approx(p * 0.1 * 1e4)
    assert got["loading_bps"] == pytest.approx(0.2 * got["expected_loss_bps"])
    assert got["capital_charge_bps"] == pytest.approx(
        0.1 * (1 - p) * 0.1 * 1e4
    )  # once in 15 years: all is lost
    assert got["with_one_more_type"]["+ z"]["premium_bps"] < got["premium_bps"]
    fund = got["fund"]
    assert fund["ruin"] <= 0.01 + 1e-9
    assert abs(fund["ruin_simulated"] - fund["ruin"]) < 4 * fund["standard_error"]
    option = document(*arguments, "--option-value", "20000", "--days", "73")
    assert option["expected_loss_bps"] == pytest.approx(p * 20_000 / 1e6 * 1e4)
    assert option["premium_until_expiry"] == pytest.approx(option["premium"] / 5)
    under = document(*arguments, "--searched")
    assert under["expected_loss_bps"] > 0
    assert "insurance fund" in shown(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "--types", "nope"), "expected one of groth16, halo2, plonky2, sgx"),
        (("show", "--types", ","), "found none"),
        (("show", "--manifests", "/nowhere.json"), "cannot be read"),
        (("show", "--types", "sgx", "--plot", "picture.gif"), ".png or .svg"),
        (("price", "--open-interest", "-5"), "positive"),
        (("price", "--open-interest", "5", "--ruin", "2"), "ruin"),
        (("price", "--open-interest", "5", "--shortfall-level", "1"), "shortfall"),
        (("policy", "--target-loss", "nan"), "target-loss"),
        (("policy", "--types", "groth16,sgx", "--out", "/nowhere/policy.json"), "cannot be written"),
        (("show", "--types", "sgx", "--plot", "/nowhere/risk.png"), "cannot be written"),
        (("evidence", "nope"), "found 'nope'"),
        (("what-if", "--own", "nope"), "found 'nope'"),
    ],
)
def test_refusals(arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*arguments)


def test_made_up_types_that_are_wrong(tmp_path: Path) -> None:
    file = tmp_path / "types.json"
    file.write_text(json.dumps(TYPES | {"components": [{"id": "a", "p_year": 2}]}))
    assert "a: expected p_year within [0, 1], found 2.0" in refused("show", "--manifests", str(file))
    assert "--audited" in refused("show", "--audited", "--manifests", str(file))


def test_evidence_is_listed_with_its_sources() -> None:
    got = document("evidence", "enclave-vendor")
    (row,) = got["classes"]
    assert row["incidents"] == sum(i["weight"] for i in got["incidents"])
    assert row["rate_year"] == pytest.approx((0.5 + row["incidents"]) / row["system_years"])
    assert all(i["source"].startswith("https://") for i in got["incidents"])
    assert len(document("evidence")["classes"]) > 10
    assert "Foreshadow" in shown("evidence", "enclave-vendor")


def test_the_manifests_are_compared_with_the_provers(tmp_path: Path) -> None:
    out = tmp_path / "manifests.json"
    command = [sys.executable, "-c", "from multiprover.cli import main; main()", "risk", "manifests"]
    done = subprocess.run(
        [*command, "--write", str(out), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert "sgx" in got["compared"]
    assert {row["proof_type"] for row in json.loads(out.read_text())} >= {"groth16", "plonky2", "sgx"}
