"""Without lag, gas, searchers and routes the commands about chains give what the others give.

On the accounts that ship, under both kinds of rules: an oracle that shows every true price, keepers
that cost what the venue charges for a liquidation, a scene without a searcher. A route of no time
and no cost is in ``test_transfers``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from msgspec import structs

import seawall as sw
from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.accounts.valuation import valuation_of
from seawall.domain.enums import CommandKind, EventKind, Side
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.engine.engine import Engine
from seawall.engine.placement import Placement, Rows, marked_at_oracle, price_rows, rows_of
from seawall.lab.arrays import Integers
from seawall.lab.crises.crisis import crisis_of
from seawall.lab.frontrun import scene
from seawall.lab.frontrun.scene import START_MS, Scene
from seawall.lab.keepers.crowd import UNLIMITED
from seawall.lab.keepers.gas import gas_prices, load_gas
from seawall.lab.keepers.liquidation import Bucket, Keeper, Liquidation, Party, liquidate
from seawall.lab.keepers.mechanism import load_mechanism
from seawall.lab.keepers.question import bucket_paths
from seawall.lab.market.liquidity import Depth, Ladder, Ticks, assumed_depth, tick_rules
from seawall.lab.oracle.preset import FIELDS
from seawall.lab.paths.variants import as_isolated
from seawall.lab.simulation.observer import Observer, Snapshot
from seawall.lab.simulation.setup import Grid, market_limits
from tests.lab.naive_paths import RATE
from tests.shared_files import ROOT

EXAMPLES = ROOT / "examples"
BLOCKS = "dydx"
"""The shipped rules of blocks."""
FILES: tuple[tuple[str | None, str | None], ...] = (
    (None, None),
    (None, BLOCKS),
    ("rehearse_account.toml", None),
    ("rehearse_account.toml", BLOCKS),
    ("account_scalper.toml", None),
    ("account_scalper.toml", BLOCKS),
    ("account_hybrid.json", None),
    ("account_macro_book.toml", None),
)
SHIPPED = pytest.mark.parametrize(("file", "rulebook"), FILES)
STEP_MS = 1_000
RICH = Keeper(money=10**18, gas_limit=UNLIMITED)


def account_of(file: str | None, rulebook: str | None) -> Account:
    source = None if file is None else EXAMPLES / file
    found = load_account(source, AccountOptions(rulebook=rulebook))
    return found.replace(holdings=structs.replace(found.holdings, orders=(), top_ups=()))


# Oracles


@pytest.fixture(scope="module")
def every_price(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An oracle of one source without error, delay, threshold and limits, as a file of zeros."""
    lines = ['title = "every price"', 'as_of = "2026-12-01"']
    lines += [
        f'{field} = {{ value = {[1] if field == "source_weights" else 0}, source = "none", '
        'mark = "assumed" }'
        for field in FIELDS
    ]
    path = tmp_path_factory.mktemp("oracle") / "every_price.toml"
    path.write_text("\n".join(lines))
    return path


@SHIPPED
def test_an_oracle_without_lag_is_the_crisis_without_an_oracle(
    every_price: Path, file: str | None, rulebook: str | None
) -> None:
    """Every figure and the state of the machine, with sixty other accounts around it."""
    held = account_of(file, rulebook)
    modes = {each.mode for each in held.holdings.positions}
    mode = "hybrid" if len(modes) > 1 else modes.pop().name.lower()
    if mode == "isolated":
        # That command divides all money; an oracle leaves the account as it is held.
        divided = as_isolated(held.holdings, held.instruments, held.price_texts)
        held = held.replace(holdings=divided)
    crisis = "flash_crash"
    mine = sw.oracle(held, oracles=every_price, crisis=crisis, population=60, workers=1)
    theirs = sw.crises(
        held, crises=crisis, modes=mode, depths="calm", rulebooks=held.rulebook, population=60,
        workers=1,
    )  # fmt: skip
    (other,) = theirs.outcomes
    assert [each.name for each in mine.presets] == ["direct", "every_price"]
    for one in mine.population.outcomes:
        labels = {name: getattr(other, name) for name in ("crisis", "rulebook", "mode", "depth")}
        assert structs.replace(one, **labels) == other
    assert all(each.published == mine.true for each in mine.looks)
    for each in mine.reaches:
        price = held.liquidation_price(each.market)
        assert price is not None
        assert each.first == each.last == each.liquidation_price == float(price)
    assert all(each.true == each.published == each.surely for each in mine.moves)


# Keepers


class Own(NamedTuple):
    """What the engine does by itself. ``began``: the step; ``money``: micro-USD of the bucket
    afterwards; ``fills``: how many there were. ``equity``, ``maintenance``: before, by step."""

    began: int | None
    money: int
    fills: int
    equity: list[int]
    maintenance: list[int]


def path_against(held: Account, bucket: int) -> Integers:
    """Price units (steps, m) that go against the positions of a bucket by 0.1 % a step; the other
    prices stand still."""
    valuation = valuation_of(held)
    ticks = Ticks(held.instruments, *tick_rules(held.rulebook))
    signs = np.zeros(len(held.instruments))
    for each in held.holdings.positions:
        if each.market in valuation.buckets[bucket]:
            signs[each.market] = -np.sign(each.signed_size)
    moves = 1 + 0.001 * np.arange(1200)[:, None] * signs
    rows = np.asarray(valuation.prices) * np.maximum(moves, 0.01)
    return np.asarray(
        [
            [
                now if sign == 0 else ticks.one(market, round(price))
                for market, (price, sign, now) in enumerate(
                    zip(row, signs, valuation.prices, strict=True)
                )
            ]
            for row in rows
        ],
        np.int64,
    )


def any_change(instrument: Instrument) -> Instrument:
    """A market whose price follows every change under block rules."""
    terms = instrument.block_terms
    if terms is None:
        return instrument
    terms = structs.replace(terms, minimum_price_change_ppm=0)
    return structs.replace(instrument, block_terms=terms)


def engine_alone(held: Account, bucket: int, prices: Integers) -> Own:
    """The account in the engine, with a book that takes everything at the oracle price."""
    instruments = [any_change(each) for each in held.instruments]
    rules = marked_at_oracle(held.rulebook)
    if isinstance(rules, Rulebook):
        whole = structs.replace(rules.liquidation, partial_above=10**18)
        rules = structs.replace(rules, liquidation=whole)
    engine = Engine.create(rules, instruments, market_limits(len(instruments), None))
    place = Placement(engine)
    place.prices(START_MS, prices[0], prices[0])
    mine = place.account(START_MS, held.holdings)
    makers = place.open_shared(START_MS, np.full(len(instruments), 10**15), "makers")
    place.set_leverage(START_MS, makers, np.arange(len(instruments)))
    observer = Observer(engine, mine.account, mine.children)
    before, equity, maintenance = 0, [], []
    for step, row in enumerate(prices):
        time_ms = START_MS + step * STEP_MS
        if step:
            place.send(quotes(time_ms, held, makers, row))
        events = place.send(price_rows(time_ms, row, row)).copy()
        if place.in_blocks:
            # Prices hold from the end of the block on.
            later = place.send(price_rows(time_ms + STEP_MS // 2, row, row))
            events = np.concatenate([events, later])
        started = events[events["kind"] == EventKind.LIQUIDATION_STARTED]
        if len(started):
            filled = events[
                (events["kind"] == EventKind.ORDER_FILLED)
                & np.isin(events["account"], mine.accounts)
            ]
            others = before - equity[-1]
            left = observer.snapshot(time_ms).equity - others
            return Own(step, left, len(filled), equity, maintenance)
        now = observer.snapshot(time_ms)
        before = now.equity
        equity.append(now.buckets[bucket].equity)
        maintenance.append(now.buckets[bucket].maintenance_margin)
    return Own(None, 0, 0, equity, maintenance)


def quotes(time_ms: int, held: Account, makers: Integers, row: Integers) -> Rows:
    """What takes every position whole, at the oracle price that comes next."""
    positions = held.holdings.positions
    rows = rows_of(CommandKind.PLACE_ORDER, len(positions), time_ms)
    for place, each in enumerate(positions):
        rows["account"][place], rows["market"][place] = makers[each.market], each.market
        rows["side"][place] = int(Side.BUY if each.signed_size > 0 else Side.SELL)
        rows["order_size"][place] = abs(each.signed_size)
        rows["price"][place] = row[each.market]
    cancels = rows_of(CommandKind.CANCEL_ALL, len(makers), time_ms)
    cancels["account"] = makers
    return np.concatenate([cancels, rows])


def instant_keepers(
    held: Account, bucket: int, prices: Integers, bonus_ppm: int
) -> tuple[Liquidation, Bucket]:
    """One keeper with any money, gas that costs nothing, a book of any depth, all at once."""
    times = START_MS + STEP_MS * np.arange(len(prices), dtype=np.int64)
    scale = np.asarray([10.0**-each.price_decimals for each in held.instruments])
    usd = prices * scale
    crisis = crisis_of("flash_crash", held)
    grid = Grid(
        times_ms=times, oracle=usd, outside=usd, middle=usd, depth=np.full(usd.shape, 1e12)
    )  # fmt: skip
    deep = structs.replace(
        crisis, depths=tuple(structs.replace(each, usd_within_50bp=1e15) for each in crisis.depths)
    )
    path = bucket_paths(valuation_of(held), grid, deep)[bucket]
    path = structs.replace(path, depth=np.full_like(path.depth, 1e18))
    fixed = load_mechanism("fixed_bonus")
    numbers = {
        **fixed.numbers, "bonus_ppm": bonus_ppm, "fund_fee_ppm": 0, "most_share_ppm": 10**6,
        "lost_ppm": 0,
    }  # fmt: skip
    gas = load_gas("none")
    made = liquidate(
        path, structs.replace(fixed, numbers=numbers), gas,
        gas_prices(path.times_ms, path.index, gas, 1), [RICH], 0, 1,
    )  # fmt: skip
    return made, path


@SHIPPED
def test_keepers_without_gas_do_what_the_venue_does(file: str | None, rulebook: str | None) -> None:
    """The margins at every price, the moment, and with the venue's fee as bonus what is left.

    The engine closes a pool position by position and stops when it is healthy, block rules a tenth
    at a time for a fee of their own; so what is left is compared of buckets of one position under
    rules of stages, and of other pools it is at least as much.
    """
    held = account_of(file, rulebook)
    valuation = valuation_of(held)
    compared = 0
    for bucket, markets in valuation.buckets.items():
        positions = [each for each in held.holdings.positions if each.market in markets]
        if not positions:
            continue
        prices = path_against(held, bucket)
        own = engine_alone(held, bucket, prices)
        bonus = 0
        if isinstance(held.rulebook, Rulebook):
            bonus = held.rulebook.fee.tiers[0].taker_rate * 10**6 // RATE
        found, path = instant_keepers(held, bucket, prices, bonus)
        assert own.began is not None
        assert found.began == own.began
        assert path.equity[: own.began].tolist() == own.equity
        assert path.maintenance[: own.began].tolist() == own.maintenance
        assert path.equity[own.began] < path.maintenance[own.began]
        assert own.fills > 0
        if isinstance(held.rulebook, Rulebook):
            (take,) = found.takes
            assert take.step == own.began
            if len(positions) == 1:
                assert found.money[Party.ACCOUNT] == own.money
            else:
                assert found.money[Party.ACCOUNT] <= own.money
        compared += 1
    assert compared


# Searchers


@SHIPPED
def test_without_a_searcher_the_liquidation_is_the_engines_own(
    file: str | None, rulebook: str | None
) -> None:
    """The same quotes and prices in an engine that knows no searcher: the same fills and money."""
    held = account_of(file, rulebook)
    depths = [assumed_depth(held.listed[name]) for name in held.markets]
    compared = 0
    for position in held.holdings.positions:
        market = position.market
        ends = valuation_of(held).boundary(market)
        if ends is None:
            continue
        is_long = position.signed_size > 0
        sign = -1 if is_long else 1
        before = np.asarray(valuation_of(held).prices, np.int64)
        after = before.copy()
        after[market] = round(ends[1] * (1 + sign * 1e-4))
        before[market] = ends[0]
        if valuation_of(held).in_blocks:
            before[market] = round(int(after[market]) * (1 - sign * 0.01))
        side = Side.SELL if is_long else Side.BUY
        played = Scene(held, depths, 1.0, market, side, before, after, 0).liquidation()
        size, value, money = liquidated_alone(held, depths, market, before, after)
        assert (played.account.size, played.account.value) == (size, value)
        assert played.money[scene.Party.ACCOUNT] == money
        assert played.money[scene.Party.SEARCHER] == played.money[scene.Party.OTHERS] == 0
        assert played.is_conserved
        compared += size > 0
    assert compared


def liquidated_alone(
    held: Account, depths: Sequence[Depth], market: int, before: Integers, after: Integers
) -> tuple[int, int, int]:
    """Size units and micro-USD that the account traded in a market, and all that it gained at the
    prices after."""
    instruments = list(held.instruments)
    engine = Engine.create(held.rulebook, instruments, market_limits(len(instruments), None))
    place = Placement(engine)
    place.prices(START_MS, before, before)
    mine = place.account(START_MS, held.holdings)
    count = len(instruments)
    makers = place.open_shared(START_MS, np.full(count, 10**15), "makers")
    place.set_leverage(START_MS, makers, np.arange(count))
    ladder = Ladder(makers, depths, Ticks(instruments, *tick_rules(held.rulebook)))
    scale = np.asarray([10.0**-each.price_decimals for each in instruments])
    rows, usable = ladder.quotes(START_MS, after * scale, np.ones(count), np.arange(count))
    place.send(rows[usable])
    observer = Observer(engine, mine.account, mine.children)
    size = value = 0
    time_ms = START_MS
    if place.in_blocks:
        time_ms += STEP_MS
        place.send(price_rows(time_ms, before, before))
    start = worth(observer.snapshot(time_ms), after)
    for _ in range(20):
        time_ms += STEP_MS
        events = place.send(price_rows(time_ms, after, after))
        sold = events[
            (events["kind"] == EventKind.ORDER_FILLED)
            & np.isin(events["account"], mine.accounts)
            & (events["market"] == market)
        ]
        size += int(sold["order_size"].sum())
        value += int((sold["order_size"] * sold["price"]).sum())
    return size, value, worth(observer.snapshot(time_ms), after) - start


def worth(now: Snapshot, prices: Integers) -> int:
    """Micro-USD of cash and positions at prices, whatever the mark is."""
    held = now.holdings.values()
    cash = now.equity - sum(each.value for each in held)
    return cash + sum(each.signed_size * int(prices[each.market]) for each in held)
