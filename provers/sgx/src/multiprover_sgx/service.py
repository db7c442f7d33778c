"""The gRPC service (``docs/prover.md``): each call's work in a thread of its own, every refusal an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import grpc
import structlog

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.prover.v1 import prover_pb2_grpc
from multiprover_sgx.attestation import Enclave
from multiprover_sgx.keys import Keyring
from multiprover_sgx.manifest import manifest
from multiprover_sgx.programs import Programs
from multiprover_sgx.proving import prove
from multiprover_sgx.refusal import Refusal
from multiprover_sgx.verifying import verify
from multiprover_sgx.work import OverTimeError, Work

log: structlog.stdlib.BoundLogger = structlog.get_logger("multiprover_sgx")

Update = TypeVar("Update", pb.PrepareUpdate, pb.ProveUpdate)


class ProverService(prover_pb2_grpc.ProverServicer):
    """The enclave prover. Calls may run at the same time."""

    def __init__(
        self, cache: Path, enclave: Enclave, *, measured: frozenset[bytes] | None, prepare_limit_s: float
    ) -> None:
        """
        Args:
            measured: keccak256 of each source that may run; None: any may.
            prepare_limit_s: how long a source may take to load and trace.
        """
        self._enclave = enclave
        self._measured = measured
        self._prepare_limit_s = prepare_limit_s
        self._programs = Programs(cache, Keyring(cache, enclave), measured)

    def Describe(  # noqa: N802
        self,
        request: pb.DescribeRequest,  # noqa: ARG002
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.Manifest:
        return manifest(self._enclave, measured=self._measured is not None)

    def Prepare(  # noqa: N802
        self, request: pb.PrepareRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.PrepareUpdate]:
        def work(self_: Work[pb.PrepareUpdate]) -> pb.PrepareUpdate:
            self_.progress = ("trace", 0.1)
            prepared, cached = self._programs.prepare(request)
            self_.progress = ("attest", 0.9)
            log.info("prepared", key_id=prepared.key_id.hex(), program=prepared.program.name, cached=cached)
            signer = prepared.signer.address
            artefacts = {"signer": signer, "quote": self._enclave.quote(signer)}
            return pb.PrepareUpdate(
                prepared=pb.Prepared(
                    key_id=prepared.key_id,
                    cached=cached,
                    artefacts=artefacts,
                    figures={"ports": len(prepared.program.ports)},
                )
            )

        yield from _stream(pb.PrepareUpdate, work, context, self._prepare_limit_s)

    def Prove(  # noqa: N802
        self, request: pb.ProveRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ProveUpdate]:
        def work(self_: Work[pb.ProveUpdate]) -> pb.ProveUpdate:
            def tick(fraction: float) -> None:
                self_.progress = ("execute", fraction)
                self_.check()

            prepared = self._programs.get(request.key_id, to_prove=True)
            proof = prove(request, prepared, tick)
            log.info("proved", claim=request.statement.claim.hex(), **proof.figures)
            return pb.ProveUpdate(proof=proof)

        yield from _stream(pb.ProveUpdate, work, context, None)

    def Verify(  # noqa: N802
        self,
        request: pb.VerifyRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.VerifyResponse:
        try:
            prepared = self._programs.get(request.proof.key_id, to_prove=False)
            verify(request.statement, request.proof, prepared)
        except Refusal as refusal:
            return pb.VerifyResponse(refusal=refusal.to_pb())
        return pb.VerifyResponse(accepted=pb.Accepted())


def _stream(
    update: type[Update],
    function: Callable[[Work[Update]], Update],
    context: grpc.ServicerContext,
    limit_s: float | None,
) -> Iterator[Update]:
    """The updates of a call that works until it has an answer, a refusal, or nobody who wants it any more."""
    work = Work(function, limit_s=limit_s)
    if not context.add_callback(work.stop):
        return
    answer: Update | None = None
    try:
        for stage, fraction in work.run():
            yield update(progress=pb.Progress(stage=stage, fraction=fraction))
        answer = work.result()
    except Refusal as refusal:
        code = pb.Refusal.Code.Name(refusal.code)
        log.warning("refused", code=code, message=refusal.message, slot=refusal.slot)
        answer = update(refusal=refusal.to_pb())
    except OverTimeError:
        message = f"source: expected it to load and trace within {limit_s:g} s, it did not"
        log.warning("refused", code="CODE_WRONG_PROGRAM", message=message)
        answer = update(refusal=Refusal(pb.Refusal.CODE_WRONG_PROGRAM, message).to_pb())
    except Exception:
        log.exception("the prover failed")
        raise
    finally:
        if work.stopped:
            log.info("stopped")
    if answer is not None:
        yield answer
