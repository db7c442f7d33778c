"""Final plonky2 proofs and everything that is nearly one, for the contract and for the native verifier.

``python tests/plonky2_mutants.py [COUNT] [SEED]`` asks both for their verdict on COUNT (3,000) mutants and
prints a line for each kind; it exits 1 where a verdict differs. It needs ``provers/plonky2/bin/l1``.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyrevm
from eth_abi.abi import encode
from eth_hash.auto import keccak
from reference_plonky2 import Circuit, Gate, P, elements, encoded
from reverts import reason_of

from multiprover.settlement.claims import VOUCH_ACCEPTED
from multiprover.settlement.plonky2 import VerifierData, creation_code

FIXTURE = Path(__file__).parent / "fixtures" / "plonky2"
NATIVE = Path(__file__).resolve().parents[1] / "provers" / "plonky2" / "bin" / "l1"
CALLER = "0x" + "11" * 20
SUITE = "(bytes32,bytes32,bytes32,bytes32,bytes32)"
CHECK = keccak(f"check({SUITE},address,bytes)".encode())[:4]
GATES = (
    ("NoopGate", 0),
    ("PoseidonMdsGate(PhantomData)<WIDTH=12>", 0),
    ("PublicInputGate", 0),
    ("BaseSumGate { num_limbs: 55 } + Base: 2", 0),
    ("ReducingExtensionGate { num_coeffs: 25 }", 0),
    ("ReducingGate { num_coeffs: 43 }", 0),
    ("ArithmeticExtensionGate { num_ops: 7 }", 1),
    ("ArithmeticGate { num_ops: 14 }", 1),
    ("MulExtensionGate { num_ops: 9 }", 1),
    ("ExponentiationGate { num_power_bits: 54, _phantom: PhantomData }<D=2>", 1),
    ("RandomAccessGate { bits: 4, num_copies: 3, num_extra_constants: 2, _phantom: PhantomData }<D=2>", 2),
    ("CosetInterpolationGate { subgroup_bits: 4, degree: 6, barycentric_weights: [] }<D=2>", 2),
    ("PoseidonGate(PhantomData)<WIDTH=12>", 3),
)
GROUPS = ((0, 6), (6, 10), (10, 12), (12, 13))

CIRCUIT = Circuit(
    gates=[Gate(name, row, selector, GROUPS[selector]) for row, (name, selector) in enumerate(GATES)],
    selectors=4,
    constants=6,
    routed=56,
    wires=135,
    challenges=3,
    partials=6,
    quotient_factor=8,
    gate_constraints=123,
    degree_bits=12,
    rate_bits=8,
    cap_height=5,
    grinding_bits=25,
    queries=19,
    arities=(4,),
)
"""The final circuit as provers/plonky2/L1.md freezes it."""


@dataclass(frozen=True)
class Case:
    """What both verifiers are asked.

    Attributes:
        inputs: the 25 public inputs (docs/suites.md §9).
        key: 0 for the proof's own verifier data, 1 for another's.
    """

    kind: str
    inputs: tuple[int, ...]
    proof: bytes
    key: int = 0


def frozen() -> Case:
    inputs = elements((FIXTURE / "public_inputs").read_bytes())
    return Case("unchanged", tuple(inputs), (FIXTURE / "proof").read_bytes())


def verifier_data() -> VerifierData:
    return VerifierData.decode((FIXTURE / "l1_verifier").read_bytes())


def unhashed() -> Case:
    """A valid proof by a prover who put 32 bytes that no hash gives where a path's sibling was asked for.

    Of the same statement and circuit; ``provers/plonky2/examples/l1.rs`` made it.
    """
    return Case("sibling that is no hash", frozen().inputs, (FIXTURE / "proof_any_sibling").read_bytes())


NO_HASH = b"\xff" * 32
VALID = ("unchanged", "sibling that is no hash")
"""The kinds that are proofs."""


# The parts of a proof


def parts(circuit: Circuit) -> dict[str, list[tuple[int, int, int]]]:
    """Start, size and unit (bytes) of every part, by kind."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    offset = 0

    def part(kind: str, size: int, unit: int) -> None:
        nonlocal offset
        found.setdefault(kind, []).append((offset, size, unit))
        offset += size

    cap = 32 << circuit.cap_height
    for name in ("wires", "products", "quotients"):
        part(f"cap of {name}", cap, 32)
    part("openings", 16 * sum(circuit.columns), 16)
    part("openings at the next point", 16 * circuit.challenges, 16)
    for _ in circuit.arities:
        part("cap of a folding", cap, 32)
    part("final polynomial", 16 << (circuit.degree_bits - sum(circuit.arities)), 16)
    part("grinding", 8, 8)
    for _ in range(circuit.queries):
        levels = circuit.lde_bits - circuit.cap_height
        for name, count in zip(("constants", "wires", "products", "quotients"), circuit.columns, strict=True):
            part(f"leaf of {name}", 8 * count, 8)
            part(f"path of {name}", 32 * levels, 32)
        for bits in circuit.arities:
            levels -= bits
            part("coset of a folding", 16 * ((1 << bits) - 1), 16)
            part("path of a folding", 32 * levels, 32)
    return found


# Mutants


def _replaced(proof: bytes, at: int, new: bytes) -> bytes:
    return proof[:at] + new + proof[at + len(new) :]


def _bit(rng: random.Random, proof: bytes, start: int, size: int, _: int) -> bytes:
    at = start + rng.randrange(size)
    return _replaced(proof, at, bytes([proof[at] ^ 1 << rng.randrange(8)]))


def _element(rng: random.Random, proof: bytes, start: int, size: int, _: int) -> bytes:
    at = start + 8 * rng.randrange(size // 8)
    value = rng.choice([0, 1, P - 1, rng.randrange(P), (elements(proof[at : at + 8])[0] + 1) % P])
    return _replaced(proof, at, value.to_bytes(8, "big"))


def _alias(rng: random.Random, proof: bytes, start: int, size: int, _: int) -> bytes:
    """A word that is no element: x + p where that fits, else p or more."""
    words = [(start + 8 * i, elements(proof[start + 8 * i :][:8])[0]) for i in range(size // 8)]
    small = [(at, value) for at, value in words if value + P < 2**64]
    at, value = rng.choice(small or [(at, rng.randrange(2**64 - P)) for at, _ in words])
    return _replaced(proof, at, (value + P).to_bytes(8, "big"))


def _swap(rng: random.Random, proof: bytes, start: int, size: int, unit: int) -> bytes:
    if size < 2 * unit:
        return _bit(rng, proof, start, size, unit)
    a, b = (start + unit * i for i in rng.sample(range(size // unit), 2))
    return _replaced(_replaced(proof, a, proof[b : b + unit]), b, proof[a : a + unit])


MUTATIONS = {"bit": _bit, "element": _element, "alias": _alias, "swap": _swap}


def _wide(case: Case, rng: random.Random) -> Iterator[Case]:
    """Mutants of the whole."""
    proof = case.proof
    cut = rng.choice([1, 8, 16, 32, len(proof) - rng.randrange(len(proof))])
    yield Case("truncated", case.inputs, proof[:-cut])
    yield Case("extended", case.inputs, proof + bytes(rng.choice([1, 8, 32])))
    yield Case("a word too early", case.inputs, proof[8:] + proof[:8])
    yield Case("empty", case.inputs, b"")
    first = parts(CIRCUIT)["leaf of constants"]
    start, size = first[0][0], first[1][0] - first[0][0]
    a, b = (start + size * i for i in rng.sample(range(CIRCUIT.queries), 2))
    swapped = _replaced(_replaced(proof, a, proof[b : b + size]), b, proof[a : a + size])
    yield Case("queries swapped", case.inputs, swapped)
    yield Case("a query twice", case.inputs, _replaced(proof, a, proof[b : b + size]))
    yield Case("another verifier", case.inputs, proof, 1)
    yield case


def _siblings(rng: random.Random) -> Iterator[Case]:
    """Siblings may be any bytes: the native verifier must hash them as they stand, and only those."""
    case = unhashed()
    yield case
    at = case.proof.index(NO_HASH)
    for kind, word in (
        ("no hash, modulo p", 2**64 - 1 - P),
        ("no hash, another", rng.randrange(P, 2**64)),
        ("no hash, top bit", 2**63 - 1),
    ):
        place = at + 8 * rng.randrange(4)
        yield Case(f"sibling: {kind}", case.inputs, _replaced(case.proof, place, word.to_bytes(8, "big")))
    paths = [part for name, found in parts(CIRCUIT).items() if name.startswith("path") for part in found]
    for made in (case, frozen()):
        start, size, _ = rng.choice(paths)
        place = start + 32 * rng.randrange(size // 32)
        for kind, new in (("no hash", NO_HASH), ("any", rng.randbytes(32)), ("zeros", bytes(32))):
            proof = _replaced(made.proof, place, new)
            if proof != made.proof:
                yield Case(f"sibling: {kind}", made.inputs, proof)


def _other_inputs(case: Case, rng: random.Random) -> Iterator[Case]:
    for i, value in enumerate(case.inputs):
        bound = 2**32 if 16 <= i < 21 else P
        other = rng.choice([(value + 1) % bound, rng.randrange(bound), value ^ 1 << rng.randrange(31)])
        inputs = list(case.inputs)
        inputs[i] = other % bound
        if inputs[i] != value:
            yield Case(f"public input {i}", tuple(inputs), case.proof)


def mutants(count: int, seed: int) -> Iterator[Case]:
    """As many mutants as asked for, all kinds in turn; the proof itself is among them."""
    rng = random.Random(seed)  # noqa: S311
    case, made = frozen(), 0
    while True:
        batch = [*_wide(case, rng), *_siblings(rng), *_other_inputs(case, rng)]
        for kind, places in parts(CIRCUIT).items():
            for name, mutate in MUTATIONS.items():
                proof = mutate(rng, case.proof, *rng.choice(places))
                batch.append(Case(f"{kind}, {name}", case.inputs, proof))
        for each in batch:
            if made == count:
                return
            made += 1
            yield each


# Verdicts


def other_verifier(own: VerifierData) -> VerifierData:
    """Another program's: its circuit digest and cap are another's."""
    turned = bytes(b ^ 1 for b in own.circuit_digest)
    return VerifierData(turned, (*own.cap[1:], own.cap[0]))


class Contract:
    """The adapter on a bare EVM, for one domain at a time."""

    def __init__(self, verifiers: Sequence[VerifierData]) -> None:
        self.evm = pyrevm.EVM(spec_id="PRAGUE")
        self.evm.set_balance(CALLER, 10**30)
        self._verifiers = verifiers
        self._adapters: dict[tuple[int, bytes], str] = {}
        self.gas_used = 0
        """Of the last call."""

    def adapter(self, key: int, domain: bytes) -> str:
        if (key, domain) not in self._adapters:
            code = creation_code(self._verifiers[key], domain)
            self._adapters[key, domain] = self.evm.deploy(CALLER, code)
        return self._adapters[key, domain]

    def reason(self, case: Case) -> str | None:
        """None if the contract accepts, else why not."""
        pre, post, c = (encoded(case.inputs[i : i + 4]) for i in (0, 4, 8))
        z, y = (encoded(case.inputs[i : i + 2]) + bytes(16) for i in (12, 14))
        payee = b"".join(word.to_bytes(4, "big") for word in case.inputs[16:21])
        data = CHECK + encode(
            [SUITE, "address", "bytes"], [(pre, post, c, z, y), "0x" + payee.hex(), case.proof]
        )
        adapter = self.adapter(case.key, encoded(case.inputs[21:25]))
        try:
            answer = self.evm.message_call(caller=CALLER, to=adapter, calldata=data)
        except RuntimeError as error:
            return reason_of(error)
        self.gas_used = self.evm.result.gas_used  # type: ignore[union-attr]
        assert bytes(answer) == VOUCH_ACCEPTED
        return None


def native_verdicts(cases: Sequence[Case], files: Sequence[Path], native: Path = NATIVE) -> list[bool]:
    """Whether the prover's own verifier accepts; one of the verifier's files for each key."""
    lines = "".join(f"{case.key} {encoded(case.inputs).hex()} {case.proof.hex() or '-'}\n" for case in cases)
    done = subprocess.run([native, "verify", *files], input=lines, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(cases), f"expected {len(cases)} verdicts, got {len(answers)}"
    return [answer == "ok" for answer in answers]


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    own = verifier_data()
    contract = Contract([own, other_verifier(own)])
    # The native verifier's files hold the whole circuit, so it is asked about one program only.
    cases = [case for case in mutants(count, seed) if case.key == 0]
    reasons = [contract.reason(case) for case in cases]
    native: list[bool] = []
    for at in range(0, len(cases), 200):
        native += native_verdicts(cases[at : at + 200], [FIXTURE / "verifier_data"])
    kinds, different = Counter[tuple[str, str]](), 0
    for case, reason, accepted in zip(cases, reasons, native, strict=True):
        kinds[case.kind, reason or "accepted"] += 1
        if accepted != (reason is None):
            different += 1
            print(f"DIFFERENT: {case.kind}: contract {reason or 'accepts'}, native {accepted}")
    for (kind, reason), times in sorted(kinds.items()):
        print(f"{times:5} {kind}: {reason}")
    print(
        f"{len(cases)} mutants, {sum(native)} accepted by the native verifier, {different} different verdicts"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
