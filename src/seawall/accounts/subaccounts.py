"""A venue's answer about subaccounts as an account of the lab, with the markets it needs.

A parent's own subaccount is the account; each child with one position is what an account file
calls isolated. Positions are entered at the oracle price, so that equity is the venue's own. The
markets keep their own margins but get plain units, in which prices and sizes make micro-USD, and
share one pool of collateral and one insurance fund.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct, structs

from seawall.accounts.file import AccountError, AccountSketch, PositionSketch
from seawall.domain.instrument import BlockTerms, Instrument
from seawall.domain.units import MAX_PRICE, MICRO, MONEY_DECIMALS, from_units, money_text
from seawall.venues.known import venue_module

FIRST_CHILD = 128
"""Numbers below are parents."""
ROOM_ABOVE = 100
"""A path may go so many times as high as the present price."""


class _Listed(Struct):
    markets: dict[str, msgspec.Raw] = {}


def read_subaccounts(
    venue: str,
    source: str,
    raw: bytes,
    market_data: bytes,
    known: Mapping[str, Instrument],
    also: Sequence[str] = (),
) -> tuple[AccountSketch, dict[str, Instrument]]:
    """The account of an answer and its markets by coin; ``known`` says usual size decimals.

    ``also``: coins whose markets are wanted without a position; those that the answer does not
    list are left out. Raises AccountError, and the venue's ValueError for an answer that cannot be
    read.
    """
    decoder = venue_module(venue, "account_state")
    held = decoder.tickers(raw)
    wished = [each for each in _tickers(market_data) if _coin(each) in also and each not in held]
    states = venue_module(venue, "account_markets").market_states(market_data, [*held, *wished])
    subaccounts = [
        each for each in decoder.account_state(raw, states).subaccounts
        if each.positions or each.cash
    ]  # fmt: skip
    if not subaccounts:
        raise AccountError(f"{source}: has no positions and no collateral")
    main = [each for each in subaccounts if each.number < FIRST_CHILD]
    if len(main) > 1:
        numbers = " and ".join(str(each.number) for each in main)
        raise AccountError(
            f"{source}: subaccounts: {numbers} are parents; give the answer of one parent"
        )
    positions: list[PositionSketch] = []
    prices: dict[str, str] = {}
    instruments: dict[str, Instrument] = {}
    collateral = 0
    for subaccount in subaccounts:
        is_child = subaccount.number >= FIRST_CHILD
        if is_child and len(subaccount.positions) > 1:
            raise AccountError(
                f"{source}: subaccount {subaccount.number}: has {len(subaccount.positions)} "
                "positions; a child that is rehearsed has one"
            )
        equity = _equity(source, subaccount)
        collateral += equity
        for position in subaccount.positions:
            coin = _coin(position.market.name)
            if coin in prices:
                raise AccountError(
                    f"{source}: subaccount {subaccount.number}: a second position in {coin}; an "
                    "account that is rehearsed has one per market"
                )
            size = abs(position.size)
            instruments[coin] = _plain(source, coin, position.market, size, known.get(coin))
            prices[coin] = _decimal(position.market.usd(position.market.oracle_price))
            positions.append(
                _position(coin, position, equity, instruments[coin], is_child=is_child)
            )
    for market in (states[ticker] for ticker in wished):
        coin = _coin(market.name)
        instruments[coin] = _plain(source, coin, market, Fraction(0), known.get(coin))
        prices[coin] = _decimal(market.usd(market.oracle_price))
    sketch = AccountSketch(
        source=source,
        name=f"subaccount {main[0].number}" if main else "child accounts",
        collateral=money_text(collateral),
        positions=tuple(positions),
        prices=prices,
    )
    return sketch, instruments


def _tickers(market_data: bytes) -> Iterable[str]:
    """The markets that an answer lists, none where it lists none."""
    try:
        return msgspec.json.decode(market_data, type=_Listed).markets
    except msgspec.MsgspecError:
        return ()


def _coin(ticker: str) -> str:
    return ticker.partition("-")[0]


def _equity(source: str, subaccount: Any) -> int:
    """Micro-USD at the oracle prices, rounded down."""
    value = sum((each.exact_value for each in subaccount.positions), Fraction(0))
    equity: int = subaccount.cash + (value * MICRO).__floor__()
    if equity <= 0:
        raise AccountError(
            f"{source}: subaccount {subaccount.number}: has no equity: {money_text(equity)} USD"
        )
    return equity


def _position(
    coin: str, position: Any, equity: int, instrument: Instrument, *, is_child: bool
) -> PositionSketch:
    notional = (abs(position.exact_value) * MICRO).__floor__()
    return PositionSketch(
        market=coin,
        is_long=position.signed_size > 0,
        size=from_units(abs(position.signed_size), position.market.size_decimals),
        entry_notional=money_text(notional),
        is_isolated=is_child,
        leverage=max(1, min(notional // equity, instrument.maximum_leverage)),
        margin=money_text(equity) if is_child else None,
    )


def _plain(
    source: str, coin: str, market: Any, size: Fraction, usual: Instrument | None
) -> Instrument:
    """The market with its own margins in units whose product is micro-USD, and ``size`` whole."""
    price = market.usd(market.oracle_price)
    least = 0 if usual is None else usual.size_decimals
    for decimals in range(least, MONEY_DECIMALS + 1):
        fits = price * ROOM_ABOVE * 10 ** (MONEY_DECIMALS - decimals) <= MAX_PRICE
        if fits and (size * 10**decimals).denominator == 1:
            break
    else:
        raise AccountError(
            f"{source}: {market.name}: size {_decimal(size)} at {_decimal(price)} USD "
            f"does not fit {MONEY_DECIMALS} decimals of size and price together"
        )
    terms = market.terms
    own: Instrument = market.instrument
    return structs.replace(
        own,
        name=coin,
        size_decimals=decimals,
        block_terms=BlockTerms(
            fractions=terms.fractions,
            default_funding_ppm=terms.default_funding_ppm,
            minimum_price_change_ppm=terms.minimum_price_change_ppm,
            oracle_decimals=MONEY_DECIMALS - decimals,
        ),
    )


def _decimal(value: Fraction) -> str:
    """Exact decimal text of a fraction whose denominator divides a power of ten."""
    scaled = value * 10**36
    return from_units(int(scaled), 36)
