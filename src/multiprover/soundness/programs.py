"""Random transitions as source text, and random transactions for them, by Hypothesis.

Source, so that the enclave can run it, a failing one can be read, and a minimal one kept as a regression.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from multiprover.lang.transition import Transition
from multiprover.lang.types import IntType, Key
from multiprover.ledger.batch import Transaction, sign
from multiprover.ledger.codec import encode_words
from multiprover.soundness.world import World
from multiprover.suites import Wallet

CLASS = "Random"
KEY_HEIGHT = 3
NONCES = 2**KEY_HEIGHT
MAX_WORD = 2**32 - 1

UNSIGNED = (1, 2, 3, 7, 8, 16, 31, 32, 33, 40, 63, 64)
SIGNED = (2, 3, 7, 8, 16, 31, 32, 33, 40, 63, 64)
DEPTHS = (1, 2, 3, 5)


@cache
def wallets(suites: tuple[str, ...]) -> tuple[Wallet, ...]:
    """Two signers. Their one-time keys sign for many domains here, so each signature comes from a fresh
    wallet: see :func:`signed`."""
    return tuple(Wallet.from_seed(bytes([n]) * 32, suites, height=KEY_HEIGHT) for n in (1, 2))


_names = itertools.count()


def load(source: str) -> type[Transition]:
    """The transition of a source text made here."""
    return load_class(source, CLASS)


def load_class(source: str, name: str) -> type[Transition]:
    """A transition of a source text."""
    module = types.ModuleType(f"multiprover_soundness_program_{next(_names)}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "source text", "exec", dont_inherit=True), module.__dict__)  # noqa: S102
        found: type[Transition] = module.__dict__[name]
    finally:
        del sys.modules[module.__name__]
    return found


# -- source


@st.composite
def int_types(draw: st.DrawFn) -> str:
    """The name of an integer type."""
    if draw(st.booleans()):
        return f"mp.u{draw(st.sampled_from(UNSIGNED))}"
    return f"mp.i{draw(st.sampled_from(SIGNED))}"


CONSTANTS = st.one_of(
    st.integers(-4, 4),
    st.sampled_from([2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -(2**31), -(2**32), -(2**63), 1000, -7]),
)

BINARY = (
    "({a} + {b})",
    "({a} - {b})",
    "({a} * {b})",
    "({a} // mp.max({b}, 1))",
    "({a} % mp.max({b}, 3))",
    "({a} // {k})",
    "({a} % {k})",
    "sum(mp.divmod({a}, mp.abs({b}) + 1))",
    "mp.min({a}, {b})",
    "mp.max({a}, {b})",
    "mp.select({c}, {a}, {b})",
    "mp.select({c}, {a}, {k})",
    "({c} + 0)",
)
UNARY = ("(-{a})", "mp.abs({a})", "mp.max(mp.min({a}, 99), -99)")
BOOLEAN = (
    "({a} < {b})",
    "({a} <= {b})",
    "({a} > {b})",
    "({a} >= {k})",
    "({a} == {b})",
    "({a} != {b})",
    "mp.negate({a} == {k})",
    "mp.all_of({a} >= 0, {b} < {k})",
    "mp.any_of({a} < {k}, {b} == 0)",
    "(({a} < {b}) & ({b} < {k}))",
    "(({a} < 5) | ({b} > {k}))",
)


@st.composite
def expressions(draw: st.DrawFn, names: Sequence[str], depth: int = 2) -> str:
    """An integer expression over variables."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([*names, *names, str(draw(CONSTANTS))]))
    inner = expressions(names, depth - 1)
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(UNARY)).format(a=draw(inner))
    return draw(st.sampled_from(BINARY)).format(
        a=draw(inner), b=draw(inner), c=draw(booleans(names)), k=draw(st.integers(1, 2**33))
    )


@st.composite
def booleans(draw: st.DrawFn, names: Sequence[str]) -> str:
    leaf = expressions(names, 0)
    return draw(st.sampled_from(BOOLEAN)).format(a=draw(leaf), b=draw(leaf), k=draw(st.integers(1, 2**33)))


@dataclass(frozen=True)
class _Map:
    """``fields`` and ``array`` with their types; ``length`` is the array's, 0: none."""

    name: str
    index: str
    record: str
    fields: tuple[str, ...]
    array: str
    length: int


@st.composite
def sources(draw: st.DrawFn) -> str:
    """The text of a module with one transition."""
    lines = ["from typing import Literal", "", "import multiprover as mp", "", ""]
    maps = []
    for n in range(draw(st.integers(1, 2))):
        fields = [draw(int_types()) for _ in range(draw(st.integers(1, 3)))]
        length, array = draw(st.sampled_from([0, 0, 2, 3])), draw(int_types())
        lines += [f"class R{n}(mp.Record):", "    key: mp.Key"]
        lines += [f"    f{i}: {t}" for i, t in enumerate(fields)]
        if length:
            lines.append(f"    a: mp.Array[{array}, Literal[{length}]]")
        lines += ["", ""]
        depth = draw(st.sampled_from(DEPTHS))
        maps.append(_Map(f"m{n}", f"mp.u{depth}", f"R{n}", tuple(fields), array, length))
    message = draw(st.booleans())
    if message:
        lines += [
            "class Note(mp.Message):",
            f"    x: {draw(int_types())}",
            f"    y: {draw(int_types())}",
            "",
            "",
        ]
    cells = [draw(int_types()) for _ in range(draw(st.integers(0, 2)))]
    key_cell = draw(st.booleans())
    lines.append(f"class {CLASS}(mp.Transition):")
    lines += [f"    {m.name}: mp.Map[{m.index}, {m.record}]" for m in maps]
    lines += [f"    c{i}: mp.Cell[{t}]" for i, t in enumerate(cells)]
    if key_cell:
        lines.append("    owner: mp.Cell[mp.Key]")
    for m in maps:
        given = [f"f{i}: {t}" for i, t in enumerate(m.fields)]
        given += [f"e: {m.array}"] if m.length else []
        lines += ["", "    @mp.from_l1()"]
        lines.append(f"    def enrol_{m.name}(self, i: {m.index}, key: mp.Key, {', '.join(given)}) -> None:")
        lines += [f"        r = self.{m.name}[i]", "        r.key = key"]
        lines += [f"        r.f{i} = f{i}" for i in range(len(m.fields))]
        lines += [f"        r.a[{i}] = e" for i in range(m.length)]
    if cells:
        given = [f"c{i}: {t}" for i, t in enumerate(cells)]
        lines += ["", "    @mp.from_l1()", f"    def start(self, {', '.join(given)}) -> None:"]
        lines += [f"        self.c{i} = c{i}" for i in range(len(cells))]
    if key_cell:
        lines += ["", "    @mp.from_l1(operator_only=True)", "    def own(self, key: mp.Key) -> None:"]
        lines.append("        self.owner = key")
    for k in range(draw(st.integers(1, 2))):
        lines += ["", *draw(_kinds(k, maps, len(cells), key_cell, message))]
    return "\n".join(lines) + "\n"


@st.composite
def _kinds(
    draw: st.DrawFn, number: int, maps: Sequence[_Map], cells: int, key_cell: bool, message: bool
) -> list[str]:
    signed = draw(st.booleans())
    used = [draw(st.sampled_from(maps)) for _ in range(draw(st.integers(1, 2)))]
    params = [f"p{i}" for i in range(draw(st.integers(1, 3)))]
    typed = [f"{p}: {draw(int_types())}" for p in params]
    typed += [f"i{n}: {m.index}" for n, m in enumerate(used)]
    pick = draw(st.booleans()) and any(m.length == 2 for m in used)
    if pick:
        typed.append("pick: mp.u1")
    if signed:
        typed.append("nonce: mp.u16")
    rekey = draw(st.integers(0, 3)) == 0
    if rekey:
        typed.append("fresh: mp.Key")
    lines = [
        "    @mp.transaction" if signed else "    @mp.from_l1()",
        f"    def kind{number}(self, {', '.join(typed)}) -> None:",
    ]
    body = [f"r{n} = self.{m.name}[i{n}]" for n, m in enumerate(used)]
    if signed:
        owner = "self.owner" if key_cell and draw(st.booleans()) else "r0.key"
        body.append(f"mp.authorize({owner}, nonce)")
    names = list(params)
    fields = [f"r{n}.f{f}" for n, m in enumerate(used) for f in range(len(m.fields))]
    places = [*fields, *[f"self.c{i}" for i in range(cells)]]
    for n, m in enumerate(used):
        if m.length:
            at = "pick" if pick and m.length == 2 else draw(st.integers(0, m.length - 1))
            places.append(f"r{n}.a[{at}]")
    names += places
    for v in range(draw(st.integers(1, 3))):
        body.append(f"v{v} = {draw(expressions(names))}")
        names.append(f"v{v}")
    for _ in range(draw(st.integers(0, 2))):
        body.append(f'mp.require({draw(booleans(names))}, "a requirement")')
    for place in draw(st.lists(st.sampled_from(places), min_size=1, max_size=3, unique=True)):
        body.append(f"{place} = {draw(st.sampled_from(names))}")
    if rekey:
        body.append("r0.key = fresh")
    if message and draw(st.booleans()):
        body.append(f"mp.emit(Note(x={draw(st.sampled_from(names))}, y={draw(st.sampled_from(names))}))")
    return [*lines, *(f"        {line}" for line in body)]


# -- transactions


def enrolment(world: World) -> list[Transaction]:
    """Keys and numbers for the first records of every map, for the cells and the owner: what the kinds of a
    random transition find before them.
    """
    key = Key(wallets(world.program.suites)[0].public_key.to_bytes(world.program.suites))
    made = []
    for spec in world.transition.kinds:
        if spec.name.startswith("kind"):
            continue
        for i in range(2 if spec.name.startswith("enrol_") else 1):
            flat: list[Any] = []
            for position, s in enumerate(spec.scalars):
                if not isinstance(s.type, IntType):
                    flat.append(key)
                elif s.name == "i":
                    flat.append(i)
                else:
                    lo, hi = s.type.lo, s.type.hi
                    flat.append([hi, lo, min(hi, 5), lo // 3, hi // 3][(i + position) % 5])
            made.append(_plain(world, spec.name, flat))
    return made


def _plain(world: World, kind: str, flat: Sequence[Any]) -> Transaction:
    return Transaction(encode_words(world.transition.kind(kind), flat, world.program.input_words))


@st.composite
def values(draw: st.DrawFn, of: IntType) -> int:
    """A value of a type, mostly small or at an edge."""
    near = [
        v
        for e in (of.lo, 0, of.hi, of.lo // 2, of.hi // 2)
        for v in range(e - 1, e + 2)
        if of.lo <= v <= of.hi
    ]
    small = st.integers(max(of.lo, -3), min(of.hi, 3))
    return draw(st.one_of(small, st.sampled_from(near), st.integers(of.lo, of.hi)))


@dataclass(frozen=True)
class Plan:
    """A transaction before it is signed.

    Attributes:
        words: the input words.
        signer: which wallet signs, or None.
        nonce: what it signs for.
        spoil: which byte of each suite's signature is changed, or None.
    """

    words: bytes
    signer: int | None
    nonce: int
    spoil: int | None = None


@st.composite
def plans(draw: st.DrawFn, world: World) -> Plan:
    """A transaction of a random kind, mostly well formed and rightly signed."""
    random = [k for k in world.transition.kinds if k.name.startswith("kind")]
    spec = draw(st.sampled_from([*random, *random, *world.transition.kinds]))
    flat: list[Any] = []
    nonce = 0
    keys = wallets(world.program.suites)
    for s in spec.scalars:
        if not isinstance(s.type, IntType):
            flat.append(Key(draw(st.sampled_from(keys)).public_key.to_bytes(world.program.suites)))
        elif s.name == "nonce":
            nonce = draw(st.integers(0, NONCES - 1))
            flat.append(nonce)
        elif s.name in {"i0", "i1", "i"}:
            flat.append(draw(st.integers(0, min(2, s.type.hi))))
        else:
            flat.append(draw(values(s.type)))
    words = bytearray(encode_words(spec, flat, world.program.input_words))
    if draw(st.integers(0, 11)) == 0:
        at = 4 * draw(st.integers(0, len(words) // 4 - 1))
        word = draw(st.one_of(st.integers(0, 20), st.just(MAX_WORD), st.integers(0, MAX_WORD)))
        words[at : at + 4] = word.to_bytes(4, "big")
    if spec.from_l1:
        return Plan(bytes(words), None, 0)
    signer = 0 if draw(st.integers(0, 9)) else 1
    return Plan(
        bytes(words), signer, nonce, draw(st.integers(0, 160)) if draw(st.integers(0, 11)) == 0 else None
    )


def signed(world: World, plan: Plan) -> Transaction:
    """The plan with its signatures."""
    transaction = Transaction(plan.words)
    kinds = world.program.kinds
    takes = len(kinds[transaction.kind].authorizations) if transaction.kind < len(kinds) else 0
    if plan.signer is None or not takes:  # the word of the kind may have been changed
        return transaction
    seed = bytes([plan.signer + 1]) * 32
    # A wallet of its own, since each signs once only for a nonce.
    wallet = Wallet.from_seed(seed, world.program.suites, height=KEY_HEIGHT)
    made = sign(transaction, world.domain, [(wallet, plan.nonce)])
    if plan.spoil is not None:
        # In every suite: a proof type checks its own suites' signatures only.
        made = Transaction(made.words, (tuple(_spoilt(part, plan.spoil) for part in made.signatures[0]),))
    return made


def _spoilt(signature: bytes, at: int) -> bytes:
    at %= len(signature)
    return signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
