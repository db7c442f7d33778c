"""Multiprover: write a rollup's state transition once, in Python; proof systems prove every batch.

This module is the language: ``import multiprover as mp``.
"""

from multiprover.lang import ints
from multiprover.lang.errors import (
    AccessError,
    DeclarationError,
    DivisorError,
    FieldError,
    KeyUseError,
    LanguageError,
    Location,
    OperandError,
    RangeOverflowError,
    Refused,
    SymbolicBranchError,
)
from multiprover.lang.ints import *  # noqa: F403
from multiprover.lang.mixins import KeyRotation
from multiprover.lang.transition import (
    Cell,
    Map,
    Transition,
    abs,
    all_of,
    any_of,
    authorize,
    divmod,
    emit,
    exit,
    from_l1,
    max,
    min,
    negate,
    require,
    select,
    transaction,
)
from multiprover.lang.types import Array, Key, Message, Record

__all__ = [
    "AccessError",
    "Array",
    "Cell",
    "DeclarationError",
    "DivisorError",
    "FieldError",
    "Key",
    "KeyRotation",
    "KeyUseError",
    "LanguageError",
    "Location",
    "Map",
    "Message",
    "OperandError",
    "RangeOverflowError",
    "Record",
    "Refused",
    "SymbolicBranchError",
    "Transition",
    "abs",
    "all_of",
    "any_of",
    "authorize",
    "divmod",
    "emit",
    "exit",
    "from_l1",
    "max",
    "min",
    "negate",
    "require",
    "select",
    "transaction",
]

__all__ += ints.__all__
