"""The node: a sequencer that executes, seals, posts, has every batch proved by all proof types at once, and
vouches.

Work flows one way. Whoever calls :meth:`Node.submit` executes; a full batch is sealed to disk in one step.
From there each stage has a thread of its own and takes the batches in order: one posts claims, and one for
each proof type proves and vouches. A proof type is never waited for by another, so the fast one is batches
ahead of the slow one, and what goes wrong with one costs its own vouches only.

Everything that a stage needs is on disk before it starts, and what it made is on disk before L1 hears of
it. So a node that is killed and opened again goes on: it asks L1 which claims and vouches are there and
does the rest. It asks again whenever L1 takes blocks back, and brings what is missing there a second time.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import structlog
from eth_account.signers.local import LocalAccount

from multiprover.lang.transition import Transition
from multiprover.ledger.batch import Batch, BatchBuilder, Slot, Transaction
from multiprover.ledger.storage import Storage, StoredBatch, StoredProof
from multiprover.ledger.wire import prove_request
from multiprover.node.follower import Follower
from multiprover.program import Program
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.client import Prover
from multiprover.provers.errors import ProverCancelled, ProverError, ProverFailed
from multiprover.provers.manifest import Manifest
from multiprover.settlement import claims
from multiprover.settlement.claims import Deployment
from multiprover.settlement.client import Settlement
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.errors import L1Error, RefusedError
from multiprover.settlement.events import Enqueued, Receipt
from multiprover.settlement.finality import due
from multiprover.settlement.policy import Policy
from multiprover.settlement.types import SuiteResult
from multiprover.suites import get

log: structlog.stdlib.BoundLogger = structlog.get_logger("multiprover.node")

PROVE_DEADLINE_S = 3600.0
"""The longest that one batch may take a prover, however much progress it reports."""

ATTEMPTS = 3
"""How often a batch is given to a prover that fails; a prover that refuses is not asked again."""


LOOK_S = 1.0
"""How long to wait for news before L1 is looked at."""

LONGEST_PAUSE_S = 60.0
"""Between two tries to reach an L1 that does not answer."""


class NodeError(Exception):
    """The node cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Event:
    """Something that happened, for whoever watches.

    Attributes:
        kind: ``sealed``, ``posted``, ``progress``, ``confirmed``, ``proved``, ``vouched``, ``final``,
            ``refused`` or ``failed``. ``confirmed``: a proof of the batch was verified, by us or by L1.
        batch: the batch's number.
        proof_type: the proof type, where one is meant.
        detail: figures by name: ``stage``, ``fraction``, ``gas``, ``prove_s``, ``message``, …
    """

    kind: str
    batch: int
    proof_type: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)


Listener = Callable[[Event], None]


def statement_for(
    program: Program, slots: int, deployment: Deployment, batch: StoredBatch, payee: bytes
) -> pb.Statement:
    """What a proof of ``batch`` states, over every suite of the program."""
    statement = pb.Statement(
        program_id=program.program_id,
        slots=slots,
        domain=deployment.domain,
        parent_claim=batch.parent,
        claim=batch.claim,
        payee=payee,
        chain_id=deployment.chain_id.to_bytes(32, "big"),
        settlement=deployment.settlement,
    )
    for name, pre, post in zip(program.suites, batch.pre_roots, batch.post_roots, strict=True):
        suite = get(name)
        commitment = suite.commit(batch.journal)
        challenge = suite.challenge(deployment.domain, batch.claim, commitment)
        statement.suites.add(
            suite=name,
            pre_root=pre,
            post_root=post,
            commitment=commitment,
            challenge=challenge,
            evaluation=suite.evaluate(batch.journal, challenge),
        )
    return statement


class Node:
    """One transition's node. Open it, submit transactions, and wait for what should become final."""

    def __init__(
        self,
        transition: type[Transition],
        program: Program,
        slots: int,
        storage: Storage,
        contracts: Contracts,
        provers: Mapping[str, Prover],
        manifests: Mapping[str, Manifest],
        prepared: Mapping[str, pb.Prepared],
        account: LocalAccount,
        listener: Listener = lambda _: None,
    ) -> None:
        """``slots`` is the batch size; ``account`` posts, vouches, pays, and earns the rewards."""
        self.transition = transition
        self.program = program
        self.slots = slots
        self.storage = storage
        self.contracts = contracts
        self.settlement: Settlement = contracts.settlement
        self.provers = dict(provers)
        self.account = account
        self.payee = bytes.fromhex(account.address[2:])
        self.listener = listener
        self.manifests = dict(manifests)
        self.prepared = dict(prepared)
        self.stopped: dict[str, str] = {}
        self._changed = threading.Condition()
        self._follower = Follower(contracts)
        self._following = threading.Lock()
        self._cancel = threading.Event()
        self._threads: list[threading.Thread] = []
        self._batches: list[StoredBatch] = []
        self._posted: set[int] = set()
        self._vouched: dict[str, int] = {}
        self._final = 0
        self._queue_taken = 0
        self._pending: list[Transaction] = []

    # -- opening and closing

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Load what is stored, bring L1 up to it, and start the stages."""
        self._batches = self.storage.batches()
        self._reconcile()
        self.state = self.storage.load_state()
        self._begin()
        for transaction in self.storage.transactions(pending=True):
            self._builder.add(transaction)
            self._pending.append(transaction)
            self._queue_taken += self.is_from_l1(transaction)
        if self._builder.full:  # killed after its last transaction and before it was sealed
            self.seal()
        stages = [("poster", self._post_all), ("observer", self._observe)]
        stages += [(f"prover-{name}", lambda name=name: self._prove_all(name)) for name in self.provers]  # type: ignore[misc]
        for name, stage in stages:
            thread = threading.Thread(target=self._guarded, args=(name, stage), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop the stages; what was under way is done again at the next opening."""
        self._cancel.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _guarded(self, name: str, stage: Callable[[], None]) -> None:
        try:
            stage()
        except Exception as error:
            log.exception("stage ended", stage=name)
            self._stop(name.removeprefix("prover-"), -1, f"{type(error).__name__}: {error}")

    # -- transactions

    def submit(self, transaction: Transaction) -> Slot:
        """Execute a transaction into the current batch; a batch that it fills is sealed.

        Raises:
            Refused: the transition refuses it; the error names the ``require`` and its line.
            NodeError: it is of a kind that comes from L1, or a noop.
        """
        if transaction.kind == 0:
            raise NodeError("a noop is no transaction: it only fills a batch up")
        if self.is_from_l1(transaction):
            raise NodeError(
                "a transaction of a from_l1 kind goes into the settlement contract's queue: use enqueue"
            )
        return self._execute(transaction)

    def enqueue(self, transaction: Transaction) -> Receipt:
        """Put a ``from_l1`` transaction into the contract's queue, with what it must pay;
        :meth:`take_queue` takes it in.
        """
        return self.contracts.bridge.enqueue(self.account, transaction.words)

    def take_queue(self) -> list[Slot]:
        """Take queued transactions from L1 into the current batch, which must have no others yet, as far as
        it has slots.
        """
        waiting = self._queue()[self._queue_taken :]
        if waiting and any(not self.is_from_l1(t) for t in self._pending):
            self.seal()
        return [self._execute(Transaction(entry.words)) for entry in waiting]

    def _queue(self) -> list[Enqueued]:
        """L1's queue, as it stands."""
        with self._following:
            self._follower.update()
            return list(self._follower.queue)

    def _execute(self, transaction: Transaction) -> Slot:
        if "ledger" in self.stopped:
            raise NodeError(f"the ledger cannot be written: {self.stopped['ledger']}; open the node again")
        slot = self._builder.add(transaction)
        try:
            self.storage.accept(transaction)
        except Exception as error:
            # The state in memory is ahead of the disk's now: only opening the node anew makes them one.
            self._stop("ledger", len(self._batches), str(error))
            raise NodeError(f"the ledger cannot be written: {error}") from error
        self._pending.append(transaction)
        self._queue_taken += self.is_from_l1(transaction)
        if self._builder.full:
            self.seal()
        return slot

    def seal(self) -> StoredBatch | None:
        """Close the current batch, filled up with ``noop``; None if it has no transaction."""
        if not self._pending:
            return None
        batch = self._builder.close()
        parent = self._batches[-1].claim if self._batches else self.settlement.genesis
        stored = seal_record(
            self.program,
            self.slots,
            self.settlement.deployment,
            batch,
            len(self._batches),
            parent,
            self._pending,
            self.payee,
        )
        self.storage.seal(stored, self.state)
        self._pending = []
        with self._changed:
            self._batches.append(stored)
            self._changed.notify_all()
        self._begin()
        self._tell(Event("sealed", stored.number, detail={"transactions": stored.transactions}))
        return stored

    def _begin(self) -> None:
        self._builder = BatchBuilder(self.transition, self.state, self.settlement.domain, self.slots)

    def is_from_l1(self, transaction: Transaction) -> bool:
        """Whether the transaction is of a ``from_l1`` kind."""
        kinds = self.program.kinds
        return transaction.kind < len(kinds) and kinds[transaction.kind].from_l1

    # -- waiting

    @property
    def batches(self) -> list[StoredBatch]:
        return list(self._batches)

    def wait_final(self, timeout_s: float | None = None) -> None:
        """Wait until every sealed batch is final.

        Raises:
            NodeError: a proof type that the policy requires stopped, or the time is over.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while self._final < len(self._batches):
                if self.stopped:
                    reasons = "; ".join(f"{name}: {reason}" for name, reason in self.stopped.items())
                    raise NodeError(f"{len(self._batches) - self._final} batches are not final. {reasons}")
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise NodeError(
                        f"{len(self._batches) - self._final} batches are not final after {timeout_s:g} s"
                    )
                self._changed.wait(min(left or LOOK_S, LOOK_S))

    def _became_final(self, batch: StoredBatch) -> None:
        with self._changed:
            if self._final > batch.number:
                return
            self._final = batch.number + 1
            self._changed.notify_all()
        root = claims.state_root(batch.post_roots)
        self._tell(Event("final", batch.number, detail={"state_root": root.hex()}))

    def _on_l1(self, what: str, send: Callable[[], Receipt], counts: Callable[[], bool]) -> int:
        """Send to L1 until it counts there; returns the gas, 0 where somebody else was first.

        An L1 that does not answer is asked again, ever more slowly; a refusal is final unless it ``counts``
        already: anyone may bring a claim or proof that they see, and ours may have been mined unseen.
        """
        pause = 1.0
        while True:
            try:
                return send().gas_used
            except RefusedError:
                if not counts():
                    raise
                return 0
            except L1Error as error:
                log.warning("L1 failed", doing=what, error=str(error), again_in_s=pause)
                if self._cancel.wait(pause):
                    raise
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _wait_for(self, condition: Callable[[], bool]) -> bool:
        """Wait until ``condition`` holds; False if the node closes first."""
        with self._changed:
            while not self._cancel.is_set():
                if condition():
                    return True
                self._changed.wait(1.0)
        return False

    def _tell(self, event: Event) -> None:
        self.listener(event)

    def _stop(self, name: str, batch: int, reason: str) -> None:
        with self._changed:
            self.stopped[name] = reason
            self._changed.notify_all()
        self._tell(Event("failed", batch, name, {"message": reason}))

    # -- the stages

    def _post_all(self) -> None:
        while self._wait_for(lambda: len(self._posted) < len(self._batches)):
            number = next(n for n in itertools.count() if n not in self._posted)
            batch = self._batches[number]
            commitments = [get(s).commit(batch.journal) for s in self.program.suites]
            start = sum(b.queued for b in self._batches[:number])

            def post(batch: StoredBatch = batch, start: int = start, c: list[bytes] = commitments) -> Receipt:
                origins = [entry.origin for entry in self._queue()[start : start + batch.queued]]
                return self.settlement.post(self.account, batch.parent, batch.journal, c, origins)

            try:
                gas = self._on_l1(
                    f"posting batch {number}",
                    post,
                    lambda b=batch: self.settlement.stands(b.parent, b.claim),  # type: ignore[misc]
                )
            except RefusedError:
                if self._read_l1():
                    continue
                raise
            with self._changed:
                self._posted.add(number)
                self._changed.notify_all()
            self._tell(Event("posted", number, detail={"gas": gas}))

    def _prove_all(self, name: str) -> None:
        proofs = self.storage.proofs()
        while self._wait_for(
            lambda: name not in self.stopped and self._vouched.get(name, 0) < len(self._batches)
        ):
            number = self._vouched.get(name, 0)
            batch = self._batches[number]
            if not batch.request:
                self._stop(name, number, "it was taken over from L1, where its signatures do not stand")
                return
            stored = proofs.get((number, name))
            # A proof under other keys than those that L1 knows now would be refused there.
            if stored is None or pb.Proof.FromString(stored.proof).key_id != self.prepared[name].key_id:
                stored = self._prove(name, batch)
                if stored is None:
                    return
                proofs[number, name] = stored
            if not self._wait_for(lambda n=number: n in self._posted or self._vouched.get(name, 0) != n):  # type: ignore[misc]
                return
            if self._vouched.get(name, 0) != number:
                continue
            try:
                self._vouch(name, batch, stored)
            except RefusedError:
                if self._read_l1():
                    continue
                raise
            with self._changed:
                if self._vouched.get(name, 0) == number:
                    self._vouched[name] = number + 1
                    self._changed.notify_all()

    def _observe(self) -> None:
        """Look whether L1 took back what it had, and what became final without us; settle what is due."""
        policy = self.contracts.governance.policy()
        while not self._cancel.wait(LOOK_S):
            try:
                if self._taken_back():
                    log.warning("L1 no longer has what it had")
                    self._read_l1()
                self._look_final(policy)
            except RefusedError as error:
                log.warning("L1 refused to settle", error=str(error))
            except L1Error as error:
                log.warning("L1 failed", doing="looking", error=str(error))

    def _taken_back(self) -> bool:
        """Whether L1 no longer has something that it had: a claim, a head, or blocks that were seen.

        So a batch that was discarded is posted again, word for word, by who has the seat.

        Blocks alone do not tell: they may come and go between two looks.
        """
        before = self._follower.reorganisations
        with self._changed:  # what is known is read first: what L1 has since can only be more
            # The last one, and the one that can be discarded.
            ends = {max(self._posted, default=0), self._final} & self._posted
            vouched = dict(self._vouched)
        self._queue()
        if self._follower.reorganisations > before:
            return True
        if any(not self.settlement.stands(b.parent, b.claim) for b in (self._batches[n] for n in ends)):
            return True
        places = {b.claim: b.number + 1 for b in self._batches}
        return any(
            count > places.get(self.settlement.head(name), 0)
            for name, count in vouched.items()
            if name not in self.stopped
        )

    def _look_final(self, policy: Policy) -> None:
        parent = self._batches[self._final - 1].claim if self._final else self.settlement.genesis
        before = self.settlement.claim(parent)
        for batch in self._batches[self._final :]:
            if batch.number not in self._posted:
                return
            status = self.settlement.claim(batch.claim)
            frozen = self.settlement.frozen_from()
            if status.final:
                self._became_final(batch)
            elif (not frozen or status.number < frozen) and due(
                policy, status, before, self.settlement.l1.now(), self.settlement.thawed()
            ):
                self.settlement.settle(self.account, batch.parent, claims.journal_hash(batch.journal))
            before = status

    def _prove(self, name: str, batch: StoredBatch) -> StoredProof | None:
        try:
            stored = prove_batch(
                self.provers[name], self.manifests[name], self.prepared[name], batch, self._tell, self._cancel
            )
        except ProverCancelled:
            return None
        except ProverError as error:
            self._stop(name, batch.number, str(error))
            return None
        self.storage.add_proof(stored)
        return stored

    def _vouch(self, name: str, batch: StoredBatch, stored: StoredProof) -> None:
        proof = pb.Proof.FromString(stored.proof)
        # The payee that it was proved for: another run of the node may have had another account.
        payee = pb.ProveRequest.FromString(batch.request).statement.payee
        gas = self._on_l1(
            f"vouching for batch {batch.number} with {name}",
            lambda: vouch(self.settlement, self.account, name, batch, proof, payee),
            lambda: name in self.settlement.claim(batch.claim).counting,
        )
        status = self.settlement.claim(batch.claim)
        vouched: dict[str, float] = {"gas": gas, "proof_bytes": len(proof.l1_proof)}
        self.storage.add_proof(StoredProof(stored.batch, name, stored.proof, stored.figures, vouched))
        self._tell(Event("vouched", batch.number, name, {**vouched, "final_bits": status.final_bits}))
        if not self.manifests[name].reads_source:
            self._tell(Event("confirmed", batch.number, name))
        if status.final:
            self._became_final(batch)

    # -- recovery

    def _reconcile(self) -> None:
        """Ask L1 what it has of the stored batches; where it has less (an embedded L1 begins anew), bring
        it there.
        """
        held = [t for t in self.storage.transactions() if self.is_from_l1(t)]
        for transaction in held[len(self._queue()) :]:
            self.contracts.bridge.enqueue(self.account, transaction.words)
        self._queue_taken = sum(b.queued for b in self._batches)
        self._read_l1()

    def _read_l1(self) -> bool:
        """Ask L1 what it has of the batches; whether it has less than was known here, or other heads."""
        settlement = self.settlement
        posted, final = set(), 0
        for batch in self._batches:
            if settlement.stands(batch.parent, batch.claim):
                posted.add(batch.number)
            if settlement.claim(batch.claim).final:
                final = batch.number + 1
        places = {settlement.genesis: 0} | {b.claim: b.number + 1 for b in self._batches}
        heads = settlement.heads()
        vouched = {}
        for name in self.provers:
            if heads[name] in places:
                vouched[name] = places[heads[name]]
            else:
                self._stop(name, -1, f"its head on L1 is on another branch: 0x{heads[name].hex()}")
                vouched[name] = 0
        with self._changed:
            less = not posted >= self._posted or any(vouched[n] != self._vouched.get(n, 0) for n in vouched)
            self._posted, self._vouched, self._final = posted, vouched, final
            self._changed.notify_all()
        return less


def request_for(manifest: Manifest, prepared: pb.Prepared, batch: StoredBatch) -> pb.ProveRequest:
    """The stored request of a batch, for one proof type."""
    request = pb.ProveRequest.FromString(batch.request)
    request.key_id = prepared.key_id
    request.statement.CopyFrom(manifest.statement(request.statement))
    return request


def prove_batch(
    prover: Prover,
    manifest: Manifest,
    prepared: pb.Prepared,
    batch: StoredBatch,
    listener: Listener,
    cancel: threading.Event | None = None,
) -> StoredProof:
    """Have one prover prove a batch; one that fails is asked again, one that refuses is not.

    Raises:
        ProverRefused: the prover refuses the batch.
        ProverFailed: it failed every time.
    """
    name = prover.proof_type
    request = request_for(manifest, prepared, batch)
    early_s: dict[str, float] = {}

    def early(proof: pb.Proof) -> None:
        prover.verify(request.statement, proof, batch=str(batch.number))
        early_s["early_s"] = time.monotonic() - started
        size = {"proof_bytes": len(proof.proof)}
        listener(Event("confirmed", batch.number, name, {**early_s, **size}))

    def progress(stage: str, fraction: float) -> None:
        listener(Event("progress", batch.number, name, {"stage": stage, "fraction": fraction}))

    for attempt in itertools.count(1):
        started = time.monotonic()
        try:
            result = prover.prove(
                request,
                batch=str(batch.number),
                deadline_s=PROVE_DEADLINE_S,
                cancel=cancel,
                progress=progress,
                early=early,
            )
            break
        except ProverCancelled:
            raise
        except ProverFailed as error:
            log.warning("prover failed", prover=name, batch=batch.number, attempt=attempt, error=str(error))
            if attempt == ATTEMPTS:
                raise
    figures = dict(result.proof.figures)
    figures |= {"prove_s": time.monotonic() - started, **early_s}
    if result.usage is not None:
        figures["cpu_s"] = result.usage.cpu_s
        figures["peak_mib"] = result.usage.peak_rss_mib
    listener(Event("proved", batch.number, name, {**figures, "proof_bytes": len(result.proof.l1_proof)}))
    return StoredProof(batch.number, name, result.proof.SerializeToString(), figures, None)


def seal_record(
    program: Program,
    slots: int,
    deployment: Deployment,
    batch: Batch,
    number: int,
    parent: bytes,
    transactions: Sequence[Transaction],
    payee: bytes,
) -> StoredBatch:
    """A batch as it is stored, with the request that every prover gets."""
    stored = StoredBatch(
        number=number,
        parent=parent,
        claim=claims.claim_id(parent, batch.journal),
        journal=batch.journal,
        pre_roots=batch.pre.roots,
        post_roots=batch.post.roots,
        request=b"",
        transactions=len(transactions),
        queued=sum(program.kinds[t.kind].from_l1 for t in transactions),
    )
    statement = statement_for(program, slots, deployment, stored, payee)
    request = prove_request(program, batch, statement, b"").SerializeToString()
    return replace(stored, request=request)


def vouch(
    settlement: Settlement,
    account: LocalAccount,
    proof_type: str,
    batch: StoredBatch,
    proof: pb.Proof,
    payee: bytes,
) -> Receipt:
    """Bring a proof of ``batch`` to L1.

    Raises:
        RefusedError: the contract refuses it; the reason says why.
    """
    binds = settlement.binds(proof_type)
    results = [
        SuiteResult(s.post_root, s.commitment, s.challenge, s.evaluation)
        if binds
        else SuiteResult(s.post_root)
        for s in proof.suites
    ]
    return settlement.vouch(
        account,
        proof_type,
        parent=batch.parent,
        journal_hash=claims.journal_hash(batch.journal),
        results=results,
        payee=payee,
        proof=proof.l1_proof,
    )
