"""The client of ``Sequencing``: who may post, and when anyone may take over (``docs/settlement.md``)."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from multiprover.settlement.base import Contract, raw
from multiprover.settlement.claims import queue_entry
from multiprover.settlement.events import Enqueued, Receipt


class Sequencing(Contract):
    """The sequencer's seat: bonded, lost by who leaves the queue waiting."""

    name = "Sequencing"

    def sequencer(self) -> bytes | None:
        """20-byte address of who has the seat; None while it is open."""
        found = raw(self._view("sequencer"))
        return found if any(found) else None

    def may_post(self, address: bytes) -> bool:
        """Whether the contract would let that address post."""
        return bool(self._view("may_post", to_checksum_address(address)))

    def since(self) -> int:
        """Unix seconds from which the sequencer's duty counts, for entries that are older."""
        return int(self._view("since"))

    def bond(self) -> int:
        """Wei that the seat costs."""
        return int(self._view("BOND"))

    def force_window(self) -> int:
        """Seconds that a queue entry may wait to be posted."""
        return int(self._view("FORCE_WINDOW"))

    def late_window(self) -> int:
        """Seconds that a queue entry may wait to be in a final batch."""
        return int(self._view("LATE_WINDOW"))

    def overdue(self, sender: LocalAccount, entry: Enqueued) -> Receipt:
        """Open the seat because an entry has waited too long; earns half of the bond.

        Raises:
            SequencingRefusedError: with the reason.
        """
        return self._send(sender, "overdue", [entry.index, entry.origin, queue_entry(entry.words)])

    def take_seat(self, sender: LocalAccount) -> Receipt:
        """Take the open seat for its bond.

        Raises:
            SequencingRefusedError: with the reason.
        """
        return self._send(sender, "take_seat", [], value=self.bond())

    def leave(self, sequencer: LocalAccount) -> Receipt:
        """Announce that the sequencer goes.

        Raises:
            SequencingRefusedError: with the reason.
        """
        return self._send(sequencer, "leave", [])

    def retire(self, sequencer: LocalAccount) -> Receipt:
        """Give up the seat after the notice; the bond becomes credit.

        Raises:
            SequencingRefusedError: with the reason.
        """
        return self._send(sequencer, "retire", [])

    def credit(self, who: bytes) -> int:
        """Wei that ``who`` may withdraw."""
        return int(self._view("credit", to_checksum_address(who)))

    def withdraw_credit(self, sender: LocalAccount, who: bytes) -> Receipt:
        """Pay out ``who``'s credit to it; for anyone.

        Raises:
            SequencingRefusedError: with the reason.
        """
        return self._send(sender, "withdraw_credit", [to_checksum_address(who)])
