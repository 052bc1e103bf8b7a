"""Simulations of small accounts, for the tests of paths and modes."""

from collections.abc import Sequence
from pathlib import Path

from seawall.cli.params import SourceOptions
from seawall.cli.paths_inputs import ModelWishes, RunWishes, read_request
from seawall.lab.paths.setup import PathSetup

STEADY = ModelWishes(jumps="off", volatility_moves="off", funding=["0%"])
"""Nothing but diffusion: what has a closed form."""
PRICES = ("BTC=100000", "ETH=4000", "SOL=200", "DOGE=0.2")


def position(market: str, side: str, notional: int, leverage: int, mode: str = "cross") -> str:
    return (
        f'[[position]]\nmarket = "{market}"\nside = "{side}"\nnotional = {notional}\n'
        f'leverage = {leverage}\nmode = "{mode}"\n'
    )


def setup_of(
    folder: Path,
    collateral: int,
    positions: Sequence[str],
    model: ModelWishes = STEADY,
    run: RunWishes = RunWishes(),  # noqa: B008 (frozen)
    rulebook: str | None = None,
) -> PathSetup:
    """The simulation that the command would run for this account."""
    file = folder / "account.toml"
    file.write_text(f"collateral = {collateral}\n" + "".join(positions))
    held = [price for price in PRICES if f'"{price.split("=")[0]}"' in "".join(positions)]
    wishes = SourceOptions(price=held, rulebook=rulebook)
    return read_request(str(file), wishes, model, run).setup
