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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.table import Table

from multiprover.cli.demo import DemoError, repository
from multiprover.cli.output import err, number, out, print_json
from multiprover.ledger.batch import BatchBuilder, Transaction
from multiprover.ledger.state import State
from multiprover.ledger.storage import StoredBatch
from multiprover.node.node import Event, prove_batch, seal_record
from multiprover.node.workspace import Config, Workspace

MEASUREMENTS = {"groth16": ("provers/groth16/bin/bench",)}
"""By proof type, the command that measures it; it takes ``--slots N`` and ``--program FILE``, and prints
JSON.
"""


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
                    arguments = ["--slots", str(slots), "--program", str(program)]
                    document["provers"][name] = _json([str(root / MEASUREMENTS[name][0]), *arguments[:]])
            err.print("measuring the executor and the tracer …")
            document |= _json([sys.executable, "-m", "benchmarks.executor"], root)
            err.print("proving one batch with each type alone, then with all at once …")
            document |= _parallel(workspace)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _json(command: Sequence[str], folder: Path | None = None) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise DemoError(
            f"{' '.join(command)} ended with status {done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    return dict(json.loads(done.stdout))


def _parallel(workspace: Workspace) -> dict[str, Any]:
    """Wall seconds of one full batch of trades: with each type alone, and with all at the same time."""
    workspace.prepare()
    batch = _batch(workspace)

    def silent(_: Event) -> None:
        """Nobody watches."""

    def prove(name: str) -> float:
        started = time.monotonic()
        prover, manifest, prepared = (
            workspace.provers[name],
            workspace.manifests[name],
            workspace.prepared[name],
        )
        prove_batch(prover, manifest, prepared, batch, silent)
        return time.monotonic() - started

    types = workspace.config.types
    for name in types:
        prove(name)  # the first proof loads keys
    alone = {name: prove(name) for name in types}
    with ThreadPoolExecutor(len(types)) as pool:
        together = _timed(lambda: list(pool.map(prove, types)))
    return {
        "alone_wall_s": alone,
        "parallel_wall_s": together,
        "parallel_wall_ratio": together / max(alone.values()),
    }


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _batch(workspace: Workspace) -> StoredBatch:
    """A batch full of real trades, on a state in which its traders have what they need."""
    from examples.perpetuals import market_data, scenario

    program, slots = workspace.program, workspace.config.slots
    l1, account = workspace.connect()
    settlement = workspace.settlement(l1, account)
    scale = market_data.scale_of(market_data.TRADES_2023)
    trades = market_data.read_trades(market_data.TRADES_2023, scale)
    keys = scenario.wallets(suites=program.suites)
    state = State(program)
    transactions: list[Transaction] = []
    for step in scenario.build(trades, 4 * slots):
        transaction = scenario.transaction(step, program, keys, settlement.domain)
        if step.kind == "trade" or transactions:
            transactions.append(transaction)
            if len(transactions) == slots:
                break
            continue
        builder = BatchBuilder(workspace.transition, state, settlement.domain, 1)
        builder.add(transaction)
    builder = BatchBuilder(workspace.transition, state, settlement.domain, slots)
    for transaction in transactions:
        builder.add(transaction)
    payee = bytes.fromhex(account.address[2:])
    return seal_record(
        program, slots, settlement.deployment, builder.close(), 0, settlement.genesis, transactions, payee
    )


def _show(document: dict[str, Any]) -> None:
    table = Table(title="reference slot, compiled beside hand-written", title_justify="left")
    for column in (
        "prover",
        "slots",
        "CPU s a slot",
        "hand-written",
        "ratio",
        "constraints",
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
    out.print(f"executor: {number(document['executor_tx_per_s'])} trades a second on one core")
    out.print(f"tracing perpetuals: {number(document['trace_s'])} s")
    alone = ", ".join(f"{name} {number(s)} s" for name, s in document["alone_wall_s"].items())
    out.print(
        f"one batch alone: {alone}; all at once {number(document['parallel_wall_s'])} s, "
        f"{document['parallel_wall_ratio']:.2f} × the slowest alone"
    )
