"""What can go wrong while a transition is declared, traced or run; one class a cause."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

_PACKAGE = str(Path(__file__).resolve().parent)


class Location(NamedTuple):
    """A line of the user's transition."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def user_location() -> Location | None:
    """The innermost line on the stack that is not in this package: the line that the user wrote."""
    frame = sys._getframe(1)
    while frame is not None:  # the stack ends with None
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return Location(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None


class LanguageError(Exception):
    """A transition that cannot be accepted; ``location`` is the user's line, where there is one."""

    def __init__(self, message: str, location: Location | None = None) -> None:
        self.message = message
        self.location = location if location is not None else user_location()
        super().__init__(f"{self.location}: {message}" if self.location else message)
        made = _made.get()
        if made is not None:
            made.append(self)


_made: ContextVar[list[LanguageError] | None] = ContextVar("multiprover_errors", default=None)


@contextmanager
def unmissable() -> Iterator[None]:
    """Raise a :class:`LanguageError` that was made inside, at the end if a transition's ``except`` caught it.

    Otherwise ``try: fee = FEES[tier]`` with ``except Exception: fee = 10`` would trace to a fee of 10.
    """
    made: list[LanguageError] = []
    token = _made.set(made)
    try:
        yield
    finally:
        _made.reset(token)
    if made:
        raise made[0]


class DeclarationError(LanguageError):
    """The class itself is wrong: an annotation missing or of no known type, a kind that nobody signs."""


class SymbolicBranchError(LanguageError):
    """Python control flow on a value that is known only when a transaction runs."""


class OperandError(LanguageError):
    """An operand that is no integer of the language, or an operator that it does not have."""


class RangeOverflowError(LanguageError):
    """A result that may leave the 128-bit range, or a value that can never fit the type it is stored in."""


class DivisorError(LanguageError):
    """Division by a value that may be zero or negative."""


class FieldError(LanguageError):
    """A field that the record does not have."""


class KeyUseError(LanguageError):
    """A key used as anything but a parameter that is stored, or a stored key that authorizes."""


class AccessError(LanguageError):
    """A state access that is not possible: the same record twice, state outside a transaction."""


class Refused(Exception):
    """A transaction that the transition refuses; nothing of it takes effect.

    Attributes:
        reason: the text of the ``require``, or what did not fit.
        location: the line of the transition that refused.
    """

    def __init__(self, reason: str, location: Location | None) -> None:
        self.reason = reason
        self.location = location
        super().__init__(f"{reason} ({location})" if location else reason)
