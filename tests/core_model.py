"""The core contracts in plain Python, as an oracle: docs/settlement.md, with sets and dictionaries.

Every method does what the transaction does, or raises :class:`Refused` with the contract's reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TOP = 3
ACTIVE, QUARANTINED, DISABLED = range(3)
EPOCH = 1024
MAX_DELAY = 30 * 86_400
CLAIMS, ROOTS = 1, 2


class Refused(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def need(ok: object, reason: str) -> None:
    if not ok:
        raise Refused(reason)


@dataclass
class MClaim:
    id: bytes
    parent: bytes | None
    number: int
    queue_end: int
    generation: int
    journal: bytes
    inputs: tuple[bytes, ...]
    children_generation: int = 0
    has_child: bool = False
    closed: bool = False
    final: set[int] = field(default_factory=set)
    child_final: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    """What it was final at before it was discarded and posted again: for invariants only."""
    roots: dict[str, int] = field(default_factory=dict)
    times: dict[int, int] = field(default_factory=dict)
    said: dict[int, dict[str, int]] = field(default_factory=dict)
    """What each type whose vouch is recorded vouched for: for invariants only."""
    bound: set[int] = field(default_factory=set)


@dataclass
class MType:
    suites: tuple[str, ...]
    binds: bool
    head: bytes
    adapter: bytes
    status: int = ACTIVE
    valid_from: int = 1
    since: int = 0
    following: tuple[bytes, int] | None = None


@dataclass
class MConflict:
    kind: int
    number: int
    parent: bytes
    claim: bytes
    suite: str
    options: list[bytes | int]
    supporters: list[set[int]]
    deadline: int = 0
    resolved: bool = False
    winner: int | None = None
    losers: set[int] = field(default_factory=set)
    disabled: set[int] = field(default_factory=set)
    by_council: bool = False


@dataclass
class MPolicy:
    """Tiers of a limit and alternatives, each a set of types and a delay in seconds."""

    tiers: list[tuple[int, list[tuple[frozenset[int], int]]]]
    weights: list[int]


class Model:
    def __init__(
        self,
        genesis: bytes,
        genesis_roots: Mapping[str, int],
        types: Sequence[tuple[tuple[str, ...], bool, bytes]],
        policy: MPolicy,
        *,
        start: int,
        council_window: int,
        proof_window: int,
        timelock: int,
    ) -> None:
        self.suites = tuple(genesis_roots)
        self.start = self.now = start
        self.council_window, self.proof_window, self.timelock = council_window, proof_window, timelock
        root = MClaim(genesis, None, 0, 0, 0, b"", ())
        root.final = {0, 1, 2, 3}
        root.roots = dict(genesis_roots)
        self.claims = {genesis: root}
        self.types = [MType(suites, binds, genesis, adapter) for suites, binds, adapter in types]
        self.policy = policy
        self.final_claim = genesis
        self.final_epoch = 1
        self.halted = False
        self.queue: list[bytes] = []
        self.complaints: dict[bytes, int] = {}
        self.conflicts: list[MConflict] = []
        self.open: list[int] = []
        self.ready: dict[object, int] = {}
        self.banned: set[bytes] = set()
        self.thawed = 0
        """The epoch in which a conflict last ended: while nobody could object, no delay passed."""
        self.seat = "sequencer"
        """Who may post; empty: the seat is open, and nobody may."""
        self.poster = ""
        self.finalised: list[tuple[bytes, int, frozenset[int]]] = []
        """Every time that a claim became final: the claim, the tier's bit, the types of the alternative."""
        self.vouches: dict[tuple[int, bytes, int, bytes], int] = {}

    # Time

    @property
    def epoch(self) -> int:
        return (self.now - self.start) // EPOCH + 1

    def end(self, epoch: int) -> int:
        return self.start + EPOCH * epoch

    # Queries

    @property
    def frozen(self) -> int:
        return self.conflicts[self.open[-1]].number if self.open else 0

    def counting(self, claim: MClaim) -> set[int]:
        return {
            t
            for t, epoch in claim.times.items()
            if self.types[t].status == ACTIVE and epoch >= self.types[t].valid_from
        }

    def number(self, claim: bytes) -> int:
        return self.claims[claim].number

    def alive(self, claim: MClaim) -> bool:
        return claim.parent is None or claim.generation == self.claims[claim.parent].children_generation

    def adapter_at(self, t: MType, number: int) -> bytes:
        return t.following[0] if t.following and number >= t.following[1] else t.adapter

    # Posting

    def post(
        self, sender: str, parent: bytes, id: bytes, journal: bytes, inputs: tuple[bytes, ...], taken: int
    ) -> None:
        need(sender == self.seat, "post: not the sequencer")
        before = self.claims[parent]
        need(not before.closed, "post: closed")
        need(not before.has_child, "post: inputs are fixed")
        self._place(before, id, journal, inputs, before.queue_end + taken)
        before.has_child = True
        self.poster = sender

    def take_seat(self, sender: str) -> None:
        need(not self.seat, "seat: taken")
        self.seat = sender

    def propose(
        self, parent: bytes, first: bytes, id: bytes, journal: bytes, inputs: tuple[bytes, ...]
    ) -> None:
        before, sibling = self.claims[parent], self.claims[first]
        need(sibling.generation == before.children_generation, "propose: discarded")
        need(inputs == sibling.inputs, "propose: other inputs")
        self._place(before, id, journal, inputs, sibling.queue_end)

    def _place(
        self, before: MClaim, id: bytes, journal: bytes, inputs: tuple[bytes, ...], queue_end: int
    ) -> None:
        old = self.claims.get(id)
        need(old is None or not self.alive(old), "post: already posted")
        claim = MClaim(
            id, before.id, before.number + 1, queue_end, before.children_generation, journal, inputs
        )
        if old:
            claim.has_child, claim.children_generation = old.has_child, old.children_generation
            claim.roots = old.roots
            claim.final, claim.kept, claim.child_final = set(old.final), set(old.final), old.child_final
            before.child_final |= old.final
        claim.bound = (old.bound if old else set()) | {7}
        self.claims[id] = claim

    # Vouching

    def vouch(self, t: int, id: bytes, roots: Mapping[str, int], c: int, accepted: bool) -> None:
        kind, claim = self.types[t], self.claims[id]
        assert claim.parent is not None
        before = self.claims[claim.parent]
        need(kind.head == before.id, "vouch: not the head")
        need(not self.halted, "vouch: halted")
        need(kind.status == ACTIVE, "vouch: type not active")
        need(kind.valid_from <= self.epoch, "vouch: not valid yet")
        need(not claim.closed, "vouch: closed")
        need(self.alive(claim), "vouch: discarded")
        need(not self.frozen or claim.number <= self.frozen, "vouch: frozen")
        need(not kind.binds or c in claim.bound, "vouch: not bound")
        need(accepted, "mock: proof")
        fresh, forget, disputed = [], set(), None
        for suite in kind.suites:
            recorded = claim.roots.get(suite)
            if recorded is None:
                fresh.append(suite)
            elif recorded != roots[suite]:
                committed = {i for i, other in enumerate(self.types) if suite in other.suites}
                # What an earlier suite's vouchers lose, they lose before the next suite is looked at.
                backers = (self.counting(claim) - forget) & committed
                if TOP in claim.final or backers:
                    disputed = disputed or suite
                else:
                    fresh.append(suite)
                    forget |= committed
        if disputed:
            self._dissent(t, claim, disputed, roots[disputed])
            return
        for gone in forget:
            claim.times.pop(gone, None)
            claim.said.pop(gone, None)
        for suite in fresh:
            claim.roots[suite] = roots[suite]
        kind.head = id
        claim.times[t] = self.epoch
        claim.said[t] = {suite: roots[suite] for suite in kind.suites}
        key = (t, id, kind.valid_from, self.adapter_at(kind, claim.number))
        self.vouches[key] = self.vouches.get(key, 0) + 1
        self._advance(claim, at_once=True)

    def settle(self, id: bytes) -> None:
        need(not self.halted, "settle: halted")
        claim = self.claims[id]
        need(self.alive(claim), "settle: discarded")
        need(self._advance(claim, at_once=False), "settle: nothing is due")

    def _advance(self, claim: MClaim, at_once: bool) -> bool:
        assert claim.parent is not None
        before = self.claims[claim.parent]
        if claim.closed or (self.frozen and claim.number >= self.frozen):
            return False
        counting = self.counting(claim)
        smallest = min((len(a) for _, alts in self.policy.tiers for a, d in alts if d == 0), default=9)
        if at_once and len(counting) < smallest:
            return False
        count = len(self.policy.tiers)
        for tier in reversed(range(count)):
            bit = TOP if tier == count - 1 else tier
            if any(b >= bit for b in claim.final):
                return False
            if not any(b >= bit for b in before.final) or bit in before.child_final:
                continue
            for types, delay in self.policy.tiers[tier][1]:
                if not types <= counting:
                    continue
                latest = self.end(max(claim.times[t] for t in types))
                if delay == 0 or self.now >= max(latest, self.end(self.thawed)) + delay:
                    new = {b for b in range(bit + 1) if b not in before.child_final and b not in claim.final}
                    claim.final |= new
                    before.child_final |= new
                    self.finalised.append((claim.id, bit, types))
                    if bit == TOP:
                        assert before.id == self.final_claim
                        self.final_claim = claim.id
                        self.final_epoch = self.epoch
                    return True
        return False

    # Liveness

    def _stuck(self) -> MClaim:
        claim = self.claims[self.final_claim]
        need(claim.has_child, "stuck: nothing posted")
        need(not self.halted and not self.frozen, "stuck: frozen")
        return claim

    @property
    def lapse(self) -> int:
        return 2 * self.proof_window + MAX_DELAY

    def complain(self) -> None:
        claim = self._stuck()
        need(self.now > self.complaints.get(claim.id, 0) + self.lapse, "complain: known")
        self.complaints[claim.id] = self.now

    def discard(self) -> None:
        claim = self._stuck()
        ahead = [t for t in self.types if t.status == ACTIVE and self.number(t.head) > claim.number]
        window = self.proof_window + (MAX_DELAY if ahead or claim.child_final else 0)
        last = self.complaints.get(claim.id, 0)
        need(self.now <= last + self.lapse, "discard: no complaint")
        need(self.now >= last + window, "discard: too early")
        for kind in ahead:
            kind.head, kind.valid_from = claim.id, self.epoch + 1
        claim.children_generation += 1
        claim.has_child = False
        claim.child_final = set()
        del self.complaints[claim.id]
        if self.poster == self.seat:
            self.seat = ""
        self.poster = ""

    def catch_up(self, t: int) -> None:
        kind = self.types[t]
        need(kind.status == ACTIVE, "catch up: type not active")
        head = self.claims[kind.head]
        need(head.number < self.number(self.final_claim), "catch up: not behind")
        need(TOP in head.final, "catch up: head not final")
        last = max(head.times.get(t, 0), kind.valid_from)
        need(self.now >= self.end(last) + self.proof_window, "catch up: not silent")
        kind.head = self.final_claim
        kind.valid_from = self.epoch

    # Conflicts

    def _vouched_for(self, claim: MClaim) -> None:
        need(not claim.closed, "conflict: known")
        need(self.alive(claim), "conflict: discarded")
        need(self.counting(claim) or TOP in claim.final, "conflict: not vouched for")

    def show(self, a: bytes, b: bytes) -> None:
        need(a != b, "conflict: one claim")
        pair = [self.claims[a], self.claims[b]]
        for claim in pair:
            self._vouched_for(claim)
        number, parent = pair[0].number, pair[0].parent
        assert parent is not None
        if number > self.number(self.final_claim):
            self._open(MConflict(CLAIMS, number, parent, bytes(32), "", [a, b], [set(), set()]))
            return
        need(TOP in self.claims[parent].final, "conflict: not on the final branch")
        record = MConflict(CLAIMS, number, parent, bytes(32), "", [a, b], [set(), set()], resolved=True)
        for place, claim in enumerate(pair):
            if TOP in claim.final:
                record.winner = place
            else:
                record.losers |= self.counting(claim)
                claim.closed = True
        self.conflicts.append(record)
        self._quarantine(record.losers)

    def add_branch(self, id: bytes) -> None:
        need(self.open, "conflict: none is open")
        record = self.conflicts[self.open[-1]]
        need(record.kind == CLAIMS, "conflict: of roots")
        claim = self.claims.get(id)
        need(claim is not None and claim.parent == record.parent, "conflict: unknown claim")
        assert claim is not None
        self._vouched_for(claim)
        need(id not in record.options, "conflict: known")
        record.options.append(id)
        record.supporters.append(set())

    def _dissent(self, t: int, claim: MClaim, suite: str, found: int) -> None:
        assert claim.parent is not None
        options: list[bytes | int] = [claim.roots[suite], found]
        record = MConflict(ROOTS, claim.number, claim.parent, claim.id, suite, options, [set(), {t}])
        if TOP in claim.final:
            record.resolved, record.winner, record.losers = True, 0, {t}
            self.conflicts.append(record)
            self._quarantine({t})
            return
        need(claim.number > self.number(self.final_claim), "conflict: not on the final branch")
        if self.open:
            now_open = self.conflicts[self.open[-1]]
            option: bytes | int | None = None
            if now_open.kind == CLAIMS:
                option = claim.id
            elif now_open.claim == claim.id:
                backed = any(now_open.suite in self.types[i].suites for i in self.counting(claim))
                if now_open.suite == suite:
                    option = found
                elif (
                    self.suites.index(now_open.suite) < self.suites.index(suite)
                    and now_open.suite in self.types[t].suites
                    and backed
                ):
                    # It agrees with what is recorded of all suites before the first that it disputes.
                    option = claim.roots[now_open.suite]
            if option == found and option not in now_open.options:
                now_open.options.append(found)
                now_open.supporters.append(set())
            if option is not None and option in now_open.options:
                now_open.supporters[now_open.options.index(option)].add(t)
                return
        self._open(record)

    def _open(self, record: MConflict) -> None:
        if self.open:
            need(
                self._level(record) < self._level(self.conflicts[self.open[-1]]), "conflict: another is open"
            )
        record.deadline = self.now + self.council_window
        self.open.append(len(self.conflicts))
        self.conflicts.append(record)

    def _level(self, record: MConflict) -> tuple[int, int, int]:
        """Lower ones come first: by batch, claims before their roots, by suite."""
        suite = self.suites.index(record.suite) if record.kind == ROOTS else 0
        return record.number, record.kind, suite

    def support(self) -> list[set[int]]:
        record = self.conflicts[self.open[-1]]
        active = {i for i, t in enumerate(self.types) if t.status == ACTIVE}
        if record.kind == CLAIMS:
            return [
                (supporters & active) | self.counting(self.claims[option])
                for option, supporters in zip(record.options, record.supporters, strict=True)
                if isinstance(option, bytes)
            ]
        claim = self.claims[record.claim]
        committed = {t for t in self.counting(claim) if record.suite in self.types[t].suites}
        return [
            (supporters & active) | (committed if option == claim.roots.get(record.suite) else set())
            for option, supporters in zip(record.options, record.supporters, strict=True)
        ]

    @staticmethod
    def twice(masks: Sequence[set[int]]) -> set[int]:
        return {t for mask in masks for t in mask if sum(t in m for m in masks) > 1}

    def choose(self, sender: str, option: int) -> None:
        need(sender == "council", "choose: not the council")
        need(self.open, "conflict: none is open")
        need(self.now < self.conflicts[self.open[-1]].deadline, "choose: too late")
        masks = self.support()
        need(option < len(masks) and masks[option], "choose: no such option")
        self._decide(option, masks, by_council=True)

    def resolve(self) -> None:
        need(self.open, "conflict: none is open")
        masks = self.support()
        two = self.twice(masks)
        weights = [sum(self.policy.weights[t] for t in mask - two) for mask in masks]
        left = [i for i, weight in enumerate(weights) if weight]
        need(len(left) <= 1 or self.now >= self.conflicts[self.open[-1]].deadline, "resolve: too early")
        self._decide(max(left, key=weights.__getitem__) if left else None, masks, by_council=False)

    def _decide(self, winner: int | None, masks: Sequence[set[int]], by_council: bool) -> None:
        record = self.conflicts[self.open.pop()]
        if not self.open or self.frozen > record.number:
            self.thawed = self.epoch
        record.resolved, record.winner, record.by_council = True, winner, by_council
        two = self.twice(masks)
        record.disabled = two
        if winner is not None:
            record.losers = {t for i, mask in enumerate(masks) if i != winner for t in mask} - two
            if record.kind == CLAIMS:
                for i, option in enumerate(record.options):
                    if i != winner:
                        self.claims[option].closed = True  # type: ignore[index]
                chosen = self.claims[record.options[winner]]  # type: ignore[index]
                self.claims[record.parent].child_final = set(chosen.final)
            else:
                claim = self.claims[record.claim]
                root = record.options[winner]
                if claim.roots.get(record.suite) != root:
                    assert isinstance(root, int)
                    claim.roots[record.suite] = root
                    for t in {i for i, kind in enumerate(self.types) if record.suite in kind.suites}:
                        claim.times.pop(t, None)
                        claim.said.pop(t, None)
        if self.open:
            self.conflicts[self.open[-1]].deadline = self.now + self.council_window
        self._quarantine(record.losers)
        for t in two:
            self._disable(t, self.adapter_at(self.types[t], record.number))

    def _quarantine(self, types: set[int]) -> None:
        for t in types:
            self.types[t].status = QUARANTINED

    def _disable(self, t: int, adapter: bytes) -> None:
        self.types[t].status = DISABLED
        self.banned.add(adapter)

    # Proofs against a type

    def convict(self, t: int, id: bytes, first: bytes, roots: Mapping[str, int], accepted: bool) -> None:
        kind = self.types[t]
        need(kind.status != DISABLED, "type: disabled")
        claim, before = self.claims[id], self.claims[first]
        need(claim.parent == before.parent and claim.generation == before.generation, "convict: other inputs")
        assert claim.parent is not None
        parent = self.claims[claim.parent]
        need(before.times.get(t, 0) >= kind.valid_from, "convict: not vouched for")
        need(t in parent.times or TOP in parent.final, "convict: other roots before")
        need(before.number >= kind.since, "convict: other adapter")
        need(not kind.binds or 7 in claim.bound, "convict: not bound")
        differs = id != first or any(claim.roots.get(suite) != roots[suite] for suite in kind.suites)
        need(differs, "convict: no contradiction")
        need(accepted, "mock: proof")
        self._disable(t, self.adapter_at(kind, claim.number))

    def canary(self, t: int, false: bool, accepted: bool) -> None:
        kind = self.types[t]
        need(kind.status != DISABLED, "type: disabled")
        need(false, "canary: not false")
        need(accepted, "mock: proof")
        self._disable(t, self.adapter_at(kind, self.number(self.final_claim) + 1))

    def replace(self, sender: str, t: int, adapter: bytes) -> None:
        need(sender == "council", "replace: not the council")
        kind = self.types[t]
        need(kind.status != ACTIVE, "replace: type is active")
        need(not self.open, "replace: conflict is open")
        self._only_new(adapter)
        kind.adapter, kind.following = adapter, None
        kind.status, kind.valid_from, kind.head = ACTIVE, self.epoch + 1, self.final_claim

    def _only_new(self, adapter: bytes) -> None:
        need(adapter not in self.banned, "type: adapter is banned")
        used = {t.adapter for t in self.types} | {t.following[0] for t in self.types if t.following}
        need(adapter not in used, "type: adapter in use")

    # Announced changes

    def schedule(self, sender: str, key: object) -> None:
        need(sender == "operator", "operator: not the operator")
        at = self.ready.get(key)
        need(at is None or self.now > at + self.timelock, "timelock: scheduled")
        self.ready[key] = self.now + self.timelock

    def _due(self, key: object) -> None:
        need(key in self.ready, "timelock: not scheduled")
        need(self.now >= self.ready[key], "timelock: too early")
        need(self.now <= self.ready[key] + self.timelock, "timelock: lapsed")

    def apply_policy(self, key: object, policy: MPolicy) -> None:
        self._due(key)
        del self.ready[key]
        self.policy = policy

    def apply_upgrade(self, key: object, t: int, adapter: bytes, from_number: int) -> None:
        self._due(key)
        self._only_new(adapter)
        kind = self.types[t]
        head = self.number(kind.head)
        need(from_number > head, "hook: batch")
        if kind.following:
            need(head + 1 >= kind.following[1], "hook: upgrade pending")
            kind.adapter, kind.since = kind.following
        kind.following = (adapter, from_number)
        del self.ready[key]

    def tighten(self, sender: str, tighter: bool, policy: MPolicy) -> None:
        need(sender == "operator", "operator: not the operator")
        need(tighter and self._survives(policy), "policy: not tighter")
        self.policy = policy

    def _survives(self, policy: MPolicy) -> bool:
        """Whether it can do, for every value, without each type that the policy in force can do without."""
        limits = sorted({limit for p in (self.policy, policy) for limit, _ in p.tiers})
        return all(self._needed(policy, value) <= self._needed(self.policy, value) for value in limits)

    def _needed(self, policy: MPolicy, value: int) -> set[int]:
        """The types without which, among those in service, nothing of a value becomes final."""
        active = {t for t, kind in enumerate(self.types) if kind.status == ACTIVE}
        _, alternatives = next(tier for tier in policy.tiers if value <= tier[0])
        fulfilled = [types for types, _ in alternatives if types <= active]
        nothing_does = {-1, *range(len(self.types))}
        return nothing_does.intersection(*fulfilled)
