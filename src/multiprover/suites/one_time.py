"""What wallets of the suites of one-time keys have in common."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import NoReturn

from multiprover.suites.base import SigningKey, SuiteError

MAX_HEIGHT = 16
"""Height of every key's tree: nonces are 0 to 2^16 - 1 at most."""

KeyProgress = Callable[[int, int], object]
"""Called with the number of one-time keys made so far and their total; what it raises stops the making."""


class OneTimeKeys:
    """One-time keys of a wallet, made at first use; to be shared between threads, never copied."""

    def __init__(self, make: Callable[[int], SigningKey], height: int) -> None:
        """``make`` gives the native key of ``2^height`` one-time keys, ``height`` 0 to 16.

        Raises:
            SuiteError: ``height`` is out of range.
        """
        if not isinstance(height, int) or not 0 <= height <= MAX_HEIGHT:
            raise SuiteError(f"height: expected 0 to {MAX_HEIGHT}, found {height}")
        self._make = make
        self._height = height
        self._lock = Lock()
        self._made: SigningKey | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle or copy a signing key: two of them could sign twice for a nonce")

    @property
    def _key(self) -> SigningKey:
        # Two native keys would remember apart what they signed.
        with self._lock:
            if self._made is None:
                self._made = self._make(self._height)
            return self._made

    @property
    def public_key(self) -> bytes:
        """32 bytes; the first call makes the one-time keys, 0.3 ms each."""
        return self._key.public_key

    def sign(self, digest: bytes, nonce: int) -> bytes:
        """The signature over ``(digest, nonce)``; the same bytes when asked again.

        Raises:
            KeyExhaustedError: ``nonce`` is not below ``2^height``.
            OneTimeKeyReuseError: another digest was signed for ``nonce``.
            SuiteError: ``digest`` is not canonical, or ``nonce`` no integer from 0 to 2^64 - 1.
        """
        return self._key.sign(digest, nonce)
