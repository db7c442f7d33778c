"""The suites with their references, and strategies for what their calls take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import reference_bn254
import reference_goldilocks
import reference_koalabear
from hypothesis import strategies as st

from multiprover import suites
from multiprover.suites import TypedInt

ONES = b"\xff" * 32

words32 = st.binary(min_size=32, max_size=32)
journals = st.integers(0, 40).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
typed = st.integers(1, 2).flatmap(
    lambda n: st.builds(TypedInt, st.integers(0, 2 ** (32 * n) - 1), st.just(n))
)
records = st.lists(typed, max_size=12)


@dataclass(frozen=True)
class Case:
    name: str
    ref: ModuleType
    digest: Callable[[int], bytes]
    """A digest of a number below the field's order."""
    numbers: st.SearchStrategy[int]
    """Of one element."""
    digests: st.SearchStrategy[bytes]
    points: st.SearchStrategy[bytes]
    aliases: tuple[bytes, ...]
    """Second encodings of the digest of zeros, one an element."""
    most_map: int
    order: int
    heights: tuple[int, ...] = ()
    """What a signing key is asked for beside its seed, so that it signs for nonce 5."""

    @property
    def suite(self) -> Any:
        return suites.get(self.name)

    @cached_property
    def key(self) -> Any:
        return self.suite.signing_key(bytes(32), *self.heights)

    @cached_property
    def signature(self) -> bytes:
        """Over zeros, for nonce 5."""
        return bytes(self.key.sign(bytes(32), 5))

    def __str__(self) -> str:
        return self.name


def _aliases(ref: ModuleType, elements: int) -> tuple[bytes, ...]:
    return tuple(
        ref.to_bytes([ref.P if i == place else 0 for i in range(elements)]) for place in range(elements)
    )


def _numbers(order: int, *edges: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, order - 1), st.sampled_from([0, 1, *edges, order - 1]))


_bn254 = st.integers(0, reference_bn254.R - 1)
_goldilocks = _numbers(reference_goldilocks.P, 2**32 - 1, 2**32, reference_goldilocks.P - 2**32)
_koalabear = _numbers(reference_koalabear.P, 2**16 - 1, 2**16, 2**24 - 1, 2**24)

BN254 = Case(
    name="bn254",
    ref=reference_bn254,
    digest=reference_bn254.to_bytes,
    numbers=_bn254,
    digests=_bn254.map(reference_bn254.to_bytes),
    points=_bn254.map(reference_bn254.to_bytes),
    aliases=(reference_bn254.to_bytes(reference_bn254.R),),
    most_map=2**32 - 1,
    order=reference_bn254.R,
)
GOLDILOCKS = Case(
    name="goldilocks",
    ref=reference_goldilocks,
    digest=lambda number: reference_goldilocks.to_bytes([number] * 4),
    numbers=_goldilocks,
    digests=st.tuples(*[_goldilocks] * 4).map(reference_goldilocks.to_bytes),
    points=st.tuples(*[_goldilocks] * 2).map(lambda z: reference_goldilocks.to_bytes([*z, 0, 0])),
    aliases=_aliases(reference_goldilocks, 4),
    most_map=2**32 - 1,
    order=reference_goldilocks.P,
    heights=(3,),
)
KOALABEAR = Case(
    name="koalabear",
    ref=reference_koalabear,
    digest=lambda number: reference_koalabear.to_bytes([number] * 8),
    numbers=_koalabear,
    digests=st.tuples(*[_koalabear] * 8).map(reference_koalabear.to_bytes),
    points=st.tuples(*[_koalabear] * 5).map(reference_koalabear.extended),
    aliases=_aliases(reference_koalabear, 8),
    most_map=2**26 - 1,
    order=reference_koalabear.P,
    heights=(3,),
)
CASES = (BN254, GOLDILOCKS, KOALABEAR)
