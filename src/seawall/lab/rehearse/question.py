"""The question: what becomes of an account on a market path, from which prices on."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount, PerMarket, number
from seawall.engine.journal import JournalError, JournalReader
from seawall.engine.placement import PlacementError
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import DEPTH, Assume, assumptions_of, leverages_of
from seawall.lab.market.liquidity import depths, with_depth
from seawall.lab.market.market_path import MarketPath, Window, parse_time, read_market_path
from seawall.lab.market.named_scenarios import DEFAULT, is_scenario, load
from seawall.lab.market.scenario import Neighbours, Scenario, scenario_path
from seawall.lab.rehearse.rehearsal import Rehearsal, run_path
from seawall.report.progress import Progress, silent

__all__ = ["PathChoice", "Rehearsal", "choose_path", "rehearse"]

_CHOSEN = ("--price", "with_prices")
"""Origins of a price that was asked for, and is not only what the account says of itself."""


class PathChoice(Struct, frozen=True, kw_only=True):
    """A scenario, or files of candles in a window; the path itself depends on the markets."""

    scenario: Scenario | None = None
    files: tuple[Path, ...] = ()
    window: Window = Window()
    step_ms: int | None = None

    def first_prices(self, markets: Sequence[str]) -> dict[str, str]:
        """USD at the start, of the markets of which the path itself knows it. Raises PathError."""
        if self.scenario is None:
            return _first_prices(self._candles(markets))
        found = {name: self._price_of(name) for name in markets}
        return {name: repr(price) for name, price in found.items() if price is not None}

    def path(self, account: Account) -> MarketPath:
        """The prices of the account's markets. Raises PathError."""
        if self.scenario is None:
            return self._candles(account.markets)
        prices = {}
        for name in account.markets:
            price = self._start_of(account, name)
            if price is not None:
                prices[name] = price
        sides = {
            account.markets[each.market]: 1 if each.signed_size > 0 else -1
            for each in account.positions
        }
        return scenario_path(self.scenario, account.markets, prices, sides)

    def _start_of(self, account: Account, market: str) -> float | None:
        """The price that was asked for, else what the account says of itself, unrounded."""
        if account.written is None or account.origins.get(f"price {market}") in _CHOSEN:
            return float(account.price(market))
        stated = account.stated_price(market)
        return self._price_of(market) if stated is None else float(stated)

    def _price_of(self, market: str) -> float | None:
        """A scenario of shapes alone starts where the built-in crash does."""
        own = None if self.scenario is None else self.scenario.price_of(market)
        return own or load(DEFAULT).price_of(market)

    def _candles(self, markets: Sequence[str]) -> MarketPath:
        return read_market_path(self.files, list(markets), self.window, self.step_ms)


def choose_path(
    path: str | Path | Sequence[str | Path] = DEFAULT,
    *,
    from_: str | None = None,
    to: str | None = None,
    step: Amount | None = None,
) -> PathChoice:
    """The path that is asked for: a scenario by name or file, or files of candles.

    ``from_``, ``to``: a window of candles, UTC; ``step``: the longest time between two prices in
    seconds. Raises InputError.
    """
    files = [Path(each) for each in ([path] if isinstance(path, str | Path) else path)]
    if not files or is_scenario(files[0]):
        if len(files) > 1:
            raise InputError.of("", "path", str(files[1]), "left out: a scenario stands alone")
        for field, value in (("from", from_), ("to", to), ("step", step)):
            if value is not None:
                raise InputError.of("", field, value, "left out: a scenario has its own window")
        return PathChoice(scenario=load(files[0] if files else DEFAULT))
    window = Window(
        parse_time(from_, "--from") if from_ else Window.from_ms,
        parse_time(to, "--to") if to else Window.to_ms,
    )
    if window.from_ms >= window.to_ms:
        raise InputError.of("", "to", to, f"after {from_!r}")
    step_ms = None
    if step is not None:
        expected = "0.001 to 86400 seconds"
        seconds = number("step", step, least=0.001, most=86_400, expected=expected, percent=False)
        step_ms = round(seconds * 1000)
    return PathChoice(files=tuple(files), window=window, step_ms=step_ms)


def rehearse(
    account: Account,
    *,
    path: str | Path | Sequence[str | Path] | PathChoice = DEFAULT,
    from_: str | None = None,
    to: str | None = None,
    step: Amount | None = None,
    depth: PerMarket = (),
    journal: str | Path | None = None,
    assume: Assume = None,
    progress: Progress = silent,
) -> Rehearsal:
    """What becomes of an account on a market path: liquidations, deleveraging, what is left.

    ``path``: a scenario by name or file, or files of candles, of which ``from_``, ``to`` and
    ``step`` choose a part (``choose_path``). A scenario starts at the prices and entries that the
    account states, else at its own; an entry that is left open is the first price. ``depth``: USD
    within 50 bp per side of the book, one for all or by market. ``journal``: a file for every
    command; an older journal there is replaced. ``assume``: a file that changes the assumptions.

    Raises InputError for what cannot be used.
    """
    if not isinstance(path, PathChoice):
        path = choose_path(path, from_=from_, to=to, step=step)
    for name in account.markets if path.scenario is None else ():
        if account.origins.get(f"price {name}") in _CHOSEN:
            raise InputError.of("", "price", name, "left out: candles have prices of their own")
    prices = path.path(account)
    account = account.opened_at(_first_prices(prices))
    assumed = with_depth(assumptions_of(assume), account.markets, depth)
    account = assumed.account(account)
    calm = depths(account.listed.values(), assume=assumed)
    progress("loading the engine; compiling it takes a minute, once")
    try:
        result = run_path(
            prices, account.holdings, account.rulebook, account.instruments, calm,
            Neighbours() if path.scenario is None else path.scenario.neighbours, progress,
            None if journal is None else _room_for(Path(journal)),
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"--journal: {journal}: {error.strerror}") from None
    except PlacementError as error:
        raise InputError(f"{account.source}: {error}") from None
    used = Used(
        assumptions=assumed,
        leverages=leverages_of(account.listed[name] for name in account.markets),
        fields=(DEPTH, "spread_bp"),
        books=(account.rulebook,),
        has_backstop=True,
        backstop=(result.backstop, f"the path: {prices.name}"),
    )
    return structs.replace(result, source=account.source, scenario=path.scenario, used=used)


def _first_prices(path: MarketPath) -> dict[str, str]:
    return {name: repr(float(prices[0])) for name, prices in path.oracle.items()}


def _room_for(journal: Path) -> Path:
    """The file's name, free to be written: an old journal goes, anything else is an error."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    if journal.exists():
        try:
            JournalReader(journal)
        except JournalError:
            expected = "a new file: it is there already and is no journal"
            raise InputError.of("", "journal", str(journal), expected) from None
        journal.unlink()
    return journal
