"""Native hash, signature scheme and journal binding of each suite: docs/suites.md."""

from multiprover.suites.base import (
    DEFAULT_HEIGHT,
    DIGEST_BYTES,
    KEY_WORDS,
    InvalidSignatureError,
    KeyExhaustedError,
    NonCanonicalError,
    OneTimeKeyReuseError,
    SigningKey,
    Suite,
    SuiteError,
    Tree,
    TypedInt,
)
from multiprover.suites.derivation import SEED_BYTES, derive
from multiprover.suites.keys import HybridKey, Wallet, verify_all
from multiprover.suites.registry import get, names, register, suite_id

__all__ = [
    "DEFAULT_HEIGHT",
    "DIGEST_BYTES",
    "KEY_WORDS",
    "SEED_BYTES",
    "HybridKey",
    "InvalidSignatureError",
    "KeyExhaustedError",
    "NonCanonicalError",
    "OneTimeKeyReuseError",
    "SigningKey",
    "Suite",
    "SuiteError",
    "Tree",
    "TypedInt",
    "Wallet",
    "derive",
    "get",
    "names",
    "register",
    "suite_id",
    "verify_all",
]
