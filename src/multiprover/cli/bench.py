"""``multiprover bench``: what proving costs, each prover beside a circuit hand-written in its own library.

Each prover folder brings its own measurement, in its own language, so that both sides of its ratio come
from one run of one program. This command runs them, measures the executor and the tracer, and proves one
batch of real trades with every type alone and then with all at once; L1's contracts verify what was proved.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from multiprover.cli.demo import DemoError, repository, security_bits
from multiprover.cli.output import err, number, out, print_json
from multiprover.lang.transition import Transition
from multiprover.ledger.batch import BatchBuilder, Transaction
from multiprover.ledger.state import State
from multiprover.ledger.storage import StoredBatch
from multiprover.node.node import Event, prove_batch, seal_record
from multiprover.node.verify import Verifier, transactions
from multiprover.node.workspace import Config, Workspace
from multiprover.program import trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement.claims import Deployment

Parent = tuple[Deployment, bytes, bytes]
"""Deployment, parent claim and payee of a batch."""

WARM_UP_S = 20
"""A first proof that takes less is made again: it may have loaded keys."""

STILL_S = 15
"""Without a terminal, a step that goes on says so after so many seconds."""


class Steps:
    """What is being done and for how long, on standard error."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:
        """Around one step; gives what is called with what the step is at."""
        began, shown, lock = time.monotonic(), [""], threading.Lock()
        if err.is_terminal:
            with err.status(what) as status:
                yield lambda at: status.update(f"{what}: {at}")
        else:
            err.print(f"{self._clock()} {what} …", soft_wrap=True)
            told = [began]

            def at(text: str) -> None:
                with lock:
                    if text != shown[0] and time.monotonic() - told[0] >= STILL_S:
                        told[0], shown[0] = time.monotonic(), text
                        err.print(f"{self._clock()} {what}: {text}", soft_wrap=True)

            yield at
        took = number(round(time.monotonic() - began, 1))
        err.print(f"{self._clock()} {what}: {took} s", soft_wrap=True)

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        return f"{minutes:3}:{seconds:02}"


def run(slots: int, types: tuple[str, ...], as_json: bool) -> None:
    """Measure everything and print it.

    Raises:
        DemoError: a measurement failed.
    """
    root = repository()
    sys.path.insert(0, str(root))
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="multiprover-bench-") as scratch:
        config = Config(
            transition=f"{root / 'examples/perpetuals/perpetuals.py'}:Perpetuals", slots=slots, types=types
        )
        with Workspace.create(Path(scratch), config) as workspace:
            document: dict[str, Any] = {"slots": slots, "provers": {name: {} for name in types}}
            for name in types:
                if name in MEASUREMENTS:
                    # By itself a type commits to its own suites only, as the circuits written by hand do.
                    suites = workspace.provers[name].describe().suites or workspace.program.suites
                    own = Question(root, slots, workspace.transition, suites)
                    with steps.step(f"{name} beside its hand-written circuit, {slots} slots") as at:
                        document["provers"][name] = MEASUREMENTS[name](own, at)
            with steps.step("executor and tracer"):
                document |= _json([sys.executable, "-m", "benchmarks.executor"], root)
            batch, by_type = _parallel(workspace, steps)
            document |= batch
            for name in types:
                # Who brings no measurement of a slot has that of the batch.
                cpu = by_type[name]["batch_cpu_s"]
                whole = {} if cpu is None else {"cpu_s_per_slot": cpu / slots}
                document["provers"][name] = whole | document["provers"][name] | by_type[name]
    if as_json:
        print_json(document)
    else:
        _show(document)


@dataclass(frozen=True)
class Question:
    """What a type is measured on.

    Attributes:
        transition: the perpetuals exchange.
        suites: those that the type's proofs commit to.
    """

    root: Path
    slots: int
    transition: type[Transition]
    suites: tuple[str, ...]

    @contextmanager
    def program(self) -> Iterator[str]:
        """A file with the exchange's program over these suites."""
        with tempfile.NamedTemporaryFile(prefix="perpetuals-", suffix=".bin") as file:
            file.write(trace(self.transition, self.suites).encoded)
            file.flush()
            yield file.name


At = Callable[[str], None]
"""Is told what a measurement is at."""


def _groth16(of: Question, at: At) -> dict[str, Any]:
    command = [str(of.root / "provers/groth16/bin/bench"), "--slots", str(of.slots)]
    at("reference slot, compiled")
    compiled = _json([*command, "--which", "compiled"])
    at("reference slot, by hand")
    by_hand = _json([*command, "--which", "handwritten"])
    at("constraints of perpetuals")
    with of.program() as program:
        perpetuals = _json([*command, "--program", program, "--which", "compiled"])["constraints"]
        trades = _json([*command, "--program", program, "--which", "handwritten"])["constraints"]
    return {
        "cpu_s_per_slot": compiled["prove_cpu_s"] / of.slots,
        "hand_written_cpu_s_per_slot": by_hand["prove_cpu_s"] / of.slots,
        "cpu_ratio": compiled["prove_cpu_s"] / by_hand["prove_cpu_s"],
        "rows_or_constraints": compiled["constraints"],
        "hand_written_rows_or_constraints": by_hand["constraints"],
        "ratio": compiled["constraints"] / by_hand["constraints"],
        "mib_per_slot": compiled["peak_mib"] / of.slots,
        "setup_cpu_s": compiled["setup_cpu_s"],
        "perpetuals_rows_or_constraints": perpetuals,
        "hand_written_perpetuals_rows_or_constraints": trades,
        "perpetuals_ratio": perpetuals / trades,
    }


def _beside(slot: Mapping[str, float], slots: int) -> dict[str, Any]:
    """The figures of ``slots`` reference slots from one run, compiled beside written by hand."""
    return {
        "cpu_s_per_slot": slot["cpu_s_per_slot"],
        "hand_written_cpu_s_per_slot": slot["hand_written_cpu_s_per_slot"],
        "cpu_ratio": slot["cpu_s_per_slot"] / slot["hand_written_cpu_s_per_slot"],
        "rows_or_constraints": slot["rows_or_constraints"],
        "hand_written_rows_or_constraints": slot["hand_written_rows_or_constraints"],
        "ratio": slot["ratio"],
        "rows_a_slot": slot["rows_a_slot"],
        "mib_per_slot": slot["peak_mib"] / slots,
    }


def _perpetuals(of: Question, command: Sequence[str]) -> dict[str, Any]:
    """The rows of the perpetuals program, as the prover's ``command`` counts them."""
    with of.program() as program:
        counted = _json([*command, "--program", program, "--count"])
    return {
        "perpetuals_rows_or_constraints": counted["rows_or_constraints"],
        "perpetuals_rows_a_slot": counted["rows_a_slot"],
    }


def _halo2(of: Question, at: At) -> dict[str, Any]:
    command = [str(of.root / "provers/halo2/bin/bench"), "--slots", str(of.slots)]
    at("reference slot, compiled")
    compiled = _json(command)
    at("reference slot, by hand")
    by_hand = _json([*command, "--which", "handwritten"])
    perpetuals = _perpetuals(of, command)
    return {
        "cpu_s_per_slot": compiled["cpu_s_per_slot"],
        "hand_written_cpu_s_per_slot": by_hand["cpu_s_per_slot"],
        "cpu_ratio": compiled["cpu_s_per_slot"] / by_hand["cpu_s_per_slot"],
        "rows_or_constraints": compiled["rows_or_constraints"],
        "hand_written_rows_or_constraints": compiled["hand_written_rows_or_constraints"],
        "ratio": compiled["ratio"],
        "rows_a_slot": compiled["rows_a_slot"],
        "mib_per_slot": compiled["peak_mib"] / of.slots,
        "setup_cpu_s": compiled["setup_cpu_s"] + compiled["keygen_cpu_s"],
        **perpetuals,
    }


def _plonky2(of: Question, at: At) -> dict[str, Any]:
    command = [str(of.root / "provers/plonky2/bin/bench"), "--slots", str(of.slots)]
    at("reference slot, compiled and by hand")
    slot = _json([*command])
    # By itself: the peak of memory above is that of one leaf.
    at("two segments and their join")
    joined = _json([*command, "--join"])["joined"]
    perpetuals = _perpetuals(of, command)
    return {
        **_beside(slot, of.slots),
        "join_cpu_s": joined["join_cpu_s"],
        "joined_slots": joined["slots"],
        **perpetuals,
    }


def _stark(of: Question, at: At) -> dict[str, Any]:
    command = [str(of.root / "provers/stark/bin/bench"), "--slots", str(of.slots)]
    at("reference slot, compiled and by hand")
    slot = _json(command)
    perpetuals = _perpetuals(of, command)
    return {
        **_beside(slot, of.slots),
        "setup_cpu_s": slot["keygen_cpu_s"],
        "verify_s": slot["verify_s"],
        "early_proof_bytes": slot["proof_bytes"],
        **perpetuals,
    }


def _sgx(of: Question, at: At) -> dict[str, Any]:
    at("real trades, in batches of 64")
    figures = _json([sys.executable, "-m", "benchmarks.sgx"], of.root)
    batch = 64
    return {
        "cpu_s_per_slot": figures["sgx_prove_cpu_s"] / batch,
        "mib_per_slot": figures["sgx_peak_mib"] / batch,
    }


MEASUREMENTS: Mapping[str, Callable[[Question, At], dict[str, Any]]] = {
    "groth16": _groth16,
    "halo2": _halo2,
    "plonky2": _plonky2,
    "stark": _stark,
    "sgx": _sgx,
}
"""By proof type, what measures it; one function a type.

A circuit is measured on the reference slot, as its prover compiles it and written by hand; and the rows or
constraints of the perpetuals program are counted. ``ratio`` is of rows or constraints.
"""


def _json(command: Sequence[str], folder: Path | None = None) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise DemoError(
            f"{' '.join(command)} ended with status {done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    return dict(json.loads(done.stdout))


def _parallel(workspace: Workspace, steps: Steps) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Wall seconds of one full batch of trades: with each type alone, with all at once, and around them; and
    what each type's proof of it is.

    ``orchestration_s`` is what a batch costs beside executing, proving and L1: sealing it with its
    statement, and for all types together building the request, the way to the prover and back, and storing
    the proof.
    """
    with steps.step("keys of one batch of trades") as at:
        workspace.prepare(lambda name, stage, fraction: at(f"{name}: {stage} {fraction:.0%}"))
    with steps.step("executing the batch"):
        state, builder, parent = _filled(workspace)
    started = time.monotonic()
    batch = _sealed(workspace, state, builder, parent)
    around = time.monotonic() - started

    def prove(name: str, at: At) -> tuple[float, Mapping[str, float]]:
        """Wall seconds of proving and storing, and the prover's own figures."""

        def watch(event: Event) -> None:
            if event.kind == "progress":
                at(f"{name}: {event.detail['stage']} {event.detail['fraction']:.0%}")

        started = time.monotonic()
        manifest, prepared = workspace.manifests[name], workspace.prepared[name]
        stored = prove_batch(workspace.provers[name], manifest, prepared, batch, watch)
        workspace.storage.add_proof(stored)
        return time.monotonic() - started, stored.figures

    types = workspace.config.types
    alone = {}
    for name in types:
        with steps.step(f"the batch, {name} alone") as at:
            alone[name] = prove(name, at)
            if alone[name][0] < WARM_UP_S:
                alone[name] = prove(name, at)
    with steps.step("the batch, all at once") as at, ThreadPoolExecutor(len(types)) as pool:
        together = _timed(lambda: list(pool.map(lambda name: prove(name, at), types)))
    walls = {name: wall for name, (wall, _) in alone.items()}
    by_type = {}
    with steps.step("L1's contracts on the proofs"):
        for name, (_, figures) in alone.items():
            by_type[name] = {
                "batch_cpu_s": figures.get("cpu_s"),
                "batch_peak_mib": figures.get("peak_mib"),
                "batch_early_s": figures.get("early_s"),
                **_on_l1(workspace, batch, name),
            }
    document = {
        "alone_wall_s": walls,
        "parallel_wall_s": together,
        "parallel_wall_ratio": together / max(walls.values()),
        "orchestration_s": around + sum(wall - figures["prove_s"] for wall, figures in alone.values()),
    }
    return document, by_type


def _on_l1(workspace: Workspace, batch: StoredBatch, name: str) -> dict[str, Any]:
    """What a proof of the batch is on L1: its length, the gas of verifying it, and what it rests on.

    The gas is that of transactions to the adapter alone, calldata included; a vouch adds what Settlement
    writes. None for ``sgx``, whose adapter recovers a signer (``make demo`` shows whole vouches).
    """
    manifest = workspace.manifests[name]
    proof = pb.Proof.FromString(workspace.storage.proofs()[batch.number, name].proof).l1_proof
    statement = manifest.statement(pb.ProveRequest.FromString(batch.request).statement)
    verifier = Verifier(workspace.artefacts())
    return {
        "l1_gas": None if name == "sgx" else verifier.gas(name, statement, proof),
        "l1_transactions": transactions(name, proof),
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
    provers = document["provers"]
    slots = f"{document['slots']} slots a batch"
    slot = _table(
        f"reference slot, {slots}: compiled, and by hand in the same library (rows: of the batch)",
        "prover",
        "CPU s",
        "by hand",
        "ratio",
        "rows",
        "by hand",
        "ratio",
        "MiB",
    )
    l1 = _table(
        f"one batch of real trades, {slots}, each type alone; bits proven and conjectured",
        "prover",
        "wall s",
        "CPU s",
        "MiB",
        "gas on L1",
        "transactions",
        "proof bytes",
        "bits proven",
        "conj.",
    )
    for name, p in provers.items():
        slot.add_row(
            name,
            number(p.get("cpu_s_per_slot")),
            number(p.get("hand_written_cpu_s_per_slot")),
            number(p.get("cpu_ratio")),
            number(p.get("rows_or_constraints")),
            number(p.get("hand_written_rows_or_constraints")),
            number(p.get("ratio")),
            number(p.get("mib_per_slot")),
        )
        bits = p["security_bits"]
        l1.add_row(
            name,
            number(document["alone_wall_s"][name]),
            number(p["batch_cpu_s"]),
            number(p["batch_peak_mib"]),
            number(p["l1_gas"]),
            number(p["l1_transactions"]),
            number(p["l1_proof_bytes"]),
            number(bits["proven"]),
            number(bits["conjectured"]),
        )
    out.print(slot)
    out.print(l1)
    for name, p in provers.items():
        if p.get("batch_early_s") is not None:
            out.print(
                f"{name}: the batch's own proof after {number(p['batch_early_s'])} s, before the one for L1; "
                f"of the reference slots {number(p['early_proof_bytes'])} bytes"
            )
        if "join_cpu_s" in p:
            sizes = " and ".join(str(n) for n in p["joined_slots"])
            out.print(f"{name}: segments of {sizes} slots joined in {number(p['join_cpu_s'])} CPU s")
        if "perpetuals_rows_or_constraints" in p:
            text = f"{name}: perpetuals has {number(p['perpetuals_rows_or_constraints'])} rows or constraints"
            if "perpetuals_ratio" in p:
                text += (
                    f", its trade alone by hand {number(p['hand_written_perpetuals_rows_or_constraints'])}: "
                    f"ratio {p['perpetuals_ratio']:.3f}"
                )
            out.print(text)
    out.print(
        f"all at once: {number(document['parallel_wall_s'])} s, "
        f"{document['parallel_wall_ratio']:.2f} × the slowest alone; orchestration "
        f"{number(document['orchestration_s'])} s a batch"
    )
    out.print(
        f"executor: {number(document['executor_tx_per_s'])} trades a second on one core; tracing perpetuals: "
        f"{number(document['trace_s'])} s"
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="right")
    return table
