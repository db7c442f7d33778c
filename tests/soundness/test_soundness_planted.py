"""Faults planted in provers in Rust: they can be, and the real circuit refuses what they let through."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from multiprover.program import Code
from multiprover.soundness import faults
from multiprover.soundness.checkers import CheckerError, Tool, repository
from multiprover.soundness.halo2_planting import HALO2
from multiprover.soundness.planting import Planted
from multiprover.soundness.stark_planting import STARK
from multiprover.soundness.world import Case

PLANTED = {"halo2": HALO2, "stark": STARK}


@pytest.mark.parametrize(
    ("planted", "fault"), [(planted, fault) for planted in PLANTED.values() for fault in planted.faults]
)
def test_a_fault_can_be_planted(planted: Planted, fault: str) -> None:
    """`multiprover soundness faults` builds and measures them."""
    patch = planted.faults[fault]
    source = (repository() / "provers" / planted.prover / patch.file).read_text(encoding="utf-8")
    assert f'crate::planted("{fault}")' in patch.apply(source)


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_the_dishonest_witness_can_be_planted(planted: Planted) -> None:
    for patch in planted.lies:
        source = (repository() / "provers" / planted.prover / patch.file).read_text(encoding="utf-8")
        assert patch.apply(source) != source


@pytest.mark.parametrize("prover", PLANTED)
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
def test_the_real_circuit_refuses_what_a_fault_lets_through(prover: str, attack: Callable[[], Case]) -> None:
    with closing(Tool.of(prover)) as tool:
        verdict = tool.check(attack())
    assert verdict.refusal is not None
    assert verdict.violated


@pytest.mark.parametrize("prover", PLANTED)
def test_a_tracer_that_drops_requirements_breaks_it(prover: str) -> None:
    with faults._tracer_without_requirements(), closing(Tool.of(prover)) as tool:
        assert tool.check(faults.replayed()).proves


@pytest.mark.parametrize("prover", PLANTED)
def test_a_true_batch(prover: str) -> None:
    with closing(Tool.of(prover)) as tool:
        assert tool.check(faults.honest()).accepts


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_no_such_fault(planted: Planted) -> None:
    with pytest.raises(CheckerError, match="expected one of assertion, opening"), planted.tool("fault"):
        pass
