"""The suites by name. A further one is one more file and one more ``register`` at the end of this one."""

from __future__ import annotations

from multiprover_native import keccak256

from multiprover.suites.base import Suite, SuiteError
from multiprover.suites.bn254 import Bn254
from multiprover.suites.goldilocks import Goldilocks
from multiprover.suites.koalabear import KoalaBear

_SUITES: dict[str, Suite] = {}


def register(suite: Suite) -> None:
    """Make ``suite`` known under its name.

    Raises:
        SuiteError: another suite has that name.
    """
    if _SUITES.setdefault(suite.name, suite) is not suite:
        raise SuiteError(f"suite {suite.name}: expected a new name, found a suite that has it")


def get(name: str) -> Suite:
    """The suite called ``name``.

    Raises:
        SuiteError: there is none; the message names those there are.
    """
    try:
        return _SUITES[name]
    except KeyError:
        raise SuiteError(f"suite: expected one of {', '.join(_SUITES)}, found {name}") from None


def names() -> tuple[str, ...]:
    """Names of the suites, in the order they were registered."""
    return tuple(_SUITES)


def suite_id(name: str) -> bytes:
    """``keccak256(name)``: how contracts call a suite. 32 bytes."""
    return keccak256(name.encode())


register(Bn254())
register(Goldilocks())
register(KoalaBear())
