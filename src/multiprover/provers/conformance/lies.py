"""The lies that a prover has to refuse: one change of a valid request or proof each, with codes that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.errors import RefusalCode

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


def flipped(value: bytes) -> bytes:
    """Another value, canonical in practice: the last byte has another lowest bit; for no bytes, a byte."""
    return value[:-1] + bytes([value[-1] ^ 1]) if value else b"\x01"


def _flip(attribute: str) -> Callable[[pb.ProveRequest], bool]:
    def tell(request: pb.ProveRequest) -> bool:
        setattr(request.statement, attribute, flipped(getattr(request.statement, attribute)))
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


def statement_lies() -> Iterator[Lie]:
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
        yield Lie(f"statement: another {name}", codes | ENCODING, _in_suite(name, flipped))
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


def request_lies() -> Iterator[Lie]:
    yield Lie("journal: a bit", OTHER_JOURNAL, _journal_bit)
    yield Lie("journal: a word more", OTHER_JOURNAL | ENCODING, _journal_longer)
    yield Lie("journal: empty", OTHER_JOURNAL | ENCODING, _journal_empty)
    yield Lie("pre-state: another cell", OTHER_STATE | OTHER_JOURNAL | ENCODING, _cell)
    yield Lie("pre-state: another map root", OTHER_STATE | ENCODING, _map_root)
    yield Lie("pre-state: a suite missing", OTHER_STATE | ENCODING, _pre_state_missing)
    yield Lie("opening: another field", OTHER_STATE | ENCODING | {_C.REFUSED_TRANSACTION}, _opened_field)
    yield Lie("opening: another sibling", OTHER_STATE | ENCODING, _sibling(flipped))
    yield Lie("opening: a sibling missing", OTHER_STATE | ENCODING, _sibling(lambda _: b""))
    yield Lie("opening: missing", OTHER_STATE | ENCODING, _opening_missing)
    yield Lie("signature: a bit", OTHER_SIGNATURE, _signature(flipped))
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
    yield Lie("key: another id", OTHER_PROGRAM, _key_id(flipped))
    yield Lie("key: no id", OTHER_PROGRAM | ENCODING, _key_id(lambda _: b""))


def _journal_bit(request: pb.ProveRequest) -> bool:
    request.journal = flipped(request.journal)
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
    request.pre_state.cells = flipped(request.pre_state.cells)
    return True


def _map_root(request: pb.ProveRequest) -> bool:
    found = False
    for suite in request.pre_state.suites:
        if suite.map_roots:
            suite.map_roots[0] = flipped(suite.map_roots[0])
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
    opening.fields = flipped(opening.fields)
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


def proof_lies(proof_bytes: int, *, for_l1: bool = True) -> Iterator[ProofLie]:
    """The lies about a proof of so many bytes; ``for_l1``: it has a form for L1."""

    def on_statement(change: Callable[[pb.Statement], None]) -> Callable[[pb.VerifyRequest], None]:
        return lambda request: change(request.statement)

    def on_proof(change: Callable[[pb.Proof], None]) -> Callable[[pb.VerifyRequest], None]:
        return lambda request: change(request.proof)

    def flip(attribute: str) -> Callable[[pb.Statement], None]:
        return lambda statement: setattr(statement, attribute, flipped(getattr(statement, attribute)))

    def put(value: Callable[[bytes], bytes]) -> Callable[[pb.Proof], None]:
        def change(proof: pb.Proof) -> None:
            proof.proof = value(proof.proof)

        return change

    def put_l1(value: Callable[[bytes], bytes]) -> Callable[[pb.Proof], None]:
        def change(proof: pb.Proof) -> None:
            proof.l1_proof = value(proof.l1_proof)

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
                setattr(suite, name, flipped(getattr(suite, name)))

        yield ProofLie(f"verify: another {name}", codes, on_statement(in_statement))
    for name in ("pre_root", "post_root"):

        def in_both(request: pb.VerifyRequest, name: str = name) -> None:
            for suite in (*request.statement.suites, *request.proof.suites):
                setattr(suite, name, flipped(getattr(suite, name)))

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

    # What is sent to L1 is what was verified.
    if for_l1:
        for name, change in (
            ("no proof for L1", lambda _: b""),
            ("proof for L1 truncated", lambda l1: l1[:-1]),
        ):
            yield ProofLie(f"verify: {name}", OTHER_PROOF, on_proof(put_l1(change)))
    yield ProofLie("verify: a bit of the proof for L1", OTHER_PROOF, on_proof(put_l1(flipped)))
    yield ProofLie(
        "verify: proof for L1 with a byte more", OTHER_PROOF, on_proof(put_l1(lambda data: data + b"\x00"))
    )

    def other_type(proof: pb.Proof) -> None:
        proof.proof_type += "-unknown"

    def other_format(proof: pb.Proof) -> None:
        proof.format_version += 1

    def other_key(proof: pb.Proof) -> None:
        proof.key_id = flipped(proof.key_id)

    wrong_kind = _codes(_C.UNSUPPORTED, _C.WRONG_STATEMENT, _C.INVALID_PROOF) | ENCODING
    yield ProofLie("verify: another proof type", wrong_kind, on_proof(other_type))
    yield ProofLie("verify: another format version", wrong_kind, on_proof(other_format))
    yield ProofLie("verify: another key id", OTHER_PROGRAM | OTHER_PROOF, on_proof(other_key))
