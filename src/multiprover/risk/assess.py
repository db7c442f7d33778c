"""How likely a deployment fails, in safety and in liveness, and what is to blame.

Safety: within a year, somebody can make every type of the deployment vouch for a false claim, or something
fails that all rest on anyway. Faults of one year are taken as there at the same time, which is on the safe
side. Liveness: the share of time for which some type that must vouch cannot.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from multiprover.risk.errors import UnknownComponentError
from multiprover.risk.joint import at_least_one
from multiprover.risk.system import Deployment, System, deploy
from multiprover.risk.tree import Event, Floats, Tree, all_of, any_of

LEVEL = 0.9
"""Credible level of the intervals."""


@dataclass(frozen=True)
class Assessment:
    """A deployment's risk. Probabilities are means over the evidence's uncertainty.

    Attributes:
        p_safety_year: a false claim becomes final within a year, by all that can cause it.
        interval: its central 90 % credible interval.
        p_provers: the same by the provers alone, without the common components.
        effective_provers: how many independent provers, as good as these on average (geometric mean), would
            be as safe: ln(all fail) / mean of ln(one fails). 1 where one kind of prover fails for certain.
        importance: by component, the share of ``p_safety_year`` that would vanish if it could not fail.
        p_liveness: share of time for which finality stands still when all must vouch.
        effective_provers_liveness: as for safety, of standing still: below 1 where more provers halt more.
        liveness_importance: as ``importance``.
        by_type: each type alone: probability of a fault a year, share of time down.
        samples: of ``p_safety_year``, sorted as drawn.
    """

    types: tuple[str, ...]
    p_safety_year: float
    interval: tuple[float, float]
    p_provers: float
    p_common: float
    effective_provers: float
    importance: dict[str, float]
    p_liveness: float
    effective_provers_liveness: float
    liveness_importance: dict[str, float]
    by_type: dict[str, tuple[float, float]]
    samples: Floats

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "types": list(self.types),
            "p_safety_year": self.p_safety_year,
            "interval": list(self.interval),
            "effective_provers": self.effective_provers,
            "importance": self.importance,
            "p_liveness": self.p_liveness,
            "effective_provers_liveness": self.effective_provers_liveness,
            "liveness_importance": self.liveness_importance,
            "p_provers_year": self.p_provers,
            "p_common_year": self.p_common,
            "by_type": {
                name: {"p_safety_year": unsafe, "p_down": down}
                for name, (unsafe, down) in self.by_type.items()
            },
        }


def assess(deployment: Deployment) -> Assessment:
    """The risk of a deployment in which all types must vouch at once."""
    provers, contributions = _provers(deployment)
    common, common_contributions = at_least_one(
        [deployment.unsafe[c] for c in deployment.common], deployment.samples
    )
    total = common + (1 - common) * provers
    expected = float(total.mean())
    importance = {name: float(((1 - common) * c).mean()) for name, c in contributions.items()}
    for name, c in zip(deployment.common, common_contributions, strict=True):
        importance[name] = float(((1 - provers) * c).mean())
    singles = {name: _alone(deployment, name) for name in deployment.types}
    down = {c: deployment.down(c) for c in (*deployment.members, *deployment.common)}
    halted, halts = at_least_one(list(down.values()), deployment.samples)
    tail = (1 - LEVEL) / 2
    return Assessment(
        types=deployment.types,
        p_safety_year=expected,
        interval=(float(np.quantile(total, tail)), float(np.quantile(total, 1 - tail))),
        p_provers=float(provers.mean()),
        p_common=float(common.mean()),
        effective_provers=_effective(float(provers.mean()), [s for s, _ in singles.values()]),
        importance=_shares(importance, expected),
        p_liveness=float(halted.mean()),
        effective_provers_liveness=_effective(float(halted.mean()), [d for _, d in singles.values()]),
        liveness_importance=_shares(
            {name: float(h.mean()) for name, h in zip(down, halts, strict=True)}, float(halted.mean())
        ),
        by_type=singles,
        samples=total,
    )


def tree(deployment: Deployment) -> tuple[Tree, dict[str, tuple[str, ...]]]:
    """The fault tree of "all types fail", without the common components; its events' components.

    Components with the same types are one event: they fail the same ones, so only whether one of them fails
    matters.
    """
    bit = {name: 1 << i for i, name in enumerate(deployment.types)}
    groups: dict[int, list[str]] = {}
    for component, members in deployment.members.items():
        groups.setdefault(sum(bit[m] for m in members), []).append(component)
    masks = sorted(groups, reverse=True)
    gates = []
    for name in deployment.types:
        inputs = [Event(str(mask)) for mask in masks if mask & bit[name]]
        if not inputs:
            # All that the type rests on is common: beyond that it cannot fail, and so cannot the whole.
            inputs = [Event("never")]
            groups[0] = []
        gates.append(any_of(inputs))
    order = [str(mask) for mask in masks] + (["never"] if 0 in groups else [])
    events = {str(mask): tuple(groups[mask]) for mask in masks} | ({"never": ()} if 0 in groups else {})
    return Tree(all_of(gates), order), events


def _provers(deployment: Deployment) -> tuple[Floats, dict[str, Floats]]:
    """Probability that all types fail, and each component's part in it."""
    compiled, events = tree(deployment)
    joined = {
        e: at_least_one([deployment.unsafe[c] for c in cs], deployment.samples) for e, cs in events.items()
    }
    solution = compiled.solve({event: p for event, (p, _) in joined.items()})
    parts = {
        component: solution.birnbaum[event] * part
        for event, components in events.items()
        for component, part in zip(components, joined[event][1], strict=True)
    }
    return np.broadcast_to(solution.probability, (deployment.samples,)), parts


def _alone(deployment: Deployment, name: str) -> tuple[float, float]:
    parts = [c for c, members in deployment.members.items() if name in members]
    unsafe, _ = at_least_one([deployment.unsafe[c] for c in parts], deployment.samples)
    down, _ = at_least_one([deployment.down(c) for c in parts], deployment.samples)
    return float(unsafe.mean()), float(down.mean())


def _effective(whole: float, single: Sequence[float]) -> float:
    """ln(whole) / mean ln(single): infinite where the whole cannot fail, 0 where it can though one cannot."""
    if whole <= 0:
        return math.inf
    if whole >= 1 or all(p >= 1 for p in single):
        return 1.0
    if any(p <= 0 for p in single):
        return 0.0
    return math.log(whole) / (sum(math.log(p) for p in single) / len(single))


def _shares(parts: Mapping[str, float], whole: float) -> dict[str, float]:
    ordered = sorted(parts.items(), key=lambda item: -item[1])
    return {name: (part / whole if whole > 0 else 0.0) for name, part in ordered}


def with_own_copies(deployment: Deployment, component: str) -> Deployment:
    """The same, with a component that several types share as one of its own for each: another curve, another
    vendor. Each copy is as likely to fail.

    Raises:
        UnknownComponentError: the component is not one of the deployment's.
    """
    if component not in deployment.members:
        raise UnknownComponentError(
            f"component: expected one of {', '.join(sorted(deployment.members))}, found {component!r}"
        )
    members, unsafe, outages = dict(deployment.members), dict(deployment.unsafe), dict(deployment.outages)
    for name in members.pop(component):
        copy = f"{component}.{name}"
        members[copy], unsafe[copy], outages[copy] = (name,), unsafe[component], outages[component]
    return replace(deployment, members=members, unsafe=unsafe, outages=outages)


def without_fault(deployment: Deployment, component: str) -> Deployment:
    """The same, with a component that never fails and never halts anything.

    Raises:
        UnknownComponentError: the component is not one of the deployment's.
    """
    known = (*deployment.members, *deployment.common)
    if component not in known:
        raise UnknownComponentError(
            f"component: expected one of {', '.join(sorted(known))}, found {component!r}"
        )
    unsafe = dict(deployment.unsafe) | {component: np.zeros(deployment.samples)}
    return replace(deployment, unsafe=unsafe, outages=dict(deployment.outages) | {component: ()})


@dataclass(frozen=True)
class Worth:
    """What a change would do. ``p_safety_year`` and ``p_liveness`` after it."""

    change: str
    p_safety_year: float
    p_liveness: float


def worth(system: System, types: Iterable[str] | None = None) -> list[Worth]:
    """What one more type, one type less, and an own copy of each shared component would do, best first."""
    deployment = deploy(system, types)
    changes: list[tuple[str, Deployment]] = []
    for name in system.types:
        if name not in deployment.types:
            changes.append((f"with {name}", deploy(system, (*deployment.types, name))))
        elif len(deployment.types) > 1:
            rest = [t for t in deployment.types if t != name]
            changes.append((f"without {name}", deploy(system, rest)))
    for component, members in deployment.members.items():
        if len(members) > 1 and component in system.components and deployment.unsafe[component].any():
            changes.append((f"own {component} for each", with_own_copies(deployment, component)))
    results = [(what, assess(changed)) for what, changed in changes]
    rows = [Worth(what, r.p_safety_year, r.p_liveness) for what, r in results]
    return sorted(rows, key=lambda row: row.p_safety_year)
