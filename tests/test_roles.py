"""The commands of operator, council, watcher and user, on the embedded L1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fresh_cache import fresh_cache
from test_node import ROOT, TOKEN, Events
from typer.testing import CliRunner

from multiprover.cli.main import EXPECTED_ERRORS, app
from multiprover.node.workspace import Workspace
from multiprover.settlement import l1 as l1_module
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.types import DAY_S

ETH = 10**9


def documented(output: str) -> dict[str, Any]:
    """The document on standard output, after log lines that only :func:`main` sends elsewhere."""
    document: dict[str, Any] = json.loads(output[output.index("{") :])
    return document


@dataclass
class Stage:
    """An L1 in this process behind a URL, and a deployment there that the operator's command made."""

    l1: L1
    directory: Path
    document: dict[str, Any]

    @property
    def accounts(self) -> list[LocalAccount]:
        return self.l1.dev_accounts()

    def run(self, role: str, *arguments: str, by: int = 0, code: int = 0) -> dict[str, Any]:
        """A role's command by one of the accounts; its JSON document."""
        if role == "watcher":
            before, after = ["watcher"], list(arguments)
        else:
            before, after = [role], list(arguments)
        target = ["--l1", "http://embedded", "--settlement", self.document["settlement"]]
        line = [*before, *after, *target] if role == "watcher" else [*before, *target, *after]
        result = CliRunner().invoke(
            app, [*line, "--json"], env={"MULTIPROVER_L1_KEY": self.accounts[by].key.hex()}
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return documented(result.stdout)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        l1 = open_l1(None)
        folder = tmp_path_factory.mktemp("roles")
        patch.setattr(l1_module, "open_l1", lambda *_, **__: l1)
        patch.setenv("MULTIPROVER_CACHE", str(fresh_cache(folder / "cache")))
        accounts = l1.dev_accounts()
        members = ",".join(a.address for a in accounts[4:7])
        arguments = ["deploy", str(folder / "data"), TOKEN, "--slots", "2", "--types", "sgx"]
        arguments += ["--council", members, "--threshold", "2", "--allow-simulated", "--json"]
        result = CliRunner().invoke(
            app,
            ["operator", "--l1", "http://embedded", *arguments],
            env={"MULTIPROVER_L1_KEY": accounts[0].key.hex()},
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        yield Stage(l1, folder / "data", documented(result.stdout))


def sequence(stage: Stage) -> int:
    """Have the sequencer take in the queue; gives how many batches are final."""
    from multiprover.settlement.deploy import Contracts

    with Workspace.open(stage.directory) as workspace:
        workspace.prepare()
        contracts = Contracts.at(stage.l1, bytes.fromhex(stage.document["settlement"][2:]))
        with workspace.node(contracts, stage.accounts[0], Events()) as node:
            node.take_queue()
            node.seal()
            node.wait_final(60)
            return len(node.batches)


def test_a_deployment_shows_all_that_binds_it(stage: Stage) -> None:
    shown = stage.run("operator", "show")
    assert shown["windows_s"] == {
        "timelock": 30 * DAY_S, "council": 7 * DAY_S, "proof": 7 * DAY_S, "force": DAY_S, "late": 14 * DAY_S,
        "escape": 90 * DAY_S,
    }  # fmt: skip
    assert shown["council_threshold"] == 2
    assert shown["policy"]["accepts_halt"] is True
    assert shown["types"]["sgx"]["standing"] == "active"
    assert shown["settlement"] == stage.document["settlement"]


def test_a_user_comes_in_forces_a_withdrawal_and_goes_out(stage: Stage, tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.write_text("0x" + "11" * 32 + "\n", encoding="utf-8")
    user = stage.accounts[7].address
    stage.run("user", "register", TOKEN, "3", "--seed", str(seed), "--height", "2", by=7)
    paid = stage.run("user", "deposit", TOKEN, "3", str(2 * ETH), by=7)
    assert paid["paid_wei"] == 2 * ETH * 10**9
    assert paid["events"][0]["event"] == "Enqueued"
    sequence(stage)
    values = ("account=3", f"amount={ETH}", f"recipient={user}")
    with pytest.raises(EXPECTED_ERRORS, match="enqueue: not the owner"):
        stage.run("user", "force", TOKEN, "force_withdraw", *values, by=7)
    owner = stage.run("user", "prove-owner", TOKEN, "3", by=8)["owner"]
    assert owner.lower() == user.lower()
    stage.run("user", "force", TOKEN, "force_withdraw", *values, by=7)
    sequence(stage)
    (row,) = stage.run("user", "withdrawals", TOKEN, "--recipient", user)["withdrawals"]
    assert (row["amount"], row["final"], row["paid"]) == (ETH, True, False)
    before = stage.l1.web3.eth.get_balance(stage.accounts[7].address)
    stage.run("user", "withdraw", str(row["batch"]), str(row["slot"]), by=8)
    assert stage.l1.web3.eth.get_balance(stage.accounts[7].address) - before == ETH * 10**9
    with pytest.raises(EXPECTED_ERRORS, match="withdraw: paid"):
        stage.run("user", "withdraw", str(row["batch"]), str(row["slot"]), by=8)
    assert stage.run("watcher", TOKEN, "--once", by=8) == {
        "batches": row["batch"], "state_true": True, "findings": [],
    }  # fmt: skip


def test_a_policy_is_proposed_waits_and_is_applied(stage: Stage, tmp_path: Path) -> None:
    policy = stage.run("operator", "show")["policy"]
    policy["tiers"][0]["alternatives"][0]["delay_s"] = 60
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy), encoding="utf-8")
    proposed = stage.run("operator", "policy", "propose", str(file))
    assert proposed["ready"] == stage.l1.now() + 30 * DAY_S
    with pytest.raises(EXPECTED_ERRORS, match="timelock: too early"):
        stage.run("operator", "policy", "apply", str(file))
    # A longer delay is tighter, and needs no notice.
    stage.run("operator", "policy", "tighten", str(file))
    assert stage.run("operator", "show")["policy"] == policy
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(EXPECTED_ERRORS, match="expected a policy in JSON"):
        stage.run("operator", "policy", "apply", str(file))


def test_an_enclaves_key_is_registered_and_barred(stage: Stage) -> None:
    signer = "0x" + "77" * 20
    stage.run("operator", "register", signer)
    stage.run("operator", "revoke", signer)
    with pytest.raises(EXPECTED_ERRORS, match="sgx: key"):
        stage.run("operator", "register", signer)
    with pytest.raises(EXPECTED_ERRORS, match="sgx: not the"):
        stage.run("operator", "revoke", by=8)


def test_the_council_acts_in_a_conflict_only_and_together(stage: Stage, tmp_path: Path) -> None:
    assert stage.run("council", "conflicts") == {"conflicts": []}
    with pytest.raises(EXPECTED_ERRORS, match="expected an open conflict, found none"):
        stage.run("council", "choose", "0", "--out", str(tmp_path / "action"), by=4)
    file = str(tmp_path / "replace")
    adapter = "0x" + "12" * 20
    action = stage.run("council", "replace", "sgx", adapter, "--gas", "40000", "--out", file, by=4)
    assert action["threshold"] == 2
    with pytest.raises(EXPECTED_ERRORS, match="expected the key of a member"):
        stage.run("council", "approve", file, by=1)
    stage.run("council", "approve", file, by=5)
    with pytest.raises(EXPECTED_ERRORS, match="council: too few signatures"):
        stage.run("council", "execute", file, by=1)
    assert len(stage.run("council", "approve", file, by=4)["signatures"]) == 2
    with pytest.raises(EXPECTED_ERRORS, match="replace: type is active"):
        stage.run("council", "execute", file, by=1)


def test_a_key_file_and_its_password(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key.json"
    file.write_text(
        json.dumps(Account.encrypt(stage.accounts[8].key, "secret", iterations=2)), encoding="utf-8"
    )
    target = [
        "--l1",
        "http://embedded",
        "--settlement",
        stage.document["settlement"],
        "--keystore",
        str(file),
    ]
    line = ["user", *target, "deposit", TOKEN, "3", "5", "--json"]
    monkeypatch.delenv("MULTIPROVER_L1_KEY", raising=False)
    monkeypatch.setenv("MULTIPROVER_KEYSTORE_PASSWORD", "wrong")
    result = CliRunner().invoke(app, line)
    assert "expected a key file and its password" in str(result.exception)
    monkeypatch.setenv("MULTIPROVER_KEYSTORE_PASSWORD", "secret")
    result = CliRunner().invoke(app, line)
    sender = documented(result.stdout)["events"][0]["sender"]
    assert sender.lower() == stage.accounts[8].address.lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["operator", "show"], "expected the URL of an L1"),
        (["operator", "--l1", "http://embedded", "show"], "expected the address of a Settlement contract"),
        (
            ["operator", "--l1", "http://embedded", "--settlement", "0x12", "show"],
            "expected an address of 20 bytes",
        ),
        (
            ["operator", "--l1", "http://embedded", "--settlement", "0x" + "12" * 20, "show"],
            "expected a Settlement contract, got an address without code",
        ),
    ],
)
@pytest.mark.usefixtures("stage")
def test_what_lacks_is_named(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, EXPECTED_ERRORS)
    assert message in str(result.exception)


def test_another_transition_is_refused(stage: Stage) -> None:
    other = f"{ROOT / 'examples/perpetuals/perpetuals.py'}:Perpetuals"
    with pytest.raises(EXPECTED_ERRORS, match=r"expected program 0x.*, which the deployment runs"):
        stage.run("user", "deposit", other, "3", "5", by=7)
