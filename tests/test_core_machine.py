"""The core contracts against a model in plain Python (core_model.py): every role, any order of calls.

``python tests/test_core_machine.py CALLS [SEED]`` runs until that many transactions were sent.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import cache

from core_model import TOP, MClaim, Model, MPolicy, Refused
from core_support import (
    BOND,
    COUNCIL,
    COUNCIL_WINDOW,
    DAY,
    EPOCH,
    GAS_CAP,
    HOUR,
    OPERATOR,
    OTHER,
    PROOF_WINDOW,
    SEQUENCER,
    STRANGER,
    SUITES,
    TIERS,
    TIMELOCK,
    Core,
    Reverted,
    mask,
    policy,
)
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from settlement_support import ROOTS, deposit, journal

from multiprover.settlement import claims

SENDERS = {
    "sequencer": SEQUENCER,
    "operator": OPERATOR,
    "council": COUNCIL,
    "stranger": STRANGER,
    "other": OTHER,
}

STRICT = (
    (50, (((0, 1, 3), 0), ((1, 2), 600), ((3,), 2 * HOUR))),
    (10_000, (((0, 1, 3), 0), ((1, 2), 2 * HOUR), ((2, 3), 2 * HOUR), ((3,), 2 * DAY))),
    (2**64 - 1, (((0, 1, 2, 3), 0), ((0, 1, 3), HOUR), ((1, 2), 2 * DAY), ((2, 3), DAY), ((0, 3), 2 * DAY))),
)
"""Stricter than TIERS in every tier."""
PAIRS = (
    (500, (((0, 1), 0), ((2, 3), 0), ((0, 3), 0))),
    (2**64 - 1, (((0, 1), 0), ((2, 3), 0), ((0, 3), 6 * HOUR))),
)
"""Neither stricter than TIERS nor than STRICT, and with fewer tiers."""
POLICIES = {"first": TIERS, "strict": STRICT, "pairs": PAIRS}
TIGHTER = {("first", "strict"), ("first", "first"), ("strict", "strict"), ("pairs", "pairs")}
WEIGHTS = [3, 5, 6, 7]


def modelled(name: str) -> MPolicy:
    tiers = [(limit, [(frozenset(types), delay) for types, delay in alts]) for limit, alts in POLICIES[name]]
    return MPolicy(tiers, WEIGHTS)


@cache
def deployed() -> tuple[Core, list[bytes]]:
    core = Core.deploy()
    return core, [core.new_adapter(f"spare {i}") for i in range(4)]


class Lockstep:
    """The model and the contracts, side by side: what one refuses, the other refuses, for the same reason."""

    def __init__(self) -> None:
        self.core, self.spares = deployed()
        self.begun = self.core.machine.now
        self.checkpoint = self.core.machine.evm.snapshot()
        types = [(t.suites, t.binds, a) for t, a in zip(self.core.types, self.core.adapters, strict=True)]
        self.model = Model(
            self.core.genesis,
            {name: int.from_bytes(root, "big") for name, root in ROOTS.items()},
            types,
            modelled("first"),
            start=self.begun,
            council_window=COUNCIL_WINDOW,
            proof_window=PROOF_WINDOW,
            timelock=TIMELOCK,
        )
        self.order = [self.core.genesis]
        self.origins: list[bytes] = []
        self.outputs = 0
        self.refusals: dict[str, int] = {}
        self.in_force = "first"
        self.heads = [0] * len(types)
        self.starts = [0] * len(types)
        self.frozen_final: dict[bytes, frozenset[int]] = {}

    def close(self) -> None:
        self.core.machine.evm.revert(self.checkpoint)
        self.core.machine.set_time(self.begun)

    # One step on both sides

    def both(self, modelled: Callable[[], object], real: Callable[[], object]) -> bool:
        expected: str | None = None
        found: str | None = None
        try:
            modelled()
        except Refused as refusal:
            expected = refusal.reason
        try:
            real()
        except Reverted as revert:
            found = revert.reason
        assert found == expected, f"contract: {found}, model: {expected}"
        if expected:
            self.refusals[expected] = self.refusals.get(expected, 0) + 1
        return expected is None

    def wait(self, seconds: int) -> None:
        self.core.wait(seconds)
        self.model.now += seconds

    # What there is to act on

    def children(self, parent: bytes) -> list[bytes]:
        return [c for c in self.order if self.model.claims[c].parent == parent]

    def live(self, parent: bytes) -> list[bytes]:
        generation = self.model.claims[parent].children_generation
        return [c for c in self.children(parent) if self.model.claims[c].generation == generation]

    def pick(self, at: float) -> MClaim:
        """A claim, the later ones more often."""
        return self.model.claims[self.order[int((1 - at * at) * (len(self.order) - 1) + 0.5)]]

    def tip(self) -> bytes:
        """Where honest types go on: the longest way over claims that did not lose."""
        at = self.model.final_claim
        while True:
            following = [c for c in self.live(at) if not self.model.claims[c].closed]
            if not following:
                return at
            at = max(following, key=lambda c: (len(self.model.counting(self.model.claims[c])), c))

    def truth(self, number: int) -> dict[str, int]:
        return {suite: 1_000 * number + i for i, suite in enumerate(SUITES)}

    def lie(self, number: int, which: int) -> dict[str, int]:
        return {suite: 1_000 * number + 500 + which for suite in SUITES}

    # Steps

    def enqueue(self, account: int) -> None:
        words = deposit(account, 5)
        self.origins.append(self.core.enqueue(words)[0])
        self.model.queue.append(words)

    def post(self, sender: str, parent: bytes, taken: int, again: bool) -> None:
        before = self.model.claims[parent]
        start = before.queue_end
        words = tuple(self.model.queue[start : start + taken])
        old = [c for c in self.children(parent) if c not in self.live(parent)]
        if again and old:
            data, words = self.model.claims[old[-1]].journal, self.model.claims[old[-1]].inputs
        else:
            self.outputs += 1
            data = journal(words, self.outputs)
        id = claims.claim_id(parent, data)
        origins = self.origins[start : start + len(words)]
        if self.both(
            lambda: self.model.post(sender, parent, id, data, words, len(words)),
            lambda: self.core.post(parent, data, origins, SENDERS[sender]),
        ):
            self._note(id)

    def take_seat(self, sender: str) -> None:
        self.both(
            lambda: self.model.take_seat(sender),
            lambda: self.core.sequencing.send(SENDERS[sender], "take_seat", value=BOND),
        )

    def _note(self, id: bytes) -> None:
        if id not in self.order:
            self.order.append(id)

    def propose(self, first: MClaim, inputs: tuple[bytes, ...] | None = None) -> None:
        if first.parent is None:
            return
        self.outputs += 1
        words = first.inputs if inputs is None else inputs
        data = journal(words, self.outputs)
        id = claims.claim_id(first.parent, data)
        parent = first.parent
        if self.both(
            lambda: self.model.propose(parent, first.id, id, data, words),
            lambda: self.core.propose(parent, data, first.journal),
        ):
            self._note(id)

    def vouch(self, t: int, claim: MClaim, roots: dict[str, int], c: int = 7, accepted: bool = True) -> None:
        if claim.parent is None:
            return
        parent = claim.parent
        head = self.model.types[t].head
        if self.both(
            lambda: self.model.vouch(t, claim.id, roots, c, accepted),
            lambda: self.core.vouch(
                t, parent, claim.journal, roots, mode=b"\x01" if accepted else b"\x00", c=c
            ),
        ):
            assert self.model.types[t].head in (claim.id, head)

    def settle(self, claim: MClaim) -> None:
        if claim.parent is not None:
            parent = claim.parent
            self.both(lambda: self.model.settle(claim.id), lambda: self.core.settle(parent, claim.journal))

    def show(self, a: MClaim, b: MClaim) -> None:
        if a.parent is not None and a.parent == b.parent:
            parent = a.parent
            self.both(
                lambda: self.model.show(a.id, b.id), lambda: self.core.show(parent, a.journal, b.journal)
            )

    def add_branch(self, claim: MClaim) -> None:
        send = self.core.governance.send
        data = claims.journal_hash(claim.journal)
        self.both(lambda: self.model.add_branch(claim.id), lambda: send(STRANGER, "add_branch", data))

    def choose(self, sender: str, option: int) -> None:
        send = self.core.governance.send
        index = max(1, self.core.governance.view("open_conflict")) - 1
        self.both(
            lambda: self.model.choose(sender, option), lambda: send(SENDERS[sender], "choose", index, option)
        )

    def resolve(self) -> None:
        self.both(self.model.resolve, lambda: self.core.governance.send(STRANGER, "resolve"))

    def complain(self) -> None:
        self.both(self.model.complain, lambda: self.core.settlement.send(STRANGER, "complain"))

    def discard(self) -> None:
        if self.both(self.model.discard, lambda: self.core.settlement.send(STRANGER, "discard")):
            # Types that had vouched for it go on from what is final.
            self.heads = [
                min(h, self.model.number(t.head)) for h, t in zip(self.heads, self.model.types, strict=True)
            ]

    def catch_up(self, t: int) -> None:
        self.both(lambda: self.model.catch_up(t), lambda: self.core.settlement.send(STRANGER, "catch_up", t))

    def convict(self, t: int, claim: MClaim, first: MClaim, roots: dict[str, int], accepted: bool) -> None:
        if claim.parent is None or claim.parent != first.parent:
            return
        parent = claim.parent
        self.both(
            lambda: self.model.convict(t, claim.id, first.id, roots, accepted),
            lambda: self.core.convict(
                t, parent, claim.journal, first.journal, roots, b"\x01" if accepted else b"\x00"
            ),
        )

    def canary(self, t: int, false: bool, accepted: bool) -> None:
        true = {suite: int.from_bytes(root, "big") for suite, root in ROOTS.items()}
        roots = {suite: root + 1 for suite, root in true.items()} if false else true
        self.both(
            lambda: self.model.canary(t, false, accepted),
            lambda: self.core.canary(t, journal((), 5), roots, b"\x01" if accepted else b"\x00"),
        )

    def replace(self, sender: str, t: int, adapter: bytes) -> None:
        if self.both(
            lambda: self.model.replace(sender, t, adapter),
            lambda: self.core.governance.send(SENDERS[sender], "replace_verifier", t, adapter, GAS_CAP),
        ):
            self.starts[t] = self.heads[t] = self.model.number(self.model.final_claim)

    def propose_policy(self, sender: str, name: str) -> None:
        struct = policy(POLICIES[name])
        self.both(
            lambda: self.model.schedule(sender, ("policy", name)),
            lambda: self.core.governance.send(SENDERS[sender], "propose_policy", struct),
        )

    def apply_policy(self, name: str) -> None:
        struct = policy(POLICIES[name])
        if self.both(
            lambda: self.model.apply_policy(("policy", name), modelled(name)),
            lambda: self.core.governance.send(STRANGER, "apply_policy", struct),
        ):
            self.in_force = name

    def tighten(self, sender: str, name: str) -> None:
        tighter = (self.in_force, name) in TIGHTER
        if self.both(
            lambda: self.model.tighten(sender, tighter, modelled(name)),
            lambda: self.core.governance.send(SENDERS[sender], "tighten_policy", policy(POLICIES[name])),
        ):
            self.in_force = name

    def schedule_upgrade(self, sender: str, t: int, adapter: bytes, ahead: int) -> None:
        arguments = (t, adapter, GAS_CAP, self.model.number(self.model.types[t].head) + ahead)
        self.both(
            lambda: self.model.schedule(sender, arguments),
            lambda: self.core.governance.send(SENDERS[sender], "schedule_upgrade", *arguments),
        )

    def apply_upgrade(self, at: int) -> None:
        keys = [key for key in self.model.ready if isinstance(key, tuple) and len(key) == 4]
        if keys:
            key = keys[at % len(keys)]
            t, adapter, _, number = key
            self.both(
                lambda: self.model.apply_upgrade(key, t, adapter, number),
                lambda: self.core.governance.send(STRANGER, "apply_upgrade", *key),
            )

    def halt(self) -> None:
        self.model.halted = True
        self.core.bridge.send(STRANGER, "halt", self.core.settlement.address)

    # What must hold

    def check(self) -> None:
        core, model = self.core, self.model
        for t, kind in enumerate(model.types):
            assert core.head(t) == kind.head
            assert core.status(t) == kind.status
            number = model.number(kind.head)
            assert number >= self.heads[t], "a head went back"
            self.heads[t] = number
        assert core.settlement.view("final_claim") == model.final_claim
        assert core.settlement.view("frozen_from") == model.frozen
        assert core.governance.view("conflict_count") == len(model.conflicts)
        recent = set(self.order[-4:]) | {model.final_claim} | set(self.live(model.final_claim))
        for id in recent:
            self.check_claim(model.claims[id])
        self.check_model()

    def check_claim(self, claim: MClaim) -> None:
        found = self.core.claim(claim.id)
        assert found["final"] == sum(1 << b for b in claim.final)
        assert found["child_final"] == sum(1 << b for b in claim.child_final)
        assert (found["closed"], found["parent"]) == (claim.closed, claim.has_child)
        assert (found["number"], found["queue_end"]) == (claim.number, claim.queue_end)
        assert (found["generation"], found["children_generation"]) == (
            claim.generation,
            claim.children_generation,
        )
        assert found["vouched"] == mask(list(claim.times))
        assert found["counting"] == mask(list(self.model.counting(claim)))
        for i, suite in enumerate(SUITES):
            root = self.core.settlement.view("root", claim.id, i)
            assert int.from_bytes(root, "big") == claim.roots.get(suite, 0)

    def check_model(self) -> None:
        """The issue's invariants, of the model: the contracts are the model, so of them too."""
        model = self.model
        # No claim is final at the top but on one chain, every parent before its child.
        tops = sorted((c.number, c.id) for c in model.claims.values() if TOP in c.final)
        assert [number for number, _ in tops] == list(range(len(tops)))
        assert tops[-1][1] == model.final_claim
        for claim in model.claims.values():
            if claim.parent is None:
                continue
            parent = model.claims[claim.parent]
            # At most one of its children is final at a tier, unless it lost a conflict since.
            for bit in claim.final:
                assert max(parent.final) >= bit
            rivals = [
                c
                for c in model.claims.values()
                if c.parent == claim.parent and not c.closed and c is not claim and model.alive(c)
            ]
            for rival in rivals:
                if not claim.closed and model.alive(claim):
                    fresh = (claim.final - claim.kept) & (rival.final - rival.kept)
                    assert not fresh, "two siblings final at a tier"
            # Types that count on a claim agree on its roots, and the roots recorded are theirs.
            for t in model.counting(claim):
                for suite, root in claim.said[t].items():
                    assert claim.roots[suite] == root, "a vouch counts for a root that it was not for"
        # No vouch is counted twice.
        assert all(count == 1 for count in model.vouches.values())
        # Nothing from a frozen batch on becomes final.
        frozen = model.frozen
        now = {c.id: frozenset(c.final) for c in model.claims.values() if frozen and c.number >= frozen}
        for id, bits in now.items():
            assert self.frozen_final.get(id, bits) == bits, "frozen, and final since"
        self.frozen_final = now
        # The council decides nothing but open conflicts, and never for a side that nobody stood behind.
        for record in model.conflicts:
            if record.by_council:
                assert record.resolved
                assert record.winner is not None
            assert not (record.losers & record.disabled)


TYPE = st.integers(0, 3)
AT = st.floats(0, 1)
SENDER = st.sampled_from(sorted(SENDERS))
DELAYS = (0, 1, 600, EPOCH, HOUR, 2 * HOUR, DAY, DAY + EPOCH, 2 * DAY + EPOCH, 3 * DAY, 7 * DAY, 30 * DAY)


class CoreMachine(RuleBasedStateMachine):
    @initialize()
    def deploy(self) -> None:
        self.s = Lockstep()

    @rule(seconds=st.sampled_from(DELAYS))
    def time_passes(self, seconds: int) -> None:
        self.s.wait(seconds)

    @rule(account=st.integers(0, 9))
    def enqueue(self, account: int) -> None:
        self.s.enqueue(account)

    @rule(taken=st.integers(0, 3), again=st.booleans())
    def post_next(self, taken: int, again: bool) -> None:
        self.seated()
        self.s.post(self.s.model.seat, self.s.tip(), taken, again)

    def seated(self) -> None:
        if not self.s.model.seat:
            self.s.take_seat("stranger")

    @rule(sender=SENDER)
    def take_seat(self, sender: str) -> None:
        self.s.take_seat(sender)

    @rule(at=AT, sender=SENDER)
    def post_anywhere(self, at: float, sender: str) -> None:
        self.s.post(sender, self.s.pick(at).id, 1, False)

    @rule(at=AT, other=st.booleans())
    def propose(self, at: float, other: bool) -> None:
        self.s.propose(self.s.pick(at), (deposit(1, 1),) if other else None)

    @rule(types=st.permutations(range(4)), count=st.integers(1, 4), batches=st.integers(1, 2))
    def honest(self, types: list[int], count: int, batches: int) -> None:
        for t in types[:count]:
            for _ in range(batches):
                head = self.s.model.types[t].head
                following = [c for c in self.s.live(head) if not self.s.model.claims[c].closed]
                if following:
                    claim = self.s.model.claims[following[0]]
                    self.s.vouch(t, claim, self.s.truth(claim.number))

    @rule(t=TYPE, which=st.integers(0, 2), branch=st.integers(0, 2))
    def liar(self, t: int, which: int, branch: int) -> None:
        following = self.s.live(self.s.model.types[t].head)
        if following:
            claim = self.s.model.claims[following[branch % len(following)]]
            self.s.vouch(t, claim, self.s.lie(claim.number, which))

    @rule(t=TYPE, at=AT, c=st.sampled_from([7, 7, 8]), accepted=st.booleans())
    def vouch_anything(self, t: int, at: float, c: int, accepted: bool) -> None:
        claim = self.s.pick(at)
        self.s.vouch(t, claim, self.s.truth(claim.number), c, accepted)

    @rule(at=AT)
    def settle(self, at: float) -> None:
        self.s.settle(self.s.pick(at))

    @rule()
    def settle_next(self) -> None:
        for id in self.s.live(self.s.model.final_claim):
            self.s.settle(self.s.model.claims[id])

    @rule(at=AT, other=st.integers(0, 3))
    def show(self, at: float, other: int) -> None:
        a = self.s.pick(at)
        if a.parent is not None:
            siblings = self.s.children(a.parent)
            self.s.show(a, self.s.model.claims[siblings[other % len(siblings)]])

    @rule(at=AT)
    def add_branch(self, at: float) -> None:
        claim = self.s.pick(at)
        if claim.parent is not None:
            self.s.add_branch(claim)

    @rule(sender=st.sampled_from(["council", "council", "council", "operator"]), option=st.integers(0, 3))
    def choose(self, sender: str, option: int) -> None:
        self.s.choose(sender, option)

    @rule()
    def resolve(self) -> None:
        self.s.resolve()

    @rule()
    def complain(self) -> None:
        self.s.complain()

    @rule()
    def discard(self) -> None:
        self.s.discard()

    @rule(t=TYPE)
    def catch_up(self, t: int) -> None:
        self.s.catch_up(t)

    # Ways that single steps seldom find.

    @rule()
    def the_council_sleeps(self) -> None:
        if self.s.model.open:
            self.s.wait(COUNCIL_WINDOW)
            self.s.resolve()

    @rule()
    def nobody_proves(self) -> None:
        if not self.s.model.claims[self.s.model.final_claim].has_child:
            self.seated()
            self.s.post(self.s.model.seat, self.s.model.final_claim, 1, False)
        self.s.complain()
        self.s.wait(PROOF_WINDOW)
        self.s.discard()

    @rule(t=TYPE, settled=st.booleans())
    def only_a_liar_proves(self, t: int, settled: bool) -> None:
        """Inputs that no honest type can prove, and one that vouches for them, and perhaps is believed."""
        self.seated()
        self.s.post(self.s.model.seat, self.s.model.final_claim, 1, False)
        for id in self.s.live(self.s.model.final_claim):
            self.s.vouch(t, self.s.model.claims[id], self.s.lie(self.s.model.claims[id].number, 0))
        self.s.complain()
        self.s.wait(PROOF_WINDOW)
        self.s.discard()
        if settled:
            self.settle_next()
        self.s.wait(30 * DAY)
        self.s.discard()

    @rule()
    def silence(self) -> None:
        self.s.wait(PROOF_WINDOW + EPOCH)
        for t in range(4):
            self.s.catch_up(t)

    @rule(liar=TYPE, option=st.integers(0, 1))
    def a_lie_is_shown(self, liar: int, option: int) -> None:
        """One type vouches for a sibling of what another vouched for, from the same head."""
        head = self.s.model.types[liar].head
        following = self.s.live(head)
        if following:
            self.s.propose(self.s.model.claims[following[0]])
            for t in range(4):
                claim = self.s.model.claims[self.s.live(head)[-1 if t == liar else 0]]
                if self.s.model.types[t].head == head:
                    self.s.vouch(t, claim, self.s.truth(claim.number))
            self.s.show(*(self.s.model.claims[self.s.live(head)[i]] for i in (0, -1)))
            self.s.choose("council", option)

    @rule(t=TYPE, at=AT, other=st.integers(0, 3), accepted=st.booleans(), true=st.booleans())
    def convict(self, t: int, at: float, other: int, accepted: bool, true: bool) -> None:
        first = self.s.pick(at)
        if first.parent is not None:
            siblings = self.s.children(first.parent)
            claim = self.s.model.claims[siblings[other % len(siblings)]]
            roots = self.s.truth(claim.number) if true else self.s.lie(claim.number, 0)
            self.s.convict(t, claim, first, roots, accepted)

    @rule(t=TYPE, false=st.booleans(), accepted=st.sampled_from([False, False, True]))
    def canary(self, t: int, false: bool, accepted: bool) -> None:
        self.s.canary(t, false, accepted)

    @rule(
        sender=st.sampled_from(["council", "council", "council", "operator"]), t=TYPE, spare=st.integers(0, 7)
    )
    def replace(self, sender: str, t: int, spare: int) -> None:
        self.s.replace(sender, t, [*self.s.spares, *self.s.core.adapters][spare])

    @rule(sender=SENDER, name=st.sampled_from(sorted(POLICIES)))
    def propose_policy(self, sender: str, name: str) -> None:
        self.s.propose_policy(sender, name)

    @rule(name=st.sampled_from(sorted(POLICIES)))
    def apply_policy(self, name: str) -> None:
        self.s.apply_policy(name)

    @rule(sender=st.sampled_from(["operator", "operator", "council"]), name=st.sampled_from(sorted(POLICIES)))
    def tighten(self, sender: str, name: str) -> None:
        self.s.tighten(sender, name)

    @rule(
        sender=st.sampled_from(["operator", "council"]),
        t=TYPE,
        spare=st.integers(0, 3),
        ahead=st.integers(0, 3),
    )
    def schedule_upgrade(self, sender: str, t: int, spare: int, ahead: int) -> None:
        self.s.schedule_upgrade(sender, t, self.s.spares[spare], ahead)

    @rule(at=st.integers(0, 3))
    def apply_upgrade(self, at: int) -> None:
        self.s.apply_upgrade(at)

    @rule(dice=st.integers(0, 60))
    def halt(self, dice: int) -> None:
        if dice == 60:
            self.s.halt()

    @invariant()
    def contracts_are_the_model(self) -> None:
        if hasattr(self, "s"):
            self.s.check()

    def teardown(self) -> None:
        if hasattr(self, "s"):
            event(f"final: batch {self.s.model.number(self.s.model.final_claim)}")
            event(f"conflicts: {len(self.s.model.conflicts)}")
            self.s.close()


CoreMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestCore = CoreMachine.TestCase


def ways(machine: CoreMachine, rng: random.Random) -> list[tuple[int, Callable[[], object]]]:
    """What a random walk may do next, with weights."""
    pick, coin, name = rng.randrange, lambda p: rng.random() < p, lambda: rng.choice(sorted(POLICIES))
    return [
        (6, lambda: machine.time_passes(rng.choice(DELAYS))),
        (1, lambda: machine.enqueue(pick(10))),
        (6, lambda: machine.post_next(pick(4), coin(0.5))),
        (1, lambda: machine.post_anywhere(rng.random(), rng.choice(sorted(SENDERS)))),
        (3, lambda: machine.propose(rng.random(), coin(0.1))),
        (12, lambda: machine.honest(rng.sample(range(4), 4), rng.randint(1, 4), rng.randint(1, 2))),
        (2, lambda: machine.liar(pick(4), pick(3), pick(3))),
        (2, lambda: machine.vouch_anything(pick(4), rng.random(), rng.choice([7, 8]), coin(0.7))),
        (2, lambda: machine.settle(rng.random())),
        (3, machine.settle_next),
        (3, lambda: machine.show(rng.random(), pick(4))),
        (1, lambda: machine.add_branch(rng.random())),
        (1, lambda: machine.choose(rng.choice(["council", "operator"]), pick(3))),
        (1, machine.resolve),
        (1, machine.complain),
        (1, machine.discard),
        (1, lambda: machine.catch_up(pick(4))),
        (2, machine.the_council_sleeps),
        (1, machine.nobody_proves),
        (1, machine.silence),
        (1, lambda: machine.only_a_liar_proves(pick(4), coin(0.5))),
        (1, lambda: machine.take_seat(rng.choice(sorted(SENDERS)))),
        (2, lambda: machine.a_lie_is_shown(pick(4), pick(2))),
        (1, lambda: machine.convict(
            pick(4), rng.random(), pick(4), coin(0.3), coin(0.5)
        )),
        (1, lambda: machine.canary(pick(4), coin(0.5), coin(0.2))),
        (2, lambda: machine.replace("council", pick(4), pick(8))),
        (1, lambda: machine.propose_policy(rng.choice(["operator", "council"]), name())),
        (1, lambda: machine.apply_policy(name())),
        (1, lambda: machine.tighten("operator", name())),
        (1, lambda: machine.schedule_upgrade("operator", pick(4), pick(4), pick(4))),
        (1, lambda: machine.apply_upgrade(pick(4))),
        (1, lambda: machine.halt(60 if coin(0.01) else 0)),
    ]  # fmt: skip


def walk(calls: int, seed: int) -> None:
    """Random walks, with what the machine's rules would do, until ``calls`` transactions were sent."""
    core, _ = deployed()
    begun = core.machine.calls
    refusals: dict[str, int] = {}
    walks = finals = conflicts = 0
    while core.machine.calls - begun < calls:
        rng = random.Random(seed + walks)  # noqa: S311
        machine = CoreMachine()
        machine.deploy()
        s = machine.s
        steps = ways(machine, rng)
        weights = [weight for weight, _ in steps]
        for _ in range(120):
            rng.choices(steps, weights)[0][1]()
            s.check()
        for claim in s.model.claims.values():
            s.check_claim(claim)
        for reason, count in s.refusals.items():
            refusals[reason] = refusals.get(reason, 0) + count
        finals += s.model.number(s.model.final_claim)
        conflicts += len(s.model.conflicts)
        walks += 1
        s.close()
    sent = core.machine.calls - begun
    print(
        f"{sent} calls in {walks} walks, {sum(refusals.values())} of them refused for {len(refusals)} reasons"
    )
    print(f"{finals} batches final, {conflicts} conflicts; every state as in the model")
    for reason, count in sorted(refusals.items(), key=lambda item: -item[1]):
        print(f"{count:8} {reason}")


if __name__ == "__main__":
    walk(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
