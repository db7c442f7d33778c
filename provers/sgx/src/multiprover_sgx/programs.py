"""Prepared programs: what ``Prepare`` was given, checked, kept in memory and in the cache directory.

A cached file is a ``PrepareRequest`` under the name of its ``key_id``. The name is no proof of who wrote
it, so whatever comes from a file is checked again in full: the source is traced, and must give the program.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_hash.auto import keccak
from google.protobuf.message import DecodeError

from multiprover.lang.errors import LanguageError
from multiprover.lang.transition import Transition
from multiprover.program import Program, ProgramError, trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.suites import SuiteError, get
from multiprover_sgx import FORMAT_VERSION, VERSION, files
from multiprover_sgx.keys import Keyring, Signer
from multiprover_sgx.refusal import Refusal, malformed
from multiprover_sgx.source import describe, load

MAX_SLOTS: Final = 2**16
_TAG: Final = keccak(b"multiprover/sgx/keys")


@dataclass(frozen=True)
class Prepared:
    """A program ready to be run.

    Attributes:
        transition: the class of the source; None where only the verifying part was loaded.
    """

    key_id: bytes
    program: Program
    slots: int
    signer: Signer
    transition: type[Transition] | None


class Programs:
    """The programs that this prover was prepared for. Thread-safe."""

    def __init__(self, cache: Path, keyring: Keyring, measured: frozenset[bytes] | None) -> None:
        """``measured``: keccak256 of each source that may run; None: any may."""
        self._folder = cache / "programs"
        self._keyring = keyring
        self._measured = measured
        self._lock = threading.Lock()
        self._ready: dict[bytes, Prepared] = {}

    def prepare(self, request: pb.PrepareRequest) -> tuple[Prepared, bool]:
        """The program of a request, and whether it had been prepared before.

        Raises:
            Refusal: of the request, or ``CORRUPT_KEYS`` of a file in the cache.
        """
        program, signer = self._check(request)
        key_id = self._key_id(request, program, signer)
        with self._lock:
            ready = self._ready.get(key_id)
        if cached := self._path(key_id).exists():
            self._read(key_id)
        if ready is None:
            ready = self._run(request, program, signer, key_id)
        if not cached:
            files.create(self._path(key_id), request.SerializeToString(deterministic=True))
        return self._keep(ready), cached

    def get(self, key_id: bytes, *, to_prove: bool) -> Prepared:
        """The program of a key id; its transition too, if it is ``to_prove``.

        Raises:
            Refusal: ``NOT_PREPARED``, or ``CORRUPT_KEYS`` of a file in the cache.
        """
        with self._lock:
            ready = self._ready.get(key_id)
        if ready is not None:
            return ready
        request = self._read(key_id)
        program, signer = self._check(request)
        if not to_prove:
            return Prepared(key_id, program, request.slots, signer, None)
        return self._keep(self._run(request, program, signer, key_id))

    def _keep(self, prepared: Prepared) -> Prepared:
        with self._lock:
            return self._ready.setdefault(prepared.key_id, prepared)

    def _check(self, request: pb.PrepareRequest) -> tuple[Program, Signer]:
        """Everything that can be known of a request without running its source."""
        if not 1 <= request.slots <= MAX_SLOTS:
            raise Refusal(
                pb.Refusal.CODE_UNSUPPORTED, f"slots: expected 1 to {MAX_SLOTS}, got {request.slots}"
            )
        try:
            program = Program.decode(request.program)
        except ProgramError as error:
            raise Refusal(pb.Refusal.CODE_NON_CANONICAL, f"program: {error}") from error
        for name in program.suites:
            try:
                get(name)
            except SuiteError as error:
                raise Refusal(pb.Refusal.CODE_UNSUPPORTED, f"program: {error}") from error
        found = keccak(request.source.encode())
        if self._measured is not None and found not in self._measured:
            raise Refusal(
                pb.Refusal.CODE_WRONG_PROGRAM,
                "source: expected one of those measured with the enclave, got another; "
                "rebuild the enclave with it and register its new keys",
                expected=", ".join(sorted(m.hex() for m in self._measured)),
                found=found,
            )
        return program, self._keyring.signer(program.program_id)

    def _run(self, request: pb.PrepareRequest, program: Program, signer: Signer, key_id: bytes) -> Prepared:
        """Load the source and see that it is the program's."""
        transition = load(request.source, request.class_name)
        try:
            traced = trace(transition, program.suites)
        except LanguageError as error:
            raise Refusal(pb.Refusal.CODE_WRONG_PROGRAM, f"source: it is no transition: {error}") from error
        except (Exception, SystemExit) as error:
            why = describe(error, request.class_name)
            raise Refusal(pb.Refusal.CODE_WRONG_PROGRAM, f"source: tracing it failed: {why}") from error
        if traced.encoded != request.program:
            raise Refusal(
                pb.Refusal.CODE_WRONG_PROGRAM,
                "source: it traces to another program than the one given; trace it again, same version",
                expected=program.program_id,
                found=traced.program_id,
            )
        return Prepared(key_id, program, request.slots, signer, transition)

    @staticmethod
    def _key_id(request: pb.PrepareRequest, program: Program, signer: Signer) -> bytes:
        return keccak(
            _TAG
            + FORMAT_VERSION.to_bytes(4, "big")
            + keccak(VERSION.encode())
            + program.program_id
            + request.slots.to_bytes(4, "big")
            + keccak(request.class_name.encode())
            + keccak(request.source.encode())
            + signer.address
        )

    def _path(self, key_id: bytes) -> Path:
        return self._folder / f"{key_id.hex()}.keys"

    def _read(self, key_id: bytes) -> pb.PrepareRequest:
        """The request in the cache under this key id, with the hash that its name says."""
        if len(key_id) != 32:
            raise malformed(f"key_id: expected 32 bytes, got {len(key_id)}")
        path = self._path(key_id)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise Refusal(
                pb.Refusal.CODE_NOT_PREPARED, f"key_id {key_id.hex()}: this prover was not prepared for it"
            ) from None
        try:
            request = pb.PrepareRequest.FromString(content)
            program = Program.decode(request.program)
            found = self._key_id(request, program, self._keyring.signer(program.program_id))
        except (DecodeError, ProgramError, OverflowError):
            found = b""
        if found != key_id:
            raise Refusal(
                pb.Refusal.CODE_CORRUPT_KEYS,
                f"{path}: its content has not the hash that it was stored under; delete it and prepare again",
                expected=key_id,
                found=found,
            )
        return request


def measured_sources(folder: Path) -> frozenset[bytes]:
    """keccak256 of every Python file in a folder: the sources that may run.

    Raises:
        ValueError: the folder has none.
    """
    sources = frozenset(keccak(path.read_bytes()) for path in sorted(folder.glob("*.py")))
    if not sources:
        raise ValueError(f"{folder}: expected Python files of transitions, found none")
    return sources
