"""Differential fuzzing: random transitions, which everybody must see alike."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st

from multiprover.lang.errors import LanguageError
from multiprover.ledger.agreement import DisagreementError
from multiprover.ledger.batch import Transaction
from multiprover.program import Code, Program
from multiprover.soundness import reckless
from multiprover.soundness.checkers import ALL, Checker, CheckerError, Checkers
from multiprover.soundness.programs import CLASS, Plan, enrolment, load, plans, signed, sources
from multiprover.soundness.transition import Disagreement, check_cases
from multiprover.soundness.world import Case, Difference, World

MOST_TRANSACTIONS = 10
MOST_VALID, MOST_FORGED = 2, 1
"""Transactions of one program that are put to the provers; executor and interpreter get all."""

EDGES = ("low", "high", "zero", "negative", "wide", "inside")


@dataclass
class Coverage:
    """How often each operation was executed, and where in its static range the result lay.

    ``low`` and ``high`` are the ends of the range, ``wide`` is 2^64 or more in magnitude, ``inside`` none of
    these; operations without an integer value count under ``executed`` alone.
    """

    programs: Counter[str] = field(default_factory=Counter)
    executed: Counter[str] = field(default_factory=Counter)
    edges: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def program(self, program: Program) -> None:
        self.programs.update({op.code.name for op in program.ops})

    def run(self, program: Program, run: reckless.Run) -> None:
        for op, value in zip(program.ops, run.values, strict=True):
            name = op.code.name
            self.executed[name] += 1
            if op.lo is None or op.hi is None or not isinstance(value, int):
                continue
            found = [
                edge
                for edge, there in (
                    ("low", value == op.lo),
                    ("high", value == op.hi),
                    ("zero", value == 0),
                    ("negative", value < 0),
                    ("wide", abs(value) >= 2**64),
                )
                if there
            ]
            self.edges[name].update(found or ["inside"])

    def document(self) -> dict[str, Any]:
        """By operation: programs that have it, executions, and results by place in the range."""
        return {
            code.name: {
                "programs": self.programs[code.name],
                "executed": self.executed[code.name],
                **{edge: self.edges[code.name][edge] for edge in EDGES if self.edges[code.name][edge]},
            }
            for code in Code
        }

    @property
    def missing(self) -> list[str]:
        """Operations that no program had."""
        return [code.name for code in Code if not self.programs[code.name]]


@dataclass(frozen=True)
class Example:
    """A program and transactions: what a regression case is."""

    source: str
    plans: tuple[Plan, ...]
    slots: int
    note: str = ""

    def to_json(self) -> str:
        document = asdict(self)
        document["plans"] = [{**asdict(p), "words": p.words.hex()} for p in self.plans]
        document["source"] = self.source.splitlines()
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Example:
        document = json.loads(text)
        document["source"] = "\n".join(document["source"]) + "\n"
        document["plans"] = tuple(
            Plan(**{**plan, "words": bytes.fromhex(plan["words"])}) for plan in document["plans"]
        )
        return cls(**document)

    @property
    def file_name(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()[:16] + ".json"


@dataclass
class Campaign:
    """A run of the fuzzer and what it saw."""

    programs: int = 0
    inputs: int = 0
    valid: int = 0
    proved: int = 0
    forged: int = 0
    violated: Counter[str] = field(default_factory=Counter)
    coverage: Coverage = field(default_factory=Coverage)
    disagreements: list[dict[str, str]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {
            "programs": self.programs,
            "inputs": self.inputs,
            "valid_inputs": self.valid,
            "batches_that_hold": self.proved,
            "forged_batches_refused": self.forged,
            "disagreements": self.disagreements,
            "operation_coverage": self.coverage.document(),
            "operations_missing": self.coverage.missing,
        }

    def look(self, example: Example, checkers: Mapping[str, Checker]) -> None:
        """Put one example to everybody.

        Raises:
            Disagreement: somebody sees it otherwise.
            LanguageError: the source is no transition.
        """
        world = World(load(example.source))
        try:
            cases = self._cases(world, example)
        except DisagreementError as error:  # the ledger's own check, which every batch goes through
            raise Disagreement(str(error)) from error
        report = check_cases(cases, checkers)
        if report.faults:
            raise Disagreement("\n".join(report.faults))
        self.programs += 1
        self.coverage.program(world.program)
        self.proved += sum(row.expected for row in report.rows)
        self.forged += sum(not row.expected for row in report.rows)

    def _cases(self, world: World, example: Example) -> list[Case]:
        source = (example.source, CLASS)
        for transaction in enrolment(world):
            world.honest("enrolment", source, [transaction], 1)
        start = world.state.copy()
        taken: list[Transaction] = []
        forged: list[Case] = []
        for position, plan in enumerate(example.plans):
            transaction = signed(world, plan)
            try:
                outcome = world.try_out(transaction)
            except Difference as error:
                raise Disagreement(f"transaction {position}: {error}") from error
            self.inputs += 1
            self.coverage.run(world.program, outcome.run)
            if outcome.refused is None:
                self.valid += 1
                if len(taken) < min(MOST_VALID, example.slots):
                    taken.append(transaction)
                    world.honest("alone", source, [transaction], 1)
            elif len(forged) < MOST_FORGED:
                forged.append(world.forged("forged", source, [transaction], example.slots, outcome.refused))
        world.state = start
        return [world.honest("valid", source, taken, example.slots), *forged]


def fuzz(
    programs: int,
    *,
    provers: Iterable[str] = ALL,
    start: int = 0,
    corpus: Path | None = None,
    stop_at_first: bool = True,
) -> Campaign:
    """Try random programs.

    Args:
        programs: how many that trace.
        start: seed; a run is the same for the same seed and version.
        corpus: where minimal failing programs are saved.
        stop_at_first: else what fails is reported as found, without being made small.

    Raises:
        CheckerError: a checker cannot be used.
    """
    campaign = Campaign()
    with Checkers(provers) as checkers:
        last: list[Example] = []

        @seed(start)
        @settings(
            max_examples=programs,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if stop_at_first else (Phase.generate,),
            report_multiple_bugs=False,
        )
        @given(st.data())
        def one(data: st.DataObject) -> None:
            source = data.draw(sources())
            try:
                world = World(load(source))
            except LanguageError:
                reject()
            drawn = data.draw(st.lists(plans(world), min_size=3, max_size=MOST_TRANSACTIONS))
            example = Example(source, tuple(drawn), data.draw(st.integers(1, 2)))
            try:
                campaign.look(example, checkers.by_name)
            except Disagreement as error:
                last[:] = [Example(source, tuple(drawn), example.slots, str(error))]
                raise

        try:
            one()
        except Disagreement as error:
            found = last[0]
            entry = {"message": str(error), "source": found.source}
            if corpus is not None:
                corpus.mkdir(parents=True, exist_ok=True)
                path = corpus / found.file_name
                path.write_text(found.to_json(), encoding="utf-8")
                entry["saved"] = str(path)
            campaign.disagreements.append(entry)
    return campaign


def replay(files: Sequence[Path], provers: Iterable[str] = ALL) -> Campaign:
    """The regression cases again.

    Raises:
        CheckerError: a checker cannot be used, or a file is no case.
    """
    campaign = Campaign()
    with Checkers(provers) as checkers:
        for path in files:
            try:
                example = Example.from_json(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise CheckerError(f"{path}: it is no regression case: {error}") from error
            try:
                campaign.look(example, checkers.by_name)
            except (Disagreement, LanguageError) as error:
                campaign.disagreements.append({"message": f"{path.name}: {error}", "source": example.source})
    return campaign
