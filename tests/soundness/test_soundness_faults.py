"""Some planted faults; all of them by `multiprover soundness faults`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

import multiprover.risk
from multiprover.provers.manifest import Manifest
from multiprover.soundness import faults, settling
from multiprover.soundness.checkers import CheckerError, repository
from multiprover.soundness.faults import CATALOGUE, Cell, Fault, Row
from multiprover.soundness.planting import Patch

QUICK = (
    "source without a rule",
    "tracer drops requirements",
    "executor ignores requirements",
    "executor checks no signature",
    "enclave checks no opening",
    "leaked enclave key",
    "setup kept its secrets",
    "setup kept its secret (Halo2)",
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


def foreseen(fault: Fault) -> Row:
    """What the catalogue expects of a fault, as if it had been measured."""
    cells = {name: Cell(name in fault.foreseen, "") for name in faults.ALL}
    rests = tuple(n for n in faults.ALL if any(c.id == fault.component for c in MANIFESTS[n].components))
    return Row(
        fault.name,
        fault.layer,
        fault.component,
        fault.what,
        cells,
        rests,
        fault.foreseen,
        fault.lies,
    )


SNAPSHOT = Path(multiprover.risk.__file__).parent / "data/manifests.json"
MANIFESTS = {m.proof_type: m for m in TypeAdapter(tuple[Manifest, ...]).validate_json(SNAPSHOT.read_bytes())}


def test_every_component_has_a_fault_that_breaks_whoever_rests_on_it() -> None:
    rows = [foreseen(fault) for fault in CATALOGUE]
    said = {name: MANIFESTS[name] for name in faults.ALL}
    assert faults.problems(rows, said) == []
    without = [row for row in rows if row.component != "curve-bn254"]
    missing = faults.problems(without, said)
    assert [text.split(", ")[0] for text in missing] == [
        "groth16 lists curve-bn254",
        "halo2 lists curve-bn254",
    ]
    lie = replace(rows[0], component="solc", rests=("plonky2",), cells=ONLY_SGX)
    (hidden,) = faults.problems([*rows, lie], said)
    assert hidden.endswith("sgx accepts, and its manifest does not list solc")


ONLY_SGX = {name: Cell(name == "sgx", "") for name in faults.ALL}


def test_what_settlement_does() -> None:
    """Played on L1; all of it by the command."""
    dual = ("groth16", "sgx")
    caught = settling.played(dual, ["groth16"], "result")
    assert caught.conflict
    assert (caught.stolen_gwei, caught.false_final, caught.replaced) == (0, {}, ("groth16",))
    assert caught.text == "conflict, true in an hour"
    lost = settling.played(dual, ["groth16", "sgx"], "inputs")
    assert lost.stolen_gwei == settling.SMALL + settling.LARGE
    assert lost.text == "lost at once"
    assert settling.worst([caught, lost]) is lost
    with pytest.raises(CheckerError, match="expected a liar among groth16, sgx"):
        settling.played(dual, ["plonky2"], "result")


def test_the_page_has_every_fault() -> None:
    page = (repository() / "docs/soundness.md").read_text(encoding="utf-8")
    matrix = page.split(faults.START)[1].split(faults.END)[0]
    for fault in CATALOGUE:
        (line,) = (text for text in matrix.splitlines() if text.startswith(f"| {fault.name}:"))
        cells = [cell.strip() for cell in line.split("|")[3 : 3 + len(faults.ALL)]]
        expected = ["**accepts**" if name in fault.foreseen else "refuses" for name in faults.ALL]
        assert cells == expected, fault.name


def test_a_patch_whose_place_is_gone_is_an_error() -> None:
    with pytest.raises(CheckerError, match="found it 0 times"):
        Patch("file", "not there", "").apply("text")
