"""How several types fail together: the exact joint distribution of their levels.

Each type is at a level of 0 (well) to ``L`` (worst). A cause puts every type that rests on it at its own
level or above; a type's level is the worst of its causes. With two levels this is the distribution of which
types fail, that is a fault tree of ``any_of`` gates with shared events, for every top event at once, which is
what a search over policies needs; :mod:`multiprover.risk.tree` solves one top event of any shape. Like there,
only sums of products of non-negative numbers are formed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from multiprover.risk.errors import ProbabilityError
from multiprover.risk.tree import Floats


def joint_levels(types: int, causes: Iterable[tuple[Sequence[int], Floats]], samples: int = 1) -> Floats:
    """The joint distribution of the levels of ``types`` types.

    Args:
        causes: independent causes: which types rest on each (indices), and the probabilities of its levels,
            (levels,) or (levels, samples).

    Returns:
        shape ``(levels,) * types + (samples,)``, each sample summing to 1.

    Raises:
        ProbabilityError: there is no cause, a cause does not sum to 1, or two differ in their levels.
    """
    merged = _merged(causes, samples)
    if not merged:
        raise ProbabilityError("causes: expected at least one, found none")
    levels = next(iter(merged.values())).shape[0]
    joint = np.zeros((levels,) * types + (samples,))
    joint[(0,) * types] = 1
    # Causes of one type first: while few types are above 0, nearly all of the array is zeros, but numpy does
    # not know; so they enter as an outer product.
    for members in sorted(merged, key=len):
        cause = merged[members]
        if len(members) == 1:
            axis = members[0]
            shape = [1] * (types + 1)
            shape[axis], shape[-1] = levels, samples
            first = [slice(None)] * types
            first[axis] = slice(0, 1)
            joint = joint[tuple(first)] * cause.reshape(shape)
            continue
        raised = np.zeros_like(joint)
        for level in range(levels):
            raised += _raise_to(joint, members, level) * cause[level]
        joint = raised
    return joint


def _merged(causes: Iterable[tuple[Sequence[int], Floats]], samples: int) -> dict[tuple[int, ...], Floats]:
    """One cause for each set of types: the worst of those that have it."""
    merged: dict[tuple[int, ...], Floats] = {}
    for members, given in causes:
        cause = np.asarray(given, dtype=np.float64)
        cause = np.broadcast_to(cause[:, None] if cause.ndim == 1 else cause, (cause.shape[0], samples))
        if (cause < 0).any() or not np.allclose(cause.sum(axis=0), 1, rtol=0, atol=1e-9):
            raise ProbabilityError(
                f"cause of types {list(members)}: expected probabilities that sum to 1, "
                f"found {cause[:, 0].tolist()}"
            )
        key = tuple(sorted(set(members)))
        if not key:
            continue
        merged[key] = _worst(merged[key], cause) if key in merged else cause
    counts = {cause.shape[0] for cause in merged.values()}
    if len(counts) > 1:
        raise ProbabilityError(f"causes: expected one number of levels, found {sorted(counts)}")
    return merged


def _worst(a: Floats, b: Floats) -> Floats:
    """The distribution of the larger of two independent levels."""
    below_a = np.cumsum(a, axis=0) - a
    upto_b = np.cumsum(b, axis=0)
    return np.asarray(a * upto_b + b * below_a)


def _raise_to(joint: Floats, members: Sequence[int], level: int) -> Floats:
    """The distribution after every type of ``members`` was put at ``level`` or above."""
    if level == 0:
        return joint
    for axis in members:
        joint = joint.copy()
        view = np.moveaxis(joint, axis, 0)
        view[level] = view[: level + 1].sum(axis=0)
        view[:level] = 0
    return joint


def failing_sets(types: Sequence[str], causes: Mapping[str, tuple[Iterable[str], float]]) -> Floats:
    """Probability of each set of failing types: entry ``i`` is of the types ``k`` with ``i >> k & 1``.

    ``causes`` gives, for each independent event, the types that it fails and its probability.
    """
    index = {name: i for i, name in enumerate(types)}
    joint = joint_levels(
        len(types),
        [([index[name] for name in members], np.array([1 - p, p])) for members, p in causes.values()],
    )[..., 0]
    return joint.transpose(range(len(types) - 1, -1, -1)).ravel()


def at_least_one(probabilities: Sequence[Floats], samples: int) -> tuple[Floats, list[Floats]]:
    """Probability of at least one of independent events, and how much of it would vanish without each."""
    if not probabilities:
        return np.zeros(samples), []
    p = np.stack([np.broadcast_to(q, (samples,)) for q in probabilities])
    ones = np.ones((1, samples))
    before = np.cumprod(np.concatenate([ones, 1 - p[:-1]]), axis=0)
    after = np.cumprod(np.concatenate([ones, 1 - p[:0:-1]]), axis=0)[::-1]
    # Sum of "this one, and none before it": no difference of near numbers, so small ones keep their digits.
    return (p * before).sum(axis=0), list(p * before * after)
