"""Kinds that many transitions need, as mix-ins: ``class Token(mp.KeyRotation, mp.Transition)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from multiprover.lang.ints import u32
from multiprover.lang.transition import Map, authorize, transaction
from multiprover.lang.types import Key


class KeyRotation:
    """Adds the kind ``rotate``: an account changes its key.

    For transitions whose accounts are the map ``accounts``, of records with ``key: mp.Key`` and an unsigned
    ``nonce`` that every ``authorize`` of that key is made for, and raises.

    Suites whose keys sign only so often (``goldilocks``, ``koalabear``: 65,536) need it: an account
    must rotate before they are used up.
    """

    if TYPE_CHECKING:
        accounts: Map[Any, Any]

    @transaction
    def rotate(self, account: u32, key: Key) -> None:
        """Sign with ``key`` from now on, from nonce 0; the old key signs this, for the account's nonce.

        **A key that was ever used must not come back:** its nonces would come a second time, and what it
        signed before would count again.
        """
        holder = self.accounts[account]
        authorize(holder.key, holder.nonce)
        holder.key = key
        holder.nonce = 0
