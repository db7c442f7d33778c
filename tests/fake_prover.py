"""A small real prover of a toy proof type, with faults that can be switched on.

Run as ``python tests/fake_prover.py --listen unix:///path --cache DIR``. It serves the whole interface of
``docs/prover.md`` for one toy relation, so that clients, the supervisor and the conformance checks meet what
they would meet from a real one. In its environment, ``FAULT`` names one of ``FAULTS``, ``PROOF_TYPE`` is its
name, ``WORK_S`` the seconds of CPU that proving takes.

The toy relation, over SHA-256 as the "suite" ``toy``: the program is any with one map and one cell; a slot's
words are (kind, index, amount); its opening is the record's field with one sibling; a signature is a MAC of
the digest under a key that everyone knows; the journal is the slots' words, then the cell. A proof is a MAC
under the prover's key.
"""

# ruff: noqa: N802, ARG002, S606

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path

import grpc
from eth_utils import keccak
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from multiprover.program.v1 import program_pb2
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.prover.v1 import prover_pb2_grpc

LIMIT = 64 * 1024 * 1024
SERVICE = "multiprover.prover.v1.Prover"
FORMAT = 1
CANONICAL = 2**255
"""Digests of the toy suite are numbers below this, so that there are encodings to refuse."""

FAULTS = {
    # of the process
    "dies-at-start": "ends before it is ready",
    "never-ready": "never says that it is ready",
    "never-healthy": "its health check says NOT_SERVING",
    "ignores-sigterm": "does not end when asked to",
    "leaves-children": "starts processes of its own, one in a session of its own",
    "dies-in-prove": "its process ends in the middle of a proof",
    "segfaults-in-prove": "its process ends by a signal in the middle of a proof",
    "hogs-memory": "takes memory without end while it proves",
    "floods-log": "writes nonsense and long lines to its log",
    # of an answer
    "hangs": "says nothing more after its first progress",
    "never-answers": "goes on and on with its progress",
    "errors": "ends the call with an error status",
    "no-proof": "ends the call well, without a proof",
    "empty-update": "sends an update with nothing in it",
    "empty-proof": "sends a proof of no bytes",
    "no-l1-proof": "sends a proof without the form for L1",
    "oversized": "answers with more than 64 MiB",
    "garbage": "answers with bytes that are no message",
    "early": "sends a proof ahead of the one for L1: no fault",
    "two-early": "sends two of them",
    "early-for-l1": "sends one ahead with a form for L1",
    "early-empty": "sends one ahead of no bytes",
    "early-wrong": "sends one ahead that does not verify",
    "early-of-another": "sends one ahead of another post root",
    "wrong-type": "proves for another proof type",
    "wrong-key": "proves under another key",
    "wrong-statement": "proves another post root than the one asked for",
    "fewer-suites": "leaves out a suite",
    "progress-falls": "reports progress that falls, and more than all",
    "no-verdict": "answers verify without a verdict",
    "no-key-id": "prepares keys without an id",
    "insane-manifest": "claims more proven than conjectured bits, on no components",
    "other-manifest": "describes another proof type",
    # of soundness and manners, for the conformance checks
    "accepts-everything": "accepts every well-formed proof",
    "ignores-l1-proof": "does not look at the form for L1",
    "accepts-any-payee": "does not look at the payee",
    "ignores-signatures": "does not check signatures",
    "ignores-openings": "does not check openings",
    "trusts-journal": "takes the journal of the request for its own",
    "ignores-cancel": "works on after a call was cancelled",
    "forgets-keys": "makes new keys at every prepare",
    "refuses-without-code": "gives no code with a refusal",
    "dies-of-garbage": "ends when a request cannot be decoded",
}


class Refused(Exception):
    def __init__(
        self, code: str, message: str, expected: str = "", found: str = "", slot: int | None = None
    ) -> None:
        super().__init__(message)
        number = 0 if fault("refuses-without-code") else pb.Refusal.Code.Value(f"CODE_{code}")
        self.refusal = pb.Refusal(
            code=number,
            message=message,
            expected=expected,
            found=found,
            slot=slot,  # type: ignore[arg-type]
        )


def fault(name: str) -> bool:
    assert name in FAULTS
    return os.environ.get("FAULT") == name


EARLY = "early" in os.environ.get("FAULT", "").split("-")
"""Whether it sends a proof ahead of the one for L1."""

# --- the toy relation --------------------------------------------------------------------------------


def digest(*parts: bytes) -> bytes:
    """A canonical digest: a number below 2^255."""
    value = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    return (int.from_bytes(value, "big") % CANONICAL).to_bytes(32, "big")


def map_root(index: int, fields: bytes, siblings: bytes) -> bytes:
    return digest(b"map", index.to_bytes(4, "big"), fields, siblings)


def state_root(cells: bytes, root: bytes) -> bytes:
    return digest(b"state", cells, root)


def signature(domain: bytes, words: bytes) -> bytes:
    return digest(b"signature", domain, words)


def challenge(domain: bytes, claim: bytes, commitment: bytes) -> bytes:
    return digest(b"challenge", domain, claim, commitment)


def evaluation(journal: bytes, z: bytes) -> bytes:
    return digest(b"evaluation", journal, z)


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]


def apply_slot(cell: int, root: bytes, slot: pb.Slot, domain: bytes, position: int) -> tuple[int, bytes]:
    """The cell and the map's root after a slot.

    Raises:
        Refused: a bad opening, a bad signature, or an amount of 0.
    """
    if len(slot.words) != 12 or len(slot.openings) != 1 or len(slot.authorizations) != 1:
        raise Refused("MALFORMED", "expected 3 words, 1 opening, 1 authorization", slot=position)
    kind, index, amount = words(slot.words)
    if kind == 0:
        return cell, root
    opening, authorization = slot.openings[0], slot.authorizations[0]
    if len(opening.suites) != 1 or len(opening.suites[0].siblings) != 32 or len(opening.fields) != 4:
        raise Refused("MALFORMED", "expected an opening of one suite, sibling and field", slot=position)
    found = map_root(index, opening.fields, opening.suites[0].siblings)
    if found != root and not fault("ignores-openings"):
        raise Refused(
            "BAD_OPENING", "the opening does not lead to the map's root", root.hex(), found.hex(), position
        )
    expected = signature(domain, slot.words)
    if list(authorization.signatures) != [expected] and not fault("ignores-signatures"):
        raise Refused("BAD_SIGNATURE", "the signature does not verify", slot=position)
    if amount == 0:
        raise Refused("REFUSED_TRANSACTION", "expected an amount above 0, found 0", slot=position)
    balance = words(opening.fields)[0] + amount
    return cell + amount, map_root(index, balance.to_bytes(4, "big"), opening.suites[0].siblings)


def program(name: str = "toy") -> bytes:
    """Canonical bytes of the toy program."""
    made = program_pb2.Program(
        version=1, name=name, suites=["toy"], input_words=3, output_words=0, authorizations=1
    )
    made.cells.add(name="supply", lo=0, hi=2**32 - 1)
    made.maps.add(name="balances", depth=1).fields.add(name="balance", lo=0, hi=2**32 - 1)
    made.ports.add(map=0)
    return made.SerializeToString(deterministic=True)


def honest_request(
    slots: int = 2, *, domain: bytes = b"\x01" * 32, payee: bytes = b"\x02" * 20, parent: bytes = b"\x03" * 32
) -> pb.ProveRequest:
    """A request that is right in all but ``key_id``, which is prepare's to give."""
    cell, sibling, fields = 7, b"\x05" * 32, (7).to_bytes(4, "big")
    root = map_root(1, fields, sibling)
    pre_state = pb.PreState(cells=cell.to_bytes(4, "big"), suites=[pb.SuitePreState(map_roots=[root])])
    pre_root = state_root(pre_state.cells, root)
    made = []
    for number in range(slots):
        data = b"".join(w.to_bytes(4, "big") for w in (1, 1, 10 + number))
        slot = pb.Slot(
            words=data,
            openings=[pb.Opening(fields=fields, suites=[pb.SuiteOpening(siblings=sibling)])],
            authorizations=[pb.Authorization(signatures=[signature(domain, data)])],
        )
        cell, root = apply_slot(cell, root, slot, domain, number)
        fields = (words(fields)[0] + 10 + number).to_bytes(4, "big")
        made.append(slot)
    journal = b"".join(slot.words for slot in made) + cell.to_bytes(4, "big")
    claim = keccak(parent + keccak(journal))
    commitment = digest(b"journal", journal)
    z = challenge(domain, claim, commitment)
    suite = pb.SuiteStatement(
        suite="toy",
        pre_root=pre_root,
        post_root=state_root(cell.to_bytes(4, "big"), root),
        commitment=commitment,
        challenge=z,
        evaluation=evaluation(journal, z),
    )
    statement = pb.Statement(
        program_id=keccak(program()),
        slots=slots,
        domain=domain,
        parent_claim=parent,
        claim=claim,
        payee=payee,
        suites=[suite],
    )
    return pb.ProveRequest(statement=statement, journal=journal, pre_state=pre_state, slots=made)


# --- the prover --------------------------------------------------------------------------------------


class Keys:
    """A key a program and batch size, kept in the cache folder with its hash."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.lock = threading.Lock()

    def prepare(self, program_id: bytes, slots: int) -> tuple[bytes, bool]:
        with self.lock:
            name = digest(b"key", program_id, slots.to_bytes(4, "big")).hex()
            path, stored_hash = self.cache / name, self.cache / f"{name}.sha256"
            if path.exists() and not fault("forgets-keys"):
                key = path.read_bytes()
                if hashlib.sha256(key).hexdigest() != stored_hash.read_text():
                    raise Refused("CORRUPT_KEYS", f"{path} does not have the hash stored beside it")
                return self.key_id(key), True
            key = json.dumps([program_id.hex(), slots, os.urandom(32).hex()]).encode()
            path.write_bytes(key)
            stored_hash.write_text(hashlib.sha256(key).hexdigest())
            return self.key_id(key), False

    @staticmethod
    def key_id(key: bytes) -> bytes:
        return hashlib.sha256(b"id" + key).digest()

    def find(self, key_id: bytes, statement: pb.Statement) -> bytes:
        with self.lock:
            for path in sorted(self.cache.glob("*.sha256")):
                key = path.with_suffix("").read_bytes()
                if self.key_id(key) == key_id:
                    program_id, slots, _ = json.loads(key)
                    if (program_id, slots) != (statement.program_id.hex(), statement.slots):
                        raise Refused(
                            "WRONG_PROGRAM",
                            "the keys are another program's or batch size's",
                            f"{statement.program_id.hex()} with {statement.slots} slots",
                            f"{program_id} with {slots} slots",
                        )
                    return key
        raise Refused("NOT_PREPARED", f"no keys with id {key_id.hex()}: call prepare")


def check_encoding(statement: pb.Statement) -> None:
    lengths = {"program_id": 32, "domain": 32, "parent_claim": 32, "claim": 32, "payee": 20}
    for name, length in lengths.items():
        found = len(getattr(statement, name))
        if found != length:
            raise Refused("MALFORMED", f"{name} has the wrong length", f"{length} bytes", f"{found} bytes")
    if [s.suite for s in statement.suites] != ["toy"]:
        raise Refused("UNSUPPORTED", "the suites are not those of this proof type", "toy")
    for name in ("pre_root", "post_root", "commitment", "challenge", "evaluation"):
        value = getattr(statement.suites[0], name)
        if len(value) != 32:
            raise Refused("MALFORMED", f"{name} has the wrong length", "32 bytes", f"{len(value)} bytes")
        if int.from_bytes(value, "big") >= CANONICAL:
            raise Refused("NON_CANONICAL", f"{name} is not below 2^255", found=value.hex())


def check_challenge(statement: pb.Statement) -> None:
    suite = statement.suites[0]
    z = challenge(statement.domain, statement.claim, suite.commitment)
    if z != suite.challenge:
        raise Refused("WRONG_STATEMENT", "challenge", suite.challenge.hex(), z.hex())


def compute(request: pb.ProveRequest) -> pb.SuiteStatement:
    """What this prover finds for itself, or the first difference from the statement."""
    statement = request.statement
    suite = statement.suites[0]
    if len(request.slots) != statement.slots:
        raise Refused("WRONG_PROGRAM", "slots", str(statement.slots), str(len(request.slots)))
    if len(request.pre_state.suites) != 1 or len(request.pre_state.suites[0].map_roots) != 1:
        raise Refused("MALFORMED", "expected the map roots of one suite")
    if len(request.pre_state.cells) != 4:
        raise Refused("MALFORMED", "expected 4 bytes of cells")
    root = request.pre_state.suites[0].map_roots[0]
    pre_root = state_root(request.pre_state.cells, root)
    if pre_root != suite.pre_root:
        raise Refused("BAD_OPENING", "pre root", suite.pre_root.hex(), pre_root.hex())
    cell = words(request.pre_state.cells)[0]
    for position, slot in enumerate(request.slots):
        cell, root = apply_slot(cell, root, slot, statement.domain, position)
    journal = b"".join(slot.words for slot in request.slots) + cell.to_bytes(4, "big")
    if fault("trusts-journal"):
        journal = request.journal
    if journal != request.journal:
        raise Refused("JOURNAL_MISMATCH", "journal", request.journal.hex(), journal.hex())
    claim = keccak(statement.parent_claim + keccak(journal))
    if claim != statement.claim and not fault("trusts-journal"):
        raise Refused("JOURNAL_MISMATCH", "claim", statement.claim.hex(), claim.hex())
    computed = pb.SuiteStatement(
        suite="toy", pre_root=pre_root, post_root=state_root(cell.to_bytes(4, "big"), root)
    )
    if computed.post_root != suite.post_root:
        raise Refused("ROOT_MISMATCH", "post root", suite.post_root.hex(), computed.post_root.hex())
    computed.commitment = digest(b"journal", journal)
    if computed.commitment != suite.commitment and not fault("trusts-journal"):
        raise Refused("JOURNAL_MISMATCH", "commitment", suite.commitment.hex(), computed.commitment.hex())
    check_challenge(statement)
    computed.challenge = suite.challenge
    computed.evaluation = evaluation(journal, suite.challenge)
    if computed.evaluation != suite.evaluation and not fault("trusts-journal"):
        raise Refused("WRONG_STATEMENT", "evaluation", suite.evaluation.hex(), computed.evaluation.hex())
    if fault("trusts-journal"):
        computed.CopyFrom(suite)
    return computed


def seal(key: bytes, statement: pb.Statement, *, early: bool = False) -> bytes:
    """The toy proof: only who has the key can make it; it binds what a proof binds. An early one differs."""
    bound = pb.Statement()
    bound.CopyFrom(statement)
    bound.parent_claim = b""  # bound by the claim
    if fault("accepts-any-payee"):
        bound.payee = b""
    return hmac.digest(key, bytes([early]) + bound.SerializeToString(deterministic=True), "sha256")


class Fake(prover_pb2_grpc.ProverServicer):
    def __init__(self, cache: Path) -> None:
        self.proof_type = os.environ.get("PROOF_TYPE", "fake")
        self.keys = Keys(cache)

    def Describe(self, request: pb.DescribeRequest, context: grpc.ServicerContext) -> pb.Manifest:
        insane = fault("insane-manifest")
        return pb.Manifest(
            proof_type="other" if fault("other-manifest") else self.proof_type,
            version="1",
            format_version=FORMAT,
            suites=["toy"],
            components=[]
            if insane
            else [pb.Component(layer="hash", id="sha256"), pb.Component(layer="lowering", id="fake")],
            security=[
                pb.SecurityTerm(
                    name="MAC", proven_bits=200 if insane else 100, conjectured_bits=128, source="toy"
                )
            ],
            warnings=["a toy: proves nothing"],
            simulated=True,
        )

    def Prepare(
        self, request: pb.PrepareRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.PrepareUpdate]:
        yield pb.PrepareUpdate(progress=pb.Progress(stage="setup", fraction=0.5))
        try:
            if not 1 <= request.slots <= 1024:
                raise Refused("UNSUPPORTED", "slots", "1 to 1024", str(request.slots))
            self.check_program(request.program)
            key_id, cached = self.keys.prepare(keccak(request.program), request.slots)
        except Refused as refused:
            yield pb.PrepareUpdate(refusal=refused.refusal)
            return
        if fault("no-key-id"):
            key_id = b""
        yield pb.PrepareUpdate(
            prepared=pb.Prepared(
                key_id=key_id, cached=cached, artefacts={"key": key_id}, figures={"constraints": 0}
            )
        )

    @staticmethod
    def check_program(data: bytes) -> None:
        try:
            decoded = program_pb2.Program.FromString(data)
        except DecodeError as error:
            raise Refused("MALFORMED", "the program cannot be decoded") from error
        decoded.DiscardUnknownFields()
        if decoded.SerializeToString(deterministic=True) != data:
            raise Refused("NON_CANONICAL", "the program is not in its one encoding")
        if decoded.version != 1:
            raise Refused("UNSUPPORTED", "program version", "1", str(decoded.version))
        if len(decoded.maps) != 1 or len(decoded.cells) != 1:
            raise Refused("UNSUPPORTED", "the toy has one map and one cell")

    def Prove(self, request: pb.ProveRequest, context: grpc.ServicerContext) -> Iterator[pb.ProveUpdate]:
        try:
            yield from self.prove(request, context)
        except Refused as refused:
            yield pb.ProveUpdate(refusal=refused.refusal)

    def prove(self, request: pb.ProveRequest, context: grpc.ServicerContext) -> Iterator[pb.ProveUpdate]:
        statement = request.statement
        check_encoding(statement)
        key = self.keys.find(request.key_id, statement)
        computed = compute(request)
        finished = busy_after_cancel(context)
        yield pb.ProveUpdate(progress=pb.Progress(stage="witness", fraction=0.1))
        yield from misbehave(context)
        seconds = float(os.environ.get("WORK_S", "0"))
        yield from work(seconds, context)
        if context.is_active():
            finished.set()
        if not context.is_active():
            return
        proved = pb.Statement()
        proved.CopyFrom(statement)
        proved.suites[0].CopyFrom(computed)
        proof = pb.Proof(
            proof_type="other" if fault("wrong-type") else self.proof_type,
            format_version=FORMAT,
            key_id=b"\x00" * 32 if fault("wrong-key") else request.key_id,
            proof=b"" if fault("empty-proof") else seal(key, proved),
            l1_proof=b"" if fault("no-l1-proof") else seal(key, proved),
            suites=[] if fault("fewer-suites") else [computed],
            figures={"prove_cpu_s": time.process_time()},
        )
        if EARLY:
            early = pb.Proof()
            early.CopyFrom(proof)
            early.proof = b"" if fault("early-empty") else seal(key, proved, early=not fault("early-wrong"))
            early.l1_proof = proof.l1_proof if fault("early-for-l1") else b""
            if fault("early-of-another"):
                early.suites[0].post_root = digest(b"another")
            yield from [pb.ProveUpdate(early=early)] * (2 if fault("two-early") else 1)
        if fault("wrong-statement"):
            proof.suites[0].post_root = digest(b"another")
        if fault("no-proof"):
            return
        yield pb.ProveUpdate() if fault("empty-update") else pb.ProveUpdate(proof=proof)

    def Verify(self, request: pb.VerifyRequest, context: grpc.ServicerContext) -> pb.VerifyResponse:
        if fault("no-verdict"):
            return pb.VerifyResponse()
        try:
            self.verify(request.statement, request.proof)
        except Refused as refused:
            return pb.VerifyResponse(refusal=refused.refusal)
        return pb.VerifyResponse(accepted=pb.Accepted())

    def verify(self, statement: pb.Statement, proof: pb.Proof) -> None:
        check_encoding(statement)
        if proof.proof_type != self.proof_type:
            raise Refused("UNSUPPORTED", "proof type", self.proof_type, proof.proof_type)
        if proof.format_version != FORMAT:
            raise Refused("UNSUPPORTED", "format version", str(FORMAT), str(proof.format_version))
        if len(proof.proof) != 32:
            raise Refused("MALFORMED", "proof", "32 bytes", f"{len(proof.proof)} bytes")
        if fault("accepts-everything"):
            return
        if list(proof.suites) != list(statement.suites):
            raise Refused("WRONG_STATEMENT", "the proof's suites are not the statement's")
        check_challenge(statement)
        early = EARLY and not proof.l1_proof
        expected = seal(self.keys.find(proof.key_id, statement), statement, early=early)
        if not hmac.compare_digest(proof.proof, expected):
            raise Refused("INVALID_PROOF", "the proof does not verify")
        if early:
            return
        if proof.l1_proof != proof.proof and not fault("ignores-l1-proof"):
            raise Refused("NON_CANONICAL", "the L1 form of a proof is the proof")


def misbehave(context: grpc.ServicerContext) -> Iterator[pb.ProveUpdate]:
    """The faults in the middle of a proof."""
    if fault("dies-in-prove"):
        os._exit(3)
    if fault("segfaults-in-prove"):
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(60)
    if fault("errors"):
        context.abort(grpc.StatusCode.INTERNAL, "the toy broke")
    if fault("hangs"):
        while context.is_active():
            time.sleep(0.02)
    if fault("oversized"):
        yield pb.ProveUpdate(proof=pb.Proof(proof=bytes(LIMIT + 1)))
    if fault("progress-falls"):
        for fraction in (0.5, 0.2, 7.0, -1.0, float("nan")):
            yield pb.ProveUpdate(progress=pb.Progress(stage="prove", fraction=fraction))
    if fault("hogs-memory"):
        taken = []
        while context.is_active():
            taken.append(b"\x01" * (20 << 20))
            yield pb.ProveUpdate(progress=pb.Progress(stage="prove", fraction=0.2))
            time.sleep(0.02)
    while fault("never-answers") and context.is_active():
        yield pb.ProveUpdate(progress=pb.Progress(stage="prove", fraction=0.2))
        time.sleep(0.02)


def burn(seconds: float, goes_on: Callable[[], bool]) -> Iterator[float]:
    """Burn CPU seconds, telling the fraction done."""
    start = time.thread_time()
    while (done := time.thread_time() - start) < seconds and goes_on():
        yield done / seconds
        for _ in range(100):
            hashlib.sha256(bytes(10_000)).digest()


def progress_of(done: float) -> pb.ProveUpdate:
    return pb.ProveUpdate(progress=pb.Progress(stage="prove", fraction=0.1 + 0.8 * done))


def work(seconds: float, context: grpc.ServicerContext) -> Iterator[pb.ProveUpdate]:
    yield from map(progress_of, burn(seconds, context.is_active))


def busy_after_cancel(context: grpc.ServicerContext) -> threading.Event:
    """The fault of a prover that hears of no cancellation: 4 CPU seconds of work unless the event is set."""
    finished = threading.Event()

    def ended() -> None:
        if fault("ignores-cancel") and not finished.is_set():
            for _ in burn(4.0, lambda: True):
                pass

    context.add_callback(ended)
    return finished


def raw_handlers(inner: Fake) -> grpc.GenericRpcHandler:
    """The service with Prove's requests and answers as raw bytes, for faults below the level of messages."""

    def prove(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        if fault("garbage"):
            yield b"\xff" * 100
            return
        try:
            decoded = pb.ProveRequest.FromString(request)
        except DecodeError:
            os._exit(4)
        for update in inner.Prove(decoded, context):
            yield update.SerializeToString()

    raw: Callable[[bytes], bytes] = bytes
    handlers = {
        "Describe": grpc.unary_unary_rpc_method_handler(
            inner.Describe, pb.DescribeRequest.FromString, pb.Manifest.SerializeToString
        ),
        "Prepare": grpc.unary_stream_rpc_method_handler(
            inner.Prepare, pb.PrepareRequest.FromString, pb.PrepareUpdate.SerializeToString
        ),
        "Prove": grpc.unary_stream_rpc_method_handler(prove, raw, raw),
        "Verify": grpc.unary_unary_rpc_method_handler(
            inner.Verify, pb.VerifyRequest.FromString, pb.VerifyResponse.SerializeToString
        ),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--cache", required=True, type=Path)
    parser.add_argument("--tls", type=Path, help="folder with ca.pem, server.pem, server.key")
    arguments = parser.parse_args()
    if fault("dies-at-start"):
        print(json.dumps({"level": "error", "msg": "the toy has no luck", "answer": 42}), file=sys.stderr)
        sys.exit(5)
    if fault("floods-log"):
        print("\x00nonsense\n" + "{" * 300_000 + "\n" + "[" * 60_000, file=sys.stderr)
        print(json.dumps({"level": 7, "msg": ["no", "text"], "self": 1, "event": 2}), file=sys.stderr)
    options = [("grpc.max_receive_message_length", LIMIT), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
    fake = Fake(arguments.cache)
    if fault("garbage") or fault("dies-of-garbage"):
        server.add_generic_rpc_handlers((raw_handlers(fake),))
    else:
        prover_pb2_grpc.add_ProverServicer_to_server(fake, server)
    status = health.HealthServicer()
    serving = health_pb2.HealthCheckResponse
    status.set(SERVICE, serving.NOT_SERVING if fault("never-healthy") else serving.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    if arguments.tls:
        pair = (arguments.tls / "server.key").read_bytes(), (arguments.tls / "server.pem").read_bytes()
        authority = (arguments.tls / "ca.pem").read_bytes()
        credentials = grpc.ssl_server_credentials([pair], authority, require_client_auth=True)
        port = server.add_secure_port(arguments.listen, credentials)
        print(f"port {port}", flush=True)
    else:
        server.add_insecure_port(arguments.listen)
    server.start()
    if fault("leaves-children"):
        # A child, and one that has left the process group and the session.
        os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", "setsid sleep 987654 & exec sleep 987654")
    ended = threading.Event()
    signal.signal(signal.SIGTERM, (lambda *_: None) if fault("ignores-sigterm") else (lambda *_: ended.set()))
    print(
        json.dumps({"level": "info", "msg": "listening", "address": arguments.listen}),
        file=sys.stderr,
        flush=True,
    )
    if not fault("never-ready"):
        print("ready", flush=True)
    while not ended.wait(0.1):
        pass
    server.stop(0)


if __name__ == "__main__":
    main()
