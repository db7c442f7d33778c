"""How the secrets of every suite follow from one wallet seed."""

from __future__ import annotations

from hashlib import blake2b

from multiprover.suites.base import SuiteError

SEED_BYTES = 32
"""Length of a wallet's seed."""

_PERSONALISATION = b"multiprover/v1"


def derive(seed: bytes, suite: str, purpose: str) -> bytes:
    """64 secret bytes of ``suite`` for ``purpose``.

    BLAKE2b (RFC 7693) with 64 bytes of output, keyed with the seed, personalised with ``multiprover/v1``
    (zero bytes up to 16), of the suite's name, a zero byte and the purpose. Pinned: a change loses every
    account. One suite's secret tells nothing of another's, since the outputs of a keyed hash for different
    inputs are independent.

    Raises:
        SuiteError: ``seed`` is not 32 bytes, or a name holds a zero byte.
    """
    if len(seed) != SEED_BYTES:
        raise SuiteError(f"seed: expected {SEED_BYTES} bytes, found {len(seed)}")
    if "\0" in suite or "\0" in purpose:
        raise SuiteError(f"derivation: expected names without a zero byte, found {suite!r}, {purpose!r}")
    data = suite.encode() + b"\0" + purpose.encode()
    return blake2b(data, digest_size=64, key=seed, person=_PERSONALISATION).digest()
