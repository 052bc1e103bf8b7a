"""Simulations of small accounts, for the tests of paths and modes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.paths.setup import PathOptions, PathSetup, path_setup

STEADY = ModelOptions(jumps=False, volatility_moves=False, funding="0%")
"""Nothing but diffusion: what has a closed form."""
PRICES = ("BTC=100000", "ETH=4000", "SOL=200", "DOGE=0.2")


def position(market: str, side: str, notional: int, leverage: int, mode: str = "cross") -> str:
    return (
        f'[[position]]\nmarket = "{market}"\nside = "{side}"\nnotional = {notional}\n'
        f'leverage = {leverage}\nmode = "{mode}"\n'
    )


def account_of(
    folder: Path,
    collateral: int,
    positions: Sequence[str],
    prices: Sequence[str] = PRICES,
    rulebook: str | None = None,
) -> Account:
    """The account that a command reads from a file of these positions."""
    file = folder / "account.toml"
    file.write_text(f"collateral = {collateral}\n" + "".join(positions))
    held = [price for price in prices if f'"{price.split("=")[0]}"' in "".join(positions)]
    return load_account(file, AccountOptions(price=held, rulebook=rulebook))


def setup_of(
    folder: Path,
    collateral: int,
    positions: Sequence[str],
    model: ModelOptions = STEADY,
    rulebook: str | None = None,
    **options: Unpack[PathOptions],
) -> PathSetup:
    """The simulation that the command runs for this account."""
    account = account_of(folder, collateral, positions, rulebook=rulebook)
    return path_setup(account, model=model, **options)
