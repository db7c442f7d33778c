"""A token: money comes from L1, moves between accounts, and goes back to L1.

Amounts are gwei. At every point ``supply`` is the sum of all balances, and what L1 holds for them.
"""

import multiprover as mp


class Account(mp.Record):
    key: mp.Key
    open: mp.u1
    balance: mp.u64
    nonce: mp.u32


class Withdrawal(mp.Message):
    recipient: mp.Address
    amount: mp.u64


class Token(mp.KeyRotation, mp.Transition):
    accounts: mp.Map[mp.u20, Account]
    supply: mp.Cell[mp.u64]

    @mp.from_l1(registers="account")
    def register(self, account: mp.u20, key: mp.Key) -> None:
        """Open an account that nobody has."""
        holder = self.accounts[account]
        mp.require(holder.open == 0, "the account is taken")
        holder.open = 1
        holder.key = key

    @mp.from_l1(value="amount")
    def deposit(self, account: mp.u20, amount: mp.u64) -> None:
        """Pay into an account. Numbers are first come, first served: see that it is yours before you pay."""
        holder = self.accounts[account]
        mp.require(holder.open == 1, "no such account")
        holder.balance += amount
        self.supply += amount

    @mp.transaction
    def transfer(self, sender: mp.u20, receiver: mp.u20, amount: mp.u64, nonce: mp.u32) -> None:
        payer = self.accounts[sender]
        payee = self.accounts[receiver]
        mp.authorize(payer.key, nonce)
        mp.require(payer.nonce == nonce, "nonce")
        mp.require(amount <= payer.balance, "insufficient balance")
        mp.require(payee.open == 1, "no such account")
        payer.nonce += 1
        payer.balance -= amount
        payee.balance += amount

    @mp.transaction
    def withdraw(self, sender: mp.u20, amount: mp.u64, nonce: mp.u32, recipient: mp.Address) -> None:
        payer = self.accounts[sender]
        mp.authorize(payer.key, nonce)
        mp.require(payer.nonce == nonce, "nonce")
        mp.require(amount <= payer.balance, "insufficient balance")
        payer.nonce += 1
        payer.balance -= amount
        self.supply -= amount
        mp.emit(Withdrawal(recipient=recipient, amount=amount))

    @mp.from_l1(owner="account")
    def force_withdraw(self, account: mp.u20, amount: mp.u64, recipient: mp.Address) -> None:
        """Withdraw without a signature: L1 lets only the account's owner, and the sequencer must take it."""
        holder = self.accounts[account]
        mp.require(amount <= holder.balance, "insufficient balance")
        holder.balance -= amount
        self.supply -= amount
        mp.emit(Withdrawal(recipient=recipient, amount=amount))

    @mp.exit
    def leave(self, account: mp.u20) -> int:
        """All of the balance."""
        return self.accounts[account].balance
