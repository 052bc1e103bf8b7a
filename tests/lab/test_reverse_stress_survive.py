"""What would survive a move: enough, and not a cent or a lot too much, in the machine itself."""

from fractions import Fraction

import pytest
from msgspec import structs

from seawall.accounts.valuation import Valuation
from seawall.domain.commands import (
    AdvanceTime,
    CreateAccount,
    Deposit,
    PlaceOrder,
)
from seawall.domain.enums import MarginMode, OrderFlag, Side, TimeInForce
from seawall.domain.events import CROSS_POOL, AccountCreated, CommandRejected, OrderFilled
from seawall.domain.holdings import Holdings
from seawall.engine.account_view import account_margins
from seawall.engine.engine import Engine
from seawall.lab.stress.grid import Move, against, alone, together
from seawall.lab.stress.survive import (
    CENT,
    SHARES,
    Remedy,
    remedies,
    taker_fee,
    with_closed,
    with_share_closed,
)
from tests.lab.stress_worlds import RULEBOOKS, World, one_position, random_world

# The first account in this process compiles the machine.
pytestmark = pytest.mark.timeout(600)

SEEDS = range(20)
TWENTY = Fraction(1, 5)


def with_deposit(plan: Holdings, bucket: int, money: int) -> Holdings:
    """The account with this much more (micro-USD) in a bucket."""
    positions = tuple(
        structs.replace(each, isolated_margin=each.isolated_margin + money)
        if each.market == bucket
        else each
        for each in plan.positions
    )
    return structs.replace(plan, collateral=plan.collateral + money, positions=positions)


def goes(world: World, plan: Holdings, prices: tuple[int, ...], bucket: int) -> bool:
    """Whether the machine liquidates the bucket at once, alone at the venue.

    What an isolated position leaves when it is liquidated beside the pool flows into it, and could
    be the cent that saves it.
    """
    if bucket == CROSS_POOL:
        others = [each for each in plan.positions if each.mode == MarginMode.ISOLATED]
        apart = sum(each.isolated_margin for each in others)
        kept = tuple(each for each in plan.positions if each.mode != MarginMode.ISOLATED)
        plan = structs.replace(plan, collateral=plan.collateral - apart, positions=kept)
    return bucket in world.machine(plan).after(prices).started


def check_remedy(
    world: World, valuation: Valuation, prices: tuple[int, ...], remedy: Remedy
) -> int:
    """Every way out is enough, and one step less of it is not; how many ways there are."""
    bucket = remedy.bucket
    enough = with_deposit(world.plan, bucket, remedy.deposit)
    assert not goes(world, enough, prices, bucket)
    short = with_deposit(world.plan, bucket, remedy.deposit - CENT)
    assert goes(world, short, prices, bucket)
    ways = 1
    for closing in remedy.closings:
        closed = with_closed(valuation, closing.market, closing.size)
        assert not goes(world, closed, prices, bucket)
        if closing.size > 1:
            less = with_closed(valuation, closing.market, closing.size - 1)
            assert goes(world, less, prices, bucket)
        ways += 1
    if remedy.share is not None:
        closed = with_share_closed(valuation, bucket, remedy.share)
        assert not goes(world, closed, prices, bucket)
        if remedy.share > 1:
            less = with_share_closed(valuation, bucket, remedy.share - 1)
            assert goes(world, less, prices, bucket)
        ways += 1
    return ways


@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("seed", SEEDS[:12])
def test_the_least_that_survives(seed: int, rulebook: str) -> None:
    world = random_world(seed, rulebook)
    valuation = world.valuation()
    moves: list[tuple[Move, Fraction]] = [
        (together(valuation), -TWENTY), (together(valuation), TWENTY), (against(valuation), TWENTY),
    ]  # fmt: skip
    ways = 0
    for move, size in moves:
        prices = move.prices(world.prices, size)
        found = remedies(valuation, prices)
        assert {each.bucket for each in found} == set(world.machine().after(prices).started)
        for remedy in found:
            ways += check_remedy(world, valuation, prices, remedy)
    assert ways > 0


def test_by_hand() -> None:
    """Long 1 BTC at 100,000, 10,000 of collateral, 20 % down: 80,000 needs 1,000 at 1.25 %.

    Equity is -10,000, so 11,000 are missing. Closing a share c now costs 0.045 % of what is
    closed: 10,000 - 45 c - 20,000 (1 - c) = 1,000 (1 - c)  <=>  c = 11,000 / 20,955.
    """
    world = one_position("long", "10000")
    valuation = world.valuation()
    prices = alone(valuation, 0).prices(world.prices, -TWENTY)
    (remedy,) = remedies(valuation, prices)
    assert remedy.shortfall == remedy.deposit == 11_000 * 10**6
    exact = Fraction(11_000, 20_955) * 10**5
    assert remedy.closings[0].size == exact.__ceil__()
    assert remedy.closings[0].share == Fraction(exact.__ceil__(), 10**5)
    assert remedy.share == (exact / 10**5 * SHARES).__ceil__()


def test_a_deposit_is_rounded_up_to_a_cent() -> None:
    world = one_position("long", "10000.000001")
    valuation = world.valuation()
    (remedy,) = remedies(valuation, alone(valuation, 0).prices(world.prices, -TWENTY))
    assert remedy.shortfall == 11_000 * 10**6 - 1
    assert remedy.deposit == 11_000 * 10**6


def test_an_isolated_position_is_saved_by_margin_or_by_closing_all() -> None:
    """A part of it takes its share of the bucket along, so the rest stands where it stood."""
    worlds = [random_world(seed, "hyperliquid") for seed in SEEDS]
    seen = 0
    for world in worlds:
        valuation = world.valuation()
        for remedy in remedies(valuation, against(valuation).prices(world.prices, TWENTY)):
            if remedy.bucket < 0:
                continue
            (closing,) = remedy.closings
            # Truncation may save a hair: the last lots of a tiny position.
            assert closing.share > Fraction(99, 100)
            seen += 1
    assert seen >= 10


def test_nothing_is_needed_where_nothing_goes() -> None:
    world = one_position("long", "10000")
    valuation = world.valuation()
    assert remedies(valuation, alone(valuation, 0).prices(world.prices, Fraction(-1, 100))) == []


def fill(world: World, valuation: Valuation, market: int, size: int) -> dict[int, tuple[int, int]]:
    """Close in the machine against somebody who quotes exactly the present price.

    Equity and maintenance margin of every bucket that is left.
    """
    engine = valuation.engine
    position = next(each for each in world.plan.positions if each.market == market)
    owner = valuation.owner_of(valuation.bucket_of(market))
    closing = Side.SELL if position.signed_size > 0 else Side.BUY
    quoting = Side.BUY if closing == Side.SELL else Side.SELL
    maker = next(
        e.account for e in sent(engine, CreateAccount(time_ms=1)) if isinstance(e, AccountCreated)
    )
    sent(engine, Deposit(time_ms=1, account=maker, amount=10**15))
    price = world.prices[market]
    quote = PlaceOrder(
        time_ms=1, account=maker, market=market, side=quoting, price=price, size=size,
        time_in_force=TimeInForce.GOOD_TIL_CANCEL,
    )  # fmt: skip
    sent(engine, quote)
    order = PlaceOrder(
        time_ms=1, account=owner, market=market, side=closing, price=price, size=size,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL, flags=OrderFlag.REDUCE_ONLY,
    )  # fmt: skip
    fills = [e for e in sent(engine, order) if isinstance(e, OrderFilled)]
    assert sum(each.size for each in fills if each.account == owner) == size
    shown = account_margins(engine, owner)
    return {
        market: (each.equity, each.maintenance_margin)
        for market, each in shown.items()
        if market == CROSS_POOL or valuation.bucket_of(market) == market
    }


def sent(engine: Engine, command: object) -> list[object]:
    events = list(engine.apply(command))  # type: ignore[arg-type]
    assert not any(isinstance(each, CommandRejected) for each in events), events
    return events  # type: ignore[return-value]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_close_is_booked_as_the_machine_books_it(seed: int) -> None:
    world = random_world(seed, "hyperliquid")
    for position in world.plan.positions:
        whole = abs(position.signed_size)
        for size in (max(1, whole // 3), whole):
            if size * world.prices[position.market] < 10 * 10**6:
                continue
            valuation = world.valuation()
            planned = with_closed(valuation, position.market, size)
            expected = Valuation(planned, world.book, world.instruments, world.prices).at(
                world.prices
            )
            found = fill(world, valuation, position.market, size)
            assert found == {
                bucket: (value.equity, value.maintenance_margin)
                for bucket, value in expected.items()
            }


def test_the_fee_of_rules_of_blocks_is_the_machine_s() -> None:
    """A quote rests with the next block; who takes it pays the base taker fee, give a unit."""
    world = one_position("long", "10000", "dydx")
    valuation = world.valuation()
    before = valuation.at(world.prices)[-1].equity
    engine = valuation.engine
    maker = next(
        e.account for e in sent(engine, CreateAccount(time_ms=1)) if isinstance(e, AccountCreated)
    )
    sent(engine, Deposit(time_ms=1, account=maker, amount=10**15))
    order = PlaceOrder(
        time_ms=1, account=maker, market=0, side=Side.BUY, price=world.prices[0], size=30_000,
        time_in_force=TimeInForce.GOOD_TIL_CANCEL,
    )  # fmt: skip
    sent(engine, order)
    sent(engine, AdvanceTime(time_ms=5_000))
    order = PlaceOrder(
        time_ms=5_000, account=valuation.owner_of(CROSS_POOL), market=0, side=Side.SELL,
        price=world.prices[0], size=30_000, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        flags=OrderFlag.REDUCE_ONLY,
    )  # fmt: skip
    sent(engine, order)
    paid = before - valuation.at(world.prices)[-1].equity
    fee = taker_fee(world.book, 30_000 * 10**6)
    assert fee > 0
    assert abs(paid - fee) <= 1


def test_isolated_modes_exist_in_the_random_accounts() -> None:
    modes = [
        each.mode for seed in SEEDS for each in random_world(seed, "hyperliquid").plan.positions
    ]
    assert modes.count(MarginMode.ISOLATED) >= 15
