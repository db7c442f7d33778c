"""Calling a prover: synchronous, cancellable, with every outcome a type.

What a prover must do is in ``docs/prover.md``. The client trusts nothing that it answers: a proof of another
type, key or statement, an empty one, or a call that ends with neither proof nor refusal is an error.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.prover.v1 import prover_pb2_grpc
from multiprover.provers.errors import (
    MalformedAnswer,
    MessageTooLarge,
    ProverAnsweredNothing,
    ProverCancelled,
    ProverCrashed,
    ProverError,
    ProverHung,
    ProverRefused,
    ProverTimedOut,
    WrongAnswer,
)
from multiprover.provers.manifest import Manifest

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
SERVICE = "multiprover.prover.v1.Prover"
Update = TypeVar("Update", pb.PrepareUpdate, pb.ProveUpdate)
Update_co = TypeVar("Update_co", pb.PrepareUpdate, pb.ProveUpdate, covariant=True)
POLL_S = 0.02
"""How often a running call looks whether it was cancelled or stalls."""

ProgressCallback = Callable[[str, float], None]
"""Called in the caller's thread with the stage and the fraction of the whole call, 0 to 1, never falling."""

EarlyCallback = Callable[[pb.Proof], None]
"""Called in the caller's thread with the proof that comes ahead of the one for L1."""


@dataclass(frozen=True)
class Tls:
    """Mutual TLS with a remote prover, as PEM files: its certificate's authority, and our own pair."""

    authority: Path
    certificate: Path
    key: Path

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            root_certificates=self.authority.read_bytes(),
            private_key=self.key.read_bytes(),
            certificate_chain=self.certificate.read_bytes(),
        )


@dataclass(frozen=True)
class Usage:
    """What a call cost on this machine, all processes: CPU seconds (user and system), peak resident MiB."""

    cpu_s: float
    peak_rss_mib: float


@dataclass(frozen=True)
class ProveResult:
    """A proof, not yet verified, and what it cost where the prover runs under a supervisor here."""

    proof: pb.Proof
    usage: Usage | None


class Prover(Protocol):
    """A prover to call, remote or supervised. The errors are those of :class:`ProverClient`."""

    @property
    def proof_type(self) -> str: ...

    def describe(self) -> Manifest: ...

    def prepare(
        self,
        request: pb.PrepareRequest,
        *,
        batch: str | None = None,
        progress: ProgressCallback | None = None,
        deadline_s: float | None = None,
        cancel: threading.Event | None = None,
    ) -> pb.Prepared: ...

    def prove(
        self,
        request: pb.ProveRequest,
        *,
        batch: str | None = None,
        progress: ProgressCallback | None = None,
        deadline_s: float | None = None,
        cancel: threading.Event | None = None,
        early: EarlyCallback | None = None,
    ) -> ProveResult: ...

    def verify(
        self, statement: pb.Statement, proof: pb.Proof, *, batch: str | None = None, deadline_s: float = 60.0
    ) -> None: ...

    def close(self) -> None: ...


def open_channel(address: str, tls: Tls | None = None, *, limit: int = MAX_MESSAGE_BYTES) -> grpc.Channel:
    """A channel to ``unix:///path`` or, with ``tls``, to ``host:port``; messages to ``limit`` bytes, -1: any.

    Raises:
        ValueError: a remote address without certificates, or certificates with a unix socket.
    """
    options: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", limit),
        ("grpc.max_receive_message_length", limit),
        # A call that failed is the caller's to repeat: no proof is silently computed twice.
        ("grpc.enable_retries", 0),
        # A restarted prover has the same address: no back-off of an earlier channel may reach it.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if address.startswith("unix:"):
        if tls is not None:
            raise ValueError(f"{address}: a unix socket takes no certificates")
        return grpc.insecure_channel(address, options=[*options, ("grpc.default_authority", "localhost")])
    if tls is None:
        raise ValueError(
            f"{address}: a remote prover needs certificates (mutual TLS); give authority, certificate, key"
        )
    return grpc.secure_channel(address, tls.credentials(), options=options)


def check_proof(
    proof_type: str,
    request: pb.ProveRequest,
    proof: pb.Proof,
    batch: str | None = None,
    *,
    early: bool = False,
) -> None:
    """Return if a proof answers a request: of the type, for its key and its statement, and not empty.

    Whether it is valid is for :meth:`ProverClient.verify`.

    Args:
        early: it is the one ahead of the proof for L1, which has no ``l1_proof``.

    Raises:
        ProverAnsweredNothing: it is empty.
        WrongAnswer: it answers another question.
    """
    for field in ("proof",) if early else ("proof", "l1_proof"):
        if not getattr(proof, field):
            raise ProverAnsweredNothing(proof_type, f"sent a proof whose {field} is empty", batch=batch)
    if early and proof.l1_proof:
        raise WrongAnswer(
            proof_type,
            f"sent an early proof for L1: expected no l1_proof, found {len(proof.l1_proof)} bytes",
            batch=batch,
        )

    def differs(what: str, expected: str, found: str) -> WrongAnswer:
        message = f"sent a proof of another {what}: expected {expected}, found {found}"
        return WrongAnswer(proof_type, message, batch=batch)

    if proof.proof_type != proof_type:
        raise differs("proof type", proof_type, repr(proof.proof_type))
    if proof.key_id != request.key_id:
        raise differs("key", request.key_id.hex(), proof.key_id.hex())
    asked, answered = request.statement.suites, proof.suites
    if [s.suite for s in asked] != [s.suite for s in answered]:
        raise differs("statement", f"suites {[s.suite for s in asked]}", str([s.suite for s in answered]))
    for ours, theirs in zip(asked, answered, strict=True):
        for field in ("pre_root", "post_root", "commitment", "challenge", "evaluation"):
            expected, found = getattr(ours, field), getattr(theirs, field)
            if expected != found:
                raise differs("statement", f"{ours.suite} {field} {expected.hex()}", found.hex())


class ProverClient:
    """One prover at an address: ``unix:///path.sock``, or ``host:port`` with mutual TLS. Thread-safe.

    Every call raises, with the prover's and the batch's name in its message:

    * :class:`ProverRefused`: a refusal, with its code and what differed;
    * :class:`ProverCrashed`: it could not be reached, or broke the call off;
    * :class:`ProverTimedOut`: no answer by ``deadline_s``; :class:`ProverHung`: no message for ``stall_s``;
    * :class:`ProverCancelled`: ``cancel`` was set;
    * :class:`ProverAnsweredNothing`, and :class:`WrongAnswer` for an answer to another question;
    * :class:`MessageTooLarge`: a message over 64 MiB, either way; :class:`MalformedAnswer`: undecodable.
    """

    def __init__(
        self, address: str, proof_type: str, tls: Tls | None = None, *, stall_s: float = 30.0
    ) -> None:
        """``proof_type`` must answer there; ``stall_s`` is the longest silence of a call that streams."""
        self.address = address
        self._proof_type = proof_type
        self._stall_s = stall_s
        self._channel = open_channel(address, tls)
        self._stub = prover_pb2_grpc.ProverStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    @property
    def proof_type(self) -> str:
        return self._proof_type

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel; calls under way end as cancelled."""
        self._channel.close()

    def healthy(self, *, deadline_s: float = 5.0) -> bool:
        """Whether the standard health service says SERVING for the prover's service."""
        try:
            reply = self._health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=deadline_s)
        except grpc.RpcError:
            return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)

    def describe(self, *, deadline_s: float = 10.0) -> Manifest:
        """What the prover is and rests on.

        Raises:
            MalformedAnswer: its manifest is not sane.
            WrongAnswer: another proof type answers at this address.
        """
        with self._outcomes(None, deadline_s):
            manifest = Manifest.from_message(
                self._stub.Describe(pb.DescribeRequest(), timeout=deadline_s), self._proof_type
            )
        if manifest.proof_type != self._proof_type:
            raise WrongAnswer(
                self._proof_type,
                f"expected this proof type at {self.address}, found {manifest.proof_type!r}",
                remedy="correct the address",
            )
        return manifest

    def prepare(
        self,
        request: pb.PrepareRequest,
        *,
        batch: str | None = None,
        progress: ProgressCallback | None = None,
        deadline_s: float | None = None,
        cancel: threading.Event | None = None,
    ) -> pb.Prepared:
        """The keys of a program and batch size, made or loaded from the prover's cache."""
        self._fits(request, batch)
        with self._outcomes(batch, deadline_s):
            call = self._stub.Prepare(request, timeout=deadline_s)
            prepared = self._last_update(call, "prepare", batch, progress, cancel).prepared
        if not prepared.key_id:
            raise ProverAnsweredNothing(self._proof_type, "prepared keys without a key id", batch=batch)
        return prepared

    def prove(
        self,
        request: pb.ProveRequest,
        *,
        batch: str | None = None,
        progress: ProgressCallback | None = None,
        deadline_s: float | None = None,
        cancel: threading.Event | None = None,
        early: EarlyCallback | None = None,
    ) -> ProveResult:
        """Prove one batch.

        The proof is of this type, of the request's key and statement, and not empty. It is *not* verified:
        call :meth:`verify`. The answer ends with the proof; whatever the prover sends after it is not read.

        Args:
            early: is told of the proof that the prover sends ahead of the one for L1, if it does; that one
                is not verified either.
        """
        batch = batch or _name(request.statement)
        self._fits(request, batch)

        def ahead(proof: pb.Proof) -> None:
            check_proof(self._proof_type, request, proof, batch, early=True)
            if early is not None:
                early(proof)

        with self._outcomes(batch, deadline_s):
            call = self._stub.Prove(request, timeout=deadline_s)
            proof = self._last_update(call, "prove", batch, progress, cancel, ahead).proof
        check_proof(self._proof_type, request, proof, batch)
        return ProveResult(proof, None)

    def verify(
        self, statement: pb.Statement, proof: pb.Proof, *, batch: str | None = None, deadline_s: float = 60.0
    ) -> None:
        """Return if the proof proves the statement.

        Raises:
            ProverRefused: it does not; ``code`` says why.
        """
        batch = batch or _name(statement)
        request = pb.VerifyRequest(statement=statement, proof=proof)
        self._fits(request, batch)
        with self._outcomes(batch, deadline_s):
            reply = self._stub.Verify(request, timeout=deadline_s)
        match reply.WhichOneof("verdict"):
            case "accepted":
                return
            case "refusal":
                raise ProverRefused(self._proof_type, reply.refusal, batch=batch)
            case None:
                raise ProverAnsweredNothing(self._proof_type, "verify ended without a verdict", batch=batch)

    def _fits(self, request: Message, batch: str | None) -> None:
        size = request.ByteSize()
        if size > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(
                self._proof_type, f"the request has {size} bytes, over {MAX_MESSAGE_BYTES}", batch=batch
            )

    def _last_update(
        self,
        call: _UpdateStream[Update],
        name: str,
        batch: str | None,
        progress: ProgressCallback | None,
        cancel: threading.Event | None,
        early: EarlyCallback | None = None,
    ) -> Update:
        """The update that carries what was asked for."""
        done = 0.0
        with _Watch(call, self._stall_s, cancel) as watch:
            try:
                for update in call:
                    kind = update.WhichOneof("update")
                    if kind == "refusal":
                        raise ProverRefused(self._proof_type, update.refusal, batch=batch)
                    if kind is None:
                        raise ProverAnsweredNothing(
                            self._proof_type, f"{name} sent an empty update", batch=batch
                        )
                    if kind == "early" and isinstance(update, pb.ProveUpdate):
                        if early is None:
                            raise WrongAnswer(
                                self._proof_type, f"{name} sent a second early proof", batch=batch
                            )
                        with watch.paused():
                            early(update.early)
                        early = None
                        watch.heard()
                        continue
                    if kind != "progress":
                        return update
                    if done < update.progress.fraction <= 1:
                        done = update.progress.fraction
                    if progress is not None:
                        with watch.paused():
                            progress(update.progress.stage, done)
                    watch.heard()
            except grpc.RpcError:
                if watch.verdict == "cancelled":
                    raise ProverCancelled(self._proof_type, "cancelled", batch=batch) from None
                if watch.verdict == "hung":
                    silence = f"sent nothing for {self._stall_s:g} s"
                    raise ProverHung(self._proof_type, silence, batch=batch) from None
                raise
        raise ProverAnsweredNothing(
            self._proof_type, f"{name} ended with neither an answer nor a refusal", batch=batch
        )

    @contextlib.contextmanager
    def _outcomes(self, batch: str | None, deadline_s: float | None) -> Iterator[None]:
        """Turn what gRPC says into our types."""
        try:
            yield
        except grpc.RpcError as error:
            raise self._failure(error, batch, deadline_s) from error

    def _failure(self, error: grpc.RpcError, batch: str | None, deadline_s: float | None) -> ProverError:
        # Every RpcError that a channel raises is also a grpc.Call.
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        details = (error.details() if isinstance(error, grpc.Call) else None) or "no details"
        match code:
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                limit = "the prover's own deadline" if deadline_s is None else f"{deadline_s:g} s"
                return ProverTimedOut(self._proof_type, f"no answer within {limit}", batch=batch)
            case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in details:
                return MessageTooLarge(
                    self._proof_type, f"a message is over the limit: {details}", batch=batch
                )
            case grpc.StatusCode.INTERNAL if "deserializing response" in details:
                return MalformedAnswer(self._proof_type, "its answer cannot be decoded", batch=batch)
            case grpc.StatusCode.UNIMPLEMENTED:
                return MalformedAnswer(
                    self._proof_type, f"{self.address} does not serve the call", batch=batch
                )
        return ProverCrashed(self._proof_type, f"the call broke off with {code.name}: {details}", batch=batch)


class _UpdateStream(Protocol[Update_co]):
    """A streaming call under way."""

    def __iter__(self) -> Iterator[Update_co]: ...

    def cancel(self) -> object: ...


class _Watch:
    """Ends a streaming call when the caller cancels it or nothing comes for too long, and on exit."""

    def __init__(self, call: _UpdateStream[Any], stall_s: float, cancel: threading.Event | None) -> None:
        self.verdict: Literal["cancelled", "hung"] | None = None
        self._call = call
        self._stall_s = stall_s
        self._cancel = cancel
        self._over = threading.Event()
        self._waiting_since: float | None = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="prover-call-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._call.cancel()
        self._thread.join()

    def heard(self) -> None:
        self._waiting_since = time.monotonic()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time that the caller's own callback takes is not the prover's silence."""
        self._waiting_since = None
        yield

    def _run(self) -> None:
        while not self._over.wait(POLL_S):
            since = self._waiting_since
            if self._cancel is not None and self._cancel.is_set():
                self.verdict = "cancelled"
            elif since is not None and time.monotonic() - since > self._stall_s:
                self.verdict = "hung"
            if self.verdict is not None:
                self._call.cancel()
                return


def _name(statement: pb.Statement) -> str:
    return f"claim 0x{statement.claim[:8].hex()}…"
