"""The client against a node: anvil with Osaka's rules and the cap on a transaction's gas."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from settlement_support import FROZEN, GWEI, PAYEE, deposit, journal, raw
from test_settlement_real import Rollup, settle_two_batches
from web3 import Web3

from multiprover.settlement import claims
from multiprover.settlement.base import events_of
from multiprover.settlement.client import Settlement
from multiprover.settlement.errors import (
    EnqueueRefusedError,
    GasRangeError,
    L1Error,
    PostRefusedError,
    ReceiptTimeoutError,
)
from multiprover.settlement.events import Enqueued, Finalised, Happened, Posted, Vouched
from multiprover.settlement.l1 import L1, calldata_floor, open_l1

FOLDER = Path(__file__).parent / "anvil"
MNEMONIC = "test test test test test test test test test test test junk"
START_S = 60

pytestmark = pytest.mark.skipif(
    shutil.which("npm") is None, reason="npm is missing: it installs anvil (tests/anvil/package.json)"
)


@pytest.fixture(scope="module")
def l1(anvil: str) -> L1:
    return open_l1(anvil)


@pytest.fixture(scope="module")
def accounts() -> list[LocalAccount]:
    Account.enable_unaudited_hdwallet_features()
    return [Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{i}") for i in range(4)]


@pytest.fixture(scope="module")
def rollup(l1: L1, accounts: list[LocalAccount]) -> Rollup:
    return Rollup.deploy(l1, accounts)


def test_two_batches_are_settled(rollup: Rollup) -> None:
    settle_two_batches(rollup)
    s = rollup.settlement
    located = events_of(s.l1, [Settlement(s.l1, s.address)])
    events = [each.event for each in located if not isinstance(each.event, Happened)]
    assert [type(e) for e in events] == [
        Posted,
        Posted,
        Vouched,
        Vouched,
        Finalised,
        Vouched,
        Vouched,
        Finalised,
    ]
    assert events[2] == Vouched(claims.claim_id(s.genesis, FROZEN[0].journal), "groth16", PAYEE)
    posted = [located for located in events_of(s.l1, [s]) if isinstance(located.event, Posted)]
    assert [s.journal(p) for p in posted] == [f.journal for f in FROZEN]


def test_refusals_carry_their_reason(rollup: Rollup) -> None:
    s = rollup.settlement
    with pytest.raises(PostRefusedError, match="post: not the sequencer"):
        s.post(rollup.stranger, s.genesis, journal(), [bytes(32)])
    with pytest.raises(EnqueueRefusedError, match=f"expected {2 * GWEI} wei, got 1"):
        rollup.contracts.bridge.enqueue(rollup.stranger, deposit(1, 2), value=1)


def test_a_deposit_is_queued(rollup: Rollup) -> None:
    receipt = rollup.contracts.bridge.enqueue(rollup.stranger, deposit(3, 4))
    (event,) = receipt.events
    assert isinstance(event, Enqueued)
    assert (event.index, event.sender, event.words) == (0, raw(rollup.stranger), deposit(3, 4))


def test_the_floor_is_charged_and_checked(l1: L1, accounts: list[LocalAccount]) -> None:
    data = b"\x01" * 2000
    floor = calldata_floor(data)
    assert l1.transact(accounts[0], raw(accounts[1]), data).gas_used == floor
    with pytest.raises(GasRangeError, match=f"expected at least {floor} gas, got {floor - 1}"):
        l1.transact(accounts[0], raw(accounts[1]), data, gas=floor - 1)
    assert l1.transact(accounts[0], raw(accounts[1]), data, gas=floor).gas_used == floor


def test_an_unmined_transaction_times_out_and_the_next_ones_go_on(
    anvil: str, accounts: list[LocalAccount]
) -> None:
    impatient = open_l1(anvil, receipt_timeout_s=1.0)
    provider = impatient.web3.provider
    provider.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
    try:
        with pytest.raises(ReceiptTimeoutError) as caught:
            impatient.transact(accounts[3], raw(accounts[2]), b"", value=1)
    finally:
        provider.make_request("evm_setAutomine", [True])  # type: ignore[arg-type]
    provider.make_request("evm_mine", [])  # type: ignore[arg-type]
    receipt = impatient.web3.eth.get_transaction_receipt(caught.value.tx_hash)  # type: ignore[arg-type]
    assert receipt["status"] == 1
    impatient.transact(accounts[3], raw(accounts[2]), b"", value=1)


def test_a_sender_that_cannot_pay_is_told(l1: L1) -> None:
    poor: LocalAccount = Account.create()
    with pytest.raises(L1Error, match="expected the node to take the request"):
        l1.transact(poor, raw(poor), b"", value=1)


def test_a_node_that_went_away_is_told(accounts: list[LocalAccount], anvil: str) -> None:
    gone = open_l1(anvil)
    gone.web3.provider = Web3.HTTPProvider("http://127.0.0.1:9")
    with pytest.raises(L1Error, match="expected the node to take the request"):
        gone.transact(accounts[0], raw(accounts[1]), b"")


def test_time_can_be_advanced(l1: L1) -> None:
    before = l1.now()
    l1.advance_time(86_400)
    assert l1.now() >= before + 86_400
