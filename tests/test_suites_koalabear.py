"""What the suite ``koalabear`` alone has: its permutation, ``ρ``, the figures of its text, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2
from pathlib import Path
from random import Random
from statistics import median

import pytest
import reference_koalabear as ref
from hypothesis import given, settings
from hypothesis import strategies as st
from multiprover_native import KoalaBear
from suite_cases import KOALABEAR as CASE
from suite_cases import ONES

from multiprover import suites
from multiprover.suites import NonCanonicalError, SuiteError, TypedInt
from multiprover.suites import koalabear as module

SUITE = suites.get("koalabear")
DOCS = " ".join((Path(__file__).parents[1] / "docs" / "suites.md").read_text(encoding="utf-8").split())
LAST = ref.to_bytes([0] * 7 + [1])

cheap = settings(max_examples=60, deadline=None)


@cheap
@given(st.lists(CASE.numbers, min_size=16, max_size=16))
def test_permutation(state: list[int]) -> None:
    assert KoalaBear.permute(ref.to_bytes(state)) == ref.to_bytes(ref.permute(tuple(state)))


def test_a_word_is_not_its_residue() -> None:
    """What half-words are for: a word and the same plus ``p`` would be one element."""
    z = ref.extended([2, 3, 5, 7, 11])
    first, second = (value.to_bytes(4, "big") for value in (5, 5 + ref.P))
    assert SUITE.evaluate(first, z) != SUITE.evaluate(second, z)
    assert SUITE.commit(first) != SUITE.commit(second)
    assert SUITE.leaf(0, [TypedInt(5, 1)], []) != SUITE.leaf(0, [TypedInt(5 + ref.P, 1)], [])


# Signatures


def test_first_rho_is_not_to_be_foreseen() -> None:
    """All of it depends on the seed, the digest and the nonce."""
    first, second = (SUITE.signing_key(seed, 1) for seed in (bytes(32), ONES))
    again = SUITE.signing_key(bytes(32), 1)
    signatures = [key.sign(bytes(32), nonce) for key in (first, second) for nonce in (0, 1)]
    signatures.append(again.sign(LAST, 0))
    elements = [element for signature in signatures for element in ref.words(signature[:28], 4)]
    assert len({0, *elements}) == 1 + 5 * 7


def ways(floors: Sequence[int], total: int = 120) -> int:
    """Words with every digit at or above its floor."""
    counts = [1] + [0] * total
    for floor in floors:
        counts = [
            sum(counts[at - digit] for digit in range(floor, 4) if digit <= at) for at in range(total + 1)
        ]
    return counts[total]


def test_figures_of_the_security_argument() -> None:
    """Those of the module's and the specification's text, from the number of words."""
    entropy = 32 - log2(3)
    """Of a word reduced: a number below 2^32 - 2p has three words."""
    assert 2 * ref.P < 2**32 < 3 * ref.P
    tries = 4**64 / ways([0] * 64)
    figures = {
        "There are 2^{:.2f} such words": log2(ways([0] * 64)),
        "One ``ρ`` in {:.0f}": tries,
        "digests of {:.1f} bits": 8 * log2(ref.P),
        "secrets of {:.1f} bits": 8 * entropy,
        "with {:.1f} bits of entropy": 7 * entropy,
        # Of the values of ρ, as many as it takes to a word lead to the one of the pair.
        "comes to use with probability 2^{:.0f}": log2(tries) - 7 * entropy,
        "which is 2^{:.0f} for T": 8 * entropy - 56,
        "and 2^{:.0f} for Grover": (8 * entropy - 56) / 2 - 0.5,
        "collisions: 2^{:.2f} hashes": 4 * log2(ref.P),
    }
    text = " ".join((module.__doc__ or "").split())
    for figure, value in figures.items():
        assert figure.format(value) in text
    in_docs = {
        "hit once in {:.0f} tries": tries,
        "with probability 2^{:.0f}, by": log2(tries) - 7 * entropy,
        "2^{:.0f} / T hashes": 8 * entropy,
        "in two ways 2^{:.1f} / T": 8 * log2(ref.P),
        "collisions, 2^{:.2f} hashes": 4 * log2(ref.P),
    }
    for figure, value in in_docs.items():
        assert figure.format(value) in DOCS


def test_figures_of_a_repeated_nonce() -> None:
    """The median of drawn pairs and triples of words."""
    rest = [[0] * 121 for _ in range(65)]
    """Words of so many digits with so great a sum."""
    rest[0][0] = 1
    for digits in range(1, 65):
        rest[digits] = [sum(rest[digits - 1][at - d] for d in range(4) if d <= at) for at in range(121)]
    draw = Random(1)  # noqa: S311

    def word() -> list[int]:
        left, made = 120, []
        for digits in reversed(range(64)):
            choices = range(min(4, left + 1))
            made += draw.choices(choices, [rest[digits][left - digit] for digit in choices])
            left -= made[-1]
        return made

    assert sum(word()) == 120
    text = " ".join((module.__doc__ or "").split())
    for signatures, figure, in_docs in (
        (2, "message in 2^{:.0f} has", "one message in 2^{:.0f} can"),
        (3, "After a third, 2^{:.0f}.", "after a third 2^{:.0f}."),
    ):
        floors = [map(min, *(word() for _ in range(signatures))) for _ in range(401)]
        tries = median(128 - log2(ways(list(floor))) for floor in floors)
        assert figure.format(tries) in text
        assert in_docs.format(tries) in DOCS


# Refusals

Refused = Callable[[], object]

MALFORMED: dict[str, tuple[str, Refused]] = {
    "map index": ("map index: expected 0 to 2^26 - 1, found 67108864", lambda: SUITE.leaf(2**26, [], [])),
    "point past five elements": (
        "five KoalaBear elements below the field's order and 12 zero bytes",
        lambda: SUITE.evaluate(bytes(4), LAST),
    ),
    "permutation": ("expected 16 elements, found 8", lambda: KoalaBear.permute(bytes(32))),
}


@pytest.mark.parametrize("alias", [*CASE.aliases, ONES], ids=bytes.hex)
def test_a_non_canonical_state_is_refused(alias: bytes) -> None:
    with pytest.raises(NonCanonicalError, match="below the field's order"):
        KoalaBear.permute(bytes(32) + alias)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call()
    assert message in str(caught.value)
