"""``multiprover demo``: real trades, proved by several proof types at once and settled on L1; then a lie."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

import multiprover
from multiprover.cli.board import Board
from multiprover.cli.output import err, number, out, print_json
from multiprover.ledger.batch import BatchBuilder
from multiprover.ledger.codec import WORD_BYTES
from multiprover.node.lie import alter, try_lie
from multiprover.node.node import Node
from multiprover.node.verify import transactions
from multiprover.node.workspace import Config, Workspace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.manifest import Manifest
from multiprover.settlement import claims
from multiprover.settlement.finality import tier_bits
from multiprover.settlement.types import WEI_PER_GWEI
from multiprover.suites import Wallet

if TYPE_CHECKING:
    from examples.perpetuals.scenario import Step


class DemoError(Exception):
    """The demo cannot run; the message says why and what to do."""


@dataclass(frozen=True)
class Options:
    """What ``multiprover demo`` was asked for."""

    trades: Path | None
    count: int
    slots: int
    types: tuple[str, ...]
    l1: str | None
    lie: bool
    directory: Path | None
    json: bool


def repository() -> Path:
    """The repository that this package runs from.

    Raises:
        DemoError: it was installed without one.
    """
    root = Path(multiprover.__file__).resolve().parents[2]
    if not (root / "examples" / "perpetuals").is_dir():
        raise DemoError("the demo needs the examples: run it in a clone of the repository")
    return root


def run(options: Options) -> None:
    """Run the demo and print its table or JSON document.

    Raises:
        DemoError, NodeError, ProverError, L1Error, LieAcceptedError: what was asked for did not happen.
    """
    root = repository()
    sys.path.insert(0, str(root))
    with tempfile.TemporaryDirectory(prefix="multiprover-demo-") as scratch:
        directory = options.directory or Path(scratch)
        config = Config(
            transition=f"{root / 'examples/perpetuals/perpetuals.py'}:Perpetuals",
            slots=options.slots,
            types=options.types,
            l1=options.l1,
        )
        with Workspace.create(directory, config) as workspace:
            document = _run(options, workspace)
    if options.json:
        print_json(document)
    else:
        _show(document, options)


def _run(options: Options, workspace: Workspace) -> dict[str, Any]:
    from examples.perpetuals import market_data, scenario

    path = options.trades or market_data.TRADES_2023
    if not path.is_file():
        raise DemoError(f"there is no trades file {path}")
    keys = scenario.wallets(suites=workspace.program.suites)
    # The whole file up to the last trade is read first: a bad row is refused before anything is sent.
    try:
        scale = market_data.scale_of(path)
        marks = market_data.read_marks(market_data.MARKS_2023, scale) if options.trades is None else None
        steps = list(scenario.build(market_data.read_trades(path, scale), options.count, marks, keys=keys))
    except (market_data.MarketDataError, scenario.ScenarioError) as error:
        raise DemoError(str(error)) from error
    trades = sum(step.kind == "trade" for step in steps)
    if trades < options.count:
        raise DemoError(f"{path} has {trades} trades, {options.count} were asked for: give --count {trades}")
    board = Board(options.types)
    with board:
        cached = _prepare(workspace, board)
        l1, account = workspace.connect()
        contracts = workspace.contracts(l1, account)
        with workspace.node(contracts, account, board) as node:
            _feed(node, steps, keys)
            node.wait_final()
            document = _document(node, board, trades, cached)
            if options.lie:
                last = next(step for step in reversed(steps) if step.kind == "trade")
                document["lie"] = _lie(node, last, keys)
    return document


def _prepare(workspace: Workspace, board: Board) -> bool:
    """Have the keys made or loaded; returns whether all were cached."""
    workspace.prepare(board.preparing)
    for name, manifest in workspace.manifests.items():
        for warning in manifest.warnings:
            err.print(f"[yellow]warning[/] {name}: {warning}")
    return all(prepared.cached for prepared in workspace.prepared.values())


def _feed(node: Node, steps: Sequence[Step], keys: Sequence[Wallet]) -> None:
    """Bring every step into the node, those from L1 through the contract's queue.

    The steps are the same each time, so those that a run before this one brought in are passed over.
    """
    from examples.perpetuals import scenario

    accepted = node.storage.transactions()
    submitted = sum(not node.is_from_l1(t) for t in accepted)
    on_l1 = node.contracts.bridge.queue_length()
    queued = on_l1 > len(accepted) - submitted
    for step in steps:
        if step.from_l1 and on_l1:
            on_l1 -= 1
            continue
        if not step.from_l1 and submitted:
            submitted -= 1
            continue
        transaction = scenario.transaction(step, node.program, keys, node.settlement.domain)
        if step.from_l1:
            node.enqueue(transaction)
            queued = True
            continue
        if queued:
            node.take_queue()
            queued = False
        node.submit(transaction)
    node.take_queue()
    node.seal()


def _document(node: Node, board: Board, trades: int, cached: bool) -> dict[str, Any]:
    trade_kind = node.transition.kind("trade").number
    size = WORD_BYTES * node.program.input_words
    batches: list[dict[str, Any]] = []
    proofs = node.storage.proofs()
    tiers = _tiers(node)
    for batch in node.batches:
        row = board.rows[batch.number]
        kinds = [
            int.from_bytes(batch.journal[i * size : i * size + WORD_BYTES], "big") for i in range(node.slots)
        ]
        batches.append(
            {
                "trades": kinds.count(trade_kind),
                "transactions": batch.transactions,
                "soft_s": row.soft_s,
                "soft_by": row.soft_by,
                "tiers": [{**tier, "final_s": row.final_at_tier_s(bit)} for bit, tier in tiers],
                "final_s": row.final_s,
                "final": node.settlement.claim(batch.claim).final,
                "journal_hash": "0x" + claims.journal_hash(batch.journal).hex(),
                "state_root": "0x" + node.settlement.state_root(batch.claim).hex(),
                "post_gas": row.post_gas,
                "vouches": {
                    name: {
                        key: {**proofs[batch.number, name].figures, **row.vouches.get(name, {})}.get(key)
                        for key in ("early_s", "prove_s", "cpu_s", "peak_mib", "proof_bytes", "gas")
                    }
                    for name in node.provers
                },
            }
        )
    last = batches[-1]["vouches"]
    return {
        "batches": batches,
        "types": {
            name: {
                "l1_gas": last[name]["gas"],
                "l1_transactions": transactions(name, _l1_proof(node, name)),
                "l1_proof_bytes": last[name]["proof_bytes"],
                "security_bits": security_bits(node.manifests[name]),
            }
            for name in node.provers
        },
        "trades": trades,
        "keys_cached": cached,
        "settlement": "0x" + node.settlement.address.hex(),
        "lie": None,
    }


def _tiers(node: Node) -> list[tuple[int, dict[str, Any]]]:
    """The tiers below the highest that fewer types release at once: the bit of finality; limit and types."""
    policy = node.contracts.governance.policy()
    found = []
    for bit, tier in zip(tier_bits(policy), policy.tiers, strict=True):
        fewest = min((a.types for a in tier.alternatives if a.delay_s == 0), key=len, default=())
        if 0 < len(fewest) < len(node.provers):
            found.append((bit, {"limit_gwei": tier.limit_gwei, "types": list(fewest)}))
    return found


def _l1_proof(node: Node, name: str) -> bytes:
    """A type's proof of the last batch."""
    return pb.Proof.FromString(node.storage.proofs()[node.batches[-1].number, name].proof).l1_proof


def security_bits(manifest: Manifest) -> dict[str, float | None]:
    """Bits of a proof type's weakest terms; None where it lists no terms."""
    return {"proven": manifest.proven_bits, "conjectured": manifest.conjectured_bits}


def _lie(node: Node, trade: Step, keys: Sequence[Wallet]) -> dict[str, Any]:
    """Execute one more trade (the last one, undone), alter what it wrote, and have everyone refuse it."""
    from examples.perpetuals import scenario

    err.print("planting a lie: the executor's post-state of one more batch is altered …")
    honest = node.state.copy()
    values = dict(trade.values)
    values["buyer"], values["seller"] = values["seller"], values["buyer"]
    fields = [f.name for f in node.program.maps[0].fields]
    signers = []
    for side in ("buyer", "seller"):
        values[f"{side}_nonce"] = honest.read_record(0, values[side])[fields.index("nonce")]
        signers.append((values[side], values[f"{side}_nonce"]))
    step = scenario.Step("trade", values, tuple(signers))
    builder = BatchBuilder(node.transition, honest, node.settlement.domain, node.slots)
    builder.add(scenario.transaction(step, node.program, keys, node.settlement.domain))
    lie = alter(node.program, builder.close(), honest)
    refusals = try_lie(node, lie)
    return {
        "altered": lie.what,
        "refused_by": [refusal.by for refusal in refusals],
        "reasons": {refusal.by: refusal.reason for refusal in refusals},
    }


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _show(document: dict[str, Any], options: Options) -> None:
    tiers = document["batches"][-1]["tiers"]
    sooner = [f"final, {len(tier['types'])} types" for tier in tiers]
    columns = ["batch", "trades", "soft", "by", *sooner, "final", *options.types, "state root"]
    times = _table("settled on L1: seconds", *columns)
    gas = _table("thousands of gas", "batch", "post", *options.types, "a trade")
    for i, batch in enumerate(document["batches"]):
        vouches = [batch["vouches"][name] for name in options.types]
        times.add_row(
            str(i),
            str(batch["trades"]),
            number(batch["soft_s"]),
            batch["soft_by"] or "–",
            *(number(tier["final_s"]) for tier in batch["tiers"]),
            number(batch["final_s"]),
            *(number(vouch["prove_s"]) for vouch in vouches),
            batch["state_root"][:10],
        )
        whole = batch["post_gas"] + sum(vouch["gas"] for vouch in vouches)
        gas.add_row(
            str(i),
            number(batch["post_gas"] / 1000),
            *(number(vouch["gas"] / 1000) for vouch in vouches),
            number(whole / batch["trades"] / 1000) if batch["trades"] else "–",
        )
    out.print(times)
    out.print(gas)
    last = document["batches"][-1]["vouches"]
    sizes = ", ".join(f"{last[name]['proof_bytes']} bytes ({name})" for name in options.types)
    out.print(
        f"{document['trades']} trades final, as {' and '.join(options.types)} agree on every state root. "
        "Soft: the first proof that was verified; final: all that the policy requires; in seconds since the "
        f"batch was sealed. Proofs have {sizes}."
    )
    for tier in tiers:
        eth = tier["limit_gwei"] / WEI_PER_GWEI
        out.print(f"Up to {eth:g} ETH may leave when {' and '.join(tier['types'])} have vouched.")
    lie = document["lie"]
    if lie:
        out.print(f"\n[bold]A planted lie[/] ({lie['altered']}) was refused by all:")
        for by, reason in lie["reasons"].items():
            out.print(f"  [bold]{by}[/]: {reason}")
