"""Bridge against a model in plain Python: whatever anyone does, it holds what the ledger owes.

``MULTIPROVER_MACHINE_EXAMPLES`` (default 6) sets how many runs of 40 steps there are.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from bridge_support import (
    CONTRACTS,
    DAY,
    EARLY_LIMIT,
    ESCAPE_WINDOW,
    GWEI,
    RATE,
    TIER_LIMITS,
    UNIT,
    Batch,
    Contract,
    Purse,
    World,
    address_words,
    user,
)
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from multiprover.lang.exits import exit_value
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1

TOP = len(TIER_LIMITS) - 1
LIMITS = (400, 30_000, 0)
BASE = {0: GWEI, 1: UNIT}
RECIPIENT = b"\xabrecipient of tests."
accounts, users, assets = st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)
amounts = st.one_of(st.integers(1, 30), st.integers(31, 3000), st.integers(3001, 20_000))


@cache
def chain() -> L1:
    return open_l1(None)


@dataclass
class ModelBatch:
    batch: Batch
    entries: list[int]
    """Queue entries that it took in, by slot."""
    payouts: dict[int, tuple[int, int]]
    """Asset and amount by slot."""
    tier: int = -1
    """The highest at which it is final."""
    paid: set[int] = field(default_factory=set)
    early: Counter[int] = field(default_factory=Counter)
    """Units by asset that were released before it was final at the top."""
    early_value: int = 0


@dataclass
class Entry:
    sender: int
    asset: int
    amount: int
    time: int
    refunded: bool = False
    refused: bool | None = None


class BridgeMachine(RuleBasedStateMachine):
    """Every rule asks the model what must happen, then the contract, by the same reasons."""

    @initialize()
    def deploy(self) -> None:
        l1 = chain()
        self.gold = Contract(l1, "TestToken", encode(["uint8"], [18]), CONTRACTS)
        self.w = World(
            l1, suites=("bn254",), slots=4, limits=LIMITS, tokens=[(self.gold.address, UNIT, RATE)]
        )
        self.users = [user(l1) for _ in range(3)]
        self.bridge = to_checksum_address(self.w.bridge.address)
        for one in self.users:
            self.gold.send(one, "mint", one.address, 10**30)
            self.gold.send(one, "approve", self.bridge, 2**255)
        self.entries: list[Entry] = []
        self.batches: list[ModelBatch] = []
        self.tops = 0
        self.owner: dict[int, int] = {}
        self.next_free = [0, 0, 0]
        self.halted = False
        self.escaped: Counter[tuple[int, int]] = Counter()
        self.top_state = self.w.state.copy()
        self.top_time = l1.now()
        self.top_queue = 0
        # Two owners with something to lose; the rest is anybody's.
        self.register(0, 0)
        self.register(1, 1)
        self.deposit(0, 0, 0, 5000)
        self.deposit(1, 1, 1, 300)
        self.batch()
        self.finalise(TOP, 0)
        self.prove_owner(0, 0)
        self.prove_owner(0, 1)

    # -- the oracle's words

    def attempt(self, reason: str | None, act: Callable[[], object]) -> bool:
        """Do it, and demand that it is refused for ``reason``, or done where that is None."""
        try:
            act()
        except RefusedError as error:
            assert error.reason == reason, f"expected {reason}, got {error.reason}"  # noqa: PT017
            event(f"refused: {reason}")
            return False
        assert reason is None, f"expected {reason}, and it was done"
        return True

    def enqueue(self, sender: int, asset: int, amount: int, reason: str | None, words: bytes) -> None:
        if self.attempt(reason, lambda: self.w.enqueue(self.users[sender], words)):
            time = int.from_bytes(self.w.queue[-1][0][20:], "big")
            self.entries.append(Entry(sender, asset, amount, time))

    # -- rules

    @rule(sender=users, account=accounts)
    def register(self, sender: int, account: int) -> None:
        reason = "enqueue: halted" if self.halted else None
        if self.attempt(reason, lambda: self.w.register(self.users[sender], account)):
            time = int.from_bytes(self.w.queue[-1][0][20:], "big")
            self.entries.append(Entry(sender, 0, 0, time))

    @rule(sender=users, account=accounts, asset=assets, amount=amounts)
    def deposit(self, sender: int, account: int, asset: int, amount: int) -> None:
        words = self.w.words("deposit", account=account, asset=asset, amount=amount)
        self.enqueue(sender, asset, amount, "enqueue: halted" if self.halted else None, words)

    @rule(sender=users, account=accounts, asset=assets, amount=amounts, owned=st.booleans())
    def force(self, sender: int, account: int, asset: int, amount: int, owned: bool) -> None:
        if owned and self.owner:
            account = sorted(self.owner)[account % len(self.owner)]
            sender = self.owner[account]
        to = address_words(RECIPIENT)
        words = self.w.words("force", account=account, asset=asset, amount=amount, recipient=to)
        reason = None if self.owner.get(account) == sender else "enqueue: not the owner"
        self.enqueue(sender, 0, 0, "enqueue: halted" if self.halted else reason, words)

    @rule()
    def batch(self) -> None:
        first = self.w.taken
        made = self.w.batch()
        offset = self.w.rules.messages[0].presence * 4
        payouts = {}
        for slot, effect in enumerate(made.effects):
            words = effect.outputs[offset : offset + 36]
            if int.from_bytes(words[:4], "big"):
                payouts[slot] = (int.from_bytes(words[32:], "big"), int.from_bytes(words[24:32], "big"))
        entries = list(range(first, self.w.taken))
        for entry, effect in zip(entries, made.effects, strict=False):
            self.entries[entry].refused = effect.refused is not None
        self.batches.append(ModelBatch(made, entries, payouts))

    @precondition(lambda self: hasattr(self, "batches") and len(self.batches) > self.tops and not self.halted)
    @rule(tier=st.sampled_from([0, 1, TOP, TOP]), ahead=st.integers(0, 2))
    def finalise(self, tier: int, ahead: int) -> None:
        """The next claims, in their order, become final at a tier."""
        for found in self.batches[self.tops : self.tops + ahead + 1]:
            if found.tier < tier:
                self.w.finalise(found.batch, tier)
                found.tier = tier
                if tier == TOP:
                    self.tops += 1
                    self.top_state, self.top_queue = found.batch.state, found.batch.queue_end
                    self.top_time = chain().now()

    @precondition(lambda self: hasattr(self, "batches") and any(b.payouts for b in self.batches))
    @rule(which=st.integers(0, 50), slot=st.integers(0, 3))
    def withdraw(self, which: int, slot: int) -> None:
        paying = [b for b in self.batches if b.payouts]
        found = paying[which % len(paying)]
        if slot not in found.payouts:
            self.attempt("withdraw: nothing", lambda: self.w.withdraw(found.batch, slot))
            return
        asset, amount = found.payouts[slot]
        value = amount if asset == 0 else amount * RATE // 10**9
        tier = next(i for i, limit in enumerate(TIER_LIMITS) if value <= limit)
        now, limit = chain().now(), TOP if found.tier == TOP else min(tier, TOP - 1)
        reason = None
        if slot in found.paid:
            reason = "withdraw: paid"
        elif found.tier < TOP and self.halted:
            reason = "withdraw: halted"
        elif found.tier < tier:
            reason = "withdraw: not final"
        elif found.tier < TOP and self.early() + value > EARLY_LIMIT:
            reason = "withdraw: early limit"
        time = -(-value * DAY // LIMITS[limit]) if LIMITS[limit] else 0
        # The transaction's block comes at a time that is not known before: stay away from the border.
        border = self.next_free[limit] + time - DAY
        if reason is None and LIMITS[limit] and self.next_free[limit] > now:
            if abs(border - now) < 30 or self.next_free[limit] - now < 30:
                return
            if border > now:
                reason = "withdraw: wait"
        if self.attempt(reason, lambda: self.w.withdraw(found.batch, slot)):
            found.paid.add(slot)
            if found.tier < TOP:
                found.early[asset] += amount
                found.early_value += value
            else:
                found.early_value = 0
            if LIMITS[limit]:
                self.next_free[limit] = max(self.next_free[limit], chain().now()) + time

    def early(self) -> int:
        """Gwei that count as early: those of a claim that became final at the top do until absorbed."""
        return sum(b.early_value for b in self.batches)

    @precondition(lambda self: hasattr(self, "batches") and self.batches)
    @rule(which=st.integers(0, 50))
    def absorb(self, which: int) -> None:
        found = self.batches[which % len(self.batches)]
        reason = None if found.tier == TOP else "absorb: not final"
        if self.attempt(reason, lambda: self.w.bridge.send(self.w.caller, "absorb", found.batch.claim)):
            found.early_value = 0

    @precondition(lambda self: hasattr(self, "batches") and any(b.entries for b in self.batches))
    @rule(which=st.integers(0, 50), slot=st.integers(0, 3))
    def refund(self, which: int, slot: int) -> None:
        taking = [b for b in self.batches if b.entries]
        found = taking[which % len(taking)]
        slot %= len(found.entries)
        entry = self.entries[found.entries[slot]]
        kind = self.w.transition.kinds[
            found.batch.journal[4 * self.w.program.input_words * slot + 3] - 1
        ].name
        reason = None
        if found.tier < TOP:
            reason = "entry: not final"
        elif not entry.refused:
            reason = "refund: not refused"
        elif kind != "deposit":
            reason = "refund: nothing paid"
        elif entry.refunded:
            reason = "refund: done"
        if self.attempt(reason, lambda: self.w.refund(found.batch, slot)):
            entry.refunded = True

    @precondition(lambda self: hasattr(self, "batches") and any(b.entries for b in self.batches))
    @rule(which=st.integers(0, 50), slot=st.integers(0, 3))
    def prove_owner(self, which: int, slot: int) -> None:
        taking = [b for b in self.batches if b.entries]
        found = taking[which % len(taking)]
        slot %= len(found.entries)
        entry = self.entries[found.entries[slot]]
        at = 4 * self.w.program.input_words * slot
        kind = self.w.transition.kinds[found.batch.journal[at + 3] - 1].name
        account = found.batch.journal[at + 7]
        reason = None
        if found.tier < TOP:
            reason = "entry: not final"
        elif kind != "register":
            reason = "owner: kind"
        elif entry.refused:
            reason = "owner: refused"
        elif account in self.owner:
            reason = "owner: known"
        if self.attempt(reason, lambda: self.w.prove_owner(found.batch, slot)):
            self.owner[account] = entry.sender

    @rule(seconds=st.sampled_from([60, DAY // 4, DAY, 3 * DAY]))
    def wait(self, seconds: int) -> None:
        chain().advance_time(seconds)

    @precondition(lambda self: hasattr(self, "entries") and len(self.entries) > self.top_queue)
    @rule(patient=st.sampled_from([False, False, False, False, True]))
    def halt(self, patient: bool) -> None:
        index = self.top_queue
        if patient:
            chain().advance_time(ESCAPE_WINDOW)
        since = max(self.entries[index].time, self.top_time) + ESCAPE_WINDOW
        reason = None if since <= chain().now() else "halt: too early"
        if self.attempt("halt: known" if self.halted else reason, lambda: self.w.halt(index)):
            self.halted = True

    @precondition(lambda self: hasattr(self, "entries") and self.entries)
    @rule(which=st.integers(0, 50))
    def refund_queued(self, which: int) -> None:
        index = which % len(self.entries)
        entry = self.entries[index]
        reason = None
        if not self.halted:
            reason = "refund: not halted"
        elif index < self.top_queue:
            reason = "refund: taken in"
        elif entry.refunded:
            reason = "refund: done"
        elif entry.amount == 0:
            reason = "refund: nothing paid"
        arguments = (index, *self.w.queue[index])
        if self.attempt(reason, lambda: self.w.bridge.send(self.w.caller, "refund_queued", *arguments)):
            entry.refunded = True

    @precondition(lambda self: hasattr(self, "batches") and (self.halted or not self.batches))
    @rule(account=accounts)
    def escape(self, account: int) -> None:
        last = Batch(bytes(32), b"", [], [], 0, self.top_state)
        reason = None
        if not self.halted:
            reason = "escape: not halted"
        elif account not in self.owner:
            reason = "escape: no owner"
        held = {0: self.w.held(), 1: self.gold.read("balanceOf", self.bridge)}
        if self.attempt(reason, lambda: self.w.escape(last, account)):
            for spec in Purse.exits:
                worth = exit_value(Purse, spec, self.top_state, account)
                due = worth - self.escaped[account, spec.asset]
                self.escaped[account, spec.asset] += min(due, held[spec.asset] // BASE[spec.asset])

    # -- what always holds

    @invariant()
    def conserved(self) -> None:
        """Held = owed by the last state that is final at the top + what the queue holds beyond it
        + refunds due + withdrawals not paid yet - what was released early - what left by escapes.
        """
        if not hasattr(self, "batches"):
            return
        names = [c.name for c in self.w.program.cells]
        for asset, held in ((0, self.w.held()), (1, self.gold.read("balanceOf", self.bridge))):
            tops = [b for b in self.batches if b.tier == TOP]
            expected = self.top_state.cells[names.index(f"held[{asset}]")]
            expected += sum(
                e.amount
                for i, e in enumerate(self.entries)
                if e.asset == asset and not e.refunded and (i >= self.top_queue or e.refused)
            )
            for b in tops:
                expected += sum(n for s, (a, n) in b.payouts.items() if a == asset and s not in b.paid)
            expected -= sum(b.early[asset] for b in self.batches if b.tier < TOP)
            expected -= sum(n for (_, a), n in self.escaped.items() if a == asset)
            assert held == expected * BASE[asset]

    @invariant()
    def what_can_be_lost_early_is_bounded(self) -> None:
        if hasattr(self, "batches"):
            assert self.w.bridge.read("early_total") == self.early() <= EARLY_LIMIT


BridgeMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("MULTIPROVER_MACHINE_EXAMPLES", "6")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestBridge = BridgeMachine.TestCase
