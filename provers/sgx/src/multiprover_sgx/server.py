"""The prover process: ``python -m multiprover_sgx.server --listen unix:///path.sock --cache DIR``.

Its rules are in ``docs/prover.md`` §1.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from multiprover.prover.v1 import prover_pb2, prover_pb2_grpc
from multiprover_sgx import VERSION
from multiprover_sgx.attestation import DEVICE, AttestationError, detect
from multiprover_sgx.programs import measured_sources
from multiprover_sgx.service import ProverService, log

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
THREADS = 32
SERVICE = prover_pb2.DESCRIPTOR.services_by_name["Prover"].full_name
TERMINATION_S = 5.0


def main(arguments: Sequence[str] | None = None, *, device: Path = DEVICE) -> int:
    """Serve until SIGTERM or SIGINT; the exit status, 2 where it cannot start.

    Args:
        arguments: of the command line.
        device: where the attestation device is, if there is one.
    """
    options = parse(arguments)
    _log_json()
    # What is written here is nobody else's: keys, and the socket that makes them sign.
    os.umask(0o077)
    try:
        enclave = detect(device)
        if options.require_hardware and not enclave.hardware:
            raise ValueError("--require-hardware: expected an SGX enclave with DCAP attestation, found none")
        if enclave.hardware and options.sources is None:
            raise ValueError(
                "--sources: expected in an enclave: only measured transitions may run beside its key"
            )
        measured = None if options.sources is None else measured_sources(options.sources)
        server = _server(options)
    except (AttestationError, OSError, RuntimeError, ValueError) as error:
        log.error("cannot start", reason=str(error))
        return 2
    service = ProverService(
        options.cache, enclave, measured=measured, prepare_limit_s=options.prepare_limit_s
    )
    prover_pb2_grpc.add_ProverServicer_to_server(service, server)
    state = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    for name in ("", SERVICE):
        state.set(name, health_pb2.HealthCheckResponse.SERVING)

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    if not enclave.hardware:
        log.warning("simulation: this process is no enclave, and its key proves nothing about its code")
    log.info("serving", listen=options.listen, version=VERSION, hardware=enclave.hardware)
    print("ready", flush=True)
    ended.wait()
    state.enter_graceful_shutdown()
    server.stop(grace=0).wait(TERMINATION_S)
    log.info("ended")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a command line."""
    parser = argparse.ArgumentParser(
        prog="multiprover-prover-sgx", description="The enclave prover of multiprover."
    )
    parser.add_argument(
        "--listen", required=True, help="unix:///path.sock, or host:port with the --tls options"
    )
    parser.add_argument("--cache", required=True, type=Path, help="folder for its keys")
    parser.add_argument("--sources", type=Path, help="folder of the transitions that may run")
    parser.add_argument(
        "--require-hardware", action="store_true", help="end instead of running in simulation"
    )
    parser.add_argument(
        "--prepare-limit-s",
        type=float,
        default=120.0,
        help="seconds that a source may take to load and trace",
    )
    for name, what in [
        ("authority", "whose clients are let in"),
        ("certificate", "this server's"),
        ("key", "this server's"),
    ]:
        parser.add_argument(f"--tls-{name}", type=Path, help=f"PEM file: {what}")
    return parser.parse_args(arguments)


def _server(options: argparse.Namespace) -> grpc.Server:
    """A server bound to its address.

    Raises:
        ValueError: the address and the certificates do not fit together.
        RuntimeError: the address cannot be listened on.
    """
    server = grpc.server(
        ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="sgx-call"),
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
        ],
    )
    files = [options.tls_key, options.tls_certificate, options.tls_authority]
    if options.listen.startswith("unix:"):
        if any(files):
            raise ValueError(f"{options.listen}: a unix socket takes no certificates")
        server.add_insecure_port(options.listen)
        return server
    if not all(files):
        raise ValueError(f"{options.listen}: a remote address needs all three --tls options")
    key, certificate, authority = (file.read_bytes() for file in files)
    credentials = grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=authority, require_client_auth=True
    )
    server.add_secure_port(options.listen, credentials)
    return server


def _log_json() -> None:
    """JSON lines on standard error, our own and those of libraries."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("msg"),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.JSONRenderer(default=repr),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=repr),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


if __name__ == "__main__":
    sys.exit(main())
