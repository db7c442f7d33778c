"""Types, what they rest on, and how likely each part fails: the input of every computation here.

The shipped system is made of the provers' own manifests (a snapshot of what ``Describe`` answers, checked
against the provers in the tests), of what the model adds to them (``data/components.json``: each component's
class of evidence, and what it rests on in turn), and of types that are planned. Made-up types and components
come as JSON (``--manifests FILE``)::

    {"schema": "multiprover-risk/1",
     "types": [{"name": "a", "components": ["lib", "curve"], "suites": [], "cost_usd_batch": 0.1}],
     "components": [{"id": "lib", "layer": "gadget-library", "p_year": 0.02, "p_down": 0.001, "outage_h": 12},
                    {"id": "curve", "classes": ["primitive"], "relies_on": []}],
     "common": ["curve"]}

``p_year``: the probability that within a year somebody can use the component to pass a false claim by every
type that rests on it; instead of it, ``classes`` take their rates of attacks from the evidence (their sum).
``p_down``: the share of time for which it halts those types, in outages of mean ``outage_h`` hours.
``relies_on``: components without which it fails too. ``common`` fails everything, whatever the types say.
``planned`` marks what does not exist. A type without ``suites`` commits to all of a deployment's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal
from zlib import crc32

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from scipy import stats

from multiprover.provers.manifest import LAYERS, Manifest, Name
from multiprover.risk.errors import DataError, ProbabilityError, RiskError, UnknownComponentError
from multiprover.risk.evidence import Evidence, Gamma, Record, blame, faults, read_json, shipped
from multiprover.risk.joint import at_least_one
from multiprover.risk.tree import Floats

HOURS_A_YEAR = 8766.0
STRENGTH_YEARS = 10.0
"""What is known of a class counts as this many years of one member at most, once that has data of its own."""
EVERY_SUITE = "every-suite"
"""The event that the hashes and signatures of all suites of a deployment break in one year."""
ATTACK_BITS = 80.0
"""What is proven for fewer bits than these could be attacked: about 2^94 hashes are computed a year for
Bitcoin. A type whose weakest proven term has fewer rests on the conjecture that gives it more."""
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComponentSpec(_Part):
    """A component as files give it; see the module's text."""

    id: Id
    layer: str = "specification"
    version: str = ""
    classes: tuple[str, ...] = ()
    p_year: float | None = None
    p_down: float = 0.0
    outage_h: Annotated[float, Field(gt=0)] = 24.0
    relies_on: tuple[Id, ...] = ()
    note: str = ""


class TypeSpec(_Part):
    """A proof type as files give it; see the module's text.

    Attributes:
        proven_bits: of its weakest term, where a manifest says so.
        warnings: of its manifest.
    """

    name: Name
    suites: tuple[Name, ...] = ()
    components: Annotated[tuple[Id, ...], Field(min_length=1)]
    planned: bool = False
    simulated: bool = False
    cost_usd_batch: Annotated[float, Field(ge=0)] | None = None
    proven_bits: float | None = None
    conjectured_bits: float | None = None
    warnings: tuple[str, ...] = ()


class _File(_Part):
    format: Annotated[Literal["multiprover-risk/1"], Field(alias="schema")]
    types: tuple[TypeSpec, ...]
    components: tuple[ComponentSpec, ...]
    common: tuple[Id, ...] = ()


class _Assigned(_Part):
    classes: tuple[str, ...]
    relies_on: tuple[Id, ...] = ()
    note: str = ""


class _Components(_Part):
    """``data/components.json``: what the model adds to the manifests."""

    format: Annotated[Literal["multiprover-components/1"], Field(alias="schema")]
    layers: dict[str, tuple[str, ...]]
    components: dict[Id, _Assigned]
    added: tuple[ComponentSpec, ...]
    common: tuple[Id, ...]
    each_type: _Assigned
    conjecture: _Assigned
    suites: dict[Name, tuple[Id, ...]]
    audited: dict[str, str]


@dataclass(frozen=True)
class System:
    """Types and components.

    Attributes:
        suites: by suite, the components that break it.
        records: rows of evidence beyond the shipped ones.
    """

    types: Mapping[str, TypeSpec]
    components: Mapping[str, ComponentSpec]
    common: tuple[str, ...]
    evidence: Evidence
    suites: Mapping[str, tuple[str, ...]]
    records: tuple[Record, ...] = ()

    def __post_init__(self) -> None:
        for component in self.components.values():
            if component.p_year is not None and not 0 <= component.p_year <= 1:
                raise ProbabilityError(
                    f"{component.id}: expected p_year within [0, 1], found {component.p_year}"
                )
            if not 0 <= component.p_down < 1:
                raise ProbabilityError(
                    f"{component.id}: expected p_down within [0, 1), found {component.p_down}"
                )
            if component.p_year is not None and component.classes:
                raise DataError(f"{component.id}: expected p_year or classes, found both")
            if component.layer not in LAYERS:
                raise DataError(
                    f"{component.id}: expected a layer of {', '.join(sorted(LAYERS))}, "
                    f"found {component.layer!r}"
                )
            for name in component.classes:
                self.evidence.get(name)
            self._known(component.relies_on, component.id)
        for kind in self.types.values():
            self._known(kind.components, kind.name)
        self._known(self.common, "common")
        for row in self.records:
            if row.component is not None:
                self._known([row.component], f"evidence of {row.date}")
            if row.type is not None:
                self.chosen([row.type, *row.against])

    def _known(self, names: Iterable[str], where: str) -> None:
        if missing := [name for name in names if name not in self.components]:
            raise UnknownComponentError(f"{where}: expected components that are listed, found {missing[0]!r}")

    def chosen(self, names: Iterable[str] | None) -> tuple[str, ...]:
        """Names of types, each once; without any, all that are not planned.

        Raises:
            UnknownComponentError: one is not known, or none is left.
        """
        if names is None:
            names = [t.name for t in self.types.values() if not t.planned]
        chosen = tuple(dict.fromkeys(names))
        if strange := [name for name in chosen if name not in self.types]:
            raise UnknownComponentError(
                f"type: expected one of {', '.join(self.types)}, found {strange[0]!r}"
            )
        if not chosen:
            raise UnknownComponentError(
                f"types: expected at least one of {', '.join(self.types)}, found none"
            )
        return chosen

    def closure(self, names: Iterable[str]) -> tuple[str, ...]:
        """Components and all that they rest on, each once."""
        found: dict[str, None] = {}
        stack = list(names)
        while stack:
            name = stack.pop()
            if name not in found:
                found[name] = None
                stack.extend(self.components[name].relies_on)
        return tuple(sorted(found))

    def suites_of(self, names: Sequence[str]) -> tuple[str, ...]:
        """The suites of a deployment of these types: all that one of them names; one where none is named."""
        named = {suite for name in names for suite in self.types[name].suites}
        return tuple(sorted(named)) or tuple(self.suites)[:1] or ("suite",)

    def with_records(self, records: Sequence[Record]) -> System:
        """The same with more evidence.

        Raises:
            UnknownComponentError: a row names a type or component that is not known.
        """
        return replace(self, records=(*self.records, *records))


@dataclass(frozen=True)
class Outage:
    """Halts of one cause: how many a year (samples), of what mean length in hours."""

    rate: Floats
    hours: float

    def longer_than(self, hours: float) -> Floats:
        """Probability of at least one a year that lasts longer; lengths are exponential."""
        return np.asarray(-np.expm1(-self.rate * np.exp(-hours / self.hours)))

    def share(self) -> Floats:
        """Share of time."""
        load = self.rate * self.hours / HOURS_A_YEAR
        return np.asarray(load / (1 + load))


@dataclass(frozen=True)
class Deployment:
    """A choice of types of a system, with its components' probabilities, sampled.

    Attributes:
        types: in the order given.
        members: by component, the types that it fails; ``common`` is apart.
        common: components that fail everything.
        unsafe: by component, the probability of a fault within a year, (samples,).
        outages: by component, its halts.
    """

    system: System
    types: tuple[str, ...]
    suites: tuple[str, ...]
    members: Mapping[str, tuple[str, ...]]
    common: tuple[str, ...]
    unsafe: Mapping[str, Floats]
    outages: Mapping[str, tuple[Outage, ...]]
    samples: int

    def down(self, component: str) -> Floats:
        """Share of time for which a component halts what rests on it."""
        up = np.ones(self.samples)
        for outage in self.outages[component]:
            up = up * (1 - outage.share())
        return 1 - up


def deploy(
    system: System, names: Iterable[str] | None = None, *, samples: int = 2048, seed: int = 8
) -> Deployment:
    """Choose types and sample the probabilities.

    Rates of one class are the same number in a sample, wherever the class stands: what is not known about
    libraries is not known about all of them alike (Apostolakis and Kaplan, "Pitfalls in risk calculations",
    Reliability Engineering 2, 1981). Samples are a Latin hypercube over the classes; where nothing is
    uncertain there is one.

    Raises:
        UnknownComponentError: a type is not known.
        RiskError: a number of samples below 1.
    """
    if samples < 1:
        raise RiskError(f"samples: expected 1 or more, found {samples}")
    types = system.chosen(names)
    suites = system.suites_of(types)
    members: dict[str, list[str]] = {}
    for name in types:
        spec = system.types[name]
        parts = list(spec.components)
        if not spec.suites and len(suites) == 1:
            # It checks openings and signatures in the one suite that there is.
            parts += [c for c in system.suites.get(suites[0], ()) if c in system.components]
        for component in system.closure(parts):
            members.setdefault(component, []).append(name)
    common = system.closure(system.common)
    rates = _Rates(system, [*members, *common], members)
    samples = samples if rates.uncertain else 1
    rates.draw(samples, seed)
    unsafe = {name: rates.unsafe(name, samples) for name in (*members, *common)}
    outages = {name: rates.outages(name, samples) for name in (*members, *common)}
    if len(suites) > 1 and any(not system.types[name].suites for name in types):
        broken = np.ones(samples)
        for suite in suites:
            parts = [c for c in system.suites.get(suite, ()) if c in unsafe]
            broken = broken * at_least_one([unsafe[c] for c in parts], samples)[0]
        # An event of its own, beside the breaks of single suites: counted twice, on the safe side.
        members[EVERY_SUITE], unsafe[EVERY_SUITE], outages[EVERY_SUITE] = list(types), broken, ()
    return Deployment(
        system=system,
        types=types,
        suites=suites,
        members={c: tuple(m) for c, m in members.items() if c not in common},
        common=common,
        unsafe=unsafe,
        outages=outages,
        samples=samples,
    )


class _Rates:
    """The rates of a deployment's components: which are uncertain, and their samples."""

    def __init__(
        self, system: System, components: Sequence[str], members: Mapping[str, Sequence[str]]
    ) -> None:
        self._system = system
        self._classes = sorted({c for name in components for c in system.components[name].classes})
        self._posterior: dict[str, Gamma] = {name: system.evidence.rate(name) for name in self._classes}
        self._own = _own_posteriors(system, members)
        self._drawn: dict[str, Floats] = {}

    @property
    def uncertain(self) -> bool:
        return bool(self._posterior or self._own)

    def draw(self, samples: int, seed: int) -> None:
        for name, gamma in self._posterior.items():
            used, unused = self._system.evidence.attacked(name)
            self._drawn[f"class {name}"] = stats.gamma.ppf(
                _quantiles(f"class {name}", samples, seed), gamma.shape, scale=1 / gamma.years
            )
            self._drawn[f"share {name}"] = stats.beta.ppf(
                _quantiles(f"share {name}", samples, seed), used, unused
            )
        for name, gamma in self._own.items():
            self._drawn[f"own {name}"] = stats.gamma.ppf(
                _quantiles(f"own {name}", samples, seed), gamma.shape, scale=1 / gamma.years
            )

    def attacks(self, name: str, samples: int) -> Floats:
        """Faults a year of a component with classes, that somebody uses before they are mended."""
        total, known = np.zeros(samples), np.zeros(samples)
        for c in self._safety_classes(name):
            total = total + self._drawn[f"class {c}"] * self._drawn[f"share {c}"]
            known = known + self._drawn[f"class {c}"]
        if f"own {name}" in self._drawn:
            # The share is its classes'; how many faults there are, it shows itself.
            return np.asarray(total / known * self._drawn[f"own {name}"])
        return total

    def _safety_classes(self, name: str) -> list[str]:
        evidence = self._system.evidence
        return [c for c in self._system.components[name].classes if evidence.get(c).kind == "safety"]

    def rate(self, name: str, samples: int) -> Floats:
        """Safety faults a year of a component with classes."""
        if f"own {name}" in self._drawn:
            return self._drawn[f"own {name}"]
        return np.zeros(samples) + sum(self._drawn[f"class {c}"] for c in self._safety_classes(name))

    def unsafe(self, name: str, samples: int) -> Floats:
        fixed = self._system.components[name].p_year
        if fixed is not None:
            return np.full(samples, fixed)
        return np.asarray(-np.expm1(-self.attacks(name, samples)))

    def outages(self, name: str, samples: int) -> tuple[Outage, ...]:
        spec = self._system.components[name]
        found = []
        if spec.p_down:
            load = spec.p_down / (1 - spec.p_down)
            found.append(Outage(np.full(samples, load * HOURS_A_YEAR / spec.outage_h), spec.outage_h))
        for c in spec.classes:
            row = self._system.evidence.get(c)
            # A safety fault, once known, halts what rests on it until it is mended.
            rate = self._drawn[f"class {c}"] if row.kind == "liveness" else self.rate(name, samples)
            found.append(Outage(rate, row.repair_h))
        return tuple(found)


def _quantiles(name: str, samples: int, seed: int) -> Floats:
    """One number in each of ``samples`` equal parts of [0, 1], in random order: a Latin hypercube's column.

    A source of uncertainty has the same column in every deployment, so that two of them differ only by what
    is different in them.
    """
    rng = np.random.default_rng([seed, crc32(name.encode())])
    return np.asarray((rng.permutation(samples) + rng.random(samples)) / samples)


def _own_posteriors(system: System, members: Mapping[str, Sequence[str]]) -> dict[str, Gamma]:
    """Posteriors of the components that the records are about.

    A record of a type whose component is unknown is shared among the components that could be at fault: the
    type's, without those that a type on the other side rests on too, by their rates so far.
    """
    counts: dict[str, float] = {}
    years: dict[str, float] = {}

    def rate(name: str) -> float:
        classes = [system.evidence.get(c) for c in system.components[name].classes]
        return sum(system.evidence.rate(c.id).mean for c in classes if c.kind == "safety")

    for row in system.records:
        if row.years is not None:
            assert row.component is not None
            years[row.component] = years.get(row.component, 0.0) + row.years
        elif row.component is not None:
            counts[row.component] = counts.get(row.component, 0.0) + row.weight
        else:
            assert row.type is not None
            cleared = set(system.closure(c for t in row.against for c in system.types[t].components))
            parts = set(system.closure(system.types[row.type].components)) - cleared
            candidates = {name: rate(name) for name in sorted(parts) if rate(name) > 0}
            if not candidates:
                raise UnknownComponentError(
                    f"evidence of {row.date}: expected a component of {row.type} that "
                    f"{', '.join(row.against) or 'nobody'} does not share and that has a rate, found none; "
                    "name the component"
                )
            for name, share in blame(candidates, row.weight).items():
                counts[name] = counts.get(name, 0.0) + share
    result = {}
    for name in sorted((counts.keys() | years.keys()) & members.keys()):
        if system.components[name].p_year is not None:
            raise DataError(f"{name}: expected classes, to add evidence to; found a fixed p_year")
        mean = rate(name)
        if mean <= 0:
            raise DataError(f"{name}: expected a safety class, to add evidence to; found none")
        result[name] = Gamma(mean * STRENGTH_YEARS, STRENGTH_YEARS).updated(
            counts.get(name, 0.0), years.get(name, 0.0), STRENGTH_YEARS
        )
    return result


def shipped_manifests() -> dict[str, Manifest]:
    """The snapshot of the provers' own manifests, by type."""
    rows = TypeAdapter(tuple[Manifest, ...]).validate_json(_data("manifests.json"))
    return {row.proof_type: row for row in rows}


def manifests_document(manifests: Mapping[str, Manifest]) -> str:
    """A snapshot as text, as it is kept in the package."""
    rows = tuple(manifests[name] for name in sorted(manifests))
    return TypeAdapter(tuple[Manifest, ...]).dump_json(rows, indent=2).decode() + "\n"


MACHINE = frozenset({"cpython"})
"""Components whose version is that of the machine, not of the build."""


def differences(known: Manifest, found: Manifest) -> list[str]:
    """Where a prover's manifest is not what the model is made of; notes and warnings may differ."""
    lines = []
    before = {(c.layer, c.id): c.version for c in known.components}
    after = {(c.layer, c.id): c.version for c in found.components}
    lines += [f"{i} ({layer}) is gone" for layer, i in before.keys() - after.keys()]
    lines += [f"{i} ({layer}) is new" for layer, i in after.keys() - before.keys()]
    lines += [
        f"{part[1]} is {after[part] or 'without version'}, not {before[part] or 'without version'}"
        for part in before.keys() & after.keys()
        if before[part] != after[part] and part[1] not in MACHINE
    ]
    for what in ("version", "format_version", "suites", "simulated", "security"):
        if getattr(known, what) != getattr(found, what):
            lines.append(f"{what} differs")
    return sorted(lines)


def shipped_system(*, audited: bool = False, manifests: Mapping[str, Manifest] | None = None) -> System:
    """The system of this repository: its provers, and the planned types.

    Args:
        audited: as it would be with every circuit audited: the rate of audited ones.
        manifests: in the place of the snapshot.

    Raises:
        DataError: a manifest has a layer that the model has no class for.
    """
    model = _Components.model_validate_json(_data("components.json"))
    planned = _File.model_validate_json(_data("planned.json"))
    components: dict[str, ComponentSpec] = {}
    types: dict[str, TypeSpec] = {}
    for manifest in (manifests if manifests is not None else shipped_manifests()).values():
        for part in manifest.components:
            assigned = model.components.get(part.id)
            if assigned is None:
                assigned = _Assigned(classes=model.layers[part.layer])
            components[part.id] = ComponentSpec(
                id=part.id,
                layer=part.layer,
                version=part.version,
                classes=assigned.classes,
                relies_on=assigned.relies_on,
                note=assigned.note or part.note,
            )
        types[manifest.proof_type] = TypeSpec(
            name=manifest.proof_type,
            suites=manifest.suites,
            components=tuple(dict.fromkeys(part.id for part in manifest.components)),
            simulated=manifest.simulated,
            proven_bits=manifest.proven_bits,
            conjectured_bits=manifest.conjectured_bits,
            warnings=manifest.warnings,
        )
    for spec in (*model.added, *planned.components):
        components.setdefault(spec.id, spec)
    for name, assigned in model.components.items():
        components.setdefault(name, ComponentSpec(id=name, **assigned.model_dump()))
    for kind in planned.types:
        types.setdefault(kind.name, kind)
    for name, kind in types.items():
        own = [ComponentSpec(id=f"{name}-process", layer="executor", **model.each_type.model_dump())]
        if kind.proven_bits and kind.proven_bits < ATTACK_BITS <= (kind.conjectured_bits or 0):
            own.append(ComponentSpec(id=f"{name}-conjecture", layer="field", **model.conjecture.model_dump()))
        components |= {spec.id: spec for spec in own}
        types[name] = kind.model_copy(update={"components": (*kind.components, *(spec.id for spec in own))})
    if audited:
        for name, spec in components.items():
            classes = tuple(model.audited.get(c, c) for c in spec.classes)
            components[name] = spec.model_copy(update={"classes": classes})
    return System(
        types=types, components=components, common=model.common, evidence=shipped(), suites=model.suites
    )


def read_system(path: Path) -> System:
    """Made-up types and components from a file; see the module's text.

    Raises:
        DataError: it cannot be read, or is not of the schema.
        UnknownComponentError: a type rests on a component that is not listed.
        ProbabilityError: a probability is none.
    """
    return parse_system(read_json(path), str(path))


def parse_system(content: Any, where: str) -> System:
    """As :func:`read_system`, of a document already read."""
    try:
        parsed = _File.model_validate(content)
    except ValidationError as error:
        raise DataError(f"{where}: {faults(error)}") from error
    listed = {"types": [t.name for t in parsed.types], "components": [c.id for c in parsed.components]}
    for what, ids in listed.items():
        if repeated := sorted({i for i in ids if ids.count(i) > 1}):
            raise DataError(f"{where}: {what}: expected each once, found {repeated[0]!r} again")
    return System(
        types={t.name: t for t in parsed.types},
        components={c.id: c for c in parsed.components},
        common=parsed.common,
        evidence=shipped(),
        suites={},
    )


def _data(name: str) -> str:
    return (files("multiprover.risk") / "data" / name).read_text(encoding="utf-8")
