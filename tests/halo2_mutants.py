"""halo2 proofs and everything that is nearly one, for the contract and for the native verifier.

``python tests/halo2_mutants.py [COUNT] [SEED]`` asks both for their verdict on COUNT (3,000) mutants and
prints a line for each kind; it exits 1 where a verdict differs. It needs ``provers/halo2/bin/l1``.

``python tests/halo2_mutants.py freeze`` has the prover make the frozen proof again: needed when the circuit's
constraint system changes, after ``make contracts``.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyrevm
from eth_abi.abi import encode
from eth_hash.auto import keccak
from reverts import reason_of

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.registry import Fleet, Registry
from multiprover.settlement.claims import VOUCH_ACCEPTED
from multiprover.settlement.contracts import sources
from multiprover.settlement.halo2 import HEADER_BYTES, creation_code

FIXTURE = Path(__file__).parent / "fixtures" / "halo2"
CASES = Path(__file__).resolve().parents[1] / "vectors" / "conformance" / "token.json"
NATIVE = Path(__file__).resolve().parents[1] / "provers" / "halo2" / "bin" / "l1"
CALLER = "0x" + "11" * 20
VOUCH = "(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])"
VERIFY = keccak(f"verify({VOUCH},bytes)".encode())[:4]

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
INPUTS = ("pre_root", "post_root", "c", "z", "y", "payee", "domain")

SHAPE = {
    name: int(value, 0)
    for name, value in re.findall(
        r"^uint256 constant (\w+) = (\w+);", (sources() / "Halo2Shape.sol").read_text(), re.MULTILINE
    )
}
"""The constants of the contract."""


@dataclass(frozen=True)
class Case:
    """What a verifier is asked.

    Attributes:
        kind: how it was made.
        inputs: the seven public inputs; those that a statement gives as 32 bytes are below ``2^256``.
        key: place of its key among those that are asked about.
    """

    kind: str
    inputs: tuple[int, ...]
    proof: bytes
    key: int = 0


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def number(proof: bytes, at: int) -> int:
    return int.from_bytes(proof[at : at + 32], "big")


def own_key() -> bytes:
    """The frozen proof's key."""
    return (FIXTURE / "l1_verifier").read_bytes()


def frozen() -> Case:
    """The frozen proof."""
    words = (FIXTURE / "inputs").read_bytes()
    inputs = tuple(number(words, 32 * i) for i in range(len(INPUTS)))
    return Case("unchanged", inputs, (FIXTURE / "proof").read_bytes())


def with_point(key: bytes, place: int, point: bytes) -> bytes:
    at = HEADER_BYTES + 64 * place
    return key[:at] + point + key[at + 64 :]


def other_key(key: bytes) -> bytes:
    """Another program's: two columns of the permutation have changed places."""
    places = SHAPE["NUM_FIXED"], SHAPE["NUM_FIXED"] + 1
    first, second = (key[HEADER_BYTES + 64 * place :][:64] for place in places)
    return with_point(with_point(key, places[0], second), places[1], first)


# G1


def double_of(point: tuple[int, int]) -> tuple[int, int]:
    """Twice a point of the curve ``y² = x³ + 3`` that is not infinity."""
    x, y = point
    slope = 3 * x * x * pow(2 * y, -1, P)
    dx = (slope * slope - 2 * x) % P
    return dx, (slope * (x - dx) - y) % P


# The parts of a proof


def parts() -> dict[str, list[tuple[int, int]]]:
    """Start and size (bytes) of every part, by kind; points in 64 bytes, scalars in 32."""
    found: dict[str, list[tuple[int, int]]] = {}
    offset = 0

    def part(kind: str, count: int, size: int) -> None:
        nonlocal offset
        found[kind] = [(offset + size * i, size) for i in range(count)]
        offset += count * size

    part("advice", SHAPE["NUM_ADVICE"], 64)
    part("permuted lookup", 2 * SHAPE["NUM_LOOKUPS"], 64)
    part("product", SHAPE["NUM_PRODUCTS"] + SHAPE["NUM_LOOKUPS"], 64)
    part("random polynomial", 1, 64)
    part("piece of the quotient", SHAPE["NUM_PIECES"], 64)
    part("scalar", SHAPE["NUM_SCALARS"], 32)
    part("W", 2, 64)
    assert offset == SHAPE["PROOF_BYTES"]
    return found


# Mutants


def _replaced(proof: bytes, at: int, new: bytes) -> bytes:
    return proof[:at] + new + proof[at + len(new) :]


def _bit(rng: random.Random, proof: bytes, place: tuple[int, int], _: Sequence[tuple[int, int]]) -> bytes:
    at = place[0] + rng.randrange(place[1])
    return _replaced(proof, at, bytes([proof[at] ^ 1 << rng.randrange(8)]))


def _alias(rng: random.Random, proof: bytes, place: tuple[int, int], _: Sequence[tuple[int, int]]) -> bytes:
    """The same number once more, above its modulus: scalars modulo R, coordinates modulo P."""
    at, size = place
    modulus = R if size == 32 else P
    if size == 64:
        at += 32 * rng.randrange(2)
    return _replaced(proof, at, word(number(proof, at) + modulus * rng.randrange(1, 5)))


def _value(rng: random.Random, proof: bytes, place: tuple[int, int], _: Sequence[tuple[int, int]]) -> bytes:
    """Another scalar, or another point of the curve."""
    at, size = place
    if size == 32:
        value = number(proof, at)
        return _replaced(proof, at, word(rng.choice([0, 1, R - 1, rng.randrange(R), (value + 1) % R])))
    x, y = number(proof, at), number(proof, at + 32)
    new = rng.choice([(x, P - y), double_of((x, y)), (1, 2)])
    return _replaced(proof, at, word(new[0]) + word(new[1]))


def _bad(rng: random.Random, proof: bytes, place: tuple[int, int], _: Sequence[tuple[int, int]]) -> bytes:
    """What is no scalar, or no point: infinity, off the curve, coordinates exchanged."""
    at, size = place
    if size == 32:
        return _replaced(proof, at, word(rng.choice([R, 2**256 - 1])))
    x, y = number(proof, at), number(proof, at + 32)
    new = rng.choice([(0, 0), (x, (y + 1) % P), (y, x), (P, 0), (0, P), (x, 0), (2**256 - 1, y)])
    return _replaced(proof, at, word(new[0]) + word(new[1]))


def _swap(rng: random.Random, proof: bytes, place: tuple[int, int], all_: Sequence[tuple[int, int]]) -> bytes:
    """Two of a kind exchanged, or the other one twice; of one alone, its words."""
    at, size = place
    if len(all_) == 1:
        return _replaced(proof, at, proof[at + 32 : at + 64] + proof[at : at + 32])
    other = rng.choice([other for other in all_ if other != place])[0]
    changed = _replaced(proof, at, proof[other : other + size])
    return changed if rng.randrange(2) else _replaced(changed, other, proof[at : at + size])


MUTATIONS = {"bit": _bit, "alias": _alias, "value": _value, "bad": _bad, "swap": _swap}


def _wide(case: Case, rng: random.Random) -> Iterator[Case]:
    """Mutants of the whole."""
    proof = case.proof
    cut = rng.choice([1, 32, 64, len(proof) - rng.randrange(len(proof))])
    yield Case("truncated", case.inputs, proof[:-cut])
    yield Case("extended", case.inputs, proof + bytes(rng.choice([1, 32, 64])))
    yield Case("a word too early", case.inputs, proof[32:] + proof[:32])
    yield Case("empty", case.inputs, b"")
    yield Case("zeros", case.inputs, bytes(len(proof)))
    yield Case("another key", case.inputs, proof, 1)
    yield case


def _other_inputs(case: Case, rng: random.Random) -> Iterator[Case]:
    for i, (name, value) in enumerate(zip(INPUTS, case.inputs, strict=True)):
        bound = 2**160 if name == "payee" else R
        others = [(value + 1) % bound, rng.randrange(bound), 0, (value ^ 1 << rng.randrange(150)) % bound]
        # A domain is reduced as in a circuit: to the same public input, so it is left out here.
        if name not in ("payee", "domain"):
            others.append(value + R)
        other = rng.choice(others)
        if other != value:
            yield Case(f"{name} changed", (*case.inputs[:i], other, *case.inputs[i + 1 :]), case.proof)


def mutants(count: int, seed: int) -> Iterator[Case]:
    """As many mutants as asked for, all kinds in turn; the proof itself is among them."""
    rng = random.Random(seed)  # noqa: S311
    case, made = frozen(), 0
    while True:
        batch = [*_wide(case, rng), *_other_inputs(case, rng)]
        for kind, places in parts().items():
            for name, mutate in MUTATIONS.items():
                proof = mutate(rng, case.proof, rng.choice(places), places)
                kind_ = "unchanged" if proof == case.proof else f"{kind}, {name}"
                batch.append(Case(kind_, case.inputs, proof))
        for each in batch:
            if made == count:
                return
            made += 1
            yield each


# Verdicts


class Contract:
    """The adapter on a bare EVM, for one domain at a time."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.evm = pyrevm.EVM(spec_id="PRAGUE")
        self.evm.set_balance(CALLER, 10**30)
        self._keys = keys
        self._adapters: dict[tuple[int, int], str] = {}
        self.gas_used = 0
        """Of the last call, as a transaction."""

    def adapter(self, key: int, domain: int) -> str:
        if (key, domain) not in self._adapters:
            code = creation_code(self._keys[key], word(domain))
            self._adapters[key, domain] = self.evm.deploy(CALLER, code)
        return self._adapters[key, domain]

    def ask(
        self, to: str, domain: bytes, payee: bytes, suites: Sequence[Sequence[bytes]], proof: bytes
    ) -> str:
        """Empty if the contract at ``to`` accepts, else why not."""
        vouch = (domain, bytes(32), "0x" + payee.hex(), [tuple(suite) for suite in suites])
        data = VERIFY + encode([VOUCH, "bytes"], [vouch, proof])
        try:
            answer = self.evm.message_call(caller=CALLER, to=to, calldata=data)
        except RuntimeError as error:
            return reason_of(error)
        self.gas_used = self.evm.result.gas_used  # type: ignore[union-attr]
        assert bytes(answer) == VOUCH_ACCEPTED
        return ""

    def reason(self, case: Case) -> str:
        """Empty if the contract accepts, else why not."""
        *suite, payee, domain = map(word, case.inputs)
        adapter = self.adapter(case.key, case.inputs[6])
        return self.ask(adapter, domain, payee[12:], [suite], case.proof)


def native_verdicts(cases: Sequence[Case], keys: Sequence[Path]) -> list[str]:
    """What the prover's own verifier says of each: ``ok`` or why not."""
    lines = ""
    for case in cases:
        *inputs, domain = case.inputs
        # As a public input, a domain is reduced (docs/suites.md §2).
        public = b"".join(map(word, [*inputs, domain % R])).hex()
        lines += f"{case.key} {public} {case.proof.hex() or '-'}\n"
    done = subprocess.run([NATIVE, "verify", *keys], input=lines, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(cases), f"expected {len(cases)} verdicts, got {len(answers)}"
    return answers


def freeze() -> None:
    """Prove the first conformance case, and keep key, public inputs and proof."""
    case = json.loads(CASES.read_text())["cases"][0]
    prepare = pb.PrepareRequest.FromString(b64decode(case["prepare"]))
    request = pb.ProveRequest.FromString(b64decode(case["prove"]))
    with TemporaryDirectory() as cache, Fleet(Registry.load(), ["halo2"], Path(cache)) as fleet:
        prover = fleet.provers["halo2"]
        prepared = prover.prepare(prepare)
        request.key_id = prepared.key_id
        request.statement.CopyFrom(prover.describe().statement(request.statement))
        proof = prover.prove(request).proof.l1_proof
    (suite,) = request.statement.suites
    inputs = [suite.pre_root, suite.post_root, suite.commitment, suite.challenge, suite.evaluation]
    inputs += [bytes(12) + request.statement.payee, request.statement.domain]
    (FIXTURE / "l1_verifier").write_bytes(prepared.artefacts["l1_verifier"])
    (FIXTURE / "inputs").write_bytes(b"".join(inputs))
    (FIXTURE / "proof").write_bytes(proof)


def main() -> int:
    if sys.argv[1:] == ["freeze"]:
        freeze()
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    contract = Contract([own_key()])
    cases = [case for case in mutants(count, seed) if case.key == 0]
    reasons = [contract.reason(case) for case in cases]
    native: list[str] = []
    for at in range(0, len(cases), 500):
        native += native_verdicts(cases[at : at + 500], [FIXTURE / "l1_verifier"])
    kinds, different = Counter[tuple[str, str]](), 0
    for case, reason, answer in zip(cases, reasons, native, strict=True):
        kinds[case.kind, reason or "accepted"] += 1
        if (answer == "ok") != (not reason):
            different += 1
            print(f"DIFFERENT: {case.kind}: contract {reason or 'accepts'}, native {answer}")
    for (kind, reason), times in sorted(kinds.items()):
        print(f"{times:5} {kind}: {reason}")
    print(f"{len(cases)} mutants, {native.count('ok')} accepted by the native verifier, {different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
