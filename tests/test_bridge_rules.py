"""What the bridge takes from a transition: rules, places of withdrawals, and exits as a formula."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from bridge_support import CONTRACTS, ESCAPE_WINDOW, GWEI, Batch, Contract, Purse, World, user
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

import multiprover as mp
from examples.perpetuals.perpetuals import Perpetuals
from examples.token.token import Token
from multiprover.lang.exits import exit_value, trace_exit
from multiprover.ledger.state import State
from multiprover.program import Program, trace
from multiprover.settlement.bridge_rules import BridgeRules, KindInfo, Layout, MessageInfo, RulesError
from multiprover.settlement.l1 import L1, open_l1

ONE = ("bn254",)


@cache
def chain() -> L1:
    return open_l1(None)


def rules(transition: type[mp.Transition], suites: tuple[str, ...] = ONE) -> BridgeRules:
    return BridgeRules.of(transition, trace(transition, suites))


def test_token() -> None:
    found = rules(Token)
    assert found.kinds == (
        KindInfo("noop", 1),
        KindInfo("register", 10, from_l1=True, registers_word=1),
        KindInfo("deposit", 4, from_l1=True, value_word=2),
        KindInfo("transfer", 6),
        KindInfo("withdraw", 10),
        KindInfo("force_withdraw", 9, from_l1=True, owner_word=1),
        KindInfo("rotate", 10),
    )
    program = trace(Token, ONE)
    offset = program.messages[0].output_offset
    assert found.messages == (MessageInfo(offset, offset + 1, offset + 6),)
    assert found.layout == Layout(0, 1, 3, 0b010, 1, 1, 0b1, 0)
    assert found.has_refused
    assert found.from_l1 == 0b100110
    assert found.exits == ((0, 0),)
    assert found.formula == (1 | 1 << 8,)  # the second integer of the record


def test_a_key_moves_the_words_behind_it() -> None:
    words = {k.name: k.words for k in rules(Token, ("bn254", "goldilocks")).kinds}
    assert (words["register"], words["rotate"], words["deposit"]) == (18, 18, 4)


def test_purse() -> None:
    found = rules(Purse)
    kinds = {k.name: k for k in found.kinds}
    assert kinds["deposit"] == KindInfo("deposit", 5, from_l1=True, value_word=3, asset_word=2)
    assert kinds["set_tax"] == KindInfo("set_tax", 2, from_l1=True, operator_only=True)
    (message,) = found.messages
    assert (message.recipient, message.amount, message.asset) == tuple(
        message.presence + n for n in (1, 6, 8)
    )
    assert [asset for asset, _ in found.exits] == [0, 1]


class Sampled(mp.Record):
    key: mp.Key
    a: mp.i64
    b: mp.u32
    c: mp.u1


class Sampler(mp.Transition):
    """Its exits use every operation that an exit can have."""

    samples: mp.Map[mp.u1, Sampled]
    other: mp.Map[mp.u2, Sampled]
    d: mp.Cell[mp.u32]
    held: mp.Cell[mp.Key]
    e: mp.Cell[mp.i40]

    @mp.from_l1(registers="account")
    def open(self, account: mp.u1, key: mp.Key) -> None:
        self.samples[account].key = key

    @mp.exit(asset=2)
    def first(self, account: mp.u1) -> int:
        s = self.samples[account]
        quotient, rest = mp.divmod(s.a, mp.max(s.b, 1))
        low = mp.min(quotient, self.e) * 3 - rest
        chosen = mp.select(mp.all_of(s.c == 1, mp.any_of(s.a < self.d, mp.negate(s.b == 7))), low, abs(s.a))
        return chosen + 10**18 // mp.max(self.d, 3)

    @mp.exit(asset=1)
    def second(self, account: mp.u1) -> int:
        s = self.samples[account]
        return s.a % mp.max(self.d, 1) + mp.select(s.c == 0, 5, 1)


def random_state(program: Program, rng: random.Random) -> State:
    """A state with one record at the borders as often as not."""

    def pick(lo: int, hi: int) -> int:
        return rng.choice(
            [lo, hi, 0, 7 if hi > 7 else 1, rng.randint(lo, hi), rng.randint(max(lo, -20), min(hi, 20))]
        )

    state = State(program)
    fields = program.maps[0].fields
    state.write(0, 1, [mp.Key(rng.randbytes(32)) if f.key else pick(f.lo, f.hi) for f in fields])
    state.cells = [mp.Key(rng.randbytes(32)) if f.key else pick(f.lo, f.hi) for f in program.cells]
    return state


def test_l1_computes_what_python_does() -> None:
    """In states at random, L1 pays what the transition's Python says."""
    rng = random.Random("bridge")  # noqa: S311
    tokens = [Contract(chain(), "TestToken", encode(["uint8"], [0]), CONTRACTS) for _ in range(2)]
    for _ in range(10):
        world = World(
            chain(), transition=Sampler, suites=ONE, slots=2, tokens=[(t.address, 1, 1) for t in tokens]
        )
        bridge, one = to_checksum_address(world.bridge.address), user(chain())
        opening = world.words("open", account=1, key=mp.Key(bytes(32)))
        world.enqueue(one, opening)
        world.prove_owner(world.settle(), 0)
        state = random_state(world.program, rng)
        last = Batch(world.head, b"last", [], [], 1, state)
        world.stub.send(world.caller, "post", last.claim, 1)
        world.finalise(last)
        index = world.enqueue(one, opening)
        chain().advance_time(ESCAPE_WINDOW)
        world.halt(index)
        for token in tokens:
            token.send(world.caller, "mint", bridge, 2**200)
        world.escape(last, 1)
        for spec in Sampler.exits:
            assert tokens[spec.asset - 1].read("balanceOf", one.address) == exit_value(
                Sampler, spec, state, 1
            )


def evaluate(formula: tuple[int, ...], record: list[int], cells: list[int]) -> list[int]:
    """The formula's values, by the definition of its operations in ``contracts/Bridge.vy``."""
    values: list[int] = []
    for word in formula:
        code, a, b, c = (word >> shift & 255 for shift in (0, 8, 16, 24))
        k = (word >> 32) - (1 << 224 if word >> 255 else 0)
        match code:
            case 0:
                values.append(k)
            case 1:
                values.append(record[a] + k)
            case 2:
                values.append(cells[a] + k)
            case 10:
                values.append(values[b] if values[a] else values[c])
            case 13:
                values.append(1 - values[a])
            case _:
                x, y = values[a], values[b]
                values.append(
                    {3: x + y, 4: x - y, 5: x * y, 6: x // (y or 1), 7: x % (y or 1), 8: int(x == y),
                     9: int(x < y), 11: x & y, 12: x | y}[code]
                )  # fmt: skip
    return values


@pytest.mark.parametrize("transition", [Token, Perpetuals, Purse, Sampler])
def test_the_formula_is_the_exit(transition: type[mp.Transition]) -> None:
    rng = random.Random(3)  # noqa: S311
    found, program = rules(transition), trace(transition, ONE)
    used = {word & 255 for word in found.formula}
    assert transition is not Sampler or used == set(range(14))

    for _ in range(300):
        state = random_state(program, rng)
        record = state.read_record(0, 1)
        ints = [v - f.lo for f, v in zip(program.maps[0].fields, record, strict=True) if not f.key]
        cells = [v - f.lo for f, v in zip(program.cells, state.cells, strict=True) if not f.key]
        values = evaluate(found.formula, ints, cells)
        for spec, (asset, result) in zip(transition.exits, found.exits, strict=True):
            assert spec.asset == asset
            assert max(values[result], 0) == exit_value(transition, spec, state, 1)


# -- what is refused


def declared(body: Any = None, **members: Any) -> type[mp.Transition]:
    """A transition with a map, a cell, and an exit of ``body``."""

    @mp.from_l1()
    def open(self: Any, account: mp.u4) -> None:
        self.accounts[account].a = 1

    hints = {"accounts": mp.Map[mp.u4, Sampled], "second": mp.Map[mp.u4, Sampled], "d": mp.Cell[mp.u32]}
    namespace = {"__annotations__": hints, "open": open, **members}
    if body is not None:
        namespace["leave"] = mp.exit(body)
    return type("Made", (mp.Transition,), namespace)


def twice(self: Any, account: mp.u4) -> int:
    return self.accounts[account].a + self.second[account].a  # type: ignore[no-any-return]


def another(self: Any, account: mp.u4) -> int:
    return self.accounts[account + 1].a  # type: ignore[no-any-return]


def writes(self: Any, account: mp.u4) -> int:
    self.accounts[account].a = 3
    return 1


def writes_cell(self: Any, account: mp.u4) -> int:
    self.d = self.accounts[account].a
    return 1


def requires(self: Any, account: mp.u4) -> int:
    mp.require(self.accounts[account].c == 1, "c")
    return 1


def authorizes(self: Any, account: mp.u4) -> int:
    mp.authorize(self.accounts[account].key, 0)
    return 1


def reads_nothing(self: Any, account: mp.u4) -> int:  # noqa: ARG001
    return 1


def branches(self: Any, account: mp.u4) -> int:
    return 1 if self.accounts[account].c else 0


def key(self: Any, account: mp.u4) -> int:
    return self.accounts[account].key  # type: ignore[no-any-return]


def too_wide(self: Any, account: mp.u8) -> int:
    return self.accounts[account].a  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (twice, mp.AccessError, "opens one record"),
        (another, mp.AccessError, "at the account's number"),
        (writes, mp.AccessError, "only reads: it cannot assign"),
        (writes_cell, mp.AccessError, "only reads: it cannot assign"),
        (requires, mp.AccessError, "cannot require"),
        (authorizes, mp.AccessError, "cannot authorize"),
        (reads_nothing, mp.DeclarationError, "does not read the account's record"),
        (branches, mp.SymbolicBranchError, "known only when"),
        (key, mp.OperandError, "expected an integer"),
        (too_wide, mp.DeclarationError, "accounts are numbered by u8"),
    ],
)
def test_exits_that_are_none(body: Any, error: type[Exception], message: str) -> None:
    transition = declared(body)
    with pytest.raises(error, match=message):
        trace_exit(transition, transition.exits[0])


def test_exit_declarations() -> None:
    def two(self: Any, account: mp.u4, d: mp.u4) -> int:
        return self.accounts[account].a + d  # type: ignore[no-any-return]

    def signed(self: Any, account: mp.i4) -> int:
        return self.accounts[account].a  # type: ignore[no-any-return]

    for body in (two, signed):
        with pytest.raises(mp.DeclarationError, match="takes the number of an account"):
            declared(body)
    with pytest.raises(mp.DeclarationError, match="an asset is 0 to"):
        declared(leave=mp.exit(asset=-1)(branches))
    with pytest.raises(mp.DeclarationError, match="two exits of one asset"):
        declared(one=mp.exit(branches), two=mp.exit(asset=0)(reads_nothing))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"value": "small"}, "value='small' must name a parameter of type mp.u64"),
        ({"value": "none"}, "value='none' must name"),
        ({"asset": "account"}, "asset= says what is paid"),
        ({"value": "amount", "asset": "amount"}, "asset='amount' must name an unsigned parameter"),
        ({"registers": "amount"}, "registers='amount' must name an unsigned parameter"),
        ({"owner": "signed"}, "owner='signed' must name an unsigned parameter"),
        ({"owner": "key"}, "owner='key' must name"),
        ({"owner": "account", "registers": "account"}, "registers= or owner=, not both"),
    ],
)
def test_rules_that_are_none(rule: dict[str, str], message: str) -> None:
    def kind(self: Any, account: mp.u4, small: mp.u32, signed: mp.i8, amount: mp.u64, key: mp.Key) -> None:
        self.d = small
        del account, signed, amount, key

    with pytest.raises(mp.DeclarationError, match=message):
        declared(kind=mp.from_l1(**rule)(kind))


def test_a_withdrawal_that_cannot_be_paid() -> None:
    for hints, message in [
        ({"recipient": mp.u64, "amount": mp.u64}, "expected recipient: mp.Address"),
        ({"recipient": mp.Address, "amount": mp.u32}, "expected recipient: mp.Address"),
        ({"recipient": mp.Address, "amount": mp.u64, "asset": mp.u64}, "an unsigned asset of one word"),
    ]:
        withdrawal = type("Withdrawal", (mp.Message,), {"__annotations__": hints})

        def pay(self: Any, account: mp.u4, withdrawal: Any = withdrawal, hints: Any = hints) -> None:
            mp.authorize(self.accounts[account].key, 0)
            to = [0] * 5 if hints["recipient"] is mp.Address else 0
            mp.emit(withdrawal(**{n: to if n == "recipient" else 1 for n in hints}))

        made = declared(pay=mp.transaction(lambda_kind(pay)))
        with pytest.raises(RulesError, match=message):
            rules(made)


def lambda_kind(run: Any) -> Any:
    """A kind of one parameter that does what ``run`` does."""

    def pay(self: Any, account: mp.u4) -> None:
        run(self, account)

    return pay


def test_mixins_follow_the_own_kinds_and_can_be_overridden() -> None:
    assert [k.name for k in Token.kinds][-1] == "rotate"

    class Own(mp.KeyRotation, mp.Transition):
        accounts: mp.Map[mp.u4, Sampled]

        @mp.transaction
        def rotate(self, account: mp.u4) -> None:  # type: ignore[override]
            mp.authorize(self.accounts[account].key, 0)

    assert [len(k.params) for k in Own.kinds] == [1]


@pytest.mark.parametrize("suites", [("bn254", "goldilocks"), ("bn254", "goldilocks", "koalabear")])
def test_an_account_leaves_with_its_equity(suites: tuple[str, ...]) -> None:
    """The perpetuals exchange at depth 20 in every suite, in one transaction that L1 takes."""
    world = World(chain(), transition=Perpetuals, slots=2, suites=suites)
    one = user(chain())
    world.register(one, 5)
    world.prove_owner(world.settle(), 0)
    world.enqueue(one, world.words("deposit", account=5, amount=10**6))
    world.settle()
    state = world.state.copy()
    names = [f.name for f in world.program.maps[0].fields]
    values = dict(zip(names, state.read_record(0, 5), strict=True))
    values |= {"positions[0].size": 3, "positions[0].funding": -2, "collateral": 10**6 - 3 * 1000}
    state.write(0, 5, list(values.values()))
    cells = [f.name for f in world.program.cells]
    state.cells = list(state.cells)
    state.cells[cells.index("markets[0].price")] = 1100
    state.cells[cells.index("markets[0].funding")] = 5
    last = Batch(world.head, b"last", [], [], world.taken, state)
    world.stub.send(world.caller, "post", last.claim, world.taken)
    world.finalise(last)
    index = world.register(one, 6)
    chain().advance_time(ESCAPE_WINDOW)
    world.halt(index)
    world.bridge.send(world.caller, "fund", value=10**15)
    worth = exit_value(Perpetuals, Perpetuals.exits[0], state, 5)
    assert worth == 10**6 + 300 - 21
    before = world.balance(one.address)
    mined = world.escape(last, 5)
    assert world.balance(one.address) == before + worth * GWEI
    assert mined.gas_used < 2_000_000 * len(suites)
