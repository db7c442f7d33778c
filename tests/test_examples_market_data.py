"""Reading market data: the shipped files whole, and a typed error for every kind of bad row."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from examples.perpetuals.market_data import (
    FUNDING,
    MARKS_2023,
    TRADES_2023,
    TRADES_2024,
    MarketDataError,
    Scale,
    Trade,
    read_funding,
    read_marks,
    read_trades,
    scale_of,
)

SCALE = Scale(Decimal("0.001"), 10**6)
HEADER = "trade_time_ms,recv_time_us,symbol,trade_id,price,qty,taker_side,x"
ROW = "1680652700452,1680652700441533,BTCUSDT,7,28145.10,0.002,sell,MARKET"


def written(path: Path, *lines: str, name: str = "trades.csv") -> Path:
    file = path / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_shipped_trades() -> None:
    for path, count, lots in ((TRADES_2023, 2197, 201_588), (TRADES_2024, 21_313, 2_429_366)):
        assert scale_of(path) == SCALE
        trades = list(read_trades(path, SCALE))
        assert (len(trades), sum(t.size for t in trades)) == (count, lots)
    first = next(read_trades(TRADES_2023, SCALE))
    assert first == Trade(1680652700452, "BTCUSDT", 3535186032, 28_145_100, 2, False, "MARKET")


def test_shipped_marks_and_funding() -> None:
    marks = list(read_marks(MARKS_2023, SCALE))
    assert len(marks) == 99
    assert (marks[0].price, marks[0].funding_rate) == (28_147_274, Decimal("0.00002754"))
    assert marks[0].next_funding_ms == 1680652800000
    rates = list(read_funding(FUNDING))
    assert len(rates) == 4383
    assert (rates[0].time_ms, rates[0].rate) == (1577847600000, Decimal("-0.00012359"))


def test_other_symbols_and_scales(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        HEADER.replace("_us", "_ns"),
        "1,1,1000PEPEUSDT,1,0.0012345,17,buy,MARKET",
        "2,2,1000PEPEUSDT,2,0.0012346,120000,sell,INSURANCE_FUND",
    )
    scale = scale_of(file)
    assert scale == Scale(Decimal(1), 10**7)
    assert [(t.price, t.size, t.taker_buys) for t in read_trades(file, scale)] == [
        (12_345, 17, True),
        (12_346, 120_000, False),
    ]


def test_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    file.write_bytes(gzip.compress(f"{HEADER}\n{ROW}\n".encode()))
    assert len(list(read_trades(file, SCALE))) == 1


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    file = written(tmp_path, HEADER, ROW, "broken")
    trades = read_trades(file, SCALE)
    assert next(trades).trade_id == 7
    with pytest.raises(MarketDataError):
        next(trades)


@pytest.mark.parametrize(
    ("old", "new", "column", "expected", "found"),
    [
        ("1680652700452", "yesterday", "trade_time_ms", "an integer within", "'yesterday'"),
        ("1680652700452", "-1", "trade_time_ms", "an integer within", "'-1'"),
        ("1680652700452", "99999999999999", "trade_time_ms", "an integer within", "'99999999999999'"),
        ("1680652700441533", "", "recv_time_us", "an integer within", "''"),
        ("BTCUSDT", "", "symbol", "a symbol of 1 to 32 letters", "''"),
        ("BTCUSDT", "BTC USDT", "symbol", "a symbol of 1 to 32 letters", "'BTC USDT'"),
        (",7,", ",7.5,", "trade_id", "an integer within", "'7.5'"),
        (",7,", ",٧,", "trade_id", "an integer within", "'٧'"),
        ("28145.10", "28,145.10", "", "8 columns", "9"),
        ("28145.10", "-28145.10", "price", "a positive decimal number", "'-28145.10'"),
        ("28145.10", "0.00", "price", "a positive decimal number", "'0.00'"),
        ("28145.10", "NaN", "price", "a positive decimal number", "'NaN'"),
        ("28145.10", "Infinity", "price", "a positive decimal number", "'Infinity'"),
        ("28145.10", "2e4", "price", "a positive decimal number", "'2e4'"),
        ("28145.10", "1_000", "price", "a positive decimal number", "'1_000'"),
        ("28145.10", " 28145.10", "price", "a positive decimal number", "' 28145.10'"),
        ("28145.10", "1" * 30, "price", "a positive decimal number", "'111111111111111111111111111111'"),
        ("28145.10", "28145.1001", "price", "a price of whole units", "'28145.1001'"),
        ("28145.10", "9999999999", "price", "a price of 1 to 1099511627775 units", "'9999999999'"),
        ("0.002", "0.0021", "qty", "a whole number of lots of 0.001", "'0.0021'"),
        ("0.002", "2147483.648", "qty", "at most 2147483647 lots", "'2147483.648'"),
        ("0.002", "0", "qty", "a positive decimal number", "'0'"),
        ("sell", "SELL", "taker_side", "one of buy, sell", "'SELL'"),
        ("MARKET", "OTC", "x", "one of MARKET", "'OTC'"),
        (",MARKET", "", "", "8 columns", "7"),
    ],
)
def test_a_bad_row(tmp_path: Path, old: str, new: str, column: str, expected: str, found: str) -> None:
    assert old in ROW
    file = written(tmp_path, HEADER, ROW.replace(",7,", ",6,"), ROW.replace(old, new, 1))
    with pytest.raises(MarketDataError) as caught:
        list(read_trades(file, SCALE))
    error = caught.value
    assert (error.file, error.line, error.column, error.found) == (file, 3, column, found)
    assert error.expected.startswith(expected)
    assert str(error).startswith(f"{file}:3")
    assert f"expected {expected}" in str(error)
    assert f"found {found}" in str(error)


def test_times_and_ids_rise(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match=r"column trade_id: expected an integer within .8, "):
        list(read_trades(written(tmp_path, HEADER, ROW, ROW), SCALE))
    earlier = ROW.replace("1680652700452", "1680652700451").replace(",7,", ",8,")
    with pytest.raises(
        MarketDataError, match=r"column trade_time_ms: expected an integer within .1680652700452, "
    ):
        list(read_trades(written(tmp_path, HEADER, ROW, earlier), SCALE))


@pytest.mark.parametrize(
    "header", ["", "a,b", HEADER.replace("qty", "size"), HEADER + ",more", HEADER.replace("_us", "_s")]
)
def test_a_bad_header(tmp_path: Path, header: str) -> None:
    with pytest.raises(
        MarketDataError, match=r":1: expected the columns trade_time_ms,recv_time_us or recv_time_ns,"
    ):
        list(read_trades(written(tmp_path, header, ROW), SCALE))


def test_files_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv.gz"
    whole = gzip.compress(f"{HEADER}\n{ROW}\n".encode() * 100)
    for data in (
        whole[:-9],
        whole[:20],
        whole[:60] + b"\0\0\0\0" + whole[64:],
        HEADER.encode() + b"\n\xff\xfe",
    ):
        file.write_bytes(data)
        with pytest.raises(MarketDataError):
            list(read_trades(file, SCALE))
    with pytest.raises(FileNotFoundError):
        list(read_trades(tmp_path / "missing.csv", SCALE))


@pytest.mark.parametrize(
    ("lot", "units"), [("0.002", 10**6), ("0", 10**6), ("-0.1", 10**6), ("1", 0), ("1", 5), ("1", -10)]
)
def test_scales_are_powers_of_ten(lot: str, units: int) -> None:
    with pytest.raises(ValueError, match="to be a power of ten"):
        Scale(Decimal(lot), units)


def test_bad_marks_and_funding(tmp_path: Path) -> None:
    header, good = MARKS_2023.read_text().splitlines()[:2]
    for old, new, column in (
        ("0.00002754", "1.5", "funding_rate"),
        ("28147.27373413", "0", "mark_price"),
        ("28159.75642857", "x", "index_price"),
        ("1680652800000", "1680652700999", "next_funding_time_ms"),
    ):
        with pytest.raises(MarketDataError, match=f":2, column {column}"):
            list(read_marks(written(tmp_path, header, good.replace(old, new)), SCALE))
    rows = ["Symbol,Date,Funding Rate", "BTC-USDT,2020-01-01 03:00:00.000,0.0001"]
    for row, column in (
        (rows[1], "Date"),
        ("BTC-USDT,2020-13-01 03:00:00.000,0.0001", "Date"),
        ("BTC-USDT,2021-01-01 03:00:00.000,much", "Funding Rate"),
    ):
        with pytest.raises(MarketDataError, match=f":3, column {column}"):
            list(read_funding(written(tmp_path, *rows, row)))
