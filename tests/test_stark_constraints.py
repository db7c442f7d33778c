"""StarkConstraints against the proving library, on random openings and on changed ones."""

from __future__ import annotations

import subprocess

import pytest
from stark_constraints import (
    CLAIMS,
    HEIGHTS,
    NATIVE,
    OPENINGS,
    Contract,
    frozen,
    mutants,
    native_verdicts,
    random_calls,
)

from multiprover.settlement.contracts import CODE_SIZE_LIMIT, artifact, sources

SAMPLE = 90
built = pytest.mark.skipif(not NATIVE.exists(), reason="provers/stark/bin/constraints is not built")


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract()


def test_random_openings_hold(contract: Contract) -> None:
    """Random but for the quotients, which are the library's: so every constraint counts in every one."""
    assert all(contract.holds(call) for call in frozen())


def test_changed_ones_do_not(contract: Contract) -> None:
    """Openings and public values that no constraint reads may change: HASH's next row, the payee."""
    calls = frozen() * (SAMPLE // 2)
    for kind, call in mutants(calls, seed=5):
        if kind not in ("opening", "zero", "swap", "public"):
            assert not contract.holds(call), kind


@pytest.mark.parametrize("table", range(8))
def test_every_table_is_checked(contract: Contract, table: int) -> None:
    """A height is in selectors, vanishing polynomial and quotient of its table alone."""
    call = bytearray(frozen()[0])
    call[HEIGHTS + 31 - table] += 1
    assert not contract.holds(bytes(call))


@pytest.mark.parametrize("height", [25, 64, 255])
def test_a_height_beyond_the_field_is_refused(contract: Contract, height: int) -> None:
    call = bytearray(frozen()[0])
    call[HEIGHTS + 31] = height
    assert not contract.holds(bytes(call))


def test_claims_that_do_not_cancel_are_refused(contract: Contract) -> None:
    call = bytearray(frozen()[0])
    call[CLAIMS] ^= 1
    assert not contract.holds(bytes(call))


def test_a_call_without_openings_is_refused(contract: Contract) -> None:
    """What is missing is 0, and then the constraints of HASH's permutation fail."""
    assert not contract.holds(frozen()[0][:OPENINGS])


@built
def test_the_library_agrees(contract: Contract) -> None:
    calls = random_calls(SAMPLE, seed=3)
    changed = [call for _, call in mutants(calls, seed=3)]
    assert native_verdicts(calls) == [contract.holds(call) for call in calls] == [True] * SAMPLE
    verdicts = native_verdicts(changed)
    assert verdicts == [contract.holds(call) for call in changed]
    assert verdicts.count(False) > SAMPLE * 2 // 3


@built
def test_the_program_is_that_of_the_tables() -> None:
    run = subprocess.run([NATIVE, "solidity"], capture_output=True, check=True)
    assert (sources() / "StarkProgram.sol").read_bytes() == run.stdout, "run `make contracts`"


def test_the_contract_fits() -> None:
    assert artifact("StarkConstraints").runtime_bytes <= CODE_SIZE_LIMIT
