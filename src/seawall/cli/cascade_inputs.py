"""What ``seawall cascade`` is asked, read and checked."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.cli.cascade_options import DayWishes, PeopleWishes, PriceWishes, SeedWishes
from seawall.cli.params import SourceOptions
from seawall.domain.errors import InputError
from seawall.lab.market.liquidity import chosen_depths

if TYPE_CHECKING:
    from seawall.lab.cascade.setup import MarketSetup
    from seawall.lab.market.market_path import MarketPath
    from seawall.lab.simulation.assumptions import Assumptions
    from seawall.lab.simulation.population import Distribution

MOST_ACCOUNTS = 2_000_000
MOST_SEEDS = 10_000
HIGHEST_SEED = 2**32 - 1
LONGEST_SECONDS = 86_400.0
STRONGEST = 100.0
MOST_INTEREST = 1e12


def read_setup(
    account_name: str | None,
    source: SourceOptions,
    day: DayWishes,
    people: PeopleWishes,
    prices: PriceWishes,
    seeds: SeedWishes,
) -> tuple["MarketSetup", Account]:
    """Raises SeawallError."""
    from seawall.lab.cascade.setup import MarketSetup, calm_depths, grid_by_second, scaled
    from seawall.lab.simulation.population import usual_open_interest

    distribution = _distribution(people)
    assumptions = _assumptions(prices, seeds)
    strength = share("--strength", day.strength, 0.0, 5.0)
    if day.minutes is not None:
        _between("--minutes", day.minutes, 0.1, 10_000.0)
    options = source.options()
    account = load_account(account_name, _with_markets(options, day.market or ()))
    path = _path(account, day)
    names = [each.name for each in account.instruments]
    interest = usual_open_interest(names) | _amounts("--interest", people.interest or (), names)
    wished = prices.depth or ()
    everywhere = any("=" not in wish for wish in wished)
    named = names if everywhere else [wish.partition("=")[0] for wish in wished]
    depths = calm_depths(chosen_depths(account.listed.values(), wished), interest, named)
    setup = MarketSetup(
        name=path.name,
        rulebook=account.rulebook,
        instruments=account.instruments,
        grid=scaled(
            grid_by_second(path, account.instruments, day.minutes),
            [float(account.price_texts[name]) for name in names],
            strength,
        ),
        plan=account.holdings,
        depths=tuple(depths[name] for name in names),
        open_interest=tuple(interest[name] for name in names),
        distribution=distribution,
        assumptions=assumptions,
    )
    return setup, account


def _with_markets(options: AccountOptions, markets: Sequence[str]) -> AccountOptions:
    return options._replace(extra_markets=tuple(markets))


def _path(account: Account, day: DayWishes) -> "MarketPath":
    from seawall.lab.market.market_path import read_market_path
    from seawall.lab.market.named_scenarios import DEFAULT, load, starting_path

    if day.path:
        if day.scenario is not None:
            raise InputError("--scenario: a path of candles is given already; one of the two")
        return read_market_path(day.path, [each.name for each in account.instruments])
    scenario = load(day.scenario or DEFAULT)
    return starting_path(scenario, account.holdings, account.instruments, account.price_texts)


def _distribution(wishes: PeopleWishes) -> "Distribution":
    from seawall.lab.simulation.population import Distribution
    from seawall.lab.simulation.population_file import read_leverages

    _between("--accounts", wishes.accounts, 0, MOST_ACCOUNTS)
    if wishes.population is not None and wishes.leverage is not None:
        raise InputError("--leverage: the leverages are those of --population; one of the two")
    usual = Distribution()
    median = usual.leverage_median
    if wishes.leverage is not None:
        median = _between("--leverage", wishes.leverage, 1.0, 100.0)
    return Distribution(
        accounts=wishes.accounts,
        long_share=share("--longs", wishes.longs, 0.0, 1.0),
        crowd_share=share("--crowd", wishes.crowd, 0.0, 1.0),
        isolated_share=share("--isolated", wishes.isolated, 0.0, 1.0),
        leverage_median=median,
        leverages=() if wishes.population is None else read_leverages(wishes.population),
    )


def _assumptions(wishes: PriceWishes, seeds: SeedWishes) -> "Assumptions":
    from seawall.lab.simulation.assumptions import Assumptions

    _between("--seed", seeds.seed, 0, HIGHEST_SEED)
    _between("--seeds", seeds.seeds, 1, MOST_SEEDS)
    if seeds.workers is not None and seeds.workers < 1:
        raise InputError(f"--workers: {seeds.workers} should be 1 or more")
    for name in ("noise", "trend", "arbitrage"):
        _between(f"--{name}", getattr(wishes, name), 0.0, STRONGEST)
    return Assumptions(
        seed=seeds.seed,
        coupling=share("--coupling", wishes.coupling, 0.0, 1.0),
        lag_seconds=_between("--lag", wishes.lag, 0.0, 3_600.0),
        permanent_share=share("--permanent", wishes.permanent, 0.0, 1.0),
        half_life_seconds=_between("--half-life", wishes.half_life, 1.0, LONGEST_SECONDS),
        noise=wishes.noise,
        trend=wishes.trend,
        arbitrage=wishes.arbitrage,
        backstop_share=share("--backstop", wishes.backstop, 0.0, 10.0),
        fast_forward=wishes.fast_forward,
    )


def share(option: str, text: str, least: float, most: float) -> float:
    """A share in percent. Raises InputError."""
    try:
        value = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise InputError(f"{option}: {text!r} should be {100 * least:g}% to {100 * most:g}%")
    return value


def _between(option: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise InputError(f"{option}: {value:g} should be {least:,.12g} to {most:,.12g}")
    return value


def _amounts(option: str, wishes: Sequence[str], markets: Sequence[str]) -> dict[str, float]:
    """USD by market. Raises InputError."""
    found = {}
    for wish in wishes:
        name, equals, text = wish.rpartition("=")
        try:
            usd = float(text)
        except ValueError:
            usd = math.nan
        if not equals or not 1.0 <= usd <= MOST_INTEREST:
            raise InputError(
                f"{option}: {wish!r} should be MARKET=USD of 1 to {MOST_INTEREST:,.0f}, such as "
                f"{markets[0]}=2e9"
            )
        if name not in markets:
            raise InputError(f"{option}: {name!r} is not one of the markets: {', '.join(markets)}")
        found[name] = usd
    return found
