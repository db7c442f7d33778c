"""One call that asks everybody about a transition: :func:`check_transition`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multiprover.lang.transition import Transition
from multiprover.ledger.batch import Transaction, make_transaction, sign
from multiprover.ledger.wire import source_of
from multiprover.soundness.checkers import ALL, Checker, Checkers, Verdict
from multiprover.soundness.world import Case, Difference, World
from multiprover.suites import Wallet


@dataclass(frozen=True)
class Step:
    """One transaction by name.

    Attributes:
        values: the parameters; a key may be a ``HybridKey``.
        signers: wallet and nonce of each authorization, in the order in which the kind asks for them.
    """

    kind: str
    values: Mapping[str, Any]
    signers: Sequence[tuple[Wallet, int]] = ()

    def on(self, world: World) -> Transaction:
        """The transaction for a world's program and domain."""
        made = make_transaction(world.transition, world.program, self.kind, dict(self.values))
        return sign(made, world.domain, self.signers)


@dataclass(frozen=True)
class Row:
    """What one proof type made of one batch."""

    case: str
    prover: str
    expected: bool
    verdict: Verdict

    @property
    def fault(self) -> str | None:
        """What is wrong with the verdict, or None."""
        v = self.verdict
        if self.expected:
            if v.accepts:
                return None
            return f"refuses a valid batch: {v.refusal or f'{v.violated} constraints are violated'}"
        if v.accepts:
            return "accepts a batch that breaks the transition"
        if v.refusal is None:
            return "its execution takes a batch that breaks the transition"
        if v.violated == 0:
            return f"its execution refuses ({v.refusal}), and no constraint does"
        return None


@dataclass
class TransitionReport:
    """Every verdict, in order."""

    rows: list[Row] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """The verdicts that are wrong, in words."""
        return [f"{row.case}: {row.prover} {row.fault}" for row in self.rows if row.fault]


class Disagreement(Exception):
    """Somebody sees a transition otherwise than the rest, or than the caller said."""


def check_cases(cases: Iterable[Case], checkers: Mapping[str, Checker]) -> TransitionReport:
    """Ask every checker about every case."""
    report = TransitionReport()
    for case in cases:
        for name, checker in checkers.items():
            report.rows.append(Row(case.name, name, case.valid, checker.check(case)))
    return report


def check_transition(
    transition: type[Transition],
    valid: Iterable[Sequence[Step]],
    invalid: Iterable[Sequence[Step]] = (),
    provers: Iterable[str] = ALL,
    *,
    setup: Sequence[Step] = (),
    suites: Sequence[str] = ("bn254", "goldilocks", "koalabear"),
    full_proofs: bool = False,
) -> TransitionReport:
    """Ask the concrete executor, the reference interpreter and every prover about batches of a transition.

    Executor and interpreter must give the same outputs and state for every transaction, or both refuse. A
    valid batch must be executed and its witness hold in every prover. An invalid batch is forged as a
    dishonest prover would: outputs, roots and claim are those of its last transaction run without a
    constraint. Every prover's own execution must refuse it, and a witness that passes everything over must
    violate a constraint.

    Args:
        valid: batches, each from the state after ``setup``.
        invalid: batches whose last transaction breaks the transition, and no other.
        provers: proof types; those of this repository, or names in the registry.
        full_proofs: make and verify proofs instead of looking at constraints.

    Raises:
        Disagreement: somebody disagrees; the message has every disagreement.
        CheckerError: a checker cannot be used.
    """
    cases = []
    source = source_of(transition)
    for expected, batches in ((True, valid), (False, invalid)):
        for number, steps in enumerate(batches):
            name = f"{'valid' if expected else 'invalid'} batch {number}"
            try:
                cases.append(_case(World(transition, suites), name, source, setup, steps, expected))
            except Difference as error:
                raise Disagreement(f"{name}: {error}") from error
    with Checkers(provers, full=full_proofs) as checkers:
        report = check_cases(cases, checkers.by_name)
    if report.faults:
        raise Disagreement("\n".join(report.faults))
    return report


def _case(
    world: World,
    name: str,
    source: tuple[str, str],
    setup: Sequence[Step],
    steps: Sequence[Step],
    expected: bool,
) -> Case:
    if not steps:
        raise ValueError(f"{name}: expected at least one transaction")
    _execute(world, "setup", [step.on(world) for step in setup])
    transactions = [step.on(world) for step in steps]
    if expected:
        before = world.state.copy()
        _execute(world, name, transactions)
        world.state = before
        return world.honest(name, source, transactions, len(transactions))
    before = world.state.copy()
    _execute(world, name, transactions[:-1])
    refused = world.try_out(transactions[-1]).refused
    if refused is None:
        raise Disagreement(
            f"{name}: expected executor and interpreter to refuse {steps[-1].kind}; they accept"
        )
    world.state = before
    return world.forged(name, source, transactions, len(transactions), refused)


def _execute(world: World, name: str, transactions: Sequence[Transaction]) -> None:
    for position, transaction in enumerate(transactions):
        refused = world.try_out(transaction).refused
        if refused is not None:
            raise Disagreement(f"{name}: transaction {position} is refused: {refused}")
        world.honest(name, ("", ""), [transaction], 1)
