"""What the bridge's tests share: a program with two assets, its ledger, and a bridge over a settlement
contract that finds final what it is told to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

import multiprover as mp
from multiprover.ledger.codec import arguments, encode_words
from multiprover.ledger.executor import Effect, execute
from multiprover.ledger.state import State
from multiprover.program import Program, trace
from multiprover.settlement.bridge_rules import BridgeRules, escape_opening
from multiprover.settlement.contracts import artifact
from multiprover.settlement.l1 import L1, Mined

CONTRACTS = Path(__file__).parent / "contracts"
GWEI = 10**9
DAY = 86_400
TIMELOCK = 30 * DAY
ESCAPE_WINDOW = 90 * DAY
TIER_LIMITS = (100, 10_000, 2**64 - 1)
"""Gwei; the last tier is the top."""
DAILY = (200, 50_000, 0)
EARLY_LIMIT = 60_000
UNIT = 10**12
RATE = 5 * 10**9
"""A unit of the token is 10^12 of its base units, and worth 5 gwei."""


class Holder(mp.Record):
    key: mp.Key
    open: mp.u1
    coin: mp.u64
    gold: mp.i64


class Withdrawal(mp.Message):
    recipient: mp.Address
    amount: mp.u64
    asset: mp.u8


class Purse(mp.Transition):
    """Coin and gold, an asset each. ``tax`` percent of the coin stays behind when users leave."""

    accounts: mp.Map[mp.u4, Holder]
    tax: mp.Cell[mp.u8]
    held: mp.Cell[mp.Array[mp.u64, Literal[2]]]
    keeper: mp.Cell[mp.Key]

    @mp.from_l1(registers="account")
    def register(self, account: mp.u4, key: mp.Key) -> None:
        holder = self.accounts[account]
        mp.require(holder.open == 0, "the account is taken")
        holder.open = 1
        holder.key = key

    @mp.from_l1(value="amount", asset="asset")
    def deposit(self, account: mp.u4, asset: mp.u8, amount: mp.u64) -> None:
        holder = self.accounts[account]
        mp.require(holder.open == 1, "no such account")
        mp.require(asset <= 1, "no such asset")
        holder.coin += mp.select(asset == 0, amount, 0)
        holder.gold += mp.select(asset == 1, amount, 0)
        self.held[0] += mp.select(asset == 0, amount, 0)
        self.held[1] += mp.select(asset == 1, amount, 0)

    @mp.from_l1(owner="account")
    def force(self, account: mp.u4, asset: mp.u8, amount: mp.u64, recipient: mp.Address) -> None:
        holder = self.accounts[account]
        mp.require(asset <= 1, "no such asset")
        held = mp.select(asset == 0, holder.coin, holder.gold)
        mp.require(amount <= held, "insufficient balance")
        holder.coin -= mp.select(asset == 0, amount, 0)
        holder.gold -= mp.select(asset == 1, amount, 0)
        self.held[0] -= mp.select(asset == 0, amount, 0)
        self.held[1] -= mp.select(asset == 1, amount, 0)
        mp.emit(Withdrawal(recipient=recipient, amount=amount, asset=asset))

    @mp.from_l1(operator_only=True)
    def set_tax(self, tax: mp.u8) -> None:
        mp.require(tax <= 100, "over 100 %")
        self.tax = tax

    @mp.transaction
    def nothing(self, account: mp.u4) -> None:
        mp.authorize(self.accounts[account].key, 0)

    @mp.exit
    def coin_of(self, account: mp.u4) -> int:
        holder = self.accounts[account]
        return holder.coin - holder.coin * self.tax // 100

    @mp.exit(asset=1)
    def gold_of(self, account: mp.u4) -> int:
        return self.accounts[account].gold


KEY_PART = b"\1" * 32


def address_words(address: str | bytes) -> list[int]:
    raw = address if isinstance(address, bytes) else bytes.fromhex(address[2:])
    return [int.from_bytes(raw[i : i + 4], "big") for i in range(0, 20, 4)]


class Contract:
    """A deployed contract, called by the names of its functions."""

    def __init__(self, l1: L1, name: str, arguments: bytes = b"", folder: Path | None = None) -> None:
        self.l1 = l1
        self.artifact = artifact(name, folder)
        self.address = l1.create(l1.dev_accounts()[0], self.artifact.bytecode + arguments)
        self._contract = l1.web3.eth.contract(
            address=to_checksum_address(self.address), abi=self.artifact.abi
        )

    def data(self, function: str, *args: Any) -> bytes:
        return bytes.fromhex(self._contract.encode_abi(function, args=list(args))[2:])

    def read(self, function: str, *args: Any) -> Any:
        return self._contract.functions[function](*args).call()

    def send(
        self, sender: LocalAccount, function: str, *args: Any, value: int = 0, gas: int | None = None
    ) -> Mined:
        return self.l1.transact(sender, self.address, self.data(function, *args), value=value, gas=gas)


def layout_tuple(rules: BridgeRules) -> tuple[int, ...]:
    x = rules.layout
    return (
        x.accounts,
        x.maps,
        x.record_ints,
        x.record_wide,
        x.record_keys,
        x.cell_ints,
        x.cell_wide,
        x.cell_keys,
    )


BRIDGE_TYPES = [
    "address", "address", "uint256", "uint256",
    "(uint256,bool,bool,uint256,uint256,uint256,uint256)[]", "bool",
    "(uint256,uint256,uint256,uint256)[]", "(address,uint256,uint256)[]", "uint256[]", "uint256",
    "(uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256)", "address[]", "(uint256,uint256)[]",
    "uint256[]",
]  # fmt: skip


TREES = {"bn254": "Bn254Tree", "goldilocks": "GoldilocksTree", "koalabear": "KoalaBearTree"}


@cache
def tree(l1: L1, suite: str) -> Contract:
    return Contract(l1, TREES[suite])


@dataclass
class Batch:
    """A batch as L1 sees it, and the state after it."""

    parent: bytes
    journal: bytes
    origins: list[bytes]
    effects: list[Effect]
    queue_end: int
    state: State

    @property
    def claim(self) -> bytes:
        return keccak(self.parent + keccak(self.journal))


@dataclass(eq=False)
class World:
    """A transition's ledger with a bridge under it."""

    l1: L1
    transition: type[mp.Transition] = Purse
    suites: tuple[str, ...] = ("bn254", "goldilocks")
    slots: int = 3
    limits: tuple[int, ...] = DAILY
    early_limit: int = EARLY_LIMIT
    tokens: Sequence[tuple[bytes, int, int]] = ()
    overrides: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dev = self.l1.dev_accounts()
        self.operator = dev[1]
        self.caller = dev[2]
        self.program: Program = trace(self.transition, self.suites)
        self.rules = BridgeRules.of(self.transition, self.program)
        self.state = State(self.program)
        self.head = keccak(b"genesis")
        self.taken = 0
        self.queue: list[tuple[bytes, bytes]] = []  # origin, words
        p = self.program
        shape = (p.program_id, self.slots, p.input_words, p.output_words, p.cell_words)
        stub = encode(
            ["(bytes32,uint256,uint256,uint256,uint256)", *["uint256"] * 3, "uint256[]"],
            [shape, len(self.rules.kinds), self.rules.from_l1, len(self.suites), list(TIER_LIMITS)],
        )
        self.stub = Contract(self.l1, "StubSettlement", stub, CONTRACTS)
        self.bridge = Contract(self.l1, "Bridge", self.arguments(**self.overrides))
        self.stub.send(dev[0], "set_bridge", to_checksum_address(self.bridge.address))
        self.stub.send(dev[0], "finalise", self.head, len(TIER_LIMITS) - 1, list(self.state.roots().roots))

    def arguments(self, **changes: Any) -> bytes:
        """The bridge's constructor arguments."""
        rules = self.rules
        values: dict[str, Any] = {
            "settlement": to_checksum_address(self.stub.address),
            "operator": self.operator.address,
            "timelock": TIMELOCK,
            "escape_window": ESCAPE_WINDOW,
            "kinds": [
                (k.words, k.from_l1, k.operator_only, k.value_word or 0, k.asset_word or 0,
                 k.registers_word or 0, k.owner_word or 0)
                for k in rules.kinds
            ],
            "has_refused": rules.has_refused,
            "messages": [(m.presence, m.recipient, m.amount, m.asset) for m in rules.messages],
            "tokens": [(to_checksum_address(t), unit, rate) for t, unit, rate in self.tokens],
            "limits": list(self.limits),
            "early_limit": self.early_limit,
            "layout": layout_tuple(rules),
            "trees": [to_checksum_address(tree(self.l1, s).address) for s in self.suites],
            "exits": list(rules.exits),
            "formula": list(rules.formula),
        }  # fmt: skip
        assert changes.keys() <= values.keys()
        return encode(BRIDGE_TYPES, list((values | changes).values()))

    # -- L1's side

    def words(self, kind: str, **values: Any) -> bytes:
        spec = self.transition.kind(kind)
        flat = arguments(spec, values, len(self.suites))
        return encode_words(spec, flat, self.program.input_words)

    def enqueue(self, sender: LocalAccount, words: bytes, value: int | None = None) -> int:
        """Enqueue, and note the entry; pays the coin that the words say, unless told otherwise."""
        mined = self.bridge.send(sender, "enqueue", words, value=self.due(words) if value is None else value)
        return self.note(mined, words, bytes.fromhex(sender.address[2:]))

    def note(self, mined: Mined, words: bytes, sender: bytes) -> int:
        """Note what was enqueued by ``sender`` in a transaction."""
        time = self.l1.web3.eth.get_block(mined.block_number)["timestamp"]
        self.queue.append((sender + time.to_bytes(12, "big"), words))
        return len(self.queue) - 1

    def due(self, words: bytes) -> int:
        """Wei that go with the words."""
        kind = self.rules.kinds[int.from_bytes(words[:4], "big")]
        if kind.value_word is None:
            return 0
        if kind.asset_word is not None and any(words[4 * kind.asset_word : 4 * kind.asset_word + 4]):
            return 0
        return int.from_bytes(words[4 * kind.value_word : 4 * kind.value_word + 8], "big") * GWEI

    def register(self, sender: LocalAccount, account: int) -> int:
        key = mp.Key(KEY_PART * len(self.suites))
        return self.enqueue(sender, self.words("register", account=account, key=key))

    # -- the ledger's

    def batch(self, own: Sequence[bytes] = (), entries: int | None = None) -> Batch:
        """Take in the next entries of the queue (default: all that fit) and ``own`` words, and post it."""
        room = self.slots - len(own)
        count = min(room, len(self.queue) - self.taken) if entries is None else entries
        taken = self.queue[self.taken : self.taken + count]
        words = [w for _, w in taken] + list(own)
        words += [bytes(4 * self.program.input_words)] * (self.slots - len(words))
        effects = []
        for one in words:
            effect = execute(self.transition, self.program, one, self.state, lambda *_: None)
            for access in effect.written():
                self.state.write(access.map, access.index, access.storage.values)
            self.state.cells = list(effect.cells)
            effects.append(effect)
        journal = b"".join(words) + b"".join(e.outputs for e in effects) + self.state.cell_words()
        self.taken += count
        origins = [origin for origin, _ in taken]
        batch = Batch(self.head, journal, origins, effects, self.taken, self.state.copy())
        self.head = batch.claim
        self.stub.send(self.caller, "post", batch.claim, batch.queue_end)
        return batch

    def finalise(self, batch: Batch, tier: int = len(TIER_LIMITS) - 1) -> None:
        self.stub.send(self.caller, "finalise", batch.claim, tier, list(batch.state.roots().roots))

    def settle(self, own: Sequence[bytes] = (), tier: int = len(TIER_LIMITS) - 1) -> Batch:
        batch = self.batch(own)
        self.finalise(batch, tier)
        return batch

    # -- what users do

    def prove_owner(self, batch: Batch, slot: int, origin: bytes | None = None) -> Mined:
        found = batch.origins[slot] if origin is None else origin
        return self.bridge.send(self.caller, "prove_owner", batch.parent, batch.journal, slot, found)

    def withdraw(self, batch: Batch, slot: int = 0, place: int = 0, gas: int | None = None) -> Mined:
        return self.bridge.send(self.caller, "withdraw", batch.parent, batch.journal, slot, place, gas=gas)

    def refund(self, batch: Batch, slot: int, origin: bytes | None = None) -> Mined:
        found = batch.origins[slot] if origin is None else origin
        return self.bridge.send(self.caller, "refund", batch.parent, batch.journal, slot, found)

    def halt(self, index: int) -> Mined:
        origin, words = self.queue[index]
        return self.bridge.send(self.caller, "halt", origin, keccak(words))

    def escape_arguments(self, batch: Batch, account: int) -> tuple[Any, ...]:
        opening = escape_opening(self.rules, batch.state, account)
        suites = [(s.keys, s.siblings, s.cell_keys, s.map_roots) for s in opening.suites]
        return account, opening.record, opening.cells, suites

    def escape(self, batch: Batch, account: int) -> Mined:
        return self.bridge.send(self.caller, "escape", *self.escape_arguments(batch, account))

    def held(self) -> int:
        """Wei in the bridge."""
        return int(self.l1.web3.eth.get_balance(to_checksum_address(self.bridge.address)))

    def balance(self, address: str | bytes) -> int:
        return int(self.l1.web3.eth.get_balance(to_checksum_address(address)))


def user(l1: L1) -> LocalAccount:
    """A fresh account with 100 ETH."""
    account: LocalAccount = Account.create()
    l1.transact(l1.dev_accounts()[0], bytes.fromhex(account.address[2:]), b"", value=10**20, gas=21_000)
    return account
