"""The watcher: executes every batch on L1 again, and acts on what is false there.

It trusts nothing but L1 and the transition. From the calldata it rebuilds the ledger
(:class:`.replica.Replica`),
compares each claim's journal and vouched roots with what the inputs really do, and, where it has an account,
does by itself what anyone may do:

- a false claim stands and the true one does not: post the true one, so that honest types can vouch for it;
- both were vouched for: show the conflict, which freezes finality from there on;
- the council's time in a conflict is over: have it resolved by weight;
- inputs that nobody can prove, or that nobody proves: complain, and give them up when the window is over;
- a queue entry waits too long: open the sequencer's seat;
- a delay is over: have the true claim settled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from multiprover.lang.transition import Transition
from multiprover.node.follower import Follower
from multiprover.node.replica import Replica, Truth, UnprovableError
from multiprover.program import Program
from multiprover.settlement import claims
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.errors import L1Error, RefusedError
from multiprover.settlement.events import Receipt
from multiprover.settlement.finality import due
from multiprover.settlement.types import ClaimStatus, Conflict
from multiprover.suites import get

LAG_S = 6 * 3600
"""A batch that nobody has vouched for after so many seconds is complained about."""


@dataclass(frozen=True)
class Finding:
    """Something that the watcher found.

    Attributes:
        kind: ``false-claim``, ``false-root``, ``conflict``, ``unprovable``, ``unproved``, ``overdue``,
            ``due`` or
            ``reorganised``.
        number: of the batch; None where none is meant.
        detail: for people.
        action: what was done about it; None: nothing (no account, too early, or not ours to do).
        refusal: why L1 refused the action; None if it did not.
    """

    kind: str
    number: int | None
    detail: str
    action: str | None = None
    refusal: str | None = None

    @property
    def false(self) -> bool:
        """Whether something false stands on L1."""
        return self.kind in ("false-claim", "false-root")

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Step:
    """A batch on the true branch: the claim before it, its inputs, and what they do."""

    parent: bytes
    inputs: bytes
    truth: Truth

    @property
    def claim(self) -> bytes:
        return claims.claim_id(self.parent, self.truth.journal)


class Watcher:
    """Watches one deployment. Call :meth:`look` now and then, or :meth:`run`."""

    def __init__(
        self,
        contracts: Contracts,
        transition: type[Transition],
        program: Program,
        account: LocalAccount | None = None,
    ) -> None:
        """``account`` pays for what is done; None only reports."""
        self.contracts = contracts
        self.follower = Follower(contracts)
        self.replica = Replica(transition, program, contracts.settlement.slots)
        self.program = program
        self.account = account
        self._branch: list[_Step] = []
        self._final = 0  # steps that L1 has made final for any value: they are not looked at again
        self._first_seen: dict[bytes, int] = {}

    # -- what is true

    @property
    def claims(self) -> tuple[bytes, ...]:
        """The claims of the true branch, posted or not, up to the last batch whose inputs are on L1."""
        return tuple(step.claim for step in self._branch)

    def truth_of(self, claim: bytes) -> Truth | None:
        """What the batch of a true claim does; None if the claim is not on the true branch."""
        return next((step.truth for step in self._branch if step.claim == claim), None)

    def advise(self, conflict: Conflict) -> int | None:
        """Which option of a conflict is true; None: none of them, or it cannot be told."""
        for step in self._branch:
            if step.parent != conflict.parent and step.claim != conflict.claim:
                continue
            if conflict.kind == "claims":
                true = step.claim
            else:
                assert conflict.suite is not None
                true = step.truth.roots[self.contracts.settlement.names.suite_index(conflict.suite)]
            if true in conflict.options:
                return conflict.options.index(true)
        return None

    def _follow(self) -> list[Finding]:
        """Bring the true branch up to L1; gives inputs that nobody can prove."""
        before = self.follower.reorganisations
        self.follower.update()
        found = []
        if self.follower.reorganisations > before:
            self._final = 0
            found.append(Finding("reorganised", None, "L1 took back blocks; everything is looked at again"))
        size = self.replica.input_bytes
        settlement = self.contracts.settlement
        while self._final < len(self._branch) and settlement.claim(self._branch[self._final].claim).final:
            self._final += 1
        position = self._final
        parent = self._branch[position - 1].claim if position else settlement.genesis
        while live := self.follower.live(parent):
            inputs = self.follower.journal(live[0])[:size]
            if position < len(self._branch) and (
                self._branch[position].parent != parent or self._branch[position].inputs != inputs
            ):
                self._cut(position)
            if position == len(self._branch):
                try:
                    truth = self.replica.apply(inputs)
                except UnprovableError as error:
                    found.append(Finding("unprovable", position + 1, str(error)))
                    return found
                self._branch.append(_Step(parent, inputs, truth))
            parent = self._branch[position].claim
            position += 1
        self._cut(position)
        return found

    def _cut(self, length: int) -> None:
        while len(self._branch) > length:
            self._branch.pop()
            self.replica.undo()

    # -- looking and acting

    def look(self) -> list[Finding]:
        """Look once, and do what there is to do.

        Raises:
            L1Error: L1 does not answer.
        """
        found = self._follow()
        unprovable = any(f.kind == "unprovable" for f in found)
        for step in self._branch[self._final :]:
            found += self._compare(step)
        found += self._conflict()
        found += self._progress(unprovable)
        found += self._queue()
        for step in self._branch[self._final :]:
            found += self._settle(step)
        return found

    def run(
        self, stop: threading.Event, every_s: float, listener: Callable[[Finding], None] = lambda _: None
    ) -> None:
        """Look every so many seconds until ``stop``; an L1 that does not answer is asked again."""
        while not stop.is_set():
            try:
                for finding in self.look():
                    listener(finding)
            except RefusedError:
                raise
            except L1Error as error:
                listener(Finding("unreachable", None, str(error)))
            stop.wait(every_s)

    def _act(self, finding: Finding, action: str, send: Callable[[LocalAccount], Receipt]) -> Finding:
        """The finding with what was done about it."""
        if self.account is None:
            return finding
        try:
            send(self.account)
        except RefusedError as error:  # somebody else was first, or L1 sees it otherwise
            return Finding(finding.kind, finding.number, finding.detail, action, str(error))
        return Finding(finding.kind, finding.number, finding.detail, action)

    def _compare(self, step: _Step) -> list[Finding]:
        """A batch's claims and roots on L1 beside the truth."""
        settlement, governance = self.contracts.settlement, self.contracts.governance
        true = step.claim
        status = settlement.claim(true)
        found = []
        if status.posted and not status.final:
            for suite, root in zip(self.program.suites, step.truth.roots, strict=True):
                recorded = settlement.root(true, suite)
                if recorded not in (None, root):
                    assert recorded is not None
                    detail = f"{suite}: expected root 0x{root.hex()}, L1 has 0x{recorded.hex()}"
                    found.append(Finding("false-root", status.number, detail))
        if status.final:
            return found
        others = [c for c in self.follower.live(step.parent) if c != true]
        for other in others:
            rival = settlement.claim(other)
            if rival.closed:
                continue
            finding = Finding(
                "false-claim",
                rival.number,
                f"claim 0x{other.hex()} does not follow from its inputs; "
                f"vouched for by {', '.join(sorted(rival.vouched)) or 'nobody'}",
            )
            if not settlement.claim(true).posted:
                finding = self._act(
                    finding,
                    "posted the true claim",
                    lambda account, other=other: settlement.propose(  # type: ignore[misc]
                        account,
                        step.parent,
                        step.truth.journal,
                        self.follower.journal(other),
                        [get(s).commit(step.truth.journal) for s in self.program.suites],
                    ),
                )
            elif rival.counting and status.counting and self._unshown(rival):
                finding = self._act(
                    finding,
                    "showed the conflict",
                    lambda account, other=other: governance.show_conflict(  # type: ignore[misc]
                        account,
                        step.parent,
                        claims.journal_hash(step.truth.journal),
                        claims.journal_hash(self.follower.journal(other)),
                    ),
                )
            found.append(finding)
        return found

    def _unshown(self, rival: ClaimStatus) -> bool:
        """Whether no conflict is open that a conflict of this batch would have to wait for."""
        frozen = self.contracts.settlement.frozen_from()
        return frozen == 0 or rival.number < frozen

    def _conflict(self) -> list[Finding]:
        governance = self.contracts.governance
        conflict = governance.open_conflict()
        if conflict is None:
            return []
        true = self.advise(conflict)
        sides = "; ".join(
            f"option {i}{' (true)' if i == true else ''}: {', '.join(names) or 'nobody'}"
            for i, names in enumerate(conflict.supporters)
        )
        finding = Finding("conflict", conflict.number, f"{conflict.kind}: {sides}")
        if self._now() >= conflict.deadline:
            finding = self._act(finding, "had it resolved by weight", governance.resolve)
        return [finding]

    def _progress(self, unprovable: bool) -> list[Finding]:
        """Whether what follows the last final claim is proved at all."""
        settlement = self.contracts.settlement
        final, number, _, _ = settlement.finality()
        live = self.follower.live(final)
        if not live or settlement.frozen_from():
            return []
        if any(settlement.claim(c).vouched for c in live):
            return []
        now = self._now()
        first = self._first_seen.setdefault(live[0], now)
        stuck = unprovable and len(self._branch) == number
        if not stuck and now - first < LAG_S:
            return []
        finding = Finding(
            "unproved", number + 1, "inputs that nobody can prove" if stuck else "no proof has come yet"
        )
        complained = settlement.complained(final)
        if not complained:
            return [self._act(finding, "complained", settlement.complain)]
        if now >= complained + settlement.proof_window():
            return [self._act(finding, "had the inputs given up", settlement.discard)]
        return [finding]

    def _queue(self) -> list[Finding]:
        """Whether the oldest queue entry that no batch has taken in waits too long."""
        settlement, sequencing = self.contracts.settlement, self.contracts.sequencing
        if settlement.halted() or sequencing.sequencer() is None:
            return []
        now, since = self._now(), sequencing.since()
        _, taken, _ = settlement.tip()
        _, _, settled, _ = settlement.finality()
        for position, window, where in (
            (taken, sequencing.force_window(), "posted"),
            (settled, sequencing.late_window(), "in a final batch"),
        ):
            if position >= len(self.follower.queue):
                continue
            entry = self.follower.queue[position]
            if now > max(entry.time, since) + window:
                finding = Finding(
                    "overdue", None, f"queue entry {entry.index} is not {where} after {now - entry.time} s"
                )
                return [
                    self._act(
                        finding,
                        "opened the sequencer's seat",
                        lambda account, entry=entry: sequencing.overdue(account, entry),  # type: ignore[misc]
                    )
                ]
        return []

    def _settle(self, step: _Step) -> list[Finding]:
        settlement = self.contracts.settlement
        status = settlement.claim(step.claim)
        frozen = settlement.frozen_from()
        if status.final or not status.posted or (frozen and status.number >= frozen):
            return []
        parent = settlement.claim(step.parent)
        policy = self.contracts.governance.policy()
        if not due(policy, status, parent, self._now(), settlement.thawed()):
            return []
        finding = Finding("due", status.number, "a delay of the policy is over")
        journal_hash = claims.journal_hash(step.truth.journal)
        return [
            self._act(
                finding,
                "had the claim settled",
                lambda account: settlement.settle(account, step.parent, journal_hash),
            )
        ]

    def _now(self) -> int:
        """Unix seconds of L1's last block."""
        return self.contracts.settlement.l1.now()
