"""A fair sample of lies to every prover; `multiprover soundness mutate` tells as many as one likes."""

from __future__ import annotations

from unittest import mock

import pytest

from multiprover.soundness import bank, faults
from multiprover.soundness.checkers import CheckerError
from multiprover.soundness.mutation import Requests, mutate

SAMPLE = {
    "groth16": 4000,
    "halo2": 3000,
    "plonky2": 4000,
    "plonky2/segment": 1500,
    "plonky2/root": 150,
    "stark": 4000,
    "sgx": 2500,
}
KINDS = dict.fromkeys(SAMPLE, 5) | {"stark": 3, "sgx": 3}


@pytest.mark.parametrize("prover", SAMPLE)
def test_no_lie_survives(prover: str) -> None:
    report = mutate(prover, SAMPLE[prover], start=7).document()
    assert report["survived"] == []
    assert report["mutants"] == SAMPLE[prover]
    assert report["killed"] + sum(entry["mutants"] for entry in report["harmless"]) == SAMPLE[prover]
    assert len(report["kinds"]) == KINDS[prover]


def test_a_lie_survives_where_the_enclave_checks_no_opening() -> None:
    """The mutator sees what it should see."""
    enclave = Requests()
    try:
        world = bank.world()
        payment = bank.payment(world).on(world)
        case = world.honest("payment", (bank.SOURCE, bank.CLASS), [payment], 1)
        assert enclave.mutate(case, 400, 3)["survived"] == []
        with mock.patch.object(faults._sgx_module("proving"), "_expect_root", return_value=None):
            assert enclave.check(faults.inflated()).proves
        assert not enclave.check(faults.inflated()).proves
    finally:
        enclave.close()


def test_a_prover_without_a_mutator() -> None:
    with pytest.raises(CheckerError, match="expected one of groth16, halo2, plonky2, stark, sgx"):
        mutate("acme", 10)


def test_a_circuit_that_is_not_there() -> None:
    with pytest.raises(CheckerError, match="expected one of plonky2/segment, plonky2/join, plonky2/root"):
        mutate("plonky2/leaf", 10)
