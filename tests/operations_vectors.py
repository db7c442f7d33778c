"""Writes vectors/operations.json: `python tests/operations_vectors.py > vectors/operations.json`.

Values and ranges by the rules of docs/program.md §3, written down again with Python's integers and nothing of
the package.
"""

from __future__ import annotations

import json
from typing import Any

TOP = 2**127 - 1
RANGES = [
    (0, 1), (-1, 1), (0, 2**32 - 1), (-(2**31), 2**31 - 1), (0, 2**64 - 1), (-(2**63), 2**63 - 1),
    (-5, 1000), (-(2**100), 2**100), (1, 2**62),
]  # fmt: skip
POSITIVE = [(1, 1), (1, 7), (1, 2**32), (3, 2**64), (2**32, 2**32)]


def values(lo: int, hi: int) -> list[int]:
    return sorted({lo, hi, (lo + hi) // 2, *(v for v in (-1, 0, 1, lo + 1, hi - 1) if lo <= v <= hi)})


def integer(value: int, lo: int, hi: int) -> dict[str, str]:
    return {"value": str(value), "lo": str(lo), "hi": str(hi)}


def result(code: str, x: tuple[int, int, int], y: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Value and range; None where the range leaves ±2^127."""
    (a, alo, ahi), (b, blo, bhi) = x, y
    if code == "ADD":
        found = a + b, alo + blo, ahi + bhi
    elif code == "SUB":
        found = a - b, alo - bhi, ahi - blo
    elif code == "MUL":
        corners = [alo * blo, alo * bhi, ahi * blo, ahi * bhi]
        found = a * b, min(corners), max(corners)
    elif code == "DIVMOD":
        low = alo // blo if alo < 0 else alo // bhi
        found = a // b, low, ahi // bhi if ahi < 0 else ahi // blo
    elif code == "REMAINDER":
        found = a % b, 0, min(bhi - 1, ahi) if alo >= 0 else bhi - 1
    elif code in {"EQ", "LT"}:
        found = int(a == b if code == "EQ" else a < b), 0, 1
    else:
        found = {"AND": a & b, "OR": a | b}[code], 0, 1
    return found if found[1] >= -(2**127) and found[2] <= TOP else None


def vectors() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    def add(code: str, x: tuple[int, int, int], y: tuple[int, int, int]) -> None:
        out = result(code, x, y)
        if out is not None:
            made.append({
                "name": f"{code.lower()}_{len(made)}",
                "operation": code,
                "inputs": {"a": integer(*x), "b": integer(*y)},
                "outputs": integer(*out),
            })  # fmt: skip

    for code in ("ADD", "SUB", "MUL", "EQ", "LT"):
        for n, (alo, ahi) in enumerate(RANGES):
            blo, bhi = RANGES[(n * 4 + 3) % len(RANGES)]
            for k, a in enumerate(values(alo, ahi)):
                others = values(blo, bhi)
                add(code, (a, alo, ahi), (others[(k * 3 + n) % len(others)], blo, bhi))
            add(code, (ahi, alo, ahi), (ahi, alo, ahi))
    for code in ("DIVMOD", "REMAINDER"):
        for n, (alo, ahi) in enumerate(RANGES):
            blo, bhi = POSITIVE[n % len(POSITIVE)]
            for k, a in enumerate(values(alo, ahi)):
                others = values(blo, bhi)
                add(code, (a, alo, ahi), (others[(k + n) % len(others)], blo, bhi))
    for code in ("AND", "OR"):
        for a in (0, 1):
            for b in (0, 1):
                add(code, (a, 0, 1), (b, 0, 1))
    for code, inputs, out in (*negations(), *selections(), *ranges()):
        made.append({
            "name": f"{code.lower()}_{len(made)}",
            "operation": code,
            "inputs": {name: integer(*x) for name, x in zip("abc", inputs, strict=False)},
            "outputs": integer(*out),
        })  # fmt: skip
    return made


Integer = tuple[int, int, int]
Entry = tuple[str, list[Integer], Integer]


def negations() -> list[Entry]:
    return [("NOT", [(a, 0, 1)], (1 - a, 0, 1)) for a in (0, 1)]


def selections() -> list[Entry]:
    """``b`` where ``a`` is 1, else ``c``; the range is that of both."""
    made: list[Entry] = []
    for n, (blo, bhi) in enumerate(RANGES):
        clo, chi = RANGES[(n * 4 + 3) % len(RANGES)]
        for a in (0, 1):
            b, c = values(blo, bhi)[n % 3], values(clo, chi)[-1]
            out = (b if a else c, min(blo, clo), max(bhi, chi))
            made.append(("SELECT", [(a, 0, 1), (b, blo, bhi), (c, clo, chi)], out))
    return made


def ranges() -> list[Entry]:
    """The same value, held to a range that it is at an end of."""
    made: list[Entry] = []
    for lo, hi in RANGES:
        for a in values(lo, hi):
            made += [("RANGE", [(a, lo, hi)], (a, a, hi)), ("RANGE", [(a, lo, hi)], (a, lo, a))]
    return made


if __name__ == "__main__":
    print(json.dumps({"suite": "program", "vectors": vectors()}, indent=1))
