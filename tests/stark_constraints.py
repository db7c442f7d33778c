"""Calls of StarkConstraints, everything that is nearly one, and the proving library's verdict on both.

``python tests/stark_constraints.py [COUNT] [SEED]`` asks contract and library for their verdict on COUNT
(2,000) random calls that hold and as many that were changed, and prints a line for each kind; it exits 1
where a verdict differs. It needs ``make -C provers/stark bin/constraints``.
``python tests/stark_constraints.py freeze`` makes the fixture again.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyrevm

from multiprover.settlement.contracts import artifact

FIXTURE: Final = Path(__file__).parent / "fixtures" / "stark" / "constraints"
NATIVE: Final = Path(__file__).resolve().parents[1] / "provers" / "stark" / "bin" / "constraints"
CALLER: Final = "0x" + "11" * 20
P: Final = 2**31 - 2**24 + 1
ROOT: Final = 0x6AC49F88  # of unity, of order 2^24

TABLES: Final = 8
HEIGHTS: Final = 4 * 32
PUBLICS: Final = HEIGHTS + 32
CLAIMS: Final = PUBLICS + 4 * 52
OPENINGS: Final = CLAIMS + 20 * TABLES
FROZEN: Final = 2


class Contract:
    """StarkConstraints in an EVM of its own."""

    def __init__(self) -> None:
        self.evm = pyrevm.EVM(gas_limit=2**40)
        self.evm.set_balance(CALLER, 10**30)
        self.address = self.evm.deploy(CALLER, artifact("StarkConstraints").bytecode)

    def holds(self, call: bytes) -> bool:
        answer = bytes(self.evm.message_call(caller=CALLER, to=self.address, calldata=call))
        assert answer in (bytes(32), bytes(31) + b"\x01")
        return answer[31] == 1

    @property
    def gas(self) -> int:
        """Of the last call, with what its data costs."""
        assert self.evm.result is not None
        return int(self.evm.result.gas_used)


def frozen() -> list[bytes]:
    """Random calls that hold."""
    data = FIXTURE.read_bytes()
    size = len(data) // FROZEN
    return [data[i * size : (i + 1) * size] for i in range(FROZEN)]


def random_calls(count: int, seed: int) -> list[bytes]:
    """Random calls that hold, from the library."""
    run = subprocess.run(
        [NATIVE, "vectors", str(count), str(seed)], capture_output=True, check=True, encoding="ascii"
    )
    return [bytes.fromhex(line) for line in run.stdout.split()]


def native_verdicts(calls: list[bytes]) -> list[bool]:
    """What the library says."""
    text = "".join(call.hex() + "\n" for call in calls)
    run = subprocess.run([NATIVE, "verify"], input=text, capture_output=True, check=True, encoding="ascii")
    return [line == "1" for line in run.stdout.split()]


def _replaced(call: bytes, at: int, part: bytes) -> bytes:
    return call[:at] + part + call[at + len(part) :]


def _challenge(call: bytes, number: int, coefficients: list[int]) -> bytes:
    word = sum(c << (32 * i) for i, c in enumerate(coefficients))
    return _replaced(call, 32 * number, word.to_bytes(32, "big"))


def _added(call: bytes, opening: int, coefficient: int, by: int) -> bytes:
    """One coefficient of what begins at `opening`, changed by `by`."""
    at = opening + 4 * coefficient
    value = (int.from_bytes(call[at : at + 4], "little") + by) % P
    return _replaced(call, at, value.to_bytes(4, "little"))


def mutants(calls: list[bytes], seed: int) -> Iterator[tuple[str, bytes]]:
    """Of each call one that was changed, and how. Some still hold: not every opening is in a constraint."""
    chance = random.Random(seed)  # noqa: S311
    kinds = ("opening", "zero", "swap", "challenge", "height", "public", "claim", "claims", "subgroup")
    for number, call in enumerate(calls):
        kind = kinds[number % len(kinds)]
        opening, other = (20 * chance.randrange((len(call) - OPENINGS) // 20) + OPENINGS for _ in range(2))
        table, second = chance.sample(range(TABLES), 2)
        coefficient, by = chance.randrange(5), chance.randrange(1, P)
        match kind:
            case "opening":
                changed = _added(call, opening, coefficient, by)
            case "zero":
                changed = _replaced(call, opening, bytes(20))
            case "swap":
                first, last = call[opening : opening + 20], call[other : other + 20]
                changed = _replaced(_replaced(call, opening, last), other, first)
            case "challenge":
                changed = _challenge(call, chance.randrange(4), [chance.randrange(P) for _ in range(5)])
            case "height":
                height = call[HEIGHTS + 31 - table] % 18 + 3
                changed = _replaced(call, HEIGHTS + 31 - table, bytes([height]))
            case "public":
                changed = _replaced(call, PUBLICS + 4 * chance.randrange(52), by.to_bytes(4, "big"))
            case "claim":
                changed = _added(call, CLAIMS + 20 * table, coefficient, by)
            case "claims":  # their sum stays 0
                changed = _added(call, CLAIMS + 20 * table, coefficient, by)
                changed = _added(changed, CLAIMS + 20 * second, coefficient, -by)
            case _:  # zeta is a row of a table
                order = 1 << call[HEIGHTS + 31 - table]
                changed = _challenge(
                    call, 3, [pow(ROOT, (2**24 // order) * chance.randrange(order), P), 0, 0, 0, 0]
                )
        yield kind, changed


def main(arguments: list[str]) -> int:
    if arguments == ["freeze"]:
        FIXTURE.write_bytes(b"".join(random_calls(FROZEN, 2026)))
        return 0
    count, seed = (int(argument) for argument in (*arguments, *("2000", "1")[len(arguments) :]))
    contract = Contract()
    calls = random_calls(count, seed)
    cases = [("holds", call) for call in calls] + list(mutants(calls, seed))
    native = native_verdicts([call for _, call in cases])
    verdicts: Counter[tuple[str, bool]] = Counter()
    differing = 0
    for (kind, call), expected in zip(cases, native, strict=True):
        verdicts[kind, expected] += 1
        differing += contract.holds(call) != expected
    for (kind, holds), number in sorted(verdicts.items()):
        print(f"{kind:10} {'holds' if holds else 'refused':8} {number}")
    print(f"{differing} of {len(cases)} differ; the last took {contract.gas} gas")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
