"""Pictures of what is computed here, as PNG or SVG by the file's ending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from multiprover.risk.assess import Assessment
from multiprover.risk.errors import RiskError
from multiprover.risk.premium import Fund, Price
from multiprover.risk.search import Search

_BAR = "#33658a"
_OTHER = "#f26419"
MOST = 15
"""Components in a picture of importance."""


def save(figure: Figure, path: Path) -> None:
    """Write a picture.

    Raises:
        RiskError: the ending is not .png or .svg, or the file cannot be written.
    """
    if path.suffix not in {".png", ".svg"}:
        raise RiskError(f"{path}: expected a file that ends with .png or .svg")
    FigureCanvasAgg(figure)
    try:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise RiskError(f"{path}: cannot be written: {error}") from error


def importance(assessment: Assessment) -> Figure:
    """What share of the risk each component answers for, and how uncertain the whole is."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = [(name, share) for name, share in assessment.importance.items() if share > 0][:MOST][::-1]
    left.barh([name for name, _ in rows], [100 * share for _, share in rows], color=_BAR)
    left.set_xlabel("share of the yearly risk that would vanish with it, %")
    left.set_title(" ∧ ".join(assessment.types))
    right.hist(100 * np.atleast_1d(assessment.samples), bins=40, color=_BAR)
    right.axvline(100 * assessment.p_safety_year, color=_OTHER)
    right.set_xlabel("probability of a false final claim within a year, %")
    right.set_ylabel("samples of the evidence's uncertainty")
    return figure


def pareto(search: Search) -> Figure:
    """Every choice of types: what it costs to run against what it may lose."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    for point in search.pareto():
        chosen = point.types == search.best.types
        axes.scatter(
            point.running_eth,
            point.loss_eth,
            s=20 + 400 * max(0.0, point.availability - 0.8),
            color=_OTHER if chosen else _BAR,
            alpha=1.0 if point.efficient else 0.3,
        )
        axes.annotate(
            ", ".join(point.types),
            (point.running_eth, point.loss_eth),
            fontsize=7,
            xytext=(4, 4),
            textcoords="offset points",
        )
    axes.margins(x=0.25)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("proving and delay, ETH a year")
    axes.set_ylabel("expected loss, ETH a year")
    axes.set_title("choices of types (larger: more available; faint: another is better in all)")
    return figure


def premiums(prices: Mapping[str, Price], fund: Fund, size: float, target: float) -> Figure:
    """The premium of each choice of types by its parts, and the ruin of the fund by its size."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(prices)
    base = np.zeros(len(names))
    parts: Sequence[tuple[str, str]] = (
        ("expected loss", "expected_loss"),
        ("loading", "loading"),
        ("capital", "capital_charge"),
    )
    for (label, attribute), colour in zip(parts, (_BAR, "#86bbd8", "#f6ae2d"), strict=True):
        heights = np.array([prices[name].bps(getattr(prices[name], attribute)) for name in names])
        left.bar(names, heights, bottom=base, label=label, color=colour)
        base = base + heights
    left.set_ylabel("basis points of notional a year")
    left.tick_params(axis="x", rotation=20)
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    starts = np.linspace(0, max(2 * size, fund.claim), 60)
    right.plot(starts, [fund.ruin(float(start)) for start in starts], color=_BAR)
    right.axhline(target, color=_OTHER, linestyle=":")
    right.axvline(size, color=_OTHER, linestyle=":")
    right.set_yscale("log")
    right.set_xlabel("insurance fund at the start")
    right.set_ylabel(f"probability of ruin in {fund.years:g} years")
    return figure
