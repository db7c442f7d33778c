"""What any prover must pass: ``python -m multiprover.provers.conformance ADDRESS --cases FILE``.

The checks of ``docs/prover.md`` §4, run from outside against an address: a valid batch is proved and
verified, and every lie about it, told one at a time, is refused with a code that fits. The lies are made from
valid cases by changing their messages, so the checks need no knowledge of the suite or the program.

Cases come from a JSON file::

    {"version": 1,
     "cases": [{"name": "token, 2 slots",
                "prepare": "<base64 of PrepareRequest>",
                "prove": "<base64 of ProveRequest>"}]}

``prove`` has a statement over every suite of the program (a prover is sent those it commits to) and no
``key_id``.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import json
import math
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import grpc
import psutil
from google.protobuf.message import DecodeError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.prover.v1 import prover_pb2_grpc
from multiprover.provers.client import (
    MAX_MESSAGE_BYTES,
    SERVICE,
    ProverClient,
    Tls,
    Update,
    check_proof,
    open_channel,
)
from multiprover.provers.errors import ProverError, ProverRefused, RefusalCode
from multiprover.provers.manifest import Manifest

PROGRESS_GAP_S = 3.0
"""The longest silence let pass in a call that streams: one second by the page, more on a busy machine."""
CANCEL_S = 1.0
"""How long a prover may work on after a call was cancelled."""
IDLE_CPU_S = 0.1
"""CPU seconds in as long that pass for no work: a little serving; on a busy machine work gets few too."""
CALL_S = 1800.0
"""The deadline of each call; a prover that needs longer for the cases wants smaller ones."""
QUICK_S = 60.0
"""The deadline of a call that has to be refused or answered without proving."""


class CasesError(ValueError):
    """The file of cases cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Case:
    """One batch that is right in everything; ``prove`` has no key id."""

    name: str
    prepare: pb.PrepareRequest
    prove: pb.ProveRequest


class Row(BaseModel):
    """The outcome of one check of one case (``case`` is empty for checks of the prover as a whole)."""

    model_config = ConfigDict(frozen=True)

    check: str
    case: str
    outcome: Literal["passed", "failed", "skipped"]
    expected: str
    found: str


class Report(BaseModel):
    """What was checked, in order."""

    model_config = ConfigDict(frozen=True)

    address: str
    proof_type: str
    version: str
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether a proof was made and verified, and no check failed."""
        proved = any(row.check == PROVES and row.outcome == "passed" for row in self.rows)
        return proved and all(row.outcome != "failed" for row in self.rows)


class _CaseText(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(min_length=1)]
    prepare: str
    prove: str


class _CasesText(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1]
    cases: Annotated[list[_CaseText], Field(min_length=1)]


def load_cases(file: Path) -> list[Case]:
    """The cases of a file.

    Raises:
        CasesError: it cannot be read, or is not what the module's text describes.
    """
    try:
        text = _CasesText.model_validate_json(file.read_bytes())
        return [
            Case(
                name=case.name,
                prepare=pb.PrepareRequest.FromString(base64.b64decode(case.prepare, validate=True)),
                prove=pb.ProveRequest.FromString(base64.b64decode(case.prove, validate=True)),
            )
            for case in text.cases
        ]
    except (OSError, ValidationError, binascii.Error, DecodeError) as error:
        raise CasesError(f"{file}: {error}") from error


def dump_cases(cases: Iterable[Case]) -> str:
    """The text of a file of cases."""

    def encode(message: pb.PrepareRequest | pb.ProveRequest) -> str:
        return base64.b64encode(message.SerializeToString(deterministic=True)).decode()

    entries = [{"name": c.name, "prepare": encode(c.prepare), "prove": encode(c.prove)} for c in cases]
    return json.dumps({"version": 1, "cases": entries}, indent=1) + "\n"


# --- the lies ----------------------------------------------------------------------

Codes = frozenset[RefusalCode]


def _codes(*codes: RefusalCode) -> Codes:
    return frozenset(codes)


_C = RefusalCode
ENCODING = _codes(_C.MALFORMED, _C.NON_CANONICAL)
OTHER_JOURNAL = _codes(_C.JOURNAL_MISMATCH, _C.WRONG_STATEMENT)
OTHER_STATE = _codes(_C.BAD_OPENING, _C.ROOT_MISMATCH)
OTHER_PROGRAM = _codes(_C.WRONG_PROGRAM, _C.NOT_PREPARED)
OTHER_SIGNATURE = _codes(_C.BAD_SIGNATURE) | ENCODING
OTHER_PROOF = _codes(_C.INVALID_PROOF) | ENCODING
OTHER_STATEMENT = _codes(_C.WRONG_STATEMENT, _C.INVALID_PROOF)

SUITE_FIELDS = ("pre_root", "post_root", "commitment", "challenge", "evaluation")


@dataclass(frozen=True)
class Lie:
    """One change of a valid request. ``tell`` makes it; False: the case has nothing of the kind."""

    name: str
    codes: Codes
    tell: Callable[[pb.ProveRequest], bool]
    may_prove: str = ""
    """Why a type may prove all the same, where it may."""


def _flipped(value: bytes) -> bytes:
    """Another value, canonical in practice: the last byte has another lowest bit; for no bytes, a byte."""
    return value[:-1] + bytes([value[-1] ^ 1]) if value else b"\x01"


def _flip(attribute: str) -> Callable[[pb.ProveRequest], bool]:
    def tell(request: pb.ProveRequest) -> bool:
        setattr(request.statement, attribute, _flipped(getattr(request.statement, attribute)))
        return True

    return tell


def _shorten(attribute: str) -> Callable[[pb.ProveRequest], bool]:
    def tell(request: pb.ProveRequest) -> bool:
        setattr(request.statement, attribute, getattr(request.statement, attribute)[:-1])
        return True

    return tell


def _in_suite(attribute: str, change: Callable[[bytes], bytes]) -> Callable[[pb.ProveRequest], bool]:
    def tell(request: pb.ProveRequest) -> bool:
        for suite in request.statement.suites:
            setattr(suite, attribute, change(getattr(suite, attribute)))
        return True

    return tell


def _statement_lies() -> Iterator[Lie]:
    yield Lie("statement: another program id", OTHER_PROGRAM, _flip("program_id"))
    yield Lie("statement: a slot more", OTHER_PROGRAM, _more_slots)
    # Another domain changes the challenge, and what was signed.
    yield Lie("statement: another domain", OTHER_JOURNAL | OTHER_SIGNATURE | OTHER_PROGRAM, _flip("domain"))
    yield Lie("statement: another parent claim", OTHER_JOURNAL, _flip("parent_claim"))
    yield Lie("statement: another claim", OTHER_JOURNAL, _flip("claim"))
    for name in ("chain_id", "settlement"):
        codes = OTHER_JOURNAL | OTHER_PROGRAM | ENCODING
        yield Lie(f"statement: another {name}", codes, _flip(name), "the type rests on the domain alone")
    for name in ("program_id", "domain", "parent_claim", "claim", "payee"):
        yield Lie(f"statement: short {name}", ENCODING | OTHER_PROGRAM, _shorten(name))
    wrong: dict[str, Codes] = {
        "pre_root": OTHER_STATE,
        "post_root": OTHER_STATE,
        "commitment": OTHER_JOURNAL,
        "challenge": OTHER_JOURNAL,
        "evaluation": OTHER_JOURNAL,
    }
    for name, others in wrong.items():
        codes = others | {_C.WRONG_STATEMENT}
        yield Lie(f"statement: another {name}", codes | ENCODING, _in_suite(name, _flipped))
        yield Lie(f"statement: short {name}", ENCODING, _in_suite(name, lambda value: value[:-1]))
        # No field of a suite has room for it: 2^256 - 1.
        yield Lie(
            f"statement: {name} not canonical", codes | ENCODING, _in_suite(name, lambda _: b"\xff" * 32)
        )
    yield Lie("statement: no suite", _codes(_C.UNSUPPORTED, _C.WRONG_STATEMENT) | ENCODING, _no_suites)
    yield Lie(
        "statement: unknown suite", _codes(_C.UNSUPPORTED, _C.WRONG_STATEMENT) | ENCODING, _unknown_suite
    )


def _more_slots(request: pb.ProveRequest) -> bool:
    request.statement.slots += 1
    return True


def _no_suites(request: pb.ProveRequest) -> bool:
    del request.statement.suites[:]
    return True


def _unknown_suite(request: pb.ProveRequest) -> bool:
    for suite in request.statement.suites:
        suite.suite += "-unknown"
    return True


def _request_lies() -> Iterator[Lie]:
    yield Lie("journal: a bit", OTHER_JOURNAL, _journal_bit)
    yield Lie("journal: a word more", OTHER_JOURNAL | ENCODING, _journal_longer)
    yield Lie("journal: empty", OTHER_JOURNAL | ENCODING, _journal_empty)
    yield Lie("pre-state: another cell", OTHER_STATE | OTHER_JOURNAL | ENCODING, _cell)
    yield Lie("pre-state: another map root", OTHER_STATE | ENCODING, _map_root)
    yield Lie("pre-state: a suite missing", OTHER_STATE | ENCODING, _pre_state_missing)
    yield Lie("opening: another field", OTHER_STATE | ENCODING | {_C.REFUSED_TRANSACTION}, _opened_field)
    yield Lie("opening: another sibling", OTHER_STATE | ENCODING, _sibling(_flipped))
    yield Lie("opening: a sibling missing", OTHER_STATE | ENCODING, _sibling(lambda _: b""))
    yield Lie("opening: missing", OTHER_STATE | ENCODING, _opening_missing)
    yield Lie("signature: a bit", OTHER_SIGNATURE, _signature(_flipped))
    yield Lie("signature: zeros", OTHER_SIGNATURE, _signature(lambda value: bytes(len(value))))
    yield Lie("signature: short", OTHER_SIGNATURE, _signature(lambda value: value[:-1]))
    yield Lie("signature: missing", OTHER_SIGNATURE, _signature(lambda _: b""))
    yield Lie(
        "words: another amount",
        OTHER_JOURNAL | OTHER_STATE | OTHER_SIGNATURE | {_C.REFUSED_TRANSACTION},
        _words(lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    )
    yield Lie("words: not whole", ENCODING | OTHER_JOURNAL, _words(lambda data: data[:-1]))
    yield Lie("words: a word more", ENCODING | OTHER_JOURNAL, _words(lambda data: data + bytes(4)))
    yield Lie(
        "words: unknown kind",
        ENCODING | OTHER_JOURNAL | OTHER_SIGNATURE | {_C.REFUSED_TRANSACTION, _C.UNSUPPORTED, _C.BAD_OPENING},
        _words(lambda data: b"\xff" * 4 + data[4:]),
    )
    yield Lie("slots: one missing", OTHER_PROGRAM | ENCODING, _slot_missing)
    yield Lie("key: another id", OTHER_PROGRAM, _key_id(_flipped))
    yield Lie("key: no id", OTHER_PROGRAM | ENCODING, _key_id(lambda _: b""))


def _journal_bit(request: pb.ProveRequest) -> bool:
    request.journal = _flipped(request.journal)
    return True


def _journal_longer(request: pb.ProveRequest) -> bool:
    request.journal += bytes(4)
    return True


def _journal_empty(request: pb.ProveRequest) -> bool:
    request.journal = b""
    return True


def _cell(request: pb.ProveRequest) -> bool:
    if not request.pre_state.cells:
        return False
    request.pre_state.cells = _flipped(request.pre_state.cells)
    return True


def _map_root(request: pb.ProveRequest) -> bool:
    found = False
    for suite in request.pre_state.suites:
        if suite.map_roots:
            suite.map_roots[0] = _flipped(suite.map_roots[0])
            found = True
    return found


def _pre_state_missing(request: pb.ProveRequest) -> bool:
    del request.pre_state.suites[:]
    return True


def _first_opening(request: pb.ProveRequest) -> pb.Opening | None:
    openings = (opening for slot in request.slots for opening in slot.openings)
    return next((o for o in openings if any(suite.siblings for suite in o.suites)), None)


def _opened_field(request: pb.ProveRequest) -> bool:
    opening = _first_opening(request)
    if opening is None or not opening.fields:
        return False
    opening.fields = _flipped(opening.fields)
    return True


def _sibling(change: Callable[[bytes], bytes]) -> Callable[[pb.ProveRequest], bool]:
    def tell(request: pb.ProveRequest) -> bool:
        opening = _first_opening(request)
        if opening is None:
            return False
        for suite in opening.suites:
            suite.siblings = suite.siblings[:-32] + change(suite.siblings[-32:])
        return True

    return tell


def _opening_missing(request: pb.ProveRequest) -> bool:
    opening = _first_opening(request)
    if opening is None:
        return False
    opening.Clear()
    return True


def _signature(change: Callable[[bytes], bytes]) -> Callable[[pb.ProveRequest], bool]:
    def tell(request: pb.ProveRequest) -> bool:
        for slot in request.slots:
            for authorization in slot.authorizations:
                if any(authorization.signatures):
                    authorization.signatures[:] = [
                        change(value) if value else value for value in authorization.signatures
                    ]
                    return True
        return False

    return tell


def _words(change: Callable[[bytes], bytes]) -> Callable[[pb.ProveRequest], bool]:
    def tell(request: pb.ProveRequest) -> bool:
        for slot in request.slots:
            if any(slot.words[:4]):
                slot.words = change(slot.words)
                return True
        return False

    return tell


def _slot_missing(request: pb.ProveRequest) -> bool:
    del request.slots[-1]
    return True


def _key_id(change: Callable[[bytes], bytes]) -> Callable[[pb.ProveRequest], bool]:
    def tell(request: pb.ProveRequest) -> bool:
        request.key_id = change(request.key_id)
        return True

    return tell


@dataclass(frozen=True)
class ProofLie:
    """One change of a valid proof, or of the statement that it is offered for."""

    name: str
    codes: Codes
    tell: Callable[[pb.VerifyRequest], None]


def _proof_lies(proof_bytes: int) -> Iterator[ProofLie]:
    def on_statement(change: Callable[[pb.Statement], None]) -> Callable[[pb.VerifyRequest], None]:
        return lambda request: change(request.statement)

    def on_proof(change: Callable[[pb.Proof], None]) -> Callable[[pb.VerifyRequest], None]:
        return lambda request: change(request.proof)

    def flip(attribute: str) -> Callable[[pb.Statement], None]:
        return lambda statement: setattr(statement, attribute, _flipped(getattr(statement, attribute)))

    def put(value: Callable[[bytes], bytes]) -> Callable[[pb.Proof], None]:
        def change(proof: pb.Proof) -> None:
            proof.proof = value(proof.proof)

        return change

    def flip_bit(position: int) -> Callable[[bytes], bytes]:
        def change(data: bytes) -> bytes:
            return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]

        return change

    for name in ("payee", "claim"):
        yield ProofLie(f"verify: another {name}", OTHER_STATEMENT, on_statement(flip(name)))
    # What the keys may be made for: then the proof's own are another statement's.
    other_keys = OTHER_STATEMENT | OTHER_PROGRAM
    yield ProofLie("verify: another domain", other_keys, on_statement(flip("domain")))
    yield ProofLie("verify: another program id", other_keys, on_statement(flip("program_id")))

    def more_slots(statement: pb.Statement) -> None:
        statement.slots += 1

    yield ProofLie("verify: another batch size", other_keys, on_statement(more_slots))
    for name in SUITE_FIELDS:
        codes = OTHER_STATEMENT | ENCODING

        def in_statement(statement: pb.Statement, name: str = name) -> None:
            for suite in statement.suites:
                setattr(suite, name, _flipped(getattr(suite, name)))

        yield ProofLie(f"verify: another {name}", codes, on_statement(in_statement))
    for name in ("pre_root", "post_root"):

        def in_both(request: pb.VerifyRequest, name: str = name) -> None:
            for suite in (*request.statement.suites, *request.proof.suites):
                setattr(suite, name, _flipped(getattr(suite, name)))

        yield ProofLie(f"verify: another {name}, in the proof too", OTHER_STATEMENT | ENCODING, in_both)

    def no_suites(statement: pb.Statement) -> None:
        del statement.suites[:]

    yield ProofLie("verify: no suite", OTHER_STATEMENT | ENCODING | {_C.UNSUPPORTED}, on_statement(no_suites))
    yield ProofLie("verify: empty proof", OTHER_PROOF, on_proof(put(lambda _: b"")))
    yield ProofLie("verify: truncated proof", OTHER_PROOF, on_proof(put(lambda data: data[:-1])))
    yield ProofLie("verify: proof with a byte more", OTHER_PROOF, on_proof(put(lambda data: data + b"\x00")))
    yield ProofLie(
        "verify: random proof",
        OTHER_PROOF,
        on_proof(put(lambda data: bytes(i * 151 % 256 for i in range(len(data))))),
    )
    yield ProofLie("verify: proof of zeros", OTHER_PROOF, on_proof(put(lambda data: bytes(len(data)))))
    yield ProofLie("verify: proof of ones", OTHER_PROOF, on_proof(put(lambda data: b"\xff" * len(data))))
    for position in sorted({0, proof_bytes // 3, proof_bytes // 2, proof_bytes - 1}):
        yield ProofLie(
            f"verify: bit of byte {position} of the proof", OTHER_PROOF, on_proof(put(flip_bit(position)))
        )

    def other_type(proof: pb.Proof) -> None:
        proof.proof_type += "-unknown"

    def other_format(proof: pb.Proof) -> None:
        proof.format_version += 1

    def other_key(proof: pb.Proof) -> None:
        proof.key_id = _flipped(proof.key_id)

    wrong_kind = _codes(_C.UNSUPPORTED, _C.WRONG_STATEMENT, _C.INVALID_PROOF) | ENCODING
    yield ProofLie("verify: another proof type", wrong_kind, on_proof(other_type))
    yield ProofLie("verify: another format version", wrong_kind, on_proof(other_format))
    yield ProofLie("verify: another key id", OTHER_PROGRAM | OTHER_PROOF, on_proof(other_key))


# --- the checks ----------------------------------------------------------------------

PROVES = "prove: a valid batch"


class _Failed(Exception):
    """A check failed: what was expected, what was found."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found


class _Skipped(Exception):
    """A check has nothing to look at: why."""


def check(
    address: str,
    cases: Sequence[Case],
    tls: Tls | None = None,
    *,
    on_row: Callable[[Row], None] | None = None,
) -> Report:
    """Run every check against the prover at an address; ``on_row`` hears of each as it is done.

    Raises:
        ValueError: an address that cannot be one (see :func:`~multiprover.provers.client.open_channel`).
    """
    with contextlib.closing(open_channel(address, tls, limit=-1)) as channel:
        return _Checks(address, tls, channel, on_row).run(cases)


class _Checks:
    def __init__(
        self, address: str, tls: Tls | None, channel: grpc.Channel, on_row: Callable[[Row], None] | None
    ) -> None:
        self.address = address
        self.tls = tls
        self.channel = channel
        self.stub = prover_pb2_grpc.ProverStub(channel)
        self.on_row = on_row
        self.rows: list[Row] = []
        self.case = ""

    def run(self, cases: Sequence[Case]) -> Report:
        manifest: Manifest | None = None

        def describe() -> str:
            nonlocal manifest
            message = self.stub.Describe(pb.DescribeRequest(), timeout=QUICK_S)
            manifest = Manifest.from_message(message, message.proof_type or self.address)
            again = self.stub.Describe(pb.DescribeRequest(), timeout=QUICK_S)
            if message != again:
                raise _Failed("the same manifest twice", "two that differ")
            return f"{manifest.proof_type} {manifest.version}"

        self.row("describe: a sane manifest", "every field valid, the same twice", describe)
        if manifest is None:
            return self.report("unknown", "unknown")
        with ProverClient(self.address, manifest.proof_type, self.tls, stall_s=CALL_S) as client:

            def healthy() -> str:
                if not client.healthy():
                    raise _Failed(f"SERVING for {SERVICE}", "another answer")
                return "SERVING"

            self.row("health: the standard service", f"SERVING for {SERVICE}", healthy)
            for case in cases:
                self.case = case.name
                self.check_case(client, manifest, case)
            self.case = ""
            self.row("health: still serving at the end", f"SERVING for {SERVICE}", healthy)
        return self.report(manifest.proof_type, manifest.version)

    def report(self, proof_type: str, version: str) -> Report:
        return Report(address=self.address, proof_type=proof_type, version=version, rows=tuple(self.rows))

    def row(self, name: str, expected: str, body: Callable[[], str]) -> bool:
        """Run one check and note how it went; whether it passed."""
        outcome: Literal["passed", "failed", "skipped"] = "failed"
        try:
            found, outcome = body(), "passed"
        except _Skipped as skipped:
            found, outcome = str(skipped), "skipped"
        except _Failed as failed:
            expected, found = failed.expected, failed.found
        except ProverError as error:
            found = str(error)
        except grpc.RpcError as error:
            found = _status(error)
        except OSError as error:
            found = f"{self.address}: {error.strerror}"
        row = Row(check=name, case=self.case, outcome=outcome, expected=expected, found=found)
        self.rows.append(row)
        if self.on_row is not None:
            self.on_row(row)
        return outcome == "passed"

    def check_case(self, client: ProverClient, manifest: Manifest, case: Case) -> None:
        request = pb.ProveRequest()
        request.CopyFrom(case.prove)
        try:
            request.statement.CopyFrom(manifest.statement(case.prove.statement))
        except ValueError as error:
            reason = str(error)

            def skip() -> str:
                raise _Skipped(reason)

            self.row(PROVES, "a proof", skip)
            return
        self.check_prepare_refusals(case)
        prepared: list[pb.Prepared] = []

        def prepare() -> str:
            prepared.append(self.prepared(case.prepare))
            return prepared[0].key_id.hex()

        if not self.row("prepare: keys, with progress", "keys with an id, progress as it should be", prepare):
            return
        request.key_id = prepared[0].key_id

        def prepare_again() -> str:
            again, first = self.prepared(case.prepare), prepared[0]
            if again.key_id != first.key_id or again.artefacts != first.artefacts:
                raise _Failed("the same key id and artefacts", f"key id {again.key_id.hex()}, other keys")
            if not again.cached:
                raise _Failed("cached", "made again")
            return "the same, cached"

        self.row("prepare: again", "the same keys, cached", prepare_again)
        proofs: list[pb.Proof] = []

        def prove() -> str:
            proof = self.proved(request)
            check_proof(manifest.proof_type, request, proof)
            if proof.format_version != manifest.format_version:
                raise _Failed(f"format version {manifest.format_version}", str(proof.format_version))
            client.verify(request.statement, proof, deadline_s=QUICK_S)
            proofs.append(proof)
            return f"{len(proof.proof)} bytes, {len(proof.l1_proof)} for L1; verified"

        if self.row(PROVES, "a proof that verifies, progress as it should be", prove):
            self.check_verify(request, proofs[0])
        for lie in (*_statement_lies(), *_request_lies()):
            self.row(lie.name, _names(lie.codes), lambda lie=lie: self.told(request, lie))  # type: ignore[misc]
        self.check_payee(client, request)
        self.check_transport(client, request)
        self.check_cancel(client, request)
        self.check_concurrency(client, request, proofs)

    def prepared(self, request: pb.PrepareRequest) -> pb.Prepared:
        prepared = _last(self.stub.Prepare(request, timeout=CALL_S), "prepared").prepared
        if not prepared.key_id:
            raise _Failed("a key id", "none")
        _check_figures(prepared.figures)
        return prepared

    def proved(self, request: pb.ProveRequest) -> pb.Proof:
        proof = _last(self.stub.Prove(request, timeout=CALL_S), "proof").proof
        _check_figures(proof.figures)
        return proof

    def check_prepare_refusals(self, case: Case) -> None:
        def refused(name: str, codes: Codes, program: bytes, slots: int) -> None:
            request = pb.PrepareRequest()
            request.CopyFrom(case.prepare)
            request.program, request.slots = program, slots

            def body() -> str:
                for update in self.stub.Prepare(request, timeout=QUICK_S):
                    kind = update.WhichOneof("update")
                    if kind == "refusal":
                        return _expect(codes, update.refusal)
                    if kind == "prepared":
                        raise _Failed(_names(codes), "keys")
                raise _Failed(_names(codes), "an end without keys or a refusal")

            self.row(name, _names(codes), body)

        # A type that runs the source answers that the program is not the source's.
        unknown = ENCODING | {_C.UNSUPPORTED, _C.WRONG_PROGRAM}
        program, slots = case.prepare.program, case.prepare.slots
        refused("prepare: garbage for a program", unknown, b"\xff" * 64, slots)
        refused("prepare: no program", unknown, b"", slots)
        refused("prepare: truncated program", unknown, program[:-1], slots)
        # Field 1 (the version) once more, as 1: the same program in other bytes.
        refused("prepare: program in other bytes", unknown, program + b"\x08\x01", slots)
        refused("prepare: program with an unknown field", unknown, program + b"\xf8\x3f\x01", slots)
        refused("prepare: unknown program version", unknown, program + b"\x08\x02", slots)
        refused("prepare: no slots", unknown, program, 0)

    def told(self, honest: pb.ProveRequest, lie: Lie) -> str:
        request = pb.ProveRequest()
        request.CopyFrom(honest)
        if not lie.tell(request):
            raise _Skipped("the case has nothing of the kind")
        for update in self.stub.Prove(request, timeout=CALL_S):
            kind = update.WhichOneof("update")
            if kind == "refusal":
                return _expect(lie.codes, update.refusal)
            if kind == "proof" and lie.may_prove:
                raise _Skipped(lie.may_prove)
            if kind == "proof":
                raise _Failed(_names(lie.codes), "a proof")
        raise _Failed(_names(lie.codes), "an end without a proof or a refusal")

    def check_payee(self, client: ProverClient, honest: pb.ProveRequest) -> None:
        def body() -> str:
            request = pb.ProveRequest()
            request.CopyFrom(honest)
            request.statement.payee = _flipped(honest.statement.payee)
            proof = client.prove(request, deadline_s=CALL_S).proof
            client.verify(request.statement, proof, deadline_s=QUICK_S)
            try:
                client.verify(honest.statement, proof, deadline_s=QUICK_S)
            except ProverRefused as refused:
                return _expect_code(OTHER_STATEMENT, refused.code)
            raise _Failed(_names(OTHER_STATEMENT), "accepted")

        self.row("payee: a proof for another", "proved; refused for this one", body)

    def check_verify(self, request: pb.ProveRequest, proof: pb.Proof) -> None:
        for lie in _proof_lies(len(proof.proof)):

            def body(lie: ProofLie = lie) -> str:
                offered = pb.VerifyRequest(statement=request.statement, proof=proof)
                lie.tell(offered)
                reply = self.stub.Verify(offered, timeout=QUICK_S)
                if reply.WhichOneof("verdict") != "refusal":
                    raise _Failed(_names(lie.codes), reply.WhichOneof("verdict") or "no verdict")
                return _expect(lie.codes, reply.refusal)

            self.row(lie.name, _names(lie.codes), body)

    def check_transport(self, client: ProverClient, request: pb.ProveRequest) -> None:
        def oversized() -> str:
            large = pb.ProveRequest()
            large.CopyFrom(request)
            large.journal = bytes(MAX_MESSAGE_BYTES)
            try:
                list(self.stub.Prove(large, timeout=QUICK_S))
            except grpc.RpcError as error:
                if _code(error) is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    return "RESOURCE_EXHAUSTED"
                raise
            raise _Failed("RESOURCE_EXHAUSTED", "an answer")

        self.row("transport: a message over 64 MiB", "RESOURCE_EXHAUSTED", oversized)
        for method in ("Prepare", "Prove", "Verify", "Describe"):
            for name, data in (("garbage", b"\xff" * 100), ("nothing", b"")):
                expected = "an error status or a refusal, and it goes on"

                def garbage(method: str = method, data: bytes = data) -> str:
                    call = self.channel.unary_stream(f"/{SERVICE}/{method}", bytes, bytes)
                    try:
                        answers = list(call(data, timeout=QUICK_S))
                        found = f"{len(answers)} answers"
                    except grpc.RpcError as error:
                        if _code(error) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                            raise
                        found = _code(error).name
                    client.describe(deadline_s=QUICK_S)
                    return found

                self.row(f"transport: {name} for {method}", expected, garbage)

    def check_cancel(self, client: ProverClient, request: pb.ProveRequest) -> None:
        expected = f"no work {CANCEL_S:g} s after the call was cancelled"

        def cancelled(at: float) -> str:
            server = _server_process(self.address)
            stream = self.stub.Prove(request, timeout=CALL_S)
            for update in stream:
                if update.WhichOneof("update") != "progress":
                    raise _Skipped("it was done before it could be cancelled")
                if update.progress.fraction >= at:
                    stream.cancel()
                    break
            if server is None:
                client.describe(deadline_s=CANCEL_S)
                raise _Skipped("its processor time cannot be seen from here; it still answers")
            time.sleep(CANCEL_S)
            before = _cpu_s(server)
            time.sleep(CANCEL_S)
            used = _cpu_s(server) - before
            if used > IDLE_CPU_S:
                raise _Failed(expected, f"{used:.2f} CPU s in the second after that")
            return f"{used:.2f} CPU s in the second after that"

        self.row("cancel: at the start", expected, lambda: cancelled(0.0))
        self.row("cancel: in the middle", expected, lambda: cancelled(0.5))

        def after() -> str:
            proof = client.prove(request, deadline_s=CALL_S).proof
            client.verify(request.statement, proof, deadline_s=QUICK_S)
            return "proved and verified"

        self.row("cancel: usable after", "a proof that verifies", after)

    def check_concurrency(
        self, client: ProverClient, request: pb.ProveRequest, proofs: Sequence[pb.Proof]
    ) -> None:
        def body() -> str:
            with ThreadPoolExecutor(4) as pool:
                proving = [pool.submit(client.prove, request, deadline_s=CALL_S) for _ in range(2)]
                others = [pool.submit(client.describe, deadline_s=QUICK_S)]
                for proof in proofs[:1]:
                    pool.submit(client.verify, request.statement, proof, deadline_s=QUICK_S).result()
                for other in others:
                    other.result()
                results = [running.result() for running in proving]
            for result in results:
                client.verify(request.statement, result.proof, deadline_s=QUICK_S)
            return "two proofs that verify; verify and describe answered meanwhile"

        self.row("concurrency: two proofs, verify and describe", "all answered well", body)


def _last(stream: Iterable[Update], wanted: str) -> Update:
    """The update wanted, once the stream has ended with it; progress before it as the page demands."""
    done, heard = 0.0, time.monotonic()
    last: Update | None = None
    for update in stream:
        now = time.monotonic()
        if last is not None:
            raise _Failed(f"the end after {wanted}", f"{update.WhichOneof('update')} after it")
        if now - heard > PROGRESS_GAP_S:
            raise _Failed("progress every second", f"{now - heard:.1f} s of silence")
        heard = now
        kind = update.WhichOneof("update")
        if kind == "refusal":
            raise _Failed(wanted, f"{RefusalCode.of(update.refusal).name}: {update.refusal.message}")
        if kind == "progress":
            fraction = update.progress.fraction
            if not (math.isfinite(fraction) and done <= fraction <= 1):
                raise _Failed(f"a fraction of {done:g} to 1", f"{fraction:g}")
            if not update.progress.stage:
                raise _Failed("progress with a stage", "none")
            done = fraction
        elif kind == wanted:
            last = update
        else:
            raise _Failed(wanted, "an empty update")
    if last is None:
        raise _Failed(wanted, "an end without it")
    return last


def _check_figures(figures: Mapping[str, float]) -> None:
    for name, value in figures.items():
        if not math.isfinite(value) or value < 0:
            raise _Failed(f"figure {name} to be finite and not negative", f"{value:g}")


def _names(codes: Codes) -> str:
    return " or ".join(code.name for code in sorted(codes))


def _expect(codes: Codes, refusal: pb.Refusal) -> str:
    if not refusal.message:
        raise _Failed("a refusal with a message for the user", "none")
    return _expect_code(codes, RefusalCode.of(refusal), refusal.message)


def _expect_code(codes: Codes, code: RefusalCode, message: str = "") -> str:
    if code not in codes:
        raise _Failed(_names(codes), f"{code.name}: {message}")
    return code.name


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    return error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN


def _status(error: grpc.RpcError) -> str:
    details = error.details() if isinstance(error, grpc.Call) else ""
    return f"{_code(error).name}: {details}"


def _server_process(address: str) -> psutil.Process | None:
    """The process that listens on a unix socket, by its credentials there (Linux); else None."""
    if sys.platform != "linux" or not address.startswith("unix:"):
        return None
    path = address.removeprefix("unix://").removeprefix("unix:")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    (pid, _, _) = struct.unpack("3i", credentials)
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _cpu_s(process: psutil.Process) -> float:
    """User and system seconds of a process and its children, those that have ended included."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def main() -> None:
    """Run the checks and print a line for each; status 0 if the prover passed, else 1."""
    parser = argparse.ArgumentParser(description="Check a prover against docs/prover.md.")
    parser.add_argument("address", help="unix:///path, or host:port with the three --tls files")
    parser.add_argument("--cases", type=Path, required=True, help="JSON file of valid batches")
    parser.add_argument("--tls-authority", type=Path)
    parser.add_argument("--tls-certificate", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--json", action="store_true", help="print the report as JSON at the end instead")
    arguments = parser.parse_args()
    files = arguments.tls_authority, arguments.tls_certificate, arguments.tls_key
    tls = Tls(*files) if all(files) else None

    def show(row: Row) -> None:
        line = f"{row.outcome:8}{row.check}" + (f" [{row.case}]" if row.case else "")
        print(
            line if row.outcome == "passed" else f"{line}: expected {row.expected}; found {row.found}",
            flush=True,
        )

    try:
        report = check(
            arguments.address, load_cases(arguments.cases), tls, on_row=None if arguments.json else show
        )
    except ValueError as error:
        parser.error(str(error))
    if arguments.json:
        print(report.model_dump_json(indent=1))
    else:
        counts = {
            kind: sum(row.outcome == kind for row in report.rows) for kind in ("passed", "failed", "skipped")
        }
        print(
            f"{report.proof_type} {report.version}: " + ", ".join(f"{n} {kind}" for kind, n in counts.items())
        )
    sys.exit(0 if report.passed else 1)


if __name__ == "__main__":
    main()
