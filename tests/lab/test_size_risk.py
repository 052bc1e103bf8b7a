"""Ways to leave, holding times and the buffer, many trades in a row: against naive computations."""

from fractions import Fraction
from itertools import product
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.accounts.load import load_account
from seawall.domain.units import MICRO
from seawall.lab.size import SizeResult, size
from seawall.lab.size.compounding import QUANTILES, Stake, course, drawdown_probability, ends
from seawall.lab.size.exit import BookSide
from seawall.lab.size.exits import Course, shortfall
from seawall.lab.size.exits import course as parted

# The simulation of holding times is compiled by the first test that runs it.
pytestmark = pytest.mark.timeout(900)


# Many trades in a row


def walked(
    stake: Stake, rate: float, trades: int, risk: float, most: float
) -> list[tuple[float, float, bool, bool, bool]]:
    """Every sequence of trades: its probability, equity, whether ruined, drawn down, losing."""
    found = []
    for sequence in product((True, False), repeat=trades):
        chance, equity, peak, ruined, drawn = 1.0, 1.0, 1.0, False, False
        course_equity, free = 1.0, 1.0
        for won in sequence:
            chance *= rate if won else 1.0 - rate
            factor = 1.0 + stake.win if won else 1.0 - stake.loss
            free *= factor
            peak = max(peak, free)
            drawn = drawn or free <= peak * (1.0 - most) + 1e-12
            if not ruined:
                course_equity *= factor
                ruined = course_equity <= 1.0 - risk + 1e-12
        equity = course_equity
        found.append((chance, equity, ruined, drawn, equity < 1.0 - 1e-12))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.01, 0.6), st.floats(0.01, 1.0), st.floats(0.05, 0.95), st.integers(1, 10),
    st.sampled_from([0.2, 0.5, 1.0]), st.sampled_from([0.1, 0.3, 0.6]),
)  # fmt: skip
def test_many_trades_equal_every_sequence_of_them(
    win: float, loss: float, rate: float, trades: int, risk: float, most: float
) -> None:
    stake = Stake(1.0, win, loss)
    all_of_them = walked(stake, rate, trades, risk, most)
    moments = course(stake, rate, trades, risk)
    assert len(moments) == trades + 1
    survived = sum(chance for chance, _, ruined, _, _ in all_of_them if not ruined)
    assert moments[-1].survival == pytest.approx(survived, abs=1e-9)
    drawn = sum(chance for chance, _, _, hit, _ in all_of_them if hit)
    assert drawdown_probability(stake, rate, trades, most) == pytest.approx(drawn, abs=1e-9)
    values, chances = ends(stake, rate, trades, risk)
    assert float(chances.sum()) == pytest.approx(1.0, abs=1e-9)
    losing = sum(chance for chance, _, _, _, less in all_of_them if less)
    assert float(chances[values < 1.0 - 1e-12].sum()) == pytest.approx(losing, abs=1e-9)
    mean = sum(chance * equity for chance, equity, *_ in all_of_them)
    assert float(values @ chances) == pytest.approx(mean, rel=1e-9)


def test_quantiles_and_survival_of_many_drawn_traders() -> None:
    stake, rate, trades, risk = Stake(5.0, 0.15, 0.10), 0.5, 100, 0.5
    generator = np.random.default_rng(7)
    won = generator.random((20_000, trades)) < rate
    equity = np.cumprod(np.where(won, 1.0 + stake.win, 1.0 - stake.loss), axis=1)
    ruined = equity <= 1.0 - risk
    out = ruined.any(axis=1)
    last = np.where(out, equity[np.arange(len(equity)), ruined.argmax(axis=1)], equity[:, -1])
    moment = course(stake, rate, trades, risk)[-1]
    assert moment.survival == pytest.approx(1.0 - out.mean(), abs=0.012)
    for probability, found in zip(QUANTILES, moment.quantiles, strict=True):
        # As many drawn traders are below as should be, within four standard errors.
        below = (last < found * (1 - 1e-9)).mean()
        upto = (last <= found * (1 + 1e-9)).mean()
        assert below - 0.012 <= probability <= upto + 0.012
    peak = np.maximum.accumulate(np.maximum(equity, 1.0), axis=1)
    drawn = (equity <= 0.7 * peak).any(axis=1).mean()
    assert drawdown_probability(stake, rate, trades, 0.3) == pytest.approx(drawn, abs=0.012)


def result(**more: object) -> SizeResult:
    return size(load_account(extra_markets=["SOL"]), equity=100_000, **more)  # type: ignore[arg-type]


def test_more_leverage_survives_less_often() -> None:
    found = result(win_rate="45%", payoff=1.5, trades=200).compounding
    assert found is not None
    survival = [row.survival for row in found.rows]
    assert survival == sorted(survival, reverse=True)
    drawdowns = [row.drawdown for row in found.rows]
    assert drawdowns == sorted(drawdowns)
    assert found.rows[-1].stake.loss == 1.0
    own = next(row for row in found.rows if row.stake.leverage == found.advised)
    # At the advised size a loss is the loss budget, and a win is as many losses as it pays.
    assert own.stake.loss == pytest.approx(0.02, rel=1e-3)
    assert own.stake.win == pytest.approx(1.5 * own.stake.loss, rel=1e-9)
    assert result().compounding is None
    larger = result(win_rate="45%", payoff=1.5, trades=200, risk_capital="20%").compounding
    assert larger is not None
    pairs = zip(larger.rows, found.rows, strict=True)
    assert all(small.survival <= large.survival for small, large in pairs)


# Ways to leave


def side_of(*levels: tuple[int, int]) -> BookSide:
    return BookSide([(Fraction(p), Fraction(s)) for p, s in levels], Fraction(1000), bids=True)


BIDS = side_of((990, 10), (980, 20), (960, 30))


def test_parts_meet_what_is_back() -> None:
    # Three parts of 10. Nothing comes back: 10 at 990, then 20 at 980.
    never = Course(name="", hours=1.0, parts=3, wait_s=1.0, largest=10)
    assert shortfall(BIDS, never, 30, 1e12) == (BIDS.exit(30).shortfall, False)
    # All of it comes back: three times the first level.
    always = Course(name="", hours=1.0, parts=3, wait_s=1e6, largest=10)
    assert shortfall(BIDS, always, 30, 1.0) == (300, False)
    # Half comes back: 5 at 990 and 5 at 980, then 2 at 990 (7.5 missing, rounded up) and 8 at 980.
    half = Course(name="", hours=1.0, parts=3, wait_s=10.0, largest=10)
    assert shortfall(BIDS, half, 30, 10.0) == (100 + (50 + 100) + (20 + 160), False)
    assert shortfall(BIDS, Course(name="", hours=0, parts=1, wait_s=0, largest=70), 70, 1.0)[1]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5_000), st.integers(1, 20_000), st.sampled_from([1, 10]))
def test_parts_are_whole_lots_and_add_up(size: int, seconds: int, step: int) -> None:
    size *= step
    way = parted("twap", Fraction(seconds, 3600), size, step)
    assert way.largest % step == 0
    assert (way.parts - 1) * way.largest < size <= way.parts * way.largest
    assert 1 <= way.parts <= 240
    patient = shortfall(BIDS, way, size, 1.0)[0]
    assert patient <= shortfall(BIDS, way, size, 1e9)[0] + way.parts
    assert shortfall(BIDS, way, size, 1e9)[0] <= BIDS.exit(size).shortfall + way.parts


def test_slower_is_cheaper_and_less_certain() -> None:
    asked = {"market": "SOL", "loss_budget": "50%", "stop": "5%"}
    found = result(**asked, volume=10**8, volatility="97%").exits
    assert found is not None
    names = [row.course.name for row in found.rows]
    assert names[0] == "at once"
    assert any(name.startswith("TWAP") for name in names)
    assert "POV, 10 % of volume" in names
    rows = sorted(found.rows, key=lambda row: row.course.hours)
    assert [row.risk for row in rows] == sorted(row.risk for row in rows)
    for book in ("calm", "stressed"):
        twaps = [getattr(row, book) for row in rows if row.course.name.startswith(("at", "TWAP"))]
        assert twaps == sorted(twaps, reverse=True)
    # Many parts over a time T: sigma sqrt(T / 3).
    last = next(row for row in rows if row.course.name == "TWAP, 8 h")
    assert last.risk == pytest.approx(1e4 * 0.97 * sqrt(8 / 8760 / 3), rel=0.02)
    assert last.calm_bad == pytest.approx(last.calm + 1.645 * last.risk, rel=1e-3)


# Holding times and the buffer


def test_ruin_rises_with_time_leverage_and_a_thinner_book() -> None:
    found = result(loss_budget="40%", stop="2%", ruin="5%").horizons
    assert found is not None
    cells = {(each.hours, each.depth, each.leverage): each.ruin.value for each in found.cells}
    hours, depths, leverages = (sorted(set(each)) for each in zip(*cells, strict=True))
    assert hours == [1, 4, 24, 72, 168]
    assert depths == [Fraction(1, 50), Fraction(1, 10), Fraction(1)]
    for hour, depth, leverage in cells:
        own = cells[hour, depth, leverage]
        assert all(cells[hour, depth, each] <= own for each in leverages if each < leverage)
        assert all(cells[hour, each, leverage] >= own for each in depths if each < depth)
    # What has to be left through a stressed book in an hour is most of what a long time loses.
    full = {key: value for key, value in cells.items() if key[1] == 1}
    for hour, depth, leverage in full:
        assert all(full[each, depth, leverage] <= full[hour, depth, leverage] + 0.01
                   for each in hours if each < hour)  # fmt: skip
    best = {(each.hours, each.depth): each.leverage for each in found.best}
    for (hour, depth), highest in best.items():
        allowed = [each for each in leverages if cells[hour, depth, each] <= 0.05]
        assert highest == max(allowed, default=None)
    assert (best[1, Fraction(1)] or 0) > (best[168, Fraction(1)] or 0)


def test_what_the_way_in_costs_is_lost_too() -> None:
    """Fee and half a spread of BTC are 5 bp of the notional: all of this risk capital at 1x."""
    asked = {"market": "BTC", "loss_budget": "1%", "ruin": "5%"}
    found = result(**asked, risk_capital="0.05%").horizons
    assert found is not None
    assert all(each.ruin.value == 1.0 for each in found.cells)
    assert {each.leverage for each in found.best} == {None}
    more = result(**asked, risk_capital="1%").horizons
    assert more is not None
    assert more.cells[0].ruin.value < 0.5


def test_the_buffer_keeps_the_accepted_probability() -> None:
    tight = result(market="SOL", loss_budget="60%", stop="10%", hours=72, ruin="2%").horizons
    assert tight is not None
    buffer = tight.buffer
    assert buffer is not None
    assert buffer.needed is not None
    assert buffer.then is not None
    assert buffer.then.value <= 0.02
    assert buffer.free == buffer.needed - buffer.initial
    # As it is, the pool is liquidated more often exactly where money is missing.
    assert buffer.missing is not None
    assert (buffer.now.value > 0.02) == (buffer.missing > 0)
    looser = result(market="SOL", loss_budget="60%", stop="10%", hours=72, ruin="20%").horizons
    assert looser is not None
    assert looser.buffer is not None
    assert looser.buffer.needed is not None
    assert looser.buffer.needed < buffer.needed
    assert buffer.equity < 100_000 * MICRO
