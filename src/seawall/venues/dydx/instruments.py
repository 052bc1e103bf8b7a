"""Markets of this venue: from an indexer's answer to ``perpetualMarkets``.

Three things that the rules need are not in that answer and are assumed:

* the impact notional is that of the liquidity tier with the same margins (``liquidity_tiers.py``);
  where no tier has them, the least of all tiers;
* the exponent of the oracle price is such that exponent + atomic resolution is -15, as in every
  market of genesis; a price with more decimals than that shows its own exponent;
* the smallest price change that counts for triggers is the 1000 ppm of large markets at genesis.

Sizes are counted in base quantums, 10^atomicResolution coins; prices in ticks of subticksPerTick.
An answer without ``atomicResolution`` is read where a step or a tick tells it: stepSize is
stepBaseQuantums of them, tickSize is subticksPerTick x 10^(quantumConversionExponent - 6 -
atomicResolution).
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

import msgspec
from msgspec import Struct

from seawall.domain.enums import MarketMargin, MarketStatus
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MONEY_DECIMALS, PPM
from seawall.venues.dydx.liquidity_tiers import (
    LiquidityTier,
    matching_tier,
    shipped_tiers,
    tier_of_coin,
)
from seawall.venues.numbers import decimals_shown, exact_units, units_text, whole_number
from seawall.venues.raw_json import VenueDataError, decode

T = TypeVar("T")

VALUE_EXPONENT = -9
"""Exponent + atomic resolution + 6 where the oracle price has the venue's usual scale."""
RATE_HOURS = 8
"""Funding rates are stated per hour by an indexer and for so many hours by the rules."""
_PPM_DECIMALS = 6
_FINE_DECIMALS = 18
_FINE_PER_PPM = 10**12
_MAX_EXPONENT = 18
_MOST_DIGITS = 60

STATUSES = {
    "ACTIVE": MarketStatus.OPEN,
    "PAUSED": MarketStatus.HALTED,
    "CANCEL_ONLY": MarketStatus.HALTED,
    "POST_ONLY": MarketStatus.POST_ONLY_ONLY,
    "INITIALIZING": MarketStatus.INITIALIZING,
    "FINAL_SETTLEMENT": MarketStatus.FINAL_SETTLEMENT,
}
"""The venue itself supports ACTIVE, INITIALIZING and FINAL_SETTLEMENT; its indexer lists all."""

Number = str | int
"""Servers differ in whether they quote whole numbers."""


class ListedMarket(Struct, frozen=True, kw_only=True):
    """One market of the answer: the instrument and where it stands."""

    instrument: Instrument
    clob_pair_id: int
    status: MarketStatus
    oracle_price: int
    """In the instrument's units, 0 where the answer has none yet."""
    open_interest: int
    """Base quantums: the chain's own figure, else the indexer's sum over positions, else 0."""
    has_open_interest: bool
    """Whether the answer gives either figure."""
    liquidity_tier: str
    """Whose impact notional was taken; empty if no tier has the market's margins."""

    @property
    def name(self) -> str:
        return self.instrument.name

    @property
    def terms(self) -> BlockTerms:
        return _terms(self.instrument)

    @property
    def size_decimals(self) -> int:
        """Decimals of one base quantum."""
        return self.instrument.size_decimals

    @property
    def price_decimals(self) -> int:
        """Decimals of the oracle price."""
        return self.terms.oracle_decimals

    @property
    def base_fraction(self) -> Fraction:
        """IMF: initial fraction without open interest."""
        return Fraction(self.terms.fractions.initial_ppm, PPM)

    @property
    def maintenance_fraction(self) -> Fraction:
        """MMF, without rounding."""
        return self.base_fraction * Fraction(self.terms.fractions.maintenance_fraction_ppm, PPM)

    def usd(self, price: int) -> Fraction:
        """USD of units of the oracle price."""
        return Fraction(price) / Fraction(10) ** self.price_decimals


class _Market(Struct, rename="camel"):
    clob_pair_id: Number
    ticker: str
    status: str
    quantum_conversion_exponent: Number
    step_base_quantums: Number
    subticks_per_tick: Number
    initial_margin_fraction: Number
    maintenance_margin_fraction: Number
    atomic_resolution: Number | None = None
    tick_size: Number | None = None
    step_size: Number | None = None
    market_type: str = "CROSS"
    oracle_price: Number | None = None
    open_interest: Number | None = None
    base_open_interest: Number | None = None
    open_interest_lower_cap: Number | None = None
    open_interest_upper_cap: Number | None = None
    default_funding_rate_1_h: Number | None = msgspec.field(
        name="defaultFundingRate1H", default=None
    )


class _Answer(Struct):
    markets: dict[str, msgspec.Raw]


def listed_markets(
    raw: bytes, tiers: Sequence[LiquidityTier] | None = None
) -> tuple[ListedMarket, ...]:
    """The markets of an answer to ``perpetualMarkets``, by clob pair id.

    ``tiers`` replaces the liquidity tiers that ship. Raises VenueDataError naming market and field.
    """
    made: dict[int, ListedMarket] = {}
    for key, text in decode(_Answer, raw).markets.items():
        path = f"markets.{key}"
        market = _listed(path, key, decode(_Market, bytes(text), path), tiers)
        other = made.setdefault(market.clob_pair_id, market)
        if other is not market:
            raise VenueDataError(
                f"{path}.clobPairId: {market.clob_pair_id} is that of {other.instrument.name} "
                "already; each market must have its own"
            )
    return tuple(made[number] for number in sorted(made))


def instruments_from_markets(
    raw: bytes, tiers: Sequence[LiquidityTier] | None = None
) -> tuple[Instrument, ...]:
    """The instruments of ``listed_markets``. Raises VenueDataError naming market and field."""
    return tuple(market.instrument for market in listed_markets(raw, tiers))


def plain_instrument(
    instrument: Instrument, tiers: Sequence[LiquidityTier] | None = None
) -> Instrument:
    """A market of another venue's tables under this venue's rules, in the units it has.

    Those units are plain: price x size is micro-USD, every tick and every size counts. Margins,
    caps and impact notional are those of the coin's liquidity tier here [assumed: which tier a coin
    is in can change, and coins that this venue lacks are taken as Long-Tail]; nothing else of the
    other venue's rules is kept. An instrument of this venue is returned as it is.
    """
    if instrument.block_terms is not None:
        return instrument
    if not 0 <= instrument.size_decimals <= MONEY_DECIMALS:
        raise ValueError(
            f"{instrument.name}: size_decimals {instrument.size_decimals} must be "
            f"from 0 to {MONEY_DECIMALS}"
        )
    tier = tier_of_coin(instrument.name, tiers)
    return msgspec.structs.replace(
        instrument,
        tiers=_leverage(tier.fractions.initial_ppm),
        margin=MarketMargin.ANY_MODE,
        open_interest_cap=0,
        impact_notional=tier.impact_notional,
        block_terms=BlockTerms(fractions=tier.fractions, oracle_decimals=instrument.price_decimals),
    )


def oracle_price_units(instrument: Instrument, text: str) -> int:
    """USD text as the machine's oracle price, exactly.

    Raises VenueDataError for a price that is negative or finer than the instrument's oracle price.
    """
    return exact_units(
        f"{instrument.name} oracle price", text, _terms(instrument).oracle_decimals, signed=False
    )


def ticks_of(instrument: Instrument, text: str) -> int:
    """USD text as an order price in ticks.

    Raises VenueDataError for a price that is not positive, not on a tick, or beyond the book.
    """
    path, step = f"{instrument.name} price", _terms(instrument).price_step
    decimals = _subtick_decimals(instrument)
    highest = MAX_PRICE * step
    ticks, rest = divmod(exact_units(path, text, decimals, highest), step)
    if rest or ticks < 1:
        raise VenueDataError(
            f"{path}: {text!r} must be a positive multiple of the tick {price_text(instrument, 1)}"
        )
    return ticks


def price_text(instrument: Instrument, ticks: int) -> str:
    """An order price in ticks as USD text, exactly."""
    return units_text(ticks * _terms(instrument).price_step, _subtick_decimals(instrument))


def size_units(instrument: Instrument, text: str) -> int:
    """Coins as base quantums, with the sign of the text.

    Raises VenueDataError for a size that is not a multiple of the step, or beyond the machine.
    """
    path, step = f"{instrument.name} size", _terms(instrument).size_step
    units = exact_units(path, text, instrument.size_decimals, MAX_SIZE)
    if units % step:
        raise VenueDataError(
            f"{path}: {text!r} must be a multiple of the step {size_text(instrument, step)}"
        )
    return units


def size_text(instrument: Instrument, units: int) -> str:
    """Base quantums as coins, exactly."""
    return units_text(units, instrument.size_decimals)


def _terms(instrument: Instrument) -> BlockTerms:
    if instrument.block_terms is None:
        raise ValueError(f"{instrument.name} has no block_terms; use plain_instrument first")
    return instrument.block_terms


def _subtick_decimals(instrument: Instrument) -> int:
    """Decimals of USD per coin of one subtick, the unit that ``price_step`` counts."""
    return MONEY_DECIMALS - instrument.size_decimals - _terms(instrument).quote_exponent


def _leverage(initial_ppm: int) -> tuple[MarginTier, ...]:
    return (MarginTier(0, PPM // initial_ppm),)


def _listed(
    path: str, key: str, raw: _Market, tiers: Sequence[LiquidityTier] | None
) -> ListedMarket:
    if raw.ticker != key:
        raise VenueDataError(f"{path}.ticker: {raw.ticker!r} must be {key!r}, as it is listed")
    status = _choice(f"{path}.status", raw.status, STATUSES)
    own_pool = _choice(f"{path}.marketType", raw.market_type, {"CROSS": False, "ISOLATED": True})
    fractions = _fractions(path, raw)
    known = shipped_tiers() if tiers is None else tiers
    tier = matching_tier(fractions, own_pool, known)
    atomic = _atomic_resolution(path, raw)
    terms = _block_terms(path, raw, atomic, fractions, own_pool)
    instrument = Instrument(
        name=raw.ticker,
        size_decimals=-atomic,
        tiers=_leverage(fractions.initial_ppm),
        impact_notional=tier.impact_notional
        if tier
        else min((each.impact_notional for each in known), default=0),
        block_terms=terms,
    )
    _check_grains(path, raw, instrument)
    return ListedMarket(
        instrument=instrument,
        clob_pair_id=_whole(f"{path}.clobPairId", raw.clob_pair_id, 0, 2**32 - 1),
        status=status,
        oracle_price=exact_units(
            f"{path}.oraclePrice", raw.oracle_price or "0", terms.oracle_decimals, signed=False
        ),
        open_interest=_open_interest(path, raw, instrument.size_decimals),
        has_open_interest=(raw.base_open_interest, raw.open_interest) != (None, None),
        liquidity_tier=tier.name if tier else "",
    )


def _open_interest(path: str, raw: _Market, decimals: int) -> int:
    if raw.base_open_interest is not None:
        return exact_units(
            f"{path}.baseOpenInterest", raw.base_open_interest, decimals, signed=False
        )
    return exact_units(f"{path}.openInterest", raw.open_interest or "0", decimals, signed=False)


def _atomic_resolution(path: str, raw: _Market) -> int:
    """As it is stated, else what makes the step, or else the tick, a power of ten."""
    where = f"{path}.atomicResolution"
    if raw.atomic_resolution is not None:
        return _whole(where, raw.atomic_resolution)
    if raw.step_size is not None:
        units = _whole(f"{path}.stepBaseQuantums", raw.step_base_quantums, 1, MAX_SIZE)
        found = _exponent(f"{path}.stepSize", raw.step_size, units, "stepBaseQuantums")
    elif raw.tick_size is not None:
        units = _whole(f"{path}.subticksPerTick", raw.subticks_per_tick, 1, 10**15)
        exponent = _exponent(f"{path}.tickSize", raw.tick_size, units, "subticksPerTick")
        quote = _whole(f"{path}.quantumConversionExponent", raw.quantum_conversion_exponent)
        found = quote - MONEY_DECIMALS - exponent
    else:
        raise VenueDataError(f"{where}: missing, and neither stepSize nor tickSize tells it")
    return whole_number(where, found, -_MAX_EXPONENT, _MAX_EXPONENT)


def _exponent(path: str, value: Number, units: int, name: str) -> int:
    """The power of ten by which ``units`` make the value."""
    fine = exact_units(path, value, _FINE_DECIMALS, 10**_MOST_DIGITS)
    for exponent in range(-_FINE_DECIMALS, _FINE_DECIMALS + 1):
        if fine == units * Fraction(10) ** (exponent + _FINE_DECIMALS):
            return exponent
    raise VenueDataError(f"{path}: {value!r} must be {name} {units} times a power of ten")


def _block_terms(
    path: str, raw: _Market, atomic: int, fractions: MarginFractions, own_pool: bool
) -> BlockTerms:
    usual = atomic + MONEY_DECIMALS - VALUE_EXPONENT
    decimals = max(usual, decimals_shown(str(raw.oracle_price or "0")))
    exponent = atomic + MONEY_DECIMALS - decimals
    if exponent < -_MAX_EXPONENT:
        raise VenueDataError(
            f"{path}.oraclePrice: {raw.oracle_price!r} must have at most "
            f"{atomic + MONEY_DECIMALS + _MAX_EXPONENT} decimals"
        )
    return BlockTerms(
        fractions=fractions,
        price_step=_whole(f"{path}.subticksPerTick", raw.subticks_per_tick, 1, 10**15),
        size_step=_whole(f"{path}.stepBaseQuantums", raw.step_base_quantums, 1, MAX_SIZE),
        quote_exponent=_whole(f"{path}.quantumConversionExponent", raw.quantum_conversion_exponent),
        value_exponent=exponent,
        own_pool=own_pool,
        default_funding_ppm=_default_funding(path, raw.default_funding_rate_1_h),
        oracle_decimals=decimals,
    )


def _fractions(path: str, raw: _Market) -> MarginFractions:
    initial = exact_units(
        f"{path}.initialMarginFraction", raw.initial_margin_fraction, _PPM_DECIMALS
    )
    if not 1 <= initial <= PPM:
        raise VenueDataError(
            f"{path}.initialMarginFraction: {raw.initial_margin_fraction!r} must be "
            "from 0.000001 to 1"
        )
    where = f"{path}.maintenanceMarginFraction"
    text = raw.maintenance_margin_fraction
    fine = exact_units(where, text, _FINE_DECIMALS)
    share, rest = divmod(fine * PPM, initial * _FINE_PER_PPM)
    if rest or not 0 <= share <= PPM:
        raise VenueDataError(
            f"{where}: {text!r} must be a whole number of ppm, up to all, of "
            f"initialMarginFraction {raw.initial_margin_fraction!r}"
        )
    lower, upper = (
        exact_units(f"{path}.{name}", value or "0", MONEY_DECIMALS, signed=False)
        for name, value in (
            ("openInterestLowerCap", raw.open_interest_lower_cap),
            ("openInterestUpperCap", raw.open_interest_upper_cap),
        )
    )
    if upper and lower > upper:
        raise VenueDataError(
            f"{path}.openInterestLowerCap: {raw.open_interest_lower_cap!r} must not be above "
            f"openInterestUpperCap {raw.open_interest_upper_cap!r}"
        )
    return MarginFractions(
        initial_ppm=initial,
        maintenance_fraction_ppm=share,
        open_interest_lower_cap=lower if upper else 0,
        open_interest_upper_cap=upper,
    )


def _default_funding(path: str, rate: Number | None) -> int:
    """The hourly rate of the answer as ppm of a funding period."""
    where = f"{path}.defaultFundingRate1H"
    fine = exact_units(where, rate if rate is not None else "0", _FINE_DECIMALS)
    ppm, rest = divmod(fine * RATE_HOURS, _FINE_PER_PPM)
    if rest or abs(ppm) > PPM:
        raise VenueDataError(
            f"{where}: {rate!r} must be a whole number of ppm of {RATE_HOURS} hours, up to all"
        )
    return ppm


def _check_grains(path: str, raw: _Market, instrument: Instrument) -> None:
    """Tick and step in coins and USD must be those of the exponents."""
    stated = {"tickSize": raw.tick_size, "stepSize": raw.step_size}
    size_step = _terms(instrument).size_step
    right = {"tickSize": price_text(instrument, 1), "stepSize": size_text(instrument, size_step)}
    made_of = {
        "tickSize": "subticksPerTick, quantumConversionExponent and atomicResolution",
        "stepSize": "stepBaseQuantums and atomicResolution",
    }
    for name, value in stated.items():
        if value is None:
            continue
        where, text = f"{path}.{name}", right[name]
        decimals = decimals_shown(text)
        if decimals_shown(str(value)) > decimals or exact_units(
            where, value, decimals
        ) != exact_units(where, text, decimals):
            raise VenueDataError(f"{where}: {value!r} must be {text!r}, by {made_of[name]}")


def _whole(path: str, value: Number, least: int = -_MAX_EXPONENT, most: int = _MAX_EXPONENT) -> int:
    return whole_number(path, exact_units(path, value, 0), least, most)


def _choice(path: str, value: str, known: Mapping[str, T]) -> T:
    if value not in known:
        raise VenueDataError(f"{path}: {value!r} is unknown; known are {', '.join(known)}")
    return known[value]
