"""Market paths: the order of prices within a candle, steps, windows, and files that are wrong."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seawall.lab.market.candle_file import PathError, read_candle_file
from seawall.lab.market.market_path import (
    Candles,
    MarketPath,
    Window,
    choose_step,
    expand,
    market_of_symbol,
    parse_time,
    read_market_path,
    refine,
)
from seawall.lab.market.named_scenarios import DEFAULT, load
from seawall.lab.market.recorded_feed import recorded_feed
from seawall.lab.market.scenario import scenario_path
from seawall.lab.market.scenario_file import parse_scenario
from tests.shared_files import shared_file

MINUTE = 60_000
START = parse_time("2025-10-10", "start")
HEADER = "date,open,high,low,close,volume"
ROWS = [
    "2025-10-10T00:00:00Z,100,110,90,105,1",
    "2025-10-10T00:01:00Z,105,106,80,81,1",
    "2025-10-10T00:02:00Z,81,95,80,90,1",
]


def csv(folder: Path, *lines: str, name: str = "BTCUSDT_1m.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, *markets: str, window: Window | None = None) -> MarketPath:
    return read_market_path([path], markets or ("BTC",), window)


def test_order_within_a_candle() -> None:
    up, down, flat = (100.0, 110.0, 90.0, 105.0), (105.0, 106.0, 80.0, 81.0), (5.0, 6.0, 4.0, 5.0)
    prices = expand(np.asarray([up, down, flat]), 4)
    assert prices.tolist() == [100, 90, 110, 105, 105, 106, 80, 81, 5, 4, 6, 5]


@pytest.mark.parametrize("steps", [4, 5, 7, 20, 100])
def test_every_candle_price_is_met_and_nothing_lies_outside(steps: int) -> None:
    random = np.random.default_rng(steps)
    body = random.uniform(10, 20, (50, 2))
    candles = np.stack(
        [body[:, 0], body.max(axis=1) + random.random(50), body.min(axis=1) - 1, body[:, 1]], axis=1
    )
    prices = expand(candles, steps).reshape(50, steps)
    assert (prices[:, 0] == candles[:, 0]).all()
    assert (prices[:, -1] == candles[:, 3]).all()
    assert (prices.max(axis=1) == candles[:, 1]).all()
    assert (prices.min(axis=1) == candles[:, 2]).all()


def test_csv_becomes_a_path(tmp_path: Path) -> None:
    path = read(csv(tmp_path, HEADER, *ROWS))
    assert path.step_ms == 3_000
    assert path.times_ms[0] == START
    assert len(path.times_ms) == 3 * 20
    assert path.oracle["BTC"].min() == 80
    assert path.outside["BTC"].max() == 110


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_as_numbers(tmp_path: Path, unit: str) -> None:
    scale = {"s": 0.001, "ms": 1, "us": 1000, "ns": 1_000_000}[unit]
    rows = [f"{int((START + i * MINUTE) * scale)},1,1,1,1" for i in range(3)]
    path = read(csv(tmp_path, "timestamp,open,high,low,close", *rows))
    assert path.times_ms[0] == START


def test_mark_columns_are_the_oracle(tmp_path: Path) -> None:
    header = "date,open,high,low,close,mark_open,mark_high,mark_low,mark_close"
    rows = [f"2025-10-10T00:0{i}:00Z,1,2,0.5,1,1,1.5,0.8,1" for i in range(2)]
    path = read(csv(tmp_path, header, *rows))
    assert path.oracle["BTC"].min() == 0.8
    assert path.outside["BTC"].min() == 0.5


def test_a_second_file_may_hold_mark_candles_and_a_third_funding(tmp_path: Path) -> None:
    traded = csv(tmp_path, HEADER, *ROWS)
    marks = csv(
        tmp_path, HEADER, *(f"{row[:20]},50,50,50,50,0" for row in ROWS), name="BTC_mark.csv"
    )
    funding = csv(
        tmp_path, "date,funding_rate", "2025-10-10T00:01:00Z,0.0001", "2025-10-11,0.5",
        name="BTC_funding.csv",
    )  # fmt: skip
    path = read_market_path([traded, marks, funding], ["BTC"])
    assert set(path.oracle["BTC"]) == {50.0}
    assert path.funding["BTC"].rates.tolist() == [0.0001]


def test_markets_share_the_time_they_have_in_common(tmp_path: Path) -> None:
    a = csv(tmp_path, HEADER, *ROWS)
    b = csv(tmp_path, HEADER, *ROWS[1:], "2025-10-10T00:03:00Z,90,90,90,90,1", name="ETHUSDT.csv")
    path = read_market_path([a, b], ["BTC", "ETH"])
    assert path.times_ms[0] == START + MINUTE
    assert len(path.times_ms) == 2 * 20
    assert path.oracle["BTC"].tolist() == path.oracle["ETH"].tolist()


def test_small_holes_are_held_and_said(tmp_path: Path) -> None:
    path = read(csv(tmp_path, HEADER, *ROWS, "2025-10-10T00:05:00Z,90,91,89,90,1"))
    assert path.notes == ("BTC: 2 missing candles held at the close before them",)
    assert len(path.times_ms) == 6 * 20
    assert set(path.oracle["BTC"][60:100]) == {90.0}


def test_step_choice() -> None:
    candles = np.ones((1000, 4))
    five_minutes = {"BTC": Candles(START, 5 * MINUTE, candles, candles)}
    assert choose_step(five_minutes, None) == 37_500
    assert choose_step(five_minutes, 3_000) == 3_000
    with pytest.raises(PathError, match="step: 7 s"):
        choose_step(five_minutes, 7_000)
    mixed = {**five_minutes, "ETH": Candles(START + MINUTE, MINUTE, candles, candles)}
    assert choose_step(mixed, None) == 15_000


def test_large_moves_are_divided_small_ones_are_not() -> None:
    times = np.asarray([0, 60_000, 120_000, 123_000])
    prices = {"A": np.asarray([100.0, 100.2, 98.3, 50.0]), "B": np.asarray([1.0, 1.0, 1.0, 1.0])}
    finer, (group,) = refine(times, [prices])
    assert finer.tolist() == [0, *range(60_000, 120_000, 7_500), 120_000, 123_000]
    assert group["A"].tolist()[:2] == [100.0, 100.2]
    assert np.abs(np.diff(group["A"][1:10])).max() == pytest.approx(1.9 / 8)
    assert np.isin(prices["A"], group["A"]).all()
    assert set(group["B"]) == {1.0}


@pytest.mark.parametrize(
    ("symbol", "market"),
    [
        ("BTC", "BTC"),
        ("BTCUSDT", "BTC"),
        ("BTC-USDT-SWAP", "BTC"),
        ("btc_usd", "BTC"),
        ("BTC/USDT:USDT", "BTC"),
        ("1000PEPEUSDT", "kPEPE"),
        ("ETHUSDT", None),
    ],
)
def test_symbols(symbol: str, market: str | None) -> None:
    assert market_of_symbol(symbol, ["BTC", "kPEPE"]) == market


WRONG_ROWS = [
    (["date,open,high,low", "2025-10-10,1,1,1"], "missing column close"),
    (["date,price", "2025-10-10,1"], "missing columns open, high, low, close"),
    (["open,high,low,close", "1,1,1,1"], "no time column"),
    ([HEADER], "no rows"),
    ([], "the file is empty"),
    ([HEADER, ROWS[0]], "needs two or more"),
    ([HEADER, ROWS[0], ROWS[0]], "two rows have the time 2025-10-10 00:00:00"),
    ([HEADER, ROWS[1], ROWS[0]], "not sorted by time"),
    ([HEADER, ROWS[0], "2025-10-10T00:01:00Z,1,nan,1,1,1"], "column high, row 2: no number"),
    ([HEADER, ROWS[0], "2025-10-10T00:01:00Z,1,,1,1,1"], "column high, row 2: no number"),
    ([HEADER, ROWS[0], "2025-10-10T00:01:00Z,1,1,-1,1,1"], "column low, row 2: price -1"),
    ([HEADER, ROWS[0], "2025-10-10T00:01:00Z,1,1,0,1,1"], "column low, row 2: price 0"),
    ([HEADER, ROWS[0], "2025-10-10T00:01:00Z,1,1e300,1,1,1"], "column high, row 2: price 1e+300"),
    ([HEADER, ROWS[0], "2025-10-10T00:01:00Z,1,inf,1,1,1"], "column high, row 2: price inf"),
    ([HEADER, ROWS[0], "2025-10-10T00:01:00Z,5,4,1,2,1"], "do not enclose"),
    ([HEADER, ROWS[0], "2025-10-10T00:01:00Z,x,4,1,2,1"], "column open, row 2: 'x'"),
    ([HEADER, ROWS[0], "soon,1,1,1,1,1"], "column date, row 2: 'soon' is not a time"),
    ([HEADER, ROWS[0], "1,1"], "row 2 has 2 fields where the header has 6"),
    ([HEADER, "1,1,1,1,1,1", "61,1,1,1,1,1"], "is not a time after 2000"),
    ([HEADER, *ROWS, "2025-10-10T00:03:30Z,1,1,1,1,1"], "are 60 s long"),
    ([HEADER, *ROWS, "2025-10-12T00:03:00Z,1,1,1,1,1"], "no candles of BTC between"),
]


@pytest.mark.parametrize(("lines", "message"), WRONG_ROWS, ids=[m for _, m in WRONG_ROWS])
def test_wrong_csv(tmp_path: Path, lines: list[str], message: str) -> None:
    path = csv(tmp_path, *lines)
    with pytest.raises(PathError, match=r"BTCUSDT_1m\.csv") as caught:
        read(path)
    assert message in str(caught.value)


def test_funding_out_of_range(tmp_path: Path) -> None:
    path = csv(tmp_path, "date,funding_rate", "2025-10-10,3")
    with pytest.raises(PathError, match="column funding_rate, row 1: 3 is not a fraction"):
        read_candle_file(path)


def test_missing_market_and_file(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="no such file"):
        read(tmp_path / "absent.csv")
    path = csv(tmp_path, "symbol," + HEADER, *("ETHUSDT," + row for row in ROWS))
    with pytest.raises(PathError, match="no candles of BTC; found ETHUSDT"):
        read(path)


@pytest.mark.parametrize(("name", "found"), [("ETHUSDT.csv", "ETHUSDT"), ("eth_1h.csv", "eth")])
def test_a_file_named_after_another_market_is_not_taken(
    tmp_path: Path, name: str, found: str
) -> None:
    path = csv(tmp_path, HEADER, *ROWS, name=name)
    with pytest.raises(PathError, match=f"{name}: no candles of BTC; found {found}$"):
        read(path)
    with pytest.raises(PathError, match=f"{name}: no candles of BTC; found {found}$"):
        recorded_feed(path, ["BTC"])
    assert list(recorded_feed(path).prices) == ["ETH"]


def test_a_file_whose_name_says_no_market_is_about_the_one_asked_for(tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER, *ROWS, name="candles.csv")
    assert read(path).oracle.keys() == {"BTC"}


def test_no_time_in_common(tmp_path: Path) -> None:
    a = csv(tmp_path, HEADER, *ROWS)
    late = [row.replace("10-10", "10-12") for row in ROWS]
    b = csv(tmp_path, HEADER, *late, name="ETHUSDT.csv")
    with pytest.raises(PathError, match="no time in common: BTC 2025-10-10 00:00:00 to"):
        read_market_path([a, b], ["BTC", "ETH"])


def test_empty_window(tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER, *ROWS)
    late = Window(parse_time("2026-01-01", "--from"))
    with pytest.raises(PathError, match=r"0 candles of BTC in the window.*covers 2025-10-10"):
        read(path, window=late)
    with pytest.raises(PathError, match="--from: 'yesterday' is not a time"):
        parse_time("yesterday", "--from")


def parquet(folder: Path) -> Path:
    times = pa.array([START + i * MINUTE for i in range(3)], pa.timestamp("ms", tz="UTC"))
    numbers = pa.array([1.0, 1.0, 1.0])
    columns = {"date": times, **dict.fromkeys(("open", "high", "low", "close"), numbers)}
    path = folder / "BTCUSDT.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_and_every_truncation_of_it(tmp_path: Path) -> None:
    whole = parquet(tmp_path)
    assert read(whole).times_ms[0] == START
    content = whole.read_bytes()
    for length in [0, 1, 4, len(content) // 2, len(content) - 9, len(content) - 1]:
        broken = tmp_path / "broken.parquet"
        broken.write_bytes(content[:length])
        with pytest.raises(PathError, match="not a complete parquet file"):
            read(broken)


def test_scenario_path_repeats_and_meets_its_waypoints() -> None:
    scenario = load(DEFAULT)
    first = scenario_path(scenario, ["BTC", "ETH"], {})
    again = scenario_path(scenario, ["BTC", "ETH"], {})
    assert all((first.oracle[m] == again.oracle[m]).all() for m in first.markets)
    minutes = (first.times_ms - first.times_ms[0]) / MINUTE
    for name in first.markets:
        shape, price = scenario.shape_of(name), scenario.price_of(name)
        assert shape is not None
        assert price is not None
        for minute, percent in shape.waypoints:
            at = int(np.argmin(np.abs(minutes - minute)))
            assert first.oracle[name][at] == pytest.approx(price * percent / 100, rel=2e-3)


def test_scenario_starts_where_the_account_is() -> None:
    scenario = load(DEFAULT)
    path = scenario_path(scenario, ["BTC", "HYPE"], {"BTC": 50_000.0, "HYPE": 40.0})
    assert path.oracle["BTC"][0] == 50_000
    assert path.origins["HYPE"].source.startswith("median of altcoins (27 recorded)")
    with pytest.raises(PathError, match="the price of HYPE at the start is not known"):
        scenario_path(scenario, ["HYPE"], {})


WRONG_SCENARIOS = [
    ("name = ", "not valid TOML"),
    ('name = "x"', "missing required field"),
    ('start = "soon"', "start: 'soon' is not a time"),
    ("step_seconds = 0", "step_seconds: 0 should be"),
    ("price = -1.0", "price: -1 should be above 0"),
    ("price = nan", "price: nan should be above 0"),
    ("waypoints = [[0, 100.0]]", "need two or more"),
    ("waypoints = [[0, 100.0], [5, 90.0], [5, 80.0]]", "minutes rising from 0"),
    ("waypoints = [[0, 100.0], [5, -90.0]]", "-90 % at minute 5"),
    ("waypoints = [[0, 100.0], [1e300, 90.0]]", "minutes are more than"),
    ("wobble_bp = nan", "wobble_bp: nan"),
    ("colour = 1", "unknown field `colour`"),
]


@pytest.mark.parametrize(("line", "message"), WRONG_SCENARIOS, ids=[m for _, m in WRONG_SCENARIOS])
def test_wrong_scenario(line: str, message: str) -> None:
    key = line.split(" =")[0]
    good = {
        "name": 'name = "x"', "start": 'start = "2025-10-10"', "step_seconds": "step_seconds = 3.0",
        "market": "[[market]]", "market_name": 'name = "BTC"', "price": "price = 100.0",
        "waypoints": "waypoints = [[0, 100.0], [5, 90.0]]", "wobble_bp": "wobble_bp = 0.0",
    }  # fmt: skip
    assert parse_scenario("\n".join(good.values()), "s.toml").name == "x"
    text = line if message.startswith("missing") else "\n".join({**good, key: line}.values())
    with pytest.raises(PathError, match=r"s\.toml") as caught:
        parse_scenario(text, "s.toml")
    assert message in str(caught.value)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "markets", "low"),
    [
        ("stress_2025-10-10_binance_5m.parquet", ("BTC", "SOL", "DOGE"), 101_516.5),
        ("stress_2025-10-10_binance_15m.parquet", ("BTC", "ETH", "XRP"), 101_516.5),
        ("stress_2022-11_ftx_okx_15m.parquet", ("BTC", "ETH"), 15_500.0),
        ("stress_2022-01_btcperp_1m.parquet", ("BTC",), 32_837.0),
        ("stress_2020-03-12_binance_30m.parquet", ("BTC",), 3_621.81),
        ("binance_1h_full/BTCUSDT_1h_mark.parquet", ("BTC",), 3_801.83),
    ],
)
def test_recorded_layouts(name: str, markets: tuple[str, ...], low: float) -> None:
    path = read_market_path([shared_file(f"data/ohlcv_funding/{name}")], markets)
    assert path.oracle["BTC"].min() == pytest.approx(low, rel=1e-2)
    steps = np.diff(path.times_ms)
    assert steps.min() >= 3_000
    assert steps.max() == path.step_ms
    moves = np.abs(path.oracle["BTC"][1:] / path.oracle["BTC"][:-1] - 1)
    assert moves[steps > 6_000].max() <= 0.0026


@pytest.mark.shared
def test_recorded_funding_beside_candles() -> None:
    folder = shared_file("data/ohlcv_funding/binance_1h_full")
    names = ["BTCUSDT_1h_trade.parquet", "BTCUSDT_1h_mark.parquet", "BTCUSDT_funding.parquet"]
    window = Window(parse_time("2020-03-10", "a"), parse_time("2020-03-15", "b"))
    path = read_market_path([folder / name for name in names], ["BTC"], window)
    assert len(path.funding["BTC"].rates) == 15
    assert path.oracle["BTC"].min() == pytest.approx(3_801.83, abs=0.01)
    assert path.outside["BTC"].min() == 3_621.81
