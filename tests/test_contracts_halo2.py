"""Halo2Adapter on a frozen proof, and on everything that is nearly one."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pyrevm
import pytest
from eth_hash.auto import keccak
from halo2_mutants import (
    CALLER,
    FIXTURE,
    INPUTS,
    NATIVE,
    SHAPE,
    Case,
    Contract,
    P,
    R,
    frozen,
    mutants,
    native_verdicts,
    other_key,
    own_key,
    with_point,
    word,
)
from reverts import reason_of

from multiprover.settlement import halo2
from multiprover.settlement.claims import ClaimError
from multiprover.settlement.client import MAX_PROOF
from multiprover.settlement.contracts import CODE_SIZE_LIMIT, artifact, sources

GAS = 600_000
SAMPLE = 320
built = pytest.mark.skipif(not NATIVE.exists(), reason="provers/halo2/bin/l1 is not built")


@pytest.fixture(scope="module")
def contract() -> Contract:
    own = own_key()
    return Contract([own, other_key(own)])


# Proofs


def test_a_proof_is_accepted(contract: Contract) -> None:
    case = frozen()
    assert contract.reason(case) == ""
    assert contract.gas_used < GAS
    assert contract.gas_used < halo2.HALO2_GAS + 21_000
    assert len(case.proof) == SHAPE["PROOF_BYTES"] <= MAX_PROOF


def test_only_the_proof_itself_is_accepted(contract: Contract) -> None:
    for case in mutants(SAMPLE, seed=2026):
        reason = contract.reason(case)
        assert (reason == "") == (case.kind == "unchanged"), (case.kind, reason)


@built
def test_the_prover_verifies_as_the_contract_does(contract: Contract) -> None:
    cases = [case for case in mutants(SAMPLE, seed=7) if case.key == 0]
    native = native_verdicts(cases, [FIXTURE / "l1_verifier"])
    assert [contract.reason(case) == "" for case in cases] == [answer == "ok" for answer in native]


@pytest.mark.parametrize("place", range(len(INPUTS)))
def test_each_public_input_is_in_the_transcript(contract: Contract, place: int) -> None:
    """A proof that says nothing of one of them (weak Fiat-Shamir) would be good for many statements."""
    case = frozen()
    inputs = list(case.inputs)
    inputs[place] ^= 1
    assert contract.reason(Case("", tuple(inputs), case.proof)) == "halo2: proof"


@pytest.mark.parametrize("place", range(5))
def test_a_public_input_has_one_encoding(contract: Contract, place: int) -> None:
    """The same element once more, above the modulus, would be a second statement with the same proof."""
    case = frozen()
    for value in (case.inputs[place] + R, R, 2**256 - 1):
        inputs = (*case.inputs[:place], value, *case.inputs[place + 1 :])
        assert contract.reason(Case("", inputs, case.proof)) == "halo2: public input"


def test_a_proof_of_another_program_is_refused(contract: Contract) -> None:
    case = frozen()
    assert contract.reason(Case("", case.inputs, case.proof, key=1)) == "halo2: proof"


@pytest.mark.parametrize("place", range(SHAPE["NUM_FIXED"] + SHAPE["NUM_PERMUTED"]))
def test_each_point_of_the_key_counts(place: int) -> None:
    other = with_point(own_key(), place, word(1) + word(2))
    assert Contract([other]).reason(frozen()) == "halo2: proof"


def test_a_proof_has_one_length(contract: Contract) -> None:
    case = frozen()
    for proof in (case.proof[:-1], case.proof + b"\0", case.proof[:-32], case.proof + bytes(64), b""):
        assert contract.reason(Case("", case.inputs, proof)) == "halo2: proof length"


def test_the_statement_is_of_this_deployment_and_of_one_suite(contract: Contract) -> None:
    case = frozen()
    *suite, payee, domain = map(word, case.inputs)
    adapter = contract.adapter(0, case.inputs[6])

    def ask(domain: bytes, suites: Sequence[Sequence[bytes]]) -> str:
        return contract.ask(adapter, domain, payee[12:], suites, case.proof)

    assert ask(domain, [suite]) == ""
    assert ask(domain[::-1], [suite]) == "halo2: domain"
    # As a field element it would be the same domain.
    assert ask(word(case.inputs[6] + R), [suite]) == "halo2: domain"
    assert ask(domain, []) == "halo2: suites"
    assert ask(domain, [suite, suite]) == "halo2: suites"


# Keys


def created(key: bytes) -> str:
    """Empty if an adapter can be created for a key, else why not."""
    evm = pyrevm.EVM(spec_id="PRAGUE")
    evm.set_balance(CALLER, 10**30)
    try:
        evm.deploy(CALLER, halo2.creation_code(key, bytes(32)))
    except RuntimeError as error:
        return reason_of(error)
    return ""


def changed(place: int, value: int) -> bytes:
    key = own_key()
    return key[: 32 * place] + word(value) + key[32 * (place + 1) :]


G2_GENERATOR = (
    11559732032986387107991004021392285783925812861821192530917403151452391805634,
    10857046999023057135944570762232829481370756359578518086990519993285655852781,
    4082367875863433681332203403145435568316851327593401208105741076214120093531,
    8495653923123431417604973247489272438418190587263600148770280649306958101930,
)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (own_key(), ""),
        (own_key()[:-1], "halo2: key length"),
        (own_key() + bytes(64), "halo2: key length"),
        (b"", "halo2: key length"),
        (changed(0, SHAPE["SHAPE"] ^ 1), "halo2: shape"),
        (changed(1, 3), "halo2: rows"),
        (changed(1, 29), "halo2: rows"),
        (changed(1, 2**255), "halo2: rows"),
        (changed(2, R), "halo2: digest"),
        (changed(3, 2), "halo2: setup"),
        (changed(3, 0), ""),
        (changed(4, P), "halo2: G2 point"),
        (changed(7, 1), "halo2: G2 point"),
        (with_point(own_key(), 0, word(0) + word(0)), ""),
        (with_point(own_key(), 0, word(1) + word(1)), "halo2: key point"),
        (with_point(own_key(), 20, word(1 + P) + word(2)), "halo2: key point"),
        (with_point(own_key(), 20, word(1) + word(2 + P)), "halo2: key point"),
        (with_point(own_key(), 3, word(P) + word(0)), "halo2: key point"),
    ],
)
def test_bad_keys_are_refused(key: bytes, reason: str) -> None:
    assert created(key) == reason


# On the twist, and not in the group: the cofactor is not 1.
OUTSIDE = (
    0,
    1,
    5912654199736721486680175016176231956195085055698687135131307249486702594212,
    18278151005453108793778860132295291098363647455926340152056652516292830556603,
)


@pytest.mark.parametrize("point", [(0, 0, 0, 0), G2_GENERATOR, OUTSIDE])
def test_a_bad_setup_is_refused(point: tuple[int, ...]) -> None:
    """With tau 0 or 1 anybody opens any commitment to anything; outside the group pairings mean nothing."""
    key = own_key()
    assert created(key[:128] + b"".join(map(word, point)) + key[256:]) == "halo2: G2 point"


@built
@pytest.mark.parametrize("point", [(0, 0, 0, 0), G2_GENERATOR, OUTSIDE])
def test_the_prover_refuses_a_bad_setup_too(tmp_path: Path, point: tuple[int, ...]) -> None:
    key, path = own_key(), tmp_path / "key"
    path.write_bytes(key[:128] + b"".join(map(word, point)) + key[256:])
    done = subprocess.run([NATIVE, "verify", path], input="", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert ("tau is 1" if point == G2_GENERATOR else "G2 point") in done.stderr


def test_the_setup_is_visible_on_l1() -> None:
    insecure, ceremony = own_key(), changed(3, 0)
    assert halo2.is_insecure(insecure)
    assert not halo2.is_insecure(ceremony)
    for key, expected in ((insecure, 1), (ceremony, 0)):
        mine = Contract([key])
        question = keccak(b"INSECURE_SETUP()")[:4]
        answer = mine.evm.message_call(caller=CALLER, to=mine.adapter(0, 1), calldata=question)
        assert int.from_bytes(bytes(answer), "big") == expected
    with pytest.raises(ClaimError, match="l1_verifier of halo2"):
        halo2.is_insecure(insecure[:200])


@built
def test_the_prover_refuses_bad_keys_too(tmp_path: Path) -> None:
    for key in (changed(0, 1), changed(1, 3), changed(2, 1), changed(3, 2), changed(4, P), own_key()[:-1]):
        path = tmp_path / "key"
        path.write_bytes(key)
        done = subprocess.run([NATIVE, "verify", path], input="", capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "key:" in done.stderr


# Shape and artefact


@built
def test_contract_and_circuit_have_the_same_shape() -> None:
    shape = json.loads(subprocess.run([NATIVE, "shape"], capture_output=True, text=True, check=True).stdout)
    assert int(shape["digest"], 16) == SHAPE["SHAPE"]
    assert shape["proof_bytes"] == SHAPE["PROOF_BYTES"]
    source = subprocess.run([NATIVE, "solidity"], capture_output=True, text=True, check=True).stdout
    assert source == (sources() / "Halo2Shape.sol").read_text()


def test_the_contract_fits() -> None:
    assert artifact("Halo2Adapter").runtime_bytes <= CODE_SIZE_LIMIT


def test_memory_is_laid_out_without_overlap() -> None:
    """The places follow each other; the compiler's own memory ends before the first."""
    text = (sources() / "Halo2Shape.sol").read_text()
    places = re.findall(r"^uint256 constant (\w+_AT|MEMORY_END) = (\d+);", text, re.MULTILINE)
    addresses = [int(at) for _, at in places[: [name for name, _ in places].index("MEMORY_END") + 1]]
    assert addresses == sorted(addresses)
    kept = [int(at) for at in re.findall(r"mstore\(add\(o, (\d+)\)", text)]
    assert SHAPE["SHARED_AT"] <= min(kept)
    assert max(kept) + 32 <= SHAPE["MODULUS_AT"]
