"""The connection to L1: what it refuses before sending, how it waits, and the chain in this process."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from settlement_support import Deployment, create, deployer, journal, raw

from multiprover.settlement.contracts import sources
from multiprover.settlement.errors import (
    REASONS,
    CreationRefusedError,
    EnqueueRefusedError,
    GasRangeError,
    L1Error,
    PostRefusedError,
    ProofRefusedError,
    ReceiptTimeoutError,
    RefusedError,
    VouchRefusedError,
    refused,
)
from multiprover.settlement.l1 import (
    L1,
    TRANSACTION_GAS_CAP,
    calldata_floor,
    contract_address,
    open_l1,
)


@pytest.fixture(scope="module")
def l1() -> L1:
    return open_l1(None)


# Reasons


def reasons_in_the_contracts() -> set[str]:
    """Every string after an assertion; each contract's reasons start with its own prefix."""
    found = set()
    for path in [*sources().glob("*.vy"), *sources().glob("*.sol")]:
        for part in path.read_text().split('"')[1::2]:
            if ": " in part and "\n" not in part:
                found.add(part)
    return found


def test_every_reason_is_explained_and_given() -> None:
    assert reasons_in_the_contracts() == set(REASONS)


def test_every_assertion_has_a_reason() -> None:
    for path in sources().glob("*.vy"):
        text = path.read_text()
        for at, line in enumerate(text.splitlines(), 1):
            if line.strip().startswith("assert ") and not line.rstrip().endswith(("(", "[")):
                assert line.count('"') >= 2, f"{path.name}:{at}"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("init: slots", CreationRefusedError),
        ("enqueue: value", EnqueueRefusedError),
        ("propose: other inputs", PostRefusedError),
        ("bind: commitment", PostRefusedError),
        ("vouch: not the head", VouchRefusedError),
        ("groth16: proof", ProofRefusedError),
        ("sgx: high s", ProofRefusedError),
    ],
)
def test_a_reason_has_its_exception(reason: str, kind: type[RefusedError]) -> None:
    error = refused(reason, "this", "that")
    assert type(error) is kind
    assert str(error) == f"{reason}: {REASONS[reason]}: expected this, got that"


# Gas


def test_the_floor_is_that_of_the_eip() -> None:
    assert calldata_floor(b"") == 21_000
    assert calldata_floor(b"\x00\x00\x01") == 21_000 + 20 + 40


def test_the_embedded_chain_charges_the_floor(l1: L1) -> None:
    data = b"\x01" * 1000
    account = l1.dev_accounts()[0]
    assert l1.transact(account, raw(l1.dev_accounts()[1]), data).gas_used == calldata_floor(data) == 61_000


def test_gas_under_the_floor_is_not_sent(l1: L1) -> None:
    account = l1.dev_accounts()[0]
    nonce = l1.web3.eth.get_transaction_count(account.address)  # type: ignore[arg-type]
    data = b"\x01" * 1000
    with pytest.raises(GasRangeError, match="expected at least 61000 gas, got 60999"):
        l1.transact(account, raw(account), data, gas=60_999)
    with pytest.raises(GasRangeError, match="expected at most 16777216 gas, got 16777217"):
        l1.transact(account, raw(account), data, gas=TRANSACTION_GAS_CAP + 1)
    assert l1.web3.eth.get_transaction_count(account.address) == nonce  # type: ignore[arg-type]
    l1.transact(account, raw(account), data, gas=61_000)


# Sending


def test_a_transaction_that_would_revert_is_not_sent(l1: L1) -> None:
    account = deployer(l1)
    adapter = create(
        l1,
        "SgxAdapter",
        encode(
            ["address", "address", "bool", "bytes32"],
            [account.address, account.address, True, bytes(32)],
        ),
    )
    nonce = l1.web3.eth.get_transaction_count(account.address)  # type: ignore[arg-type]
    with pytest.raises(RefusedError):
        l1.transact(account, adapter, b"\xff\xff\xff\xff")
    assert l1.web3.eth.get_transaction_count(account.address) == nonce  # type: ignore[arg-type]


def test_a_transaction_that_reverts_when_mined_is_refused(l1: L1, monkeypatch: pytest.MonkeyPatch) -> None:
    """State changed after it was simulated: the reason is looked up again."""
    d = Deployment.create(l1, ("bn254",), ("one",))
    s = d.settlement
    genuine, seen = l1.call, []

    def first_look_passes(*args: Any) -> bytes:
        seen.append(args)
        return b"" if len(seen) == 1 else genuine(*args)

    monkeypatch.setattr(l1, "call", first_look_passes)
    with pytest.raises(PostRefusedError, match="post: not the sequencer"):
        s.post(d.stranger, s.genesis, journal(), d.commitments())
    assert len(seen) == 2


def test_a_sender_that_cannot_pay_is_told(l1: L1) -> None:
    poor: LocalAccount = Account.create()
    with pytest.raises(L1Error, match="expected the node to take the request"):
        l1.transact(poor, raw(poor), b"", gas=21_000)


def test_an_unmined_transaction_times_out(l1: L1, monkeypatch: pytest.MonkeyPatch) -> None:
    from web3.exceptions import TimeExhausted

    account = deployer(l1)
    waited: list[Any] = []

    def never(tx_hash: bytes, timeout: float, poll_latency: float) -> Any:
        waited.append((tx_hash, timeout, poll_latency))
        raise TimeExhausted

    monkeypatch.setattr(l1.web3.eth, "wait_for_transaction_receipt", never)
    with pytest.raises(ReceiptTimeoutError, match="not mined after 120 s") as caught:
        l1.transact(account, raw(account), b"", gas=21_000)
    assert waited == [(caught.value.tx_hash, 120.0, 0.1)]


def test_threads_share_an_account(l1: L1) -> None:
    account, target = deployer(l1), b"\x0a" * 20
    failures: list[Exception] = []

    def send() -> None:
        try:
            for _ in range(5):
                l1.transact(account, target, b"", value=1, gas=21_000)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert l1.web3.eth.get_balance(to_checksum_address(target)) == 20
    assert l1.web3.eth.get_transaction_count(account.address) == 20  # type: ignore[arg-type]


def test_contract_addresses_are_foreseen(l1: L1) -> None:
    account = deployer(l1)
    for nonce in range(3):
        code = bytes.fromhex("6001600c60003960016000f300")
        assert l1.create(account, code) == contract_address(raw(account), nonce)


# The chain in this process


def test_time_can_be_advanced(l1: L1) -> None:
    before = l1.now()
    l1.advance_time(86_400)
    assert l1.now() == before + 86_400
    with pytest.raises(L1Error, match="at least 1 second, got 0"):
        l1.advance_time(0)


def test_each_transaction_is_a_block(l1: L1) -> None:
    account = l1.dev_accounts()[0]
    first = l1.transact(account, raw(account), b"", gas=21_000)
    second = l1.transact(account, raw(account), b"", gas=21_000)
    assert second.block_number == first.block_number + 1


PRECOMPILES = {
    "add": (6, (1).to_bytes(32, "big") + (2).to_bytes(32, "big") + bytes(64)),
    "mul": (7, (1).to_bytes(32, "big") + (2).to_bytes(32, "big") + (5).to_bytes(32, "big")),
    "pairing": (8, bytes(192)),
}


@pytest.mark.parametrize("name", sorted(PRECOMPILES))
def test_native_precompiles_answer_as_py_evm_does(name: str) -> None:
    from eth.vm.forks.prague.computation import PragueComputation

    number, data = PRECOMPILES[name]
    genuine = PragueComputation.get_precompiles()[number.to_bytes(20, "big")]

    class Message:
        def __init__(self, data: bytes) -> None:
            self.data = data
            self.data_as_bytes = data

    class Computation:
        def __init__(self, data: bytes) -> None:
            self.msg = Message(data)
            self.output = b""
            self.gas = 0

        def consume_gas(self, amount: int, reason: str) -> None:
            assert reason
            self.gas += amount

    from multiprover.settlement.embedded import _native

    expected, found = Computation(data), Computation(data)
    genuine(expected)  # type: ignore[arg-type]
    _native(number)(found)
    assert (found.output, found.gas) == (expected.output, expected.gas)


@pytest.mark.parametrize("number", [6, 7, 8])
def test_a_bad_point_fails_the_precompile(l1: L1, number: int) -> None:
    off_curve = (1).to_bytes(32, "big") + (3).to_bytes(32, "big")
    with pytest.raises(RefusedError):
        l1.call(number.to_bytes(20, "big"), off_curve.ljust(192, b"\x00"))


def test_a_node_that_does_not_answer_is_told() -> None:
    with pytest.raises(L1Error, match="got no answer"):
        open_l1("http://127.0.0.1:9", request_timeout_s=1.0)
