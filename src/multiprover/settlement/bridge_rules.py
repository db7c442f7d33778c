"""What the contract ``Bridge`` must know of a transition: its kinds' rules, where withdrawals stand, and what
an account is worth to who leaves (``docs/settlement.md``).

The rules are a deployment's, read from the transition; of these, the program holds ``operator_only`` and
``value`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from multiprover.lang.exits import ExitTrace, trace_exit
from multiprover.lang.transition import KindSpec, Transition
from multiprover.lang.types import IntType, Scalar
from multiprover.lang.values import SymbolicInt
from multiprover.ledger.codec import key_parts, typed_ints
from multiprover.ledger.state import State
from multiprover.program import Field, Program
from multiprover.suites import KEY_WORDS

WITHDRAWAL: Final = "Withdrawal"
"""The message that the bridge pays."""

MAX_MESSAGES: Final = 4
MAX_EXITS: Final = 4
MAX_FORMULA: Final = 96
MAX_INTS: Final = 64
MAX_KEYS: Final = 8
MAX_MAPS: Final = 8

CONST, FIELD, CELL, ADD, SUB, MUL, DIV, REM, EQ, LT, SELECT, AND, OR, NOT = range(14)
"""Operations of an exit's formula, as ``Bridge`` numbers them."""

_SAME: Final = {"add": ADD, "sub": SUB, "mul": MUL, "divmod": DIV, "eq": EQ, "lt": LT, "select": SELECT,
                "and": AND, "or": OR, "not": NOT}  # fmt: skip


class RulesError(ValueError):
    """A transition that the bridge cannot serve; the message says what was expected and what came."""


@dataclass(frozen=True)
class KindInfo:
    """One kind of transaction, as L1 must know it. A ``…_word`` is a position in a slot's input words."""

    name: str
    words: int
    """Input words that it uses, the kind itself included: 1 + the words of its parameters."""
    from_l1: bool = False
    operator_only: bool = False
    value_word: int | None = None
    """First of the two words that must equal what is paid, in units of the asset."""
    asset_word: int | None = None
    """Which asset is paid; None: L1's coin."""
    registers_word: int | None = None
    """The account that it opens."""
    owner_word: int | None = None
    """The account whose owner alone may enqueue it."""


@dataclass(frozen=True)
class MessageInfo:
    """Where a withdrawal stands in a slot's output words; ``asset`` 0: always L1's coin."""

    presence: int
    recipient: int
    amount: int
    asset: int = 0


@dataclass(frozen=True)
class Layout:
    """What is opened of the state when users leave: which map holds the accounts, how many maps, and the
    integers (``…_wide``: bit i, integer i has two words) and keys of its records and of the cells.
    """

    accounts: int = 0
    maps: int = 0
    record_ints: int = 0
    record_wide: int = 0
    record_keys: int = 0
    cell_ints: int = 0
    cell_wide: int = 0
    cell_keys: int = 0


@dataclass(frozen=True)
class BridgeRules:
    """The rules of one transition.

    Attributes:
        kinds: in the program's order; the first is ``noop``.
        has_refused: whether output word 0 of a slot says that a transaction from L1 had no effect.
        messages: the places of withdrawals in a slot.
        exits: an asset, and the operation of ``formula`` whose value is an account's worth in it.
        formula: operations, one a word: ``code + a·2^8 + b·2^16 + c·2^24 + k·2^32``, ``k`` signed.
    """

    kinds: tuple[KindInfo, ...]
    has_refused: bool
    messages: tuple[MessageInfo, ...]
    layout: Layout = Layout()
    exits: tuple[tuple[int, int], ...] = ()
    formula: tuple[int, ...] = ()

    @classmethod
    def of(cls, transition: type[Transition], program: Program) -> BridgeRules:
        """The rules of ``transition``, whose program is ``program``.

        Raises:
            RulesError: a ``Withdrawal`` is not one that the bridge can pay, or an exit is too large.
            LanguageError: an exit does more than read one record and cells.
        """
        traces = [trace_exit(transition, spec) for spec in transition.exits]
        formula = _Formula(program, transition)
        exits = [(t.spec.asset, formula.add(t)) for t in traces]
        return cls(
            kinds=(
                KindInfo("noop", 1),
                *(_kind_info(k, len(program.suites)) for k in transition.kinds),
            ),
            has_refused=program.has_refused,
            messages=tuple(_messages(program)),
            layout=_layout(program, traces),
            exits=_at_most("exits", exits, MAX_EXITS),
            formula=_at_most("operations of all exits", formula.words(), MAX_FORMULA),
        )

    @property
    def from_l1(self) -> int:
        """Bit i: kind i comes from L1."""
        return sum(1 << i for i, kind in enumerate(self.kinds) if kind.from_l1)


@dataclass(frozen=True)
class SuiteOpening:
    """One suite's part of what a leaving account shows."""

    keys: list[bytes]
    siblings: list[bytes]
    cell_keys: list[bytes]
    map_roots: list[bytes]


@dataclass(frozen=True)
class EscapeOpening:
    """What ``Bridge.escape`` takes of a state: the integers of the account's record and of the cells, as they
    are encoded, and an opening for each suite.
    """

    record: list[int]
    cells: list[int]
    suites: list[SuiteOpening]


def escape_opening(rules: BridgeRules, state: State, account: int) -> EscapeOpening:
    """The opening of ``account`` in ``state``, which must be the last final one."""
    program, accounts = state.program, rules.layout.accounts
    opened, roots = state.opening(accounts, account), state.roots()
    fields = program.maps[accounts].fields
    return EscapeOpening(
        record=[v.encoded for v in typed_ints(fields, opened.values)],
        cells=[v.encoded for v in typed_ints(program.cells, state.cells)],
        suites=[
            SuiteOpening(
                keys=key_parts(fields, opened.values, s),
                siblings=[siblings[i : i + 32] for i in range(0, len(siblings), 32)],
                cell_keys=key_parts(program.cells, state.cells, s),
                map_roots=list(roots.maps[s]),
            )
            for s, siblings in enumerate(opened.siblings)
        ],
    )


def _at_most(what: str, found: Sequence[Any], most: int) -> tuple[Any, ...]:
    if len(found) > most:
        raise RulesError(f"{what}: expected at most {most}, got {len(found)}")
    return tuple(found)


def _kind_info(kind: KindSpec, suites: int) -> KindInfo:
    position, words = 1, {}
    for scalar in kind.scalars:
        words[scalar.name] = position
        position += _words(scalar, suites)
    rules = kind.rules

    def word(name: str | None) -> int | None:
        return words[name] if name is not None else None

    return KindInfo(
        name=kind.name,
        words=position,
        from_l1=kind.from_l1,
        operator_only=rules.operator_only,
        value_word=word(rules.value),
        asset_word=word(rules.asset),
        registers_word=word(rules.registers),
        owner_word=word(rules.owner),
    )


def _words(scalar: Scalar, suites: int) -> int:
    return scalar.type.words if isinstance(scalar.type, IntType) else KEY_WORDS * suites


def _messages(program: Program) -> list[MessageInfo]:
    places = []
    for message in program.messages:
        if message.name != WITHDRAWAL:
            continue
        offsets, position = {}, message.output_offset + 1
        for f in message.fields:
            offsets[f.name, f.lo, f.words] = position
            position += f.words
        try:
            recipient = [offsets[f"recipient[{i}]", 0, 1] for i in range(5)]
            amount = offsets["amount", 0, 2]
        except KeyError:
            raise RulesError(
                f"message {WITHDRAWAL}: expected recipient: mp.Address and amount of mp.u33 to mp.u64, "
                f"got {', '.join(f.name for f in message.fields)}"
            ) from None
        assets = [f for f in message.fields if f.name == "asset"]
        if assets and (assets[0].lo, assets[0].words) != (0, 1):
            raise RulesError(f"message {WITHDRAWAL}: expected an unsigned asset of one word, got {assets[0]}")
        places.append(
            MessageInfo(message.output_offset, recipient[0], amount, offsets["asset", 0, 1] if assets else 0)
        )
    return list(_at_most(f"places of {WITHDRAWAL} in a slot", places, MAX_MESSAGES))


def _layout(program: Program, traces: Sequence[ExitTrace]) -> Layout:
    if not traces:
        return Layout()
    maps = {t.map for t in traces}
    if len(maps) != 1:
        raise RulesError(f"exits: expected all to read records of one map, got {len(maps)} maps")
    (accounts,) = maps
    fields = program.maps[accounts].fields
    for what, held in (("record", fields), ("cells", program.cells)):
        _at_most(f"{what}: integers", [f for f in held if not f.key], MAX_INTS)
        _at_most(f"{what}: keys", [f for f in held if f.key], MAX_KEYS)
    _at_most("maps", program.maps, MAX_MAPS)
    return Layout(
        accounts=accounts,
        maps=len(program.maps),
        record_ints=sum(not f.key for f in fields),
        record_wide=_wide(fields),
        record_keys=sum(f.key for f in fields),
        cell_ints=sum(not f.key for f in program.cells),
        cell_wide=_wide(program.cells),
        cell_keys=sum(f.key for f in program.cells),
    )


def _wide(fields: Sequence[Field]) -> int:
    integers = [f for f in fields if not f.key]
    return sum(1 << i for i, f in enumerate(integers) if f.words == 2)


class _Formula:
    """The exits' expressions as one list of operations; equal ones are one."""

    def __init__(self, program: Program, transition: type[Transition]) -> None:
        self.program = program
        self.transition = transition
        self._ops: dict[tuple[int, int, int, int, int], int] = {}

    def words(self) -> list[int]:
        return [(code | a << 8 | b << 16 | c << 24 | k << 32) % 2**256 for code, a, b, c, k in self._ops]

    def add(self, trace: ExitTrace) -> int:
        """The operation whose value is the trace's. Nodes are walked without recursion: they can be deep."""
        known: dict[int, int] = {}
        stack: list[Any] = [trace.value]
        while stack:
            top = stack[-1]
            # A remainder is of its quotient's operands.
            args = top.args[0].args if top.op == "remainder" else top.args
            waiting = [a for a in args if id(a) not in known]
            if waiting and id(top) not in known:
                stack += waiting
                continue
            if id(top) not in known:
                known[id(top)] = self._operation(trace, top, [known[id(a)] for a in args])
            stack.pop()
        return known[id(trace.value)]

    def _op(self, code: int, a: int = 0, b: int = 0, c: int = 0, k: int = 0) -> int:
        position = self._ops.setdefault((code, a, b, c, k), len(self._ops))
        if position > 255:
            raise RulesError(f"operations of all exits: expected at most {MAX_FORMULA}, got more")
        return position

    def _operation(self, trace: ExitTrace, node: SymbolicInt, args: list[int]) -> int:
        if node.op == "const":
            return self._op(CONST, k=node.lo)
        if node.op == "load":
            return self._leaf(FIELD, self.program.maps[trace.map].fields, node.index[0])
        if node.op == "cell":
            return self._leaf(CELL, self.program.cells, node.index[0])
        if node.op == "remainder":
            return self._op(REM, *args)
        if node.op in ("min", "max"):
            a, b = args
            less = self._op(LT, a, b) if node.op == "min" else self._op(LT, b, a)
            return self._op(SELECT, less, a, b)
        if node.op in _SAME:
            return self._op(_SAME[node.op], *args)
        raise RulesError(f"{trace.spec.name}: an exit cannot compute with the account's number")

    def _leaf(self, code: int, fields: Sequence[Field], position: int) -> int:
        """An integer of the record or the cells: integers are numbered without the keys."""
        return self._op(code, sum(not f.key for f in fields[:position]), k=fields[position].lo)
