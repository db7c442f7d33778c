"""Plonky2Adapter on a frozen final proof, and on everything that is nearly one."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import reference_goldilocks as goldilocks
from eth_abi.abi import encode
from eth_hash.auto import keccak
from plonky2_mutants import (
    CALLER,
    CIRCUIT,
    FIXTURE,
    NATIVE,
    VALID,
    Case,
    Contract,
    frozen,
    mutants,
    native_verdicts,
    other_verifier,
    unhashed,
    verifier_data,
)
from reference_plonky2 import (
    ONE,
    ZERO,
    Challenges,
    K,
    Key,
    Openings,
    P,
    Refused,
    add,
    encoded,
    hash_inputs,
    inverse,
    mul,
    power,
    powers_sum,
    proof_bytes,
    root_of_unity,
    sub,
    transcript_header,
    vanishing,
    verify,
)
from reverts import reason_of
from settlement_support import CONTRACTS

from multiprover.settlement import contracts, plonky2
from multiprover.settlement.claims import ClaimError
from multiprover.settlement.contracts import CODE_SIZE_LIMIT, StaleArtefactError, artifact, sources
from multiprover.settlement.l1 import TRANSACTION_GAS_CAP, calldata_floor

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "solidity"
GAS = 5_000_000
SAMPLE = 320


@pytest.fixture(scope="module")
def contract() -> Contract:
    own = verifier_data()
    return Contract([own, other_verifier(own)])


def called(contract: Contract, to: str, data: bytes) -> bytes:
    """The answer to a transaction from anyone; fails with the contract's reason."""
    try:
        return bytes(contract.evm.message_call(caller=CALLER, to=to, calldata=data))
    except RuntimeError as error:
        raise AssertionError(reason_of(error)) from None


# Proofs


def test_a_proof_is_accepted(contract: Contract) -> None:
    assert contract.reason(frozen()) is None
    assert contract.gas_used < TRANSACTION_GAS_CAP // 2
    assert contract.gas_used < GAS


def test_the_model_accepts_it_too() -> None:
    case, own = frozen(), verifier_data()
    verify(CIRCUIT, Key(own.circuit_digest, own.cap), case.inputs, case.proof)
    with pytest.raises(Refused, match="identity"):
        verify(CIRCUIT, Key(own.circuit_digest[::-1], own.cap), case.inputs, case.proof)


def test_a_sibling_may_be_any_bytes(contract: Contract) -> None:
    """L1.md §1: contract, model and native verifier take it alike."""
    case, own = unhashed(), verifier_data()
    assert contract.reason(case) is None
    verify(CIRCUIT, Key(own.circuit_digest, own.cap), case.inputs, case.proof)
    if NATIVE.exists():
        assert native_verdicts([case], [FIXTURE / "verifier_data"]) == [True]


def test_only_proofs_are_accepted(contract: Contract) -> None:
    for case in mutants(SAMPLE, seed=2026):
        reason = contract.reason(case)
        assert (reason is None) == (case.kind in VALID), (case.kind, reason)


@pytest.mark.skipif(not NATIVE.exists(), reason="provers/plonky2/bin/l1 is not built")
def test_the_prover_verifies_as_the_contract_does(contract: Contract) -> None:
    cases = [case for case in mutants(SAMPLE, seed=7) if case.key == 0]
    native = native_verdicts(cases, [FIXTURE / "verifier_data"])
    assert [contract.reason(case) is None for case in cases] == native


@pytest.mark.parametrize("place", range(25))
def test_each_public_input_is_in_the_transcript(contract: Contract, place: int) -> None:
    """A proof that says nothing of one of them (weak Fiat-Shamir) would be good for many statements."""
    case = frozen()
    inputs = list(case.inputs)
    inputs[place] ^= 1
    assert contract.reason(Case("", tuple(inputs), case.proof)) == "plonky2: identity"


def test_a_proof_of_another_program_is_refused(contract: Contract) -> None:
    case = frozen()
    assert contract.reason(Case("", case.inputs, case.proof, key=1)) == "plonky2: identity"


def test_the_trees_of_another_program_are_refused() -> None:
    """The transcript has only the circuit's digest: the cap must be compared by itself."""
    own = verifier_data()
    other = plonky2.VerifierData(own.circuit_digest, own.cap[::-1])
    assert Contract([other]).reason(frozen()) == "plonky2: constants"


@pytest.mark.parametrize("place", [*range(16)])
def test_a_limb_of_the_statement_has_one_encoding(contract: Contract, place: int) -> None:
    case = frozen()
    for value in (P, 2**64 - 1):
        inputs = [*case.inputs]
        inputs[place] = value
        assert contract.reason(Case("", tuple(inputs), case.proof)) == "plonky2: public input"


# Verifier data


@pytest.mark.parametrize(
    ("digest", "cap", "reason"),
    [
        (bytes(32), [bytes(32)] * 31, "plonky2: cap"),
        (bytes(32), [bytes(32)] * 33, "plonky2: cap"),
        (bytes(32), [], "plonky2: cap"),
        (b"\x80" + bytes(31), [bytes(32)] * 32, "plonky2: digest"),
        (bytes(32), [*[bytes(32)] * 31, bytes(8) + b"\x80" + bytes(23)], "plonky2: digest"),
        (bytes(32), [bytes(24) + b"\xff" * 8, *[bytes(32)] * 31], "plonky2: digest"),
    ],
)
def test_bad_verifier_data_is_refused(
    contract: Contract, digest: bytes, cap: list[bytes], reason: str
) -> None:
    arguments = encode(["bytes32", "bytes32[]", "bytes32"], [digest, cap, bytes(32)])
    with pytest.raises(RuntimeError) as caught:
        contract.evm.deploy(CALLER, artifact("Plonky2Adapter").bytecode + arguments)
    assert reason.encode().hex() in str(caught.value)


def test_the_artefact_has_one_length() -> None:
    artefact = (FIXTURE / "l1_verifier").read_bytes()
    for wrong in (artefact[:-1], artefact + b"\x00", b""):
        with pytest.raises(ClaimError, match="expected 1056 bytes"):
            plonky2.VerifierData.decode(wrong)


# Vouching


VOUCH = "(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])"
PROVE = [VOUCH, "bytes", "address", "bytes"]
SETTLE = ["uint256", "bytes32", "bytes32", "(bytes32,bytes32,bytes32,bytes32)[]", "address", "bytes"]
CLAIM = keccak(bytes(64))


def call_of(function: str, types: Sequence[str], values: Sequence[object]) -> bytes:
    return keccak(f"{function}({','.join(types)})".encode())[:4] + encode(types, values)


def statement_of(case: Case, **changed: bytes) -> tuple[str, list[bytes]]:
    """Payee, then pre_root, post_root, c, z, y."""
    inputs = case.inputs
    words = [encoded(inputs[i : i + 4]) for i in (0, 4, 8)]
    words += [encoded(inputs[i : i + 2]) + bytes(16) for i in (12, 14)]
    payee = changed.get("payee") or b"".join(word.to_bytes(4, "big") for word in inputs[16:21])
    return "0x" + payee.hex(), words


def vouch_data(case: Case, settlement: str, proof_type: int = 1, **changed: bytes) -> bytes:
    """Calldata that proves, and has Settlement told of it."""
    payee, words = statement_of(case, **changed)
    domain = changed.get("domain", encoded(case.inputs[21:]))
    told = changed.get("told")
    results = [(words[1], told or words[2], words[3], words[4])]
    data = call_of("vouch", SETTLE, [proof_type, bytes(32), bytes(32), results, payee, b""])
    proved = (domain, CLAIM, payee, [tuple(words)])
    return call_of("prove", PROVE, [proved, changed.get("proof", case.proof), settlement, data])


def settlement(contract: Contract, domain: bytes, pre_root: bytes) -> str:
    code = artifact("MockSettlement", CONTRACTS).bytecode + encode(["bytes32", "bytes32"], [domain, pre_root])
    return str(contract.evm.deploy(CALLER, code))


def test_a_proof_vouches_in_one_transaction(contract: Contract) -> None:
    case = frozen()
    domain = encoded(case.inputs[21:])
    adapter = contract.adapter(0, domain)
    to = settlement(contract, domain, encoded(case.inputs[:4]))
    data = vouch_data(case, to)
    called(contract, adapter, data)
    assert calldata_floor(data) < GAS
    assert called(contract, to, keccak(b"vouches()")[:4])[-1] == 1


def test_settlement_is_believed_only_about_what_was_proved(contract: Contract) -> None:
    case = frozen()
    domain = encoded(case.inputs[21:])
    adapter = contract.adapter(0, domain)
    right = encoded(case.inputs[:4])
    wrong = encoded([case.inputs[0] ^ 1, *case.inputs[1:4]])
    with pytest.raises(AssertionError, match="plonky2: not proved"):
        called(contract, adapter, vouch_data(case, settlement(contract, domain, wrong)))
    with pytest.raises(AssertionError, match="plonky2: domain"):
        called(contract, adapter, vouch_data(case, settlement(contract, domain[::-1], right)))
    with pytest.raises(AssertionError, match="plonky2: domain"):
        called(contract, adapter, vouch_data(case, settlement(contract, domain, right), domain=domain[::-1]))
    with pytest.raises(AssertionError, match="plonky2: not proved"):
        called(contract, adapter, vouch_data(case, settlement(contract, domain, right), told=right))
    with pytest.raises(AssertionError, match="plonky2: identity"):
        called(contract, adapter, vouch_data(case, settlement(contract, domain, right), payee=b"\x01" * 20))
    # What Settlement says goes through.
    with pytest.raises(AssertionError, match="mock: proof type"):
        called(contract, adapter, vouch_data(case, settlement(contract, domain, right), proof_type=2))


def test_nothing_is_accepted_without_a_proof(contract: Contract) -> None:
    case = frozen()
    domain = encoded(case.inputs[21:])
    adapter = contract.adapter(0, domain)
    payee, words = statement_of(case)

    def ask(suites: int, proof: bytes) -> bytes:
        statement = (domain, CLAIM, payee, [tuple(words)] * suites)
        return called(contract, adapter, call_of("verify", [VOUCH, "bytes"], [statement, proof]))

    # The transaction that proved it is over.
    to = settlement(contract, domain, words[0])
    called(contract, adapter, vouch_data(case, to))
    with pytest.raises(AssertionError, match="plonky2: not proved"):
        ask(1, b"")
    with pytest.raises(AssertionError, match="plonky2: proof goes to prove"):
        ask(1, b"\x00")
    for suites in (0, 2):
        with pytest.raises(AssertionError, match="plonky2: suites"):
            ask(suites, b"")


def test_a_proof_has_one_length(contract: Contract) -> None:
    case = frozen()
    adapter = contract.adapter(0, encoded(case.inputs[21:]))
    for proof in (case.proof[:-1], case.proof + b"\x00", b""):
        with pytest.raises(AssertionError, match="plonky2: proof length"):
            called(contract, adapter, vouch_data(case, CALLER, proof=proof))


# The identities at zeta, by the model


def constraints(contract: Contract) -> str:
    domain = encoded(frozen().inputs[21:])
    word = called(contract, contract.adapter(0, domain), keccak(b"CONSTRAINTS()")[:4])
    return "0x" + word[12:].hex()


def test_public_inputs_are_hashed_as_in_the_circuit(contract: Contract) -> None:
    rng = random.Random(1)  # noqa: S311
    for inputs in ([0] * 25, [P - 1] * 25, [rng.randrange(P) for _ in range(25)]):
        data = keccak(b"hash(uint256[25])")[:4] + encode(["uint256[25]"], [inputs])
        assert called(contract, constraints(contract), data) == encoded(hash_inputs(inputs))


def holds(contract: Contract, openings: list[K], challenges: Challenges, inputs_hash: list[int]) -> bool:
    types = ["uint256[3]", "uint256[3]", "uint256[3]", "uint256[2]", "bytes32", "bytes"]
    values = [
        challenges.betas,
        challenges.gammas,
        challenges.alphas,
        challenges.zeta,
        encoded(inputs_hash),
        encoded([x for pair in openings for x in pair]),
    ]
    data = keccak(f"hold({','.join(types)})".encode())[:4] + encode(types, values)
    return bool(called(contract, constraints(contract), data)[-1])


def fitted(openings: list[K], challenges: Challenges, inputs_hash: list[int]) -> list[K]:
    """The openings with quotients that make the identities hold."""
    fit = list(openings)
    zeta_n = power(challenges.zeta, 2**CIRCUIT.degree_bits)
    for i, value in enumerate(vanishing(CIRCUIT, Openings(CIRCUIT, openings), challenges, inputs_hash)):
        at = sum(CIRCUIT.columns[:3]) + CIRCUIT.quotient_factor * i
        fit[at] = ZERO
        rest = powers_sum(Openings(CIRCUIT, fit).quotients(i), zeta_n)
        fit[at] = sub(mul(value, inverse(sub(zeta_n, ONE))), rest)
    return fit


def test_the_identities_are_those_of_the_model(contract: Contract) -> None:
    rng = random.Random(3)  # noqa: S311
    for extreme in (False, True):
        number = (lambda: P - 1) if extreme else (lambda: rng.randrange(P))
        zeta = (rng.randrange(P), rng.randrange(P))
        challenges = Challenges(*([number() for _ in range(3)] for _ in range(3)), zeta)
        inputs_hash = [number() for _ in range(4)]
        openings = [(number(), number()) for _ in range(CIRCUIT.openings)]
        openings = fitted(openings, challenges, inputs_hash)
        assert holds(contract, openings, challenges, inputs_hash)


def test_each_opening_counts(contract: Contract) -> None:
    """A constraint that the contract leaves out, or a wire that it does not read, shows here."""
    rng = random.Random(4)  # noqa: S311
    challenges = Challenges(
        *([rng.randrange(P) for _ in range(3)] for _ in range(3)), (rng.randrange(P), rng.randrange(P))
    )
    inputs_hash = [rng.randrange(P) for _ in range(4)]
    openings = fitted(
        [(rng.randrange(P), rng.randrange(P)) for _ in range(CIRCUIT.openings)], challenges, inputs_hash
    )
    for i in range(CIRCUIT.openings):
        changed = list(openings)
        changed[i] = add(changed[i], rng.choice([(1, 0), (0, 1)]))
        assert not holds(contract, changed, challenges, inputs_hash), i
    for i in range(4):
        other = list(inputs_hash)
        other[i] ^= 1
        assert not holds(contract, openings, challenges, other)


@pytest.mark.parametrize("row", range(len(CIRCUIT.gates)))
def test_each_gate_alone(contract: Contract, row: int) -> None:
    """With selectors on one row, only that gate's constraints count."""
    rng = random.Random(row)  # noqa: S311
    gate = CIRCUIT.gates[row]
    challenges = Challenges(
        *([rng.randrange(P) for _ in range(3)] for _ in range(3)), (rng.randrange(P), rng.randrange(P))
    )
    openings = [(rng.randrange(P), rng.randrange(P)) for _ in range(CIRCUIT.openings)]
    for selector in range(CIRCUIT.selectors):
        openings[selector] = (2**32 - 1, 0)
    openings[gate.selector] = (gate.row, 0)
    inputs_hash = [rng.randrange(P) for _ in range(4)]
    assert holds(contract, fitted(openings, challenges, inputs_hash), challenges, inputs_hash)


@pytest.mark.parametrize("place", [0, 101, 450, 2 * CIRCUIT.openings - 1])
def test_an_opening_is_canonical(contract: Contract, place: int) -> None:
    flat = [1] * (2 * CIRCUIT.openings)
    flat[place] = P
    openings = list(zip(flat[::2], flat[1::2], strict=True))
    with pytest.raises(AssertionError, match="plonky2: element"):
        holds(contract, openings, Challenges([1] * 3, [1] * 3, [1] * 3, (5, 6)), [1] * 4)


def test_zeta_in_the_subgroup_is_refused(contract: Contract) -> None:
    zeta = (root_of_unity(CIRCUIT.degree_bits), 0)
    openings = [ZERO] * CIRCUIT.openings
    with pytest.raises(AssertionError, match="plonky2: zeta"):
        holds(contract, openings, Challenges([1] * 3, [1] * 3, [1] * 3, zeta), [1] * 4)


# The sources


def test_the_shape_is_the_circuit() -> None:
    text = (sources() / "Plonky2Shape.sol").read_text()
    found = {name: value for name, value in re.findall(r"^uint256 constant (\w+) = (\w+);", text, re.M)}
    assert found.pop("LDE_BITS", None) is None  # an expression
    assert {name: int(value, 0) for name, value in found.items()} == {
        "P": P,
        "MASK64": 2**64 - 1,
        "GENERATOR": 14293326489335486720,
        "NUM_PUBLIC_INPUTS": 25,
        "NUM_SELECTORS": CIRCUIT.selectors,
        "UNUSED_SELECTOR": 2**32 - 1,
        "NUM_CONSTANTS": CIRCUIT.constants,
        "NUM_ROUTED": CIRCUIT.routed,
        "NUM_WIRES": CIRCUIT.wires,
        "NUM_CHALLENGES": CIRCUIT.challenges,
        "NUM_PARTIALS": CIRCUIT.partials,
        "QUOTIENT_FACTOR": CIRCUIT.quotient_factor,
        "NUM_GATE_CONSTRAINTS": CIRCUIT.gate_constraints,
        "DEGREE_BITS": CIRCUIT.degree_bits,
        "RATE_BITS": CIRCUIT.rate_bits,
        "CAP_HEIGHT": CIRCUIT.cap_height,
        "GRINDING_BITS": CIRCUIT.grinding_bits,
        "NUM_QUERIES": CIRCUIT.queries,
        "NUM_LAYERS": len(CIRCUIT.arities),
        "ARITY_BITS": sum(bits << 8 * i for i, bits in enumerate(CIRCUIT.arities)),
        "MAX_ARITY_BITS": max(CIRCUIT.arities),
        "FINAL_BITS": CIRCUIT.degree_bits - sum(CIRCUIT.arities),
        "DEGREE_ROOT": root_of_unity(CIRCUIT.degree_bits),
        "LDE_ROOT": root_of_unity(CIRCUIT.lde_bits),
        "PROOF_BYTES": proof_bytes(CIRCUIT),
    }
    assert f'hex"{encoded(transcript_header(CIRCUIT)).hex()}"' in text
    assert 2**CIRCUIT.cap_height == plonky2.CAP_DIGESTS


@pytest.mark.skipif(not NATIVE.exists(), reason="provers/plonky2/bin/l1 is not built")
def test_the_circuit_is_the_provers() -> None:
    done = subprocess.run(
        [NATIVE, "describe", FIXTURE / "verifier_data"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)

    def gate(name: str) -> list[str]:
        """What a gate is, without what Rust prints of its type."""
        return re.findall(r"\w+", re.split(r"_phantom|barycentric_weights|PhantomData", name)[0])

    assert [(gate(g["id"]), g["row"], g["selector"], tuple(g["group"])) for g in found["gates"]] == [
        (gate(g.name), g.row, g.selector, g.group) for g in CIRCUIT.gates
    ]
    assert found["proof_bytes"] == proof_bytes(CIRCUIT)
    assert (found["queries"], found["pow_bits"], tuple(found["arities"])) == (
        CIRCUIT.queries,
        CIRCUIT.grinding_bits,
        tuple(CIRCUIT.arities),
    )
    assert found["oracles"] == CIRCUIT.columns


def test_the_round_constants_are_the_published_ones() -> None:
    text = (sources() / "Plonky2Constraints.sol").read_text()
    words = [int(word, 16) for word in re.findall(r'^        hex"([0-9a-f]{64})"', text, re.M)]
    lanes = [(word >> 86 * lane) % 2**86 for word in words for lane in range(3)]
    assert lanes == [c for constants in goldilocks.round_constants() for c in constants]


def test_the_contracts_fit() -> None:
    assert artifact("Plonky2Adapter").runtime_bytes <= CODE_SIZE_LIMIT
    assert len(artifact("Plonky2Adapter").bytecode) <= 2 * CODE_SIZE_LIMIT  # EIP-3860


def test_an_artefact_of_other_sources_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (*sources().glob("*.sol"), sources() / contracts.SOLIDITY_ARTEFACT):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(contracts, "sources", lambda: tmp_path)
    artifact.cache_clear()
    artifact("Plonky2Adapter")
    shape = tmp_path / "Plonky2Shape.sol"
    shape.write_text(shape.read_text().replace("NUM_QUERIES = 19", "NUM_QUERIES = 1"))
    artifact.cache_clear()
    with pytest.raises(StaleArtefactError, match=r"Plonky2Shape\.sol"):
        artifact("Plonky2Adapter")
    artifact.cache_clear()


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no Node")
def test_the_artefact_is_made_from_the_sources(tmp_path: Path) -> None:
    """Byte for byte, by the compiler that scripts/solidity pins."""
    folder = tmp_path / "solidity"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(
        ["npm", "ci", "--silent", "--ignore-scripts"], cwd=folder, capture_output=True, check=False
    )
    if installed.returncode:
        pytest.skip("the compiler cannot be had")
    made = tmp_path / "made.json"
    subprocess.run(["node", "build.mjs", sources(), made], cwd=folder, check=True)
    assert made.read_bytes() == (sources() / contracts.SOLIDITY_ARTEFACT).read_bytes()
