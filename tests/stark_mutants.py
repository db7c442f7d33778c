"""L1 forms of stark proofs, and everything that is nearly one, for the contract and the native verifier.

``python tests/stark_mutants.py [COUNT] [SEED]`` asks both for their verdict on COUNT (3,000) mutants and
prints a line for each kind; it exits 1 where a verdict differs. It needs ``provers/stark/bin/l1``.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyrevm
from eth_abi.abi import encode
from eth_hash.auto import keccak
from reverts import reason_of

from multiprover.settlement.claims import VOUCH_ACCEPTED, ClaimError
from multiprover.settlement.stark import creation_code, joined, parts_of

ROOT = Path(__file__).resolve().parents[1]
FIXTURE = Path(__file__).parent / "fixtures" / "stark"
NATIVE = ROOT / "provers" / "stark" / "bin" / "l1"
P = 2**31 - 2**24 + 1
CALLER = "0x" + "11" * 20
SESSION = b"\x07" * 32
CLAIM = keccak(bytes(64))
VOUCH = "(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])"
MAX_TRANSACTION = 2**17
"""Bytes of the longest transaction that a node takes."""

SHAPE = {
    name: int(value, 0)
    for name, value in re.findall(
        r"constant (\w+) = (\w+);", (ROOT / "contracts" / "StarkShape.sol").read_text()
    )
}
"""The constants of contracts/StarkShape.sol."""

Statement = tuple[bytes, bytes, str, list[tuple[bytes, ...]]]


@dataclass(frozen=True)
class Case:
    """What both verifiers are asked.

    Attributes:
        publics: the 52 public values (docs/suites.md §12), 4 bytes each, big-endian.
        key: 0 for the proof's own key, 1 for another's.
    """

    kind: str
    publics: bytes
    proof: bytes
    key: int = 0


def frozen() -> Case:
    return Case("unchanged", (FIXTURE / "public_values").read_bytes(), (FIXTURE / "l1_proof").read_bytes())


def own_key() -> bytes:
    return (FIXTURE / "l1_verifier").read_bytes()


def other_key() -> bytes:
    """Another program's, of the same heights: its preprocessed columns are others."""
    key, cap = bytearray(own_key()), 48
    key[cap : cap + 64] = key[cap + 32 : cap + 64] + key[cap : cap + 32]
    return bytes(key)


def statement_of(case: Case) -> Statement:
    publics = case.publics
    payee = b"".join(publics[at + 2 : at + 4] for at in range(136, 176, 4))
    words = [publics[0:32], publics[32:64], publics[64:96], publics[96:116], publics[116:136]]
    return (publics[176:], CLAIM, "0x" + payee.hex(), [tuple(word.ljust(32, b"\x00") for word in words)])


# The parts of a proof, by the contract's constants and a key's heights


@dataclass(frozen=True)
class Sizes:
    """What a key makes of the shape."""

    evaluations: tuple[int, ...]
    arities: tuple[int, ...]

    @classmethod
    def of(cls, key: bytes) -> Sizes:
        groups = sorted({log + SHAPE["LOG_BLOWUP"] for log in key[32:40]}, reverse=True)
        arities, height, last = [], groups[0], SHAPE["LOG_BLOWUP"] + SHAPE["FINAL_BITS"]
        while height > last:
            below = max([last, *(group for group in groups if group < height)])
            arities.append(min(height - below, SHAPE["MAX_ARITY_BITS"]))
            height -= arities[-1]
        return cls(tuple(groups), tuple(arities))

    @property
    def cap(self) -> int:
        return 32 << SHAPE["CAP_HEIGHT"]

    def head(self) -> Iterator[tuple[str, int, int]]:
        """Name, size and unit of what comes before the queries."""

        def work(name: str) -> Iterator[tuple[str, int, int]]:
            if SHAPE[name]:
                yield "grinding", 4, 4

        yield "cap of columns", self.cap, 32
        yield from work("LOOKUP_GRINDING")
        yield "cap of buses", self.cap, 32
        yield "claims of buses", 160, 20
        yield "cap of quotients", self.cap, 32
        yield from work("OOD_GRINDING")
        yield "openings", 20 * SHAPE["NUM_OPENINGS"], 20
        yield from work("BATCH_GRINDING")
        for _ in self.arities:
            yield "cap of a folding", self.cap, 32
            yield from work("COMMIT_GRINDING")
        yield "last polynomial", 20 << SHAPE["FINAL_BITS"], 20
        yield from work("QUERY_GRINDING")

    def query(self) -> Iterator[tuple[str, int, int]]:
        levels = self.evaluations[0] - SHAPE["CAP_HEIGHT"]
        for name in ("MAIN", "QUOTIENT", "PREPROCESSED", "BUS"):
            widths = [SHAPE[f"{name}_COLUMNS"] >> 16 * table & 0x7FFF for table in range(8)]
            yield f"row of {name.lower()}", 4 * sum(widths), 4
            yield f"path of {name.lower()}", 32 * levels, 32
        for arity in self.arities:
            levels -= arity
            yield "coset of a folding", 20 * ((1 << arity) - 1), 20
            yield "path of a folding", 32 * levels, 32

    def context(self) -> Iterator[tuple[str, int, int]]:
        words = 3 + 2 * len(self.evaluations) + len(self.arities) + -(-SHAPE["NUM_QUERIES"] // 8)
        yield "context", 32 * words + (3 + len(self.arities)) * self.cap + (20 << SHAPE["FINAL_BITS"]), 32


def places(key: bytes, proof: bytes) -> dict[str, list[tuple[int, int, int]]]:
    """Start, size and unit (bytes) of everything in a framed proof, by kind."""
    sizes = Sizes.of(key)
    found: dict[str, list[tuple[int, int, int]]] = {}
    parts = parts_of(proof)
    at = 4 * (1 + len(parts))
    for i, part in enumerate(parts):
        end = at + len(part)
        for name, size, unit in sizes.head() if i == 0 else sizes.context():
            found.setdefault(name, []).append((at, size, unit))
            at += size
        while at < end:
            for name, size, unit in sizes.query():
                found.setdefault(name, []).append((at, size, unit))
                at += size
        assert at == end, "a part is not what the shape says"
    return found


# Mutants


def _replaced(proof: bytes, at: int, new: bytes) -> bytes:
    return proof[:at] + new + proof[at + len(new) :]


def _bit(rng: random.Random, proof: bytes, start: int, size: int, _: int) -> bytes:
    at = start + rng.randrange(size)
    return _replaced(proof, at, bytes([proof[at] ^ 1 << rng.randrange(8)]))


def _element(rng: random.Random, proof: bytes, start: int, size: int, _: int) -> bytes:
    at = start + 4 * rng.randrange(size // 4)
    old = int.from_bytes(proof[at : at + 4], "little")
    value = rng.choice([0, 1, P - 1, rng.randrange(P), (old + 1) % P])
    return _replaced(proof, at, value.to_bytes(4, "little"))


def _alias(rng: random.Random, proof: bytes, start: int, size: int, _: int) -> bytes:
    """A number that is no element: x + p, which is another encoding of x."""
    at = start + 4 * rng.randrange(size // 4)
    value = int.from_bytes(proof[at : at + 4], "little") % P
    return _replaced(proof, at, (value + P).to_bytes(4, "little"))


def _swap(rng: random.Random, proof: bytes, start: int, size: int, unit: int) -> bytes:
    if size < 2 * unit:
        return _bit(rng, proof, start, size, unit)
    a, b = (start + unit * i for i in rng.sample(range(size // unit), 2))
    return _replaced(_replaced(proof, a, proof[b : b + unit]), b, proof[a : a + unit])


MUTATIONS = {"bit": _bit, "element": _element, "alias": _alias, "swap": _swap}


def _wide(case: Case, rng: random.Random) -> Iterator[Case]:
    """Mutants of the whole."""
    parts, sizes = list(parts_of(case.proof)), Sizes.of(own_key())
    query = sum(size for _, size, _ in sizes.query())
    i = rng.randrange(len(parts))
    cut = rng.choice([1, 4, 32, query, len(parts[i])])
    yield replace(case, kind="part truncated", proof=joined([*parts[:i], parts[i][:-cut], *parts[i + 1 :]]))
    more = parts[i] + rng.choice([b"\x00", bytes(4), parts[i][-query:]])
    yield replace(case, kind="part extended", proof=joined([*parts[:i], more, *parts[i + 1 :]]))
    yield replace(case, kind="part twice", proof=joined([*parts[: i + 1], *parts[i:]]))
    yield replace(case, kind="part missing", proof=joined([*parts[:i], *parts[i + 1 :]]))
    yield replace(case, kind="parts turned", proof=joined(parts[::-1]))
    yield replace(case, kind="truncated", proof=case.proof[: -rng.randrange(1, len(case.proof))])
    yield replace(case, kind="extended", proof=case.proof + bytes(rng.choice([1, 4, 32])))
    yield replace(case, kind="empty", proof=b"")
    a, b = rng.sample(range(1, len(parts[0]) // query), 2)
    end = len(parts[0])
    first, second = parts[0][end - a * query :][:query], parts[0][end - b * query :][:query]
    swapped = _replaced(_replaced(parts[0], end - a * query, second), end - b * query, first)
    yield replace(case, kind="queries swapped", proof=joined([swapped, *parts[1:]]))
    twice = _replaced(parts[0], end - a * query, second)
    yield replace(case, kind="a query twice", proof=joined([twice, *parts[1:]]))
    yield replace(case, kind="another key", key=1)
    yield case


def _other_publics(case: Case, rng: random.Random) -> Iterator[Case]:
    for i in range(52):
        at, bound = 4 * i, 2**16 if 34 <= i < 44 else P
        value = int.from_bytes(case.publics[at : at + 4], "big")
        other = rng.choice(
            [(value + 1) % bound, rng.randrange(bound), (value ^ 1 << rng.randrange(16)) % bound]
        )
        if other != value:
            publics = _replaced(case.publics, at, other.to_bytes(4, "big"))
            yield replace(case, kind=f"public value {i}", publics=publics)


def mutants(count: int, seed: int) -> Iterator[Case]:
    """As many mutants as asked for, all kinds in turn; the proof itself is among them."""
    rng = random.Random(seed)  # noqa: S311
    case, made = frozen(), 0
    found = places(own_key(), case.proof)
    while True:
        batch = [*_wide(case, rng), *_other_publics(case, rng)]
        for kind, spots in found.items():
            for name, mutate in MUTATIONS.items():
                proof = mutate(rng, case.proof, *rng.choice(spots))
                if proof != case.proof:
                    batch.append(replace(case, kind=f"{kind}, {name}", proof=proof))
        rng.shuffle(batch)
        for each in batch:
            if made == count:
                return
            made += 1
            yield each


# Verdicts


def calldata(function: str, types: Sequence[str], values: Sequence[object]) -> bytes:
    return keccak(f"{function}({','.join(types)})".encode())[:4] + encode(types, values)


def step_data(statement: Statement, part: bytes, index: int, session: bytes = SESSION) -> bytes:
    return calldata("step", [VOUCH, "bytes"], [statement, session + index.to_bytes(4, "big") + part])


def prove_data(
    statement: Statement, part: bytes, index: int, target: str, data: bytes, session: bytes = SESSION
) -> bytes:
    carried = session + index.to_bytes(4, "big") + part
    return calldata("prove", [VOUCH, "bytes", "address", "bytes"], [statement, carried, target, data])


def verify_data(statement: Statement, proof: bytes = b"") -> bytes:
    return calldata("verify", [VOUCH, "bytes"], [statement, proof])


class Contract:
    """The adapter on a bare EVM, for one domain at a time."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.evm = pyrevm.EVM(spec_id="PRAGUE")
        self.evm.set_balance(CALLER, 10**30)
        self._keys = keys
        self._adapters: dict[tuple[int, bytes], str] = {}
        self.gas_used: list[int] = []
        """Of the transactions of the last case."""

    def adapter(self, key: int, domain: bytes) -> str:
        if (key, domain) not in self._adapters:
            code = creation_code(self._keys[key], domain)
            self._adapters[key, domain] = self.evm.deploy(CALLER, code)
        return self._adapters[key, domain]

    def call(self, to: str, data: bytes, caller: str = CALLER) -> bytes:
        """A transaction; :class:`RuntimeError` where it reverts."""
        answer = bytes(self.evm.message_call(caller=caller, to=to, calldata=data))
        self.gas_used.append(self.evm.result.gas_used)  # type: ignore[union-attr]
        return answer

    def reason(self, case: Case, caller: str = CALLER) -> str | None:
        """None if the contract accepts, else why not: ``framing`` where there is nothing to send it."""
        self.gas_used = []
        try:
            parts = parts_of(case.proof)
        except ClaimError:
            return "framing"
        statement = statement_of(case)
        adapter = self.adapter(case.key, statement[0])
        try:
            for i, part in enumerate(parts[:-1]):
                self.call(adapter, step_data(statement, part, i), caller)
            last = len(parts) - 1
            data = prove_data(statement, parts[last], last, adapter, verify_data(statement))
            answer = self.call(adapter, data, caller)
        except RuntimeError as error:
            return reason_of(error)
        assert answer[64:96] == VOUCH_ACCEPTED
        return None


def native_verdicts(cases: Sequence[Case], native: Path = NATIVE) -> list[bool]:
    """Whether the prover's own verifier accepts, with the fixture's key."""
    lines = "".join(f"0 {case.publics.hex()} {case.proof.hex()}\n" for case in cases)
    arguments: list[str | Path] = [native, "verify", FIXTURE / "verifying_key"]
    done = subprocess.run(arguments, input=lines, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(cases), f"expected {len(cases)} verdicts, got {len(answers)}"
    return [answer == "ok" for answer in answers]


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    contract = Contract([own_key(), other_key()])
    # The native verifier is asked about one key only.
    cases = [case for case in mutants(count, seed) if case.key == 0]
    kinds, different = Counter[tuple[str, str]](), 0
    for start in range(0, len(cases), 100):
        some = cases[start : start + 100]
        for case, accepted in zip(some, native_verdicts(some), strict=True):
            reason = contract.reason(case)
            kinds[case.kind, reason or "accepted"] += 1
            if accepted != (reason is None):
                different += 1
                print(f"DIFFERENT: {case.kind}: contract {reason or 'accepts'}, native {accepted}")
    for (kind, reason), times in sorted(kinds.items()):
        print(f"{times:6} {kind}: {reason}")
    print(f"{len(cases)} verdicts, {different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
