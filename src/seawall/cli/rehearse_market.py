"""The whole-market form of ``seawall rehearse``: liquidations move the price."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from seawall.cli.cascade_options import DayWishes, PeopleWishes, PriceWishes
from seawall.cli.params import Outputs, SourceOptions
from seawall.domain.errors import InputError


@Parameter(name="*")
@dataclass(frozen=True)
class WholeMarket:
    """A market around the account."""

    population: int | None = None
    """Play it in a market of so many other accounts, whose liquidations move the price; `seawall
    cascade` has more options for them."""
    report: Path | None = None
    """With --population: a self-contained HTML report to this file."""

    def _is_wanted(self, unused: Mapping[str, object]) -> bool:
        """Raises InputError for what goes only with one of the two forms."""
        if self.population is None:
            if self.report is not None:
                raise InputError(f"--report: {self.report} belongs to --population; else use --png")
            return False
        if self.population < 0:
            raise InputError(f"--population: {self.population} should be 0 or more accounts")
        for name, value in unused.items():
            if value is not None:
                raise InputError(f"{name}: {value} does not go with --population")
        return True

    def play(
        self,
        account: Path | None,
        path: list[Path] | None,
        market: list[str] | None,
        depth: list[str] | None,
        source: SourceOptions,
        unused: Mapping[str, object],
        *,
        as_json: bool,
    ) -> bool:
        """Run and show it if it is asked for; whether it was. Raises InputError."""
        if not self._is_wanted(unused):
            return False
        from seawall.cli.cascade import cascade

        day = DayWishes(path=path, market=market)
        if path and len(path) == 1 and path[0].suffix in ("", ".toml"):
            day = DayWishes(scenario=str(path[0]), market=market)
        cascade(
            None if account is None else str(account),
            day=day,
            people=PeopleWishes(accounts=self.population or 0),
            prices=PriceWishes(depth=depth),
            source=source,
            outputs=Outputs(json_=as_json, report=self.report),
        )
        return True
