"""The client of ``Council``: n of m members sign a call, and anyone brings it to L1
(``docs/settlement.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from pydantic import BaseModel, ConfigDict

from multiprover.settlement.base import Contract, raw
from multiprover.settlement.errors import L1Error
from multiprover.settlement.events import Receipt


class Action(BaseModel):
    """A call that the council shall make, and the approvals that it has: what members pass on to each other.

    Attributes:
        council, target: addresses, hex.
        data: calldata, hex.
        nonce: the council's; an action is void once another of the same nonce was executed.
        deadline: Unix seconds.
        signatures: by member's address, 65 bytes in hex.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    chain_id: int
    council: str
    target: str
    data: str
    nonce: int
    deadline: int
    signatures: dict[str, str] = {}

    def typed_data(self) -> dict[str, Any]:
        """What a member signs (EIP-712)."""
        return {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Action": [
                    {"name": "target", "type": "address"},
                    {"name": "data", "type": "bytes"},
                    {"name": "nonce", "type": "uint256"},
                    {"name": "deadline", "type": "uint256"},
                ],
            },
            "primaryType": "Action",
            "domain": {
                "name": "multiprover council",
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": self.council,
            },
            "message": {
                "target": self.target,
                "data": raw(self.data),
                "nonce": self.nonce,
                "deadline": self.deadline,
            },
        }

    def signed(self, member: LocalAccount) -> Action:
        """This action with one approval more."""
        signature = member.sign_typed_data(full_message=self.typed_data()).signature
        return self.model_copy(
            update={"signatures": {**self.signatures, member.address: "0x" + bytes(signature).hex()}}
        )


class Council(Contract):
    """A council of members; a Safe, or any other account, may stand in its place."""

    name = "Council"

    def members(self) -> tuple[bytes, ...]:
        """20-byte addresses, rising."""
        return tuple(raw(m) for m in self._view("members"))

    def threshold(self) -> int:
        """Approvals that an action needs."""
        return int(self._view("threshold"))

    def nonce(self) -> int:
        """Of the next action."""
        return int(self._view("nonce"))

    def set_members_data(self, members: Sequence[bytes], threshold: int) -> bytes:
        """Calldata with which the council, calling itself, changes its members."""
        rising = [to_checksum_address(m) for m in sorted(members)]
        return self.encode("set_members", [rising, threshold])

    def action(self, target: bytes, data: bytes, *, valid_s: int = 7 * 86_400) -> Action:
        """A call for members to approve, with the next nonce, valid for so many seconds."""
        return Action(
            chain_id=self.l1.chain_id,
            council=to_checksum_address(self.address),
            target=to_checksum_address(target),
            data="0x" + data.hex(),
            nonce=self.nonce(),
            deadline=self.l1.now() + valid_s,
        )

    def execute(self, sender: LocalAccount, action: Action) -> Receipt:
        """Bring an approved action to L1; for anyone.

        Raises:
            CouncilRefusedError: with the reason.
            RefusedError: the target refuses the call.
        """
        signatures = [raw(s) for _, s in sorted(action.signatures.items(), key=lambda item: raw(item[0]))]
        return self._send(sender, "execute", [action.target, raw(action.data), action.deadline, signatures])

    def approve_and_execute(self, members: Sequence[LocalAccount], target: bytes, data: bytes) -> Receipt:
        """Have members sign a call here, and bring it to L1.

        Raises:
            L1Error: there are no members.
            CouncilRefusedError, RefusedError: as :meth:`execute`.
        """
        if not members:
            raise L1Error("council: expected a member to sign, got none")
        action = self.action(target, data)
        for member in members:
            action = action.signed(member)
        return self.execute(members[0], action)


def member(key: bytes) -> LocalAccount:
    """A member by its private key, 32 bytes."""
    found: LocalAccount = Account.from_key(key)
    return found
