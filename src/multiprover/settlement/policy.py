"""What a claim needs to be final, by the value that leaves on it (``docs/settlement.md``).

A policy has tiers of rising value. A tier holds alternatives: a set of proof types whose heads must all be at
or past the claim, and a delay since then. The policy also holds the weights by which a conflict is resolved
when the council is silent. The JSON form (``Policy.model_dump_json``) is::

    {"tiers": [{"limit_gwei": 1000000000, "alternatives": [{"types": ["groth16", "sgx"], "delay_s": 0}, ...]},
               {"limit_gwei": null, "alternatives": [...]}],
     "weights": {"groth16": 2, "plonky2": 3, "sgx": 4},
     "accepts_halt": false}

The order of ``weights`` is the order of types: alternatives list their types in it. What any policy
must be is checked when it is made; what it must be for a deployment's types and suites, by
:meth:`Policy.check`, with one class of refusal a cause. L1 checks the same when a deployment is created.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from multiprover.provers.manifest import Name

MAX_TIERS: Final = 4
MAX_ALTERNATIVES: Final = 6
"""Alternatives of one tier."""
MAX_TYPES: Final = 8
MAX_WEIGHT: Final = 255
"""Greatest sum of all weights."""
MAX_DELAY_S: Final = 30 * 86_400
MAX_LIMIT_GWEI: Final = 2**64 - 1

_NEAR_MAJORITY: Final = (
    (1,),
    (1, 2),
    (2, 3, 4),
    (3, 5, 6, 7),
    (6, 9, 11, 12, 13),
    (11, 17, 20, 22, 23, 24),
)


class PolicyError(ValueError):
    """A policy that a deployment cannot have; the subclass tells the cause, the message the place."""


class UnknownTypeError(PolicyError):
    """The policy names a type that the deployment lacks, or gives a type of it no weight."""


class TierOrderError(PolicyError):
    """The limits do not rise, or not exactly the last tier is without one."""


class DuplicateAlternativeError(PolicyError):
    """Two alternatives of a tier have the same types."""


class UncoveredSuiteError(PolicyError):
    """No type of an alternative commits to some suite: its root would stand unproved."""


class NotMonotoneError(PolicyError):
    """An alternative of a tier would release more value than the tier below it would on the same vouches."""


class DelayOrderError(PolicyError):
    """Within a tier, more types would wait longer than some of them."""


class HaltError(PolicyError):
    """Every alternative of a tier needs some type, and ``accepts_halt`` is not set."""


class WeightError(PolicyError):
    """Two sets of types have equal weight, or the weights sum to more than 255: a conflict may be a draw."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Alternative(_Part):
    """A set of types that must all have vouched, and how long ago.

    Attributes:
        types: names, each once, at least one; in a policy they stand in the order of its weights.
        delay_s: seconds since the last of them reached the claim, 0 to 30 days: L1 takes no longer ones, so
            that tightening a policy cannot stop the chain.
    """

    types: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_TYPES)]
    delay_s: Annotated[int, Field(ge=0, le=MAX_DELAY_S, strict=True)]

    @model_validator(mode="after")
    def _types_are_a_set(self) -> Self:
        if len(set(self.types)) != len(self.types):
            raise ValueError(f"types: expected each once, not {list(self.types)}")
        return self

    def __str__(self) -> str:
        return f"{{{', '.join(self.types)}}} after {self.delay_s} s"


class Tier(_Part):
    """What releases a value of up to ``limit_gwei``; ``None``: any value.

    Attributes:
        limit_gwei: 1 to 2^64 - 1, inclusive.
        alternatives: 1 to 6; any one of them is enough.
    """

    limit_gwei: Annotated[int, Field(ge=1, le=MAX_LIMIT_GWEI, strict=True)] | None
    alternatives: Annotated[tuple[Alternative, ...], Field(min_length=1, max_length=MAX_ALTERNATIVES)]


class Policy(_Part):
    """Tiers of rising value, the weights of the types, and whether one type's halt may halt finality.

    Attributes:
        tiers: 1 to 4.
        weights: one positive integer a type of the deployment, in type order. In a conflict that the council
            leaves alone, the side of more weight stands: more means less likely wrong.
        accepts_halt: gives up the rule that finality survives the halt of any one type. For development, and
            for deployments of two types; L1 has the same flag and shows it.
    """

    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=MAX_TIERS)]
    weights: Annotated[
        dict[Name, Annotated[int, Field(ge=1, le=MAX_WEIGHT, strict=True)]],
        Field(min_length=1, max_length=MAX_TYPES),
    ]
    accepts_halt: bool = False

    @model_validator(mode="after")
    def _types_in_order(self) -> Self:
        order = list(self.weights)
        tiers = []
        for number, tier in enumerate(self.tiers):
            for alternative in tier.alternatives:
                if strange := [name for name in alternative.types if name not in self.weights]:
                    raise ValueError(
                        f"tier {number}, {alternative}: expected types that have a weight "
                        f"({', '.join(order)}), not {', '.join(strange)}"
                    )
            alternatives = tuple(
                a.model_copy(update={"types": tuple(sorted(a.types, key=order.index))})
                for a in tier.alternatives
            )
            tiers.append(tier.model_copy(update={"alternatives": alternatives}))
        # The model is frozen for its users; here it is still being made.
        object.__setattr__(self, "tiers", tuple(tiers))
        return self

    @classmethod
    def single(cls, types: Iterable[str], *, accepts_halt: bool = False) -> Self:
        """One tier: all of ``types``, given from least to most trusted, at once, whatever the value.

        Every type's halt then halts finality, so :meth:`check` refuses it unless ``accepts_halt``.
        """
        names = tuple(types)
        return cls(
            tiers=(Tier(limit_gwei=None, alternatives=(Alternative(types=names, delay_s=0),)),),
            weights=distinct_weights(names),
            accepts_halt=accepts_halt,
        )

    def check(self, types: Mapping[str, Collection[str]], suites: Sequence[str]) -> None:
        """Whether a deployment can have this policy.

        Args:
            types: the deployment's proof types, each with the suites that it commits to; none: all of them,
                as in a manifest.
            suites: the deployment's suites.

        Raises:
            UnknownTypeError, TierOrderError, DuplicateAlternativeError, UncoveredSuiteError, DelayOrderError,
            NotMonotoneError, WeightError, HaltError: the first cause found, in this order.
        """
        if not suites:
            raise UncoveredSuiteError("suites: expected at least one, found none")
        covers = {name: frozenset(of_type or suites) for name, of_type in types.items()}
        self._check_types(covers, suites)
        self._check_limits()
        for number, tier in enumerate(self.tiers):
            _check_tier(number, tier, covers, suites)
        for number, (below, tier) in enumerate(pairwise(self.tiers), start=1):
            for a in tier.alternatives:
                if not any(
                    set(b.types) <= set(a.types) and b.delay_s <= a.delay_s for b in below.alternatives
                ):
                    raise NotMonotoneError(
                        f"tier {number}, {a}: expected an alternative of tier {number - 1} with some of "
                        f"these types and no longer delay, found {'; '.join(map(str, below.alternatives))}"
                    )
        self._check_weights()
        if not self.accepts_halt:
            self._check_halts(covers, suites)

    def _check_types(self, covers: Mapping[str, frozenset[str]], suites: Sequence[str]) -> None:
        if set(covers) != set(self.weights):
            raise UnknownTypeError(
                f"weights: expected one for each type of the deployment ({', '.join(sorted(covers))}), "
                f"found {', '.join(sorted(self.weights))}"
            )
        for name, of_type in covers.items():
            if strange := of_type - set(suites):
                raise UncoveredSuiteError(
                    f"{name}: expected it to commit to suites of the deployment ({', '.join(suites)}), "
                    f"not to {', '.join(sorted(strange))}"
                )

    def _check_limits(self) -> None:
        limits = [tier.limit_gwei for tier in self.tiers]
        bounded = [limit for limit in limits[:-1] if limit is not None]
        if limits[-1] is not None or len(bounded) != len(limits) - 1:
            raise TierOrderError(
                f"limits: expected none (null) in the last tier and only there, found {limits}"
            )
        if any(a >= b for a, b in pairwise(bounded)):
            raise TierOrderError(f"limits: expected rising values, found {limits}")

    def _check_weights(self) -> None:
        if (total := sum(self.weights.values())) > MAX_WEIGHT:
            raise WeightError(f"weights: expected a sum of at most {MAX_WEIGHT}, found {total}")
        sets: dict[int, tuple[str, ...]] = {0: ()}
        for name, weight in self.weights.items():
            for total, members in list(sets.items()):
                other = sets.setdefault(total + weight, (*members, name))
                if other != (*members, name):
                    raise WeightError(
                        f"weights: expected no two sets of types of the same weight, found {total + weight} "
                        f"for {{{', '.join(other)}}} and {{{', '.join((*members, name))}}}"
                    )

    def _check_halts(self, covers: Mapping[str, frozenset[str]], suites: Sequence[str]) -> None:
        for name in self.weights:
            others = frozenset().union(*(s for other, s in covers.items() if other != name))
            for number, tier in enumerate(self.tiers):
                if any(name not in a.types for a in tier.alternatives):
                    continue
                if lost := [suite for suite in suites if suite not in others]:
                    reason = f"no policy of these types can: no other type commits to {', '.join(lost)}"
                else:
                    reason = "every alternative needs it; add one without it, or accept the halt by name"
                raise HaltError(f"tier {number} does not survive the halt of {name}: {reason}")


def _check_tier(number: int, tier: Tier, covers: Mapping[str, frozenset[str]], suites: Sequence[str]) -> None:
    for a in tier.alternatives:
        covered = frozenset().union(*(covers[name] for name in a.types))
        if lost := [suite for suite in suites if suite not in covered]:
            raise UncoveredSuiteError(
                f"tier {number}, {a}: expected its types to commit to every suite, "
                f"found none for {', '.join(lost)}"
            )
    for position, a in enumerate(tier.alternatives):
        for b in tier.alternatives[position + 1 :]:
            if set(a.types) == set(b.types):
                raise DuplicateAlternativeError(
                    f"tier {number}: expected each set of types once, found {a} and {b}"
                )
            small, large = (a, b) if set(a.types) < set(b.types) else (b, a)
            if set(small.types) < set(large.types) and large.delay_s > small.delay_s:
                raise DelayOrderError(
                    f"tier {number}: expected {large} to wait no longer than {small}, whose types it has"
                )


def distinct_weights(types: Sequence[str]) -> dict[str, int]:
    """Weights for ``types``, given from least to most trusted, whose subsets all have different sums.

    Up to 6 types the weights are close to each other (Conway and Guy's sequences, OEIS A096858, and 2, 3, 4),
    so that more types nearly always outweigh fewer and trust decides ties; beyond, they are powers of two.

    Raises:
        PolicyError: there are no types, or more than 8.
    """
    if not 1 <= len(types) <= MAX_TYPES:
        raise PolicyError(f"expected 1 to {MAX_TYPES} types, found {len(types)}")
    values = (
        _NEAR_MAJORITY[len(types) - 1]
        if len(types) <= len(_NEAR_MAJORITY)
        else tuple(1 << i for i in range(len(types)))
    )
    return dict(zip(types, values, strict=True))
