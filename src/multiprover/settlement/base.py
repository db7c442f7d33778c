"""What the client of every contract has: views, transactions whose refusals say why, and events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

from eth_abi.exceptions import DecodingError
from eth_account.signers.local import LocalAccount
from eth_tester.exceptions import TransactionFailed  # type: ignore[import-untyped]
from eth_utils.abi import event_abi_to_log_topic
from eth_utils.address import to_checksum_address
from web3.exceptions import BadFunctionCallOutput, ContractLogicError
from web3.types import LogReceipt

from multiprover.settlement.contracts import artifact
from multiprover.settlement.errors import NotSettlementError, RefusedError, refused
from multiprover.settlement.events import Event, Happened, Located, Receipt
from multiprover.settlement.l1 import L1, Mined, reason_of

Expectations = Mapping[str, Callable[[], tuple[object, object]]]
"""For a reason, what was expected and what came, where the client knows."""


def raw(address: str) -> bytes:
    """The 20 bytes of an address in hex."""
    return bytes.fromhex(address.removeprefix("0x"))


def address_of(account: LocalAccount) -> bytes:
    """The 20 bytes of an account's address."""
    return raw(account.address)


class Contract:
    """A deployed contract of ours."""

    name: ClassVar[str]

    def __init__(self, l1: L1, address: bytes) -> None:
        """``address``: 20 bytes."""
        self.l1 = l1
        self.address = address
        self._abi = artifact(self.name).abi
        self._contract = l1.web3.eth.contract(address=to_checksum_address(address), abi=self._abi)
        self._topics = {
            bytes(event_abi_to_log_topic(cast(Any, entry))): entry["name"]
            for entry in self._abi
            if entry["type"] == "event"
        }

    def encode(self, function: str, arguments: Sequence[object]) -> bytes:
        """Calldata of a call."""
        return bytes.fromhex(self._contract.encode_abi(function, list(arguments))[2:])

    def decode_call(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """The function that calldata calls, and its arguments by name.

        Raises:
            ValueError: it calls none of this contract.
        """
        function, arguments = self._contract.decode_function_input(data)
        return function.fn_name, arguments

    def event(self, log: LogReceipt) -> Event | None:
        """A log of this contract, decoded; None if it is another's."""
        if raw(log["address"]) != self.address:
            return None
        name = self._topics.get(bytes(log["topics"][0]))
        if name is None:
            return None
        return self._event(name, self._contract.events[name]().process_log(log)["args"])

    def _event(self, name: str, arguments: Any) -> Event:
        return Happened(self.name, name, dict(arguments))

    def _view(self, name: str, *arguments: object) -> Any:
        try:
            return self._contract.functions[name](*arguments).call()
        except (ContractLogicError, TransactionFailed) as error:
            raise refused(reason_of(error)) from error
        except (BadFunctionCallOutput, DecodingError) as error:
            raise NotSettlementError(
                f"0x{self.address.hex()}: expected a {self.name} contract, got no answer to {name}: {error}"
            ) from error

    def _send(
        self,
        sender: LocalAccount,
        function: str,
        arguments: Sequence[object],
        expectations: Expectations | None = None,
        *,
        value: int = 0,
    ) -> Receipt:
        return self._transact(
            sender, self.address, self.encode(function, arguments), expectations, value=value
        )

    def _transact(
        self,
        sender: LocalAccount,
        to: bytes,
        data: bytes,
        expectations: Expectations | None = None,
        *,
        value: int = 0,
    ) -> Receipt:
        try:
            mined = self.l1.transact(sender, to, data, value=value)
        except RefusedError as error:
            known = (expectations or {}).get(error.reason)
            if known is None:
                raise
            expected, found = known()
            raise refused(error.reason, str(expected), str(found)) from error
        return self.receipt(mined)

    def receipt(self, mined: Mined) -> Receipt:
        """A transaction with this contract's events."""
        events = tuple(event for log in mined.logs if (event := self.event(log)) is not None)
        return Receipt(mined.tx_hash, mined.block_number, mined.gas_used, events)


def events_of(
    l1: L1, contracts: Sequence[Contract], from_block: int = 0, to_block: int | None = None
) -> Iterator[Located]:
    """Events of several contracts from ``from_block`` to ``to_block`` (the latest), in order.

    A chain in this process looks through every block of the range: follow it with ``from_block``.
    """
    by_address = {contract.address: contract for contract in contracts}
    logs = l1.web3.eth.get_logs(
        {
            "address": [to_checksum_address(address) for address in by_address],
            "fromBlock": from_block,
            "toBlock": "latest" if to_block is None else to_block,
        }
    )
    for log in logs:
        event = by_address[raw(log["address"])].event(log)
        if event is not None:
            yield Located(event, log["blockNumber"], bytes(log["transactionHash"]))
