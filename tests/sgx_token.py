"""A token, as a user writes one: what the tests of the enclave prover prepare and prove."""

import multiprover as mp


class Account(mp.Record):
    key: mp.Key
    balance: mp.u64
    nonce: mp.u32


class Withdrawal(mp.Message):
    recipient: mp.Address
    amount: mp.u64


class Token(mp.Transition):
    accounts: mp.Map[mp.u20, Account]
    supply: mp.Cell[mp.u64]

    @mp.from_l1()
    def register(self, account: mp.u20, key: mp.Key) -> None:
        holder = self.accounts[account]
        holder.key = key

    @mp.from_l1(value="amount")
    def deposit(self, account: mp.u20, amount: mp.u64) -> None:
        holder = self.accounts[account]
        holder.balance += amount
        self.supply += amount

    @mp.transaction
    def transfer(self, sender: mp.u20, receiver: mp.u20, amount: mp.u64, nonce: mp.u32) -> None:
        payer = self.accounts[sender]
        payee = self.accounts[receiver]
        mp.authorize(payer.key, nonce)
        mp.require(payer.nonce == nonce, "nonce")
        mp.require(amount <= payer.balance, "insufficient balance")
        payer.nonce += 1
        payer.balance -= amount
        payee.balance += amount

    @mp.transaction
    def withdraw(self, sender: mp.u20, amount: mp.u64, nonce: mp.u32, recipient: mp.Address) -> None:
        payer = self.accounts[sender]
        mp.authorize(payer.key, nonce)
        mp.require(payer.nonce == nonce, "nonce")
        payer.nonce += 1
        payer.balance -= amount
        self.supply -= amount
        mp.emit(Withdrawal(recipient=recipient, amount=amount))
