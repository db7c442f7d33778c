"""The checks themselves, run against an address."""

from __future__ import annotations

import contextlib
import math
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import grpc
import psutil
from pydantic import BaseModel, ConfigDict

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
from multiprover.provers.conformance.cases import Case
from multiprover.provers.conformance.lies import (
    ENCODING,
    OTHER_STATEMENT,
    Codes,
    Lie,
    ProofLie,
    flipped,
    proof_lies,
    request_lies,
    statement_lies,
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
        ahead: list[pb.Proof] = []

        def prove() -> str:
            proof = self.proved(request, ahead)
            check_proof(manifest.proof_type, request, proof)
            if proof.format_version != manifest.format_version:
                raise _Failed(f"format version {manifest.format_version}", str(proof.format_version))
            client.verify(request.statement, proof, deadline_s=QUICK_S)
            proofs.append(proof)
            return f"{len(proof.proof)} bytes, {len(proof.l1_proof)} for L1; verified"

        if self.row(PROVES, "a proof that verifies, progress as it should be", prove):
            self.check_verify(request, proofs[0])
        if ahead:
            self.check_early(client, request, ahead)
        for lie in (*statement_lies(), *request_lies()):
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

    def proved(self, request: pb.ProveRequest, ahead: list[pb.Proof]) -> pb.Proof:
        """The proof; what came ahead of it is added to ``ahead``."""
        proof = _last(self.stub.Prove(request, timeout=CALL_S), "proof", ahead).proof
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
        unknown = ENCODING | {RefusalCode.UNSUPPORTED, RefusalCode.WRONG_PROGRAM}
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
            request.statement.payee = flipped(honest.statement.payee)
            proof = client.prove(request, deadline_s=CALL_S).proof
            client.verify(request.statement, proof, deadline_s=QUICK_S)
            try:
                client.verify(honest.statement, proof, deadline_s=QUICK_S)
            except ProverRefused as refused:
                return _expect_code(OTHER_STATEMENT, refused.code)
            raise _Failed(_names(OTHER_STATEMENT), "accepted")

        self.row("payee: a proof for another", "proved; refused for this one", body)

    def check_early(self, client: ProverClient, request: pb.ProveRequest, ahead: list[pb.Proof]) -> None:
        def body() -> str:
            if len(ahead) > 1:
                raise _Failed("one", f"{len(ahead)}")
            check_proof(client.proof_type, request, ahead[0], early=True)
            client.verify(request.statement, ahead[0], deadline_s=QUICK_S)
            return f"{len(ahead[0].proof)} bytes; verified"

        if self.row("prove: early proof", "one that verifies, without a form for L1", body):
            self.check_verify(request, ahead[0], "early ")

    def check_verify(self, request: pb.ProveRequest, proof: pb.Proof, which: str = "") -> None:
        for lie in proof_lies(len(proof.proof), for_l1=bool(proof.l1_proof)):

            def body(lie: ProofLie = lie) -> str:
                offered = pb.VerifyRequest(statement=request.statement, proof=proof)
                lie.tell(offered)
                reply = self.stub.Verify(offered, timeout=QUICK_S)
                if reply.WhichOneof("verdict") != "refusal":
                    raise _Failed(_names(lie.codes), reply.WhichOneof("verdict") or "no verdict")
                return _expect(lie.codes, reply.refusal)

            self.row(which + lie.name, _names(lie.codes), body)

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


def _last(stream: Iterable[Update], wanted: str, ahead: list[pb.Proof] | None = None) -> Update:
    """The update wanted, once the stream has ended with it; progress before it as the page demands, and what
    comes early is put into ``ahead``.
    """
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
        elif kind == "early" and isinstance(update, pb.ProveUpdate) and ahead is not None:
            ahead.append(update.early)
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
