"""Runs the check over every gadget of every prover; the table in docs/soundness.md."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multiprover.soundness.checkers import CheckerError, repository
from multiprover.soundness.determinism import solver
from multiprover.soundness.determinism.normal import ContradictionError, normalise
from multiprover.soundness.determinism.rules import Propagation, required
from multiprover.soundness.determinism.systems import Gate, System, alone, read

TOOLS = {
    "groth16": ("provers/groth16/bin/gadgets", "make -C provers/groth16 bin/gadgets"),
    "plonky2": (
        "provers/plonky2/target/release/examples/gadgets",
        "make -C provers/plonky2 target/release/examples/gadgets",
    ),
    "halo2": (
        "provers/halo2/target/release/examples/gadgets",
        "make -C provers/halo2 target/release/examples/gadgets",
    ),
    "stark": (
        "provers/stark/target/release/examples/gadgets",
        "make -C provers/stark target/release/examples/gadgets",
    ),
}
"""By prover, the tool that writes its gadgets and what builds it. None is shipped."""

MARKS = (
    "<!-- determinism: written by `multiprover soundness determinism --write` -->",
    "<!-- end of determinism -->",
)


@dataclass(frozen=True)
class Verdict:
    """What is known of one gadget.

    Attributes:
        by: ``propagation`` or ``smt`` (with propagation); None if uniqueness was not proven.
        rules: the rules that were used.
        open: wires that are not known to be unique.
        witness: two values of the output wires for one input, both of which satisfy every constraint: a bug.
        assignment: the second one, of all wires.
    """

    prover: str
    gadget: str
    by: str | None
    rules: tuple[str, ...]
    constraints: int
    open: tuple[int, ...] = ()
    witness: tuple[dict[int, int], dict[int, int]] | None = None
    assignment: tuple[int, ...] | None = field(default=None, repr=False)

    def document(self) -> dict[str, Any]:
        pair = None
        if self.witness is not None:
            pair = [{str(w): str(v) for w, v in side.items()} for side in self.witness]
        return {
            "prover": self.prover,
            "gadget": self.gadget,
            "determined": self.by is not None,
            "by": self.by,
            "rules": list(self.rules),
            "constraints": self.constraints,
            "open": len(self.open),
            "witness": pair,
        }


@dataclass
class Checker:
    """Checks systems; a gate's function is proven once, before a row is used as one."""

    _functions: dict[tuple[str, str, Gate], str | None] = field(default_factory=dict)

    def check(self, system: System, *, search: bool = True) -> Verdict:
        """``search``: look for a witness where uniqueness is not proven."""
        functions = self._proven(system)
        state, missing = self._propagate(system, {name: way is not None for name, way in functions.items()})
        solved = "smt" in state.used or ("function of a gate" in state.used and "smt" in functions.values())
        by = None if missing else "smt" if solved else "propagation"
        pair = found = None
        if missing and search and len(missing) <= MOST_SEARCHED:
            found = solver.counterexample(state, missing)
            if found is not None:
                assert system.witness is not None
                pair = ({w: system.witness[w] for w in missing}, {w: found[w] for w in missing})
        rules = tuple(sorted(state.used - {"smt"}))
        return Verdict(system.prover, system.name, by, rules, system.constraints, tuple(missing), pair, found)

    def _proven(self, system: System) -> dict[str, str | None]:
        """By gate of a system, how its function was proven. A gadget that is one cell is looked at from
        within.
        """
        known: dict[str, str | None] = {}
        for name in {row.gate for row in system.rows}:
            gate = system.gates[name]
            if gate.function is None or gate.constants or system.name == f"cell {name}":
                continue
            # The gate is part of the key: a fault may have been planted in it.
            key = (system.prover, name, gate)
            if key not in self._functions:
                state, missing = self._propagate(alone(system.prover, name, gate, system.p), {})
                self._functions[key] = None if missing else "smt" if "smt" in state.used else "propagation"
            known[name] = self._functions[key]
        return known

    def _propagate(self, system: System, functions: dict[str, bool]) -> tuple[Propagation, list[int]]:
        normal = normalise(system, functions)
        state = Propagation(normal)
        wanted = required(normal)
        while True:
            state.run()
            missing = [w for w in wanted if not state.is_unique({w: 1})]
            if not missing or not (state.stalled() or solver.prove(state)):
                return state, missing


def systems(prover: str) -> list[System]:
    """What the prover's tool writes.

    Raises:
        CheckerError: it is not built, or failed.
    """
    path, command = TOOLS[prover]
    tool = repository() / path
    if not tool.is_file():
        raise CheckerError(f"{prover}: {tool} is not built: run `{command}`")
    done = subprocess.run([tool], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckerError(f"{prover}: its tool failed: {done.stderr.strip()}")
    return list(read(done.stdout.splitlines()))


def measure(
    provers: Iterable[str], watch: Callable[[Verdict], None] = lambda _: None, *, only: str = ""
) -> list[Verdict]:
    """All gadgets of some provers, or those with ``only`` in their name."""
    checker = Checker()
    found = []
    for prover in provers:
        for system in systems(prover):
            if only in system.name:
                try:
                    verdict = checker.check(system)
                except ContradictionError as error:
                    raise CheckerError(f"{prover}: {system.name}: nothing satisfies it") from error
                watch(verdict)
                found.append(verdict)
    return found


MOST_SEARCHED = 300
"""Open wires up to which another witness is looked for."""

INTEGERS = ("add", "bits", "divmod", "equal", "less", "mul", "range", "select", "sub", "words")


def rows(verdicts: Sequence[Verdict]) -> list[tuple[str, str, str, str, str]]:
    """Prover, gadget, cases, determined by, rules; an integer gadget's ranges are its cases."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for v in verdicts:
        first, _, rest = v.gadget.partition(" ")
        kind = first if first in INTEGERS and rest != "if enabled" else v.gadget
        groups.setdefault((v.prover, kind), []).append(v)
    found = []
    for (prover, kind), group in groups.items():
        ways: dict[str, int] = {}
        for v in group:
            way = v.by or ("**not determined**" if v.witness else "not covered: no rule")
            ways[way] = ways.get(way, 0) + 1
        text = ", ".join(way if n == len(group) else f"{way} ({n})" for way, n in ways.items())
        rules = ", ".join(sorted({r for v in group for r in v.rules})) or "the prover chooses nothing"
        found.append((prover, kind, str(len(group)), text, rules))
    return found


def table(verdicts: Sequence[Verdict]) -> str:
    """The rows in Markdown."""
    head = ["| prover | gadget | cases | determined by | rules |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows(verdicts))])


def write(page: Path, verdicts: Sequence[Verdict]) -> None:
    """Puts the table between its marks."""
    text = page.read_text()
    start, end = text.index(MARKS[0]) + len(MARKS[0]), text.index(MARKS[1])
    page.write_text(f"{text[:start]}\n\n{table(verdicts)}\n\n{text[end:]}")
