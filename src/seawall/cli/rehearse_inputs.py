"""What ``seawall rehearse`` is given, read and checked: account, rules, markets, path, depth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.cli.depth_input import read_depths
from seawall.domain.errors import InputError

if TYPE_CHECKING:
    from seawall.lab.market.market_path import MarketPath, Window
    from seawall.lab.market.scenario import Neighbours, Scenario

__all__ = ["Inputs", "read_inputs", "scenario_of"]


class Inputs(NamedTuple):
    """Everything a rehearsal needs. ``account``: at the first prices of the path."""

    account: Account
    path: "MarketPath"
    depths: Any
    neighbours: "Neighbours"


def read_inputs(
    account_file: Path | None,
    options: AccountOptions,
    only_markets: Sequence[str] | None,
    files: Sequence[Path] | None,
    window: tuple[str | None, str | None],
    step: float | None,
    depth: Sequence[str] | None,
) -> Inputs:
    """Raises InputError."""
    from seawall.lab.market.market_path import read_market_path
    from seawall.lab.market.scenario import Neighbours

    scenario = scenario_of(files)
    if scenario is None:
        chosen, step_ms = _window(window), None if step is None else _step_ms(step)
    elif any(window) or step is not None:
        raise InputError(
            "--from, --to, --step: belong to a --path of candles; a scenario has its own"
        )

    def path_of(names: Sequence[str]) -> "MarketPath":
        return read_market_path(files or [], list(names), chosen, step_ms)

    def usual_prices(names: Sequence[str]) -> Mapping[str, str]:
        if scenario is None:
            path = path_of(names)
            return {name: _first_price(path, name) for name in names}
        found = {name: _usual_price(scenario, name) for name in names}
        return {name: repr(price) for name, price in found.items() if price is not None}

    options = options._replace(only_markets=only_markets or (), usual_prices=usual_prices)
    account = load_account(account_file, options)
    names = account.markets
    if scenario is None:
        path, neighbours = path_of(names), Neighbours()
    else:
        path, neighbours = _scenario_path(scenario, account), scenario.neighbours
    account = account.opened_at({name: _first_price(path, name) for name in names})
    depths = read_depths([account.listed[name] for name in names], depth or [])
    return Inputs(account, path, depths, neighbours)


def _first_price(path: "MarketPath", name: str) -> str:
    return repr(float(path.oracle[name][0]))


def _window(texts: tuple[str | None, str | None]) -> "Window":
    from seawall.lab.market.market_path import Window, parse_time

    usual = Window()
    chosen = Window(
        parse_time(texts[0], "--from") if texts[0] else usual.from_ms,
        parse_time(texts[1], "--to") if texts[1] else usual.to_ms,
    )
    if chosen.from_ms >= chosen.to_ms:
        raise InputError(f"--to: {texts[1]} is not after --from {texts[0]}")
    return chosen


def _step_ms(step: float) -> int:
    if not 0.001 <= step <= 86_400:
        raise InputError(f"--step: {step:g} should be 0.001 to 86400 seconds")
    return round(step * 1000)


def scenario_of(files: Sequence[Path] | None) -> "Scenario | None":
    """The scenario if that is what is asked for, else None. Raises InputError."""
    from seawall.lab.market.named_scenarios import DEFAULT, is_scenario, load

    if not files:
        return load(DEFAULT)
    if not is_scenario(files[0]):
        return None
    if len(files) > 1:
        raise InputError("--path: a scenario stands alone; give one file")
    return load(files[0])


def _usual_price(scenario: "Scenario", name: str) -> float | None:
    """A scenario of shapes alone starts where the built-in crash does."""
    from seawall.lab.market.named_scenarios import DEFAULT, load

    return scenario.price_of(name) or load(DEFAULT).price_of(name)


def _scenario_path(scenario: "Scenario", account: Account) -> "MarketPath":
    """The scenario from what the account itself says of prices, unrounded, or its own ones on."""
    from seawall.lab.market.scenario import scenario_path

    prices = {}
    for name in account.markets:
        text = account.stated_price(name)
        price = _usual_price(scenario, name) if text is None else float(text)
        if price is not None:
            prices[name] = price
    sides = {
        account.markets[each.market]: 1 if each.signed_size > 0 else -1
        for each in account.positions
    }
    return scenario_path(scenario, list(account.markets), prices, sides)
