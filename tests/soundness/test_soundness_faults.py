"""Some planted faults; all of them by `multiprover soundness faults`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from multiprover.soundness import faults
from multiprover.soundness.checkers import CheckerError, repository
from multiprover.soundness.faults import CATALOGUE, Cell, Row
from multiprover.soundness.planting import Patch

QUICK = (
    "source without a rule",
    "tracer drops requirements",
    "executor ignores requirements",
    "executor checks no signature",
    "enclave checks no opening",
    "leaked enclave key",
    "setup kept its secrets",
    "assertion left out (R1CS)",
    "quotient not absorbed (Plonky2)",
    "public inputs not absorbed (Plonky2)",
)


@pytest.fixture(scope="module")
def bench() -> Iterator[faults.Bench]:
    made = faults.Bench()
    yield made
    made.close()


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_breaks_the_types_foreseen(bench: faults.Bench, name: str) -> None:
    (fault,) = (f for f in CATALOGUE if f.name == name)
    cells = fault.measure(bench)
    assert tuple(n for n in faults.ALL if cells[n].accepts) == fault.foreseen, cells


def test_nobody_accepts_a_false_batch_without_a_fault(bench: faults.Bench) -> None:
    for make in (faults.replayed, faults.overflowing, faults.inflated):
        cells = bench.ask(make())
        assert not any(cell.accepts for cell in cells.values()), cells


def test_a_true_batch_is_accepted_by_all(bench: faults.Bench) -> None:
    assert all(cell.accepts for cell in bench.ask(faults.honest()).values())


def row(*accepting: str) -> Row:
    cells = {name: Cell(name in accepting, "") for name in faults.ALL}
    return Row("a fault", "lowering", "groth16-lowering", "", cells, ("groth16",), tuple(accepting))


def test_what_settlement_does() -> None:
    assert row("groth16").settles() == {
        "dual groth16 + sgx": "not final without sgx; the true claim conflicts",
        "dual groth16 + plonky2": "not final without plonky2; the true claim conflicts",
        "triple": "not final without plonky2, sgx; the true claim conflicts",
    }
    assert row("groth16", "plonky2").settles()["dual groth16 + plonky2"] == "final: a false root is settled"
    assert row("sgx").settles()["dual groth16 + plonky2"] == "no vouch"
    assert row("groth16").within_manifests
    assert not row("groth16", "plonky2").within_manifests


def test_the_page_has_every_fault() -> None:
    page = (repository() / "docs/soundness.md").read_text(encoding="utf-8")
    matrix = page.split(faults.START)[1].split(faults.END)[0]
    for fault in CATALOGUE:
        (line,) = (text for text in matrix.splitlines() if text.startswith(f"| {fault.name}:"))
        cells = [cell.strip() for cell in line.split("|")[3:6]]
        expected = ["**accepts**" if name in fault.foreseen else "refuses" for name in faults.ALL]
        assert cells == expected, fault.name


def test_a_patch_whose_place_is_gone_is_an_error() -> None:
    with pytest.raises(CheckerError, match="found it 0 times"):
        Patch("file", "not there", "").apply("text")
