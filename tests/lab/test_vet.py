"""The figures of a venue: by hand, against an independent calculation, and in a storm."""

import gzip
import json
from bisect import bisect_left, bisect_right
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from seawall.cli.params import Outputs
from seawall.cli.vet import VetOptions as Options
from seawall.cli.vet import vet as command
from seawall.lab.market.book import BookError
from seawall.lab.vet import vet
from seawall.lab.vet.book import CROSSED, EMPTY, Sampler
from seawall.lab.vet.measures import phase_figures
from seawall.lab.vet.question import result_of
from seawall.lab.vet.recorded import recorded_tape
from seawall.lab.vet.resilience import recovery_of, resilience_of
from seawall.lab.vet.tape import (
    AFTER,
    CALM,
    STORM,
    Charges,
    Tape,
    Trades,
    Watch,
    found_phases,
    split_phases,
    walked_sizes,
    weighted_mean,
    weighted_quantile,
)
from seawall.lab.vet.verdict import FAIR, GOOD, POOR, UNGRADED, verdict_of
from tests.lab.test_book_replay import BITCOIN, SNAPSHOT, Row, file_rows, written
from tests.shared_files import shared_file

FEES = Charges(0.00045, 0.00015, "of the test")
SIZES = (1_000.0, 10_000.0)
LINES = "data/l2_small_samples/hyperliquid_l2book_btcusd_20250126.jsonl.gz"


def levels(*rows: tuple[float, float]) -> Any:
    return np.asarray(rows, dtype=np.float64).reshape(-1, 2)


BIDS = levels((99.9, 10), (99.8, 20), (99.0, 1000))
ASKS = levels((100.1, 5), (100.15, 100), (101.0, 1000))


def tape_of(
    sampler: Sampler,
    end_ms: int,
    phases: dict[str, tuple[tuple[int, int], ...]] | None = None,
    trades: list[tuple[int, float, float, int]] | None = None,
    **more: Any,
) -> Tape:
    samples = sampler.samples()
    sizes = tuple(sampler.sizes.tolist())
    return Tape(
        market="BTC",
        source="the test",
        sizes=sizes,
        shown=sizes,
        samples=samples,
        trades=Trades.of(trades or []),
        end_ms=end_ms,
        phases=phases or {CALM: ((int(samples.times_ms[0]), end_ms),)},
        charges=FEES,
        **more,
    )


# -- one book ------------------------------------------------------------------------------------


def test_the_figures_of_one_book() -> None:
    sampler = Sampler(SIZES)
    sampler.look(0, BIDS, ASKS)
    samples = sampler.samples()
    assert samples.spread_bp[0] == pytest.approx(20.0)
    # Within 10 bp of 100: from 99.9 to 100.1.
    assert samples.depth[0].tolist() == [
        pytest.approx([999.0, 999.0 + 1996.0, 999.0 + 1996.0]),
        pytest.approx([500.5, 500.5 + 10_015.0, 500.5 + 10_015.0]),
    ]
    assert samples.imbalance[0] == pytest.approx((999.0 - 500.5) / (999.0 + 500.5))
    # 10 coins: 5 at 100.1 and 5 at 100.15; sold at 99.9.
    assert samples.slippage[0, 0, 0] == pytest.approx((100.125 / 100 - 1) * 1e4)
    assert samples.slippage[0, 1, 0] == pytest.approx(10.0)
    # 100 coins sold: 10 at 99.9, 20 at 99.8, 70 at 99.
    assert samples.slippage[0, 1, 1] == pytest.approx((1 - 99.25 / 100) * 1e4)


def test_a_size_beyond_the_book_has_no_slippage() -> None:
    sampler = Sampler((10_600.0, 500_000.0))
    sampler.look(0, BIDS, levels((100.1, 106)))
    found = sampler.samples().slippage[0]
    assert found[0, 0] == pytest.approx(10.0)
    assert isnan(found[0, 1])
    assert isnan(found[1, 1])


def test_books_that_cannot_be_used() -> None:
    sampler = Sampler(SIZES)
    sampler.look(0, BIDS, levels())
    sampler.look(1, levels((100.2, 1)), ASKS)
    samples = sampler.samples()
    assert samples.state.tolist() == [EMPTY, CROSSED]
    assert np.isnan(samples.spread_bp).all()
    assert np.isnan(samples.imbalance).all()


def test_what_the_source_does_not_show_is_not_whole() -> None:
    sampler = Sampler(SIZES)
    sampler.look(0, BIDS, ASKS, known=(99.8, 100.6))
    assert sampler.samples().whole[0].tolist() == [[True, False, False], [True, True, True]]


# -- time ----------------------------------------------------------------------------------------


def test_figures_count_for_as_long_as_the_book_stood() -> None:
    sampler = Sampler(SIZES)
    sampler.look(0, BIDS, ASKS)
    sampler.look(1_000, levels((99.5, 10)), levels((100.5, 5)))
    sampler.look(4_000, levels((99.5, 10)), levels())
    tape = tape_of(sampler, 5_000)
    figures = phase_figures(tape, CALM)
    # 20 bp for one second, 100 bp for three; the last second has no book.
    assert figures.spread == pytest.approx(((20 + 3 * 100) / 4, 100.0, 100.0))
    assert figures.downtime.empty == pytest.approx(0.2)
    assert figures.downtime.longest_wait == 3.0
    assert figures.bands[2].bids == pytest.approx((2995.0 + 3 * 995.0) / 4)
    # 10 coins are there all the time to sell, to buy (5 offered) only in the first second.
    small = figures.costs[0]
    assert small.held == pytest.approx(0.25)
    assert small.buy == pytest.approx(12.5)
    assert small.sell == pytest.approx((10 + 3 * 50) / 4)
    assert small.round_trip == pytest.approx(small.buy + small.sell + 9.0)


def test_a_book_that_stands_across_two_phases_counts_in_both() -> None:
    sampler = Sampler(SIZES)
    sampler.look(0, BIDS, ASKS)
    sampler.look(3_000, levels((99.5, 10)), levels((100.5, 5)))
    tape = tape_of(sampler, 4_000, {CALM: ((0, 1_000), (3_500, 4_000)), STORM: ((1_000, 3_500),)})
    assert tape.weights(CALM).tolist() == [1_000, 500]
    assert tape.weights(STORM).tolist() == [2_000, 500]
    assert phase_figures(tape, STORM).spread.mean == pytest.approx((2_000 * 20 + 500 * 100) / 2_500)


def test_weighted_means_and_quantiles() -> None:
    values, weights = np.array([3.0, 1.0, nan, 2.0]), np.array([1.0, 2.0, 50.0, 1.0])
    assert weighted_mean(values, weights) == pytest.approx(7 / 4)
    assert weighted_quantile(values, weights, 0.5) == 1.0
    assert weighted_quantile(values, weights, 0.51) == 2.0
    assert weighted_quantile(values, weights, 0.95) == 3.0
    assert isnan(weighted_quantile(values, np.zeros(4), 0.5))


def test_the_storm_of_a_recording_is_where_the_middle_ranges_widest() -> None:
    sampler = Sampler(SIZES)
    for second in range(300):
        middle = 100.0 if second < 150 else 100.0 - min(second - 150, 40) / 10
        sampler.look(second * 1000, levels((middle - 0.01, 5)), levels((middle + 0.01, 5)))
    found = found_phases(sampler.samples(), 300_000)
    ((start, stop),) = found[STORM]
    assert stop - start == 60_000
    assert start <= 150_000
    assert stop >= 190_000
    assert found == split_phases(0, 300_000, start, stop)
    assert sum(last - first for spans in found.values() for first, last in spans) == 300_000


# -- trades --------------------------------------------------------------------------------------


def wave(depths: list[float], every_ms: int = 1_000) -> Sampler:
    """Looks whose asks hold so many USD at 100.05; the bids stand still at 99.95."""
    sampler = Sampler((100.0,))
    for place, usd in enumerate(depths):
        sampler.look(place * every_ms, levels((99.95, 1000)), levels((100.05, usd / 100.05)))
    return sampler


def test_how_much_of_what_a_trade_ate_is_back() -> None:
    depths = [1000.0, 400.0, 550.0, 550.0, 700.0, 700.0, 850.0, *[1200.0] * 40]
    trades = [(1_000, 100.05, 6.0, 1), (1_000, 100.05, 0.5, 1), (30_000, 99.95, 0.1, -1)]
    found = resilience_of(tape_of(wave(depths), 60_000, trades=trades), CALM)
    assert (found.trades, found.unmoved) == (1, 1)
    assert found.eaten == pytest.approx(600.0)
    # After 1 s 150 of 600 are back, after 5 s 450; more than all counts as all.
    assert found.back == pytest.approx((0.25, 0.75, 1.0))
    assert found.half_depth == pytest.approx(3.0)
    assert isnan(found.half_spread)


def test_what_never_comes_back_and_what_nobody_saw() -> None:
    depths = [1000.0, 400.0, *[400.0] * 200]
    trades = [(1_000, 100.05, 6.0, 1)]
    forever = resilience_of(tape_of(wave(depths), 200_000, trades=trades), CALM)
    assert (forever.half_depth, forever.back) == (inf, pytest.approx((0.0, 0.0, 0.0)))
    cut = resilience_of(tape_of(wave(depths[:10]), 10_000, trades=trades), CALM)
    assert isnan(cut.half_depth)
    assert isnan(cut.back[2])


def test_impact_is_the_slope_of_moves_over_signed_volume() -> None:
    sampler = Sampler(SIZES)
    middle, trades = 100.0, []
    signs = [1, -1, 1, 1, -1, -1, 1, -1, 1, 1, -1, 1]
    for second, sign in enumerate(signs):
        sampler.look(second * 1000, levels((middle - 0.01, 5)), levels((middle + 0.01, 5)))
        usd = sign * (second + 1) * 50_000
        trades.append((second * 1000 + 400, 100.0, abs(usd) / 100.0, sign))
        middle *= 1 + 3.0 * usd / 1e6 * 1e-4
    sampler.look(12_000, levels((middle - 0.01, 5)), levels((middle + 0.01, 5)))
    flow = phase_figures(tape_of(sampler, 12_500, trades=trades), CALM).flow
    assert flow is not None
    assert flow.impact == pytest.approx(3.0, rel=1e-6)
    assert flow.explained == pytest.approx(1.0)
    assert flow.trades == 12
    assert flow.largest == pytest.approx(600_000)
    assert flow.per_minute == pytest.approx(12 / 12.5 * 60)


# -- verdict -------------------------------------------------------------------------------------


def storm_tape(depth: float, half_spread: float, recovered: int, **more: Any) -> Tape:
    """100 s of calm, then ``recovered`` seconds with another depth (share) and spread."""
    sampler = Sampler((1_000.0,))
    for second in range(400):
        bad = 100 <= second < 100 + recovered
        held, half = (100 * depth, half_spread) if bad else (100.0, 0.002)
        sampler.look(
            second * 1000,
            levels((100 - half, held), (90.0, 1e6)),
            levels((100 + half, held), (110.0, 1e6)),
        )
    phases = {CALM: ((0, 100_000),), STORM: ((100_000, 200_000),), AFTER: ((200_000, 400_000),)}
    return tape_of(sampler, 400_000, phases, shock=(100_000, "-10 %"), has_trades=False, **more)


@pytest.mark.parametrize(
    ("depth", "half_spread", "recovered", "grade"),
    [
        (0.6, 0.003, 40, GOOD),
        (0.3, 0.003, 40, FAIR),
        (0.6, 0.015, 40, FAIR),
        (0.05, 0.003, 40, POOR),
        (0.6, 0.05, 40, POOR),
        (0.3, 0.003, 99, FAIR),
        (0.3, 0.003, 300, POOR),
    ],
)
def test_the_worst_measure_decides(
    depth: float, half_spread: float, recovered: int, grade: str
) -> None:
    tape = storm_tape(depth, half_spread, recovered)
    phases = [phase_figures(tape, name) for name in (CALM, STORM, AFTER)]
    verdict = verdict_of(phases, recovery_of(tape), 1_000.0, has_shock=True)
    assert verdict.calm == GOOD
    assert verdict.storm == grade
    worst = [each.grade for each in verdict.grades if each.state == STORM]
    assert grade in worst
    assert (POOR in worst) == (grade == POOR)


def test_the_way_back_is_counted_from_the_begin_of_the_storm() -> None:
    found = recovery_of(storm_tape(0.2, 0.02, 40))
    assert found is not None
    assert found.worst_depth == pytest.approx(0.2 * found.calm_depth, rel=1e-3)
    assert (found.half_depth, found.half_spread) == (40.0, 40.0)
    lasting = recovery_of(storm_tape(0.2, 0.02, 300))
    assert lasting is not None
    assert lasting.half_depth == inf


def test_a_venue_that_was_only_seen_in_calm_is_not_judged_for_storms() -> None:
    sampler = wave([1000.0] * 20)
    tape = tape_of(sampler, 20_000, has_trades=False)
    verdict = verdict_of([phase_figures(tape, CALM)], None, 100.0, has_shock=False)
    assert verdict.storm == UNGRADED
    assert "not known" in verdict.warnings[0]


# -- recordings ----------------------------------------------------------------------------------


def options(**more: Any) -> Watch:
    return Watch(market="BTC", sizes=SIZES, charges=FEES, **more)


def test_a_recording_without_a_known_book_for_a_while(tmp_path: Path) -> None:
    rows = [
        *SNAPSHOT,
        Row("depth", "b", 99.9, 8.0, 10_000, 13, 12),
        *[row._replace(id=30, time=40_000) for row in SNAPSHOT],
        Row("depth", "b", 99.9, 8.0, 50_000, 31, 30),
    ]
    tape = recorded_tape(written(tmp_path, rows), options())
    assert tape.breaks == 1
    whole = {CALM: ((tape.begin_ms, tape.end_ms),)}
    figures = phase_figures(
        Tape(**{name: getattr(tape, name) for name in tape.__struct_fields__} | {"phases": whole}),
        CALM,
    )
    assert figures.downtime.unknown == pytest.approx(0.6)
    assert figures.spread.mean == pytest.approx(20.0)


def test_a_recording_named_after_another_market_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, crash_rows()).rename(tmp_path / "binance_usdm_ethusdt_2024.parquet")
    message = "parquet: market: BTC should be ethusdt, which the file's name says"
    with pytest.raises(BookError, match=message):
        recorded_tape(path, options())
    assert recorded_tape(path, structs.replace(options(), market="ETH")).market == "ETH"


LINE_BOOK = {"channel": "l2Book", "data": {"coin": "BTC", "time": 0, "levels": []}}


def test_lines_of_books_and_trades(tmp_path: Path) -> None:
    lines = []
    for second in range(20):
        sides = [[{"px": f"{100 + sign * 0.4:.1f}", "sz": "3", "n": 1}] for sign in (-1, 1)]
        data = {"coin": "BTC", "time": second * 1000, "levels": sides}
        lines.append(f"17000 {json.dumps(LINE_BOOK | {'data': data})}")
        trade = {"coin": "BTC", "px": "100.4", "sz": "2", "side": "B", "time": second * 1000 + 5}
        lines.append(json.dumps({"channel": "trades", "data": [trade]}))
        lines.append(json.dumps({"channel": "trades", "data": [trade | {"coin": "ETH"}]}))
    path = tmp_path / "lines.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    tape = recorded_tape(path, options(storm=(5_000, 10_000)))
    assert len(tape.samples.times_ms) == 20
    assert len(tape.trades.times_ms) == 20
    assert tape.phases[STORM] == ((5_000, 10_000),)
    assert phase_figures(tape, STORM).spread.mean == pytest.approx(80.0)
    # A frame shows nothing beyond its last level.
    assert [band.is_whole for band in phase_figures(tape, CALM).bands] == [True, True, False]


@pytest.mark.shared
def test_a_recorded_websocket() -> None:
    tape = recorded_tape(shared_file(LINES), options())
    assert (len(tape.samples.times_ms), len(tape.trades.times_ms)) == (46, 34)
    assert phase_figures(tape, CALM).spread.median == pytest.approx(1 / 105_055.5 * 1e4, rel=1e-6)


class PlainFigures:
    """The figures again, by sorted lists and loops, straight from the definition."""

    def __init__(self, rows: list[Row], until_ms: int) -> None:
        updates: dict[int, list[Row]] = {}
        first = next(row.id for row in rows if row.type == "snapshot")
        for row in rows:
            if row.type == "snapshot" or (row.type == "depth" and row.id > first):
                updates.setdefault(row.id, []).append(row)
        self.looks: list[tuple[int, dict[str, float]]] = []
        book: dict[str, dict[float, float]] = {"b": {}, "a": {}}
        order: dict[str, list[float]] = {"b": [], "a": []}
        for _, own in sorted(updates.items()):
            if own[0].time > until_ms:
                break
            for row in own:
                known, prices = book[row.side], order[row.side]
                if row.px in known:
                    del known[row.px]
                    del prices[bisect_left(prices, row.px)]
                if row.qty:
                    known[row.px] = row.qty
                    prices.insert(bisect_right(prices, row.px), row.px)
            self.looks.append((own[0].time, self.measured(book, order)))

    def measured(
        self, book: dict[str, dict[float, float]], order: dict[str, list[float]]
    ) -> dict[str, float]:
        bid, ask = order["b"][-1], order["a"][0]
        middle = (bid + ask) / 2
        found = {"spread": (ask - bid) / middle * 1e4}
        for side, prices in (("b", order["b"][::-1]), ("a", order["a"])):
            for band in (10, 25, 50):
                found[f"{side}{band}"] = sum(
                    price * book[side][price]
                    for price in prices
                    if abs(price / middle - 1) * 1e4 <= band
                )
            for usd in SIZES_OF_TEST:
                left, paid = usd / middle, 0.0
                for price in prices:
                    taken = min(left, book[side][price])
                    paid += taken * price
                    left -= taken
                    if left <= 0:
                        break
                found[f"{side}{usd:.0f}"] = abs(paid / (usd / middle) / middle - 1) * 1e4
        found["imbalance"] = (found["b10"] - found["a10"]) / (found["b10"] + found["a10"])
        return found

    def mean(self, name: str, end_ms: int) -> float:
        times = [time for time, _ in self.looks] + [end_ms]
        total = sum(
            figures[name] * (times[place + 1] - time)
            for place, (time, figures) in enumerate(self.looks)
        )
        return total / (end_ms - times[0])


SIZES_OF_TEST = (10_000.0, 1_000_000.0)


@pytest.mark.shared
def test_vet_agrees_with_a_plain_calculation_on_a_recorded_book() -> None:
    path = shared_file(BITCOIN)
    rows = file_rows(path)
    begin = next(row.time for row in rows if row.type == "snapshot")
    until = begin + 12_000
    plain = PlainFigures(rows, until)
    tape = recorded_tape(
        path,
        Watch(market="BTC", sizes=SIZES_OF_TEST, charges=FEES, until_ms=until),
    )
    whole = {CALM: ((tape.begin_ms, tape.end_ms),)}
    fields = {name: getattr(tape, name) for name in tape.__struct_fields__}
    figures = phase_figures(Tape(**fields | {"phases": whole}), CALM)
    assert len(tape.samples.times_ms) == len(plain.looks) > 200
    assert figures.spread.mean == pytest.approx(plain.mean("spread", tape.end_ms), rel=1e-9)
    assert figures.imbalance == pytest.approx(plain.mean("imbalance", tape.end_ms), rel=1e-9)
    for band in figures.bands:
        for side, value in (("b", band.bids), ("a", band.asks)):
            expected = plain.mean(f"{side}{band.band_bp}", tape.end_ms)
            assert value == pytest.approx(expected, rel=1e-9), (side, band.band_bp)
    for usd in SIZES_OF_TEST:
        cost = next(each for each in figures.costs if each.usd == usd)
        assert cost.buy == pytest.approx(plain.mean(f"a{usd:.0f}", tape.end_ms), rel=1e-6)
        assert cost.sell == pytest.approx(plain.mean(f"b{usd:.0f}", tape.end_ms), rel=1e-6)
    inside = [row for row in rows if row.type == "trade" and begin <= row.time < tape.end_ms]
    assert figures.flow is not None
    assert figures.flow.trades == len(inside)
    assert figures.flow.usd == pytest.approx(sum(row.px * row.qty for row in inside))
    bought = sum(row.px * row.qty for row in inside if row.side == "b")
    assert figures.flow.bought == pytest.approx(bought / figures.flow.usd)


# -- the command ---------------------------------------------------------------------------------


def of_phase(found: dict[str, Any], sheet: str, phase: str, place: int = 0) -> dict[str, Any]:
    """A row of a sheet of the object."""
    rows: list[dict[str, Any]] = [each for each in found[sheet] if each["phase"] == phase]
    return rows[place]


SHORT: dict[str, Any] = {"seconds": "60", "shock": "-10%", "shock_seconds": "10"}


def test_without_a_source_a_sandbox_goes_through_a_storm() -> None:
    found = vet(**SHORT).to_dict()
    assert found["looks"] > 180
    assert found["trades"] > 20
    assert (found["calm"], found["storm"]) == (GOOD, POOR)
    calm, storm = (of_phase(found, "phases", phase) for phase in (CALM, STORM))
    assert storm["spread_mean_bp"] > 3 * calm["spread_mean_bp"]
    assert storm["times_calm"] == storm["spread_mean_bp"] / calm["spread_mean_bp"]
    depth = [of_phase(found, "depth", phase)["bids"] for phase in (CALM, STORM)]
    assert depth[1] < 0.5 * depth[0]
    assert storm["range_bp"] > 900 > 10 * calm["range_bp"]
    assert of_phase(found, "downtime", CALM)["funding_per_hour"] != 0
    assert len(found["sizes"]) == 3 * len(walked_sizes((10_000.0, 100_000.0, 1_000_000.0)))
    assert vet(**SHORT).to_dict() == found
    other = vet(seconds=60, shock_seconds=10, seed=2).to_dict()
    assert other["phases"] != found["phases"]


def test_makers_who_withdraw_leave_less() -> None:
    found = vet(seconds=30, shock="-1%", shock_seconds=0, withdraw="90%", seed=3).to_dict()
    calm, storm = (of_phase(found, "depth", phase, 2) for phase in (CALM, STORM))
    assert storm["asks"] < 0.2 * calm["asks"]
    assert found["shock"]["what"] == "-1.0 % over 0 s, makers without 90 % of their depth"


def test_the_report_and_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow.parquet as pq

    report, folder = tmp_path / "vet.html", tmp_path / "tables"
    recording = written(tmp_path, crash_rows())
    command(str(recording), outputs=Outputs(report=report, parquet=folder))
    shown = capsys.readouterr().out
    assert "In calm it is" in shown
    assert report.read_text().count("<svg") == 3
    looks = pq.read_table(folder / "looks.parquet")
    assert set(looks["phase"].to_pylist()) == {CALM, STORM, AFTER, ""}
    assert pq.read_table(folder / "sizes.parquet").num_rows == 3 * len(walked_sizes(
        (10_000.0, 100_000.0, 1_000_000.0)
    ))  # fmt: skip


def crash_rows() -> list[Row]:
    """Five minutes of a deep book that falls 2 % in its third."""
    rows, before = [], dict[tuple[str, float], float]()
    for second in range(300):
        middle = 1000 - min(max(0, second - 120), 20)
        wanted = {
            (side, (middle + sign * step) / 10): 500.0
            for step in range(1, 30)
            for side, sign in (("b", -1), ("a", 1))
        }
        kind = "depth" if second else "snapshot"
        changes = {key: 0.0 for key in before if key not in wanted} | {
            key: size for key, size in wanted.items() if before.get(key) != size
        }
        if not changes:
            changes = {("b", 1.0): 0.0}
        rows += [
            Row(kind, side, price, size, second * 1000, 10 + second, 9 + second)
            for (side, price), size in changes.items()
        ]
        before = wanted
    rows.append(Row("trade", "b", 100.1, 1.0, 1_000, 1))
    return rows


def test_findings_of_a_recording_name_the_storm(tmp_path: Path) -> None:
    tape = recorded_tape(written(tmp_path, crash_rows()), options())
    found = result_of(tape).to_dict()
    ((start, stop),) = tape.phases[STORM]
    assert start - tape.begin_ms <= 120_000
    assert stop - tape.begin_ms >= 140_000
    assert of_phase(found, "phases", STORM)["range_bp"] == pytest.approx(200, rel=0.02)
    assert of_phase(found, "spans", STORM) == {"phase": STORM, "begin_ms": start, "end_ms": stop}
    assert any("Nothing says what was a storm" in each for each in found["assumptions"])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {"market": "XYZ"}, "--market: unknown market 'XYZ'"),
        ((), {"rulebook": "dydx"}, "'dydx' should be a rulebook that does not settle"),
        ((), {"rulebook": "nobody"}, "nobody"),
        ((), {"size": ["ten"]}, "--size: 'ten' should be USD"),
        ((), {"seconds": "5"}, "--seconds: '5' should be whole seconds from 10"),
        ((), {"seconds": "10.5"}, "--seconds: '10.5' should be whole seconds"),
        ((), {"shock": "-99%"}, "--shock: '-99%' should be a move from -95%"),
        ((), {"shock": "0"}, "--shock: '0' should be a move"),
        ((), {"shock_seconds": "301"}, "--shock-seconds: '301' should be seconds from 0"),
        ((), {"withdraw": "200%"}, "--withdraw: '200%' should be a share"),
        ((), {"storm": "2024-01-01/2024-01-02"}, "--storm: '2024-01-01/2024-01-02' belongs"),
        ((), {"venue": "dydx"}, "--venue: 'dydx' belongs to a venue's API"),
        (("x",), {"at": "http://127.0.0.1:1"}, "--at: 'http://127.0.0.1:1' belongs to a running"),
        ((), {"at": "nonsense"}, "should be a URL"),
        ((), {"at": "http://127.0.0.1:9"}, "cannot be reached"),
        ((), {"at": "http://127.0.0.1:9", "shock": "-5%"}, "--shock: -5 % belongs to a sandbox"),
        (
            (),
            {"at": "http://127.0.0.1:9", "withdraw": "50%"},
            "--withdraw: '50%' belongs to",
        ),
        (
            (),
            {"at": "http://127.0.0.1:9", "shock_seconds": "5"},
            "--shock-seconds: '5' belongs to a --shock",
        ),
        (("x",), {"seed": 2}, "--seed: 2 belongs to the built-in sandbox"),
        (("x",), {"shock_seconds": "5"}, "--shock-seconds: '5' belongs to a --shock"),
        ((), {"at": "http://127.0.0.1:9", "every": "0"}, "--every: '0' should be seconds"),
        ((), {"ccxt": "binance"}, "--market: None should be a symbol"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    options: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command(*arguments, options=Options(**options))
    assert stopped.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("seawall vet: ")
    assert message in last


def test_a_storm_outside_the_recording_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = written(tmp_path, crash_rows())
    for storm, message in (
        ("2024-01-01/2024-01-02", "lies outside recording.parquet, which is from 2023-11-14"),
        ("2024-01-02/2024-01-01", "should be two times, the later one last"),
        ("2024-01-02", "should be two times"),
    ):
        with pytest.raises(SystemExit):
            command(str(recording), options=Options(storm=storm))
        assert message in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_refused_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command("nowhere", outputs=Outputs(report=tmp_path / "report.txt"))
    assert "a report is HTML" in capsys.readouterr().err


def test_a_file_that_is_no_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(SystemExit):
        command(str(path))
    assert "neither parquet nor lines of JSON" in capsys.readouterr().err


def test_missing_ccxt_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(SystemExit):
        command(options=Options(ccxt="binance", market="BTC/USDT:USDT"))
    assert "ccxt is not installed" in capsys.readouterr().err
