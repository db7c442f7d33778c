"""The interface of a suite: the native cryptography of one family of proof systems.

Everything outside ``multiprover.suites`` handles digests, roots, commitments, challenges, evaluations and
public keys as 32 opaque bytes, and signatures as opaque bytes; see ``docs/suites.md``. A second suite with
another field and another signature scheme plugs in by implementing ``Suite`` and being registered, with no
change elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

DEFAULT_HEIGHT = 10
"""A wallet signs for 2^10 nonces unless it is told otherwise."""

DIGEST_BYTES = 32
"""Length of every digest, root, commitment, challenge, evaluation and public key part."""

KEY_WORDS = 8
"""32-bit words of one suite's part of a hybrid public key."""


class SuiteError(ValueError):
    """A value that a suite cannot accept; the message names what was expected and what came."""


class NonCanonicalError(SuiteError):
    """A field element or point in other than its one encoding."""


class InvalidSignatureError(SuiteError):
    """A signature that does not verify."""


class KeyExhaustedError(SuiteError):
    """A signing key whose one-time keys are used up; the message says what to do."""


class OneTimeKeyReuseError(SuiteError):
    """A second, different digest for a nonce whose one-time key has signed; the message says what to do."""


class TypedInt(NamedTuple):
    """An integer as it is encoded: ``value - lo`` of its type, and its number of 32-bit words (1 or 2)."""

    encoded: int
    words: int


class Tree(Protocol):
    """A sparse Merkle tree of one map under one suite; every leaf that was not set is the default leaf."""

    @property
    def root(self) -> bytes: ...

    def siblings(self, index: int) -> bytes:
        """The ``depth`` siblings of leaf ``index``, 32 bytes each, from the leaf up."""
        ...

    def set(self, index: int, leaf: bytes) -> None:
        """Replace leaf ``index`` (0 to 2^depth - 1)."""
        ...

    def set_many(self, leaves: Sequence[tuple[int, bytes]]) -> None:
        """Replace leaves; of two with one index the later counts. On an error nothing has changed."""
        ...


class SigningKey(Protocol):
    """One suite's part of a hybrid signing key."""

    @property
    def public_key(self) -> bytes: ...

    def sign(self, digest: bytes, nonce: int) -> bytes:
        """Sign ``(digest, nonce)``; ``nonce`` is 0 to 2^64 - 1.

        Raises:
            KeyExhaustedError: the key has no one-time key for that nonce.
            OneTimeKeyReuseError: the one-time key of that nonce signed another digest.
        """
        ...


class Suite(Protocol):
    """One suite. All methods are pure; invalid encodings raise :class:`NonCanonicalError`."""

    @property
    def name(self) -> str: ...

    def leaf(self, map_index: int, ints: Sequence[TypedInt], keys: Sequence[bytes]) -> bytes:
        """Digest of a record of map ``map_index``."""
        ...

    def node(self, left: bytes, right: bytes) -> bytes: ...

    def root_from_path(self, leaf: bytes, index: int, siblings: bytes) -> bytes:
        """The root that ``leaf`` at ``index`` gives with ``siblings`` (32 bytes each, from the leaf up)."""
        ...

    def state_root(
        self, cells: Sequence[TypedInt], key_cells: Sequence[bytes], map_roots: Sequence[bytes]
    ) -> bytes: ...

    def tree(self, depth: int, default_leaf: bytes) -> Tree: ...

    def tx_digest(self, domain: bytes, words: bytes) -> bytes:
        """Digest of a slot's input words (4 bytes each, big-endian) under the deployment's domain."""
        ...

    def signing_key(self, seed: bytes, height: int = DEFAULT_HEIGHT) -> SigningKey:
        """This suite's key of a wallet, derived from its 32-byte seed (:mod:`.derivation`).

        A suite of one-time keys makes ``2^height`` of them, for nonces 0 to ``2^height - 1``, and another
        height is another key; a suite whose keys do not wear out ignores it.
        """
        ...

    def verify(self, public_key: bytes, digest: bytes, nonce: int, signature: bytes) -> None:
        """Return if the signature is valid.

        Raises:
            InvalidSignatureError: it is not; the message says which check failed.
        """
        ...

    def commit(self, journal: bytes) -> bytes:
        """``c``: the commitment to a journal (a multiple of 4 bytes)."""
        ...

    def challenge(self, domain: bytes, claim: bytes, commitment: bytes) -> bytes:
        """``z``: keccak256(domain ‖ suite id ‖ claim ‖ c) as a canonical field element."""
        ...

    def evaluate(self, journal: bytes, challenge: bytes) -> bytes:
        """``y``: the packed journal evaluated at ``z``."""
        ...
