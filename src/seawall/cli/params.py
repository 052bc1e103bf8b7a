"""Options that the commands of the lab share, and their description."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from seawall.accounts.load import AccountOptions
from seawall.domain.errors import InputError
from seawall.report.deliver import OutputOptions

if TYPE_CHECKING:
    from seawall.accounts.account import Account

Texts = Annotated[list[str] | None, Parameter(negative="")]
SignedText = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
"""A text that may begin with a minus, also where it is no plain number (-10%)."""
SignedTexts = Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)]
Files = Annotated[list[Path] | None, Parameter(negative="")]
Assume = Annotated[
    Path | None,
    Parameter(
        help="A TOML file that changes what is assumed of markets: volatility, funding, depth, "
        "betas, open interest, fees; the same for every command."
    ),
]


def given(*groups: Any) -> dict[str, Any]:
    """The options of these groups that were given, by name."""
    return {
        name: value for group in groups for name, value in vars(group).items() if value is not None
    }


@Parameter(name="*")
@dataclass(frozen=True)
class MarketSource:
    """Where an account, its markets and prices come from."""

    price: Texts = None
    """The price now, such as BTC=117000; may be given several times."""
    meta: Path | None = None
    """A file with the venue's answer to `meta`, for markets that do not ship."""
    markets: Path | None = None
    """A file with an indexer's answer to `perpetualMarkets`, for the account of one."""
    at: str | None = None
    """Base URL of another API than the venue's own, such as a running sandbox, for an address."""
    assume: Assume = None

    def options(self) -> AccountOptions:
        found = given(self)
        found.pop("assume", None)
        return AccountOptions(**found)


@Parameter(name="*")
@dataclass(frozen=True)
class SourceOptions(MarketSource):
    """Where rules, markets and prices come from."""

    rulebook: str | None = None
    """A shipped rulebook by name, or a rulebook file. Without it, that of the account's venue."""


@Parameter(name="*")
@dataclass(frozen=True)
class PortfolioMargin:
    """For accounts in portfolio margin: those with options or coins, or where a preset is named."""

    preset: Texts = None
    """A preset of portfolio margin by name, or a preset file, as `seawall options` takes them."""
    surface: Path | None = None
    """A file of option quotes (parquet or CSV), for options that say no volatility."""
    time: str | None = None
    """The moment now, UTC, such as 2025-10-10T20:00. Without it that of the account file, else of
    the quotes."""
    liquidation_cost: SignedText = None
    """What a liquidation loses of the price for each coin that it closes, 0.5% if not given."""

    def is_asked(
        self, account: "Account", in_a_pool: Mapping[str, Any], elsewhere: Mapping[str, Any]
    ) -> bool:
        """Whether the account is to be counted in portfolio margin.

        ``in_a_pool``, ``elsewhere``: options of the command that only make sense there, None where
        not given. Raises InputError for one that was given and has no meaning.
        """
        from seawall.lab.options.pooled import stands_in_a_pool

        is_asked = self.preset is not None or stands_in_a_pool(account)
        own = {name: value for name, value in given(self).items() if name != "preset"}
        unused = elsewhere if is_asked else {**own, **in_a_pool}
        for name, value in unused.items():
            if value is not None:
                where = "in portfolio margin" if is_asked else "without options and --preset"
                raise InputError.of("", name, value, f"left out {where}: it has no meaning there")
        return is_asked

    def options(self) -> dict[str, Any]:
        """What the questions take, with the presets."""
        found = given(self)
        return {"presets": found.pop("preset", ()), **found}


@Parameter(name="*")
@dataclass(frozen=True)
class Outputs:
    """Where the findings go."""

    json_: Annotated[bool, Parameter(name="--json", negative="")] = False
    """Print one JSON object instead of tables."""
    report: Path | None = None
    """Write a self-contained HTML report to this file."""
    parquet: Path | None = None
    """Write the tables as parquet files to this folder."""

    def options(self) -> OutputOptions:
        return OutputOptions(json=self.json_, report=self.report, parquet=self.parquet)
