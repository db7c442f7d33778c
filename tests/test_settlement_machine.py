"""Settlement against a model in plain Python: any sequence of queue, post, propose, bind, vouch, conflict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from settlement_support import (
    ACCEPT,
    REFUSE,
    ROOTS,
    TRANSFER,
    Deployment,
    deposit,
    journal,
    slot,
)

from multiprover.settlement import claims
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1

TYPES = {"one": ("bn254",), "two": ("bn254",), "all": ("bn254", "mock")}
REQUIRED = {"one", "all"}
SUITES = ("bn254", "mock")
GOOD_C, OTHER_C = 7, 8


@cache
def chain() -> L1:
    return open_l1(None)


@dataclass
class ModelClaim:
    number: int
    parent: bytes | None
    inputs: tuple[bytes, ...]
    journal: bytes
    queue_end: int
    roots: dict[str, int]
    bound: set[tuple[str, int]] = field(default_factory=set)
    vouched: set[str] = field(default_factory=set)
    conflict: bool = False
    final: bool = False


class SettlementMachine(RuleBasedStateMachine):
    """Every rule asks the model what must happen, then the contract, by the same reasons."""

    @initialize()
    def deploy(self) -> None:
        self.d = Deployment.create(chain())
        self.s = self.d.settlement
        genesis = ModelClaim(0, None, (), b"", 0, {n: int.from_bytes(r, "big") for n, r in ROOTS.items()})
        genesis.final = True
        genesis.vouched = set(TYPES)
        self.claims: dict[bytes, ModelClaim] = {self.s.genesis: genesis}
        self.order = [self.s.genesis]
        self.queue: list[bytes] = []
        self.heads = dict.fromkeys(TYPES, self.s.genesis)
        self.final = self.s.genesis
        self.next_output = 0

    # What the model expects

    def children(self, parent: bytes) -> list[bytes]:
        return [claim for claim in self.order if self.claims[claim].parent == parent]

    def pick(self, at: float) -> bytes:
        """A claim, the later ones more often."""
        return self.order[int((1 - at * at) * (len(self.order) - 1) + 0.5)]

    def check(self, reason: str | None, action: Callable[[], object]) -> None:
        """Run the action; it must be refused for ``reason``, or succeed if that is None."""
        found: str | None = None
        try:
            action()
        except RefusedError as error:
            found = error.reason
        assert found == reason

    # Rules

    @rule(account=st.integers(0, 9), gwei=st.integers(0, 2**33), wrong=st.booleans())
    def enqueue(self, account: int, gwei: int, wrong: bool) -> None:
        words = deposit(account, gwei)
        value = gwei * 10**9 + (1 if wrong else 0)
        self.check(
            "enqueue: value" if wrong else None,
            lambda: self.s.enqueue(self.d.stranger, words, value=value),
        )
        if not wrong:
            self.queue.append(words)

    def tip(self) -> bytes:
        """The end of the chain of first claims."""
        claim = self.s.genesis
        while children := self.children(claim):
            claim = children[0]
        return claim

    @rule(taken=st.integers(0, 3))
    def post_next(self, taken: int) -> None:
        parent = self.tip()
        start = self.claims[parent].queue_end
        slots = self.queue[start : start + taken]
        self.next_output += 1
        data = journal(slots, self.next_output)
        self.s.post(self.d.sequencer, parent, data, self.d.commitments(GOOD_C))
        self.add(parent, tuple(slots), data, start + len(slots))

    @precondition(lambda self: self.s.genesis != self.tip())
    @rule(names=st.permutations(sorted(TYPES)), count=st.integers(1, 3))
    def advance(self, names: list[str], count: int) -> None:
        """Honest proof types move on by one claim each, where nothing stands against it."""
        for name in names[:count]:
            following = self.children(self.heads[name])
            if following and (self.claims[following[0]].final or not self.claims[following[0]].conflict):
                self.vouch_for(name, following[0])

    @rule(
        at=st.floats(0, 1),
        taken=st.integers(0, 3),
        fault=st.sampled_from(["", "", "", "alter", "skip", "middle", "sender"]),
    )
    def post(self, at: float, taken: int, fault: str) -> None:
        parent = self.pick(at)
        start = self.claims[parent].queue_end
        entries = self.queue[start : start + taken]
        slots = list(entries)
        reason = "post: inputs are fixed" if self.children(parent) else None
        if fault == "sender":
            reason = "post: not the sequencer"
        elif fault == "alter" and slots:
            slots[-1] = slots[-1][:-4] + b"\x00\x00\x00\x01"
            reason = reason or "post: queue entry"
        elif (
            fault == "skip"
            and self.queue[start + 1 : start + 2]
            and self.queue[start] != self.queue[start + 1]
        ):
            slots = [self.queue[start + 1]]
            reason = reason or "post: queue entry"
        elif fault == "middle" and slots and len(slots) < 3:
            slots = [slot(TRANSFER), *slots]
            reason = reason or "post: L1 transaction after others"
        self.next_output += 1
        data = journal(slots, self.next_output)
        sender = self.d.stranger if fault == "sender" else self.d.sequencer
        self.check(reason, lambda: self.s.post(sender, parent, data, self.d.commitments(GOOD_C)))
        if reason is None:
            self.add(parent, tuple(slots), data, start + len(entries))

    def add(self, parent: bytes, inputs: tuple[bytes, ...], data: bytes, queue_end: int) -> None:
        claim = claims.claim_id(parent, data)
        number = self.claims[parent].number + 1
        self.claims[claim] = ModelClaim(number, parent, inputs, data, queue_end, {})
        self.claims[claim].bound = {(suite, GOOD_C) for suite in SUITES}
        self.order.append(claim)

    @precondition(lambda self: len(self.order) > 1)
    @rule(at=st.floats(0, 1), other_inputs=st.booleans())
    def propose(self, at: float, other_inputs: bool) -> None:
        first = self.claims[self.pick(at)]
        if first.parent is None:
            return
        self.next_output += 1
        inputs = (slot(TRANSFER, 9), *first.inputs)[:3] if other_inputs else first.inputs
        data = journal(inputs, self.next_output)
        reason = "propose: other inputs" if inputs != first.inputs else None
        parent = first.parent
        self.check(
            reason,
            lambda: self.s.propose(self.d.stranger, parent, data, first.journal, self.d.commitments(GOOD_C)),
        )
        if reason is None:
            self.add(parent, inputs, data, first.queue_end)

    @precondition(lambda self: len(self.order) > 1)
    @rule(at=st.floats(0, 1))
    def bind(self, at: float) -> None:
        claim = self.claims[self.pick(at)]
        if claim.parent is not None:
            self.s.bind(self.d.stranger, claim.parent, claim.journal, "bn254", OTHER_C.to_bytes(32, "big"))
            claim.bound.add(("bn254", OTHER_C))

    @precondition(lambda self: len(self.order) > 1)
    @rule(
        at=st.floats(0, 1),
        name=st.sampled_from(sorted(TYPES)),
        honest=st.sampled_from([True, True, True, True, False]),
        c=st.sampled_from([GOOD_C, GOOD_C, GOOD_C, OTHER_C]),
        mode=st.sampled_from([ACCEPT, ACCEPT, ACCEPT, ACCEPT, REFUSE]),
        next_one=st.sampled_from([True, True, True, False]),
    )
    def vouch(self, at: float, name: str, honest: bool, c: int, mode: bytes, next_one: bool) -> None:
        following = self.children(self.heads[name])
        self.vouch_for(name, following[-1] if next_one and following else self.pick(at), honest, c, mode)

    def vouch_for(
        self, name: str, id: bytes, honest: bool = True, c: int = GOOD_C, mode: bytes = ACCEPT
    ) -> None:
        claim = self.claims[id]
        if claim.parent is None:
            return
        parent = self.claims[claim.parent]
        roots = {suite: 1000 * claim.number + 1 for suite in SUITES}
        if not honest:
            roots[TYPES[name][-1]] += 1
        if self.heads[name] != claim.parent:
            reason: str | None = "vouch: not the head"
        elif claim.conflict and not claim.final:
            reason = "vouch: conflict"
        elif name != "all" and ("bn254", c) not in claim.bound:
            reason = "vouch: not bound"
        else:
            reason = None if mode == ACCEPT else "mock: proof"
        pre = {suite: parent.roots.get(suite, 0).to_bytes(32, "big") for suite in SUITES}
        parent_id, data = claim.parent, claim.journal
        self.check(reason, lambda: self.d.vouch(name, parent_id, data, roots, pre_roots=pre, mode=mode, c=c))
        if reason is not None:
            return
        if any(claim.roots.get(suite, roots[suite]) != roots[suite] for suite in TYPES[name]):
            claim.conflict = True
        else:
            claim.vouched.add(name)
            self.heads[name] = id
            if claim.vouched >= REQUIRED and not claim.final and self.final == parent_id:
                claim.final = True
                self.final = id
        for suite in TYPES[name]:
            claim.roots.setdefault(suite, roots[suite])

    @precondition(lambda self: len(self.order) > 2)
    @rule(at=st.floats(0, 1), other=st.floats(0, 1))
    def show_conflict(self, at: float, other: float) -> None:
        first, second = self.pick(at), self.pick(other)
        a, b = self.claims[first], self.claims[second]
        if a.parent is None or a.parent != b.parent:
            return
        if first == second:
            reason: str | None = "conflict: one claim"
        elif not (a.vouched and b.vouched):
            reason = "conflict: not vouched for"
        else:
            reason = "conflict: known" if a.conflict and b.conflict else None
        parent = a.parent
        self.check(
            reason,
            lambda: self.s.show_conflict(
                self.d.stranger, parent, claims.journal_hash(a.journal), claims.journal_hash(b.journal)
            ),
        )
        if reason is None:
            a.conflict = b.conflict = True

    def teardown(self) -> None:
        if hasattr(self, "order"):
            assert self.s.queue_length() == len(self.queue)
            event(f"final: batch {self.claims[self.final].number}")
            event(f"claims: {len(self.order)}")
            event(f"conflicts: {sum(c.conflict for c in self.claims.values())}")

    # What must hold

    @invariant()
    def the_contract_is_the_model(self) -> None:
        if not hasattr(self, "order"):
            return
        assert self.s.heads() == self.heads
        assert self.s.final_claim() == self.final
        for id in self.order[-2:]:
            claim, status = self.claims[id], self.s.claim(id)
            assert (status.number, status.queue_end) == (claim.number, claim.queue_end)
            assert (status.conflict, status.final) == (claim.conflict, claim.final)
            assert status.vouched == claim.vouched
            for suite in SUITES:
                root = claim.roots.get(suite)
                assert self.s.root(id, suite) == (None if root is None else root.to_bytes(32, "big"))

    @invariant()
    def final_claims_are_one_chain_that_the_policy_stands_behind(self) -> None:
        if not hasattr(self, "order"):
            return
        at: bytes | None = self.final
        while at is not None:
            claim = self.claims[at]
            assert claim.final
            assert claim.vouched >= REQUIRED
            at = claim.parent
        finals = [c.number for c in self.claims.values() if c.final]
        assert sorted(finals) == list(range(len(finals)))


SettlementMachine.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestSettlement = SettlementMachine.TestCase
