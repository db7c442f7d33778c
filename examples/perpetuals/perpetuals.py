"""A perpetuals exchange: two markets, cross margin, settled in what L1 holds.

Units
-----
Money is in **units** of 10^-9 coin of L1 (gwei). What a unit is worth in the quote currency is a convention
of who runs the exchange; ``scenario.py`` takes a millionth, so a coin stands for 1,000 USDT. Sizes are in
**lots**, signed: long is positive. A **price** is units for one lot, so there is no tick and no scale factor:
``notional = size * price``. (BTC-USDT in lots of 0.001 BTC at 28,145.10 USDT: 28,145,100 units a lot.) A
funding index is units for one lot, cumulative. Times are seconds, and are the oracle's: a program has no
clock of its own.

Formulas
--------
For one account, over both markets m, with the mark prices and funding indices of the moment::

    pending    = Σ size_m * (funding_m - last_funding_m)         owed; negative if due to the account
    equity     = collateral - pending + Σ size_m * mark_m
    exposure   = Σ |size_m| * mark_m
    initial margin held:      INITIAL * equity >= exposure       (10 %)
    maintenance margin held:  MAINTENANCE * equity >= exposure   (5 %)

A trade's notional is paid out of the buyer's collateral into the seller's at once, so ``collateral`` of a
long account is what it paid in *less what its position cost* and may be negative: profit and loss need no
entry price, no division and no rounding. Pending funding is settled into collateral whenever an account
trades or withdraws. What anybody sees as unrealised profit is ``equity`` minus what was paid in.

What is conserved, exactly
--------------------------
No line divides, so nothing rounds, and with every transaction::

    Σ over accounts (collateral - pending) = vault               what L1 holds for the exchange
    Σ over accounts size_m = 0                                   in each market

Why it is safe
--------------
* Trades are between two different accounts (opening one record twice is refused), both of which signed the
  very words that are executed, each with its own nonce; a nonce is used once. The words name buyer and
  seller: there is no third party to a side.
* After a trade, each side must hold initial margin over *all* its positions. A side that only reduces its
  position needs less: maintenance margin, or a price that is not worse for it than the mark (then its equity
  does not fall and its exposure does). So no trade leaves an account poorer than before and under maintenance
  margin: there is nothing to gain in emptying one account into another, at whatever price. The price must lie
  within an eighth of the mark all the same.
* A withdrawal must leave initial margin. It may take out unrealised profit, as valued by the oracle.
* The oracle closes a market by a price of 0; the last price stays, for who leaves on L1. A closed market has
  no fresh mark, and a mark older than MAX_AGE seconds on the oracle's clock is as good as none. Without a
  fresh mark a market allows no trade, nor a trade or withdrawal of an account with a position in it, since
  its margin would be valued by that mark. If the oracle falls silent its clock stands still; so a mark also
  serves MAX_USES trades and withdrawals at most, and then all stand still until the oracle speaks. Deposits
  always work.
* An account's owner on L1 can force a withdrawal, under the same margin. Without positions no mark is needed
  for it, and it uses none up.
* If the system halts for good, L1 pays every account its equity at the last marks, at least 0.
* The oracle signs a mark, its time and the funding since the market's last mark. Time must rise in the
  market, must not fall for the oracle as a whole, and moves on by a day at most; funding of one mark is at
  most 1/64 of the price. A new oracle starts with both markets closed, its clock unset, and the old one's
  nonces used up.
* Ranges: price < 2^40 and |size| <= 2^31 give |notional| < 2^71; a funding index within 48 bits gives
  |pending| < 2^81; equity is below 2^82 and 20 times that is far from 2^127. What is stored is checked
  against 64 bits (collateral, vault), 48 (funding index) and 32 (size); what does not fit is refused.

Not here: liquidation of an account below maintenance margin by force, and fees. While equity of some account
is negative, the others' equity exceeds the vault by as much.
"""

from typing import Literal, TypeAlias

import multiprover as mp

INITIAL = 10
MAINTENANCE = 20
MAX_AGE = 60
MAX_USES = 4096
DAY = 86_400


class Market(mp.Record):
    """A market's mark, as the oracle last signed it; the price of a closed market is its last one."""

    price: mp.u40
    funding: mp.i48
    updated: mp.u32
    open: mp.u1


class Position(mp.Record):
    """Lots held, and the market's funding index up to which they are settled."""

    size: mp.i32
    funding: mp.i48


class Account(mp.Record):
    key: mp.Key
    open: mp.u1
    nonce: mp.u32
    collateral: mp.i64
    positions: mp.Array[Position, Literal[2]]


class Withdrawal(mp.Message):
    """L1 pays ``amount`` units to ``recipient``."""

    recipient: mp.Address
    amount: mp.u64


Markets: TypeAlias = mp.Array[Market, Literal[2]]


def pending_of(account: Account, markets: Markets) -> int:
    """Funding that the account owes for the time since its positions were settled."""
    pending = 0
    for position, market in zip(account.positions, markets, strict=True):
        pending += position.size * (market.funding - position.funding)
    return pending


def settle(account: Account, markets: Markets) -> int:
    """Note the account's positions as settled; returns what the caller must take from its collateral."""
    pending = pending_of(account, markets)
    for position, market in zip(account.positions, markets, strict=True):
        position.funding = market.funding
    return pending


def valued(account: Account, markets: Markets) -> tuple[int, int]:
    """Equity and exposure of a settled account, by the mark prices."""
    equity, exposure = account.collateral, 0
    for position, market in zip(account.positions, markets, strict=True):
        value = position.size * market.price
        equity += value
        exposure += mp.select(position.size < 0, -value, value)
    return equity, exposure


def fresh(market: Market, clock: int) -> bool:
    """Whether the market is open, and its mark not too old."""
    return mp.all_of(market.open == 1, clock - market.updated <= MAX_AGE)


class Perpetuals(mp.KeyRotation, mp.Transition):
    accounts: mp.Map[mp.u20, Account]
    markets: mp.Cell[mp.Array[Market, Literal[2]]]
    vault: mp.Cell[mp.u64]
    uses: mp.Cell[mp.u16]
    clock: mp.Cell[mp.u32]
    oracle: mp.Cell[mp.Key]
    oracle_nonce: mp.Cell[mp.u32]

    @mp.from_l1(registers="account")
    def register(self, account: mp.u20, key: mp.Key) -> None:
        """Open an account that nobody has."""
        holder = self.accounts[account]
        mp.require(holder.open == 0, "the account is taken")
        holder.open = 1
        holder.key = key

    @mp.from_l1(value="amount")
    def deposit(self, account: mp.u20, amount: mp.u64) -> None:
        """Pay units into an account, which anybody may; see that it is yours first: who came first has it."""
        holder = self.accounts[account]
        mp.require(holder.open == 1, "no such account")
        holder.collateral += amount
        self.vault += amount

    @mp.from_l1(operator_only=True)
    def set_oracle(self, key: mp.Key) -> None:
        """Appoint the oracle: both markets are closed until it marks them."""
        self.oracle = key
        self.clock = 0
        for market in self.markets:
            market.open = 0
            market.updated = 0

    @mp.transaction
    def mark(self, market: mp.u1, price: mp.u40, funding: mp.i32, time: mp.u32, nonce: mp.u32) -> None:
        """The oracle's price of a market (0 closes it) and the funding of one lot since its last mark."""
        mp.authorize(self.oracle, nonce)
        mp.require(self.oracle_nonce == nonce, "nonce")
        self.oracle_nonce += 1
        marked = self.markets[market]
        mp.require(mp.all_of(time >= self.clock, time > marked.updated), "the time does not rise")
        mp.require(mp.any_of(self.clock == 0, time <= self.clock + DAY), "the time is over a day ahead")
        mp.require(mp.all_of(64 * funding <= price, -64 * funding <= price), "funding over 1/64 of the price")
        marked.open = price > 0
        marked.price = mp.select(price > 0, price, marked.price)
        marked.funding += funding
        marked.updated = time
        self.clock = time
        self.uses = 0

    @mp.transaction
    def trade(
        self,
        buyer: mp.u20,
        seller: mp.u20,
        market: mp.u1,
        size: mp.u31,
        price: mp.u40,
        buyer_nonce: mp.u32,
        seller_nonce: mp.u32,
    ) -> None:
        """``buyer`` takes ``size`` lots from ``seller`` at ``price``; both have signed it."""
        long, short = self.accounts[buyer], self.accounts[seller]
        mp.authorize(long.key, buyer_nonce)
        mp.authorize(short.key, seller_nonce)
        mp.require(mp.all_of(long.open == 1, short.open == 1), "no such account")
        mp.require(long.nonce == buyer_nonce, "buyer's nonce")
        mp.require(short.nonce == seller_nonce, "seller's nonce")
        mp.require(size > 0, "size 0")
        long.nonce += 1
        short.nonce += 1

        markets, second = self.markets, market == 1
        mark = mp.select(second, markets[1].price, markets[0].price)
        mp.require(mp.all_of(7 * mark <= 8 * price, 8 * price <= 9 * mark), "price over 1/8 off the mark")

        notional = size * price
        long.collateral -= settle(long, markets) + notional
        short.collateral += notional - settle(short, markets)
        lots = (mp.select(second, 0, size), mp.select(second, size, 0))
        for bought, sold, traded in zip(long.positions, short.positions, lots, strict=True):
            bought.size += traded
            sold.size -= traded

        # The buyer only reduced its position if it is still not long, the seller if it is still not short.
        long_size = mp.select(second, long.positions[1].size, long.positions[0].size)
        short_size = mp.select(second, short.positions[1].size, short.positions[0].size)
        self._use_marks(mp.negate(second), second, long, short)
        self._require_margin(long, long_size <= 0, price <= mark, "buyer's margin")
        self._require_margin(short, short_size >= 0, price >= mark, "seller's margin")

    @mp.transaction
    def withdraw(self, account: mp.u20, amount: mp.u64, nonce: mp.u32, recipient: mp.Address) -> None:
        """Pay ``amount`` units out on L1, down to the initial margin of the positions."""
        holder = self.accounts[account]
        mp.authorize(holder.key, nonce)
        mp.require(holder.open == 1, "no such account")
        mp.require(holder.nonce == nonce, "nonce")
        mp.require(amount > 0, "amount 0")
        holder.nonce += 1
        holder.collateral -= settle(holder, self.markets) + amount
        self.vault -= amount
        self._use_marks(False, False, holder)
        equity, exposure = valued(holder, self.markets)
        mp.require(INITIAL * equity >= exposure, "margin")
        mp.emit(Withdrawal(recipient=recipient, amount=amount))

    @mp.from_l1(owner="account")
    def force_withdraw(self, account: mp.u20, amount: mp.u64, recipient: mp.Address) -> None:
        """Withdraw without a signature: L1 lets only the account's owner, and the sequencer must take it."""
        holder = self.accounts[account]
        holder.collateral -= settle(holder, self.markets) + amount
        self.vault -= amount
        self._require_marks(False, False, holder)
        equity, exposure = valued(holder, self.markets)
        mp.require(INITIAL * equity >= exposure, "margin")
        mp.emit(Withdrawal(recipient=recipient, amount=amount))

    @mp.exit
    def leave(self, account: mp.u20) -> int:
        """Equity at the last marks."""
        holder = self.accounts[account]
        equity, _ = valued(holder, self.markets)
        return equity - pending_of(holder, self.markets)

    def _use_marks(self, first: bool, second: bool, *accounts: Account) -> None:
        """Count a use of the marks, and refuse without those that are needed."""
        mp.require(self.uses < MAX_USES, "the marks are used up")
        self.uses += 1
        self._require_marks(first, second, *accounts)

    def _require_marks(self, first: bool, second: bool, *accounts: Account) -> None:
        """Refuse without a fresh mark of each market that is traded or that an account has a position in."""
        for i, traded in enumerate((first, second)):
            held = [account.positions[i].size != 0 for account in accounts]
            needed = mp.any_of(traded, *held)
            mp.require(mp.any_of(mp.negate(needed), fresh(self.markets[i], self.clock)), "no fresh mark")

    def _require_margin(self, account: Account, reduced: bool, not_worse: bool, reason: str) -> None:
        """Refuse unless the account holds initial margin, or may have ``reduced`` its position with less."""
        equity, exposure = valued(account, self.markets)
        relief = mp.all_of(reduced, mp.any_of(not_worse, MAINTENANCE * equity >= exposure))
        mp.require(mp.any_of(INITIAL * equity >= exposure, relief), reason)
