"""Faults that are planted in halo2: they can be, and the real circuit refuses what they let through."""

from __future__ import annotations

from contextlib import closing

import pytest

from multiprover.soundness import faults, halo2_faults, halo2_planting
from multiprover.soundness.checkers import CheckerError, Tool, repository


@pytest.mark.parametrize("fault", halo2_planting.FAULTS)
def test_a_fault_can_be_planted(fault: str) -> None:
    """`multiprover soundness faults-halo2` builds and measures them."""
    patch = halo2_planting.FAULTS[fault]
    source = (repository() / "provers/halo2" / patch.file).read_text(encoding="utf-8")
    assert f'crate::planted("{fault}")' in patch.apply(source)


@pytest.mark.parametrize("fault", halo2_faults.CATALOGUE, ids=lambda fault: fault.planted)
def test_the_real_circuit_refuses_what_a_fault_lets_through(fault: halo2_faults.Halo2Fault) -> None:
    case, _ = fault.attack()
    with closing(Tool.of("halo2")) as tool:
        verdict = tool.check(case)
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
