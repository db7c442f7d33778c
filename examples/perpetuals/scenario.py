"""The perpetuals exchange played on market data: a deterministic list of transactions.

Accounts are registered and funded, an oracle is appointed, and every trade of the data happens between two of
the accounts, at its price and size; at the end funding is charged, and one account withdraws.

* Who trades follows from the trade's number, so positions vary; where that pair would come under twice the
  initial margin, the trade goes to the account that is most short as buyer and the one that is most long as
  seller.
* Marks come from a marks file where one is given. Without one (and where it has no row yet, or none of the
  last half minute) the mark is the last trade's price, so it is then no independent price. A market is marked
  once a second at most.
* Funding is charged as exchanges do it: at the funding time, ``rate * mark`` for a lot, rounded. Where no
  marks file tells a rate, it is 0.01 %, charged one second after the last trade.

**The wallets are for tests only: everybody knows their seeds.**
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import multiprover as mp
from examples.perpetuals.market_data import Mark, Trade
from examples.perpetuals.perpetuals import DAY, INITIAL, MAX_USES, Perpetuals
from multiprover.ledger import Transaction, make_transaction, sign
from multiprover.program import Program
from multiprover.suites import Wallet

ACCOUNTS = 8
DEPOSIT = 1000 * 10**9
"""Units (gwei) that each account is funded with."""
RECIPIENT = "0x" + "11" * 20
"""L1 address that the withdrawal goes to."""
RATE = Decimal("0.0001")
"""Funding rate where the data has none."""
REMARK_S = 30
"""Age in seconds at which a market is marked anew, though the data has no new mark."""


class ScenarioError(ValueError):
    """Market data that the exchange could not follow; the message names the trade."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction.

    Attributes:
        kind: the kind's name.
        values: its parameters by name.
        signers: number of the wallet and its nonce, in the order in which the kind authorizes.
        from_l1: whether it comes through the settlement contract's queue.
        value: what is paid with it, in gwei.
    """

    kind: str
    values: dict[str, Any]
    signers: tuple[tuple[int, int], ...] = ()
    from_l1: bool = False
    value: int = 0


def seed(number: int) -> bytes:
    """The seed of a wallet, known to everybody. The accounts' wallets are 0, 1, …; then the oracle's."""
    return b"multiprover test wallet ".ljust(28, b".") + number.to_bytes(4, "big")


def wallets(accounts: int = ACCOUNTS, suites: Sequence[str] = ("bn254",)) -> list[Wallet]:
    """The accounts' wallets, then the oracle's, for ``suites``."""
    return [Wallet.from_seed(seed(i), suites) for i in range(accounts + 1)]


def transaction(step: Step, program: Program, keys: Sequence[Wallet], domain: bytes) -> Transaction:
    """The step as a signed transaction."""
    unsigned = make_transaction(Perpetuals, program, step.kind, step.values)
    return sign(unsigned, domain, [(keys[wallet], nonce) for wallet, nonce in step.signers])


def build(
    trades: Iterable[Trade],
    count: int,
    marks: Iterable[Mark] | None = None,
    *,
    accounts: int = ACCOUNTS,
    keys: Sequence[Wallet] | None = None,
) -> Iterator[Step]:
    """The transactions of the first ``count`` trades (or as many as there are), and those around them.

    Args:
        trades: in the order of their times, of two symbols at most.
        marks: in the order of their times; rows of other symbols are passed over.
        accounts: 2 or more.
        keys: ``wallets(accounts)`` for the suites of the program (default: ``bn254`` only).

    Raises:
        ScenarioError: a trade is of a third symbol, too large for the deposits, or too far off the mark.
    """
    if accounts < 2:
        raise ValueError(f"expected 2 or more accounts, got {accounts}")
    return _Play(accounts, marks or ()).run(trades, count, keys or wallets(accounts))


@dataclass(slots=True)
class _Market:
    """A market as the oracle last marked it, and what is known for its next mark."""

    price: int = 0
    updated: int = 0
    trade_price: int = 0
    row: Mark | None = None


@dataclass(slots=True)
class _Account:
    collateral: int = DEPOSIT
    nonce: int = 0
    sizes: list[int] = field(default_factory=lambda: [0, 0])


class _Play:
    def __init__(self, accounts: int, marks: Iterable[Mark]) -> None:
        self.accounts = [_Account() for _ in range(accounts)]
        self.markets = [_Market(), _Market()]
        self.symbols: dict[str, int] = {}
        self.clock = 0
        self.uses = 0
        self.oracle_nonce = 0
        self._marks = iter(marks)
        self._next_mark = next(self._marks, None)

    def run(self, trades: Iterable[Trade], count: int, keys: Sequence[Wallet]) -> Iterator[Step]:
        for i in range(len(self.accounts)):
            yield Step("register", {"account": i, "key": keys[i].public_key}, from_l1=True)
        for i in range(len(self.accounts)):
            yield Step("deposit", {"account": i, "amount": DEPOSIT}, from_l1=True, value=DEPOSIT)
        yield Step("set_oracle", {"key": keys[len(self.accounts)].public_key}, from_l1=True)
        for _, trade in zip(range(count), trades, strict=False):
            yield from self._mark_until(trade)
            yield self._trade(trade)
        if self.clock:
            yield from self._charge_funding()
            yield self._withdraw()

    # -- the oracle

    def _mark_until(self, trade: Trade) -> Iterator[Step]:
        """The marks up to a trade's time."""
        market = self.symbols.setdefault(trade.symbol, len(self.symbols))
        if market > 1:
            raise ScenarioError(
                f"trade {trade.trade_id}: a third symbol, {trade.symbol}; there are two markets"
            )
        self.markets[market].trade_price = self.markets[market].trade_price or trade.price
        while self._next_mark is not None and self._next_mark.time_ms <= trade.time_ms:
            row, self._next_mark = self._next_mark, next(self._marks, None)
            if row.symbol in self.symbols:
                number = self.symbols[row.symbol]
                self.markets[number].row = row
                if row.time_ms // 1000 > self.markets[number].updated and row.time_ms // 1000 >= self.clock:
                    yield self._mark(number, row.price, row.time_ms // 1000)
        now = trade.time_ms // 1000
        if self.clock and now > self.clock + DAY:
            raise ScenarioError(f"trade {trade.trade_id}: over a day after the last mark")
        for number in self.symbols.values():
            known = self.markets[number]
            if now - known.updated >= (1 if known.row is None else REMARK_S):
                yield self._mark(number, known.trade_price, now)

    def _mark(self, market: int, price: int, time: int, funding: int = 0) -> Step:
        self.markets[market].price, self.markets[market].updated = price, time
        self.clock, self.uses = time, 0
        for account in self.accounts:
            account.collateral -= account.sizes[market] * funding
        signer = (len(self.accounts), self.oracle_nonce)
        self.oracle_nonce += 1
        values = {"market": market, "price": price, "funding": funding, "time": time, "nonce": signer[1]}
        return Step("mark", values, (signer,))

    def _charge_funding(self) -> Iterator[Step]:
        rows = [self.markets[i].row for i in self.symbols.values()]
        time = max(self.clock + 1, *(row.next_funding_ms // 1000 for row in rows if row is not None), 0)
        for number, row in zip(self.symbols.values(), rows, strict=True):
            price = self.markets[number].price
            rate = row.funding_rate if row is not None else RATE
            yield self._mark(number, price, time, funding=round(rate * price))

    # -- the traders

    def _trade(self, trade: Trade) -> Step:
        market = self.symbols[trade.symbol]
        mark = self.markets[market].price
        if not 7 * mark <= 8 * trade.price <= 9 * mark:
            raise ScenarioError(
                f"trade {trade.trade_id}: its price {trade.price} is over 1/8 off the mark {mark}"
            )
        if self.uses == MAX_USES:
            raise ScenarioError(f"trade {trade.trade_id}: over {MAX_USES} trades in a second")
        buyer, seller = self._pair(trade, market)
        nonces = self.accounts[buyer].nonce, self.accounts[seller].nonce
        self._settle(buyer, seller, market, trade)
        self.markets[market].trade_price = trade.price
        self.uses += 1
        values = {
            "buyer": buyer,
            "seller": seller,
            "market": market,
            "size": trade.size,
            "price": trade.price,
            "buyer_nonce": nonces[0],
            "seller_nonce": nonces[1],
        }
        return Step("trade", values, ((buyer, nonces[0]), (seller, nonces[1])))

    def _pair(self, trade: Trade, market: int) -> tuple[int, int]:
        """Buyer and seller."""
        n = len(self.accounts)
        taker = trade.trade_id % n
        maker = (taker + 1 + trade.trade_id // n % (n - 1)) % n
        by_size = sorted(range(n), key=lambda i: self.accounts[i].sizes[market])
        for buyer, seller in (
            (taker, maker) if trade.taker_buys else (maker, taker),
            (by_size[0], by_size[-1]),
        ):
            if self._affords(buyer, market, trade, 1) and self._affords(seller, market, trade, -1):
                return buyer, seller
        raise ScenarioError(f"trade {trade.trade_id}: {trade.size} lots are too many for the deposits")

    def _affords(self, number: int, market: int, trade: Trade, side: int) -> bool:
        """Whether the account would hold twice the initial margin."""
        account = self.accounts[number]
        equity, exposure = account.collateral - side * trade.size * trade.price, 0
        for i, known in enumerate(self.markets):
            size = account.sizes[i] + (side * trade.size if i == market else 0)
            equity += size * known.price
            exposure += abs(size) * known.price
        return INITIAL * equity >= 2 * exposure

    def _settle(self, buyer: int, seller: int, market: int, trade: Trade) -> None:
        for number, side in ((buyer, 1), (seller, -1)):
            account = self.accounts[number]
            account.collateral -= side * trade.size * trade.price
            account.sizes[market] += side * trade.size
            account.nonce += 1

    def _withdraw(self) -> Step:
        """The account with the most to spare takes out a tenth of a deposit, or half of what it can spare."""

        def spare(number: int) -> int:
            account = self.accounts[number]
            value = [size * known.price for size, known in zip(account.sizes, self.markets, strict=True)]
            return account.collateral + sum(value) - -(-sum(map(abs, value)) // INITIAL)

        number = max(range(len(self.accounts)), key=spare)
        nonce = self.accounts[number].nonce
        values = {
            "account": number,
            "amount": min(DEPOSIT // 10, spare(number) // 2),
            "nonce": nonce,
            "recipient": mp.address(RECIPIENT),
        }
        return Step("withdraw", values, ((number, nonce),))
