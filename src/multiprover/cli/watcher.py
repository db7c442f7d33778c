"""``multiprover watcher``: executing every batch on L1 again, and acting on what is false there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from multiprover.cli.output import err, out, print_json
from multiprover.cli.roles import (
    Json,
    KeystoreOption,
    L1Option,
    Reference,
    SettlementOption,
    Target,
    program_of,
)
from multiprover.node.watcher import Finding, Watcher
from multiprover.settlement.evidence import Evidence, EvidenceError, read_evidence

EXIT_FALSE = 3
"""The exit status of ``--once`` where something false stands on L1."""


def watch(
    reference: Reference,
    l1: L1Option = None,
    settlement: SettlementOption = None,
    keystore: KeystoreOption = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Do nothing on L1; needs no key.")
    ] = False,
    proofs: Annotated[
        Path | None,
        typer.Option(
            help="A folder of proofs found elsewhere than on L1, in JSON (docs/settlement.md §9): those that "
            "contradict what their type vouched for are brought before L1."
        ),
    ] = None,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 30.0,
    json: Json = False,
) -> None:
    """Execute every claim on L1 again; show conflicts, post the truth, have types disabled that gave two
    answers, complain, open the seat: by itself.

    With --once the exit status is 3 if something false stands on L1.
    """
    target = Target(l1, settlement, keystore)
    contracts = target.contracts()
    transition, program = program_of(reference, contracts)
    account = None if report_only else target.account()
    watcher = Watcher(contracts, transition, program, account, lambda: _proofs(proofs))
    if once:
        found = watcher.look()
        if json:
            print_json(
                {
                    "batches": len(watcher.claims),
                    "state_true": not any(f.false for f in found),
                    "findings": [f.document() for f in found],
                }
            )
        else:
            for finding in found:
                _tell(finding)
            out.print(f"{len(watcher.claims)} batches executed again, {len(found)} findings")
        if any(f.false for f in found):
            raise typer.Exit(EXIT_FALSE)
        return
    err.print(f"watching 0x{contracts.settlement.address.hex()}, every {every:g} s")
    stop = threading.Event()
    last: set[Finding] = set()

    def tell(finding: Finding) -> None:
        # What goes on is told once.
        if finding not in last:
            last.add(finding)
            print_json(finding.document()) if json else _tell(finding)

    watcher.run(stop, every, tell)


def _proofs(folder: Path | None) -> list[Evidence]:
    """What lies in the folder now; a file that holds no proof is told of and left out."""
    found = []
    for path in sorted(folder.glob("*.json")) if folder else ():
        try:
            found.append(read_evidence(path))
        except EvidenceError as error:
            err.print(f"[red]left out[/] {error}")
    return found


def _tell(finding: Finding) -> None:
    batch = "" if finding.number is None else f" batch {finding.number}:"
    done = f" → {finding.action}" if finding.action else ""
    refused = f" ([red]{finding.refusal}[/])" if finding.refusal else ""
    where = f" in transaction {finding.transaction}" if finding.transaction else ""
    out.print(f"[bold]{finding.kind}[/]{batch} {finding.detail}{done}{where}{refused}")
