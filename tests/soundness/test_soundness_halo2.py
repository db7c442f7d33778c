"""Faults that are planted in halo2: they can be, and the real circuit refuses what they let through."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from multiprover.program import Code
from multiprover.soundness import faults, halo2_planting
from multiprover.soundness.checkers import CheckerError, Tool, repository
from multiprover.soundness.world import Case


@pytest.mark.parametrize("fault", halo2_planting.FAULTS)
def test_a_fault_can_be_planted(fault: str) -> None:
    """`multiprover soundness faults` builds and measures them."""
    patch = halo2_planting.FAULTS[fault]
    source = (repository() / "provers/halo2" / patch.file).read_text(encoding="utf-8")
    assert f'crate::planted("{fault}")' in patch.apply(source)


@pytest.mark.parametrize(
    "attack",
    [
        faults.replayed,
        faults.inflated,
        faults.another_key,
        faults.off_curve,
        faults.forged_signature,
        lambda: faults.unsigned(faults.SPOILT),
        lambda: faults.miscalculated(Code.DIVMOD, -1)[0],
    ],
    ids=["replayed", "inflated", "another key", "off curve", "forged", "unsigned", "miscalculated"],
)
def test_the_real_circuit_refuses_what_a_fault_lets_through(attack: Callable[[], Case]) -> None:
    with closing(Tool.of("halo2")) as tool:
        verdict = tool.check(attack())
    assert verdict.refusal is not None
    assert verdict.violated


def test_a_tracer_that_drops_requirements_breaks_it() -> None:
    with faults._tracer_without_requirements(), closing(Tool.of("halo2")) as tool:
        assert tool.check(faults.replayed()).proves


def test_a_true_batch() -> None:
    with closing(Tool.of("halo2")) as tool:
        assert tool.check(faults.honest()).accepts


def test_no_such_fault() -> None:
    with (
        pytest.raises(CheckerError, match="expected one of assertion, opening"),
        halo2_planting.halo2_tool("fault"),
    ):
        pass
