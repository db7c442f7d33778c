"""Fault trees: closed forms, a tree by hand, Monte Carlo, and what must always hold."""

from __future__ import annotations

import math
from itertools import combinations, product
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from dd import autoref
from hypothesis import given, settings
from hypothesis import strategies as st

from multiprover.risk import tree as tree_module
from multiprover.risk.errors import ProbabilityError, TreeError
from multiprover.risk.joint import failing_sets, joint_levels
from multiprover.risk.tree import AtLeast, Event, Node, Tree, all_of, any_of

P = st.floats(0, 1)


def brute(top: Node, p: dict[str, float]) -> float:
    """Sum over every state of every event."""

    def fails(node: Node, state: dict[str, bool]) -> bool:
        if isinstance(node, Event):
            return state[node.name]
        return sum(fails(child, state) for child in node.inputs) >= node.count

    total = 0.0
    for bits in product([False, True], repeat=len(p)):
        state = dict(zip(p, bits, strict=True))
        if fails(top, state):
            total += math.prod(p[n] if failed else 1 - p[n] for n, failed in state.items())
    return total


@st.composite
def trees(draw: st.DrawFn, names: str = "abcdef") -> Node:
    """A tree of up to three levels in which any event may stand anywhere."""
    leaf = st.sampled_from(names).map(Event)

    def gate(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        inputs = st.lists(children, min_size=1, max_size=4)
        return inputs.flatmap(
            lambda nodes: st.integers(1, len(nodes)).map(lambda k: AtLeast(k, tuple(nodes)))
        )

    return draw(st.recursive(leaf, gate, max_leaves=12))


@pytest.mark.parametrize("count", range(1, 7))
def test_independence_is_a_power(count: int) -> None:
    top = all_of(any_of([Event(f"type{i}")]) for i in range(count))
    got = Tree(top).probability({f"type{i}": 0.01 for i in range(count)})
    assert got == pytest.approx(0.01**count, rel=1e-12)


def test_one_shared_event() -> None:
    shared, p, s = Event("s"), 1e-3, 1e-5
    top = all_of(any_of([Event(n), shared]) for n in "ab")
    got = Tree(top).probability({"a": p, "b": p, "s": s})
    assert got == pytest.approx(s + (1 - s) * p * p, rel=1e-12)


@pytest.mark.parametrize(("k", "n"), [(1, 5), (2, 5), (3, 5), (5, 5), (4, 9)])
def test_k_of_n(k: int, n: int) -> None:
    p = 0.07
    got = Tree(AtLeast(k, tuple(Event(f"e{i}") for i in range(n)))).probability(
        {f"e{i}": p for i in range(n)}
    )
    closed = sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))
    assert got == pytest.approx(closed, rel=1e-12)


def test_a_tree_by_hand() -> None:
    """groth16 = lowering ∨ curve, halo2 = lowering' ∨ curve, sgx = vendor ∨ operator; 2 of 3; the operator
    also made groth16's keys.

    By cases of (curve c, operator o), with a = 0.1, b = 0.2, v = 0.05, c = 0.01, o = 0.02:
    c: both curve types fail                                     0.01
    ¬c, o: groth16 and sgx fail                                  0.99 · 0.02                       = 0.0198
    ¬c, ¬o: two of a, b, v: ab + av + bv - 2abv = 0.033          0.99 · 0.98 · 0.033               = 0.0320166
    """
    a, b, v, c, o = map(Event, "abvco")
    top = AtLeast(2, (any_of([a, c, o]), any_of([b, c]), any_of([v, o])))
    p = {"a": 0.1, "b": 0.2, "v": 0.05, "c": 0.01, "o": 0.02}
    solution = Tree(top).solve(p)
    assert solution.probability == pytest.approx(0.01 + 0.0198 + 0.0320166, rel=1e-12)
    # With the curve certain, it fails; with it impossible, 0.02 + 0.98 · 0.033.
    assert solution.birnbaum["c"] == pytest.approx(1 - (0.02 + 0.98 * 0.033), rel=1e-12)
    assert solution.contribution["c"] == pytest.approx(0.01 * (1 - 0.05234), rel=1e-12)


def test_small_probabilities_keep_their_digits() -> None:
    top = all_of(any_of([Event(f"x{i}"), Event("s")]) for i in range(3))
    got = Tree(top).probability({"x0": 1e-12, "x1": 1e-12, "x2": 1e-12, "s": 1e-40})
    assert got == pytest.approx(1e-36 + 1e-40, rel=1e-9)


def test_monte_carlo_agrees_within_its_error() -> None:
    rng = np.random.default_rng(8)
    members = [sorted(rng.choice(4, size=rng.integers(1, 4), replace=False)) for _ in range(20)]
    p = {f"e{i}": float(q) for i, q in enumerate(rng.uniform(0.005, 0.08, 20))}
    top = AtLeast(3, tuple(any_of(Event(f"e{i}") for i, m in enumerate(members) if t in m) for t in range(4)))
    exact = float(Tree(top).probability(p))
    trials = 400_000
    states = rng.random((trials, 20)) < np.array(list(p.values()))
    failed = np.stack([states[:, [t in m for m in members]].any(axis=1) for t in range(4)])
    share = float((failed.sum(axis=0) >= 3).mean())
    assert abs(share - exact) < 4 * math.sqrt(exact * (1 - exact) / trials)
    assert 0.01 < exact < 0.99  # so that the comparison says something


@settings(max_examples=60, deadline=None)
@given(trees(), st.tuples(P, P, P, P, P, P))
def test_any_tree_is_the_sum_over_its_states(top: Node, values: tuple[float, ...]) -> None:
    compiled = Tree(top)
    p = dict(zip("abcdef", values, strict=True))
    used = {name: p[name] for name in compiled.events}
    assert compiled.probability(p) == pytest.approx(brute(top, used), rel=1e-9, abs=1e-300)


@settings(max_examples=40, deadline=None)
@given(trees(), st.tuples(P, P, P, P, P, P), st.sampled_from("abcdef"))
def test_importance_is_what_changes(top: Node, values: tuple[float, ...], name: str) -> None:
    compiled = Tree(top)
    p = dict(zip("abcdef", values, strict=True))
    solution = compiled.solve(p)
    if name not in compiled.events:
        return
    certain, never = compiled.probability(p | {name: 1.0}), compiled.probability(p | {name: 0.0})
    assert solution.birnbaum[name] == pytest.approx(certain - never, abs=1e-12)
    assert solution.contribution[name] == pytest.approx(solution.probability - never, abs=1e-12)
    assert solution.birnbaum[name] >= -1e-15  # no failure ever helps


@settings(max_examples=40, deadline=None)
@given(trees(), st.permutations("abcdef"))
def test_the_order_of_events_changes_nothing(top: Node, order: list[str]) -> None:
    p = dict(zip("abcdef", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), strict=True))
    assert Tree(top, order).probability(p) == pytest.approx(Tree(top).probability(p), rel=1e-12)


def test_both_implementations_of_the_library_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    top = AtLeast(2, tuple(any_of(Event(n) for n in names) for names in ("abs", "cds", "efs", "ace")))
    p = {n: 0.01 * (i + 1) for i, n in enumerate("abcdefs")}
    default = Tree(top).probability(p)
    module: ModuleType = autoref
    monkeypatch.setattr(tree_module, "diagrams", module)
    assert Tree(top).probability(p) == pytest.approx(default, rel=1e-13)


def test_samples_are_solved_one_by_one() -> None:
    top = all_of([any_of([Event("a"), Event("s")]), any_of([Event("b"), Event("s")])])
    compiled = Tree(top)
    a, s = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.0, 0.5], [1.0, 0.01]])
    got = compiled.solve({"a": a, "b": 0.5, "s": s})
    for i, j in product(range(2), repeat=2):
        one = compiled.solve({"a": a[i, j], "b": 0.5, "s": s[i, j]})
        assert got.probability[i, j] == pytest.approx(one.probability, rel=1e-14)
        assert got.contribution["s"][i, j] == pytest.approx(one.contribution["s"], rel=1e-14)


@pytest.mark.parametrize("wrong", [-0.1, 1.0001, math.nan, math.inf])
def test_what_is_no_probability(wrong: float) -> None:
    compiled = Tree(Event("a"))
    with pytest.raises(ProbabilityError, match=r"a: expected a probability within \[0, 1\]"):
        compiled.probability({"a": wrong})


def test_what_is_no_tree() -> None:
    with pytest.raises(TreeError):
        all_of([])
    with pytest.raises(TreeError, match=r"\[1, 1\]"):
        AtLeast(2, (Event("a"),))
    with pytest.raises(TreeError, match="none of b"):
        Tree(any_of([Event("a"), Event("b")]), order=["a"])
    with pytest.raises(ProbabilityError, match="b: expected a probability, found none"):
        Tree(any_of([Event("a"), Event("b")])).probability({"a": 0.5})


@st.composite
def shared_causes(draw: st.DrawFn) -> dict[str, tuple[list[str], float]]:
    members = st.lists(st.sampled_from(["t0", "t1", "t2", "t3"]), min_size=1, max_size=4, unique=True)
    rows = draw(st.lists(st.tuples(members, P), min_size=1, max_size=9))
    return {f"c{i}": row for i, row in enumerate(rows)}


@settings(max_examples=25, deadline=None)
@given(shared_causes())
def test_the_joint_distribution_and_the_tree_agree(causes: dict[str, tuple[list[str], float]]) -> None:
    types = ["t0", "t1", "t2", "t3"]
    distribution = failing_sets(types, causes)
    assert distribution.sum() == pytest.approx(1)
    for size in range(1, 5):
        for chosen in combinations(range(4), size):
            inputs = [[Event(c) for c, (m, _) in causes.items() if types[k] in m] for k in chosen]
            mask = sum(1 << k for k in chosen)
            got = sum(distribution[i] for i in range(16) if i & mask == mask)
            want = (
                0.0
                if not all(inputs)
                else Tree(all_of(map(any_of, inputs))).probability({c: p for c, (_, p) in causes.items()})
            )
            assert got == pytest.approx(float(want), rel=1e-9, abs=1e-300)


def test_levels_by_hand() -> None:
    """Two types, three levels: t0 alone at 1 w.p. 0.2 (2: 0.1), both at 2 w.p. 0.05 (1: 0.3)."""
    own, both = np.array([0.7, 0.2, 0.1]), np.array([0.65, 0.3, 0.05])
    joint = joint_levels(2, [([0], own), ([0, 1], both)])[..., 0]
    want = np.zeros((3, 3))
    for i, j in product(range(3), repeat=2):
        want[max(i, j), j] += own[i] * both[j]
    np.testing.assert_allclose(joint, want, rtol=1e-12)


def test_causes_that_are_none() -> None:
    cases: list[tuple[list[Any], str]] = [
        ([([0], np.array([0.5, 0.6]))], "sum to 1"),
        ([([0], np.array([1.5, -0.5]))], "sum to 1"),
        ([([0], np.array([0.5, 0.5])), ([1], np.array([1.0, 0, 0]))], "one number of levels"),
        ([], "at least one"),
    ]
    for causes, message in cases:
        with pytest.raises(ProbabilityError, match=message):
            joint_levels(2, causes)
