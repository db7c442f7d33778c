"""What the suite ``goldilocks`` alone has: its permutation, ``ρ``, the figures of its text, refusals."""

from __future__ import annotations

from collections.abc import Callable
from math import comb, log2

import pytest
import reference_goldilocks as ref
from hypothesis import given, settings
from hypothesis import strategies as st
from multiprover_native import Goldilocks
from suite_cases import GOLDILOCKS as CASE
from suite_cases import ONES

from multiprover import suites
from multiprover.suites import NonCanonicalError, SuiteError
from multiprover.suites import goldilocks as module

SUITE = suites.get("goldilocks")

cheap = settings(max_examples=60, deadline=None)


@cheap
@given(st.lists(CASE.numbers, min_size=12, max_size=12))
def test_permutation(state: list[int]) -> None:
    assert Goldilocks.permute(ref.to_bytes(state)) == ref.to_bytes(ref.permute(state))


# Signatures


def test_first_rho_is_not_to_be_foreseen() -> None:
    """It depends on the seed, the digest and the nonce, and takes no counting from a start that all know."""
    keys = [SUITE.signing_key(seed, 2) for seed in (bytes(32), ONES)]
    cases = [
        (key, digest, nonce) for key in keys for digest, nonce in ((bytes(32), 0), (ref.to_bytes([1] * 4), 1))
    ]
    rhos = [int.from_bytes(key.sign(digest, nonce)[:8], "big") for key, digest, nonce in cases]
    gaps = [abs(a - b) for place, a in enumerate([0, *rhos]) for b in rhos[place:]]
    assert min(gaps) > 2**32


def test_figures_of_the_security_argument() -> None:
    """Those of the module's text, from binomial coefficients."""
    text = " ".join((module.__doc__ or "").split())
    words = comb(132, 66)
    figures = {
        "C(132, 66) = 2^{:.2f}": log2(words),
        "One ``ρ`` in {:.1f}": 2**132 / words,
        # The square root of the number of words, times the tries for each.
        "were found in 2^{:.0f} hashes": log2(words) / 2 + log2(2**132 / words),
        # Of the 2^64 values of ρ, as many as it takes to a word lead to the one of the pair.
        "comes to use with probability 2^{:.0f}": log2(2**132 / words) - 64,
        "in 2^{:.1f} has its word within 99": 132 - log2(comb(99, 66)),
        "(2^{:.1f} on average": 132
        - log2(sum(comb(66, k) ** 2 * comb(66 + k, 66) for k in range(67)) / words),
        "After a third, 2^{:.1f}": 132 - log2(comb(115, 66)),
    }
    for figure, value in figures.items():
        assert figure.format(value) in text


# Refusals

Refused = Callable[[], object]

MALFORMED: dict[str, tuple[str, Refused]] = {
    "point past two elements": (
        "two Goldilocks elements below the field's order and 16 zero bytes",
        lambda: SUITE.evaluate(bytes(4), ref.to_bytes([0, 0, 0, 1])),
    ),
    "permutation": ("expected 12 elements, found 8", lambda: Goldilocks.permute(bytes(64))),
}


@pytest.mark.parametrize("alias", [*CASE.aliases, ONES], ids=bytes.hex)
def test_a_non_canonical_state_is_refused(alias: bytes) -> None:
    with pytest.raises(NonCanonicalError, match="below the field's order"):
        Goldilocks.permute(bytes(64) + alias)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused(name: str) -> None:
    message, call = MALFORMED[name]
    with pytest.raises(SuiteError) as caught:
        call()
    assert message in str(caught.value)
