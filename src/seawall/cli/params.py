"""Options that the commands of the lab share, and their description."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from seawall.accounts.load import AccountOptions
from seawall.report.deliver import OutputOptions


def read_by(read: Callable[[str, str], Any], *, signed: bool = True) -> Parameter:
    """A parameter whose text ``read(field, text)`` turns into a value, or raises InputError.

    For what is given once. What may be given several times stays a list of texts that the command
    converts, once, by the same functions of ``domain.quantities``.
    """

    def convert(_: Any, tokens: Any) -> Any:
        return read(tokens[0].keyword or "", tokens[0].value)

    return Parameter(converter=convert, n_tokens=1, allow_leading_hyphen=signed, negative="")


Texts = Annotated[list[str] | None, Parameter(negative="")]
SignedTexts = Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)]
"""Texts that may begin with a minus, also where they are no plain number (-10%)."""


@Parameter(name="*")
@dataclass(frozen=True)
class SourceOptions:
    """Where rules, markets and prices come from."""

    price: Texts = None
    """The price now, such as BTC=117000; may be given several times."""
    meta: Path | None = None
    """A file with the venue's answer to `meta`, for markets that do not ship."""
    markets: Path | None = None
    """A file with an indexer's answer to `perpetualMarkets`, for the account of one."""
    rulebook: str | None = None
    """A shipped rulebook by name, or a rulebook file. Without it, that of the account's venue."""
    at: str | None = None
    """Base URL of another API than the venue's own, such as a running sandbox, for an address."""

    def options(self) -> AccountOptions:
        return AccountOptions(
            meta=self.meta,
            markets=self.markets,
            rulebook=self.rulebook,
            at=self.at,
            price=self.price or (),
        )


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
