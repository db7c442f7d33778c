"""``multiprover risk``: how likely a deployment fails, which policy it should have, what is left to insure.

numpy, scipy and matplotlib take a second to load: the commands load them, not the program's start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from multiprover.cli.output import err, listed, number, out, print_json
from multiprover.risk.errors import DataError, RiskError

if TYPE_CHECKING:
    from multiprover.risk.assess import Assessment
    from multiprover.risk.premium import Level
    from multiprover.risk.search import Found, Market
    from multiprover.risk.system import System

app = typer.Typer(no_args_is_help=True, help="Risk: from shared components to policy and premium.")

Types = Annotated[
    str | None, typer.Option("--types", help="Proof types, by commas; default: those that exist.")
]
Manifests = Annotated[
    Path | None, typer.Option("--manifests", help="Made-up types and components (docs/risk.md §7).")
]
EvidenceFile = Annotated[Path | None, typer.Option("--evidence", help="More evidence (docs/risk.md §3).")]
Audited = Annotated[bool, typer.Option("--audited", help="As if every circuit had been audited.")]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a picture here, .png or .svg.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
MarketFile = Annotated[
    Path | None, typer.Option("--market", help="Value, tiers, prices (docs/risk.md §5), as JSON.")
]
MOST = 12
"""Rows of a table of components."""


class Change(StrEnum):
    """Which way a what-if goes, for its heading."""

    BEFORE = "now"
    AFTER = "then"


def _system(manifests: Path | None, evidence: Path | None, audited: bool) -> System:
    from multiprover.risk.evidence import read_records
    from multiprover.risk.system import read_system, shipped_system

    if manifests is not None and audited:
        raise DataError("--audited: expected without --manifests, whose classes say it themselves")
    system = read_system(manifests) if manifests is not None else shipped_system(audited=audited)
    return system.with_records(read_records(evidence)) if evidence is not None else system


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(dict.fromkeys(listed(text)))


def _finite(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RiskError(f"{path}: cannot be written: {error}") from error


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _effective(count: float) -> str:
    return number(count) if math.isfinite(count) else "–"


@app.command()
def show(
    types: Types = None,
    manifests: Manifests = None,
    evidence: EvidenceFile = None,
    audited: Audited = False,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """How likely a false claim becomes final, or finality stands still, and what is to blame."""
    from multiprover.risk import plots
    from multiprover.risk.assess import assess, worth
    from multiprover.risk.system import deploy
    from multiprover.risk.tree import ENGINE

    system = _system(manifests, evidence, audited)
    chosen = system.chosen(_names(types))
    assessment = assess(deploy(system, chosen))
    changes = worth(system, chosen)
    if plot is not None:
        plots.save(plots.importance(assessment), plot)
    if json:
        rows = {w.change: {"p_safety_year": w.p_safety_year, "p_liveness": w.p_liveness} for w in changes}
        warnings = {name: list(system.types[name].warnings) for name in chosen if system.types[name].warnings}
        print_json(_finite(assessment.document() | {"worth": rows, "warnings": warnings, "engine": ENGINE}))
        return
    out.print(f"[bold]{' ∧ '.join(chosen)}[/]: all must vouch")
    _summary([("", assessment)])
    _types(system, assessment)
    _components(assessment)
    table = Table("change", "false claim a year", "finality stands still", title="What a change is worth")
    for row in changes[:MOST]:
        table.add_row(row.change, _percent(row.p_safety_year), _percent(row.p_liveness))
    out.print(table)
    for name in chosen:
        if system.types[name].planned:
            err.print(f"[yellow]{name} is planned: what it rests on is a plan[/]")
        for warning in system.types[name].warnings:
            err.print(f"[yellow]{name}:[/] {warning}", soft_wrap=True)


def _summary(rows: Sequence[tuple[str, Assessment]]) -> None:
    table = Table("", *(name for name, _ in rows))
    lines: list[tuple[str, Callable[[Assessment], str]]] = [
        ("false claim final within a year", lambda a: _percent(a.p_safety_year)),
        ("90 % interval", lambda a: " – ".join(map(_percent, a.interval))),
        ("… by the provers", lambda a: _percent(a.p_provers)),
        ("… by what all rest on", lambda a: _percent(a.p_common)),
        ("effective independent provers, safety", lambda a: _effective(a.effective_provers)),
        ("finality stands still, share of time", lambda a: _percent(a.p_liveness)),
        ("effective independent provers, liveness", lambda a: _effective(a.effective_provers_liveness)),
    ]
    for label, cell in lines:
        table.add_row(label, *(cell(a) for _, a in rows))
    out.print(table)


def _types(system: System, assessment: Assessment) -> None:
    table = Table("proof type", "fails within a year", "down", "proven bits", "conjectured bits")
    for name, (unsafe, down) in assessment.by_type.items():
        spec = system.types[name]
        label = name + (" (planned)" if spec.planned else " (simulated)" if spec.simulated else "")
        table.add_row(
            label, _percent(unsafe), _percent(down), number(spec.proven_bits), number(spec.conjectured_bits)
        )
    out.print(table)


def _components(assessment: Assessment) -> None:
    table = Table("component", "share of the risk", title="What is to blame")
    for name, share in list(assessment.importance.items())[:MOST]:
        table.add_row(name, _percent(share))
    out.print(table)


@app.command("what-if")
def what_if(
    types: Types = None,
    without: Annotated[str | None, typer.Option(help="Types to leave out, by commas.")] = None,
    with_: Annotated[str | None, typer.Option("--with", help="Types to add, by commas.")] = None,
    own: Annotated[
        str | None, typer.Option(help="Components of which each type gets its own, by commas.")
    ] = None,
    perfect: Annotated[str | None, typer.Option(help="Components that cannot fail, by commas.")] = None,
    manifests: Manifests = None,
    evidence: EvidenceFile = None,
    audited: Audited = False,
    json: Json = False,
) -> None:
    """The same deployment after a change: fewer or more types, a curve or vendor of its own for each."""
    from multiprover.risk.assess import assess, with_own_copies, without_fault
    from multiprover.risk.system import deploy

    system = _system(manifests, evidence, audited)
    gone, more = _names(without) or (), _names(with_) or ()
    if not (gone or more or own or perfect):
        raise DataError("what-if: expected a change: --without, --with, --own or --perfect")
    # What is to be taken away is there before, also where it is planned only.
    before = system.chosen((*system.chosen(_names(types)), *gone))
    after = system.chosen([name for name in (*before, *more) if name not in gone])
    changed = deploy(system, after)
    for component in _names(own) or ():
        changed = with_own_copies(changed, component)
    for component in _names(perfect) or ():
        changed = without_fault(changed, component)
    rows = [(Change.BEFORE, assess(deploy(system, before))), (Change.AFTER, assess(changed))]
    if json:
        print_json(_finite({str(name): assessment.document() for name, assessment in rows}))
        return
    out.print(f"[bold]{' ∧ '.join(before)}[/] → [bold]{' ∧ '.join(after)}[/]")
    _summary([(str(name), assessment) for name, assessment in rows])


@app.command()
def policy(
    types: Types = None,
    manifests: Manifests = None,
    evidence: EvidenceFile = None,
    audited: Audited = False,
    market: MarketFile = None,
    bench: Annotated[
        Path | None, typer.Option(help="Proving costs: what `multiprover bench --json` printed.")
    ] = None,
    target_loss: Annotated[
        float | None, typer.Option(help="Greatest loss rate of a tier, basis points a year.")
    ] = None,
    target_availability: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least share of time in which a tier is available.")
    ] = None,
    accept_halt: Annotated[
        bool, typer.Option("--accept-halt", help="One type's halt may halt finality.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--out", help="Write the policy, for settlement, here.")
    ] = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """The cheapest settlement policy of these types that meets the targets."""
    from multiprover.risk import plots
    from multiprover.risk.evidence import read_json
    from multiprover.risk.search import Targets, costs_from_bench, search, shipped_costs

    if target_loss is not None and not target_loss >= 0:
        raise DataError(f"--target-loss: expected 0 or more, found {target_loss}")
    costs = shipped_costs()
    if bench is not None:
        costs = costs_from_bench(read_json(bench), costs)
    found = search(
        _system(manifests, evidence, audited),
        _names(types),
        market=_market(market),
        targets=Targets(
            loss=None if target_loss is None else target_loss / 1e4,
            availability=target_availability,
            accepts_halt=accept_halt,
        ),
        costs=costs,
    )
    if output is not None:
        _write(output, found.best.policy.model_dump_json(indent=2) + "\n")
    if plot is not None:
        plots.save(plots.pareto(found), plot)
    if json:
        points = [
            {
                "types": list(p.types),
                "running_eth_year": p.running_eth,
                "loss_eth_year": p.loss_eth,
                "availability": p.availability,
                "efficient": p.efficient,
            }
            for p in found.pareto()
        ]
        print_json(_finite(found.best.document() | {"pareto": points}))
        return
    _found(found.best)
    table = Table(
        "types",
        "proving and delay, ETH a year",
        "expected loss",
        "available",
        "",
        title="Each choice of types",
    )
    for p in sorted(found.pareto(), key=lambda p: p.running_eth + p.loss_eth)[:MOST]:
        mark = "efficient" if p.efficient else ""
        table.add_row(
            ", ".join(p.types), number(p.running_eth), number(p.loss_eth), _percent(p.availability), mark
        )
    out.print(table)


def _found(found: Found) -> None:
    table = Table("up to", "alternatives", "passed within a year", "loss, ETH a year", "delay", "available")
    for tier, result in zip(found.policy.tiers, found.tiers, strict=True):
        limit = "any value" if tier.limit_gwei is None else f"{number(tier.limit_gwei / 1e9)} ETH"
        lines = "\n".join(
            f"{' ∧ '.join(a.types)}{f', after {_time(a.delay_s)}' if a.delay_s else ''}"
            for a in tier.alternatives
        )
        table.add_row(
            limit,
            lines,
            _percent(result.p_unsafe),
            number(result.loss_eth),
            number(result.delay_eth),
            _percent(result.availability),
        )
    out.print(table)
    weights = ", ".join(f"{name} {weight}" for name, weight in found.policy.weights.items())
    out.print(f"weights in a conflict: {weights}")
    out.print(
        f"{number(found.cost_eth)} ETH a year, proving {number(found.proving_eth)} of it; "
        f"{'proved the cheapest' if found.exact else 'the cheapest found'}; "
        f"what all rest on fails within a year with {_percent(found.p_common)}, whatever the policy"
    )


def _time(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _market(path: Path | None) -> Market:
    from pydantic import ValidationError

    from multiprover.risk.evidence import faults, read_json
    from multiprover.risk.search import Market

    if path is None:
        return Market()
    try:
        return Market.model_validate(read_json(path))
    except ValidationError as error:
        raise DataError(f"{path}: {faults(error)}") from error


@app.command()
def price(
    open_interest: Annotated[float, typer.Option(help="Notional of the open interest, any unit.")],
    collateral: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the notional that the contract holds.")
    ] = 1.0,
    option_value: Annotated[
        float | None, typer.Option(help="Price an option of this market value, on that notional.")
    ] = None,
    days: Annotated[float, typer.Option(help="The option's days to expiry.")] = 30.0,
    types: Types = None,
    searched: Annotated[
        bool, typer.Option("--searched", help="Under the cheapest policy, not all types at once.")
    ] = False,
    market: MarketFile = None,
    loading: Annotated[float, typer.Option(help="On the expected loss.")] = 0.2,
    capital_rate: Annotated[float, typer.Option(help="Cost of risk capital a year.")] = 0.1,
    shortfall_level: Annotated[float, typer.Option(help="Level of the expected shortfall.")] = 0.99,
    severity: Annotated[float, typer.Option(help="Share lost for good, after recovery.")] = 1.0,
    ruin: Annotated[float, typer.Option(help="Target probability of the fund's ruin.")] = 0.01,
    years: Annotated[float, typer.Option(help="For which the fund must last.")] = 10.0,
    manifests: Manifests = None,
    evidence: EvidenceFile = None,
    audited: Audited = False,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """The premium for what is left, in basis points of notional a year, and the insurance fund."""
    from multiprover.risk import plots
    from multiprover.risk.assess import assess
    from multiprover.risk.premium import Fund, Terms, claim_rates, option_price
    from multiprover.risk.premium import price as priced
    from multiprover.risk.system import deploy

    system = _system(manifests, evidence, audited)
    chosen = system.chosen(_names(types))
    terms = Terms(loading, capital_rate, shortfall_level, severity)
    at_risk = open_interest * collateral
    levels = _levels(system, chosen, market, searched)
    if option_value is not None:
        yearly, until = option_price(option_value, open_interest, days, levels, terms)
    else:
        yearly, until = priced(at_risk, levels, terms, notional=open_interest), None
    prices = {", ".join(chosen): yearly}
    for name in system.types:
        if name not in chosen:
            more = _levels(system, (*chosen, name), market, searched)
            prices[f"+ {name}"] = priced(yearly.value_at_risk, more, terms, notional=open_interest)
    rates = claim_rates(assess(deploy(system, chosen)).samples)
    fund = Fund(rates, claim=yearly.value_at_risk * severity, income=yearly.premium, years=years)
    size = fund.size(ruin)
    simulated, error = fund.simulated_ruin(size)
    if plot is not None:
        plots.save(plots.premiums(prices, fund, size, ruin), plot)
    document = yearly.document() | {
        "types": list(chosen),
        "premium_until_expiry": until,
        "with_one_more_type": {name: p.document() for name, p in list(prices.items())[1:]},
        "fund": {
            "size": size,
            "share_of_value_at_risk": size / yearly.value_at_risk,
            "ruin": fund.ruin(size),
            "ruin_simulated": simulated,
            "standard_error": error,
            "years": years,
        },
    }
    if json:
        print_json(_finite(document))
        return
    table = Table(
        "", "premium", "expected loss", "loading", "capital", title="Basis points of notional a year"
    )
    for name, p in prices.items():
        parts = (p.premium, p.expected_loss, p.loading, p.capital_charge)
        table.add_row(name, *(number(p.bps(part)) for part in parts))
    out.print(table)
    if until is not None:
        out.print(f"until expiry, {number(days)} days: {number(until)}")
    out.print(
        f"insurance fund: {number(size)} ({_percent(size / yearly.value_at_risk)} of the value at risk) "
        f"for a ruin of {_percent(ruin)} in {number(years)} years; "
        f"simulated {_percent(simulated)} ± {_percent(error)}"
    )


def _levels(system: System, names: Iterable[str], market: Path | None, searched: bool) -> list[Level]:
    from multiprover.risk.assess import assess
    from multiprover.risk.premium import Level, levels_of
    from multiprover.risk.search import search
    from multiprover.risk.system import deploy

    if not searched:
        return [Level(1.0, assess(deploy(system, names)).p_safety_year)]
    where = _market(market)
    return levels_of(search(system, tuple(names), market=where).best, where.reach(), where.value_gwei)


@app.command()
def evidence(
    name: Annotated[str | None, typer.Argument(metavar="CLASS", help="One class, with its rows.")] = None,
    json: Json = False,
) -> None:
    """The incidents and exposure behind the rates, with their sources."""
    from multiprover.risk.evidence import shipped

    data = shipped()
    classes = [data.get(name)] if name is not None else data.classes
    rows: list[dict[str, Any]] = []
    for c in classes:
        rate, (count, years), (used, unused) = data.rate(c.id), data.counted(c.id), data.attacked(c.id)
        rows.append(
            {
                "class": c.id,
                "what": c.what,
                "incidents": count,
                "system_years": years,
                "rate_year": rate.mean,
                "interval": list(rate.interval()),
                "attacked": used / (used + unused) if c.kind == "safety" else None,
            }
        )
    incidents = [i.model_dump(mode="json", by_alias=True) for i in data.incidents if i.cls == name]
    exposure = [e.model_dump(mode="json") for e in data.exposure if name in e.classes]
    if json:
        extra = {"incidents": incidents, "exposure": exposure} if name is not None else {}
        print_json({"closed": data.closed.isoformat(), "classes": rows} | extra)
        return
    table = Table("class", "incidents", "system-years", "a year", "90 % interval", "used before mended")
    for row in rows:
        low, high = row["interval"]
        share = "–" if row["attacked"] is None else _percent(row["attacked"])
        table.add_row(
            row["class"],
            number(row["incidents"]),
            number(row["system_years"]),
            f"{row['rate_year']:.3g}",
            f"{low:.2g} – {high:.2g}",
            share,
        )
    out.print(table)
    if name is None:
        return
    table = Table("date", "system", "what", "counts", "source")
    for i in incidents:
        table.add_row(i["date"], i["system"], i["what"], number(i["weight"]), i["source"])
    out.print(table)
    table = Table("system", "from", "until", "source")
    for e in exposure:
        table.add_row(e["system"], e["since"], e["until"] or "", e["source"])
    out.print(table)


@app.command()
def manifests(
    write: Annotated[Path | None, typer.Option(help="Write what the provers say here.")] = None,
    json: Json = False,
) -> None:
    """Compare the provers' manifests with the snapshot that the model is made of."""
    from multiprover.node.workspace import default_cache, default_registry
    from multiprover.provers.registry import SUITES, Fleet
    from multiprover.risk.system import differences, manifests_document, shipped_manifests

    known = shipped_manifests()
    with Fleet(default_registry(), tuple(sorted(known.keys() | SUITES.keys())), default_cache()) as fleet:
        for failure in fleet.failures.values():
            err.print(f"[yellow]{failure}[/]", soft_wrap=True)
        described = {name: prover.describe() for name, prover in sorted(fleet.provers.items())}
    found = {
        name: differences(known[name], manifest) if name in known else ["not in the snapshot"]
        for name, manifest in described.items()
    }
    if write is not None:
        _write(write, manifests_document({**known, **described}))
    if json:
        print_json({"compared": list(described), "differences": found})
    else:
        for name, lines in found.items():
            out.print(f"{name}: {'; '.join(lines) if lines else 'as in the snapshot'}")
    if any(found.values()) and write is None:
        raise RiskError("the snapshot is not what the provers say: write it again with --write")
