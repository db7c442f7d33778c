"""What has gone wrong, how long it could have, and the rates that follow.

A class is a kind of component ("circuit", "enclave-vendor", …). Its rate, faults a system-year that an
attacker could have used, has a Gamma prior; incidents are Poisson in the exposure, so the posterior is Gamma
again: shape = prior shape + sum of weights, rate = prior years + system-years. A row's weight says how much
of an incident it counts as, and why. Some faults are used before they are mended; that share has a Beta
posterior, by class, and rate times share is the rate of attacks.

More rows come as JSON, one object or a list of them (``multiprover risk … --evidence FILE``)::

    {"source": "0x… block 12", "date": "2027-03-01", "type": "groth16", "against": ["sgx"]}
    {"source": "https://…", "date": "2027-04-01", "component": "gnark", "what": "…"}
    {"source": "…", "date": "2027-01-01", "component": "gnark", "years": 2.5}

``type`` names whose proof was false; ``component``, where it is known, which part of it was at fault.
``years`` makes a row exposure instead of an incident.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy import stats

from multiprover.risk.errors import DataError, UnknownComponentError

DAYS_A_YEAR = 365.25
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prior(_Part):
    """A Gamma prior on a rate a year, as if ``shape`` incidents had been seen in ``years``.

    Attributes:
        why: where it comes from. (0.5, 0) is Jeffreys' prior for a Poisson rate.
    """

    shape: Annotated[float, Field(gt=0)]
    years: Annotated[float, Field(ge=0)]
    why: Text


class Class(_Part):
    """A kind of component.

    Attributes:
        kind: ``safety``: a fault lets a false claim through. ``liveness``: it halts a type.
        unit: what one system-year is a year of.
        repair_h: mean hours for which a type stands still after such a fault is known.
        attackable: whether its incidents say anything about attacks; not where all were found before
            anything was at stake.
    """

    id: Text
    kind: Literal["safety", "liveness"]
    what: Text
    unit: Text
    prior: Prior
    repair_h: Annotated[float, Field(gt=0)]
    repair_why: Text
    attackable: bool = True


class Exposure(_Part):
    """A system that could have had an incident of these classes, and from when to when.

    Without ``until``, to the day the data was closed.
    """

    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    system: Text
    since: date
    until: date | None = None
    source: Text
    confidence: Literal["found", "known", "judgement"]

    def years(self, closed: date) -> float:
        """System-years; from ``since`` to ``until``, or to ``closed``."""
        return ((self.until or closed) - self.since).days / DAYS_A_YEAR


class Incident(_Part):
    """Something that happened.

    Attributes:
        weight: how much of an incident of its class it counts as; 0: told, not counted.
        why: why that weight, where it is not 1.
        exploited: whether somebody gained by it.
        confidence: ``found``: the source was read; ``known``: it is well known, the source was not opened.
        hours: for liveness, how long it lasted.
    """

    cls: Annotated[str, Field(alias="class")]
    date: date
    system: Text
    what: Text
    source: Text
    confidence: Literal["found", "known"]
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    why: str = ""
    exploited: bool = False
    hours: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _weight_has_a_reason(self) -> Self:
        if self.weight != 1 and not self.why:
            raise ValueError(
                f"{self.system}, {self.date}: expected a reason (why) for the weight {self.weight}"
            )
        return self


class Record(_Part):
    """A row that a user adds; see the module's text."""

    source: Text
    date: date
    type: str | None = None
    component: str | None = None
    against: tuple[str, ...] = ()
    what: str = ""
    weight: Share = 1.0
    years: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.type is None and self.component is None:
            raise ValueError("expected a type or a component")
        if self.years is not None and self.component is None:
            raise ValueError("expected a component with years of exposure")
        return self


class Evidence(_Part):
    """The data file. ``closed``: until when it was searched; exposure ends there."""

    format: Annotated[Literal["multiprover-evidence/1"], Field(alias="schema")]
    closed: date
    classes: tuple[Class, ...]
    exposure: tuple[Exposure, ...]
    incidents: tuple[Incident, ...]

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        known = {c.id for c in self.classes}
        if len(known) != len(self.classes):
            raise ValueError("classes: expected each once")
        named = {c for row in self.exposure for c in row.classes} | {row.cls for row in self.incidents}
        if strange := named - known:
            raise ValueError(f"expected classes that are listed, found {', '.join(sorted(strange))}")
        for row in self.exposure:
            if row.since >= (row.until or self.closed):
                raise ValueError(f"{row.system}: expected to start before it ends, found {row.since}")
        for incident in self.incidents:
            if incident.date > self.closed:
                raise ValueError(f"{incident.system}, {incident.date}: expected no row after {self.closed}")
        return self

    def get(self, name: str) -> Class:
        """The class called ``name``.

        Raises:
            UnknownComponentError: there is none.
        """
        for row in self.classes:
            if row.id == name:
                return row
        raise UnknownComponentError(
            f"class: expected one of {', '.join(c.id for c in self.classes)}, found {name!r}"
        )

    def counted(self, name: str) -> tuple[float, float]:
        """Incidents (by weight) and system-years of a class."""
        count = sum(row.weight for row in self.incidents if row.cls == name)
        return count, sum(row.years(self.closed) for row in self.exposure if name in row.classes)

    def rate(self, name: str) -> Gamma:
        """Posterior rate of a class, a system-year.

        Raises:
            UnknownComponentError: there is no such class.
            DataError: neither data nor prior has any time.
        """
        prior = self.get(name).prior
        count, years = self.counted(name)
        if prior.years + years <= 0:
            raise DataError(f"class {name!r}: expected some exposure in data or prior, found none")
        return Gamma(prior.shape + count, prior.years + years)

    def attacked(self, name: str) -> tuple[float, float]:
        """Share of a class's faults that somebody used before they were mended: a Beta posterior's (a, b).

        The prior is worth one incident, at the share of all safety classes together (0.5 and 0.5 added to
        their counts).

        Raises:
            UnknownComponentError: there is no such class.
        """
        used, unused = self._attacks({c.id for c in self.classes})
        pooled = (0.5 + used) / (1 + used + unused)
        own_used, own_unused = self._attacks({self.get(name).id})
        return pooled + own_used, 1 - pooled + own_unused

    def _attacks(self, names: set[str]) -> tuple[float, float]:
        classes = {c.id for c in self.classes if c.kind == "safety" and c.attackable} & names
        rows = [row for row in self.incidents if row.cls in classes]
        used = sum(row.weight for row in rows if row.exploited)
        return used, sum(row.weight for row in rows) - used


@dataclass(frozen=True, slots=True)
class Gamma:
    """A rate a year: Gamma of ``shape`` incidents in ``years``."""

    shape: float
    years: float

    @property
    def mean(self) -> float:
        return self.shape / self.years

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Central credible interval."""
        low, high = stats.gamma.interval(level, self.shape, scale=1 / self.years)
        return float(low), float(high)

    def updated(self, count: float, years: float, strength: float) -> Gamma:
        """This as the prior of one component, weakened to ``strength`` years, with its own data added.

        The mean stays and the years become ``strength`` where they are more: what is known of a class is
        known of one member only so far.
        """
        prior = min(self.years, strength)
        return Gamma(self.mean * prior + count, prior + years)


@cache
def shipped() -> Evidence:
    """The evidence in the package (``multiprover/risk/data/evidence.json``)."""
    text = (files("multiprover.risk") / "data" / "evidence.json").read_text(encoding="utf-8")
    return Evidence.model_validate_json(text)


def read_records(path: Path) -> tuple[Record, ...]:
    """The rows that a user adds.

    Raises:
        DataError: the file cannot be read, or a row is wrong.
    """
    content = read_json(path)
    rows = content if isinstance(content, list) else [content]
    try:
        return tuple(Record.model_validate(row) for row in rows)
    except ValidationError as error:
        raise DataError(f"{path}: {faults(error)}") from error


def conflict_record(
    winner: Sequence[str], losers: Iterable[str], *, number: int, day: date, source: str
) -> list[Record]:
    """A settlement conflict (event ``ConflictResolved``) as evidence: one row a losing type.

    Args:
        winner: the types that stood on the branch that was kept.
        losers: those that were quarantined.
        number: of the batch.
        source: where the event is: chain, contract, transaction.
    """
    return [
        Record(
            source=source,
            date=day,
            type=loser,
            against=tuple(winner),
            what=f"conflict at batch {number}: {loser} vouched for the branch that lost",
        )
        for loser in losers
    ]


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def faults(error: ValidationError) -> str:
    """What pydantic found wrong, in one line."""
    return "; ".join(
        ".".join(map(str, e["loc"])) + (": " if e["loc"] else "") + e["msg"] for e in error.errors()
    )


def blame(candidates: Mapping[str, float], weight: float) -> dict[str, float]:
    """An incident of unknown cause, shared among ``candidates`` in proportion to their rates."""
    total = sum(candidates.values())
    return {name: weight * rate / total for name, rate in candidates.items()}
