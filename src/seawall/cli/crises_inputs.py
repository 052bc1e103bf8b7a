"""What ``seawall crises`` is asked, read and checked: crises, rulebooks, modes, depths, candles."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.accounts.markets import markets_under, shipped_markets
from seawall.cli.crises_options import CrisesOptions, CrisesSource
from seawall.domain.errors import InputError
from seawall.lab.market.candle_file import PathError
from seawall.venues.registry import VENUES
from seawall.venues.rulebook_file import load_rulebook

if TYPE_CHECKING:
    from seawall.lab.crises.setup import CrisesTask, DepthLevel, Rules, Script

ALL = "all"
MOST_PEOPLE = 50_000
HIGHEST_SEED = 2**63 - 1
LEAST_DEPTH, MOST_DEPTH = 2.0, 100.0
"""Percent of the calm depth."""


class Request(NamedTuple):
    """A checked request. ``notes``: what a reader must know of the input."""

    account: Account
    task: "CrisesTask"
    notes: tuple[str, ...]


def read_request(named: str | None, options: CrisesOptions, source: CrisesSource) -> Request:
    """Everything is read and checked before anything is computed.

    Raises SeawallError.
    """
    _check_numbers(options)
    depths = _depths(options.depth)
    names = _crises(options.crisis or [])
    wished = _modes(options.mode)
    books = options.rulebook or []
    account = load_account(named, source.options(books[0] if books else None))
    if not account.holdings.positions:
        raise InputError(f"{account.source}: position: the account has none")
    rules = _rules(account, books)
    candles = _candles(options.candles or [], names)

    from seawall.lab.crises.modes import is_mixed, mode_of, possible_modes, settled
    from seawall.lab.crises.setup import CrisesTask

    plan = settled(account.holdings, rules)
    possible = [name for name in wished if name in possible_modes(plan)]
    if not possible:
        raise InputError(f"--mode: {options.mode}: one position cannot be held hybrid")
    modes = tuple(mode_of(name, plan, rules, account.price_texts) for name in possible)
    scripts = tuple(_script(name, account, rules[0], candles.get(name, [])) for name in names)
    notes = [f"{each.name}: {note}." for each in scripts for note in each.path.notes]
    if "hybrid" in possible and is_mixed(plan):
        notes.append("Hybrid is the account as it stands.")
    task = CrisesTask(
        scripts=scripts,
        rules=tuple(rules),
        modes=modes,
        depths=depths,
        accounts=options.population,
        seed=options.seed,
    )
    return Request(account, task, tuple(notes))


def _check_numbers(options: CrisesOptions) -> None:
    if not 0 <= options.population <= MOST_PEOPLE:
        raise InputError(
            f"--population: {options.population} should be 0 to {MOST_PEOPLE:,} accounts"
        )
    if not 0 <= options.seed <= HIGHEST_SEED:
        raise InputError(f"--seed: {options.seed} should be 0 to {HIGHEST_SEED}")
    if options.workers is not None and options.workers < 1:
        raise InputError(f"--workers: {options.workers} should be 1 or more")


def _listed(text: str, option: str) -> list[str]:
    """Parts between commas, each once, in order. Raises InputError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InputError(f"{option}: {text!r} should be a list with commas")
    return list(dict.fromkeys(parts))


def _depths(text: str) -> tuple["DepthLevel", ...]:
    from seawall.lab.crises.setup import CALM, DROUGHT, DROUGHT_SHARE, DepthLevel

    known = {CALM: 1.0, DROUGHT: DROUGHT_SHARE}
    found = []
    for part in _listed(text, "--depth"):
        share = known.get(part)
        if share is None:
            try:
                percent = float(part.removesuffix("%").strip())
            except ValueError:
                percent = 0.0
            if not LEAST_DEPTH <= percent <= MOST_DEPTH:
                raise InputError(
                    f"--depth: {part!r} should be {CALM}, {DROUGHT}, or {LEAST_DEPTH:g} to "
                    f"{MOST_DEPTH:g} percent"
                )
            share = percent / 100
        found.append(DepthLevel(name=part, share=share))
    return tuple(found)


def _modes(text: str) -> list[str]:
    from seawall.lab.crises.modes import MODES

    found = _listed(text, "--mode")
    for part in found:
        if part not in MODES:
            raise InputError(f"--mode: {part!r} should be one of {', '.join(MODES)}")
    # In one order, whatever was typed: tables and pictures of two runs look alike.
    return [each for each in MODES if each in found]


def _crises(wished: Sequence[str]) -> list[str]:
    """Names or files, each once. Raises InputError for what is neither."""
    from seawall.lab.crises.facts import crisis_names
    from seawall.lab.market.named_scenarios import DEFAULT, load, names

    found: list[str] = []
    for each in wished or [DEFAULT]:
        if each == ALL:
            found += crisis_names()
            continue
        try:
            load(each)
        except PathError as error:
            raise InputError(f"--crisis: {error}") from None
        plain = each.replace("-", "_")
        found.append(plain if plain in names() else each)
    return list(dict.fromkeys(found))


def _rules(account: Account, wished: Sequence[str]) -> list["Rules"]:
    """The first as the account was read, then the others. Raises InputError, RulebookError."""
    from seawall.lab.crises.setup import Rules

    others = list(wished[1:])
    if not wished:
        others = [venue for venue in VENUES if venue != account.venue]
    found = [Rules(book=account.rulebook, instruments=account.instruments)]
    shipped = shipped_markets()
    for each in others:
        book = load_rulebook(each)
        instruments = markets_under(book, account.instruments, shipped)
        found.append(Rules(book=book, instruments=tuple(instruments)))
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--rulebook: two are called {name}; each needs a name of its own")
    return found


def _candles(wishes: Sequence[str], crises: Sequence[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for wish in wishes:
        name, equals, file = wish.partition("=")
        name = name.strip()
        name = name if name in crises else name.replace("-", "_")
        if not equals or not file:
            raise InputError(
                f"--candles: {wish!r} should be CRISIS=FILE, such as {crises[0]}=btc.csv"
            )
        if name not in crises:
            raise InputError(
                f"--candles: {name!r} is not one of the crises played: {', '.join(crises)}"
            )
        found.setdefault(name, []).append(Path(file))
    return found


def _script(name: str, account: Account, rules: "Rules", candles: Sequence[Path]) -> "Script":
    """Raises InputError."""
    from seawall.lab.crises.scripts import make_script
    from seawall.lab.crises.setup import even_grid
    from seawall.lab.market.named_scenarios import load

    try:
        script = make_script(
            name,
            load(name),
            account.holdings,
            rules.instruments,
            account.listed,
            account.price_texts,
            candles,
        )
        even_grid(script.path, rules.instruments)
    except PathError as error:
        raise InputError(f"--{'candles' if candles else 'crisis'}: {error}") from None
    return script
