"""The commands of operator, council, watcher and user, on the embedded L1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address
from fresh_cache import fresh_cache
from test_node import ROOT, TOKEN, Events
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from multiprover.cli.main import EXPECTED_ERRORS, app
from multiprover.node.workspace import Workspace
from multiprover.settlement import claims
from multiprover.settlement import l1 as l1_module
from multiprover.settlement.contracts import artifact
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.evidence import Evidence, Result
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.types import DAY_S, SuiteResult

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


@contextmanager
def forgotten(stage: Stage) -> Iterator[None]:
    """What is done meanwhile, L1 forgets."""
    checkpoint = stage.l1.snapshot()
    try:
        yield
    finally:
        stage.l1.revert(checkpoint)


def contracts_of(stage: Stage) -> Contracts:
    return Contracts.at(stage.l1, bytes.fromhex(stage.document["settlement"][2:]))


def public_lie(stage: Stage, key: bytes, payee: bytes) -> Evidence:
    """A batch of noops that changes the state, signed by an enclave's key."""
    settlement = contracts_of(stage).settlement
    journal = bytes(settlement.journal_bytes - 1) + b"\x09"
    roots = [(i + 3).to_bytes(4, "big") * 8 for i in range(len(settlement.names.suites))]
    digest = claims.vouch_digest(
        stage.l1.chain_id,
        settlement.address,
        domain=settlement.domain,
        claim=claims.claim_id(settlement.genesis, journal),
        pre_state_root=claims.state_root(settlement.genesis_roots),
        post_state_root=claims.state_root(roots),
        payee=payee,
    )
    return Evidence(
        proof_type="sgx",
        parent=settlement.genesis,
        journal=journal,
        results=tuple(Result.of(SuiteResult(root)) for root in roots),
        payee=payee,
        proof=claims.sign_vouch(key, digest),
    )


def test_a_canary_disables_its_type_and_is_paid(stage: Stage, tmp_path: Path) -> None:
    leaked, payee, file = keccak(b"leaked"), b"\x79" * 20, tmp_path / "canary.json"
    file.write_text(public_lie(stage, leaked, payee).model_dump_json(), encoding="utf-8")
    with pytest.raises(EXPECTED_ERRORS, match="sgx: key"):
        stage.run("anyone", "canary", str(file), by=8)
    signer = "0x" + claims.signer_address(leaked).hex()
    with forgotten(stage):
        stage.run("operator", "register", signer)
        stage.run("anyone", "fund-bounty", "5", by=8)
        told = stage.run("anyone", "canary", str(file), by=8)
        assert told["paid_wei"] == stage.l1.web3.eth.get_balance(to_checksum_address(payee)) == 10**18
        assert stage.run("operator", "show")["types"]["sgx"]["standing"] == "disabled"
        with pytest.raises(EXPECTED_ERRORS, match="type: disabled"):
            stage.run("anyone", "canary", str(file), by=8)
        with pytest.raises(EXPECTED_ERRORS, match="bounty: nothing to pay"):
            stage.run("anyone", "claim-bounty", "0x" + payee.hex(), by=8)
    # What lies in its folder, the watcher brings by itself; what is no proof, it leaves out.
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with forgotten(stage):
        stage.run("operator", "register", signer)
        shown = stage.run("watcher", TOKEN, "--once", "--proofs", str(tmp_path), by=8)
        (canary,) = [f for f in shown["findings"] if f["kind"] == "canary"]
        assert canary["action"] == "brought the canary"
        assert canary["transaction"].startswith("0x")


def test_a_further_type_is_announced_taken_back_announced_again_and_added(stage: Stage) -> None:
    with forgotten(stage):
        suites = ",".join(stage.document["suites"])  # and any contract will do for an adapter
        new = ["halo2", stage.document["bridge"], "--suites", suites, "--gas", "700000", "--weight", "9"]
        stage.run("operator", "type", "schedule", *new)
        (row,) = [r for r in stage.run("operator", "announced")["announced"] if r["kind"] == "type"]
        assert row["ready"] == stage.l1.now() + 30 * DAY_S
        with pytest.raises(EXPECTED_ERRORS, match="operator: not the operator"):
            stage.run("operator", "cancel", row["key"], by=8)
        stage.run("operator", "cancel", row["key"])
        assert row["key"] not in {r["key"] for r in stage.run("operator", "announced")["announced"]}
        stage.run("operator", "type", "schedule", *new)
        with pytest.raises(EXPECTED_ERRORS, match="timelock: too early"):
            stage.run("operator", "type", "apply", *new, by=8)
        stage.l1.advance_time(30 * DAY_S)
        stage.run("operator", "type", "apply", *new, by=8)
        assert stage.run("operator", "show")["types"]["halo2"]["standing"] == "active"


def test_a_token_is_announced_and_taken_back(stage: Stage) -> None:
    with forgotten(stage):
        token = ["1", stage.document["bridge"], "--unit", "1", "--rate", "5"]
        stage.run("operator", "asset", "schedule", *token)
        stage.run("operator", "asset", "cancel", *token)
        with pytest.raises(EXPECTED_ERRORS, match="asset: not scheduled"):
            stage.run("operator", "asset", "list", *token, by=8)


def test_the_seat_is_left_taken_and_paid(stage: Stage) -> None:
    with forgotten(stage):
        with pytest.raises(EXPECTED_ERRORS, match="seat: taken"):
            stage.run("operator", "seat", "take", by=8)
        stage.run("operator", "seat", "leave")
        with pytest.raises(EXPECTED_ERRORS, match="seat: notice"):
            stage.run("operator", "seat", "retire")
        stage.l1.advance_time(DAY_S)
        stage.run("operator", "seat", "retire")
        before = stage.l1.web3.eth.get_balance(stage.accounts[0].address)
        stage.run("operator", "seat", "credit", stage.accounts[0].address, by=8)
        assert stage.l1.web3.eth.get_balance(stage.accounts[0].address) - before == 10**18
        stage.run("operator", "seat", "take", by=8)
        assert stage.run("operator", "show")["sequencer"] == stage.accounts[8].address.lower()


def test_the_council_bars_keys_and_changes_its_members(stage: Stage, tmp_path: Path) -> None:
    def together(*proposal: str) -> None:
        file = str(tmp_path / "action")
        stage.run("council", *proposal, "--out", file, by=4)
        for member in (4, 5):
            stage.run("council", "approve", file, by=member)
        stage.run("council", "execute", file, by=8)

    with forgotten(stage):
        signer = "0x" + "66" * 20
        stage.run("operator", "register", signer)
        together("revoke", signer)
        assert contracts_of(stage).sgx().standing(bytes.fromhex(signer[2:])) == "revoked"
        together("revoke")
        seats = [stage.accounts[i].address for i in (7, 6)]
        with pytest.raises(EXPECTED_ERRORS, match="council: threshold"):
            together("members", *seats, "--threshold", "1")
        together("members", *seats, "--threshold", "2")
        found = contracts_of(stage).council
        assert found is not None
        assert {to_checksum_address(m) for m in found.members()} == set(seats)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["complain"], "stuck: nothing posted"),
        (["discard"], "stuck: nothing posted"),
        (["resolve"], "conflict: none is open"),
        (["catch-up", "sgx"], "catch up: not behind"),
        (["absorb", "0x" + "11" * 32], "absorb: not final"),
        (["settle", "FINAL"], "settle: nothing is due"),
        (["prune", "FINAL"], "prune: not left behind"),
        (["show-conflict", "FINAL", "FINAL"], "conflict: one claim"),
        (["add-branch", "FINAL"], "conflict: none is open"),
        (["overdue", "0"], "overdue: in time"),
        (["overdue", "99"], "expected a queue entry below"),
        (["settle", "0x" + "11" * 32], "expected a claim that is posted on L1"),
        (["settle", "0x11"], "expected 32 bytes in hex"),
        (["canary", "/nowhere"], "expected a proof with its statement in JSON"),
        (["convict", "/nowhere", "FINAL"], "expected a proof with its statement in JSON"),
    ],
)
def test_what_anyone_may_do_is_true_or_refused(stage: Stage, line: list[str], reason: str) -> None:
    """Each command reaches its function: what comes back is that function's own reason."""
    final = stage.run("operator", "show")["final"]["claim"]
    with pytest.raises(EXPECTED_ERRORS, match=reason):
        stage.run("anyone", *(final if word == "FINAL" else word for word in line), by=8)


def test_a_reserve_is_given_and_a_credit_that_is_none_refused(stage: Stage) -> None:
    with forgotten(stage):
        before = contracts_of(stage).bridge.balance()
        stage.run("anyone", "fund-bridge", "7", by=8)
        assert contracts_of(stage).bridge.balance() == before + 7
    with pytest.raises(EXPECTED_ERRORS, match="collect: nothing"):
        stage.run("user", "collect", stage.accounts[8].address, by=8)


COMMANDS = {
    "Settlement": {
        "post": "settle", "propose": "watcher", "bind": "watcher", "vouch": "settle",
        "settle": "anyone settle",
        "complain": "anyone complain", "discard": "anyone discard", "catch_up": "anyone catch-up",
        "prune": "anyone prune",
    },
    "Governance": {
        "propose_policy": "operator policy propose", "apply_policy": "operator policy apply",
        "tighten_policy": "operator policy tighten", "schedule_upgrade": "operator upgrade schedule",
        "apply_upgrade": "operator upgrade apply", "schedule_type": "operator type schedule",
        "apply_type": "operator type apply", "cancel": "operator cancel",
        "show_conflict": "anyone show-conflict", "add_branch": "anyone add-branch",
        "resolve": "anyone resolve", "convict": "anyone convict", "canary": "anyone canary",
        "claim_bounty": "anyone claim-bounty", "fund": "anyone fund-bounty", "choose": "council choose",
        "replace_verifier": "council replace",
    },
    "Sequencing": {
        "overdue": "anyone overdue", "take_seat": "operator seat take", "leave": "operator seat leave",
        "retire": "operator seat retire", "withdraw_credit": "operator seat credit",
    },
    "Council": {"execute": "council execute", "set_members": "council members"},
    "Bridge": {
        "enqueue": "user force", "prove_owner": "user prove-owner", "refund": "user refund",
        "refund_queued": "user refund", "withdraw": "user withdraw", "absorb": "anyone absorb",
        "collect": "user collect", "fund": "anyone fund-bridge", "halt": "user halt", "escape": "user escape",
        "schedule_asset": "operator asset schedule", "cancel_asset": "operator asset cancel",
        "list_asset": "operator asset list",
    },
    "SgxAdapter": {
        "register": "operator register", "revoke": "operator revoke", "revoke_epoch": "operator revoke",
    },
}  # fmt: skip
HOOKS = {
    "Settlement": {
        "halt", "set_policy", "add_type", "set_next", "reinstate", "set_status", "freeze", "close", "elect",
        "set_root",
    },
    "Governance": {"dissent"},
    "Sequencing": {"discarded"},
}  # fmt: skip
"""What only another of the contracts may call."""


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_whatever_a_contract_can_do_has_a_command(name: str) -> None:
    functions = {
        entry["name"]
        for entry in artifact(name).abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert functions == COMMANDS[name].keys() | HOOKS.get(name, set())
    for command in COMMANDS[name].values():
        at: object = get_command(app)
        for part in command.split():
            assert isinstance(at, TyperGroup)
            assert part in at.commands, command
            at = at.commands[part]


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
