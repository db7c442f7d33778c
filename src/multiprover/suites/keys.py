"""Hybrid keys: one part a suite, from one seed; a transaction carries one signature a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from multiprover.suites.base import (
    DEFAULT_HEIGHT,
    DIGEST_BYTES,
    KEY_WORDS,
    InvalidSignatureError,
    SigningKey,
    SuiteError,
)
from multiprover.suites.registry import get

_WORD_BYTES = DIGEST_BYTES // KEY_WORDS


def _check_suites(suites: Sequence[str]) -> None:
    if not suites or len(set(suites)) != len(suites):
        raise SuiteError(f"suites: expected one or more different names, found {list(suites)}")


@dataclass(frozen=True)
class HybridKey:
    """A public key: ``parts[suite]`` is the 32-byte public key under that suite.

    A part is any 32 bytes: whether some secret fits it shows when a signature verifies.
    """

    parts: Mapping[str, bytes]

    def __post_init__(self) -> None:
        _check_suites(list(self.parts))
        for suite, part in self.parts.items():
            if len(part) != DIGEST_BYTES:
                raise SuiteError(f"key part {suite}: expected {DIGEST_BYTES} bytes, found {len(part)}")
        object.__setattr__(self, "parts", MappingProxyType(dict(self.parts)))

    def __repr__(self) -> str:
        return f"HybridKey({', '.join(f'{suite}=0x{part.hex()}' for suite, part in self.parts.items())})"

    def __hash__(self) -> int:
        return hash(frozenset(self.parts.items()))

    def part(self, suite: str) -> bytes:
        """The 32-byte part of ``suite``.

        Raises:
            SuiteError: the key has no such part.
        """
        try:
            return self.parts[suite]
        except KeyError:
            raise SuiteError(f"key: expected a part of {suite}, found {', '.join(self.parts)}") from None

    def to_bytes(self, suites: Sequence[str]) -> bytes:
        """The parts of ``suites``, in that order, 32 bytes each: a key as it stands in input words."""
        _check_suites(suites)
        return b"".join(self.part(suite) for suite in suites)

    def words(self, suites: Sequence[str]) -> tuple[int, ...]:
        """The 8 words of 32 bits of each of ``suites``, in that order, most significant word first."""
        data = self.to_bytes(suites)
        return tuple(
            int.from_bytes(data[start : start + _WORD_BYTES], "big")
            for start in range(0, len(data), _WORD_BYTES)
        )

    @classmethod
    def from_bytes(cls, data: bytes, suites: Sequence[str]) -> HybridKey:
        """The inverse of :meth:`to_bytes`.

        Raises:
            SuiteError: ``data`` is not 32 bytes a suite.
        """
        _check_suites(suites)
        if len(data) != DIGEST_BYTES * len(suites):
            raise SuiteError(f"key: expected {DIGEST_BYTES * len(suites)} bytes, found {len(data)}")
        return cls({suite: data[i * DIGEST_BYTES : (i + 1) * DIGEST_BYTES] for i, suite in enumerate(suites)})


class Wallet:
    """The signing keys of one account, one a suite."""

    def __init__(self, keys: Mapping[str, SigningKey]) -> None:
        """``keys`` in suite order; most callers want :meth:`from_seed`."""
        _check_suites(list(keys))
        self._keys = dict(keys)
        self._public_key = HybridKey({suite: key.public_key for suite, key in self._keys.items()})

    @classmethod
    def from_seed(cls, seed: bytes, suites: Sequence[str], *, height: int = DEFAULT_HEIGHT) -> Wallet:
        """The wallet of a secret 32-byte ``seed``; deterministic.

        In suites of one-time keys it signs for nonces 0 to ``2^height - 1`` (``height`` 0 to 16), and another
        height is another public key; making it takes time in proportion. One seed must live in one wallet
        object only: see :mod:`multiprover.suites.goldilocks`.

        Raises:
            SuiteError: ``seed`` is not 32 bytes, ``height`` is out of range, or a suite is unknown.
        """
        _check_suites(suites)
        return cls({suite: get(suite).signing_key(seed, height) for suite in suites})

    def __repr__(self) -> str:
        return f"Wallet({self._public_key})"

    @property
    def suites(self) -> tuple[str, ...]:
        """Names of the suites, in order."""
        return tuple(self._keys)

    @property
    def public_key(self) -> HybridKey:
        return self._public_key

    def sign(self, domain: bytes, words: bytes, nonce: int) -> list[bytes]:
        """One signature a suite, in suite order, over a slot's input ``words`` (4 bytes each) and ``nonce``.

        Raises:
            KeyExhaustedError: a suite's key has no one-time key for that nonce.
            OneTimeKeyReuseError: a suite's one-time key of that nonce signed something else.
            SuiteError: ``domain`` is not 32 bytes, or ``nonce`` is not 0 to 2^64 - 1.
        """
        return [key.sign(get(suite).tx_digest(domain, words), nonce) for suite, key in self._keys.items()]


def verify_all(
    key: HybridKey,
    suites: Sequence[str],
    *,
    domain: bytes,
    words: bytes,
    nonce: int,
    signatures: Sequence[bytes],
) -> None:
    """Return if ``signatures`` holds, for each of ``suites`` in order, a valid one over ``(words, nonce)``.

    Raises:
        InvalidSignatureError: one is missing, too many, or does not verify; the message names the suite.
        SuiteError: ``key`` has no part for a suite, or ``domain``, ``words`` or ``nonce`` is malformed.
    """
    _check_suites(suites)
    if len(signatures) != len(suites):
        raise InvalidSignatureError(f"signatures: expected {len(suites)}, found {len(signatures)}")
    for name, signature in zip(suites, signatures, strict=True):
        suite = get(name)
        digest = suite.tx_digest(domain, words)
        try:
            suite.verify(key.part(name), digest, nonce, signature)
        except InvalidSignatureError as error:
            raise InvalidSignatureError(f"{name}: {error}") from error
