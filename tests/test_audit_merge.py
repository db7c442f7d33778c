"""Random transitions of several kinds, merged into one program: each kind means what its Python does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from differential import Both
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import multiprover as mp


class Wide(mp.Record):
    key: mp.Key
    a: mp.u8
    b: mp.i33
    lots: mp.Array[mp.i4, Literal[2]]


class Narrow(mp.Record):
    a: mp.u3
    key: mp.Key
    b: mp.u40


class Said(mp.Message):
    x: mp.u5
    y: mp.i33


class Done(mp.Message):
    x: mp.i4


MAPS = {"wide": mp.Map[mp.u2, Wide], "narrow": mp.Map[mp.u1, Narrow]}
STATE = {**MAPS, "sum": mp.Cell[mp.i40], "small": mp.Cell[mp.u3]}
PARAMETERS = {"p": mp.u2, "q": mp.u1, "r": mp.i7, "s": mp.u33, "k": mp.Key}
VALUES = ["p", "q", "r", "s", "a", "b", "dynamic", "sum", "small"]

values = st.recursive(
    st.one_of(st.sampled_from(VALUES), st.integers(-3, 9)),
    lambda inner: st.tuples(st.sampled_from(["+", "-", "*", "//", "min", "max", "?", "%"]), inner, inner),
    max_leaves=4,
)
conditions = st.tuples(st.sampled_from(["==", "<", ">=", "!="]), values, values)
steps = st.one_of(
    st.tuples(st.just("open"), st.sampled_from(sorted(MAPS)), st.sampled_from(["p", "q", 0, 1, 3])),
    st.tuples(st.just("store"), st.sampled_from(["a", "b", "key", "dynamic", "fixed"]), values),
    st.tuples(st.just("store"), st.sampled_from(["a", "b", "dynamic"]), st.sampled_from(["p", "q", 1])),
    st.tuples(st.just("open"), st.just("wide"), st.just("q")),
    st.tuples(st.just("require"), conditions, st.none()),
    st.tuples(st.just("emit"), values, values),
    st.tuples(st.just("done"), values, st.none()),
    st.tuples(st.just("cell"), st.sampled_from(["sum", "small"]), values),
    st.tuples(st.just("authorize"), st.sampled_from(["p", "s", "q"]), st.none()),
)
kinds = st.tuples(st.booleans(), st.lists(steps, min_size=1, max_size=6))


class Machine:
    """The steps of one kind, done by Python on whatever the values are."""

    def __init__(self, state: Any, given: dict[str, Any]) -> None:
        self.state = state
        self.given = given
        self.record: Any = None

    def value(self, tree: Any) -> Any:
        if isinstance(tree, int):
            return tree
        if isinstance(tree, str):
            if tree in ("sum", "small"):
                return getattr(self.state, tree)
            if tree in ("a", "b"):
                return 0 if self.record is None else getattr(self.record, tree)
            if tree == "dynamic":
                return self.record.lots[self.given["q"]] if type(self.record) is Wide else 1
            return self.given[tree]
        name, x, y = tree[0], self.value(tree[1]), self.value(tree[2])
        results: dict[str, Callable[[], Any]] = {
            "+": lambda: x + y,
            "-": lambda: x - y,
            "*": lambda: x * y,
            "//": lambda: x // mp.max(y, 2),
            "%": lambda: x % mp.max(y, 2),
            "min": lambda: mp.min(x, y),
            "max": lambda: mp.max(x, y),
            "?": lambda: mp.select(x < y, x, y + 1),
        }
        return results[name]()

    def condition(self, tree: Any) -> Any:
        name, x, y = tree[0], self.value(tree[1]), self.value(tree[2])
        return {"==": x == y, "!=": x != y, "<": x < y, ">=": x >= y}[name]

    def do(self, name: str, what: Any, value: Any) -> None:
        record = self.record
        if name == "open":
            self.record = getattr(self.state, what)[self.given.get(value, value)]
        elif name == "require":
            mp.require(self.condition(what), "random")
        elif name == "emit":
            mp.emit(Said(x=self.value(what), y=self.value(value)))
        elif name == "done":
            mp.emit(Done(x=self.value(what)))
        elif name == "cell":
            setattr(self.state, what, self.value(value))
        elif record is not None and name == "authorize":
            mp.authorize(record.key, self.given[what])
        elif record is not None and name == "store":
            if what == "key":
                record.key = self.given["k"]
            elif what in ("dynamic", "fixed"):
                if type(record) is Wide:
                    record.lots[self.given["q"] if what == "dynamic" else 1] = self.value(value)
            else:
                setattr(record, what, self.value(value))


def kind_of(number: int, from_l1: bool, todo: Sequence[tuple[str, Any, Any]]) -> Any:
    def function(self: Any, p: mp.u2, q: mp.u1, r: mp.i7, s: mp.u33, k: mp.Key) -> None:
        machine = Machine(self, {"p": p, "q": q, "r": r, "s": s, "k": k})
        machine.do("open", "wide", "p")
        if not from_l1:
            machine.do("authorize", "q", None)
        for step in todo:
            if not (from_l1 and step[0] == "authorize"):
                machine.do(*step)

    function.__name__ = f"kind_{number}"
    return mp.from_l1()(function) if from_l1 else mp.transaction(function)


slots = st.tuples(
    st.integers(0, 3),
    st.integers(0, 1),
    st.integers(0, 127),
    st.sampled_from([0, 1, 2]),
    st.one_of(st.integers(0, 9), st.integers(0, 2**32 - 1)),
)


@settings(
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example],
)
@given(
    declared=st.lists(kinds, min_size=2, max_size=4),
    batch=st.lists(
        st.tuples(st.integers(0, 4), slots, st.integers(1, 3), st.integers(0, 9), st.integers(0, 30)),
        min_size=4,
        max_size=10,
    ),
)
def test_merged_kinds_mean_what_their_python_does(declared: Any, batch: Any) -> None:
    functions = [kind_of(i, *kind) for i, kind in enumerate(declared)]
    body = {"__annotations__": STATE, "__module__": __name__, **{f.__name__: f for f in functions}}
    try:
        both = Both(type("Random", (mp.Transition,), body))
    except (mp.RangeOverflowError, mp.AccessError, mp.KeyUseError):
        reject()
    for number, (p, q, r, high, low), key, unsigned, spoilt in batch:
        kind = number % (len(functions) + 1)
        words = [kind, p, q, r, high, low, *[key] * 8] if kind else [0] * 14
        if spoilt < len(words):
            words[spoilt] = (words[spoilt] + 2**31) % 2**32 if spoilt % 2 else words[spoilt] + 1
        both.slot(words, [position != unsigned for position in range(8)])
