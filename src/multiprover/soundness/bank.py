"""The transition on which faults are measured: small, with everything that a fault can be about."""

from __future__ import annotations

from multiprover.soundness.programs import KEY_HEIGHT, load_class
from multiprover.soundness.transition import Step
from multiprover.soundness.world import World
from multiprover.suites import Wallet

CLASS = "Bank"

NONCE_RULE = '        mp.require(payer.nonce == nonce, "nonce")\n'

SOURCE = f"""import multiprover as mp


class Account(mp.Record):
    key: mp.Key
    balance: mp.u64
    gain: mp.i64
    nonce: mp.u32


class Bank(mp.Transition):
    accounts: mp.Map[mp.u3, Account]
    supply: mp.Cell[mp.u64]
    price: mp.Cell[mp.u32]

    @mp.from_l1(operator_only=True)
    def mark(self, price: mp.u32) -> None:
        self.price = price

    @mp.from_l1()
    def enrol(self, account: mp.u3, key: mp.Key, balance: mp.u64) -> None:
        holder = self.accounts[account]
        holder.key = key
        holder.balance = balance

    @mp.transaction
    def pay(self, sender: mp.u3, receiver: mp.u3, amount: mp.u64, nonce: mp.u32) -> None:
        payer = self.accounts[sender]
        payee = self.accounts[receiver]
        mp.authorize(payer.key, nonce)
{NONCE_RULE}        mp.require(amount <= payer.balance, "balance")
        fee = amount // 1000
        payer.nonce += 1
        payer.balance -= amount
        payee.balance += amount - fee
        payee.gain += (amount * 3 - 1000) // (self.price + 1)
        self.supply += fee
"""


def wallets(suites: tuple[str, ...]) -> tuple[Wallet, Wallet]:
    """The holders of accounts 1 and 2; new ones, since each signs once only for a nonce."""
    return (
        Wallet.from_seed(b"\x01" * 32, suites, height=KEY_HEIGHT),
        Wallet.from_seed(b"\x02" * 32, suites, height=KEY_HEIGHT),
    )


def world(source: str = SOURCE) -> World:
    """The bank with two accounts, the second one nearly full."""
    made = World(load_class(source, CLASS))
    first, second = wallets(made.program.suites)
    steps = [
        Step("mark", {"price": 6}),
        Step("enrol", {"account": 1, "key": first.public_key, "balance": 10_000}),
        Step("enrol", {"account": 2, "key": second.public_key, "balance": 2**64 - 5_000}),
    ]
    for step in steps:
        made.honest("setup", ("", ""), [step.on(made)], 1)
    return made


def payment(of: World, amount: int = 2_000, nonce: int = 0) -> Step:
    """Account 1 pays account 2; a good payment as it stands."""
    values = {"sender": 1, "receiver": 2, "amount": amount, "nonce": nonce}
    return Step("pay", values, [(wallets(of.program.suites)[0], nonce)])
