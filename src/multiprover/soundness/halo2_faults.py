"""Faults planted in what halo2 rests on, measured as those of :mod:`.faults`: what its constraints make of a
false batch, with the fault and without.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

from multiprover.program import Code
from multiprover.soundness import bank, faults
from multiprover.soundness.checkers import CheckerError, Verdict
from multiprover.soundness.halo2_planting import halo2_tool
from multiprover.soundness.world import Case


@dataclass(frozen=True)
class Halo2Fault:
    """A fault, and the false batch that it lets through.

    Attributes:
        planted: its name in :data:`.halo2_planting.FAULTS`.
        attack: the batch, and the division of which its witness has one less for the quotient.
    """

    name: str
    component: str
    what: str
    planted: str
    attack: Callable[[], tuple[Case, int | None]] = field(repr=False)


def another_key() -> Case:
    """A payment that the receiver signed, not the payer."""
    at = bank.world()
    receiver = bank.wallets(at.program.suites)[1]
    transaction = replace(bank.payment(at), signers=[(receiver, 0)]).on(at)
    return at.forged("another key", (bank.SOURCE, bank.CLASS), [transaction], 1, "signature")


def rounded_down() -> tuple[Case, int | None]:
    """A payment with one less for a quotient, and its division."""
    return faults.miscalculated(Code.DIVMOD, -1)


def _batch(make: Callable[[], Case]) -> Callable[[], tuple[Case, int | None]]:
    return lambda: (make(), None)


LOWERING = "halo2-lowering"

CATALOGUE: tuple[Halo2Fault, ...] = (
    Halo2Fault(
        "assertion left out", LOWERING, "ASSERT makes no constraint", "assertion", _batch(faults.replayed)
    ),
    Halo2Fault(
        "opening not compared",
        LOWERING,
        "the record's path need not give the root",
        "opening",
        _batch(faults.inflated),
    ),
    Halo2Fault(
        "remainder not bounded",
        LOWERING,
        "DIVMOD's remainder may be the divisor or more",
        "remainder",
        rounded_down,
    ),
    Halo2Fault(
        "key not compared", LOWERING, "a signature's point need not be the key", "key", _batch(another_key)
    ),
    Halo2Fault(
        "challenge not compared",
        LOWERING,
        "the ladder's h need not be the hash",
        "equation",
        _batch(lambda: faults.unsigned(faults.SPOILT)),
    ),
    Halo2Fault(
        "base point not copied",
        LOWERING,
        "h multiplies a point that is not A, here the identity",
        "base",
        _batch(faults.forged_signature),
    ),
    Halo2Fault(
        "lookup without constraint",
        "halo2-axiom",
        "the library's lookup holds for everything",
        "ranges",
        rounded_down,
    ),
)
"""Those that break halo2 alone. One of the tracer or the source is in :mod:`.faults`, and :func:`shared`
asks halo2 about it.
"""


def measure(fault: Halo2Fault) -> Verdict:
    """What the circuit with the fault makes of the false batch.

    Raises:
        CheckerError: the circuit without the fault takes it too, or the fault cannot be planted.
    """
    case, lie = fault.attack()
    with halo2_tool("", lie) as tool:
        if tool.check(case).proves:
            raise CheckerError(f"halo2: {fault.name}: the circuit without the fault takes the false batch")
    with halo2_tool(fault.planted, lie) as tool:
        return tool.check(case)


def shared() -> dict[str, Verdict]:
    """By component, what halo2 makes of a false batch where what every circuit shares is at fault."""
    found: dict[str, Verdict] = {}
    with halo2_tool() as tool:
        with faults._tracer_without_requirements():
            found["multiprover-tracer"] = tool.check(faults.replayed())
        source = bank.SOURCE.replace(bank.NONCE_RULE, "")
        found["transition-source"] = tool.check(faults.replayed(bank.world(source), source))
    found["poseidon2-bn254"] = _forgetful_leaf()
    return found


def _forgetful_leaf() -> Verdict:
    """All records with the same keys have one leaf, natively and in the circuit."""
    state = importlib.import_module("multiprover.ledger.state")
    real = state.leaf

    def forgetful(program: Any, s: int, native: Any, place: int, values: Any) -> bytes:
        if native.name == "bn254":
            fields = program.maps[place].fields
            values = [v if f.key else 0 for f, v in zip(fields, values, strict=True)]
        found: bytes = real(program, s, native, place, values)
        return found

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(state, "leaf", forgetful))
        tool = stack.enter_context(halo2_tool("leaf"))
        if not tool.check(faults.honest()).proves:
            raise CheckerError("halo2: expected the faulty circuit to take a true batch")
        return tool.check(faults.inflated())
