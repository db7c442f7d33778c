"""Batches for checkers: honest ones, and forged ones in which everything is consistent but the transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from multiprover.lang.errors import Refused
from multiprover.lang.transition import Transition
from multiprover.lang.types import Key
from multiprover.ledger.batch import Authorizer, Batch, BatchBuilder, Slot, Transaction
from multiprover.ledger.codec import CodecError
from multiprover.ledger.executor import Effect, execute
from multiprover.ledger.state import Opening, State
from multiprover.ledger.wire import prove_request
from multiprover.program import Code, Program, interpreter, trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims
from multiprover.soundness import reckless
from multiprover.suites import get

WORD_BYTES = 4
CHAIN_ID = 31337
SETTLEMENT = bytes(range(20))
PAYEE = b"\x11" * 20
PARENT = b"\x22" * 32


@dataclass(frozen=True)
class Case:
    """A request to every prover, and whether its statement is true.

    Attributes:
        source: text and class name of the transition; empty where the class is in no file.
        prove: with a statement over every suite of the program, and without a key id.
        valid: whether the batch obeys the transition.
        why: for a batch that does not, what it breaks.
    """

    name: str
    program: Program
    source: tuple[str, str]
    slots: int
    prove: pb.ProveRequest
    valid: bool
    why: str = ""

    @property
    def prepare(self) -> pb.PrepareRequest:
        source, class_name = self.source
        return pb.PrepareRequest(
            program=self.program.encoded, slots=self.slots, source=source, class_name=class_name
        )


class Difference(Exception):
    """The concrete executor and the reference interpreter disagree on a transaction."""


@dataclass(frozen=True)
class Outcome:
    """What executor and interpreter make of one transaction, alike; and how a reckless prover would run it.

    Attributes:
        refused: why it is refused, or None.
    """

    refused: str | None
    run: reckless.Run


class World:
    """A transition with its state, on which transactions are tried and batches made."""

    def __init__(
        self,
        transition: type[Transition],
        suites: Sequence[str] = ("bn254", "goldilocks", "koalabear"),
        program: Program | None = None,
    ) -> None:
        """``program``: instead of the one that the transition traces to."""
        self.transition = transition
        self.program = trace(transition, suites) if program is None else program
        self.domain = claims.domain(CHAIN_ID, SETTLEMENT, self.program.program_id)
        self.state = State(self.program)

    # -- one transaction

    def authorizer(self, transaction: Transaction) -> Authorizer:
        return Authorizer(self.program, self.domain, transaction.words, self._placed(transaction))

    def _placed(self, transaction: Transaction) -> list[tuple[bytes, ...]]:
        placed: list[tuple[bytes, ...]] = [()] * self.program.authorizations
        if transaction.kind < len(self.program.kinds):
            places = self.program.kinds[transaction.kind].authorizations
            for position, signatures in zip(places, transaction.signatures, strict=False):
                placed[position] = signatures
        return placed

    def run(self, transaction: Transaction, lies: Mapping[int, int] | None = None) -> reckless.Run:
        """The transaction as somebody runs it who obeys nothing. The state is not changed.

        ``lies``: by op, what is added to its value.
        """
        authorizer = self.authorizer(transaction)

        def signed(position: int, key: Key, nonce: int) -> bool:
            try:
                authorizer(position, key, nonce)
            except (Refused, ValueError):
                return False
            return True

        return reckless.run(
            self.program, self.state.cells, self.state.read_record, transaction.words, signed, lies
        )

    def try_out(self, transaction: Transaction) -> Outcome:
        """Run it on executor and interpreter; the state is not changed.

        Raises:
            Difference: they disagree.
        """
        run = self.run(transaction)
        effect, refused = self._concrete(transaction)
        state = _Plain(self.state)
        numbers = [
            int.from_bytes(transaction.words[i : i + WORD_BYTES], "big")
            for i in range(0, len(transaction.words), WORD_BYTES)
        ]
        unsigned = {
            n
            for n, i in enumerate(i for i, op in enumerate(self.program.ops) if op.code is Code.AUTHORIZE)
            if i in run.broken
        }
        try:
            journal: bytes | None = interpreter.run(
                self.program, state, [numbers], lambda _s, position, _k, _n: position not in unsigned
            )
        except interpreter.InvalidSlot:
            journal = None
        if (effect is None) != (journal is None):
            raise Difference(
                f"executor: {refused or 'accepted'}; interpreter: "
                f"{'refused' if journal is None else 'accepted'}"
            )
        if bool(run.broken) != (journal is None):
            raise Difference(f"interpreter and reckless run differ: {run.broken}")
        if effect is not None and journal is not None:
            self._compare(transaction, effect, journal, run, state)
        return Outcome(refused, run)

    def _concrete(self, transaction: Transaction) -> tuple[Effect | None, str | None]:
        try:
            effect = execute(
                self.transition, self.program, transaction.words, self.state, self.authorizer(transaction)
            )
        except (Refused, CodecError) as error:
            return None, str(error)
        return effect, None

    def _compare(
        self,
        transaction: Transaction,
        effect: Effect,
        journal: bytes,
        run: reckless.Run,
        state: _Plain,
    ) -> None:
        at = len(transaction.words)
        outputs = journal[at : at + WORD_BYTES * self.program.output_words]
        written = effect.written()
        records = {
            (a.map, a.index): plain(a.storage.values if a in written else a.before)
            for a in effect.accesses
            if a is not None
        }
        mine = {(p.map, p.index): plain(p.after) for p in run.ports if p.enabled}
        for what, executor, other in [
            ("outputs", effect.outputs.hex(), outputs.hex()),
            ("outputs of the reckless run", effect.outputs.hex(), run.outputs.hex()),
            ("cells", plain(effect.cells), state.cells),
            ("cells of the reckless run", plain(effect.cells), plain(run.cells)),
            ("records", records, mine),
            *((f"record {place}", records.get(place), values) for place, values in state.records.items()),
        ]:
            if executor != other:
                raise Difference(f"{what}: executor {executor}, interpreter {other}")

    # -- batches

    def honest(
        self, name: str, source: tuple[str, str], transactions: Sequence[Transaction], slots: int
    ) -> Case:
        """A batch of valid transactions, filled up with noops; the state moves on."""
        builder = BatchBuilder(self.transition, self.state, self.domain, slots)
        for transaction in transactions:
            builder.add(transaction)
        return self.case(name, source, builder.close(), valid=True)

    def forged(
        self,
        name: str,
        source: tuple[str, str],
        transactions: Sequence[Transaction],
        slots: int,
        why: str,
        lies: Mapping[int, int] | None = None,
    ) -> Case:
        """A batch as a dishonest prover makes it: its transactions are run without a constraint. The state
        is not changed.

        ``lies``: by op, what is added to its value in each of ``transactions``.
        """
        state = self.state.copy()
        kept, self.state = self.state, state
        try:
            pre_cells, pre = tuple(state.cells), state.roots()
            empty = Transaction(bytes(WORD_BYTES * self.program.input_words))
            every = [*transactions, *[empty] * (slots - len(transactions))]
            made = [self._force(t, lies if i < len(transactions) else None) for i, t in enumerate(every)]
        finally:
            self.state = kept
        journal = (
            b"".join(s.words for s in made)
            + b"".join(s.outputs for s in made)
            + b"".join(
                reckless.encode(v, c)
                for v, c in zip(state.cells, self.program.cells, strict=True)
                if not c.key
            )
        )
        batch = Batch(tuple(made), pre_cells, pre, state.roots(), journal)
        return replace(self.case(name, source, batch, valid=False), why=why)

    def _force(self, transaction: Transaction, lies: Mapping[int, int] | None) -> Slot:
        run = self.run(transaction, lies)
        openings: list[Opening | None] = []
        for port in run.ports:
            openings.append(self.state.opening(port.map, port.index) if port.enabled else None)
            if port.enabled and port.written:
                self.state.write(port.map, port.index, port.after)
        self.state.cells[:] = run.cells
        return Slot(transaction.words, tuple(openings), tuple(self._placed(transaction)), run.outputs, None)

    def case(self, name: str, source: tuple[str, str], batch: Batch, *, valid: bool) -> Case:
        """A request for a batch, with the statement of somebody who computes it from the batch."""
        statement = statement_of(self.program, self.domain, batch)
        request = prove_request(self.program, batch, statement, b"")
        return Case(name, self.program, source, len(batch.slots), request, valid)


def statement_of(program: Program, domain: bytes, batch: Batch) -> pb.Statement:
    """What a proof of the batch states, over every suite."""
    statement = pb.Statement(
        program_id=program.program_id,
        slots=len(batch.slots),
        domain=domain,
        parent_claim=PARENT,
        claim=claims.claim_id(PARENT, batch.journal),
        payee=PAYEE,
        chain_id=CHAIN_ID.to_bytes(32, "big"),
        settlement=SETTLEMENT,
    )
    for name, pre, post in zip(program.suites, batch.pre.roots, batch.post.roots, strict=True):
        suite = get(name)
        commitment = suite.commit(batch.journal)
        challenge = suite.challenge(domain, statement.claim, commitment)
        statement.suites.add(
            suite=name,
            pre_root=pre,
            post_root=post,
            commitment=commitment,
            challenge=challenge,
            evaluation=suite.evaluate(batch.journal, challenge),
        )
    return statement


class _Plain(interpreter.State):
    """The state as the interpreter takes it; ``records`` are those that it writes."""

    def __init__(self, state: State) -> None:
        super().__init__(state.program, plain(state.cells))
        self._state = state

    def read(self, map_position: int, index: int) -> list[Any]:
        return plain(self._state.read_record(map_position, index))


def plain(values: Sequence[Any]) -> list[Any]:
    return [v.data if isinstance(v, Key) else int(v) for v in values]
