"""Where this process runs: in an enclave with DCAP attestation, or in simulation; its quotes and sealing key.

Gramine offers both as files under ``/dev/attestation``
(https://gramine.readthedocs.io/en/stable/attestation.html). What they say is no proof to anyone: whoever
registers a key verifies its quote.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from eth_hash.auto import keccak

DEVICE = Path("/dev/attestation")
SEALING_KEY = "_sgx_mrenclave"
"""Gramine's name for the sealing key that only the same enclave on the same CPU gets."""
SEALING_KEY_BYTES = 16
REPORT_DATA_BYTES = 64

# An SGX quote of version 3 (Intel, "SGX ECDSA QuoteLib Reference", A.4): header, then the report body.
QUOTE_VERSION = 3
ATTRIBUTES = 48 + 48
MRENCLAVE = 48 + 64
REPORT_DATA = 48 + 320
QUOTE_BODY_END = REPORT_DATA + REPORT_DATA_BYTES
DEBUG_FLAG = 0x02


class AttestationError(Exception):
    """The attestation device does not do what an enclave's does; the message says what came instead."""


class Enclave(Protocol):
    """What the prover needs of the place where it runs."""

    @property
    def hardware(self) -> bool:
        """Whether it is an SGX enclave that is not open to a debugger."""
        ...

    @property
    def measurement(self) -> bytes:
        """MRENCLAVE, 32 bytes; empty in simulation."""
        ...

    def sealing_key(self) -> bytes | None:
        """16 bytes that only this code on this CPU gets; None in simulation, where nothing is sealed."""
        ...

    def quote(self, signer: bytes) -> bytes:
        """An attestation quote over the hash of a 20-byte address; empty in simulation."""
        ...


@dataclass(frozen=True)
class Simulation:
    """An ordinary process: nothing is measured, nothing sealed, nothing attested."""

    hardware: bool = False
    measurement: bytes = b""

    def sealing_key(self) -> None:
        return None

    def quote(self, signer: bytes) -> bytes:  # noqa: ARG002
        return b""


def report_data(signer: bytes) -> bytes:
    """What a quote says about a key: ``keccak256(20-byte address)``, then 32 zero bytes."""
    return keccak(signer) + bytes(REPORT_DATA_BYTES - 32)


@dataclass(frozen=True)
class Dcap:
    """An SGX enclave under Gramine with DCAP attestation."""

    device: Path
    measurement: bytes
    debug: bool
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def hardware(self) -> bool:
        return not self.debug

    def sealing_key(self) -> bytes:
        key = _read(self.device / "keys" / SEALING_KEY)
        if len(key) != SEALING_KEY_BYTES:
            raise AttestationError(f"{SEALING_KEY}: expected {SEALING_KEY_BYTES} bytes, got {len(key)}")
        # The device's key may serve others too: what seals here is derived for this use alone.
        return hashlib.blake2s(b"multiprover/sgx/sealing/v1", key=key, digest_size=SEALING_KEY_BYTES).digest()

    def quote(self, signer: bytes) -> bytes:
        quote = _quote(self.device, report_data(signer), self._lock)
        if quote[MRENCLAVE : MRENCLAVE + 32] != self.measurement:
            raise AttestationError("quote: it is of another enclave than this one")
        return quote


def detect(device: Path = DEVICE) -> Enclave:
    """The enclave that this process runs in, or simulation where there is no attestation device.

    Raises:
        AttestationError: there is a device, and it does not give a quote of the kind known here.
    """
    scheme = device / "attestation_type"
    if not scheme.exists():
        return Simulation()
    name = _read(scheme).decode("ascii", "replace").strip()
    if name == "none":
        return Simulation()
    if name != "dcap":
        raise AttestationError(f"{scheme}: expected dcap or none, got {name!r}")
    # Over no key: it only tells what this enclave is.
    quote = _quote(device, bytes(REPORT_DATA_BYTES), threading.Lock())
    return Dcap(device, quote[MRENCLAVE : MRENCLAVE + 32], bool(quote[ATTRIBUTES] & DEBUG_FLAG))


def _quote(device: Path, data: bytes, lock: threading.Lock) -> bytes:
    def ask() -> bytes:
        # The two files belong together; Gramine leaves it to us that no other thread comes between.
        with lock:
            (device / "user_report_data").write_bytes(data)
            return (device / "quote").read_bytes()

    quote = _guarded(ask)
    version = int.from_bytes(quote[:2], "little")
    if len(quote) < QUOTE_BODY_END or version != QUOTE_VERSION:
        raise AttestationError(
            f"quote: expected version {QUOTE_VERSION} and at least {QUOTE_BODY_END} bytes, "
            f"got version {version} and {len(quote)}"
        )
    if quote[REPORT_DATA:QUOTE_BODY_END] != data:
        raise AttestationError("quote: expected the report data just written, got another's")
    return quote


def _read(path: Path) -> bytes:
    return _guarded(path.read_bytes)


def _guarded(read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except OSError as error:
        raise AttestationError(f"attestation device: {error}") from error
