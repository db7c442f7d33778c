"""``multiprover``: every command, its options, and how its errors are shown.

The exit status is 0 only where all that was asked for happened; 1 where it did not, with one line that says
why; 2 for a command line that cannot be understood.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

from multiprover.cli import anyone as anyone_command
from multiprover.cli import bench as bench_command
from multiprover.cli import commands
from multiprover.cli import council as council_command
from multiprover.cli import demo as demo_command
from multiprover.cli import operator as operator_command
from multiprover.cli import risk as risk_command
from multiprover.cli import scenario as scenario_command
from multiprover.cli import soundness as soundness_command
from multiprover.cli import user as user_command
from multiprover.cli import watcher as watcher_command
from multiprover.cli.output import err, listed
from multiprover.cli.roles import RoleError
from multiprover.lang.errors import LanguageError, Refused
from multiprover.ledger import CodecError, DisagreementError, LayoutError
from multiprover.ledger.storage import StorageError
from multiprover.node.deployment import DeploymentError
from multiprover.node.lie import LieAcceptedError
from multiprover.node.node import NodeError
from multiprover.node.reference import ReferenceError_
from multiprover.node.scenarios import ForgeError, ScenarioError
from multiprover.node.takeover import TakeoverError
from multiprover.node.verify import ProofInvalidError
from multiprover.node.workspace import WorkspaceError
from multiprover.program import ProgramError
from multiprover.provers.client import Tls
from multiprover.provers.conformance import CasesError
from multiprover.provers.errors import ProverError
from multiprover.provers.registry import BUILT_IN, RegistryError, suites_for
from multiprover.risk.errors import RiskError
from multiprover.settlement.bridge_rules import RulesError
from multiprover.settlement.contracts import StaleArtefactError
from multiprover.settlement.errors import L1Error
from multiprover.settlement.policy import PolicyError
from multiprover.suites import SuiteError

EXPECTED_ERRORS = (
    CasesError,
    CodecError,
    DeploymentError,
    DisagreementError,
    ForgeError,
    L1Error,
    LanguageError,
    LayoutError,
    LieAcceptedError,
    NodeError,
    PolicyError,
    ProgramError,
    ProofInvalidError,
    ProverError,
    ReferenceError_,
    Refused,
    RegistryError,
    RiskError,
    RoleError,
    RulesError,
    ScenarioError,
    StaleArtefactError,
    StorageError,
    SuiteError,
    TakeoverError,
    WorkspaceError,
    demo_command.DemoError,
    soundness_command.SoundnessError,
)
"""What can go wrong without being a bug of ours: shown as one line, without a traceback."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Write a rollup's state transition once, in Python; independent proof systems prove every batch, "
    "and L1 settles only what they agree on.",
)
prover_app = typer.Typer(no_args_is_help=True, help="Work with one prover.")
app.add_typer(prover_app, name="prover")
app.add_typer(operator_command.app, name="operator")
app.add_typer(council_command.app, name="council")
app.command("watcher")(watcher_command.watch)
app.add_typer(user_command.app, name="user")
app.add_typer(anyone_command.app, name="anyone")
app.command("scenario")(scenario_command.scenario)
app.add_typer(risk_command.app, name="risk")
app.add_typer(soundness_command.app, name="soundness")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
L1Url = Annotated[str | None, typer.Option("--l1", help="JSON-RPC URL; without it, an L1 in this process.")]
Types = Annotated[str, typer.Option("--types", help="Proof types, separated by commas.")]
EVERY_TYPE = ",".join(BUILT_IN)
Directory = Annotated[Path, typer.Argument(help="A data directory, as `demo --dir` makes.")]
Reference = Annotated[str, typer.Argument(help="path/to/file.py:Class")]


def _types(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(listed(text)))
    if not names:
        raise typer.BadParameter("name at least one proof type")
    return names


@app.command()
def demo(
    trades: Annotated[Path | None, typer.Option(help="Trades file; default: the one shipped.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Trades to settle.")] = 16,
    batch_size: Annotated[int, typer.Option(min=1, max=256, help="Slots a batch.")] = 16,
    types: Types = "halo2,plonky2,sgx",
    l1: L1Url = None,
    lie: Annotated[bool, typer.Option(help="End by planting a lie that all must refuse.")] = True,
    directory: Annotated[Path | None, typer.Option("--dir", help="Keep the ledger here.")] = None,
    json: Json = False,
) -> None:
    """Prove real trades with several proof types at once, and settle them on L1."""
    demo_command.run(demo_command.Options(trades, count, batch_size, _types(types), l1, lie, directory, json))


@app.command()
def trace(
    reference: Reference,
    types: Types = EVERY_TYPE,
    output: Annotated[Path | None, typer.Option("--out", help="Write the canonical program here.")] = None,
    json: Json = False,
) -> None:
    """Trace a transition, and show its program."""
    commands.trace(reference, suites_for(_types(types)), output, json)


@app.command()
def prove(directory: Directory, json: Json = False) -> None:
    """Prove the sealed batches that have no proof yet, with every proof type at once."""
    commands.prove(directory, json)


@app.command()
def verify(
    directory: Directory,
    batch: Annotated[int | None, typer.Option(help="Only this batch.")] = None,
    json: Json = False,
) -> None:
    """Verify the stored proofs; needs no prover."""
    commands.verify(directory, batch, json)


@app.command()
def settle(directory: Directory, json: Json = False) -> None:
    """Bring everything that is sealed to L1 until it is final, proving what is missing."""
    commands.settle(directory, json)


@app.command()
def status(directory: Directory, json: Json = False) -> None:
    """Show the batches of a data directory: what is proved, and what L1 has."""
    commands.status(directory, json)


@app.command()
def provers(types: Types = EVERY_TYPE, json: Json = False) -> None:
    """Show what each proof type rests on, and what any two share."""
    commands.provers(_types(types), json)


@app.command()
def bench(
    slots: Annotated[int, typer.Option(min=1, max=256, help="Slots a batch.")] = 16,
    types: Types = EVERY_TYPE,
    json: Json = False,
) -> None:
    """Measure provers beside hand-written circuits, executor, tracer, and proving in parallel."""
    bench_command.run(slots, _types(types), json)


@prover_app.command()
def check(
    address: Annotated[str, typer.Argument(help="unix:///path or host:port")],
    cases: Annotated[Path | None, typer.Option(help="Conformance cases; default: those shipped.")] = None,
    tls: Annotated[
        tuple[Path, Path, Path] | None,
        typer.Option(metavar="AUTHORITY CERTIFICATE KEY", help="PEM files for mutual TLS, with host:port."),
    ] = None,
    json: Json = False,
) -> None:
    """Check that a prover does and refuses what docs/prover.md says."""
    commands.check(address, cases, Tls(*tls) if tls is not None else None, json)


def main() -> None:
    """The entry point."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        app()
    except EXPECTED_ERRORS as error:
        err.print(f"[red]error[/] {error}", markup=True, soft_wrap=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        err.print("cancelled; run it again to go on where it was")
        raise SystemExit(130) from None
