"""What our contracts do with a false claim: played on an L1 in this process, to the end.

Which types accept what is false is what counts, so one play serves all faults with the same ones. Everything
on L1 is the product's: ``Settlement``, ``Governance``, ``Bridge``, ``Sequencing``, ``Council``, the
bindings, the default policy, ``Groth16Adapter`` and ``SgxAdapter``; so are the watcher and the clients.
Proofs of groth16 are made by the trapdoor of its key, and verified in full; vouches of sgx are signatures of
registered keys. A type of :data:`STAND_INS` has an adapter that takes what it is told.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from multiprover.ledger.batch import Transaction, make_transaction, sign
from multiprover.node.replica import messages
from multiprover.node.watcher import Watcher
from multiprover.program import Program
from multiprover.provers.registry import suites_for
from multiprover.settlement import claims
from multiprover.settlement.adapters import AdapterType, ProofTypeInfo, SgxType, Site
from multiprover.settlement.base import address_of
from multiprover.settlement.bridge_rules import BridgeRules
from multiprover.settlement.contracts import artifact
from multiprover.settlement.defaults import LOW_VALUE_GWEI, Parameters, default_policy
from multiprover.settlement.deploy import Contracts, CouncilInfo, Plan, deploy
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.types import (
    DAY_S,
    TOP_TIER,
    ProgramInfo,
    Standing,
    SuiteInfo,
    SuiteResult,
)
from multiprover.soundness.checkers import CheckerError
from multiprover.soundness.forging import Waste, public_inputs
from multiprover.soundness.programs import load_class
from multiprover.soundness.world import World
from multiprover.suites import Wallet, get

SLOTS: Final = 4
ETH: Final = 10**9
"""Gwei."""

SMALL: Final = LOW_VALUE_GWEI
"""What a liar takes by the lowest tier, in gwei; and by the highest."""
LARGE: Final = 40 * ETH

STAND_INS: Final[Mapping[str, tuple[str, ...]]] = {
    "halo2": ("bn254",),
    "plonky2": ("goldilocks",),
    "stark": ("koalabear",),
}
"""Proof types whose adapters take what they are told here, and their suites: a proof takes a minute."""

MOMENTS: Final = (0.0, 0.02, 1.02, 2.04, 7.02, 8.04, 14.04, 15.06, 22.1, 30.2, 38.2, 38.3, 39.4, 46.0)
"""Days after the lie at which everybody looks: past each delay and window that there is, and sums of them."""

ROUNDS: Final = 6
"""As often at most does everybody look at one moment: what one does may be another's cue."""

Lie = Literal["result", "inputs", "root"]
"""What is false: the result of good inputs, which has a true claim beside it; inputs that break a rule, which
no true claim can have; the root of a suite, for a true journal.
"""

VAULT: Final = """import multiprover as mp


class Holder(mp.Record):
    key: mp.Key
    balance: mp.u64
    nonce: mp.u32


class Withdrawal(mp.Message):
    recipient: mp.Address
    amount: mp.u64


class Vault(mp.Transition):
    holders: mp.Map[mp.u3, Holder]

    @mp.from_l1(operator_only=True)
    def enrol(self, account: mp.u3, key: mp.Key) -> None:
        self.holders[account].key = key

    @mp.from_l1(value="amount")
    def deposit(self, account: mp.u3, amount: mp.u64) -> None:
        self.holders[account].balance += amount

    @mp.transaction
    def withdraw(self, account: mp.u3, amount: mp.u64, nonce: mp.u32, recipient: mp.Address) -> None:
        holder = self.holders[account]
        mp.authorize(holder.key, nonce)
        mp.require(holder.nonce == nonce, "nonce")
        mp.require(amount <= holder.balance, "balance")
        holder.nonce += 1
        holder.balance -= amount
        mp.emit(Withdrawal(recipient=recipient, amount=amount))
"""


@dataclass(frozen=True)
class Play:
    """One play: a deployment of ``types``, of which ``liars`` accept what is false.

    Attributes:
        council: whether it does its work. (The watcher always does.)
    """

    types: tuple[str, ...]
    liars: frozenset[str]
    lie: Lie
    council: bool


@dataclass
class Outcome:
    """What came of a play. Times are seconds of L1 since the lie was vouched for, at one of :data:`MOMENTS`.

    Attributes:
        false_final: by bit of finality (3: any value), when the false claim was final.
        stolen_gwei: what the bridge paid on it.
        stolen_after_s: by sum in gwei, when it was paid.
        conflict: whether one was opened.
        final_s: when a true batch that follows was final for any value; None: by the last moment it was not.
        replaced: the types whose verifier the council replaced.
        discarded: whether the false inputs were given up, and others took their place.
    """

    liars: frozenset[str] = frozenset()
    false_final: dict[int, int] = field(default_factory=dict)
    stolen_gwei: int = 0
    stolen_after_s: dict[int, int] = field(default_factory=dict)
    conflict: bool = False
    final_s: int | None = None
    replaced: tuple[str, ...] = ()
    discarded: bool = False

    @property
    def text(self) -> str:
        """In a few words."""
        if LARGE in self.stolen_after_s:
            return f"lost {_after(self.stolen_after_s[LARGE])}"
        words = []
        if self.stolen_gwei:
            at = self.stolen_after_s[SMALL]
            words.append(f"{self.stolen_gwei // ETH} ETH lost {_after(at)}")
        elif self.false_final:
            words.append(f"false, nothing paid, final {_after(min(self.false_final.values()))}")
        if self.conflict:
            words.append("conflict")
        if self.discarded:
            words.append("given up")
        words.append("stands still" if self.final_s is None else f"true {_after(self.final_s)}")
        return ", ".join(words)

    def document(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "false_final_s": {str(k): v for k, v in self.false_final.items()},
            "stolen_gwei": self.stolen_gwei,
            "stolen_after_s": {str(k): v for k, v in self.stolen_after_s.items()},
            "conflict": self.conflict,
            "final_s": self.final_s,
            "replaced": list(self.replaced),
            "discarded": self.discarded,
        }


def _after(seconds: int) -> str:
    days = seconds // DAY_S
    if days == 0:
        return "at once" if seconds < DAY_S * MOMENTS[1] / 2 else "in an hour"
    return f"after {days} d"


@dataclass(frozen=True)
class Claim:
    """A claim: what somebody says a batch does. Roots are by suite."""

    parent: bytes
    journal: bytes
    pre: Mapping[str, bytes]
    post: Mapping[str, bytes]

    @property
    def id(self) -> bytes:
        return claims.claim_id(self.parent, self.journal)


@dataclass(frozen=True)
class _Trapdoor:
    """groth16 with our adapter and a key whose secrets are known here, which makes its proofs."""

    waste: Waste
    name: str = "groth16"
    binds: bool = True
    gas: int = 360_000
    creations: int = 1

    def suites_of(self, site: Site) -> tuple[str, ...]:
        return tuple(s for s in site.suites if s == "bn254")

    def adapter_at(self, l1: L1, deployer: LocalAccount, site: Site) -> bytes:
        return l1.create(deployer, artifact("Groth16Adapter").bytecode + self.waste.key(site.domain))


class Stage:
    """A deployment with money in its bridge, on which plays begin from the same state."""

    def __init__(self, types: Sequence[str]) -> None:
        self.types = tuple(types)
        self.l1 = open_l1(None)
        accounts = self.l1.dev_accounts()
        self.operator, self.mallory, self.keeper, self.rival = accounts[:4]
        self.council = accounts[4:7]
        suites = suites_for(types)
        self.world = World(load_class(VAULT, "Vault"), suites)
        self.program: Program = self.world.program
        self.waste = Waste.fresh()
        self.enclave, self.leaked = (secrets.token_bytes(32) for _ in range(2))
        infos = [self._info(name) for name in types]
        covers = {name: suites if name == "sgx" else suites_for([name]) for name in types}
        roots = self.world.state.roots().roots
        p = self.program
        plan = Plan(
            program=ProgramInfo(p.program_id, SLOTS, p.input_words, p.output_words, p.cell_words),
            bridge=BridgeRules.of(self.world.transition, p),
            suites=tuple(SuiteInfo(s, r) for s, r in zip(suites, roots, strict=True)),
            proof_types=tuple(infos),
            policy=default_policy(covers, suites),
            sequencer=address_of(self.operator),
            operator=address_of(self.operator),
            council=CouncilInfo(tuple(address_of(m) for m in self.council), 2),
            parameters=Parameters(),
        )
        self.contracts: Contracts = deploy(self.l1, self.operator, plan)
        self.world.domain = self.contracts.settlement.domain
        if "sgx" in types:
            for secret in (self.enclave, self.leaked):
                self.contracts.sgx().register(self.operator, claims.signer_address(secret), simulated=True)
        self.first = self._fund()

    def _info(self, name: str) -> ProofTypeInfo:
        if name == "groth16":
            return _Trapdoor(self.waste)
        if name == "sgx":
            return SgxType(allow_simulated=True)
        if name not in STAND_INS:
            raise CheckerError(f"{name}: expected groth16, sgx, {', '.join(STAND_INS)}")
        code = artifact("StandInAdapter", Path(__file__).parent / "contracts").bytecode
        return AdapterType(name, self.l1.create(self.operator, code), STAND_INS[name], True, 200_000)

    # -- batches

    def _wallet(self) -> Wallet:
        """The liar's."""
        return Wallet.from_seed(b"\x03" * 32, self.program.suites, height=2)

    def _plain(self, kind: str, **values: object) -> Transaction:
        return make_transaction(self.world.transition, self.program, kind, values)

    def _withdrawals(self, *amounts: int) -> list[Transaction]:
        data = address_of(self.mallory)
        recipient = [int.from_bytes(data[i : i + 4], "big") for i in range(0, 20, 4)]
        # A wallet anew each time: of the plays from one state, only one has happened to its one-time keys.
        wallet = self._wallet()
        made = []
        for nonce, amount in enumerate(amounts):
            plain = self._plain("withdraw", account=1, amount=amount, nonce=nonce, recipient=recipient)
            made.append(sign(plain, self.world.domain, [(wallet, nonce)]))
        return made

    def _claim(self, parent: bytes, transactions: Sequence[Transaction], *, forged: bool = False) -> Claim:
        if forged:
            case = self.world.forged("lie", ("", ""), transactions, SLOTS, "balance")
        else:
            case = self.world.honest("truth", ("", ""), transactions, SLOTS)
        suites = case.prove.statement.suites
        return Claim(
            parent,
            case.prove.journal,
            {s.suite: s.pre_root for s in suites},
            {s.suite: s.post_root for s in suites},
        )

    def _fund(self) -> Claim:
        """The first batch: two accounts, 100 ETH of somebody and 5 ETH of the liar, final."""
        bridge = self.contracts.bridge
        other = Wallet.from_seed(b"\x04" * 32, self.program.suites, height=2)
        queued = [
            (self.operator, self._plain("enrol", account=0, key=other.public_key)),
            (self.operator, self._plain("enrol", account=1, key=self._wallet().public_key)),
            (self.keeper, self._plain("deposit", account=0, amount=100 * ETH)),
            (self.mallory, self._plain("deposit", account=1, amount=5 * ETH)),
        ]
        for account, transaction in queued:
            bridge.enqueue(account, transaction.words)
        origins = [entry.origin for entry in bridge.queue()]
        first = self._claim(self.contracts.settlement.genesis, [t for _, t in queued])
        self.post(first, origins)
        for name in self.types:
            self.vouch(name, first, honest=True)
        if not self.contracts.settlement.claim(first.id).final:
            raise CheckerError(f"{', '.join(self.types)}: expected the first batch to be final at once")
        return first

    # -- on L1

    def _commitments(self, claim: Claim) -> list[bytes]:
        return [get(s).commit(claim.journal) for s in self.program.suites]

    def post(self, claim: Claim, origins: Sequence[bytes] = ()) -> None:
        """Post a batch as the sequencer; where the seat is open, the rival takes it first."""
        settlement, sequencing = self.contracts.settlement, self.contracts.sequencing
        if sequencing.sequencer() is None:
            sequencing.take_seat(self.rival)
        seat = sequencing.sequencer()
        poster = next(a for a in (self.operator, self.rival) if address_of(a) == seat)
        settlement.post(poster, claim.parent, claim.journal, self._commitments(claim), origins)

    def vouch(self, name: str, claim: Claim, *, honest: bool) -> str | None:
        """Bring a type's proof of a claim; gives why L1 refuses it, or None. ``honest``: with the keys that
        did not leak.
        """
        settlement = self.contracts.settlement
        status = settlement.proof_type(name)
        payee = address_of(self.keeper if honest else self.mallory)
        results = []
        for suite in status.suites:
            if not status.binds:
                results.append(SuiteResult(claim.post[suite]))
                continue
            native = get(suite)
            commitment = native.commit(claim.journal)
            challenge = native.challenge(settlement.domain, claim.id, commitment)
            value = native.evaluate(claim.journal, challenge)
            results.append(SuiteResult(claim.post[suite], commitment, challenge, value))
        proof = self._proof(name, claim, status.suites, results, payee, honest=honest)
        try:
            settlement.vouch(
                self.keeper if honest else self.mallory,
                name,
                parent=claim.parent,
                journal_hash=claims.journal_hash(claim.journal),
                results=results,
                payee=payee,
                proof=proof,
            )
        except RefusedError as error:
            return error.reason
        return None

    def _proof(
        self,
        name: str,
        claim: Claim,
        suites: Sequence[str],
        results: Sequence[SuiteResult],
        payee: bytes,
        *,
        honest: bool,
    ) -> bytes:
        domain = self.contracts.settlement.domain
        if name == "groth16":
            inputs = _Inputs(claim.pre["bn254"], *results[0].words)
            return self.waste.forge(public_inputs(inputs, payee, domain))
        if name == "sgx":
            digest = claims.vouch_digest(
                self.l1.chain_id,
                self.contracts.settlement.address,
                domain=domain,
                claim=claim.id,
                pre_state_root=claims.state_root([claim.pre[s] for s in suites]),
                post_state_root=claims.state_root([claim.post[s] for s in suites]),
                payee=payee,
            )
            return claims.sign_vouch(self.enclave if honest else self.leaked, digest)
        value = (
            domain,
            claim.id,
            to_checksum_address(payee),
            [(claim.pre[s], *r.words) for s, r in zip(suites, results, strict=True)],
        )
        vouch = "(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])"
        return keccak(encode([vouch], [value]))

    def _council_does(self, data: bytes) -> None:
        council = self.contracts.council
        assert council is not None
        action = council.action(self.contracts.governance.address, data)
        for member in self.council[:2]:
            action = action.signed(member)
        council.execute(self.keeper, action)

    # -- a play

    def play(self, play: Play) -> Outcome:
        """Play it from the state after the first batch, which is there again afterwards."""
        snapshot, state, waste = self.l1.snapshot(), self.world.state, self.waste
        self.world.state = state.copy()
        try:
            return _Run(self, play).run()
        finally:
            self.l1.revert(snapshot)
            self.world.state, self.waste = state, waste


@dataclass(frozen=True)
class _Inputs:
    """As :func:`public_inputs` reads them."""

    pre_root: bytes
    post_root: bytes
    commitment: bytes
    challenge: bytes
    evaluation: bytes


class _Run:
    """One play as it goes."""

    def __init__(self, stage: Stage, play: Play) -> None:
        self.stage, self.play = stage, play
        self.outcome = Outcome(play.liars)
        self.watcher = Watcher(stage.contracts, stage.world.transition, stage.program, stage.keeper)
        self.honest = [name for name in play.types if name not in play.liars]
        self.said: set[tuple[str, int]] = set()
        self.before = stage.world.state.copy()
        self.truth: Claim | None
        if play.lie == "inputs":
            self.truth = None
            self.false = stage._claim(stage.first.id, stage._withdrawals(SMALL, LARGE), forged=True)
        else:
            self.truth = stage._claim(stage.first.id, stage._withdrawals(ETH, ETH))
            self.false = self._beside(self.truth)

    def _beside(self, truth: Claim) -> Claim:
        """A false claim with the inputs of a true one."""
        if self.play.lie == "root":
            # No element: the highest bits are those of a canonical encoding in either suite.
            return replace(truth, post={s: r[:-1] + bytes([r[-1] ^ 1]) for s, r in truth.post.items()})
        p = self.stage.program
        (place,) = (m for m in p.messages if m.name == "Withdrawal")
        journal = truth.journal
        for slot, amount in ((0, SMALL), (1, LARGE)):
            words = SLOTS * p.input_words + slot * p.output_words + place.output_offset
            at = 4 * (words + 1 + sum(f.words for f in place.fields[:-1]))
            journal = journal[:at] + amount.to_bytes(8, "big") + journal[at + 8 :]
        assert [v["amount"] for _, v in messages(p, SLOTS, journal, "Withdrawal")] == [SMALL, LARGE]
        return replace(truth, journal=journal)

    def run(self) -> Outcome:
        stage, settlement = self.stage, self.stage.contracts.settlement
        if self.truth is None or self.play.lie == "root":
            stage.post(self.false)
        else:
            stage.post(self.truth)
            settlement.propose(
                stage.mallory,
                self.false.parent,
                self.false.journal,
                self.truth.journal,
                stage._commitments(self.false),
            )
        self.start = stage.l1.now()
        for name in self.play.types:
            if name in self.play.liars and (refusal := stage.vouch(name, self.false, honest=False)):
                raise CheckerError(f"{name} lies, and L1 refuses its vouch: {refusal}")
        self._take()
        for moment in MOMENTS:
            if (late := self.start + int(moment * DAY_S) - stage.l1.now()) > 0:
                stage.l1.advance_time(late)
            self._take()
            for _ in range(ROUNDS):
                if not self._honest_people():
                    break
            if self.outcome.final_s is not None or len(self.outcome.stolen_after_s) == 2:
                break
        return self.outcome

    def _since(self) -> int:
        return self.stage.l1.now() - self.start

    def _take(self) -> None:
        """The liar settles what is due and takes what the bridge pays."""
        stage, settlement = self.stage, self.stage.contracts.settlement
        journal_hash = claims.journal_hash(self.false.journal)
        with contextlib.suppress(RefusedError):  # not due, or barred
            settlement.settle(stage.mallory, self.false.parent, journal_hash)
        if self.play.lie == "root":
            return
        status = settlement.claim(self.false.id)
        for bit in range(TOP_TIER + 1):
            if status.final_bits >> bit & 1:
                self.outcome.false_final.setdefault(bit, self._since())
        for slot, amount in ((0, SMALL), (1, LARGE)):
            if amount in self.outcome.stolen_after_s:
                continue
            try:
                stage.contracts.bridge.withdraw(stage.mallory, self.false.parent, self.false.journal, slot)
            except RefusedError:
                continue
            self.outcome.stolen_after_s[amount] = self._since()
            self.outcome.stolen_gwei += amount

    def _honest_people(self) -> bool:
        """What the watcher, the honest types and, where it works, the council do in a moment; whether they
        did anything.
        """
        stage, governance = self.stage, self.stage.contracts.governance
        acted = self._honest_types()
        acted |= any(f.action and not f.refusal for f in self.watcher.look())
        conflict = governance.open_conflict()
        self.outcome.conflict |= conflict is not None
        if self.play.council:
            if conflict is not None and (option := self.watcher.advise(conflict)) is not None:
                stage._council_does(governance.choose_data(conflict.index, option))
                acted = True
            elif conflict is None and self.outcome.conflict:
                acted |= self._replace()
        return self._go_on() or acted

    def _honest_types(self) -> bool:
        if self.truth is None:
            return False
        # Once for each verifier and conflict: a dissent may be repeated, and says no more than before.
        done = sum(1 for c in self.stage.contracts.governance.conflicts() if c.resolved)
        missing = [name for name in self.honest if (name, done) not in self.said]
        taken = [name for name in missing if self.stage.vouch(name, self.truth, honest=True) is None]
        self.said |= {(name, done) for name in taken}
        return bool(taken)

    def _replace(self) -> bool:
        """The council gives every type that was caught a verifier without the fault, and it goes on."""
        stage, settlement = self.stage, self.stage.contracts.settlement
        before = self.outcome.replaced
        for name in self.play.types:
            if name in self.outcome.replaced or settlement.proof_type(name).standing is Standing.ACTIVE:
                continue
            if name == "groth16":
                stage.waste = Waste.fresh()
            info = stage._info(name)
            adapter = info.adapter_at(stage.l1, stage.operator, stage.contracts.site())
            stage._council_does(stage.contracts.governance.replace_verifier_data(name, adapter, info.gas))
            if name == "sgx":
                stage.contracts.sgx().register(
                    stage.operator, claims.signer_address(stage.enclave), simulated=True
                )
            self.outcome.replaced += (name,)
            self.honest.append(name)
        return self.outcome.replaced != before

    def _go_on(self) -> bool:
        """See whether a true batch is final. Where false inputs were given up, post one in their place: gives
        whether that was done.
        """
        stage, settlement = self.stage, self.stage.contracts.settlement
        posted = False
        if self.truth is None and settlement.claim(stage.first.id).children_generation > 0:
            self.outcome.discarded = posted = True
            stage.world.state = self.before.copy()
            self.truth = stage._claim(stage.first.id, stage._withdrawals(ETH, ETH))
            stage.post(self.truth)
            # Nobody was caught: a type with a fault proves what is true as well.
            self.honest = list(self.play.types)
        if self.truth is None or self.play.lie == "root":
            final = self._next_is_final()
        else:
            final = settlement.claim(self.truth.id).final
        if final:
            self.outcome.final_s = self._since()
        return posted

    def _next_is_final(self) -> bool:
        """For a false root: whether the claim is final with the true roots on L1."""
        settlement = self.stage.contracts.settlement
        if self.truth is None or not settlement.claim(self.truth.id).final:
            return False
        true = all(settlement.root(self.truth.id, s) == r for s, r in self.truth.post.items())
        if not true:
            self.outcome.false_final.setdefault(TOP_TIER, self._since())
        return true


@cache
def _stage(types: tuple[str, ...]) -> Stage:
    return Stage(types)


def played(types: Sequence[str], liars: Collection[str], lie: Lie, *, council: bool = True) -> Outcome:
    """Play one. ``liars`` that the deployment does not have count for nothing.

    Raises:
        CheckerError: nobody in the deployment lies, or a liar's vouch is refused.
    """
    inside = frozenset(liars) & frozenset(types)
    if not inside:
        raise CheckerError(f"expected a liar among {', '.join(types)}")
    if not council and not _played(Play(tuple(types), inside, lie, True)).conflict:
        council = True  # it had nothing to do
    return _played(Play(tuple(types), inside, lie, council))


@cache
def _played(play: Play) -> Outcome:
    return _stage(play.types).play(play)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The one that costs most: by what is stolen, how soon, and how long nothing goes on."""

    def cost(outcome: Outcome) -> tuple[int, int, float]:
        soonest = min(outcome.stolen_after_s.values(), default=0)
        late = float("inf") if outcome.final_s is None else outcome.final_s
        return outcome.stolen_gwei, -soonest, late

    return max(outcomes, key=cost)


__all__ = ["SMALL", "STAND_INS", "Lie", "Outcome", "Play", "Stage", "played", "worst"]
