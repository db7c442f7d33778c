"""Constraint systems as data: what a prover's tool writes, one gadget a line.

The format is stated at the head of ``provers/groth16/cmd/gadgets/main.go`` (R1CS) and
``provers/plonky2/examples/gadgets.rs`` (gates as straight lines, rows that
use them), lookups in a table of integers at that of ``provers/halo2/examples/gadgets.rs``. A prover may use
any of them. Reading checks the honest example: every constraint must hold for
it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

Form = dict[int, int]
"""A linear form mod p: wire to coefficient; wire 0 is the constant 1."""

FORMAT = 1


class UnreadableError(ValueError):
    """Constraints that cannot be read, or do not hold for their own example; the message says which."""


@dataclass(frozen=True)
class Gate:
    """Constraints of one repetition of a gate.

    Attributes:
        nodes: a straight line: ``("w", wire)``, ``("k", row constant)``, ``("c", value)``, ``("+" | "-" |
            "*", node, node)``.
        zero: the nodes that must vanish.
        function: wires that are said to determine other wires by this gate alone; the checker proves it
            before it relies on it.
    """

    wires: int
    constants: int
    nodes: tuple[tuple[Any, ...], ...]
    zero: tuple[int, ...]
    function: tuple[tuple[int, ...], tuple[int, ...]] | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Gate:
        nodes = tuple(("c", int(n[1])) if n[0] == "c" else tuple(n) for n in document["nodes"])
        function = document["function"]
        return cls(
            int(document["wires"]),
            int(document["constants"]),
            nodes,
            tuple(document["zero"]),
            None if function is None else (tuple(function[0]), tuple(function[1])),
        )

    def values(self, wires: Sequence[int], constants: Sequence[int], p: int) -> list[int]:
        """What each of ``zero`` comes to."""
        out: list[int] = []
        for node in self.nodes:
            match node:
                case ("w", i):
                    out.append(wires[i])
                case ("k", i):
                    out.append(constants[i])
                case ("c", v):
                    out.append(v)
                case ("+", a, b):
                    out.append((out[a] + out[b]) % p)
                case ("-", a, b):
                    out.append((out[a] - out[b]) % p)
                case (_, a, b):
                    out.append(out[a] * out[b] % p)
        return [out[z] for z in self.zero]


@dataclass(frozen=True)
class Row:
    """A use of a gate."""

    gate: str
    wires: tuple[int, ...]
    constants: tuple[int, ...]


@dataclass(frozen=True)
class Challenge:
    """A value that the verifier draws after the committed wires are fixed."""

    wire: int
    committed: frozenset[int]


@dataclass(frozen=True)
class Lookup:
    """A form that a table holds to an integer from ``lo`` to ``hi``."""

    form: Form
    lo: int
    hi: int


@dataclass(frozen=True)
class System:
    """One gadget's constraints, compiled alone.

    Attributes:
        wires: how many; wire 0 is the constant 1.
        ranges: what the gadget relies on for inputs, as integers.
        outputs: empty for an assertion: then everything that the prover chooses must follow.
        witness: an honest one, or None.
    """

    prover: str
    name: str
    p: int
    wires: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    ranges: Mapping[int, tuple[int, int]]
    challenges: tuple[Challenge, ...]
    r1cs: tuple[tuple[Form, Form, Form], ...]
    rows: tuple[Row, ...]
    gates: Mapping[str, Gate] = field(repr=False)
    curve: tuple[int, int] | None
    witness: tuple[int, ...] | None = field(repr=False)
    lookups: tuple[Lookup, ...] = ()

    def evaluate(self, form: Form, values: Sequence[int]) -> int:
        return sum(c * values[w] for w, c in form.items()) % self.p

    def violated(self, values: Sequence[int]) -> list[str]:
        """The constraints that do not hold."""
        found = []
        for i, (left, right, out) in enumerate(self.r1cs):
            product = self.evaluate(left, values) * self.evaluate(right, values)
            if (product - self.evaluate(out, values)) % self.p:
                found.append(f"constraint {i}")
        for i, row in enumerate(self.rows):
            wires = [values[w] for w in row.wires]
            results = self.gates[row.gate].values(wires, row.constants, self.p)
            found += [f"row {i}, {row.gate}, constraint {j}" for j, v in enumerate(results) if v]
        for i, lookup in enumerate(self.lookups):
            if not lookup.lo <= self.evaluate(lookup.form, values) <= lookup.hi:
                found.append(f"lookup {i}")
        return found

    def without(self, r1cs: Iterable[int] = (), gates: Mapping[str, Gate] | None = None) -> System:
        """The same with constraints left out or gates replaced: for faults that are planted."""
        gone = set(r1cs)
        kept = tuple(c for i, c in enumerate(self.r1cs) if i not in gone)
        return replace(self, r1cs=kept, gates={**self.gates, **(gates or {})})

    @cached_property
    def constraints(self) -> int:
        gates = sum(len(self.gates[row.gate].zero) for row in self.rows)
        return len(self.r1cs) + gates + len(self.lookups)


def alone(prover: str, name: str, gate: Gate, p: int) -> System:
    """A gate of no constants as a system of its own, with the wires that its function takes as inputs."""
    assert gate.function is not None
    inputs, outputs = gate.function
    return System(
        prover=prover,
        name=f"gate {name}",
        p=p,
        wires=gate.wires + 1,
        inputs=tuple(i + 1 for i in inputs),
        outputs=tuple(o + 1 for o in outputs),
        ranges={},
        challenges=(),
        r1cs=(),
        rows=(Row(name, tuple(range(1, gate.wires + 1)), ()),),
        gates={name: gate},
        curve=None,
        witness=None,
    )


def read(lines: Iterable[str]) -> Iterator[System]:
    """The systems that a tool wrote.

    Raises:
        UnreadableError: another format, or an example that violates a constraint.
    """
    source = iter(lines)
    header = json.loads(next(source))
    if header["format"] != FORMAT:
        raise UnreadableError(f"expected format {FORMAT}, found {header['format']}")
    p = int(header["modulus"])
    gates = {name: Gate.of(document) for name, document in header["gates"].items()}
    curve = header.get("curve")
    for line in source:
        system = _system(json.loads(line), header["prover"], p, gates, curve)
        if system.witness is not None:
            violated = system.violated(system.witness)
            if violated:
                raise UnreadableError(f"{system.prover}: {system.name}: its example violates {violated[:3]}")
        yield system


def _system(
    document: Mapping[str, Any],
    prover: str,
    p: int,
    gates: Mapping[str, Gate],
    curve: Mapping[str, str] | None,
) -> System:
    # Rows come without a wire for the constant 1: theirs move up by one.
    shift = 0 if "r1cs" in document else 1

    def form(side: Sequence[Sequence[Any]]) -> Form:
        return {int(w): int(c) for w, c in side if int(c)}

    witness = document["witness"]
    return System(
        prover=prover,
        name=document["name"],
        p=p,
        wires=document["wires"] + shift,
        inputs=tuple(w + shift for w in document["inputs"]),
        outputs=tuple(w + shift for w in document["outputs"]),
        ranges={int(w) + shift: (int(lo), int(hi)) for w, (lo, hi) in document["ranges"].items()},
        challenges=tuple(Challenge(w + shift, frozenset(c)) for w, c in document["challenges"]),
        r1cs=tuple((form(a), form(b), form(c)) for a, b, c in document.get("r1cs", ())),
        rows=tuple(
            Row(gate, tuple(w + shift for w in wires), tuple(int(c) for c in constants))
            for gate, wires, constants in document.get("rows", ())
        ),
        gates=gates,
        curve=None if curve is None else (int(curve["a"]), int(curve["d"])),
        witness=None if witness is None else (1,) * shift + tuple(int(v) for v in witness),
        lookups=tuple(
            Lookup({int(w) + shift: int(c) for w, c in terms}, int(lo), int(hi))
            for terms, lo, hi in document.get("lookups", ())
        ),
    )
