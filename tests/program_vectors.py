"""Writes vectors/programs.json: `python tests/program_vectors.py > vectors/programs.json`.

Batches as requests to a prover, good ones and forged ones. For each operation one program computes all of its
vectors in ``vectors/operations.json`` and asserts their results, which come from there and from nothing of
the package; another one asserts one wrong result. The rest are batches of one transition with state,
signatures, cells and divisions, of which the forged ones break one rule each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from multiprover.ledger.batch import Transaction  # noqa: E402
from multiprover.program import Code, Op, Program  # noqa: E402
from multiprover.program.ir import Kind  # noqa: E402
from multiprover.soundness import bank, faults  # noqa: E402
from multiprover.soundness.programs import load_class  # noqa: E402
from multiprover.soundness.world import Case, World  # noqa: E402

INPUT_WORDS = 3
SUITES = ("bn254", "goldilocks", "koalabear")
OPERATIONS: list[dict[str, Any]] = json.loads((ROOT / "vectors/operations.json").read_text(encoding="utf-8"))[
    "vectors"
]


def program(entries: list[dict[str, Any]], off: int = 0) -> Program:
    """A program that computes each vector and asserts the result; ``off`` is added to what is expected."""
    ops: list[Op] = []
    for word in range(INPUT_WORDS):
        ops += [Op(Code.PARAM, (), (word,), 0, 2**32 - 1), Op(Code.RANGE, (2 * word,), (), 0, 0)]

    def emit(op: Op) -> int:
        ops.append(op)
        return len(ops) - 1

    def place(of: dict[str, str], zero: int) -> int:
        value = int(of["value"])
        constant = emit(Op(Code.CONST, (), (), value, value))
        # Not a constant: the sum with an input word, which is held to 0.
        summed = emit(Op(Code.ADD, (constant, zero), (), value, value))
        return emit(Op(Code.RANGE, (summed,), (), int(of["lo"]), int(of["hi"])))

    for entry in entries:
        places = {name: place(of, 1 + 2 * n) for n, (name, of) in enumerate(entry["inputs"].items())}
        out, code = entry["outputs"], entry["operation"]
        lo, hi = int(out["lo"]), int(out["hi"])
        if code == "REMAINDER":
            x, y = entry["inputs"]["a"], entry["inputs"]["b"]
            (alo, ahi), (blo, bhi) = ((int(v["lo"]), int(v["hi"])) for v in (x, y))
            low = alo // blo if alo < 0 else alo // bhi
            high = ahi // bhi if ahi < 0 else ahi // blo
            quotient = emit(Op(Code.DIVMOD, (places["a"], places["b"]), (), low, high))
            found = emit(Op(Code.REMAINDER, (quotient,), (), lo, hi))
        else:
            found = emit(Op(Code[code], tuple(places.values()), (), lo, hi))
        value = int(out["value"]) + off
        expected = emit(Op(Code.CONST, (), (), value, value))
        emit(Op(Code.ASSERT, (emit(Op(Code.EQ, (found, expected), (), 0, 1)),)))
    noop = Kind("noop", False, (), (), (), ())
    made = Program("operations", SUITES, (), (), (noop,), INPUT_WORDS, 0, (), 0, (), False, tuple(ops))
    return Program.decode(made.encoded)


def case(name: str, entries: list[dict[str, Any]], off: int = 0) -> Case:
    """A batch of one slot of :func:`program`."""
    world = World(load_class(bank.SOURCE, bank.CLASS), program=program(entries, off))
    made = world.forged(name, ("", ""), [Transaction(bytes(4 * INPUT_WORDS))], 1, "")
    return replace(made, valid=not off)


def wrong(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The last vector whose result is not known when the circuit is made."""
    return next(e for e in reversed(entries) if e["outputs"]["lo"] != e["outputs"]["hi"])


def cases() -> Iterator[Case]:
    """All of them."""
    by_code: dict[str, list[dict[str, Any]]] = {}
    for entry in OPERATIONS:
        by_code.setdefault(entry["operation"], []).append(entry)
    for code, entries in by_code.items():
        yield case(f"{code.lower()}_all", entries)
        yield case(f"{code.lower()}_wrong", [wrong(entries)], 1)
    for name, made in [
        ("bank_payment", faults.honest()),
        ("bank_nonce", faults.replayed()),
        ("bank_range", faults.overflowing()),
        ("bank_signature", faults.unsigned(faults.SPOILT)),
        ("bank_opening", faults.inflated()),
        ("bank_division", faults.miscalculated(Code.DIVMOD)[0]),
    ]:
        yield replace(made, name=name)


def vectors() -> list[dict[str, Any]]:
    return [
        {
            "name": made.name,
            "operation": "batch",
            "inputs": {
                "program": "0x" + made.program.encoded.hex(),
                "slots": made.slots,
                "request": "0x" + made.prove.SerializeToString(deterministic=True).hex(),
            },
            "outputs": {"holds": made.valid},
        }
        for made in cases()
    ]


if __name__ == "__main__":
    print(json.dumps({"suite": "program", "vectors": vectors()}, indent=1))
