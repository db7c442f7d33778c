"""The command line as a user has it: documents on standard output, reasons on standard error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from fresh_cache import fresh_cache
from test_l1_anvil import MNEMONIC
from test_l1_anvil import pytestmark as needs_npm

ROOT = Path(__file__).resolve().parent.parent
HEADER = "trade_time_ms,recv_time_us,symbol,trade_id,price,qty,taker_side,x\n"


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    if "MULTIPROVER_CACHE" in env:
        fresh_cache(Path(env["MULTIPROVER_CACHE"]))
    command = [sys.executable, "-c", "from multiprover.cli import main; main()", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **env}
    )


def document(*arguments: str, **env: str) -> Any:
    done = run(*arguments, "--json", **env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*arguments: str, **env: str) -> str:
    """Standard error of a command that must end with status 1 and print no document."""
    done = run(*arguments, "--json", **env)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    directory = tmp_path_factory.mktemp("demo") / "data"
    arguments = ("--types", "sgx", "--count", "5", "--batch-size", "8", "--dir", str(directory))
    return directory, document("demo", *arguments, MULTIPROVER_CACHE=str(directory.with_name("cache")))


def test_demo_settles_trades_and_has_the_lie_refused(demo: tuple[Path, Any]) -> None:
    _, result = demo
    assert result["trades"] == sum(b["trades"] for b in result["batches"]) == 5
    assert result["lie"]["refused_by"] == ["sgx", "contract:sgx"]
    assert all(b["final"] and b["final_s"] > 0 and b["tiers"] == [] for b in result["batches"])
    # An enclave's vouch is no proof: nothing was confirmed before it was final.
    assert all(b["soft_s"] is None and b["soft_by"] is None for b in result["batches"])
    assert result["types"]["sgx"]["l1_transactions"] == 1
    roots = [b["state_root"] for b in result["batches"]]
    assert len(set(roots)) == len(roots)
    vouch = result["batches"][0]["vouches"]["sgx"]
    assert vouch["proof_bytes"] == 65
    assert set(vouch) == {"early_s", "prove_s", "cpu_s", "peak_mib", "proof_bytes", "gas"}
    # The one type's vouch records the root and makes the claim final: of two types, each does one of these.
    assert vouch["gas"] <= 110_000


def test_status_and_verify_read_the_data_directory(demo: tuple[Path, Any]) -> None:
    directory, result = demo
    status = document("status", str(directory))
    assert [b["state_root"] for b in status["batches"]] == [b["state_root"] for b in result["batches"]]
    assert all(b["vouched"] == ["sgx"] for b in status["batches"])
    proofs = document("verify", str(directory), "--batch", "1")["proofs"]
    assert proofs == [{"batch": 1, "proof_type": "sgx", "valid": True, "refusal": None}]
    assert "there is no batch 99" in refused("verify", str(directory), "--batch", "99")


def test_settle_brings_everything_to_an_l1_that_began_anew(demo: tuple[Path, Any]) -> None:
    directory, result = demo
    settled = document("settle", str(directory), MULTIPROVER_CACHE=str(directory.with_name("cache")))
    assert settled["state_root"] == result["batches"][-1]["state_root"]
    assert settled["settlement"] == result["settlement"]


def test_settle_with_other_keys_proves_again(demo: tuple[Path, Any]) -> None:
    directory, result = demo
    settled = document("settle", str(directory), MULTIPROVER_CACHE=str(directory.with_name("other")))
    assert settled["state_root"] == result["batches"][-1]["state_root"]


@needs_npm
def test_demo_settles_on_a_node(anvil: str, tmp_path: Path) -> None:
    """anvil with Osaka's rules and gas cap; its first account is known to everybody."""
    Account.enable_unaudited_hdwallet_features()
    env = {
        "MULTIPROVER_L1_KEY": Account.from_mnemonic(MNEMONIC).key.hex(),
        "MULTIPROVER_CACHE": str(tmp_path),
    }
    arguments = ("--types", "sgx", "--count", "5", "--l1", anvil)
    result = document("demo", *arguments, **env)
    assert result["trades"] == 5
    assert all(b["final"] for b in result["batches"])
    assert result["lie"]["refused_by"] == ["sgx", "contract:sgx"]
    assert "set MULTIPROVER_L1_KEY" in refused("demo", *arguments, MULTIPROVER_CACHE=str(tmp_path))


def test_trace_shows_the_program(tmp_path: Path) -> None:
    out = tmp_path / "token.bin"
    traced = document("trace", "examples/token/token.py:Token", "--out", str(out))
    kinds = ["noop", "register", "deposit", "transfer", "withdraw", "force_withdraw", "rotate"]
    assert [k["name"] for k in traced["kinds"]] == kinds
    assert (traced["ports"], traced["authorizations"]) == (2, 1)
    assert out.stat().st_size == traced["bytes"]
    assert "transfer" in run("trace", "examples/token/token.py:Token").stdout


def test_trace_names_the_line_of_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "import multiprover as mp\n\n\nclass Wrong(mp.Transition):\n    total: mp.Cell[mp.u64]\n\n"
        "    @mp.from_l1()\n    def add(self, amount: mp.u64) -> None:\n        if amount > 5:\n"
        "            self.total += amount\n",
        encoding="utf-8",
    )
    assert f"{file}:9: this value is known only when a transaction runs" in refused("trace", f"{file}:Wrong")


def test_provers_prints_manifests_with_the_simulation_visible() -> None:
    manifests = document("provers", "--types", "sgx")
    assert manifests["sgx"]["simulated"] is True
    assert manifests["sgx"]["reads_source"] is True
    assert any("simulation" in w.lower() for w in manifests["sgx"]["warnings"])
    assert "simulated" in run("provers", "--types", "sgx").stdout


def test_a_prover_of_others_is_named_by_a_file(tmp_path: Path) -> None:
    file = tmp_path / "provers.toml"
    command = json.dumps([sys.executable, "-m", "multiprover_sgx.server"])
    file.write_text(f"[provers.other]\ncommand = {command}\n", encoding="utf-8")
    # It says that it is sgx, so it is not what the file calls it.
    assert "other" in refused("provers", "--types", "other", MULTIPROVER_PROVERS=str(file))
    file.write_text(f"[provers.sgx]\ncommand = {command}\nmemory_mib = 512\n", encoding="utf-8")
    assert "sgx" in document("provers", "--types", "sgx", MULTIPROVER_PROVERS=str(file))
    file.write_text("[provers.sgx]\n", encoding="utf-8")
    reason = refused("provers", "--types", "sgx", MULTIPROVER_PROVERS=str(file))
    assert "either a command or an address" in reason


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1680652700452,1680652700441533,BTCUSDT,1,28145.10,-1,sell,MARKET", ":2, column qty"),
        ("1680652700452,1680652700441533,BTCUSDT,1,abc,1,sell,MARKET", ":2, column price"),
        ("1680652700452,1680652700441533,BTCUSDT,1,28145.10,1,hold,MARKET", ":2, column taker_side"),
        ("1680652700452,1680652700441533,BTCUSDT", ":2"),
    ],
)
def test_a_bad_row_is_named_before_anything_is_sent(tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "trades.csv"
    file.write_text(HEADER + row + "\n", encoding="utf-8")
    assert message in refused("demo", "--types", "sgx", "--trades", str(file), "--count", "1")


def test_what_cannot_be_done_is_one_line_with_a_reason(tmp_path: Path) -> None:
    few = tmp_path / "trades.csv"
    few.write_text(
        HEADER + "1680652700452,1680652700441533,BTCUSDT,1,28145.10,0.1,sell,MARKET\n", encoding="utf-8"
    )
    arguments = ("demo", "--types", "sgx", "--count", "2")
    assert "has 1 trades, 2 were asked for" in refused(*arguments, "--trades", str(few))
    assert "there is no trades file" in refused(*arguments, "--trades", str(tmp_path / "none.csv"))
    assert "expected one of the proof types groth16, halo2, plonky2, sgx" in refused(
        "provers", "--types", "groth17"
    )
    assert "is no data directory" in refused("status", str(tmp_path))
    assert "got no answer" in refused(
        *arguments, "--l1", "http://127.0.0.1:1", MULTIPROVER_CACHE=str(tmp_path)
    )


def test_a_command_line_that_cannot_be_understood_ends_with_2() -> None:
    assert run("demo", "--count", "0").returncode == 2
    assert run("nonsense").returncode == 2


def test_stored_cases_are_those_of_the_programs_of_today() -> None:
    """Files that scripts wrote from the examples: a stale one would test another program."""
    for script, file in [
        ("scripts/conformance_cases.py", "vectors/conformance/token.json"),
        ("scripts/perpetuals_case.py", "provers/groth16/internal/reference/testdata/perpetuals_trades.json"),
    ]:
        before = (ROOT / file).read_bytes()
        try:
            done = subprocess.run(
                [sys.executable, script], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert (ROOT / file).read_bytes() == before, f"{file} is stale: run {script}"
        finally:
            (ROOT / file).write_bytes(before)
