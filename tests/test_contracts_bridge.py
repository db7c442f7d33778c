"""Bridge: what it takes in, whom it pays, and what it refuses."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from bridge_support import (
    CONTRACTS,
    DAY,
    ESCAPE_WINDOW,
    GWEI,
    RATE,
    TIMELOCK,
    UNIT,
    Batch,
    Contract,
    World,
    address_words,
    user,
)
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

import multiprover as mp
from examples.token.token import Token
from multiprover.settlement.contracts import CODE_SIZE_LIMIT, artifact
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1

REFUSES, BURNS, REENTERS = 1, 2, 3
FEE, LIES, HALF_LIES, REVERTS, TOKEN_REENTERS, TOKEN_BURNS, PHANTOM, DENIES, FORGETS, SHOUTS = range(1, 11)
BILLION = 10**9


@cache
def chain() -> L1:
    return open_l1(None)


@pytest.fixture
def world() -> World:
    return World(chain())


def token(decimals: int = 18) -> Contract:
    return Contract(chain(), "TestToken", encode(["uint8"], [decimals]), CONTRACTS)


def with_token(gold: Contract, unit: int = UNIT, **settings: Any) -> World:
    return World(chain(), tokens=[(gold.address, unit, RATE)], **settings)


def refused(reason: str) -> Any:
    return pytest.raises(RefusedError, match=f"^{reason}(:|$)")


def opened(world: World, *accounts: int) -> tuple[LocalAccount, Batch]:
    """A user who owns these accounts, as a final batch says, and L1 knows."""
    one = user(world.l1)
    for account in accounts:
        world.register(one, account)
    batch = world.settle()
    for slot in range(len(accounts)):
        world.prove_owner(batch, slot)
    return one, batch


def deposit(world: World, sender: LocalAccount, account: int, amount: int, asset: int = 0) -> int:
    return world.enqueue(sender, world.words("deposit", account=account, asset=asset, amount=amount))


def force(
    world: World, sender: LocalAccount, amount: int, to: str | bytes, account: int = 3, asset: int = 0
) -> int:
    words = world.words("force", account=account, asset=asset, amount=amount, recipient=address_words(to))
    return world.enqueue(sender, words)


def paying(world: World, amount: int, to: str | bytes, asset: int = 0) -> Batch:
    """A posted batch whose first slot withdraws; account 3 holds as much in coin, and gold if there is."""
    one, _ = opened(world, 3)
    if asset:
        buy(world, one, amount)
    else:
        deposit(world, one, 3, amount)
    world.settle()
    force(world, one, amount, to, asset=asset)
    return world.batch()


def buy(world: World, sender: LocalAccount, amount: int) -> None:
    gold = Gold(world)
    gold.send(sender, "mint", sender.address, amount * UNIT)
    gold.send(sender, "approve", to_checksum_address(world.bridge.address), amount * UNIT)
    deposit(world, sender, 3, amount, asset=1)


class Gold(Contract):
    """The token that a world has as asset 1."""

    def __init__(self, world: World) -> None:
        self.l1 = world.l1
        self.artifact = artifact("TestToken", CONTRACTS)
        self.address = world.tokens[0][0]
        self._contract = world.l1.web3.eth.contract(
            address=to_checksum_address(self.address), abi=self.artifact.abi
        )


def test_size() -> None:
    assert artifact("Bridge").runtime_bytes <= CODE_SIZE_LIMIT


# -- queue


def test_enqueue(world: World) -> None:
    one = user(world.l1)
    world.register(one, 3)
    deposit(world, one, 3, 77)
    assert world.held() == 77 * GWEI
    chained = bytes(32)
    for i, (origin, words) in enumerate(world.queue):
        assert world.bridge.read("queue_hash", i) == chained
        entry = keccak(origin + keccak(words))
        assert world.bridge.read("is_queued", i, entry)
        assert not world.bridge.read("is_queued", 1 - i, entry)
        chained = keccak(chained + entry)
    assert world.bridge.read("queue_hash", 2) == chained
    assert world.bridge.read("queue_length") == 2
    assert not world.bridge.read("is_queued", 2, bytes(32))


def test_enqueue_refusals(world: World) -> None:
    one = user(world.l1)
    words = world.words("deposit", account=3, asset=0, amount=77)
    size = len(words)
    tax = world.words("set_tax", tax=1)
    for reason, data, value in [
        ("enqueue: length", words[:-4], 0),
        ("enqueue: kind", (9).to_bytes(4, "big") + words[4:], 0),
        ("enqueue: kind not from L1", bytes(size), 0),
        ("enqueue: kind not from L1", world.words("nothing", account=1), 0),
        ("enqueue: not the operator", tax, 0),
        ("enqueue: unused word", words[:-1] + b"\1", 77 * GWEI),
        ("enqueue: value", words, 77 * GWEI - 1),
        ("enqueue: value", words, 78 * GWEI),
        ("enqueue: value", world.words("register", account=1, key=mp.Key(bytes(64))), 1),
        ("enqueue: asset", world.words("deposit", account=3, asset=1, amount=1), 0),
    ]:
        with refused(reason):
            world.enqueue(one, data, value)
    world.enqueue(world.operator, tax)
    force_words = world.words("force", account=3, asset=0, amount=1, recipient=address_words(one.address))
    with refused("enqueue: not the owner"):
        world.enqueue(one, force_words)


def test_the_owner_alone_forces(world: World) -> None:
    one, _ = opened(world, 3)
    other = user(world.l1)
    force(world, one, 1, one.address)
    for sender, account in ((other, 3), (one, 4), (world.operator, 3)):
        with refused("enqueue: not the owner"):
            force(world, sender, 1, sender.address, account=account)


def test_tokens_come_in_whole() -> None:
    gold, one = token(), user(chain())
    world = with_token(gold)
    bridge = to_checksum_address(world.bridge.address)
    gold.send(one, "mint", one.address, 10 * UNIT)
    with pytest.raises(RefusedError):  # nothing is approved
        deposit(world, one, 3, 7, asset=1)
    gold.send(one, "approve", bridge, 7 * UNIT - 1)
    with pytest.raises(RefusedError):
        deposit(world, one, 3, 7, asset=1)
    gold.send(one, "approve", bridge, 10 * UNIT)
    deposit(world, one, 3, 7, asset=1)
    assert gold.read("balanceOf", bridge) == 7 * UNIT
    assert gold.read("allowance", one.address, bridge) == 3 * UNIT
    with refused("enqueue: value"):
        world.enqueue(one, world.words("deposit", account=3, asset=1, amount=1), value=GWEI)
    for mode, reason in ((FEE, "token amount"), (LIES, "token"), (PHANTOM, "token amount")):
        gold.send(one, "behave", mode, bridge, b"")
        with refused(f"enqueue: {reason}"):
            deposit(world, one, 3, 3, asset=1)
    with refused("enqueue: asset"):
        deposit(world, one, 3, 1, asset=2)
    assert gold.read("balanceOf", bridge) == 7 * UNIT


def test_a_token_that_calls_back() -> None:
    gold, one = token(), user(chain())
    world = with_token(gold)
    bridge = to_checksum_address(world.bridge.address)
    gold.send(one, "mint", one.address, 10 * UNIT)
    gold.send(one, "approve", bridge, 10 * UNIT)
    words = world.words("deposit", account=3, asset=1, amount=5)
    gold.send(one, "behave", TOKEN_REENTERS, bridge, world.bridge.data("enqueue", words))
    deposit(world, one, 3, 5, asset=1)
    assert gold.read("entered") is False
    assert world.bridge.read("queue_length") == 1
    assert gold.read("balanceOf", bridge) == 5 * UNIT


def test_a_token_that_says_nothing() -> None:
    silent, one = Contract(chain(), "SilentToken", folder=CONTRACTS), user(chain())
    world = World(chain(), tokens=[(silent.address, 1, RATE)])  # 6 decimals: the base unit is the unit
    silent.send(one, "mint", one.address, 100)
    silent.send(one, "approve", to_checksum_address(world.bridge.address), 100)
    world.register(one, 3)
    deposit(world, one, 3, 20, asset=1)
    world.prove_owner(world.settle(), 0)
    force(world, one, 20, one.address, asset=1)
    world.withdraw(world.settle())
    assert silent.read("balanceOf", one.address) == 100


# -- owners and refunds


def test_owner(world: World) -> None:
    one, two = user(world.l1), user(world.l1)
    world.register(one, 3)
    world.register(two, 3)
    deposit(world, two, 5, 9)
    batch = world.batch()
    with refused("entry: not final"):
        world.prove_owner(batch, 0)
    world.finalise(batch, 1)
    with refused("entry: not final"):
        world.prove_owner(batch, 0)
    world.finalise(batch)
    for reason, slot, origin in [
        ("owner: refused", 1, batch.origins[1]),
        ("owner: kind", 2, batch.origins[2]),
        ("entry: origin", 0, batch.origins[1]),
        ("entry: origin", 1, batch.origins[0]),
        ("entry: journal", 3, batch.origins[0]),
    ]:
        with refused(reason):
            world.prove_owner(batch, slot, origin)
    with refused("entry: journal"):
        world.bridge.send(one, "prove_owner", batch.parent, batch.journal[:-4], 0, batch.origins[0])
    world.prove_owner(batch, 0)
    assert world.bridge.read("owner", 3) == one.address
    with refused("owner: known"):
        world.prove_owner(batch, 0)
    own = world.settle([world.words("nothing", account=3)])
    with refused("entry: not from L1"):
        world.prove_owner(own, 0, batch.origins[0])


def test_refund(world: World) -> None:
    one, two = user(world.l1), user(world.l1)
    world.register(one, 3)
    world.register(two, 3)
    deposit(world, two, 4, 20)
    deposit(world, one, 3, 10)
    deposit(world, two, 4, 0)
    batch, other = world.settle(), world.settle()
    before = world.balance(two.address)
    for reason, found, slot, origin in [
        ("refund: not refused", batch, 0, batch.origins[0]),
        ("refund: nothing paid", batch, 1, batch.origins[1]),
        ("entry: origin", batch, 2, batch.origins[1]),
        ("refund: not refused", other, 0, other.origins[0]),
        ("refund: nothing paid", other, 1, other.origins[1]),
    ]:
        with refused(reason):
            world.refund(found, slot, origin)
    world.refund(batch, 2)
    assert world.balance(two.address) == before + 20 * GWEI
    assert world.held() == 10 * GWEI
    with refused("refund: done"):
        world.refund(batch, 2)


def test_equal_entries_are_refunded_once_each(world: World) -> None:
    """Two equal entries of one block: only the place in the queue tells them apart."""
    one, twice = user(world.l1), Contract(chain(), "Twice", folder=CONTRACTS)
    rich = chain().dev_accounts()[5]
    world.register(one, 3)
    words = world.words("deposit", account=4, asset=0, amount=5)
    mined = twice.send(
        rich, "twice", to_checksum_address(world.bridge.address),
        world.bridge.data("enqueue", words), value=10 * GWEI,
    )  # fmt: skip
    world.note(mined, words, twice.address)
    world.note(mined, words, twice.address)
    first = world.batch(entries=2)
    second = world.batch(entries=1)
    assert first.origins[1] == second.origins[0]
    world.finalise(first)
    world.refund(first, 1)
    with refused("refund: done"):
        world.refund(first, 1)
    world.finalise(second)
    world.refund(second, 0)
    assert world.held() == 0


# -- withdrawals


def test_withdrawal_by_tier(world: World) -> None:
    to = b"\x91" * 20
    batch = paying(world, 100, to)
    with refused("withdraw: not final"):
        world.withdraw(batch)
    world.finalise(batch, 0)
    world.withdraw(batch)
    assert world.balance(to) == 100 * GWEI
    assert world.bridge.read("is_paid", batch.claim, 0, 0)
    assert world.bridge.read("early_total") == world.bridge.read("early", batch.claim) == 100
    with refused("withdraw: paid"):
        world.withdraw(batch)
    with refused("absorb: not final"):
        world.bridge.send(world.caller, "absorb", batch.claim)
    world.finalise(batch)
    world.bridge.send(world.caller, "absorb", batch.claim)
    assert world.bridge.read("early_total") == world.bridge.read("early", batch.claim) == 0
    for reason, arguments in [
        ("withdraw: nothing", (batch.journal, 1, 0)),
        ("withdraw: journal", (batch.journal, 3, 0)),
        ("withdraw: journal", (batch.journal[:-4], 0, 0)),
        ("withdraw: place", (batch.journal, 0, 1)),
    ]:
        with refused(reason):
            world.bridge.send(world.caller, "withdraw", batch.parent, *arguments)
    lie = bytearray(batch.journal)
    lie[-40] ^= 1
    with refused("withdraw: (not final|nothing)"):
        world.bridge.send(world.caller, "withdraw", batch.parent, bytes(lie), 0, 0)


@pytest.mark.parametrize(("amount", "tier"), [(101, 1), (10_000, 1), (10_001, 2)])
def test_more_needs_a_higher_tier(world: World, amount: int, tier: int) -> None:
    to = keccak(amount.to_bytes(8, "big"))[:20]
    batch = paying(world, amount, to)
    world.finalise(batch, tier - 1)
    with refused("withdraw: not final"):
        world.withdraw(batch)
    world.finalise(batch, tier)
    world.withdraw(batch)
    assert world.balance(to) == amount * GWEI
    assert world.bridge.read("early_total") == (amount if tier < 2 else 0)


def test_a_token_is_valued_for_its_tier() -> None:
    world = with_token(token())
    to = b"\x92" * 20
    batch = paying(world, 21, to, asset=1)  # 105 gwei
    world.finalise(batch, 0)
    with refused("withdraw: not final"):
        world.withdraw(batch)
    world.finalise(batch, 1)
    world.withdraw(batch)
    assert Gold(world).read("balanceOf", to_checksum_address(to)) == 21 * UNIT
    assert world.bridge.read("early_total") == 105


def test_a_rate_lapses_for_the_lower_tiers() -> None:
    world = with_token(token())
    batch = paying(world, 21, b"\x92" * 20, asset=1)
    world.finalise(batch, 1)
    chain().advance_time(365 * DAY + 60)
    with refused("withdraw: rate lapsed"):
        world.withdraw(batch)
    # The same rate, listed again, is one of today.
    again = (1, *world.bridge.read("asset", 1))
    world.bridge.send(world.operator, "schedule_asset", *again)
    chain().advance_time(TIMELOCK)
    checkpoint = chain().snapshot()
    world.bridge.send(world.caller, "list_asset", *again)
    world.withdraw(batch)
    # What is final at the top needs no rate.
    chain().revert(checkpoint)
    world.finalise(batch)
    world.withdraw(batch)


def test_rate_limits(world: World) -> None:
    """Of the lowest tier, 200 gwei a day: at most two days' worth flows in one, and nothing is lost."""
    one, _ = opened(world, 3)
    deposit(world, one, 3, 1000)
    world.settle()
    for _ in range(3):
        force(world, one, 100, b"\x93" * 20)
    batch = world.settle(tier=0)
    world.withdraw(batch, 0)
    world.withdraw(batch, 1)
    with refused("withdraw: wait"):
        world.withdraw(batch, 2)
    chain().advance_time(DAY // 2 - 60)
    with refused("withdraw: wait"):
        world.withdraw(batch, 2)
    chain().advance_time(60)
    world.withdraw(batch, 2)
    # What is final at the top waits for no lower tier.
    for _ in range(3):
        force(world, one, 100, b"\x93" * 20)
    batch = world.settle(tier=0)
    with refused("withdraw: wait"):
        world.withdraw(batch, 0)
    world.finalise(batch)
    for slot in range(3):
        world.withdraw(batch, slot)


def test_a_full_limit_pays_any_amount() -> None:
    world = World(chain(), limits=(200, 50, 0))
    batch = paying(world, 5000, b"\x94" * 20)
    world.finalise(batch, 1)
    world.withdraw(batch)
    assert world.bridge.read("next_free", 1) == chain().now() + 100 * DAY


def test_early_limit() -> None:
    world = World(chain(), limits=(0, 0, 0), early_limit=150)
    one, _ = opened(world, 3)
    deposit(world, one, 3, 1000)
    world.settle()
    for _ in range(3):
        force(world, one, 100, b"\x95" * 20)
    batch = world.settle(tier=0)
    world.withdraw(batch, 0)
    with refused("withdraw: early limit"):
        world.withdraw(batch, 1)
    world.finalise(batch)
    world.withdraw(batch, 1)  # which absorbs what was early
    assert world.bridge.read("early_total") == 0


@pytest.mark.parametrize("mode", [REFUSES, BURNS])
def test_a_recipient_that_takes_nothing(world: World, mode: int) -> None:
    """It holds up nobody, and collects to where it wants."""
    bad = Contract(chain(), "Recipient", folder=CONTRACTS)
    bridge = to_checksum_address(world.bridge.address)
    bad.send(world.caller, "behave", mode, bridge, b"")
    one, _ = opened(world, 3)
    deposit(world, one, 3, 60)
    world.settle()
    force(world, one, 50, bad.address)
    force(world, one, 10, b"\x96" * 20)
    batch = world.settle()
    world.withdraw(batch, 0)
    world.withdraw(batch, 1)
    who = to_checksum_address(bad.address)
    assert world.bridge.read("credit", who, 0) == world.bridge.read("credits", 0) == 50 * GWEI
    assert world.held() == 50 * GWEI
    with refused("collect: refused"):
        bad.send(world.caller, "act", bridge, world.bridge.data("collect", 0, who))
    with refused("collect: nothing"):
        world.bridge.send(one, "collect", 0, one.address)
    to = keccak(bytes([mode]))[:20]
    bad.send(world.caller, "act", bridge, world.bridge.data("collect", 0, to_checksum_address(to)))
    assert world.balance(to) == 50 * GWEI
    assert world.bridge.read("credits", 0) == world.held() == 0


def test_a_recipient_that_calls_back(world: World) -> None:
    bad = Contract(chain(), "Recipient", folder=CONTRACTS)
    bridge = to_checksum_address(world.bridge.address)
    bad.send(world.caller, "behave", REFUSES, bridge, b"")
    one, _ = opened(world, 3)
    deposit(world, one, 3, 1000)
    world.settle()
    force(world, one, 50, bad.address)
    world.withdraw(world.settle())
    # Paid what it collects, it collects again: its credit is gone, and the bridge is locked.
    collect = world.bridge.data("collect", 0, to_checksum_address(bad.address))
    bad.send(world.caller, "behave", REENTERS, bridge, collect)
    bad.send(world.caller, "act", bridge, collect)
    assert bad.read("entered") is False
    assert world.balance(bad.address) == 50 * GWEI
    assert world.held() == 950 * GWEI


@pytest.mark.parametrize("mode", [HALF_LIES, REVERTS, TOKEN_BURNS])
def test_a_token_that_does_not_pay(mode: int) -> None:
    world = with_token(token())
    gold, to = Gold(world), user(chain())
    batch = paying(world, 10, to.address, asset=1)
    world.finalise(batch)
    gold.send(world.caller, "behave", mode, to.address, b"")
    world.withdraw(batch, gas=3_000_000)
    assert world.bridge.read("credit", to.address, 1) == 10 * UNIT
    with refused("collect: refused"):
        world.bridge.send(to, "collect", 1, to.address)
    gold.send(world.caller, "behave", 0, to.address, b"")
    world.bridge.send(to, "collect", 1, to.address)
    assert gold.read("balanceOf", to.address) == 10 * UNIT


@pytest.mark.parametrize(("mode", "moves"), [(DENIES, True), (SHOUTS, True), (FORGETS, False)])
def test_what_a_token_answers_counts_for_nothing(mode: int, moves: bool) -> None:
    """What has left is paid, and not a second time; what has not is owed."""
    world = with_token(token())
    gold, to = Gold(world), user(chain())
    bridge = to_checksum_address(world.bridge.address)
    batch = paying(world, 10, to.address, asset=1)
    world.finalise(batch)
    gold.send(world.caller, "behave", mode, to.address, bytes(1024))
    world.withdraw(batch, gas=3_000_000)
    assert gold.read("balanceOf", to.address) == (10 * UNIT if moves else 0)
    assert gold.read("balanceOf", bridge) == (0 if moves else 10 * UNIT)
    assert world.bridge.read("credit", to.address, 1) == (0 if moves else 10 * UNIT)


@pytest.mark.parametrize(("decimals", "unit"), [(0, 1), (6, 1), (18, 10**9), (27, 10**18), (18, 2**128 - 1)])
def test_decimals(decimals: int, unit: int) -> None:
    """A token of any decimals comes in, is valued and goes out in its units, to the last base unit."""
    gold = Contract(chain(), "TestToken", encode(["uint8"], [decimals]), CONTRACTS)
    world = World(chain(), tokens=[(gold.address, unit, 10**9)], limits=(0, 0, 0))
    one, _ = opened(world, 3)
    bridge, to = to_checksum_address(world.bridge.address), keccak(bytes([decimals]))[:20]
    gold.send(one, "mint", one.address, 101 * unit)
    gold.send(one, "approve", bridge, 101 * unit)
    deposit(world, one, 3, 101, asset=1)
    assert gold.read("balanceOf", bridge) == 101 * unit
    world.settle()
    force(world, one, 100, to, asset=1)
    batch = world.settle(tier=0)  # which releases 100 gwei: so much are 100 units worth
    world.withdraw(batch)
    assert gold.read("balanceOf", to_checksum_address(to)) == 100 * unit
    assert gold.read("balanceOf", bridge) == unit
    assert world.bridge.read("early_total") == 100


def test_a_token_that_keeps_a_fee_when_it_pays_costs_its_recipient_alone() -> None:
    world = with_token(token())
    gold, to = Gold(world), user(chain())
    batch = paying(world, 10, to.address, asset=1)
    world.finalise(batch)
    gold.send(world.caller, "behave", FEE, to.address, b"")
    world.withdraw(batch)
    assert gold.read("balanceOf", to.address) == 10 * UNIT - 10 * UNIT // 100
    assert gold.read("balanceOf", to_checksum_address(world.bridge.address)) == 0
    assert world.bridge.read("credit", to.address, 1) == 0


def test_a_token_that_calls_back_when_it_pays() -> None:
    world = with_token(token())
    gold = Gold(world)
    one, _ = opened(world, 3)
    buy(world, one, 100)
    world.settle()
    for _ in range(2):
        force(world, one, 10, b"\x97" * 20, asset=1)
    batch = world.settle()
    again = world.bridge.data("withdraw", batch.parent, batch.journal, 1, 0)
    gold.send(world.caller, "behave", TOKEN_REENTERS, to_checksum_address(world.bridge.address), again)
    world.withdraw(batch, 0)
    assert gold.read("entered") is False
    assert gold.read("balanceOf", to_checksum_address(b"\x97" * 20)) == 10 * UNIT


def test_a_caller_cannot_starve_the_recipient(world: World) -> None:
    """With less gas than the recipient may spend, the whole call is refused: it is not credited instead."""
    batch = paying(world, 10, b"\x98" * 20)
    world.finalise(batch)
    mined = world.withdraw(batch, gas=400_000)
    snapshot = mined.gas_used
    other = paying_again(world, b"\x99" * 20)
    starved = False
    for gas in range(snapshot - 40_000, snapshot + 120_000, 20_000):
        try:
            world.withdraw(other, gas=gas)
        except RefusedError:
            starved = True
            continue
        break
    assert starved
    assert world.balance(b"\x99" * 20) == 10 * GWEI
    assert world.bridge.read("credits", 0) == 0


def paying_again(world: World, to: bytes) -> Batch:
    one, _ = opened(world, 4)
    deposit(world, one, 4, 10)
    world.settle()
    force(world, one, 10, to, account=4)
    return world.settle()


# -- leaving when everything has halted


def test_halt(world: World) -> None:
    one, _ = opened(world, 3)
    with refused("halt: queue entry"):
        world.halt(0)
    index = deposit(world, one, 3, 40)
    deposit(world, one, 3, 2)
    chain().advance_time(ESCAPE_WINDOW - 120)
    with refused("halt: too early"):
        world.halt(index)
    with refused("halt: queue entry"):
        world.halt(index + 1)
    chain().advance_time(120)
    world.halt(index)
    assert world.bridge.read("halted")
    assert world.stub.read("halted")
    with refused("halt: known"):
        world.halt(index)
    with refused("enqueue: halted"):
        deposit(world, one, 3, 1)
    before = world.balance(one.address)
    origin, words = world.queue[index]
    world.bridge.send(world.caller, "refund_queued", index, origin, words)
    assert world.balance(one.address) == before + 40 * GWEI
    with refused("refund: done"):
        world.bridge.send(world.caller, "refund_queued", index, origin, words)
    with refused("refund: queue entry"):
        world.bridge.send(world.caller, "refund_queued", index + 1, origin, words)
    with refused("refund: taken in"):
        world.bridge.send(world.caller, "refund_queued", 0, *world.queue[0])


def test_no_halt_where_finality_goes_on(world: World) -> None:
    one, _ = opened(world, 3)
    deposit(world, one, 3, 40)
    index = deposit(world, one, 3, 41)
    chain().advance_time(ESCAPE_WINDOW)
    world.finalise(world.batch(entries=1))
    with refused("halt: too early"):
        world.halt(index)
    with refused("refund: not halted"):
        world.bridge.send(one, "refund_queued", index, *world.queue[index])


def halted(world: World, sender: LocalAccount) -> None:
    index = deposit(world, sender, 3, 1)
    chain().advance_time(ESCAPE_WINDOW)
    world.halt(index)


def test_escape() -> None:
    """Coin less the tax, and gold, once, to the owner; nothing for what is not in every suite's state."""
    world = with_token(token(), limits=(0, 0, 0))
    one, _ = opened(world, 3, 4)
    deposit(world, one, 3, 1005)
    buy(world, one, 30)
    world.enqueue(world.operator, world.words("set_tax", tax=10))
    last = world.settle()
    # Released early, after the last state that is final at the top: who leaves was not debited.
    force(world, one, 100, b"\x9a" * 20)
    early = world.settle(tier=0)
    with refused("escape: not halted"):
        world.escape(last, 3)
    chain().advance_time(ESCAPE_WINDOW)
    world.halt(early.queue_end - 1)
    with refused("withdraw: halted"):
        world.withdraw(early)
    with refused("escape: no owner"):
        world.escape(last, 5)

    account, record, cells, suites = world.escape_arguments(last, 3)

    def attempt(reason: str, *arguments: Any) -> None:
        with refused(reason):
            world.bridge.send(world.caller, "escape", *arguments)

    richer = [record[0], record[1] + 1, *record[2:]]
    attempt("escape: record", account, richer, cells, suites)
    attempt("escape: record", 4, record, cells, suites)
    attempt("escape: state", account, record, [cells[0] - 1, *cells[1:]], suites)
    attempt("escape: layout", account, record[:-1], cells, suites)
    attempt("escape: openings", account, record, cells, suites[:1])
    # A state that is true in one suite and made up in the other.
    forged = World(chain(), suites=("bn254", "goldilocks"))
    forged.state.write(0, 3, [mp.Key(b"\1" * 64), 1, 10**9, 0])
    made_up = Batch(bytes(32), b"", [], [], 0, forged.state)
    _, their_record, their_cells, their_suites = forged.escape_arguments(made_up, 3)
    attempt("escape: (record|state)", account, their_record, their_cells, [suites[0], their_suites[1]])
    attempt("escape: (record|state)", account, record, cells, [suites[0], their_suites[1]])
    attempt("escape: (record|state)", account, record, cells, [their_suites[0], suites[1]])

    before = world.balance(one.address)
    mined = world.escape(last, 3)
    assert mined.gas_used < 16_000_000
    assert world.balance(one.address) == before + 905 * GWEI  # 1005 - floor(100.5)
    assert Gold(world).read("balanceOf", one.address) == 30 * UNIT
    assert world.bridge.read("escaped", 3, 0) == 905
    before = world.balance(one.address)
    world.escape(last, 3)
    world.escape(last, 4)
    assert world.balance(one.address) == before


def test_escape_pays_what_is_there_and_the_rest_later(world: World) -> None:
    one, _ = opened(world, 3)
    deposit(world, one, 3, 1000)
    world.settle()
    force(world, one, 100, b"\x9b" * 20)
    early = world.settle(tier=0)
    world.withdraw(early)
    # The state before the withdrawal is the last that is final at the top.
    restored = world.state.copy()
    restored.write(0, 3, [mp.Key(b"\1" * 64), 1, 1000, 0])
    restored.cells = [*restored.cells[:1], 1000, *restored.cells[2:]]
    last = Batch(early.parent, b"", [], [], 0, restored)
    chain().advance_time(ESCAPE_WINDOW)
    world.halt(early.queue_end - 1)
    before = world.balance(one.address)
    world.escape(last, 3)
    assert world.balance(one.address) == before + 900 * GWEI
    assert world.held() == 0
    world.bridge.send(world.caller, "fund", value=5000 * GWEI)
    world.escape(last, 3)
    assert world.balance(one.address) == before + 1000 * GWEI
    assert world.held() == 4900 * GWEI


def test_no_exit_no_escape() -> None:
    world = World(chain(), overrides={"exits": [], "formula": []})
    one, batch = opened(world, 3)
    halted(world, one)
    with refused("escape: no exit"):
        world.escape(batch, 3)


# -- gas


def test_gas() -> None:
    """The table of docs/settlement.md §10, which these bounds are within a twentieth of."""
    world = World(chain(), transition=Token, suites=("bn254",), slots=16)
    one, gas = user(world.l1), {}

    def send(what: str, kind: str, **values: Any) -> None:
        words = world.words(kind, **values)
        mined = world.bridge.send(one, "enqueue", words, value=world.due(words))
        world.note(mined, words, bytes.fromhex(one.address[2:]))
        gas[what] = mined.gas_used

    send("register", "register", account=5, key=mp.Key(bytes([1]) * 32))
    send("deposit", "deposit", account=5, amount=10**6)
    send("a deposit that is refused", "deposit", account=6, amount=7)
    batch = world.settle()
    gas["owner"] = world.prove_owner(batch, 0).gas_used
    gas["refund"] = world.refund(batch, 2).gas_used
    for _ in range(2):
        send("force", "force_withdraw", account=5, amount=10, recipient=address_words(b"\x77" * 20))
    batch = world.settle()
    gas["withdraw"] = world.withdraw(batch, 0).gas_used
    gas["next"] = world.withdraw(batch, 1).gas_used
    index = world.register(one, 7)
    chain().advance_time(ESCAPE_WINDOW)
    gas["halt"] = world.halt(index).gas_used
    gas["escape"] = world.escape(batch, 5).gas_used
    bounds = {
        "register": 79_000,
        "deposit": 64_000,
        "owner": 86_000,
        "refund": 101_000,
        "force": 64_500,
        "withdraw": 117_500,
        "next": 73_500,
        "halt": 93_000,
        "escape": 695_000,
    }
    assert not {what: gas[what] for what, bound in bounds.items() if gas[what] > bound}


# -- assets and creation


def test_listing(world: World) -> None:
    gold = token()
    listing = (1, to_checksum_address(gold.address), UNIT, RATE)
    with refused("asset: not the operator"):
        world.bridge.send(world.caller, "schedule_asset", *listing)
    with refused("asset: not scheduled"):
        world.bridge.send(world.caller, "list_asset", *listing)
    world.bridge.send(world.operator, "schedule_asset", *listing)
    with refused("asset: too early"):
        world.bridge.send(world.caller, "list_asset", *listing)
    chain().advance_time(TIMELOCK)
    with refused("asset: not scheduled"):
        world.bridge.send(world.caller, "list_asset", *listing[:2], 1, RATE)
    world.bridge.send(world.caller, "list_asset", *listing)
    assert world.bridge.read("asset", 1) == (listing[1], UNIT, RATE)
    assert world.bridge.read("asset_count") == 2
    with refused("asset: not scheduled"):
        world.bridge.send(world.caller, "list_asset", *listing)
    nowhere = to_checksum_address(b"\x55" * 20)
    wrong = [
        ("asset: number", (0, listing[1], UNIT, RATE)),
        ("asset: number", (3, listing[1], UNIT, RATE)),
        ("asset: token", (2, nowhere, UNIT, RATE)),
        ("asset: token", (2, to_checksum_address(world.bridge.address), UNIT, RATE)),
        ("asset: listed", (2, listing[1], UNIT, RATE)),
        ("asset: only the rate", (1, listing[1], UNIT + 1, RATE)),
        ("asset: unit", (1, listing[1], 0, RATE)),
        ("asset: unit", (1, listing[1], UNIT, 0)),
        ("asset: unit", (1, listing[1], UNIT, 2**64)),
    ]
    cancelled = (1, listing[1], UNIT, RATE + 2)
    for change in (*(w for _, w in wrong), (1, listing[1], UNIT, RATE + 1), cancelled):
        world.bridge.send(world.operator, "schedule_asset", *change)
    with refused("asset: not the operator"):
        world.bridge.send(world.caller, "cancel_asset", *cancelled)
    world.bridge.send(world.operator, "cancel_asset", *cancelled)
    chain().advance_time(TIMELOCK)
    for reason, change in wrong:
        with refused(reason):
            world.bridge.send(world.caller, "list_asset", *change)
    with refused("asset: not scheduled"):
        world.bridge.send(world.caller, "list_asset", *cancelled)
    world.bridge.send(world.caller, "list_asset", 1, listing[1], UNIT, RATE + 1)
    assert world.bridge.read("asset", 1)[2] == RATE + 1
    # What was scheduled is not kept for a better time.
    late = (1, listing[1], UNIT, RATE + 3)
    world.bridge.send(world.operator, "schedule_asset", *late)
    chain().advance_time(2 * TIMELOCK + 60)
    with refused("asset: lapsed"):
        world.bridge.send(world.caller, "list_asset", *late)


def test_creation(world: World) -> None:
    kinds = [
        (k.words, k.from_l1, k.operator_only, k.value_word or 0, k.asset_word or 0, k.registers_word or 0,
         k.owner_word or 0)
        for k in world.rules.kinds
    ]  # fmt: skip

    def kind(**changes: Any) -> list[Any]:
        names = ("words", "from_l1", "operator_only", "value", "asset", "registers", "owner")
        place = changes.pop("at", 2)
        changed = tuple(changes.get(n, v) for n, v in zip(names, kinds[place], strict=True))
        return [*kinds[:place], changed, *kinds[place + 1 :]]

    words, layout = world.program.output_words, (0, 1, 3, 6, 1, 3, 6, 1)
    nowhere = to_checksum_address(b"\x55" * 20)
    for reason, changes in [
        ("init: noop", {"kinds": []}),
        ("init: noop", {"kinds": kind(at=0, from_l1=True)}),
        ("init: kind words", {"kinds": kind(words=0)}),
        ("init: kind words", {"kinds": kind(words=world.program.input_words + 1)}),
        ("init: kind rule", {"kinds": kind(at=5, operator_only=True)}),
        ("init: kind rule", {"kinds": kind(at=5, owner=1)}),
        ("init: value word", {"kinds": kind(value=kinds[2][0] - 1)}),
        ("init: kind rule", {"kinds": kind(value=0)}),
        ("init: kind rule", {"kinds": kind(registers=1, owner=1)}),
        ("init: kind rule", {"kinds": kind(asset=kinds[2][0])}),
        ("init: kinds", {"kinds": kinds[:-1]}),
        ("init: kinds", {"kinds": kind(at=5, from_l1=True)}),
        ("init: message", {"messages": [(0, words - 4, 0, 0)]}),
        ("init: message", {"messages": [(0, 0, words - 1, 0)]}),
        ("init: message", {"messages": [(words, 0, 0, 0)]}),
        ("init: limits", {"limits": []}),
        ("init: operator", {"operator": "0x" + "00" * 20}),
        ("init: escape window", {"escape_window": DAY - 1}),
        ("init: trees", {"trees": []}),
        ("init: tree", {"trees": [nowhere, nowhere]}),
        ("init: layout", {"layout": (1, *layout[1:])}),
        ("init: layout", {"layout": (0, 9, *layout[2:])}),
        ("init: layout", {"layout": (*layout[:2], 65, *layout[3:])}),
        ("init: exit", {"exits": [(0, 99)]}),
        ("init: formula", {"formula": [14], "exits": [(0, 0)]}),
        ("init: formula", {"formula": [1 | 3 << 8], "exits": [(0, 0)]}),
        ("init: formula", {"formula": [3], "exits": [(0, 0)]}),
        ("asset: token", {"tokens": [(nowhere, 1, 1)]}),
    ]:
        code = artifact("Bridge").bytecode + world.arguments(**changes)
        with refused(reason):
            chain().create(chain().dev_accounts()[0], code)
