"""Market data from CSV files: trades, mark prices and funding rates, row by row, each row checked.

A trades file has the columns ``trade_time_ms``, ``recv_time_us`` or ``recv_time_ns``, ``symbol``,
``trade_id``, ``price``, ``qty``, ``taker_side`` and ``x`` (what kind of fill it was), in that order, gzipped
or not. Prices and quantities are decimal text and stay exact: a quantity is a whole number of lots, a price a
whole number of units of money for one lot (:class:`Scale`), or the row is refused.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

DATA = Path(__file__).parent / "data"
TRADES_2023 = DATA / "binance_btcusdt_20230404_trades.csv.gz"
MARKS_2023 = DATA / "binance_btcusdt_20230404_mark.csv"
TRADES_2024 = DATA / "binance_btcusdt_20240808_trades.csv.gz"
FUNDING = DATA / "funding_BTC-USDT_binance_2020-01-01_2024-01-01.csv.gz"

MAX_PRICE = 2**40 - 1
"""Greatest price, in units for one lot."""
MAX_LOTS = 2**31 - 1
"""Greatest quantity of a trade, in lots."""
MAX_TIME_MS = 1000 * (2**32 - 1)

FILLS = ("MARKET", "INSURANCE_FUND", "ADL", "NA")
"""Kinds of fill: by the book, a liquidation taken by the insurance fund, an auto-deleveraging, not told."""

_GZIP_MAGIC = b"\x1f\x8b"
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TRADES = (
    "trade_time_ms",
    ("recv_time_us", "recv_time_ns"),
    "symbol",
    "trade_id",
    "price",
    "qty",
    "taker_side",
    "x",
)
_MARKS = (
    "event_time_ms",
    ("recv_time_us", "recv_time_ns"),
    "symbol",
    "mark_price",
    "index_price",
    "est_settle_price",
    "funding_rate",
    "next_funding_time_ms",
)
_FUNDING = ("Symbol", "Date", "Funding Rate")


@dataclass(frozen=True, slots=True)
class Scale:
    """How a symbol's decimals become integers.

    Attributes:
        lot: the base currency in one lot, a power of ten such as 0.001.
        units: units of money in 1 of the quote currency, a power of ten such as 10^6.
    """

    lot: Decimal
    units: int

    def __post_init__(self) -> None:
        for name, value in (("lot", self.lot), ("units", Decimal(self.units))):
            if value <= 0 or value.normalize().as_tuple().digits != (1,):
                raise ValueError(f"expected {name} to be a power of ten, got {value}")


class MarketDataError(ValueError):
    """A file that is not what it should be.

    Attributes:
        file, line, column: where. The header is line 1; ``column`` is a name, or empty for the whole row.
        expected, found: what should be there, and what is.
    """

    def __init__(self, file: Path, line: int, column: str, expected: str, found: str) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.expected = expected
        self.found = found
        where = f"{file}:{line}" + (f", column {column}" if column else "")
        super().__init__(f"{where}: expected {expected}, found {found}")


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade of the market.

    Attributes:
        time_ms: when, in milliseconds since 1970.
        symbol: of the market.
        trade_id: the exchange's number.
        price: units for one lot, 1 to 2^40 - 1.
        size: lots, 1 to 2^31 - 1.
        taker_buys: whether the taker bought.
        fill: one of ``FILLS``.
    """

    time_ms: int
    symbol: str
    trade_id: int
    price: int
    size: int
    taker_buys: bool
    fill: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark price: units for one lot, rounded to the nearest (ties to even), and the funding rate in force.

    Attributes:
        funding_rate: part of the notional that longs pay to shorts at the next funding time, signed.
        next_funding_ms: that time, in milliseconds since 1970.
    """

    time_ms: int
    symbol: str
    price: int
    funding_rate: Decimal
    next_funding_ms: int


@dataclass(frozen=True, slots=True)
class FundingRate:
    """A past funding: part of the notional that longs paid to shorts, signed; its date is read as UTC."""

    time_ms: int
    symbol: str
    rate: Decimal


def read_trades(path: Path, scale: Scale) -> Iterator[Trade]:
    """The trades of a file, in its order, read as they are asked for.

    Raises:
        MarketDataError: a row is wrong, its time falls, or its trade id does not rise within its symbol.
        OSError: the file cannot be read.
    """
    last_ms = 0
    last_id: dict[str, int] = {}
    for row in _rows(path, _TRADES):
        time_ms = row.integer("trade_time_ms", last_ms, MAX_TIME_MS)
        row.integer(row.column(1), 0, 2**63 - 1)
        symbol = row.symbol("symbol")
        trade = Trade(
            time_ms=time_ms,
            symbol=symbol,
            trade_id=row.integer("trade_id", last_id.get(symbol, -1) + 1, 2**63 - 1),
            price=row.price("price", scale),
            size=row.lots("qty", scale),
            taker_buys=row.one_of("taker_side", ("buy", "sell")) == "buy",
            fill=row.one_of("x", FILLS),
        )
        last_ms = time_ms
        last_id[symbol] = trade.trade_id
        yield trade


def scale_of(path: Path) -> Scale:
    """The scale that every row of a trades file fits exactly; reads all of it.

    The lot is the largest power of ten, 1 at most, that divides every quantity. Money is in millionths of the
    quote currency, or finer where a lot's price needs it.

    Raises:
        MarketDataError: a price or quantity is no positive number.
        OSError: the file cannot be read.
    """
    price_places = lot_places = 0
    for row in _rows(path, _TRADES):
        price_places = max(price_places, _places(row.decimal("price")))
        lot_places = max(lot_places, _places(row.decimal("qty")))
    return Scale(Decimal(1).scaleb(-lot_places), 10 ** max(6, price_places + lot_places))


def read_marks(path: Path, scale: Scale) -> Iterator[Mark]:
    """The mark prices of a file, in its order.

    Raises:
        MarketDataError: a row is wrong, or its time falls.
        OSError: the file cannot be read.
    """
    last_ms = 0
    for row in _rows(path, _MARKS):
        time_ms = row.integer("event_time_ms", last_ms, MAX_TIME_MS)
        row.integer(row.column(1), 0, 2**63 - 1)
        row.decimal("index_price")
        row.decimal("est_settle_price")
        yield Mark(
            time_ms=time_ms,
            symbol=row.symbol("symbol"),
            price=row.price("mark_price", scale, exact=False),
            funding_rate=row.rate("funding_rate"),
            next_funding_ms=row.integer("next_funding_time_ms", time_ms, MAX_TIME_MS),
        )
        last_ms = time_ms


def read_funding(path: Path) -> Iterator[FundingRate]:
    """The funding rates of a file, in its order.

    Raises:
        MarketDataError: a row is wrong, or its date is not after the row's before it.
        OSError: the file cannot be read.
    """
    last_ms = -1
    for row in _rows(path, _FUNDING):
        time_ms = row.date("Date")
        if time_ms <= last_ms:
            raise row.error("Date", "a date after the row's before it")
        last_ms = time_ms
        yield FundingRate(time_ms, row.symbol("Symbol"), row.rate("Funding Rate"))


def _places(value: Decimal) -> int:
    """Decimal places of a finite number, trailing zeros not counted."""
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


@contextmanager
def _open_text(path: Path) -> Iterator[io.TextIOBase]:
    """The file as text, unzipped if it is gzipped, by its first bytes."""
    with path.open("rb") as raw:
        zipped = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        raw.seek(0)
        data = gzip.GzipFile(fileobj=raw) if zipped else raw
        with io.TextIOWrapper(data, encoding="utf-8", newline="") as text:
            yield text


def _rows(path: Path, columns: Sequence[str | tuple[str, ...]]) -> Iterator[_Row]:
    """The rows below a header of just these columns, in this order; a tuple names alternatives."""
    line = 1
    try:
        with _open_text(path) as text:
            reader = csv.reader(text, strict=True)
            header = tuple(next(reader, ()))
            allowed = [(c,) if isinstance(c, str) else c for c in columns]
            if len(header) != len(allowed) or any(h not in a for h, a in zip(header, allowed, strict=True)):
                wanted = ",".join(" or ".join(a) for a in allowed)
                raise MarketDataError(
                    path, line, "", f"the columns {wanted}", ",".join(header) or "no header"
                )
            for values in reader:
                line = reader.line_num
                if len(values) != len(header):
                    raise MarketDataError(path, line, "", f"{len(header)} columns", f"{len(values)}")
                yield _Row(path, line, header, values)
    except (csv.Error, UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise MarketDataError(path, line, "", "readable CSV after this line", str(error)) from error


class _Row:
    """A row and the checks of its columns."""

    __slots__ = ("header", "line", "path", "values")

    def __init__(self, path: Path, line: int, header: tuple[str, ...], values: list[str]) -> None:
        self.path = path
        self.line = line
        self.header = header
        self.values = values

    def column(self, position: int) -> str:
        return self.header[position]

    def text(self, column: str) -> str:
        return self.values[self.header.index(column)]

    def error(self, column: str, expected: str) -> MarketDataError:
        return MarketDataError(self.path, self.line, column, expected, repr(self.text(column)))

    def integer(self, column: str, lo: int, hi: int) -> int:
        text = self.text(column)
        if not (text.isascii() and text.isdigit() and lo <= int(text) <= hi):
            raise self.error(column, f"an integer within [{lo}, {hi}]")
        return int(text)

    def one_of(self, column: str, allowed: tuple[str, ...]) -> str:
        if self.text(column) not in allowed:
            raise self.error(column, f"one of {', '.join(allowed)}")
        return self.text(column)

    def symbol(self, column: str) -> str:
        text = self.text(column)
        if not (text.isascii() and text.replace("-", "").replace("_", "").isalnum() and len(text) <= 32):
            raise self.error(column, "a symbol of 1 to 32 letters, digits, - and _")
        return text

    def number(self, column: str, expected: str, accept: Callable[[Decimal], bool]) -> Decimal:
        text = self.text(column)
        # Short enough that the arithmetic on it, by powers of ten, is exact in Decimal's 28 digits.
        if len(text) > 24 or not _DECIMAL.fullmatch(text) or not accept(Decimal(text)):
            raise self.error(column, expected)
        return Decimal(text)

    def decimal(self, column: str) -> Decimal:
        return self.number(column, "a positive decimal number", lambda v: v > 0)

    def rate(self, column: str) -> Decimal:
        return self.number(column, "a rate within [-1, 1]", lambda v: -1 <= v <= 1)

    def lots(self, column: str, scale: Scale) -> int:
        lots = self.decimal(column) / scale.lot
        if lots != lots.to_integral_value():
            raise self.error(column, f"a whole number of lots of {scale.lot}")
        if lots > MAX_LOTS:
            raise self.error(column, f"at most {MAX_LOTS} lots of {scale.lot}")
        return int(lots)

    def price(self, column: str, scale: Scale, *, exact: bool = True) -> int:
        units = self.decimal(column) * scale.lot * scale.units
        whole = units.to_integral_value()
        if exact and units != whole:
            raise self.error(
                column, f"a price of whole units for one lot, {scale.lot}; {scale.units} units are 1"
            )
        if not 1 <= whole <= MAX_PRICE:
            raise self.error(column, f"a price of 1 to {MAX_PRICE} units for one lot, {scale.lot}")
        return int(whole)

    def date(self, column: str) -> int:
        try:
            date = datetime.strptime(self.text(column), "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
        except ValueError:
            raise self.error(column, "a date such as 2020-01-01 03:00:00.000") from None
        return round(date.timestamp() * 1000)
