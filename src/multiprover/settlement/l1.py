"""A connection to L1: any JSON-RPC node, or a chain in this process."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import rlp  # type: ignore[import-untyped]
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_tester.exceptions import TransactionFailed  # type: ignore[import-untyped]
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError
from requests.exceptions import RequestException
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TimeExhausted, Web3RPCError
from web3.types import LogReceipt, TxParams, Wei

from multiprover.settlement.embedded import EmbeddedProvider
from multiprover.settlement.errors import GasRangeError, L1Error, ReceiptTimeoutError, refused

TRANSACTION_GAS_CAP: Final = 2**24
"""The most gas that a transaction may ask for (EIP-7825)."""

TRANSACTION_GAS: Final = 21_000
FLOOR_GAS_PER_TOKEN: Final = 10
TOKENS_PER_NONZERO_BYTE: Final = 4
GAS_MARGIN: Final = 1.25
"""Gas asked for over what the node estimates: state may change before the transaction is mined."""

_ERROR_STRING: Final = bytes.fromhex("08c379a0")


def calldata_floor(data: bytes) -> int:
    """The least gas that a transaction with this calldata pays and must ask for (EIP-7623)."""
    zeros = data.count(0)
    return TRANSACTION_GAS + FLOOR_GAS_PER_TOKEN * (zeros + TOKENS_PER_NONZERO_BYTE * (len(data) - zeros))


def contract_address(deployer: bytes, nonce: int) -> bytes:
    """The 20-byte address of the contract that ``deployer``'s transaction number ``nonce`` creates."""
    return keccak(rlp.encode([deployer, nonce]))[12:]


@dataclass(frozen=True)
class Mined:
    """A transaction that took effect."""

    tx_hash: bytes
    block_number: int
    gas_used: int
    created: bytes | None
    """20-byte address of the contract that it created."""
    logs: tuple[LogReceipt, ...]


class L1:
    """One chain. Methods may be called from any thread."""

    def __init__(self, web3: Web3, *, receipt_timeout_s: float = 120.0) -> None:
        self.web3 = web3
        self.receipt_timeout_s = receipt_timeout_s
        self.chain_id: int = web3.eth.chain_id
        provider = web3.provider
        self._embedded = provider if isinstance(provider, EmbeddedProvider) else None
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._locks_lock = threading.Lock()

    @property
    def embedded(self) -> bool:
        """Whether the chain lives in this process, and dies with it."""
        return self._embedded is not None

    def dev_accounts(self) -> list[LocalAccount]:
        """Funded accounts of an embedded chain; none elsewhere."""
        keys = self._embedded.keys if self._embedded else ()
        return [self.web3.eth.account.from_key(key) for key in keys]

    def account(self, private_key: bytes) -> LocalAccount:
        """The account of a 32-byte private key, which stays in this process."""
        account: LocalAccount = self.web3.eth.account.from_key(private_key)
        return account

    def now(self) -> int:
        """Unix seconds of the last block."""
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def advance_time(self, seconds: int) -> None:
        """Mine a block ``seconds`` (at least 1) after the last one. Development chains only.

        Raises:
            L1Error: the node has no such method.
        """
        if seconds < 1:
            raise L1Error(f"advance_time: expected at least 1 second, got {seconds}")
        if self._embedded:
            self._embedded.time_travel(self.now() + seconds)
            return
        for method, params in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            response = self.web3.provider.make_request(method, params)  # type: ignore[arg-type]
            if "error" in response:
                raise L1Error(
                    f"advance_time: expected a development chain, got {response['error']} for {method}"
                )

    def snapshot(self) -> object:
        """Remember the chain as it is. Development chains only.

        Raises:
            L1Error: the node has no such method.
        """
        if self._embedded:
            return self._embedded.snapshot()
        response = self.web3.provider.make_request("evm_snapshot", [])  # type: ignore[arg-type]
        if "error" in response:
            raise L1Error(f"snapshot: expected a development chain, got {response['error']}")
        return response["result"]

    def revert(self, snapshot: object) -> None:
        """Make the chain forget what it did since :meth:`snapshot`: a reorganisation. Development
        chains only.

        Raises:
            L1Error: the node has no such method, or does not know the snapshot.
        """
        if self._embedded:
            self._embedded.revert(snapshot)
            return
        response = self.web3.provider.make_request("evm_revert", [snapshot])  # type: ignore[arg-type]
        if not response.get("result"):
            raise L1Error(f"revert: expected a development chain and its snapshot, got {response}")

    def block(self, number: int | None = None) -> tuple[int, bytes] | None:
        """Number and hash of a block (None: the latest); None if there is none of that number."""
        try:
            found = self.web3.eth.get_block("latest" if number is None else number)
        except BlockNotFound:
            return None
        return int(found["number"]), bytes(found["hash"])

    def call(self, to: bytes | None, data: bytes, sender: bytes | None = None, value: int = 0) -> bytes:
        """Run a call on the latest state without a transaction.

        Raises:
            RefusedError: it reverts.
            L1Error: the node does not answer, or takes no such call (the sender cannot pay, for one).
        """
        tx: TxParams = {"data": Web3.to_hex(data), "value": Wei(value)}
        if to is not None:
            tx["to"] = to_checksum_address(to)
        if sender is not None:
            tx["from"] = to_checksum_address(sender)
        try:
            with _node_errors():
                return bytes(self.web3.eth.call(tx))
        except (ContractLogicError, TransactionFailed) as error:
            raise refused(reason_of(error)) from error

    def transact(
        self,
        sender: LocalAccount,
        to: bytes | None,
        data: bytes,
        *,
        value: int = 0,
        gas: int | None = None,
    ) -> Mined:
        """Simulate, sign, send, and wait until mined.

        Args:
            sender: pays, and signs here.
            to: 20-byte address; None creates a contract.
            data: calldata, or a contract's code with its constructor's arguments.
            value: wei.
            gas: what to ask for; None estimates.

        Raises:
            RefusedError: it would revert, or did.
            GasRangeError: ``gas`` is under the calldata floor or over the cap; nothing was sent.
            ReceiptTimeoutError: it was sent and is not mined in ``receipt_timeout_s``.
            L1Error: the node does not answer, or does not take it (the sender cannot pay, for one).
        """
        floor = calldata_floor(data)
        address = bytes.fromhex(sender.address[2:])
        with self._lock(sender.address), _node_errors():
            self.call(to, data, address, value)
            tx: TxParams = {
                "from": sender.address,
                "data": Web3.to_hex(data),
                "value": Wei(value),
                "chainId": self.chain_id,
                "nonce": self.web3.eth.get_transaction_count(sender.address, "pending"),
            }
            if to is not None:
                tx["to"] = to_checksum_address(to)
            if gas is None:
                gas = self._gas(tx, floor)
            # Nodes accept a transaction under the floor and never mine it.
            if gas < floor:
                raise GasRangeError("calldata floor (EIP-7623)", f"at least {floor}", gas)
            if gas > TRANSACTION_GAS_CAP:
                raise GasRangeError("transaction cap (EIP-7825)", f"at most {TRANSACTION_GAS_CAP}", gas)
            base_fee = self.web3.eth.get_block("latest")["baseFeePerGas"]
            tip = self.web3.eth.max_priority_fee
            tx |= {"gas": gas, "maxPriorityFeePerGas": tip, "maxFeePerGas": Wei(2 * base_fee + tip)}
            signed = sender.sign_transaction(cast(Any, tx))
            tx_hash = bytes(self.web3.eth.send_raw_transaction(signed.raw_transaction))
            return self._mined(tx_hash, to, data, address, value)

    def create(self, sender: LocalAccount, code: bytes, *, value: int = 0) -> bytes:
        """Deploy a contract, with so many wei, and give its 20-byte address.

        Raises:
            RefusedError: the constructor reverts.
        """
        created = self.transact(sender, None, code, value=value).created
        if created is None:
            raise L1Error("create: expected a contract address in the receipt, got none")
        return created

    def _mined(self, tx_hash: bytes, to: bytes | None, data: bytes, sender: bytes, value: int) -> Mined:
        try:
            receipt = self.web3.eth.wait_for_transaction_receipt(
                tx_hash,  # type: ignore[arg-type]
                timeout=self.receipt_timeout_s,
                poll_latency=0.1,
            )
        except TimeExhausted as error:
            raise ReceiptTimeoutError(tx_hash, self.receipt_timeout_s) from error
        if receipt["status"] != 1:
            # It passed when simulated: something was mined in between, which a second look may name.
            self.call(to, data, sender, value)
            raise refused("")
        address = receipt.get("contractAddress")
        return Mined(
            tx_hash,
            receipt["blockNumber"],
            receipt["gasUsed"],
            bytes.fromhex(address[2:]) if address else None,
            tuple(receipt["logs"]),
        )

    def _gas(self, tx: TxParams, floor: int) -> int:
        if self._embedded:
            return TRANSACTION_GAS_CAP
        estimate = self.web3.eth.estimate_gas(tx)
        return min(TRANSACTION_GAS_CAP, max(floor, int(estimate * GAS_MARGIN)))

    def _lock(self, address: str) -> threading.RLock:
        with self._locks_lock:
            return self._locks[address]


def open_l1(url: str | None, *, receipt_timeout_s: float = 120.0, request_timeout_s: float = 30.0) -> L1:
    """Connect to L1.

    Args:
        url: JSON-RPC over HTTP(S); None starts an L1 in this process.
        receipt_timeout_s: how long a transaction may take to be mined.
        request_timeout_s: how long one request may take.

    Raises:
        L1Error: the node does not answer.
    """
    if url is None:
        return L1(Web3(EmbeddedProvider()), receipt_timeout_s=receipt_timeout_s)
    web3 = Web3(Web3.HTTPProvider(url, request_kwargs={"timeout": request_timeout_s}))
    if not web3.is_connected():
        raise L1Error(f"L1: expected a JSON-RPC node at {url}, got no answer")
    return L1(web3, receipt_timeout_s=receipt_timeout_s)


@contextmanager
def _node_errors() -> Iterator[None]:
    """Name the refusals of a node, and its silence, as :class:`L1Error`."""
    try:
        yield
    except ContractLogicError:
        raise
    except (Web3RPCError, ValidationError, RequestException) as error:
        raise L1Error(f"L1: expected the node to take the request, got {error}") from error


def reason_of(error: Exception) -> str:
    """The reason string of a revert; empty if it gave none."""
    data: Any = getattr(error, "data", None)
    if isinstance(data, str) and data.startswith("0x"):
        raw = bytes.fromhex(data[2:])
        if raw[:4] == _ERROR_STRING:
            try:
                return str(decode(["string"], raw[4:])[0])
            except DecodingError:
                return ""
        return ""
    message = str(error.args[0]) if error.args else ""
    reason = message.partition("execution reverted: ")[2]
    return "" if reason.startswith("b'") else reason
