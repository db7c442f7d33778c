"""The commands other than ``demo`` and ``bench``."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.table import Table

import multiprover
from multiprover.cli.board import Board
from multiprover.cli.output import err, number, out, print_json, short
from multiprover.ledger.storage import StoredBatch, StoredProof
from multiprover.node.node import prove_batch
from multiprover.node.reference import load_transition
from multiprover.node.verify import ProofInvalidError, Verifier
from multiprover.node.workspace import Workspace, default_cache, default_registry
from multiprover.program import trace as trace_program
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers import conformance
from multiprover.provers.client import Tls
from multiprover.provers.manifest import Manifest, shared_components
from multiprover.provers.registry import Fleet
from multiprover.settlement import claims
from multiprover.settlement.base import raw
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.finality import final_from, tier_bits
from multiprover.settlement.l1 import open_l1


def trace(reference: str, suites: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    program = trace_program(load_transition(reference), suites)
    if output is not None:
        output.write_bytes(program.encoded)
    counts = Counter(op.code.name for op in program.ops)
    document = {
        "name": program.name,
        "program_id": "0x" + program.program_id.hex(),
        "suites": list(program.suites),
        "kinds": [
            {
                "name": k.name,
                "from_l1": k.from_l1,
                "ports": list(k.ports),
                "authorizations": list(k.authorizations),
            }
            for k in program.kinds
        ],
        "input_words": program.input_words,
        "output_words": program.output_words,
        "ports": len(program.ports),
        "authorizations": program.authorizations,
        "operations": dict(sorted(counts.items())),
        "bytes": len(program.encoded),
    }
    if as_json:
        print_json(document)
        return
    out.print(f"[bold]{program.name}[/]  program {document['program_id']}")
    out.print(
        f"a slot: {program.input_words} input words, {program.output_words} output words, "
        f"{len(program.ports)} state accesses, {program.authorizations} signatures, "
        f"{len(program.ops)} operations"
    )
    kinds = Table("kind", "from", "state accesses", "signatures")
    for k in program.kinds:
        kinds.add_row(k.name, "L1" if k.from_l1 else "users", str(len(k.ports)), str(len(k.authorizations)))
    out.print(kinds)
    operations = Table("operation", "count")
    for code, count in counts.most_common():
        operations.add_row(code, str(count))
    out.print(operations)


def prove(directory: Path, as_json: bool) -> None:
    with Workspace.open(directory) as workspace, Board(workspace.config.types) as board:
        storage = workspace.storage
        workspace.prepare(board.preparing)
        done = storage.proofs()

        def work(name: str) -> int:
            missing = [b for b in storage.batches() if (b.number, name) not in done]
            prover, manifest, prepared = (
                workspace.provers[name],
                workspace.manifests[name],
                workspace.prepared[name],
            )
            for batch in missing:
                storage.add_proof(prove_batch(prover, manifest, prepared, batch, board))
            return len(missing)

        types = workspace.config.types
        with ThreadPoolExecutor(len(types)) as pool:
            made = dict(zip(types, pool.map(work, types), strict=True))
    if as_json:
        print_json({"proved": made})
    else:
        out.print(", ".join(f"{name}: {count} batches proved" for name, count in made.items()))


def verify(directory: Path, only: int | None, as_json: bool) -> None:
    results: list[dict[str, Any]] = []
    with Workspace.open(directory) as workspace:
        artefacts, batches = workspace.artefacts(), workspace.storage.batches()
        proofs = workspace.storage.proofs()
        verifier = Verifier(artefacts)
        chosen = [b for b in batches if only is None or b.number == only]
        if not chosen:
            raise ProofInvalidError(f"there is no batch {only}; {directory} has {len(batches)}")
        for batch in chosen:
            for name in workspace.config.types:
                results.append(_verify_one(verifier, batch, name, proofs.get((batch.number, name))))
    if as_json:
        print_json({"proofs": results})
    else:
        table = Table("batch", "proof type", "verdict")
        for row in results:
            table.add_row(str(row["batch"]), row["proof_type"], row["refusal"] or "valid")
        out.print(table)
    invalid = [r for r in results if not r["valid"]]
    if invalid:
        raise ProofInvalidError(f"{len(invalid)} of {len(results)} proofs are missing or not valid")


def _verify_one(
    verifier: Verifier, batch: StoredBatch, name: str, stored: StoredProof | None
) -> dict[str, Any]:
    row = {"batch": batch.number, "proof_type": name, "valid": False, "refusal": None}
    if stored is None:
        return row | {"refusal": "there is no proof yet"}
    statement = pb.ProveRequest.FromString(batch.request).statement
    # A stored statement is not believed: the claim is computed from the journal.
    expected = claims.claim_id(batch.parent, batch.journal)
    proof = pb.Proof.FromString(stored.proof)
    of_type = {s.suite for s in proof.suites}
    for suite in [s for s in statement.suites if s.suite not in of_type]:
        statement.suites.remove(suite)
    try:
        if statement.claim != expected:
            raise ProofInvalidError(f"expected claim 0x{expected.hex()}, found 0x{statement.claim.hex()}")
        verifier.verify(name, statement, proof.l1_proof)
    except ProofInvalidError as error:
        return row | {"refusal": str(error)}
    return row | {"valid": True}


def settle(directory: Path, as_json: bool) -> None:
    with Workspace.open(directory) as workspace, Board(workspace.config.types) as board:
        workspace.prepare(board.preparing)
        l1, account = workspace.connect()
        contracts = workspace.contracts(l1, account)
        settlement = contracts.settlement
        with workspace.node(contracts, account, board) as node:
            node.seal()
            node.wait_final()
            document = {
                "settlement": "0x" + settlement.address.hex(),
                "batches": len(node.batches),
                "final_claim": "0x" + settlement.final_claim().hex(),
                "state_root": "0x" + settlement.state_root(settlement.final_claim()).hex(),
            }
    if as_json:
        print_json(document)
    else:
        out.print(f"{document['batches']} batches are final; state root {document['state_root']}")


def status(directory: Path, as_json: bool) -> None:
    with Workspace.open(directory) as workspace:
        batches, proofs = workspace.storage.batches(), workspace.storage.proofs()
        pending = len(workspace.storage.transactions(pending=True))
        config = workspace.config
    contracts = None
    if config.l1 is not None and config.settlement is not None:  # one in the process is gone
        contracts = Contracts.at(open_l1(config.l1), raw(config.settlement))
    rows = [
        {
            "batch": b.number,
            "transactions": b.transactions,
            "claim": "0x" + b.claim.hex(),
            "state_root": "0x" + claims.state_root(b.post_roots).hex(),
            "proved": [n for n in config.types if (b.number, n) in proofs],
            "vouched": [n for n in config.types if (p := proofs.get((b.number, n))) and p.vouch],
            "final": _finality(contracts, b.claim) if contracts else None,
        }
        for b in batches
    ]
    if as_json:
        print_json({"transition": config.transition, "pending": pending, "batches": rows})
        return
    table = Table("batch", "transactions", "claim", "state root", "proved", "vouched on L1", "final for")
    for row in rows:
        table.add_row(
            str(row["batch"]),
            str(row["transactions"]),
            short(str(row["claim"])),
            short(str(row["state_root"])),
            ", ".join(row["proved"]) or "–",  # type: ignore[arg-type]
            ", ".join(row["vouched"]) or "–",  # type: ignore[arg-type]
            _worth(row["final"]),
        )
    out.print(f"{config.transition}, {config.slots} slots a batch, {pending} transactions in no batch yet")
    out.print(table)


def _finality(contracts: Contracts, claim: bytes) -> list[dict[str, Any]]:
    """By tier of the policy, whether a claim is final for it, and from when it can be (Unix seconds)."""
    policy, status = contracts.governance.policy(), contracts.settlement.claim(claim)
    times = final_from(policy, status, contracts.settlement.thawed())
    return [
        {"limit_gwei": tier.limit_gwei, "final": status.final_at(bit), "from": times.get(bit)}
        for bit, tier in zip(tier_bits(policy), policy.tiers, strict=True)
    ]


def _worth(finality: Any) -> str:
    """The largest value that a claim is final for."""
    final = [tier["limit_gwei"] for tier in finality or () if tier["final"]]
    if not final:
        return "–"
    return "any value" if None in final else f"up to {max(final):,} gwei"


def provers(types: tuple[str, ...], as_json: bool) -> None:
    with Fleet(default_registry(), types, default_cache()) as fleet:
        for failure in fleet.failures.values():
            raise failure
        manifests = {name: prover.describe() for name, prover in fleet.provers.items()}
    if as_json:
        print_json({name: _manifest(m) for name, m in manifests.items()})
        return
    for name, m in manifests.items():
        err.print(*(f"[yellow]warning[/] {name}: {w}" for w in m.warnings), sep="\n")
        title = f"{name} {m.version}" + (" [yellow](simulated)[/]" if m.simulated else "")
        table = Table("layer", "component", "version", "note", title=title, title_justify="left")
        for c in m.components:
            table.add_row(c.layer, c.id, c.version, c.note)
        out.print(table)
        term = m.binding_term
        if term is not None:
            out.print(f"security: {number(m.proven_bits)} bits proven, bound by {term.name} ({term.source})")
    for a, b in combinations(manifests, 2):
        shared = ", ".join(c.id for c in shared_components(manifests[a], manifests[b])) or "nothing"
        out.print(f"[bold]{a}[/] and [bold]{b}[/] share: {shared}")


def _manifest(m: Manifest) -> dict[str, Any]:
    bits = {"proven": m.proven_bits, "conjectured": m.conjectured_bits}
    return {**m.model_dump(mode="json"), "security_bits": bits}


def check(address: str, cases: Path | None, tls: Tls | None, as_json: bool) -> None:
    def show(row: conformance.Row) -> None:
        colour = {"passed": "green", "failed": "red", "skipped": "yellow"}[row.outcome]
        out.print(f"[{colour}]{row.outcome}[/] {row.check}" + (f" · {row.case}" if row.case else ""))
        if row.outcome == "failed":
            out.print(f"    expected {row.expected}; found {row.found}")

    shipped = Path(multiprover.__file__).resolve().parents[2] / "vectors/conformance/token.json"
    valid = conformance.load_cases(cases or shipped)
    report = conformance.check(address, valid, tls, on_row=None if as_json else show)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        counts = Counter(row.outcome for row in report.rows)
        figures = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))
        out.print(f"{report.proof_type} {report.version}: {figures}")
    if not report.passed:
        raise SystemExit(1)
