"""The watcher: executes every batch on L1 again, and acts on what is false there.

It trusts nothing but L1 and the transition. From the calldata it rebuilds the ledger
(:class:`.replica.Replica`),
compares each claim's journal and vouched roots with what the inputs really do, and, where it has an account,
does by itself what anyone may do:

- a false claim stands and the true one does not: post the true one, so that honest types can vouch for it;
- both were vouched for: show the conflict, which freezes finality from there on; a third one: add it;
- one was vouched for that contradicts what is final: show it, and its types are out;
- the council's time in a conflict is over, or nobody stands behind more than one side: have it resolved;
- a type gave two answers (on L1, or one there and one in a file of evidence): have it disabled for good;
- a file of evidence proves a public lie: bring the canary;
- a type fell silent behind what is final: report it, and let it go on from there;
- inputs that nobody can prove, or that nobody proves: complain, and give them up when the window is over;
- a queue entry waits too long: open the sequencer's seat;
- a delay is over: have the true claim settled.

It brings no proof of a lie that its type has not contradicted yet: that would only freeze the chain.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from eth_account.signers.local import LocalAccount

from multiprover.lang.transition import Transition
from multiprover.node.follower import Follower
from multiprover.node.replica import Replica, Truth, UnprovableError
from multiprover.program import Program
from multiprover.settlement import claims
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.errors import L1Error, RefusedError
from multiprover.settlement.events import Posted, Receipt, RootConflict
from multiprover.settlement.evidence import Evidence, Result
from multiprover.settlement.finality import due
from multiprover.settlement.policy import MAX_DELAY_S
from multiprover.settlement.types import EPOCH_S, ClaimStatus, Conflict, Standing
from multiprover.suites import get

LAG_S = 6 * 3600
"""A batch that nobody has vouched for after so many seconds is complained about."""


@dataclass(frozen=True)
class Finding:
    """Something that the watcher found.

    Attributes:
        kind: ``false-claim``, ``false-root``, ``conflict``, ``two-answers``, ``canary``, ``lagging``,
            ``unprovable``, ``unproved``, ``overdue``, ``due``, ``unreachable`` or ``reorganised``.
        number: of the batch; None where none is meant.
        detail: for people.
        action: what was done about it; None: nothing (no account, too early, or not ours to do).
        refusal: why L1 refused the action; None if it did not.
        transaction: hash of the transaction that did it, hex.
    """

    kind: str
    number: int | None
    detail: str
    action: str | None = None
    refusal: str | None = None
    transaction: str | None = None

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


def convict(contracts: Contracts, account: LocalAccount, one: Evidence, first: bytes) -> Receipt:
    """Have a type disabled for good that vouched for a claim on L1 and proves another answer; for anyone.

    Args:
        one: the other answer; its claim is posted, and its commitments are bound, where they are not yet.
        first: the journal of the claim that the type vouched for.

    Raises:
        RefusedError: L1 sees no contradiction, or takes no proof; the reason says why.
    """
    settlement = contracts.settlement
    status = settlement.proof_type(one.proof_type)
    own = dict(zip(status.suites, one.suites, strict=False))
    if not settlement.claim(one.claim).posted:
        commitments = [
            own[s].commitment if status.binds and s in own else get(s).commit(one.journal)
            for s in settlement.names.suites
        ]
        settlement.propose(account, one.parent, one.journal, first, commitments)
    for suite, result in own.items() if status.binds else ():
        if not settlement.is_bound(one.claim, suite, result):
            settlement.bind(account, one.parent, one.journal, suite, result.commitment)
    return contracts.governance.convict(
        account,
        one.proof_type,
        one.parent,
        claims.journal_hash(one.journal),
        claims.journal_hash(first),
        one.suites,
        one.payee,
        one.proof,
    )


class Watcher:
    """Watches one deployment. Call :meth:`look` now and then, or :meth:`run`."""

    def __init__(
        self,
        contracts: Contracts,
        transition: type[Transition],
        program: Program,
        account: LocalAccount | None = None,
        evidence: Callable[[], Iterable[Evidence]] = tuple,
    ) -> None:
        """
        Args:
            account: pays for what is done; None only reports.
            evidence: asked at each look for proofs that were found elsewhere than on L1.
        """
        self.contracts = contracts
        self.follower = Follower(contracts)
        self.replica = Replica(transition, program, contracts.settlement.slots)
        self.program = program
        self.account = account
        self.evidence = evidence
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
        found += self._contradictions()
        found += self._two_answers()
        found += self._conflict()
        found += self._lagging()
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
            receipt = send(self.account)
        except RefusedError as error:  # somebody else was first, or L1 sees it otherwise
            return replace(finding, action=action, refusal=str(error))
        return replace(finding, action=action, transaction="0x" + receipt.tx_hash.hex())

    def _compare(self, step: _Step) -> list[Finding]:
        """A batch's claims and roots on L1 beside the truth."""
        settlement = self.contracts.settlement
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
            found.append(finding)
        return found

    def _contradictions(self) -> list[Finding]:
        """Claims that types stand behind beside other claims, true or not, that types stand behind."""
        settlement, found = self.contracts.settlement, []
        # What follows the last step has no true claim, if inputs stand there.
        tip = self._branch[-1].claim if self._branch else settlement.genesis
        for parent, true in [*((step.parent, step.claim) for step in self._branch), (tip, None)]:
            doubtful = [c for c in self.follower.children.get(parent, ()) if c != true]
            if not any(self.follower.vouched.get(claim) for claim in doubtful):
                continue
            live = self.follower.live(parent)
            statuses = {claim: settlement.claim(claim) for claim in doubtful if claim in live}
            rivals = {c: s for c, s in statuses.items() if s.counting and not s.closed}
            if rivals and not any(status.final for status in rivals.values()):
                found += self._contradiction(parent, true, rivals)
        return found

    def _contradiction(
        self, parent: bytes, true: bytes | None, rivals: dict[bytes, ClaimStatus]
    ) -> list[Finding]:
        """Have L1 take note of vouches for false claims of one batch."""
        settlement, governance = self.contracts.settlement, self.contracts.governance
        status = settlement.claim(true) if true else None
        final = status is not None and status.final
        sides = list(rivals)
        if true is not None and status is not None and (final or status.counting):
            sides.insert(0, true)
        if len(sides) < 2:
            return []
        number = next(iter(rivals.values())).number
        frozen = settlement.frozen_from()
        shown = governance.open_conflict()
        if not final and frozen and number >= frozen:
            if shown is None or shown.kind != "claims" or shown.parent != parent:
                return []  # it waits for the open one
            return [
                self._act(
                    Finding("false-claim", number, f"a further branch, 0x{claim.hex()}, is vouched for"),
                    "added it to the conflict",
                    lambda account, claim=claim: governance.add_branch(account, self._hash(claim)),  # type: ignore[misc]
                )
                for claim in sides
                if claim not in shown.options
            ]
        pairs = [(sides[0], other) for other in sides[1:]] if final else [(sides[0], sides[1])]
        return [
            self._act(
                Finding(
                    "false-claim",
                    number,
                    f"claim 0x{other.hex()} is vouched for by {', '.join(sorted(rivals[other].counting))}, "
                    + ("and another is final" if final else "and another is, too"),
                ),
                "showed the conflict",
                lambda account, one=one, other=other: governance.show_conflict(  # type: ignore[misc]
                    account, parent, self._hash(one), self._hash(other)
                ),
            )
            for one, other in pairs
        ]

    def _hash(self, claim: bytes) -> bytes:
        """The hash of a posted claim's journal."""
        event = self.follower.posted[claim].event
        assert isinstance(event, Posted)
        return event.journal_hash

    # -- what a type said twice

    def _two_answers(self) -> list[Finding]:
        """Have every type disabled that is proved to stand behind two answers, or a public lie."""
        found = []
        for one in [*self._dissents(), *self.evidence()]:
            if one.proof_type not in self.contracts.settlement.names.types:
                continue
            status = self.contracts.settlement.proof_type(one.proof_type)
            if status.standing is Standing.DISABLED:
                continue
            if self._is_canary(one):
                finding = Finding("canary", None, f"{one.proof_type} proves that noops change the state")
                found.append(self._act(finding, "brought the canary", self._bring_canary(one)))
            elif (first := self._contradicted(one)) is not None:
                found.append(self._convict(one, first))
        return found

    def _dissents(self) -> list[Evidence]:
        """What was vouched for on L1 against a recorded root, and left no trace but its transaction."""
        found = []
        for located in self.follower.dissents:
            event = located.event
            assert isinstance(event, RootConflict)
            try:
                name, parent, _, results, payee, proof = self.contracts.settlement.vouched_with(
                    located.tx_hash
                )
                journal = self.follower.journal(event.claim)
            except L1Error:  # vouched for through a contract of somebody's
                continue
            found.append(
                Evidence(
                    proof_type=name,
                    parent=parent,
                    journal=journal,
                    results=tuple(map(Result.of, results)),
                    payee=payee,
                    proof=proof,
                )
            )
        return found

    def _is_canary(self, one: Evidence) -> bool:
        settlement = self.contracts.settlement
        slot = 4 * settlement.input_words
        kinds = {one.journal[i * slot : i * slot + 4] for i in range(settlement.slots)}
        suites = settlement.proof_type(one.proof_type).suites
        roots = [settlement.genesis_roots[settlement.names.suite_index(s)] for s in suites]
        return (
            one.parent == settlement.genesis
            and kinds == {bytes(4)}
            and [r.root for r in one.results] != roots
            and len(one.journal) == settlement.journal_bytes
        )

    def _bring_canary(self, one: Evidence) -> Callable[[LocalAccount], Receipt]:
        governance = self.contracts.governance
        return lambda account: governance.canary(
            account, one.proof_type, one.journal, one.suites, one.payee, one.proof
        )

    def _contradicted(self, one: Evidence) -> bytes | None:
        """The claim that the type vouched for on L1 and that this contradicts; None: there is none."""
        settlement = self.contracts.settlement
        status = settlement.proof_type(one.proof_type)
        for claim in self.follower.live(one.parent):
            if one.proof_type not in self.follower.vouched.get(claim, ()):
                continue
            if settlement.claim(claim).times.get(one.proof_type, 0) <= status.valid_from:
                continue  # a dissent, or of a verifier that was replaced
            if claim != one.claim:
                return claim
            recorded = [settlement.root(claim, suite) for suite in status.suites]
            said = [r.root for r in one.results]
            if any(a is not None and a != b for a, b in zip(recorded, said, strict=False)):
                return claim
        return None

    def _convict(self, one: Evidence, first: bytes) -> Finding:
        finding = Finding(
            "two-answers",
            self.contracts.settlement.claim(first).number,
            f"{one.proof_type} vouched for claim 0x{first.hex()}, and proves "
            + ("other roots of it" if first == one.claim else f"claim 0x{one.claim.hex()}"),
        )

        return self._act(
            finding,
            "had the type disabled for good",
            lambda account: convict(self.contracts, account, one, self.follower.journal(first)),
        )

    def _lagging(self) -> list[Finding]:
        """Types that fell silent behind what is final, and may go on from there."""
        settlement, found, now = self.contracts.settlement, [], self._now()
        _, number, _, _ = settlement.finality()
        for name, status in settlement.proof_types().items():
            if status.standing is not Standing.ACTIVE:
                continue
            head = settlement.claim(settlement.head(name))
            last = max(head.times.get(name, 0), status.valid_from + EPOCH_S)
            if head.number >= number or not head.final or now < last + settlement.proof_window():
                continue
            finding = Finding(
                "lagging",
                head.number,
                f"{name}: silent for {now - last} s, {number - head.number} batches behind",
            )
            found.append(
                self._act(
                    finding,
                    "reported it: it goes on from what is final",
                    lambda account, name=name: settlement.catch_up(account, name),  # type: ignore[misc]
                )
            )
        return found

    # -- what goes on

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
        twice = {
            n for i, a in enumerate(conflict.supporters) for b in conflict.supporters[:i] for n in {*a} & {*b}
        }
        left = [names for names in conflict.supporters if {*names} - twice]
        if self._now() >= conflict.deadline:
            finding = self._act(finding, "had it resolved by weight", governance.resolve)
        elif len(left) <= 1:
            finding = self._act(finding, "had it resolved: one side is left", governance.resolve)
        return [finding]

    def _progress(self, unprovable: bool) -> list[Finding]:
        """Whether what follows the last final claim is proved at all."""
        settlement = self.contracts.settlement
        final, number, _, _ = settlement.finality()
        live = self.follower.live(final)
        if not live or settlement.frozen_from() or settlement.halted():
            return []
        now = self._now()
        first = self._first_seen.setdefault(live[0], now)
        stuck = unprovable and len(self._branch) == number
        vouched = sorted({name for c in live for name in settlement.claim(c).vouched})
        window = settlement.proof_window() if vouched else LAG_S
        if not stuck and now - first < window:
            return []
        told = "inputs that nobody can prove" if stuck else "no proof has come yet"
        if vouched:
            told = (
                f"{'inputs that nobody can prove' if stuck else 'not final'}, proved by {', '.join(vouched)}"
            )
        finding = Finding("unproved", number + 1, told)
        complained = settlement.complained(final)
        if not complained or now > complained + settlement.complaint_lapse():
            return [self._act(finding, "complained", settlement.complain)]
        if now < complained + settlement.proof_window() + (MAX_DELAY_S if vouched else 0):
            return [finding]
        if vouched and not stuck:
            # Signatures are not on L1, so a replica cannot tell: perhaps a type that is needed has halted.
            return [replace(finding, detail=f"{told}: it can be given up (`anyone discard`)")]
        return [self._act(finding, "had the inputs given up", settlement.discard)]

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
