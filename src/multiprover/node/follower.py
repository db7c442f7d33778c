"""Following L1: the queue, the tree of claims and the vouches, from events; begun anew where L1 was
reorganised.
"""

from __future__ import annotations

from collections import defaultdict

from multiprover.settlement.base import events_of
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.events import Enqueued, Located, Posted, RootConflict, Vouched


class Follower:
    """What a deployment's events say, up to the last block that :meth:`update` saw.

    Attributes:
        queue: every entry, in order.
        posted: by claim, its event and where it stands.
        children: by parent, the claims posted on it, in order.
        vouched: by claim, the proof types that ever vouched for it.
        dissents: vouches for another root than the recorded one, in order.
        reorganisations: how often L1 took back what it had said.
    """

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.reorganisations = 0
        self._journals: dict[bytes, bytes] = {}
        self._seen: tuple[int, bytes] | None = None
        self._clear()

    def _clear(self) -> None:
        self.queue: list[Enqueued] = []
        self.posted: dict[bytes, Located] = {}
        self.children: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self.vouched: defaultdict[bytes, set[str]] = defaultdict(set)
        self.dissents: list[Located] = []

    def update(self) -> list[Located]:
        """Take in what is new; gives it, or everything where L1 was reorganised."""
        l1 = self.contracts.settlement.l1
        if self._seen is not None and l1.block(self._seen[0]) != self._seen:
            self.reorganisations += 1
            self._seen = None
            self._clear()
        start = 0 if self._seen is None else self._seen[0] + 1
        latest = l1.block()
        assert latest is not None
        if latest[0] < start:
            return []
        found = list(events_of(l1, self.contracts.all, start, latest[0]))
        for located in found:
            match located.event:
                case Enqueued() as event:
                    self.queue.append(event)
                case Posted() as event:
                    if event.claim not in self.posted:
                        self.children[event.parent].append(event.claim)
                    self.posted[event.claim] = located
                case Vouched() as event:
                    self.vouched[event.claim].add(event.proof_type)
                case RootConflict():
                    self.dissents.append(located)
        self._seen = latest
        return found

    def journal(self, claim: bytes) -> bytes:
        """The journal of a posted claim.

        Raises:
            L1Error: it does not stand in calldata.
        """
        if claim not in self._journals:
            self._journals[claim] = self.contracts.settlement.journal(self.posted[claim])
        return self._journals[claim]

    def live(self, parent: bytes) -> list[bytes]:
        """The claims on a parent whose inputs were not given up for others."""
        known = self.children.get(parent)
        if not known:
            return []
        settlement = self.contracts.settlement
        generation = settlement.claim(parent).children_generation
        return [c for c in known if settlement.claim(c).generation == generation]
