"""An account's perpetuals and options as portfolios, one for each underlying."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.option import YEAR_MS, OptionPosition
from seawall.domain.units import MICRO
from seawall.lab.options.black76 import price
from seawall.lab.options.portfolio import Collateral, Future, Options, Portfolio
from seawall.lab.options.surface import Surface, read_surface
from seawall.report.kinds import TIME


class HeldOption(Struct, frozen=True, kw_only=True):
    """One option. ``size``: coins, signed; ``strike``, ``forward``, ``entry``: USD a coin.

    ``years``: to expiry; ``volatility``: a fraction a year, from ``origin``.
    """

    market: str
    position: OptionPosition
    size: float
    strike: float
    forward: float
    years: float
    volatility: float
    entry: float
    origin: str


class Held(Struct, frozen=True, kw_only=True):
    """All that an account holds. Money in USD.

    ``cash``: collateral less what is owed, premiums paid and received, and the profit of the
    perpetuals at the prices now. ``portfolios``: by market, without that cash. ``options``: in the
    account's order. ``entries``: USD a coin of each perpetual. ``time_ms``: the moment from which
    options count.
    """

    account: Account
    time_ms: int
    cash: float
    portfolios: Mapping[str, Portfolio]
    options: tuple[HeldOption, ...]
    entries: Mapping[str, float]

    @property
    def equity(self) -> float:
        """USD: cash and the value of the options."""
        return self.cash + sum(each.equity for each in self.portfolios.values())


def held_of(account: Account, surface: Surface | None, time_ms: int) -> Held:
    """The account at a moment, its options at the surface's volatilities where it says none.

    Raises InputError naming the option, the field and what would be right.
    """
    spots = {name: float(account.price(name)) for name in account.markets}
    options = tuple(
        _option(account, number, each, spots, surface, time_ms)
        for number, each in enumerate(account.options, start=1)
    )
    futures: dict[str, Future] = {}
    entries = {}
    cash = float(account.collateral)
    for each in account.positions:
        instrument = account.instruments[each.market]
        size = each.signed_size / 10**instrument.size_decimals
        entry = each.entry_notional / MICRO / abs(size)
        futures[instrument.name] = Future(size=size, price=spots[instrument.name])
        entries[instrument.name] = entry
        cash += size * (spots[instrument.name] - entry)
    cash -= sum(each.size * each.entry for each in options)
    cash -= account.holdings.borrowed / MICRO
    coins = dict.fromkeys(account.markets, 0.0)
    for spot in account.holdings.coins:
        instrument = account.instruments[spot.market]
        coins[instrument.name] += spot.size / 10**instrument.size_decimals
    used = [
        name for name in account.markets if name in futures or coins[name] or _of(options, name)
    ]
    return Held(
        account=account,
        time_ms=time_ms,
        cash=cash,
        portfolios={
            name: Portfolio(
                spot=spots[name],
                options=_arrays(_of(options, name)),
                futures=(futures[name],) if name in futures else (),
                collaterals=(Collateral(amount=coins[name], price=spots[name]),)
                if coins[name]
                else (),
            )
            for name in used
        },
        options=options,
        entries=entries,
    )


def surface_of(account: Account, file: str | Path | None, time_ms: int | None) -> Surface | None:
    """The surface that is asked for, else the account's own beside its file; None for neither."""
    if file is not None:
        return read_surface(Path(file), time_ms)
    if account.surface is None:
        return None
    # As the file of an account names it: beside that file.
    home = Path(account.source.removeprefix("file ")).parent
    return read_surface(home / account.surface, time_ms)


def _of(options: Sequence[HeldOption], market: str) -> list[HeldOption]:
    return [each for each in options if each.market == market]


def _arrays(options: Sequence[HeldOption]) -> Options:
    return Options.of(
        [
            (each.position.is_call, each.strike, each.years, each.volatility, each.forward,
             each.size)
            for each in options
        ]
    )  # fmt: skip


def _option(
    account: Account,
    number: int,
    position: OptionPosition,
    spots: Mapping[str, float],
    surface: Surface | None,
    time_ms: int,
) -> HeldOption:
    instrument = account.instruments[position.market]
    market = instrument.name
    where = f"{account.source}: option {number} ({market})"
    years = (position.expiry_ms - time_ms) / YEAR_MS
    if years <= 0:
        expiry, now = TIME.text(position.expiry_ms), TIME.text(time_ms)
        raise InputError(
            f"{where}: expiry: {expiry} should be after the time now, {now}; leave out what has "
            "expired"
        )
    strike, spot = float(position.strike), spots[market]
    quoted = None if surface is None else surface.at(market, strike, years, spot)
    if position.volatility is None and quoted is None:
        raise InputError(
            f'{where}: volatility: is missing; it should be such as "55%", or --surface a file of '
            "quotes"
        )
    forward = spot if quoted is None else quoted.forward
    if position.forward is not None:
        forward = float(position.forward)
    volatility, origin = 0.0, "the account"
    if position.volatility is not None:
        volatility = float(position.volatility)
    elif quoted is not None and surface is not None:
        volatility, origin = quoted.volatility, f"surface {surface.source}"
    worth = float(price(position.is_call, forward, strike, volatility, years))
    return HeldOption(
        market=market,
        position=position,
        size=position.signed_size / 10**instrument.size_decimals,
        strike=strike,
        forward=forward,
        years=years,
        volatility=volatility,
        entry=worth if position.entry is None else float(position.entry),
        origin=origin,
    )


def moved(
    portfolio: Portfolio, change: float = 0.0, volatility_change: float = 0.0, years: float = 0.0
) -> Portfolio:
    """The portfolio after a move of its price, of all volatilities, and time; fractions and years.

    Forwards keep their ratio to the price. Profit of futures, and what options that expire pay, are
    in ``cash``; those options are gone.
    """
    options, spot = portfolio.options, portfolio.spot * (1.0 + change)
    paid = sum(each.size * each.price * change for each in portfolio.futures)
    forward = options.forward * (1.0 + change)
    left = options.years - years
    is_call, strike = options.is_call, options.strike
    # At expiry the forward has become the price.
    exercised = np.maximum(0.0, np.where(is_call, spot - strike, strike - spot))
    paid += float((options.size * exercised)[left <= 0].sum())
    # What is left of the time to expiry is left of the way from the price to the forward.
    share = np.clip(left / np.maximum(options.years, 1e-12), 0.0, 1.0)
    now = structs.replace(
        options,
        years=left,
        forward=spot * (forward / spot) ** share,
        volatility=options.volatility * (1.0 + volatility_change),
    )
    return structs.replace(
        portfolio,
        spot=spot,
        options=now.only(np.flatnonzero(left > 0)),
        futures=tuple(
            structs.replace(each, price=each.price * (1.0 + change)) for each in portfolio.futures
        ),
        collaterals=tuple(
            structs.replace(each, price=each.price * (1.0 + change))
            for each in portfolio.collaterals
        ),
        cash=portfolio.cash + paid,
    )


def with_future(portfolio: Portfolio, size: float) -> Portfolio:
    """The portfolio with another size of its perpetual, traded at its price now."""
    futures = (Future(size=size, price=portfolio.spot),) if size else ()
    return structs.replace(portfolio, futures=futures)
