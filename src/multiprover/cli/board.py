"""Watching a node: what happened to each batch and when, shown live and summed up at the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rich.live import Live
from rich.table import Table

from multiprover.cli.output import err, number, short
from multiprover.node.node import Event


@dataclass
class Row:
    """One batch, as events tell of it. Times are monotonic seconds."""

    number: int
    sealed_at: float | None = None
    soft_at: float | None = None
    soft_by: str | None = None
    final_at: float | None = None
    tiers_at: dict[int, float] = field(default_factory=dict)
    """By tier (its bit), when a vouch made it final there."""
    state_root: str = ""
    post_gas: int = 0
    stages: dict[str, str] = field(default_factory=dict)
    vouches: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def soft_s(self) -> float | None:
        """From sealed until a proof of the batch was verified. (A vouch of an enclave is no proof.)"""
        return _between(self.sealed_at, self.soft_at)

    @property
    def final_s(self) -> float | None:
        return _between(self.sealed_at, self.final_at)

    def final_at_tier_s(self, bit: int) -> float | None:
        """The same for values of a tier; None too where nobody vouched when it became final."""
        return _between(self.sealed_at, self.tiers_at.get(bit))


def _between(start: float | None, end: float | None) -> float | None:
    """Seconds between two events; None where one was not seen, as for batches of an earlier run."""
    return None if start is None or end is None else end - start


class Board:
    """Collects a node's events; as a context manager, shows them live on standard error."""

    def __init__(self, types: Sequence[str], *, live: bool = True) -> None:
        self.types = tuple(types)
        self.rows: dict[int, Row] = {}
        self.keys: dict[str, str] = {}
        self._lock = threading.Lock()
        self._live = Live(console=err, get_renderable=self._table, refresh_per_second=4) if live else None
        # Without a terminal a live table would print nothing until the end.
        if self._live is not None and not err.is_terminal:
            self._live = None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def preparing(self, proof_type: str, stage: str, fraction: float) -> None:
        """Progress of a prover's keys."""
        with self._lock:
            known = self.keys.get(proof_type, "")
            self.keys[proof_type] = f"keys: {stage} {fraction:.0%}"
        if self._live is None and known.rpartition(" ")[0] != f"keys: {stage}":
            err.print(f"{proof_type}: keys: {stage}")

    def __call__(self, event: Event) -> None:
        with self._lock:
            row = self.rows.setdefault(event.batch, Row(event.batch))
            self._apply(row, event)
        if self._live is None and event.kind != "progress":
            subject = f"batch {event.batch}" + (f" {event.proof_type}" if event.proof_type else "")
            figures = ", ".join(
                f"{k} {number(v) if isinstance(v, int | float) else v}" for k, v in event.detail.items()
            )
            err.print(f"{subject}: {event.kind}" + (f" ({figures})" if figures else ""))

    def _apply(self, row: Row, event: Event) -> None:
        name = event.proof_type or ""
        match event.kind:
            case "sealed":
                row.sealed_at = event.at
            case "posted":
                row.post_gas = event.detail["gas"]
            case "progress":
                row.stages[name] = f"{event.detail['stage']} {event.detail['fraction']:.0%}"
            case "proved":
                row.stages[name] = "proved"
                row.vouches[name] = dict(event.detail)
            case "vouched":
                row.stages[name] = "vouched"
                final_bits = event.detail["final_bits"]
                for bit in range(final_bits.bit_length()):
                    if final_bits >> bit & 1:
                        row.tiers_at.setdefault(bit, event.at)
                row.vouches.setdefault(name, {}).update(event.detail)
            case "confirmed":
                if row.soft_at is None:
                    row.soft_at, row.soft_by = event.at, name
            case "final":
                row.final_at = event.at
                row.state_root = event.detail["state_root"]
            case "refused" | "failed":
                row.stages[name] = f"[red]{event.kind}[/]"

    def _table(self) -> Table:
        table = Table(title="batches" if self.rows else "preparing keys", title_justify="left")
        table.add_column("batch", justify="right")
        for name in self.types:
            table.add_column(name, min_width=14)
        table.add_column("soft s", justify="right")
        table.add_column("final s", justify="right")
        table.add_column("state root")
        with self._lock:
            if not self.rows:
                table.add_row("", *(self.keys.get(name, "starting") for name in self.types), "", "", "")
            for row in [self.rows[n] for n in sorted(self.rows)][-20:]:
                table.add_row(
                    str(row.number),
                    *(row.stages.get(name, "waiting") for name in self.types),
                    number(row.soft_s),
                    number(row.final_s),
                    short(row.state_root) if row.state_root else "",
                )
        return table
