"""The view of an account, from the account itself, a mirror of it, and what else was observed.

The mirror is an engine that holds the account alone (``accounts/valuation.py``). Margins and
liquidation prices are its own; the venue's are kept beside them, to be compared before anything is
done. While only prices change the engine is kept.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.accounts.liquidation import LiquidationPrices
from seawall.accounts.valuation import Valuation, valuation_of
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.events import CROSS_POOL, group_of_pool
from seawall.domain.holdings import Position
from seawall.domain.instrument import Instrument
from seawall.domain.margin_groups import margin_groups
from seawall.domain.units import PPM
from seawall.engine.account_view import Margins, account_margins, pool_cash
from seawall.engine.formulas.continuous.liquidation_price import maintenance_tiers, tier_index
from seawall.engine.placement import write_prices
from seawall.guard.view import (
    BucketView,
    FundingPayment,
    Levels,
    MarketView,
    Observed,
    OrderStatus,
    OrderView,
    PositionView,
    View,
)

CROSS = "cross"
"""The name of the cross pool; of another group's, followed by the group's name."""


class MarketNow(Struct, frozen=True, kw_only=True):
    """What else was observed of one market, in its units."""

    bids: Levels = ()
    asks: Levels = ()
    book_ms: int | None = None
    volume: int | None = None
    funding_rate: int | None = None
    next_funding_ms: int | None = None


class Observation(Struct, frozen=True, kw_only=True):
    """What was observed beside the account, all of it optional but the times.

    ``orders``: every open order; those of the account itself without ids where None.
    ``liquidation_prices``, ``equity``, ``maintenance``: the venue's own figures, by market and by
    bucket. ``entries``: USD at which positions were opened, by market, where the account's are not.
    """

    time_ms: int
    observed: Observed
    orders: tuple[OrderView, ...] | None = None
    statuses: tuple[OrderStatus, ...] = ()
    markets: Mapping[str, MarketNow] = {}
    liquidation_prices: Mapping[str, Decimal] = {}
    equity: Mapping[str, int] = {}
    maintenance: Mapping[str, int] = {}
    net_deposits: int | None = None
    funding_payments: tuple[FundingPayment, ...] = ()
    wallets: Mapping[str, int] = {}
    resets: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    client_id_bits: int = 128
    entries: Mapping[str, Decimal] = {}


class Mirror:
    """Makes views. One for each account; ``account``: as it is now, with the prices now."""

    def __init__(self) -> None:
        self._account: Account | None = None
        self._valuation: Valuation | None = None

    def view(self, account: Account, observation: Observation) -> View:
        """The view of an account. Raises InputError for what no engine can hold."""
        valuation = self._held(account)
        prices = LiquidationPrices(account, valuation)
        margins = _margins(valuation, account)
        names = {bucket: _bucket_name(account, bucket) for bucket in valuation.buckets}
        pools = {
            bucket: names.get(valuation.placed.pools[bucket], "") if bucket >= 0 else ""
            for bucket in names
        }
        buckets = tuple(
            structs.replace(
                _bucket(names[bucket], bucket, valuation, margins[bucket], observation),
                pool=pools[bucket],
            )
            for bucket in valuation.buckets
        )
        positions = tuple(
            _position(account, each, names[valuation.bucket_of(each.market)], prices, observation)
            for each in account.positions
        )
        markets = tuple(
            _market(each, price, observation.markets.get(each.name, MarketNow()))
            for each, price in zip(account.instruments, account.prices, strict=True)
        )
        orders = observation.orders
        return View(
            time_ms=observation.time_ms,
            observed=observation.observed,
            equity=sum(each.equity for each in buckets),
            net_deposits=observation.net_deposits,
            markets=markets,
            buckets=buckets,
            positions=positions,
            orders=_orders_of(account) if orders is None else orders,
            statuses=observation.statuses,
            funding_payments=observation.funding_payments,
            wallets=observation.wallets,
            resets=observation.resets,
            overrides=observation.overrides,
            client_id_bits=observation.client_id_bits,
        )

    def _held(self, account: Account) -> Valuation:
        """The engine that holds the account, at its prices."""
        before = self._account
        if (
            self._valuation is None
            or before is None
            or before.holdings != account.holdings
            or before.rulebook != account.rulebook
            or before.instruments != account.instruments
        ):
            for each in account.instruments:
                _check_units(account, each)
            self._valuation = valuation_of(account)
        self._account = account
        write_prices(self._valuation.engine, account.prices)
        return self._valuation


def _check_units(account: Account, instrument: Instrument) -> None:
    terms = instrument.block_terms
    if terms and (terms.price_step, terms.quote_exponent, terms.value_exponent) != (1, 0, 0):
        expected = "a market whose size times price is micro-USD"
        raise InputError.of(account.source, "market", instrument.name, expected)


def _margins(valuation: Valuation, account: Account) -> dict[int, Margins]:
    """Of each bucket at the prices that the engine has."""
    shown = account_margins(valuation.engine, valuation.placed.account)
    found = {}
    for bucket in valuation.buckets:
        owner = valuation.owner_of(bucket)
        own = owner == valuation.placed.account
        found[bucket] = (
            shown[bucket] if own else account_margins(valuation.engine, owner)[CROSS_POOL]
        )
    return found


def _bucket_name(account: Account, bucket: int) -> str:
    if bucket >= 0:
        return account.instruments[bucket].name
    group = list(margin_groups(account.rulebook, account.instruments))[group_of_pool(bucket)]
    return f"{CROSS} {group}".strip()


def _bucket(
    name: str, bucket: int, valuation: Valuation, margins: Margins, observation: Observation
) -> BucketView:
    is_isolated = bucket >= 0
    return BucketView(
        name=name,
        is_isolated=is_isolated,
        equity=margins.equity,
        maintenance=margins.maintenance_margin,
        cash=_cash(valuation, bucket),
        free=None if is_isolated else margins.free,
        reported_equity=observation.equity.get(name),
        reported_maintenance=observation.maintenance.get(name),
    )


def _cash(valuation: Valuation, bucket: int) -> int:
    owner = valuation.owner_of(bucket)
    if bucket < 0 or owner != valuation.placed.account:
        return pool_cash(valuation.engine, owner, min(bucket, CROSS_POOL))
    rows = valuation.engine.tables["positions"]
    held = (rows["account"] == owner) & (rows["market"] == bucket) & (rows["signed_size"] != 0)
    return int(rows["isolated_cash"][held][0])


def _position(
    account: Account,
    position: Position,
    bucket: str,
    prices: LiquidationPrices,
    observation: Observation,
) -> PositionView:
    instrument = account.instruments[position.market]
    mark = account.prices[position.market]
    reported = observation.liquidation_prices.get(instrument.name)
    is_long = position.signed_size > 0
    entry = observation.entries.get(instrument.name)
    return PositionView(
        market=instrument.name,
        bucket=bucket,
        signed_size=position.signed_size,
        entry_notional=position.entry_notional
        if entry is None
        else _units(entry * abs(position.signed_size), instrument, is_long) or 0,
        rate=maintenance_rate(instrument, abs(position.signed_size) * mark),
        liquidation_price=_units(prices.price(position.market), instrument, is_long),
        reported_price=_units(reported, instrument, is_long),
    )


def maintenance_rate(instrument: Instrument, notional: int) -> int:
    """Of the tier of a notional, ppm; rounded up."""
    if instrument.block_terms is not None:
        fractions = instrument.block_terms.fractions
        return -(-fractions.initial_ppm * fractions.maintenance_fraction_ppm // PPM)
    tiers = maintenance_tiers(instrument.tiers)
    tier = tiers[tier_index(tiers, notional)]
    return -(-PPM * tier.numerator // tier.denominator)


def _units(price: Decimal | None, instrument: Instrument, is_long: bool) -> int | None:
    """Price units, rounded towards the mark: liquidation is never shown further than it is."""
    if price is None:
        return None
    rounding = ROUND_CEILING if is_long else ROUND_FLOOR
    return int(price.scaleb(instrument.price_decimals).to_integral_value(rounding))


def _market(instrument: Instrument, price: int, now: MarketNow) -> MarketView:
    return MarketView(
        name=instrument.name,
        mark=price,
        size_decimals=instrument.size_decimals,
        size_step=instrument.size_step(in_blocks=True),
        bids=now.bids,
        asks=now.asks,
        book_ms=now.book_ms,
        volume=now.volume,
        funding_rate=now.funding_rate,
        next_funding_ms=now.next_funding_ms,
    )


def _orders_of(account: Account) -> tuple[OrderView, ...]:
    """The orders of an account file; they have no ids, and negative numbers stand for them."""
    return tuple(
        OrderView(
            market=account.instruments[each.market].name,
            order_id=-number,
            is_buy=each.side == Side.BUY,
            size=each.size,
            price=each.price,
            trigger_price=each.trigger_price,
            take_profit=each.take_profit,
            reduce_only=each.reduce_only,
        )
        for number, each in enumerate(account.orders, start=1)
    )
