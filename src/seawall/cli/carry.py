"""``seawall carry``: what holding a position costs, and the price that pays for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from seawall.cli.params import Outputs, SignedText, SignedTexts, SourceOptions, given
from seawall.cli.run import run
from seawall.cli.size import account_with
from seawall.domain.errors import InputError
from seawall.report.findings import Answer
from seawall.report.progress import Progress

OF_ACCOUNTS = ("days", "funding")
"""Options that an account may be given."""


@Parameter(name="*")
@dataclass(frozen=True)
class CarryOptions:
    """The position, its costs and the way of funding."""

    side: str | None = None
    """long (if not given) or short."""
    size: str | None = None
    """Coins; or say how large with --notional."""
    notional: str | None = None
    """USD at the price now, cut to whole lots; 100000 if neither is given."""
    leverage: str | None = None
    """Of the isolated position; 10."""
    days: str | None = None
    """How long it is held; 30, or as long as the recorded funding."""
    entry_fee: SignedText = None
    """taker (if not given), maker, or a rate such as 0.00035; negative for a rebate."""
    exit_fee: SignedText = None
    """taker (if not given), maker, or a rate."""
    fee_volume: str | None = None
    """USD traded by you in the venue's fee window, for the fee tier."""
    maker_share: str | None = None
    """Your part of all maker volume of the venue, for a rebate."""
    slippage: str | None = None
    """bp each way that takes; without it, what an assumed book costs at this size."""
    funding: SignedTexts = None
    """Funding rate an hour that longs pay; with an account also as BTC=0.00002."""
    funding_file: Path | None = None
    """Recorded funding rates, parquet or CSV."""
    from_: Annotated[str | None, Parameter(name="--from")] = None
    """Start in the recorded rates, UTC; without it their last days."""
    revert_to: SignedText = None
    """The rate an hour to which funding goes back."""
    half_life: str | None = None
    """Hours in which half of the way back is gone; 24."""
    move: SignedText = None
    """How far the price goes until the end, on a straight line, as 5%; 0."""


def carry(
    market: str | None = None,
    /,
    *,
    account: str | None = None,
    options: CarryOptions = CarryOptions(),
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """What it costs to hold a position, and the price at which leaving it is flat.

    Fees, slippage and funding over the holding time; how funding takes from an isolated position
    and moves its liquidation price. Without arguments: 100,000 USD of BTC, long at 10x for 30 days.
    With --account: every bucket of the account. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    market
        The market, BTC if not given.
    account
        An account file or an address, for all its positions.
    """
    asked = given(options)

    def compute(_: Progress) -> Answer:
        from seawall.lab.carry import carry, carry_account
        from seawall.lab.carry.question import DEFAULT_MARKET

        if account is None:
            name = market or DEFAULT_MARKET
            return carry(
                account_with(name, None, source), name, **_of_position(asked), assume=source.assume
            )
        if market is not None:
            raise InputError(
                f"MARKET: {market}: an --account shows all its positions; leave it out"
            )
        for name, value in asked.items():
            if name not in OF_ACCOUNTS:
                raise InputError(
                    f"--{name.strip('_').replace('_', '-')}: {value}: an --account brings its own "
                    "positions and is carried at constant rates; leave it out"
                )
        return carry_account(account_with(None, account, source), **asked, assume=source.assume)

    run("carry", outputs, compute)


def _of_position(asked: dict[str, Any]) -> dict[str, Any]:
    """The options of one position: one rate, and the time at which recorded ones begin."""
    if "funding" in asked:
        rates = asked["funding"]
        if len(rates) > 1 or "=" in rates[0]:
            raise InputError(
                f"--funding: {' '.join(rates)}: one rate; several belong to an --account"
            )
        asked["funding"] = rates[0]
    if "from_" in asked:
        from seawall.lab.market.market_path import parse_time

        start = asked.pop("from_")
        if "funding_file" not in asked:
            raise InputError(f"--from: {start}: belongs to a --funding-file")
        asked["start_ms"] = parse_time(start, "--from")
    return asked
