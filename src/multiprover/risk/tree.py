"""Fault trees with shared events, solved exactly by binary decision diagrams.

A tree is made of events and of gates over them; the same event may stand under many gates, which is the
whole point. The diagram is built by ``dd`` (https://github.com/tulip-control/dd): with CUDD where its wheel
carries it, else in pure Python. Its probability is Shannon's expansion, node by node (Rauzy, "New algorithms
for fault trees analysis", Reliability Engineering & System Safety 40, 1993). Only sums of products of
non-negative numbers are formed, so a probability of 1e-30 keeps its digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from multiprover.risk.errors import ProbabilityError, TreeError

try:
    from dd import cudd as diagrams
except ImportError:  # a platform without a wheel of CUDD
    from dd import autoref as diagrams

Floats = npt.NDArray[np.float64]
ENGINE: str = diagrams.__name__
"""Which implementation of ``dd`` solves here: ``dd.cudd`` or ``dd.autoref``."""

_CHUNK_VALUES = 1 << 22
"""Most values (nodes times samples) held at once: 32 MiB."""


@dataclass(frozen=True, slots=True)
class Event:
    """A basic event, by name. Two of the same name are the same event."""

    name: str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A gate that fails when at least ``count`` of its inputs do.

    Raises:
        TreeError: ``count`` is not within [1, number of inputs].
    """

    count: int
    inputs: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.inputs):
            raise TreeError(
                f"gate: expected a count within [1, {len(self.inputs)}] of its inputs, found {self.count}"
            )


Node = Event | AtLeast


def all_of(inputs: Iterable[Node]) -> AtLeast:
    """A gate that fails when every input does."""
    nodes = tuple(inputs)
    return AtLeast(len(nodes), nodes)


def any_of(inputs: Iterable[Node]) -> AtLeast:
    """A gate that fails when some input does."""
    return AtLeast(1, tuple(inputs))


@dataclass(frozen=True, slots=True)
class Solution:
    """A tree solved for given probabilities; all arrays have the probabilities' samples as shape.

    Attributes:
        probability: of the top event.
        birnbaum: for each event, the derivative of ``probability`` by the event's own: the probability with
            the event certain less that with it impossible.
        contribution: for each event, how much of ``probability`` would vanish were it impossible.
    """

    probability: Floats
    birnbaum: dict[str, Floats]
    contribution: dict[str, Floats]


def checked_probability(name: str, value: float | Floats) -> Floats:
    """``value`` as an array.

    Raises:
        ProbabilityError: some of it is outside [0, 1], or not a number.
    """
    array = np.asarray(value, dtype=np.float64)
    if not np.all((array >= 0) & (array <= 1)):
        wrong = array[~((array >= 0) & (array <= 1))].flat[0]
        raise ProbabilityError(f"{name}: expected a probability within [0, 1], found {wrong}")
    return array


class Tree:
    """A fault tree, compiled once, solved for as many probabilities as wanted."""

    def __init__(self, top: Node, order: Sequence[str] | None = None) -> None:
        """Compile the tree under ``top``.

        ``order`` lists every event, first decided first; it changes the time taken, never the result. Without
        it, events are in the order in which they are met.

        Raises:
            TreeError: ``order`` lacks an event of the tree.
        """
        found = _events(top)
        self.events: tuple[str, ...] = tuple(found if order is None else dict.fromkeys(order))
        if missing := [name for name in found if name not in set(self.events)]:
            raise TreeError(f"order: expected every event of the tree, found none of {', '.join(missing)}")
        manager = diagrams.BDD()
        manager.configure(reordering=False)
        manager.declare(*self.events)
        self._levels, self._root, self.size = _levels(_build(manager, top), self.events)

    def probability(self, probabilities: Mapping[str, float | Floats]) -> Floats:
        """Probability of the top event, for independent events of the given probabilities.

        Each is a number, or an array of samples; all arrays have the same shape.

        Raises:
            ProbabilityError: an event has none, or one outside [0, 1].
        """
        given, shape = self._given(probabilities)
        result = np.empty(given.shape[1])
        for part in self._chunks(given.shape[1]):
            result[part] = self._upward(given[:, part])[self._root]
        return result.reshape(shape)

    def solve(self, probabilities: Mapping[str, float | Floats]) -> Solution:
        """Probability and importance of every event; arguments and errors as :meth:`probability`."""
        given, shape = self._given(probabilities)
        total = np.empty(given.shape[1])
        birnbaum = np.zeros_like(given)
        contribution = np.zeros_like(given)
        for part in self._chunks(given.shape[1]):
            p = given[:, part]
            values = self._upward(p)
            total[part] = values[self._root]
            reach = np.zeros_like(values)
            reach[self._root] = 1
            for event, nodes, high, low in reversed(self._levels):
                paths = reach[nodes]
                slope = paths * (values[high] - values[low])
                birnbaum[event, part] = slope.sum(axis=0)
                np.add.at(reach, high, paths * p[event])
                np.add.at(reach, low, paths * (1 - p[event]))
            contribution[:, part] = p * birnbaum[:, part]
        return Solution(
            total.reshape(shape),
            {name: birnbaum[i].reshape(shape) for i, name in enumerate(self.events)},
            {name: contribution[i].reshape(shape) for i, name in enumerate(self.events)},
        )

    def _given(self, probabilities: Mapping[str, float | Floats]) -> tuple[Floats, tuple[int, ...]]:
        arrays = []
        for name in self.events:
            if name not in probabilities:
                raise ProbabilityError(f"{name}: expected a probability, found none")
            arrays.append(checked_probability(name, probabilities[name]))
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        return np.stack([np.broadcast_to(a, shape).ravel() for a in arrays]), shape

    def _chunks(self, samples: int) -> list[slice]:
        width = max(1, _CHUNK_VALUES // max(1, self.size))
        return [slice(start, start + width) for start in range(0, samples, width)]

    def _upward(self, p: Floats) -> Floats:
        """Probability that each node is true, nodes × samples. Nodes 0 and 1 are the constants."""
        values = np.empty((self.size, p.shape[1]))
        values[0], values[1] = 0, 1
        for event, nodes, high, low in self._levels:
            values[nodes] = p[event] * values[high] + (1 - p[event]) * values[low]
        return values


_Level = tuple[int, npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]


def _events(top: Node) -> list[str]:
    found: dict[str, None] = {}
    seen: set[int] = set()
    stack: list[Node] = [top]
    while stack:
        node = stack.pop()
        if isinstance(node, Event):
            found.setdefault(node.name)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.extend(reversed(node.inputs))
    return list(found)


def _build(manager: Any, top: Node) -> Any:
    """The diagram of a tree. Gates that stand in several places are built once."""
    return _built(manager, top, {})


def _built(manager: Any, node: Node, done: dict[int, Any]) -> Any:
    if isinstance(node, Event):
        return manager.var(node.name)
    if id(node) not in done:
        inputs = [_built(manager, child, done) for child in node.inputs]
        done[id(node)] = _threshold(manager, node.count, inputs)
    return done[id(node)]


def _threshold(manager: Any, count: int, inputs: Sequence[Any]) -> Any:
    """At least ``count`` of ``inputs``; row ``k``: that at least ``k`` of those seen so far fail."""
    rows = [manager.true] + [manager.false] * count
    for u in reversed(inputs):
        for k in range(count, 0, -1):
            rows[k] = manager.ite(u, rows[k - 1], rows[k])
    return rows[count]


def _levels(top: Any, events: Sequence[str]) -> tuple[list[_Level], int, int]:
    """The diagram as arrays, one level an event, the last decided first; its root's index; its node count.

    ``dd`` marks negations on edges. Here a node and its negation are two nodes, so that no probability is
    ever computed as one less another, which would lose all digits of a small one.
    """
    position = {name: i for i, name in enumerate(events)}
    # Keys are plain integers, node and negation, and rows are flat: among a hundred thousand small objects,
    # Python's garbage collector would take longer than all the rest.
    index: dict[int, int] = {}
    nodes: dict[int, int] = {}
    rows: dict[int, list[int]] = {}

    def key(u: Any) -> int:
        number = int(u)
        if not u.negated:
            return number << 1
        node = nodes.get(number)
        if node is None:
            node = nodes[number] = int(~u)
        return node << 1 | 1

    # Depth first, children before parents, without recursion: diagrams are as deep as there are events.
    keys, edges = [key(top)], [top]
    while keys:
        at, u = keys[-1], edges[-1]
        if at in index:
            keys.pop()
            edges.pop()
            continue
        name = u.var
        if name is None:
            index[at] = at & 1 ^ 1
            continue
        high, low = u.high, u.low
        high_at, low_at = key(high) ^ at & 1, key(low) ^ at & 1
        if high_at not in index:
            keys.append(high_at)
            edges.append(high)
        if low_at not in index:
            keys.append(low_at)
            edges.append(low)
        if keys[-1] != at:
            continue
        number = index[at] = len(index) + 2
        rows.setdefault(position[name], []).extend((number, index[high_at], index[low_at]))
        keys.pop()
        edges.pop()
    levels = []
    for event in sorted(rows, reverse=True):
        numbers, highs, lows = np.array(rows[event], dtype=np.intp).reshape(-1, 3).T
        levels.append((event, numbers, highs, lows))
    return levels, index[key(top)], len(index) + 2
