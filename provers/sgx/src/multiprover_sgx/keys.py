"""The vouching keys: one master secret, made here on the first start and sealed; one signing key a program.

A key of its own for each program, because a vouch (``docs/settlement.md`` §4) names a claim and roots but no
program: with one key for all, a vouch for a claim of one program would count in the settlement of another.

The file ``signer.sealed`` is ``magic (8) ‖ mode (1) ‖ body``. In an enclave (mode 1) the body is
``nonce (12) ‖ ciphertext (32) ‖ tag (16)``: AES-128-GCM under the sealing key, the 9 bytes before it
authenticated too. In simulation (mode 0) nothing is secret from the machine's owner:
``secret (32) ‖ keccak256(all before it)``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from Crypto.Cipher import AES
from eth_hash.auto import keccak

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement.claims import SECP256K1_ORDER, sign_vouch, signer_address
from multiprover_sgx import files
from multiprover_sgx.attestation import Enclave
from multiprover_sgx.refusal import Refusal

FILE: Final = "signer.sealed"
MAGIC: Final = b"mpsgx\0\0\1"
SIMULATED, SEALED = b"\0", b"\1"
SECRET_BYTES, NONCE_BYTES, TAG_BYTES, HASH_BYTES = 32, 12, 16, 32


@dataclass(frozen=True)
class Signer:
    """The vouching key of one program.

    Attributes:
        address: 20 bytes; what L1 registers.
    """

    address: bytes
    _secret: bytes = field(repr=False)

    def sign(self, digest: bytes) -> bytes:
        """65 bytes over a vouch digest, as L1 takes them."""
        return sign_vouch(self._secret, digest)


class Keyring:
    """The signing keys of this enclave. Thread-safe."""

    def __init__(self, cache: Path, enclave: Enclave) -> None:
        self.path = cache / FILE
        self._enclave = enclave
        self._lock = threading.Lock()
        self._master: bytes | None = None

    def signer(self, program_id: bytes) -> Signer:
        """The key that vouches for the program with this 32-byte id; always the same one.

        Raises:
            Refusal: ``CORRUPT_KEYS`` when the sealed file is not what was written.
        """
        # HKDF-Expand (RFC 5869) to 64 bytes, so that the reduction leaves no bias to speak of.
        info = b"multiprover/sgx/signer/v1" + program_id
        first = hmac.digest(self._secret(), info + b"\1", hashlib.sha256)
        second = hmac.digest(self._secret(), first + info + b"\2", hashlib.sha256)
        scalar = int.from_bytes(first + second, "big") % (SECP256K1_ORDER - 1) + 1
        secret = scalar.to_bytes(SECRET_BYTES, "big")
        return Signer(signer_address(secret), secret)

    def _secret(self) -> bytes:
        with self._lock:
            if self._master is None:
                if not self.path.exists():
                    files.create(
                        self.path, seal(secrets.token_bytes(SECRET_BYTES), self._enclave.sealing_key())
                    )
                self._master = unseal(self.path, self._enclave.sealing_key())
            return self._master


def seal(secret: bytes, key: bytes | None) -> bytes:
    """The content of the file for ``secret`` (32 bytes) under a sealing key (16 bytes; None: simulation)."""
    if key is None:
        plain = MAGIC + SIMULATED + secret
        return plain + keccak(plain)
    header = MAGIC + SEALED
    nonce = secrets.token_bytes(NONCE_BYTES)
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
    cipher.update(header)
    ciphertext, tag = cipher.encrypt_and_digest(secret)
    return header + nonce + ciphertext + tag


def unseal(path: Path, key: bytes | None) -> bytes:
    """The secret in the file.

    Raises:
        Refusal: ``CORRUPT_KEYS``, naming the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _corrupt(path, f"it cannot be read ({error})") from error
    header, body = content[: len(MAGIC) + 1], content[len(MAGIC) + 1 :]
    if header[:-1] != MAGIC or header[-1:] not in (SIMULATED, SEALED):
        raise _corrupt(path, "it is no sealed key of this version")
    if (header[-1:] == SEALED) != (key is not None):
        made, here = ("an enclave", "simulation") if key is None else ("simulation", "an enclave")
        raise _corrupt(path, f"it was made in {made}, and this is {here}")
    if key is None:
        secret, found = body[:SECRET_BYTES], body[SECRET_BYTES:]
        if found != keccak(header + secret) or len(secret) != SECRET_BYTES:
            raise _corrupt(path, "its content has not the hash that it was stored with")
        return secret
    if len(body) != NONCE_BYTES + SECRET_BYTES + TAG_BYTES:
        raise _corrupt(path, "its length is wrong")
    cipher = AES.new(key, AES.MODE_GCM, nonce=body[:NONCE_BYTES], mac_len=TAG_BYTES)
    cipher.update(header)
    try:
        return cipher.decrypt_and_verify(body[NONCE_BYTES:-TAG_BYTES], body[-TAG_BYTES:])
    except ValueError as error:
        raise _corrupt(path, "this enclave's sealing key does not open it") from error


def _corrupt(path: Path, why: str) -> Refusal:
    return Refusal(
        pb.Refusal.CODE_CORRUPT_KEYS,
        f"{path}: {why}; restore it, or delete it to make a new key (which must then be registered on L1)",
    )
