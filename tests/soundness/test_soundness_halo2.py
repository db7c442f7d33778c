"""Faults planted in halo2: each lets through a false batch that the circuit without it refuses."""

from __future__ import annotations

import pytest

from multiprover.soundness import faults, halo2_faults
from multiprover.soundness.checkers import CheckerError, Tool
from multiprover.soundness.halo2_planting import halo2_tool


@pytest.mark.parametrize("fault", halo2_faults.CATALOGUE, ids=lambda fault: fault.planted)
def test_a_planted_fault_lets_a_false_batch_through(fault: halo2_faults.Halo2Fault) -> None:
    assert halo2_faults.measure(fault).proves


def test_what_all_circuits_share_breaks_this_one_too() -> None:
    verdicts = halo2_faults.shared()
    assert set(verdicts) == {"multiprover-tracer", "transition-source", "poseidon2-bn254"}
    assert all(verdict.proves for verdict in verdicts.values())


def test_the_real_circuit() -> None:
    tool = Tool.of("halo2")
    try:
        assert tool.check(faults.honest()).accepts
        for case in (faults.replayed(), faults.inflated(), faults.overflowing(), halo2_faults.another_key()):
            verdict = tool.check(case)
            assert verdict.refusal is not None
            assert verdict.violated
    finally:
        tool.close()


def test_no_such_fault() -> None:
    with pytest.raises(CheckerError, match="expected one of assertion, opening"), halo2_tool("fault"):
        pass
