"""From the traces of all kinds to one slot program.

A slot holds one transaction of any kind, and the program is the same for every slot, so it computes all
kinds and lets a selector choose. What is dear must therefore be shared: a state access costs forty hashes,
a signature seven thousand constraints, a range check a dozen, while a selection costs one. The kinds'
effects are laid side by side like texts in a
comparison: each kind is a sequence of needs (a range of a type, an access to a map, a signature), and the
    slot program is a common supersequence of all of them, found greedily in the order in which kinds are
    declared. A kind runs through the common sequence in its own order, so what it needs later may depend on
    what it got earlier, and no cycle can arise.

Where a shared place is not used by the slot's kind, its operands are 0, and 0 lies in every type: so each
operation stays total, and only the chosen kind's demands constrain. Two demands are never shared: a
``require`` is an assertion under its kind's selector, and two accesses of one kind to one map are asserted
to differ.

``from_l1`` kinds cannot be refused. Each of their demands is computed as a condition instead; ``ok`` is all
of them, and stores, messages and outputs are chosen by ``selector and ok``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from multiprover.lang.tracer import (
    AuthorizeEffect,
    EmitEffect,
    KindTrace,
    OpenEffect,
    RangeEffect,
    RequireEffect,
    trace_kind,
)
from multiprover.lang.transition import KindSpec, Transition
from multiprover.lang.types import IntType, Message, ScalarType
from multiprover.lang.values import SymbolicInt, SymbolicKey
from multiprover.program.ir import (
    EFFECTS,
    KEY_WORDS,
    Code,
    Field,
    Kind,
    Map,
    MessagePlace,
    Op,
    Port,
    Program,
    check,
    range_of,
)

Effect = RangeEffect | OpenEffect | AuthorizeEffect


def trace(transition: type[Transition], suites: Sequence[str]) -> Program:
    """The program of a transition, for the suites that its keys have parts in.

    Raises:
        LanguageError: a kind cannot be accepted; the error names the line.
    """
    traces = [trace_kind(transition, kind) for kind in transition.kinds]
    program = _Merge(transition, tuple(suites), traces).build()
    check(program)
    return program


def _field(name: str, type_: ScalarType) -> Field:
    return Field(name, type_.lo, type_.hi) if isinstance(type_, IntType) else Field(name, key=True)


class _Emitter:
    """Appends operations; equal ones are one, and what ranges or constants decide is not computed."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self._ids: dict[Op, int] = {}

    def emit(self, op: Op) -> int:
        if op.code in EFFECTS or op not in self._ids:
            self.ops.append(op)
            if op.code in EFFECTS:
                return len(self.ops) - 1
            self._ids[op] = len(self.ops) - 1
        return self._ids[op]

    def bounds(self, value: int) -> tuple[int, int]:
        op = self.ops[value]
        assert op.lo is not None
        assert op.hi is not None
        return op.lo, op.hi

    def constant(self, value: int) -> int:
        return self.emit(Op(Code.CONST, (), (), value, value))

    def known(self, value: int) -> int | None:
        """The value if it can only be one."""
        lo, hi = self.bounds(value)
        return lo if lo == hi else None

    def compute(self, code: Code, *args: int) -> int:
        ranges = [self.bounds(a) for a in args]
        stated = range_of(code, ranges)
        assert stated is not None
        simpler = self._simplify(code, args, ranges)
        if simpler is not None:
            return simpler
        if code in (Code.ADD, Code.MUL, Code.AND, Code.OR, Code.EQ):
            args = tuple(sorted(args))
        return self.emit(Op(code, args, (), *stated))

    def _simplify(self, code: Code, args: tuple[int, ...], ranges: list[tuple[int, int]]) -> int | None:
        constants = [self.known(a) for a in args]
        if code is Code.SELECT:
            if constants[0] is not None:
                return args[1] if constants[0] else args[2]
            return args[1] if args[1] == args[2] else None
        result = range_of(code, ranges)
        if result is not None and result[0] == result[1] and code is not Code.DIVMOD:
            return self.constant(result[0])
        if code is Code.NOT:
            if constants[0] is not None:
                return self.constant(1 - constants[0])
            inner = self.ops[args[0]]
            return inner.args[0] if inner.code is Code.NOT else None
        a, b = args
        if code is Code.ADD and 0 in constants:
            return a if constants[1] == 0 else b
        if code is Code.SUB and constants[1] == 0:
            return a
        if code is Code.MUL and 1 in constants:
            return a if constants[1] == 1 else b
        if code in (Code.AND, Code.OR):
            if a == b:
                return a
            for constant, other in ((constants[0], b), (constants[1], a)):
                if constant is not None:
                    absorbing = 0 if code is Code.AND else 1
                    return self.constant(absorbing) if constant == absorbing else other
        if code in (Code.EQ, Code.LT):
            (alo, ahi), (blo, bhi) = ranges
            if a == b:
                return self.constant(1 if code is Code.EQ else 0)
            if ahi < blo:
                return self.constant(0 if code is Code.EQ else 1)
            if (alo > bhi) or (code is Code.LT and alo >= bhi):
                return self.constant(0)
        return None

    def divide(self, a: int, b: int) -> int:
        """A DIVMOD; never simplified, so that a remainder can be taken of it."""
        stated = range_of(Code.DIVMOD, [self.bounds(a), self.bounds(b)])
        assert stated is not None
        return self.emit(Op(Code.DIVMOD, (a, b), (), *stated))

    def remainder(self, division: int) -> int:
        a, b = self.ops[division].args
        stated = range_of(Code.REMAINDER, [self.bounds(a), self.bounds(b)])
        assert stated is not None
        return self.emit(Op(Code.REMAINDER, (division,), (), *stated))

    def choose(self, cases: Sequence[tuple[int, int]], otherwise: int) -> int:
        """The value of the case whose condition holds (at most one does), else ``otherwise``."""
        grouped: dict[int, int] = {}
        for condition, value in cases:
            if value != otherwise:
                grouped[value] = (
                    self.compute(Code.OR, grouped[value], condition) if value in grouped else condition
                )
        for value, condition in grouped.items():
            otherwise = self.compute(Code.SELECT, condition, value, otherwise)
        return otherwise

    def choose_key(self, cases: Sequence[tuple[int, int]], otherwise: int) -> int:
        for condition, value in cases:
            if value != otherwise:
                otherwise = self.emit(Op(Code.SELECT, (condition, value, otherwise), (), 0, 0))
        return otherwise

    def any(self, conditions: Sequence[int]) -> int:
        result = self.constant(0)
        for condition in conditions:
            result = self.compute(Code.OR, result, condition)
        return result

    def demand(self, condition: int) -> None:
        if self.known(condition) != 1:
            self.emit(Op(Code.ASSERT, (condition,)))


@dataclass(eq=False)
class _Place:
    """One shared place of the slot program, and the effect that each kind puts there."""

    need: tuple[Any, ...]
    users: dict[int, Effect] = field(default_factory=dict)
    op: int = -1
    enabled: int = -1


def _need(effect: Effect) -> tuple[Any, ...]:
    if isinstance(effect, RangeEffect):
        return ("range", effect.node.lo, effect.node.hi)
    if isinstance(effect, OpenEffect):
        return ("open", effect.map)
    return ("authorize",)


_COSTS = {"range": 1, "authorize": 500, "open": 1000}


def _cost(need: tuple[Any, ...]) -> int:
    """What a place costs, roughly, in range checks."""
    return _COSTS[need[0]]


class _Merge:
    def __init__(
        self, transition: type[Transition], suites: tuple[str, ...], traces: list[KindTrace]
    ) -> None:
        self.transition = transition
        self.suites = suites
        self.traces = traces
        self.e = _Emitter()
        self.places: list[_Place] = []
        self.selectors: list[int] = []
        self.ok: list[int] = []
        # Per kind: the value that each symbolic node (by its id) stands for, and the place of each access.
        self.values: list[dict[int, int]] = [{} for _ in traces]
        self.opened: list[dict[OpenEffect, _Place]] = [{} for _ in traces]

    # -- the common sequence of places

    def _lay_out(self) -> None:
        """Align each kind's needs with the places so far, the kind with the dearest needs first."""
        needs = [
            [e for e in t.effects if isinstance(e, RangeEffect | OpenEffect | AuthorizeEffect)]
            for t in self.traces
        ]
        for k in sorted(range(len(needs)), key=lambda k: -sum(_cost(_need(e)) for e in needs[k])):
            self.places = self._aligned(k, needs[k])

    def _aligned(self, k: int, effects: list[Effect]) -> list[_Place]:
        """The cheapest supersequence of the places and of kind ``k``'s needs, which have a place each."""
        places = self.places
        # saved[i][j]: the cost that effects[i:] can share with places[j:].
        saved = [[0] * (len(places) + 1) for _ in range(len(effects) + 1)]
        for i in reversed(range(len(effects))):
            need = _need(effects[i])
            for j in reversed(range(len(places))):
                shared = saved[i + 1][j + 1] + _cost(need) if places[j].need == need else -1
                saved[i][j] = max(shared, saved[i + 1][j], saved[i][j + 1])
        merged: list[_Place] = []
        i = j = 0
        while i < len(effects) or j < len(places):
            if i < len(effects) and j < len(places) and places[j].need == _need(effects[i]):
                places[j].users[k] = effects[i]
                merged.append(places[j])
                i, j = i + 1, j + 1
            elif j < len(places) and saved[i][j] == saved[i][j + 1]:
                merged.append(places[j])
                j += 1
            else:
                merged.append(_Place(_need(effects[i]), {k: effects[i]}))
                i += 1
        return merged

    # -- a kind's expressions as operations

    def _word_offsets(self, kind: KindSpec) -> list[int]:
        offsets, position = [], 1
        for scalar in kind.scalars:
            offsets.append(position)
            position += (
                scalar.type.words if isinstance(scalar.type, IntType) else KEY_WORDS * len(self.suites)
            )
        return [*offsets, position]

    def _value(self, k: int, node: SymbolicInt | SymbolicKey) -> int:
        """The operation for a node of kind ``k``; nodes are walked without recursion, as they can be deep."""
        known = self.values[k]
        stack: list[Any] = [node]
        while stack:
            top = stack[-1]
            if id(top) in known:
                stack.pop()
                continue
            waiting = [a for a in top.args if id(a) not in known]
            if waiting and top.op != "range":
                stack += waiting
                continue
            known[id(top)] = self._operation(k, top)
            stack.pop()
        return known[id(node)]

    def _operation(self, k: int, node: Any) -> int:
        e, args = self.e, [self.values[k].get(id(a), -1) for a in node.args]
        if node.op == "const":
            return e.constant(node.lo)
        if node.op == "param":
            offset = self._word_offsets(self.traces[k].kind)[node.index[0]]
            words = [
                e.emit(Op(Code.PARAM, (), (offset + i,), 0, 2**32 - 1))
                for i in range(self._param_words(k, node))
            ]
            value = words[0]
            for word in words[1:]:
                value = e.compute(Code.ADD, e.compute(Code.MUL, value, e.constant(2**32)), word)
            return e.compute(Code.ADD, value, e.constant(node.lo))
        if node.op == "key_param":
            offset = self._word_offsets(self.traces[k].kind)[node.index[0]]
            return e.emit(Op(Code.KEY_PARAM, (), (offset,), 0, 0))
        if node.op == "cell":
            return self._cell(node.index[0])
        if node.op == "load":
            effect, position = node.index
            return self._load(self.opened[k][effect], position)
        if node.op == "remainder":
            return e.remainder(args[0])
        if node.op == "divmod":
            return e.divide(args[0], args[1])
        if node.op in ("min", "max"):
            less = e.compute(Code.LT, *args) if node.op == "min" else e.compute(Code.LT, args[1], args[0])
            return self._narrow(e.compute(Code.SELECT, less, args[0], args[1]), node.lo, node.hi)
        return e.compute(Code[node.op.upper()], *args)

    def _narrow(self, value: int, lo: int, hi: int) -> int:
        """A value that always lies within ``[lo, hi]``, with that range stated."""
        held = self.e.bounds(value)
        if lo <= held[0] and held[1] <= hi:
            return value
        return self.e.emit(Op(Code.RANGE, (value,), (), lo, hi))

    def _param_words(self, k: int, node: SymbolicInt) -> int:
        type_ = self.traces[k].kind.scalars[node.index[0]].type
        assert isinstance(type_, IntType)
        return type_.words

    def _cell(self, position: int) -> int:
        type_ = self.transition.cell_scalars[position].type
        bounds = (type_.lo, type_.hi) if isinstance(type_, IntType) else (0, 0)
        return self.e.emit(Op(Code.CELL, (), (position,), *bounds))

    def _load(self, place: _Place, position: int) -> int:
        type_ = self.transition.maps[place.need[1]].layout.scalars[position].type
        bounds = (type_.lo, type_.hi) if isinstance(type_, IntType) else (0, 0)
        return self.e.emit(Op(Code.LOAD, (place.op,), (position,), *bounds))

    # -- the places, one after another

    def _demand(self, k: int, condition: int) -> None:
        """A condition of kind ``k``: asserted under its selector, or counted into ``ok`` if it comes from
        L1.
        """
        if self.traces[k].kind.from_l1:
            self.ok[k] = self.e.compute(Code.AND, self.ok[k], condition)
        else:
            missed = self.e.compute(Code.NOT, self.selectors[k])
            self.e.demand(self.e.compute(Code.OR, missed, condition))

    def _emit_range(self, place: _Place) -> None:
        e, (_, lo, hi) = self.e, place.need
        cases = []
        for k, effect in place.users.items():
            assert isinstance(effect, RangeEffect)
            value = self._value(k, effect.node.args[0])
            if self.traces[k].kind.from_l1:
                fits = e.compute(
                    Code.AND,
                    e.compute(Code.NOT, e.compute(Code.LT, value, e.constant(lo))),
                    e.compute(Code.NOT, e.compute(Code.LT, e.constant(hi), value)),
                )
                self._demand(k, fits)
                value = e.compute(Code.SELECT, fits, value, e.constant(0))
            cases.append((self.selectors[k], value))
        place.op = e.emit(Op(Code.RANGE, (e.choose(cases, e.constant(0)),), (), lo, hi))
        for k, effect in place.users.items():
            assert isinstance(effect, RangeEffect)
            self.values[k][id(effect.node)] = place.op

    def _emit_open(self, place: _Place) -> None:
        e = self.e
        enabled, cases = [], []
        for k, effect in place.users.items():
            assert isinstance(effect, OpenEffect)
            index = self._value(k, effect.index)
            own = self.selectors[k]
            for earlier in self.opened[k]:
                if earlier.map == effect.map:
                    differs = e.compute(Code.NOT, e.compute(Code.EQ, index, self._value(k, earlier.index)))
                    self._demand(k, differs)
                    if self.traces[k].kind.from_l1:
                        own = e.compute(Code.AND, own, differs)
            enabled.append(own)
            cases.append((own, index))
        place.enabled = e.any(enabled)
        place.op = e.emit(Op(Code.OPEN, (place.enabled, e.choose(cases, e.constant(0))), (place.need[1],)))
        for k, effect in place.users.items():
            assert isinstance(effect, OpenEffect)
            self.opened[k][effect] = place

    def _emit_authorize(self, place: _Place) -> None:
        e = self.e
        keys, nonces, enabled = [], [], []
        for k, effect in place.users.items():
            assert isinstance(effect, AuthorizeEffect)
            enabled.append(self.selectors[k])
            keys.append((self.selectors[k], self._value(k, effect.key)))
            nonces.append((self.selectors[k], self._value(k, effect.nonce)))
        key = e.choose_key(keys[1:], keys[0][1])
        place.op = e.emit(Op(Code.AUTHORIZE, (e.any(enabled), key, e.choose(nonces, e.constant(0)))))

    # -- the whole

    def build(self) -> Program:
        e, transition = self.e, self.transition
        self._lay_out()
        kinds = [t.kind for t in self.traces]
        input_words = max(self._word_offsets(k)[-1] for k in kinds)
        number = e.emit(Op(Code.RANGE, (e.emit(Op(Code.PARAM, (), (0,), 0, 2**32 - 1)),), (), 0, len(kinds)))
        self.selectors = [e.compute(Code.EQ, number, e.constant(k.number)) for k in kinds]
        self.ok = [e.constant(1) for _ in kinds]
        self._constrain_unused_words(kinds, input_words)
        emitters: dict[str, Callable[[_Place], None]] = {
            "range": self._emit_range,
            "open": self._emit_open,
            "authorize": self._emit_authorize,
        }
        for place in self.places:
            emitters[place.need[0]](place)
        for k, kind_trace in enumerate(self.traces):
            for effect in kind_trace.effects:
                if isinstance(effect, RequireEffect):
                    self._demand(k, self._value(k, effect.condition))
        # From here on a from_l1 kind counts only if nothing of it failed.
        applied = [e.compute(Code.AND, s, ok) for s, ok in zip(self.selectors, self.ok, strict=True)]
        refusable = [k for k, kind in enumerate(kinds) if kind.from_l1 and e.known(self.ok[k]) != 1]
        output_words = 0
        if refusable:
            refused = [
                e.compute(Code.AND, self.selectors[k], e.compute(Code.NOT, self.ok[k])) for k in refusable
            ]
            self._output(e.any(refused), 0, 1)
            output_words = 1
        ports, output_words = self._stores(applied, output_words)
        messages, kind_messages, output_words = self._messages(applied, output_words)
        self._cell_stores(applied)
        opens = [p for p in self.places if p.need[0] == "open"]
        signatures = [p for p in self.places if p.need[0] == "authorize"]
        program = Program(
            name=transition.__name__,
            suites=self.suites,
            cells=tuple(_field(s.name, s.type) for s in transition.cell_scalars),
            maps=tuple(
                Map(m.name, m.depth, tuple(_field(s.name, s.type) for s in m.layout.scalars))
                for m in transition.maps
            ),
            kinds=(
                Kind("noop", False, (), (), (), ()),
                *(
                    Kind(
                        name=kind.name,
                        from_l1=kind.from_l1,
                        params=tuple(_field(s.name, s.type) for s in kind.scalars),
                        ports=tuple(i for i, p in enumerate(opens) if k in p.users),
                        authorizations=tuple(i for i, p in enumerate(signatures) if k in p.users),
                        messages=kind_messages[k],
                        operator_only=kind.rules.operator_only,
                        value_word=self._value_word(kind),
                    )
                    for k, kind in enumerate(kinds)
                ),
            ),
            input_words=input_words,
            output_words=output_words,
            ports=tuple(ports),
            authorizations=len(signatures),
            messages=tuple(messages),
            has_refused=bool(refusable),
            ops=tuple(e.ops),
        )
        return _without_dead_code(program)

    def _value_word(self, kind: KindSpec) -> int | None:
        if kind.rules.value is None:
            return None
        names = [s.name for s in kind.scalars]
        return self._word_offsets(kind)[names.index(kind.rules.value)]

    def _constrain_unused_words(self, kinds: list[KindSpec], input_words: int) -> None:
        """Words that the slot's kind does not use are 0, so that a transaction has one form."""
        e = self.e
        for word in range(1, input_words):
            using = [
                s for s, k in zip(self.selectors, kinds, strict=True) if word < self._word_offsets(k)[-1]
            ]
            value = e.emit(Op(Code.PARAM, (), (word,), 0, 2**32 - 1))
            surplus = e.compute(Code.SELECT, e.any(using), e.constant(0), value)
            e.emit(Op(Code.RANGE, (surplus,), (), 0, 0))

    def _output(self, value: int, lo: int, hi: int) -> None:
        self.e.emit(Op(Code.OUTPUT, (value,), (), lo, hi))

    def _stores(self, applied: list[int], output_words: int) -> tuple[list[Port], int]:
        """Store and output what the kinds wrote, port by port."""
        e, ports = self.e, []
        for place in self.places:
            if place.need[0] != "open":
                continue
            fields = self.transition.maps[place.need[1]].layout.scalars
            after: dict[int, int] = {}
            writers: list[int] = []
            for position, scalar in enumerate(fields):
                cases = []
                for k, effect in place.users.items():
                    assert isinstance(effect, OpenEffect)
                    if position in effect.storage.dirty:
                        cases.append((applied[k], self._value(k, effect.storage.values[position])))
                        if isinstance(scalar.type, IntType):
                            writers.append(applied[k])
                if cases:
                    choose = e.choose if isinstance(scalar.type, IntType) else e.choose_key
                    after[position] = choose(cases, self._load(place, position))
                    e.emit(Op(Code.STORE, (place.op, after[position]), (position,)))
            written = tuple(i for i in after if isinstance(fields[i].type, IntType))
            port = Port(place.need[1], written, len(written) < len(after), output_words if written else 0)
            ports.append(port)
            if not written:
                continue
            # A kind that only reads through this port, or a refused one, outputs zeros. Where every user
            # writes, a port that is not enabled has index 0 and loads zeros already.
            active = e.any(list(dict.fromkeys(writers)))
            zero = e.constant(0)
            masked = active != place.enabled
            outputs = [e.ops[place.op].args[1], *(after[i] for i in written)]
            types = [Field("index", 0, 2 ** self.transition.maps[port.map].depth - 1)]
            types += [_field(fields[i].name, fields[i].type) for i in written]
            for value, type_ in zip(outputs, types, strict=True):
                self._output(
                    e.compute(Code.SELECT, active, value, zero) if masked else value, type_.lo, type_.hi
                )
                output_words += type_.words
        return ports, output_words

    def _messages(
        self, applied: list[int], output_words: int
    ) -> tuple[list[MessagePlace], list[tuple[int, ...]], int]:
        """Place the kinds' messages: the n-th message of a type in one transaction shares a place."""
        e = self.e
        users: dict[tuple[type[Message], int], list[tuple[int, EmitEffect]]] = {}
        for k, kind_trace in enumerate(self.traces):
            count: dict[type[Message], int] = {}
            for effect in kind_trace.effects:
                if isinstance(effect, EmitEffect):
                    nth = count.get(effect.message, 0)
                    count[effect.message] = nth + 1
                    users.setdefault((effect.message, nth), []).append((k, effect))
        places = []
        for (message, _), emitted in users.items():
            fields = tuple(_field(s.name, s.type) for s in message._fields.scalars)
            places.append(MessagePlace(message.__name__, output_words, fields))
            self._output(e.any([applied[k] for k, _ in emitted]), 0, 1)
            output_words += 1
            for i, f in enumerate(fields):
                cases = [(applied[k], self._value(k, effect.values[i])) for k, effect in emitted]
                self._output(e.choose(cases, e.constant(0)), f.lo, f.hi)
                output_words += f.words
        order = {id(effect): i for i, emitted in enumerate(users.values()) for _, effect in emitted}
        by_kind = [tuple(order[id(e)] for e in t.effects if isinstance(e, EmitEffect)) for t in self.traces]
        return places, by_kind, output_words

    def _cell_stores(self, applied: list[int]) -> None:
        e = self.e
        for position, scalar in enumerate(self.transition.cell_scalars):
            cases = [
                (applied[k], self._value(k, t.cells[position]))
                for k, t in enumerate(self.traces)
                if position in t.cells
            ]
            if cases:
                choose = e.choose if isinstance(scalar.type, IntType) else e.choose_key
                e.emit(Op(Code.STORE_CELL, (choose(cases, self._cell(position)),), (position,)))


def _without_dead_code(program: Program) -> Program:
    """Drop the operations that no constraint, store or output depends on, and number the rest anew."""
    constraining = EFFECTS | {Code.RANGE}
    live: set[int] = set()
    for i in range(len(program.ops) - 1, -1, -1):
        op = program.ops[i]
        if i in live or op.code in constraining:
            live.add(i)
            live.update(op.args)
    order = {old: new for new, old in enumerate(sorted(live))}
    ops = tuple(
        Op(op.code, tuple(order[a] for a in op.args), op.index, op.lo, op.hi)
        for i, op in enumerate(program.ops)
        if i in live
    )
    return replace(program, ops=ops)
