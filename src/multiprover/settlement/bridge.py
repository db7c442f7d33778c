"""The client of ``Bridge``: the queue, withdrawals, owners, and leaving when all has halted
(``docs/settlement.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from multiprover.settlement.base import Contract, events_of, raw
from multiprover.settlement.bridge_rules import BridgeRules, EscapeOpening
from multiprover.settlement.claims import queue_entry
from multiprover.settlement.client import Settlement
from multiprover.settlement.errors import L1Error
from multiprover.settlement.events import Enqueued, Event, Happened, Receipt
from multiprover.settlement.types import WEI_PER_GWEI, WORD

COIN = 0
"""The number of L1's own coin among the assets."""


@dataclass(frozen=True)
class Asset:
    """What the bridge takes.

    Attributes:
        token: 20-byte address of an ERC-20; None: L1's coin.
        unit: the token's base units (wei) in one unit of the ledger.
        rate: gwei that 10^9 units of the ledger are worth: decides on a withdrawal's tier.
    """

    token: bytes | None
    unit: int
    rate: int

    @property
    def words(self) -> tuple[str, int, int]:
        return to_checksum_address(self.token or bytes(20)), self.unit, self.rate


@dataclass(frozen=True)
class Withdrawn:
    """A withdrawal that was paid; ``amount`` in units of the ledger."""

    claim: bytes
    slot: int
    place: int
    recipient: bytes
    asset: int
    amount: int


class Bridge(Contract):
    """What comes in from L1, and what goes out to it."""

    name = "Bridge"

    def __init__(self, settlement: Settlement, address: bytes) -> None:
        super().__init__(settlement.l1, address)
        self.settlement = settlement
        self._kinds = self._view("kinds")

    @staticmethod
    def creation(
        settlement: bytes,
        operator: bytes,
        timelock_s: int,
        escape_window_s: int,
        rules: BridgeRules,
        tokens: Sequence[Asset],
        limits_gwei: Sequence[int],
        early_limit_gwei: int,
        trees: Sequence[bytes],
    ) -> list[Any]:
        """The constructor's arguments."""
        layout = rules.layout
        return [
            to_checksum_address(settlement),
            to_checksum_address(operator),
            timelock_s,
            escape_window_s,
            [
                (
                    k.words,
                    k.from_l1,
                    k.operator_only,
                    k.value_word or 0,
                    k.asset_word or 0,
                    k.registers_word or 0,
                    k.owner_word or 0,
                )
                for k in rules.kinds
            ],
            rules.has_refused,
            [(m.presence, m.recipient, m.amount, m.asset) for m in rules.messages],
            [t.words for t in tokens],
            list(limits_gwei),
            early_limit_gwei,
            (
                layout.accounts,
                layout.maps,
                layout.record_ints,
                layout.record_wide,
                layout.record_keys,
                layout.cell_ints,
                layout.cell_wide,
                layout.cell_keys,
            ),
            [to_checksum_address(tree) for tree in trees],
            list(rules.exits),
            list(rules.formula),
        ]

    # Queue

    def enqueue(self, sender: LocalAccount, words: bytes, *, value: int | None = None) -> Receipt:
        """Put a transaction of a from_l1 kind into the queue.

        Args:
            words: the slot's input words, 4 bytes each.
            value: wei to pay; None pays what the kind's value words say. An amount of a token is taken
                from the
                sender, who must have approved it.

        Raises:
            EnqueueRefusedError: with the reason.
        """
        due = self.due(words)
        paid = due if value is None else value
        return self._send(
            sender,
            "enqueue",
            [words],
            {
                "enqueue: length": lambda: (f"{WORD * self.settlement.input_words} bytes", len(words)),
                "enqueue: kind": lambda: (f"below {len(self._kinds)}", int.from_bytes(words[:WORD], "big")),
                "enqueue: value": lambda: (f"{due} wei", paid),
                "enqueue: not the operator": lambda: (self._view("OPERATOR"), sender.address),
            },
            value=paid,
        )

    def due(self, words: bytes) -> int:
        """Wei that a queued transaction must bring."""
        kind = int.from_bytes(words[:WORD], "big")
        _, _, _, value_word, asset_word, _, _ = self._kinds[kind] if kind < len(self._kinds) else (0,) * 7

        def number(position: int, count: int) -> int:
            return int.from_bytes(words[WORD * position : WORD * (position + count)], "big")

        if not value_word or (asset_word and number(asset_word, 1) != COIN):
            return 0
        return number(value_word, 2) * WEI_PER_GWEI

    def queue_length(self) -> int:
        """Transactions ever queued."""
        return int(self._view("queue_length"))

    def queue(self) -> list[Enqueued]:
        """Every queue entry, in order."""
        return [e.event for e in events_of(self.l1, [self]) if isinstance(e.event, Enqueued)]

    # Owners and refunds

    def owner(self, account: int) -> bytes | None:
        """20-byte address of an account's proven owner."""
        found = raw(self._view("owner", account))
        return found if any(found) else None

    def prove_owner(
        self, sender: LocalAccount, parent: bytes, journal: bytes, slot: int, origin: bytes
    ) -> Receipt:
        """Record that whoever queued a slot's registration owns the account, once the claim is final;
        for anyone.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(sender, "prove_owner", [parent, journal, slot, origin])

    def refund(
        self, sender: LocalAccount, parent: bytes, journal: bytes, slot: int, origin: bytes
    ) -> Receipt:
        """Pay back a deposit that a final claim shows as refused; for anyone.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(sender, "refund", [parent, journal, slot, origin])

    def refund_queued(self, sender: LocalAccount, entry: Enqueued) -> Receipt:
        """Pay back a queue entry that no final claim took in, after all has halted; for anyone.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(sender, "refund_queued", [entry.index, entry.origin, entry.words])

    # Withdrawals

    def withdraw(
        self, sender: LocalAccount, parent: bytes, journal: bytes, slot: int, place: int = 0
    ) -> Receipt:
        """Have the recipient of a withdrawal paid, if the claim is final for its value; for anyone.

        Args:
            place: of the withdrawal among the slot's messages of that name.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(sender, "withdraw", [parent, journal, slot, place])

    def is_paid(self, claim: bytes, slot: int, place: int = 0) -> bool:
        """Whether a withdrawal was paid."""
        return bool(self._view("is_paid", claim, slot, place))

    def withdrawn(self) -> list[Withdrawn]:
        """Every withdrawal that was paid, in order."""
        found = []
        for located in events_of(self.l1, [self]):
            match located.event:
                case Happened(name="Withdrawn", arguments=a):
                    found.append(
                        Withdrawn(
                            bytes(a["claim"]),
                            a["slot"],
                            a["place"],
                            raw(a["recipient"]),
                            a["asset"],
                            a["amount"],
                        )
                    )
        return found

    def credit(self, who: bytes, asset: int = COIN) -> int:
        """What ``who`` did not take when it was paid, in the token's base units (wei)."""
        return int(self._view("credit", to_checksum_address(who), asset))

    def collect(self, owner: LocalAccount, to: bytes, asset: int = COIN) -> Receipt:
        """Take one's credit, to an address of one's choice.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(owner, "collect", [asset, to_checksum_address(to)])

    def absorb(self, sender: LocalAccount, claim: bytes) -> Receipt:
        """Give the lower tiers room again: what was released for a claim that is final at the top since; for
        anyone.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(sender, "absorb", [claim])

    def fund(self, sender: LocalAccount, wei: int) -> Receipt:
        """Add to what is held, for nobody in particular: a reserve against what lower tiers may lose."""
        return self._send(sender, "fund", [], value=wei)

    def balance(self) -> int:
        """Wei that the bridge holds."""
        return int(self.l1.web3.eth.get_balance(to_checksum_address(self.address)))

    # Assets

    def schedule_asset(self, operator: LocalAccount, number: int, asset: Asset) -> Receipt:
        """Announce a token; it can be listed after the timelock.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(operator, "schedule_asset", [number, *asset.words])

    def cancel_asset(self, operator: LocalAccount, number: int, asset: Asset) -> Receipt:
        """Take back what was announced of a token.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(operator, "cancel_asset", [number, *asset.words])

    def list_asset(self, sender: LocalAccount, number: int, asset: Asset) -> Receipt:
        """List a token whose time has come; for anyone.

        Raises:
            BridgeRefusedError: with the reason.
        """
        return self._send(sender, "list_asset", [number, *asset.words])

    # When everything has halted

    def escape_window(self) -> int:
        """Seconds without finality after which all can be halted."""
        return int(self._view("ESCAPE_WINDOW"))

    def halted(self) -> bool:
        """Whether everything has halted for good."""
        return bool(self._view("halted"))

    def halt(self, sender: LocalAccount) -> Receipt:
        """Halt everything for good, because nothing becomes final; for anyone.

        Raises:
            BridgeRefusedError: with the reason.
            L1Error: nothing waits in the queue.
        """
        _, _, taken, _ = self.settlement.finality()
        queue = self.queue()
        if taken >= len(queue):
            raise L1Error("halt: expected a queue entry that no final claim has taken in, found none")
        entry = queue[taken]
        return self._send(sender, "halt", [entry.origin, queue_entry(entry.words)])

    def escape(self, sender: LocalAccount, account: int, opening: EscapeOpening) -> Receipt:
        """Pay an account's owner what the account was worth in the last final state; for anyone.

        Raises:
            BridgeRefusedError: with the reason.
        """
        suites = [(s.keys, s.siblings, s.cell_keys, s.map_roots) for s in opening.suites]
        return self._send(sender, "escape", [account, opening.record, opening.cells, suites])

    def escaped(self, account: int, asset: int = COIN) -> int:
        """Units of the ledger that an account was paid when it left."""
        return int(self._view("escaped", account, asset))

    def _event(self, name: str, arguments: Any) -> Event:
        if name != "Enqueued":
            return Happened(self.name, name, dict(arguments))
        origin = bytes(arguments["origin"])
        return Enqueued(
            arguments["index"],
            raw(arguments["sender"]),
            int.from_bytes(origin[20:], "big"),
            bytes(arguments["words"]),
        )
