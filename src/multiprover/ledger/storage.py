"""The ledger on disk: one SQLite file from which a killed process goes on where it was.

What is stored is what cannot be computed again from L1 alone: accepted transactions, the records as of the
last sealed batch, each sealed batch with what provers need for it, and the proofs. A batch is sealed in one
database transaction; a transaction that was accepted and not yet sealed is executed again at the start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, ForeignKey, LargeBinary, create_engine, event, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from multiprover.lang.types import Key
from multiprover.ledger.batch import Transaction
from multiprover.ledger.codec import decode_fields, encode_fields
from multiprover.ledger.state import Record, State
from multiprover.program import Field, Program

FORMAT = 1


class StorageError(Exception):
    """The file is not a ledger of this program; the message says what was expected and what came."""


class _Base(DeclarativeBase):
    type_annotation_map = {bytes: LargeBinary}  # noqa: RUF012


class _Meta(_Base):
    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes]


class _Record(_Base):
    __tablename__ = "records"
    map: Mapped[int] = mapped_column(primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    fields: Mapped[bytes]
    keys: Mapped[bytes]


class _Transaction(_Base):
    __tablename__ = "transactions"
    id: Mapped[int] = mapped_column(primary_key=True)
    batch: Mapped[int | None] = mapped_column(index=True)
    words: Mapped[bytes]
    signatures: Mapped[str]


class _Batch(_Base):
    __tablename__ = "batches"
    number: Mapped[int] = mapped_column(primary_key=True)
    parent: Mapped[bytes]
    claim: Mapped[bytes] = mapped_column(unique=True)
    journal: Mapped[bytes]
    roots: Mapped[str]
    request: Mapped[bytes]
    transactions: Mapped[int]
    queued: Mapped[int]


class _Proof(_Base):
    __tablename__ = "proofs"
    batch: Mapped[int] = mapped_column(ForeignKey("batches.number"), primary_key=True)
    proof_type: Mapped[str] = mapped_column(primary_key=True)
    proof: Mapped[bytes]
    figures: Mapped[str]
    vouch: Mapped[str | None]


@dataclass(frozen=True)
class StoredBatch:
    """A sealed batch.

    Attributes:
        number: from 0.
        parent, claim: claim ids.
        post_roots: the executor's root under each suite.
        request: a serialized ``ProveRequest`` without ``key_id``.
        transactions: its slots that are not ``noop``.
        queued: how many of them came from L1's queue.
    """

    number: int
    parent: bytes
    claim: bytes
    journal: bytes
    pre_roots: tuple[bytes, ...]
    post_roots: tuple[bytes, ...]
    request: bytes
    transactions: int
    queued: int


@dataclass(frozen=True)
class StoredProof:
    """A proof of a batch: the serialized ``Proof``, figures of its making, and what L1 said of its vouch,
    if it was brought there.
    """

    batch: int
    proof_type: str
    proof: bytes
    figures: dict[str, Any]
    vouch: dict[str, Any] | None


class Storage:
    """A ledger's file."""

    def __init__(self, path: Path, program: Program) -> None:
        """Open or create the file.

        Raises:
            StorageError: it belongs to another program or is of another format.
        """
        self.program = program
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _durable)
        try:
            _Base.metadata.create_all(self._engine)
            found = self._meta("format"), self._meta("program")
        except Exception as error:
            raise StorageError(f"{path} is not a ledger: {error}") from error
        expected = str(FORMAT).encode(), program.program_id
        if found == (None, None):
            with self._session() as session:
                session.add_all(
                    [_Meta(name="format", value=expected[0]), _Meta(name="program", value=expected[1])]
                )
        elif found != expected:
            raise StorageError(
                f"{path}: expected a ledger of format {FORMAT} of program {expected[1].hex()}, found format "
                f"{(found[0] or b'?').decode()} of program {(found[1] or b'').hex()}; "
                "use another directory for another program"
            )

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._engine) as session, session.begin():
            yield session

    def _meta(self, name: str) -> bytes | None:
        with self._session() as session:
            row = session.get(_Meta, name)
            return row.value if row else None

    # -- small facts: the deployment, the transition's reference

    def remember(self, name: str, value: dict[str, Any]) -> None:
        with self._session() as session:
            session.merge(_Meta(name=f"fact:{name}", value=json.dumps(value, sort_keys=True).encode()))

    def recall(self, name: str) -> dict[str, Any] | None:
        found = self._meta(f"fact:{name}")
        return json.loads(found) if found else None

    # -- transactions

    def accept(self, transaction: Transaction) -> None:
        """Keep a transaction that was executed and stands in no sealed batch yet."""
        signatures = json.dumps([[s.hex() for s in given] for given in transaction.signatures])
        with self._session() as session:
            session.add(_Transaction(batch=None, words=transaction.words, signatures=signatures))

    def transactions(self, *, pending: bool = False) -> list[Transaction]:
        """Accepted transactions, in order; with ``pending``, those that stand in no sealed batch."""
        query = select(_Transaction).order_by(_Transaction.id)
        if pending:
            query = query.where(_Transaction.batch.is_(None))
        with self._session() as session:
            return [
                Transaction(r.words, tuple(tuple(map(bytes.fromhex, g)) for g in json.loads(r.signatures)))
                for r in session.scalars(query)
            ]

    # -- state and batches

    def load_state(self) -> State:
        """The state as of the last sealed batch."""
        program, size = self.program, 32 * len(self.program.suites)

        def record(fields: Sequence[Field], words: bytes, keys: bytes) -> Record:
            split = [Key(keys[i : i + size]) for i in range(0, len(keys), size)]
            return tuple(decode_fields(fields, words, split))

        cells = self.recall("cells")
        with self._session() as session:
            records = [
                (r.map, r.index, record(program.maps[r.map].fields, r.fields, r.keys))
                for r in session.scalars(select(_Record))
            ]
        if cells is None:
            return State(program, None, records)
        return State(
            program,
            record(program.cells, bytes.fromhex(cells["fields"]), bytes.fromhex(cells["keys"])),
            records,
        )

    def seal(self, batch: StoredBatch, state: State) -> None:
        """Store a sealed batch, the records changed since the last one and the cells, and assign the
        pending transactions to it.
        """
        fields, keys = _split(self.program.cells, state.cells)
        with self._session() as session:
            session.add(
                _Batch(
                    number=batch.number,
                    parent=batch.parent,
                    claim=batch.claim,
                    journal=batch.journal,
                    roots=json.dumps(
                        [[r.hex() for r in roots] for roots in (batch.pre_roots, batch.post_roots)]
                    ),
                    request=batch.request,
                    transactions=batch.transactions,
                    queued=batch.queued,
                )
            )
            for map_position, index in state.changed:
                values = state.records[map_position, index]
                words, key_bytes = _split(self.program.maps[map_position].fields, values)
                session.merge(_Record(map=map_position, index=index, fields=words, keys=key_bytes))
            cells = json.dumps({"fields": fields.hex(), "keys": keys.hex()}).encode()
            session.merge(_Meta(name="fact:cells", value=cells))
            session.execute(
                update(_Transaction).where(_Transaction.batch.is_(None)).values(batch=batch.number)
            )
        state.changed.clear()

    def batches(self) -> list[StoredBatch]:
        """Every sealed batch, in order."""
        with self._session() as session:
            return [_stored(row) for row in session.scalars(select(_Batch).order_by(_Batch.number))]

    # -- proofs

    def add_proof(self, proof: StoredProof) -> None:
        with self._session() as session:
            session.merge(
                _Proof(
                    batch=proof.batch,
                    proof_type=proof.proof_type,
                    proof=proof.proof,
                    figures=json.dumps(proof.figures),
                    vouch=json.dumps(proof.vouch) if proof.vouch else None,
                )
            )

    def proofs(self) -> dict[tuple[int, str], StoredProof]:
        """Every proof, by batch and proof type."""
        with self._session() as session:
            rows = session.scalars(select(_Proof))
            return {
                (r.batch, r.proof_type): StoredProof(
                    r.batch,
                    r.proof_type,
                    r.proof,
                    json.loads(r.figures),
                    json.loads(r.vouch) if r.vouch else None,
                )
                for r in rows
            }


def _durable(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _split(fields: Sequence[Field], values: Sequence[Any]) -> tuple[bytes, bytes]:
    keys = b"".join(v.data for f, v in zip(fields, values, strict=True) if f.key)
    return encode_fields(zip(fields, values, strict=True)), keys


def _stored(row: _Batch) -> StoredBatch:
    pre, post = (tuple(map(bytes.fromhex, roots)) for roots in json.loads(row.roots))
    return StoredBatch(
        row.number, row.parent, row.claim, row.journal, pre, post, row.request, row.transactions, row.queued
    )
