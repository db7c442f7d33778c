"""``multiprover bench``: what proving costs, each prover beside a circuit hand-written in its own library.

Each prover folder brings its own measurement, in its own language, so that both sides of its ratio come
from one run of one program. This command runs them, measures the executor and the tracer, and proves one
batch with every type alone and then with all at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.table import Table

from multiprover.cli.demo import DemoError, repository, security_bits
from multiprover.cli.output import err, number, out, print_json
from multiprover.ledger.batch import BatchBuilder, Transaction
from multiprover.ledger.state import State
from multiprover.ledger.storage import StoredBatch
from multiprover.node.node import Event, prove_batch, seal_record
from multiprover.node.verify import Verifier
from multiprover.node.workspace import Config, Workspace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement.claims import Deployment

Parent = tuple[Deployment, bytes, bytes]
"""Deployment, parent claim and payee of a batch."""


def run(slots: int, types: tuple[str, ...], as_json: bool) -> None:
    """Measure everything and print it.

    Raises:
        DemoError: a measurement failed.
    """
    root = repository()
    sys.path.insert(0, str(root))
    with tempfile.TemporaryDirectory(prefix="multiprover-bench-") as scratch:
        config = Config(
            transition=f"{root / 'examples/perpetuals/perpetuals.py'}:Perpetuals", slots=slots, types=types
        )
        with Workspace.create(Path(scratch), config) as workspace:
            program = Path(scratch) / "perpetuals.bin"
            program.write_bytes(workspace.program.encoded)
            document: dict[str, Any] = {"provers": {}}
            for name in types:
                if name in MEASUREMENTS:
                    err.print(f"measuring {name} beside its hand-written circuit, {slots} slots …")
                    document["provers"][name] = MEASUREMENTS[name](root, slots, program)
            err.print("measuring the executor and the tracer …")
            document |= _json([sys.executable, "-m", "benchmarks.executor"], root)
            err.print("proving one batch with each type alone, then with all at once …")
            document |= _parallel(workspace)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _groth16(root: Path, slots: int, program: Path) -> dict[str, Any]:
    command = [str(root / "provers/groth16/bin/bench"), "--slots", str(slots)]
    compiled = _json([*command, "--which", "compiled"])
    by_hand = _json([*command, "--which", "handwritten"])
    perpetuals = _json([*command, "--program", str(program), "--which", "compiled"])["constraints"]
    trades = _json([*command, "--program", str(program), "--which", "handwritten"])["constraints"]
    return {
        "slots": slots,
        "cpu_s_per_slot": compiled["prove_cpu_s"] / slots,
        "hand_written_cpu_s_per_slot": by_hand["prove_cpu_s"] / slots,
        "ratio": compiled["prove_cpu_s"] / by_hand["prove_cpu_s"],
        "rows_or_constraints": compiled["constraints"],
        "hand_written_rows_or_constraints": by_hand["constraints"],
        "peak_mib": compiled["peak_mib"],
        "setup_cpu_s": compiled["setup_cpu_s"],
        "perpetuals_rows_or_constraints": perpetuals,
        "hand_written_perpetuals_rows_or_constraints": trades,
        "perpetuals_ratio": perpetuals / trades,
    }


def _plonky2(root: Path, slots: int, program: Path) -> dict[str, Any]:
    command = [str(root / "provers/plonky2/bin/bench"), "--slots", str(slots)]
    slot = _json([*command, "--join"])
    perpetuals = _json([*command, "--program", str(program), "--count"])
    return slot | {
        "perpetuals_rows_or_constraints": perpetuals["rows_or_constraints"],
        "perpetuals_rows_a_slot": perpetuals["rows_a_slot"],
    }


MEASUREMENTS: Mapping[str, Callable[[Path, int, Path], dict[str, Any]]] = {
    "groth16": _groth16,
    "plonky2": _plonky2,
}
"""By proof type, what measures it: repository, slots and the perpetuals program in, figures out.

Each runs its prover folder's own measurement, of the reference slot as the prover compiles it and as a
circuit written by hand; and counts the rows or constraints of the perpetuals program.
"""


def _json(command: Sequence[str], folder: Path | None = None) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise DemoError(
            f"{' '.join(command)} ended with status {done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    return dict(json.loads(done.stdout))


def _parallel(workspace: Workspace) -> dict[str, Any]:
    """Wall seconds of one full batch of trades: with each type alone, with all at once, and around them.

    ``orchestration_s`` is what a batch costs beside executing, proving and L1: sealing it with its
    statement, and for all types together building the request, the way to the prover and back, and storing
    the proof.
    """
    workspace.prepare()
    state, builder, parent = _filled(workspace)
    started = time.monotonic()
    batch = _sealed(workspace, state, builder, parent)
    around = time.monotonic() - started

    def silent(_: Event) -> None:
        """Nobody watches."""

    def prove(name: str) -> tuple[float, float]:
        """Wall seconds of proving and storing, and of the prover's own part."""
        started = time.monotonic()
        manifest, prepared = workspace.manifests[name], workspace.prepared[name]
        stored = prove_batch(workspace.provers[name], manifest, prepared, batch, silent)
        workspace.storage.add_proof(stored)
        own = pb.Proof.FromString(stored.proof).figures["prove_s"]
        return time.monotonic() - started, own

    types = workspace.config.types
    for name in types:
        prove(name)  # the first proof loads keys
    alone = {name: prove(name) for name in types}
    with ThreadPoolExecutor(len(types)) as pool:
        together = _timed(lambda: list(pool.map(prove, types)))
    walls = {name: wall for name, (wall, _) in alone.items()}
    return {
        "alone_wall_s": walls,
        "parallel_wall_s": together,
        "parallel_wall_ratio": together / max(walls.values()),
        "orchestration_s": around + sum(wall - own for wall, own in alone.values()),
        "types": {name: _on_l1(workspace, batch, name) for name in types},
    }


def _on_l1(workspace: Workspace, batch: StoredBatch, name: str) -> dict[str, Any]:
    """What a proof of the batch is on L1: its length, the gas of verifying it, and what it rests on.

    The gas is that of a transaction to the adapter alone, calldata included; a vouch adds what Settlement
    writes. None for ``sgx``, whose adapter recovers a signer (``make demo`` shows whole vouches).
    """
    manifest = workspace.manifests[name]
    proof = pb.Proof.FromString(workspace.storage.proofs()[batch.number, name].proof).l1_proof
    statement = manifest.statement(pb.ProveRequest.FromString(batch.request).statement)
    verifier = Verifier(workspace.artefacts())
    return {
        "l1_gas": None if name == "sgx" else verifier.gas(name, statement, proof),
        "l1_proof_bytes": len(proof),
        "security_bits": security_bits(manifest),
    }


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _filled(workspace: Workspace) -> tuple[State, BatchBuilder, Parent]:
    """A batch full of real trades, executed on a state in which its traders have what they need."""
    from examples.perpetuals import market_data, scenario

    program, slots = workspace.program, workspace.config.slots
    l1, account = workspace.connect()
    settlement = workspace.contracts(l1, account).settlement
    scale = market_data.scale_of(market_data.TRADES_2023)
    trades = market_data.read_trades(market_data.TRADES_2023, scale)
    keys = scenario.wallets(suites=program.suites)
    state = State(program)
    transactions: list[Transaction] = []
    for step in scenario.build(trades, 4 * slots, keys=keys):
        transaction = scenario.transaction(step, program, keys, settlement.domain)
        if step.kind == "trade" or transactions:
            transactions.append(transaction)
            if len(transactions) == slots:
                break
            continue
        BatchBuilder(workspace.transition, state, settlement.domain, 1).add(transaction)
    builder = BatchBuilder(workspace.transition, state, settlement.domain, slots)
    for transaction in transactions:
        builder.add(transaction)
        workspace.storage.accept(transaction)
    return state, builder, (settlement.deployment, settlement.genesis, bytes.fromhex(account.address[2:]))


def _sealed(workspace: Workspace, state: State, builder: BatchBuilder, parent: Parent) -> StoredBatch:
    """The batch, sealed to disk with its statement as the node does it."""
    deployment, claim, payee = parent
    transactions = workspace.storage.transactions(pending=True)
    batch = seal_record(
        workspace.program,
        workspace.config.slots,
        deployment,
        builder.close(),
        0,
        claim,
        transactions,
        payee,
    )
    workspace.storage.seal(batch, state)
    return batch


def _show(document: dict[str, Any]) -> None:
    table = Table(title="reference slot, compiled beside hand-written", title_justify="left")
    for column in (
        "prover",
        "slots",
        "CPU s a slot",
        "hand-written",
        "ratio",
        "rows",
        "hand-written",
        "MiB",
    ):
        table.add_column(column, justify="right")
    for name, p in document["provers"].items():
        table.add_row(
            name,
            str(p["slots"]),
            number(p["cpu_s_per_slot"]),
            number(p["hand_written_cpu_s_per_slot"]),
            f"{p['ratio']:.3f}",
            number(p["rows_or_constraints"]),
            number(p["hand_written_rows_or_constraints"]),
            number(p["peak_mib"]),
        )
    out.print(table)
    for name, p in document["provers"].items():
        by_hand = (
            f", {number(p['hand_written_perpetuals_rows_or_constraints'])} for its trade written by hand, "
            f"ratio {p['perpetuals_ratio']:.3f}"
            if "perpetuals_ratio" in p
            else ""
        )
        out.print(
            f"{name}, perpetuals: {number(p['perpetuals_rows_or_constraints'])} rows or constraints compiled"
            + by_hand
        )
    out.print(f"executor: {number(document['executor_tx_per_s'])} trades a second on one core")
    out.print(f"tracing perpetuals: {number(document['trace_s'])} s")
    alone = ", ".join(f"{name} {number(s)} s" for name, s in document["alone_wall_s"].items())
    out.print(
        f"one batch alone: {alone}; all at once {number(document['parallel_wall_s'])} s, "
        f"{document['parallel_wall_ratio']:.2f} × the slowest alone; orchestration "
        f"{number(document['orchestration_s'])} s a batch"
    )
