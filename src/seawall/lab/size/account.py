"""The account around a trade: what stands behind it, and what the trade does to the account.

A trade joins a bucket of the account: its cross pool; an isolated position's bucket where the
market has one, with all that is free behind it; or, where a market allows no pool, a bucket of its
own. Everything is valued by the engine's own formulas at the prices of now. The tail is that of
``lab/paths``: the account without and with the trade, along the same random prices.
"""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.accounts.valuation import Valuation, valuation_of
from seawall.domain.enums import MarginMode
from seawall.domain.errors import InputError
from seawall.domain.events import CROSS_POOL, group_of_pool
from seawall.domain.holdings import Holdings, Position
from seawall.domain.units import MAX_PRICE, MICRO
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.placement import write_prices
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import BETA, Assumptions
from seawall.lab.paths.estimates import Estimate, expected_shortfall, share
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathSetup, path_setup
from seawall.lab.paths.statistics import first_liquidation, losses
from seawall.lab.paths.variants import stands_alone
from seawall.lab.simulation.names import bucket_name, bucket_of_market
from seawall.lab.size.advice import SizeTask
from seawall.lab.size.margin import MarginRule, margin_rule
from seawall.lab.size.market import TradedMarket
from seawall.lab.size.sizing import Along, Backing, Trade, loss_at_stop

TAIL_PATHS = 2_000
WORST = 0.95
"""The tail is the mean of what is beyond this quantile."""
LARGEST_FALL = Fraction(95, 100)
"""Of another market that moves along; its beta would take it below zero."""


class Place(Struct, frozen=True, kw_only=True):
    """The bucket of an account that a trade joins, at the prices of now.

    ``account``: at those prices. ``bucket``: of the valuation, None for one of its own. ``held``:
    signed size units that it has in the market. ``words``: how it is called.
    """

    account: Account
    valuation: Valuation
    market: int
    bucket: int | None
    pool: int
    held: int
    words: str

    @property
    def position(self) -> Position | None:
        """What the account holds in the market."""
        return held_in(self.account.holdings, self.market)

    @property
    def is_pool(self) -> bool:
        """Whether the trade is cross."""
        return self.bucket == self.pool

    @property
    def others(self) -> tuple[int, ...]:
        """The other markets of the pool, where the trade is cross."""
        pooled = self.valuation.buckets.get(self.pool, ()) if self.is_pool else ()
        return tuple(each for each in pooled if each != self.market)


def held_in(holdings: Holdings, market: int) -> Position | None:
    """The position in a market, if there is one."""
    return next((each for each in holdings.positions if each.market == market), None)


def place_of(traded: TradedMarket) -> Place:
    """Where a trade in the market goes. Raises ValuationError for what no engine can hold."""
    account = traded.account
    market = account.market(traded.name)
    if account.prices[market] != traded.price:
        prices = list(account.prices)
        prices[market] = traded.price
        account = account.replace(prices=tuple(prices))
    valuation = valuation_of(account)
    pool, position = valuation.placed.pools[market], held_in(account.holdings, market)
    bucket: int | None = pool
    words = bucket_name(valuation, pool)
    if position is not None and position.is_isolated:
        bucket = market
    elif position is None and stands_alone(traded.instrument):
        bucket = None
    if bucket != pool:
        own = bucket_of_market(traded.name, account.rulebook)
        words = f"{own} with what is free in the {words}"
    return Place(
        account=account,
        valuation=valuation,
        market=market,
        bucket=bucket,
        pool=pool,
        held=0 if position is None else position.signed_size,
        words=words,
    )


def alone_with(traded: TradedMarket, equity: int) -> Place:
    """The same in an account that holds so much money (micro-USD) and nothing else."""
    holdings = Holdings(name="the equity", collateral=0, positions=())
    account = traded.account.replace(holdings=holdings)
    place = place_of(traded._replace(account=account))
    group = group_of_pool(place.pool)
    account = place.account.replace(holdings=holdings.with_money(group, equity))
    return place_of(traded._replace(account=account))


def backing_of(place: Place, along: Along | None = None) -> Backing:
    """What stands behind a trade that joins the bucket."""
    valuation, market = place.valuation, place.market
    shown = _margins(place, valuation.placed.account)
    pool = shown[place.pool]
    holds = _held_by_orders(place)
    free = max(0, pool.free - holds)
    if not place.is_pool:
        equity = free
        if place.bucket is not None:
            owner = valuation.owner_of(market)
            is_child = owner != valuation.placed.account
            equity += (_margins(place, owner)[CROSS_POOL] if is_child else shown[market]).equity
        return Backing(equity=equity, free=free)
    own = shown.get(market)
    initial, maintenance = (0, 0) if own is None else (own.initial_margin, own.maintenance_margin)
    return Backing(
        equity=pool.equity,
        free=free,
        others_initial=pool.initial_margin - initial + holds,
        others_maintenance=pool.maintenance_margin - maintenance,
        along=along,
    )


def _margins(place: Place, owner: int) -> dict[int, Margins]:
    write_prices(place.valuation.engine, place.account.prices)
    return account_margins(place.valuation.engine, owner)


def _held_by_orders(place: Place) -> int:
    """Margin that resting orders hold in the pool at the highest leverage of their markets.

    Without the credit for orders that close something, which makes it larger.
    """
    account, pools = place.account, place.valuation.placed.pools
    found = 0
    for each in account.orders:
        if each.reduce_only or each.trigger_price or pools[each.market] != place.pool:
            continue
        position = held_in(account.holdings, each.market)
        most = account.instruments[each.market].maximum_leverage
        found += each.size * each.price // (most if position is None else position.leverage)
    return found


def moved_along(place: Place, rule: MarginRule, price: int, assumed: Assumptions) -> Along | None:
    """The bucket where this market is at ``price`` and its other positions moved along with it.

    Each by its usual share of the move of the leading market (``beta`` of what is ``assumed``).
    None without positions in other markets, or for a market that does not move with the leading
    one.
    """
    account, valuation, others = place.account, place.valuation, place.others
    betas = {market: assumed.of(BETA, *_listed(place, market)).value for market in others}
    own = assumed.of(BETA, *_listed(place, place.market)).value
    if not others or own <= 0:
        return None
    lead = (Fraction(price, account.prices[place.market]) - 1) / own
    prices = list(account.prices)
    for each in others:
        factor = 1 + max(-LARGEST_FALL, betas[each] * lead)
        prices[each] = min(MAX_PRICE, max(1, round(prices[each] * factor)))
    prices[place.market] = price
    value = valuation.at(prices)[place.pool]
    held = rule.maintenance(abs(place.held) * price)
    return Along(price, value.equity, value.maintenance_margin - held)


def betas_used(place: Place, assumed: Assumptions) -> Used:
    """What ``moved_along`` reads of the assumptions."""
    leverages = dict(_listed(place, each) for each in (place.market, *place.others))
    return Used(assumptions=assumed, leverages=leverages, fields=(BETA,))


def _listed(place: Place, market: int) -> tuple[str, int]:
    """A market's name, and the greatest leverage that its venue grants there."""
    name = place.account.instruments[market].name
    return name, place.account.listed[name].maximum_leverage


def with_trade(place: Place, trade: Trade, size: int, margin: int | None) -> Account:
    """The account once the trade is made: fee and slippage of the way in are paid.

    ``margin``: micro-USD set aside for an isolated bucket of its own; None where it joins one.
    Positions in the market are entered at its price now, which changes no equity.
    """
    account, loss = place.account, loss_at_stop(trade, size)
    holdings, old = account.holdings, place.position
    paid = loss.entry_fee + loss.entry_slippage
    total, notional = trade.total(size), abs(trade.total(size)) * trade.entry_price
    is_apart = margin is not None or not place.is_pool
    gain = 0
    if old is not None:
        gain = old.signed_size * trade.entry_price
        gain -= old.entry_notional if old.signed_size > 0 else -old.entry_notional
    money = gain - paid
    rule = margin_rule(account.rulebook, account.instruments[place.market])
    most = rule.most_leverage(notional)
    leverage = most if old is None else min(old.leverage, most)
    own = 0
    if is_apart:
        added = rule.initial(size * trade.entry_price, leverage) if margin is None else margin
        own = added + (0 if old is None else old.isolated_margin + gain) - paid
        if margin is not None:
            leverage = max(1, min(most, notional // max(1, margin)))
    made = Position(
        market=place.market,
        signed_size=total,
        entry_notional=notional,
        mode=MarginMode.ISOLATED if is_apart else MarginMode.CROSS,
        leverage=leverage,
        isolated_margin=own,
    )
    positions = tuple(each for each in holdings.positions if each is not old)
    holdings = holdings.with_money(group_of_pool(place.pool), money)
    if total:
        positions = (*positions, made)
    return account.replace(holdings=structs.replace(holdings, positions=positions))


class AccountFigures(Struct, frozen=True, kw_only=True):
    """An account at the prices of now, micro-USD. ``ratio``: maintenance margin over equity of the
    bucket that the trade joins."""

    when: str
    equity: int
    notional: int
    free: int
    maintenance: int

    @property
    def leverage(self) -> Fraction | None:
        """Notional over equity; None without equity."""
        return Fraction(self.notional, self.equity) if self.equity > 0 else None


class PriceRow(Struct, frozen=True, kw_only=True):
    """A position's liquidation price without and with the trade, USD; None for none."""

    market: str
    signed_before: Fraction
    signed_after: Fraction
    price: Fraction
    before: Fraction | None
    after: Fraction | None


class TailRow(Struct, frozen=True, kw_only=True):
    """The account over the horizon, without or with the trade. ``shortfall``: USD lost on average
    in the worst twentieth; ``lost``: that the risk capital is lost at some moment."""

    when: str
    liquidated: Estimate
    shortfall: Estimate
    lost: Estimate


class AccountEffect(Struct, frozen=True, kw_only=True):
    """What a trade does to an account: figures now, liquidation prices, the tail over the horizon.

    ``where``: the bucket that it joins. ``tail``: empty where it cannot be simulated, and
    ``notes`` say why; ``used``: what it reads of the assumptions.
    """

    where: str
    figures: Sequence[AccountFigures]
    prices: Sequence[PriceRow]
    tail: Sequence[TailRow]
    notes: Sequence[str]
    used: Used | None


def effect_of(place: Place, task: SizeTask, size: int, margin: int | None) -> AccountEffect:
    """The effect of ``size`` units of the task's trade. Raises ValuationError."""
    before, after = place.account, with_trade(place, task.trade, size, margin)
    notes: list[str] = []
    tail: Sequence[TailRow] = ()
    used = None
    try:
        setup = path_setup(after, paths=TAIL_PATHS, hours=task.horizon_hours, **task.simulated)
        tail, used = _tail(place, setup, task), setup.used
    except InputError as error:
        notes.append(f"The tail is not simulated: {error}.")
    return AccountEffect(
        where=place.words,
        figures=[
            _figures("without it", before, place.pool),
            _figures("with it", after, place.pool),
        ],
        prices=_prices(before, after),
        tail=tail,
        notes=notes,
        used=used,
    )


def _figures(when: str, account: Account, pool: int) -> AccountFigures:
    valuation = valuation_of(account)
    values = valuation.at(account.prices)
    write_prices(valuation.engine, account.prices)
    return AccountFigures(
        when=when,
        equity=sum(each.equity for each in values.values()),
        notional=sum(
            abs(each.signed_size) * account.prices[each.market] for each in account.positions
        ),
        free=account_margins(valuation.engine, valuation.placed.account)[pool].free,
        maintenance=sum(each.maintenance_margin for each in values.values()),
    )


def _prices(before: Account, after: Account) -> list[PriceRow]:
    """A row for each market with a position, in the order of the account's."""
    rows = []
    for market, instrument in enumerate(after.instruments):
        positions = [held_in(each.holdings, market) for each in (before, after)]
        if positions == [None, None]:
            continue
        found = []
        for account, position in zip((before, after), positions, strict=True):
            liquid = None if position is None else account.liquidation_price(instrument.name)
            found.append(None if liquid is None else Fraction(liquid))
        coins = [
            Fraction(0 if each is None else each.signed_size, 10**instrument.size_decimals)
            for each in positions
        ]
        price = Fraction(after.prices[market], 10**instrument.price_decimals)
        rows.append(
            PriceRow(
                market=instrument.name, signed_before=coins[0], signed_after=coins[1], price=price,
                before=found[0], after=found[1],
            )
        )  # fmt: skip
    return rows


def _tail(place: Place, setup: PathSetup, task: SizeTask) -> list[TailRow]:
    """Both accounts along the same prices. Raises InputError for what paths cannot simulate.

    ``setup``: of the account with the trade.
    """
    after, old = setup.account, place.account.holdings
    # A market has the same place in both, where nothing is held in it as well.
    held = {each.market: each for each in old.positions}
    none = [
        structs.replace(each, signed_size=0, entry_notional=0, isolated_margin=0)
        for each in after.positions
        if each.market not in held
    ]
    kept = [held[each.market] for each in after.positions if each.market in held]
    gone = [each for each in old.positions if held_in(after.holdings, each.market) is None]
    if gone:
        raise InputError("the trade closes a position")
    before = structs.replace(old, positions=(*kept, *none))
    runs = [setup.task(before), setup.task()]
    found = Runner(workers=1).all_outcomes(runs, "the account without and with the trade")
    start = float(runs[0].account.equity.sum())
    rows = []
    for when, run, outcomes in zip(("without it", "with it"), runs, found, strict=True):
        # What the way in costs is lost, too.
        lost = losses(run, outcomes) + start - float(run.account.equity.sum())
        most = start - outcomes.lowest
        rows.append(
            TailRow(
                when=when,
                liquidated=share(first_liquidation(outcomes) > 0, paired=False),
                shortfall=expected_shortfall(lost, WORST, paired=False),
                lost=share(most >= task.risk_capital / MICRO, paired=False),
            )
        )
    return rows
