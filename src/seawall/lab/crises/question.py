"""The question of ``seawall crises``: which crises, rulebooks, modes and depths of the book."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from msgspec import structs

from seawall.accounts.account import Account
from seawall.accounts.markets import markets_under, shipped_markets
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount, choice, number, several
from seawall.domain.rulebook import AnyRulebook
from seawall.lab.crises.crisis import Crisis, crisis_names, crisis_of
from seawall.lab.crises.difference import RulebookDifference
from seawall.lab.crises.modes import HYBRID, MODES, in_mode, is_mixed, with_allowed_leverage
from seawall.lab.crises.trial import CrisesTask, Outcome, Rules, TrialResult, run_trial
from seawall.lab.market.assumptions import Assume, Assumptions, assumptions_of
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.named_scenarios import ALL, DEFAULT, load, names
from seawall.lab.paths.variants import sole_pool
from seawall.lab.simulation.simulation import warm_up
from seawall.lab.simulation.trials import check_workers, run_trials
from seawall.report.findings import Answer, Findings
from seawall.report.kinds import short_percent
from seawall.report.progress import Progress, silent
from seawall.venues.registry import VENUES
from seawall.venues.rulebook_file import load_rulebook

DEPTHS = {"calm": 1.0, "drought": 0.02}
"""Share of the calm depth; the rest is the fall of depth reported for 2025-10-10."""
LEAST_DEPTH = Fraction(2, 100)
ACCOUNTS, MOST_ACCOUNTS = 1000, 50_000
HIGHEST_SEED = 2**63 - 1


class CrisesAnswer(Answer, frozen=True, kw_only=True):
    """What ``crises`` found. ``source``: of the account; ``notes``: on what was given.

    ``trials``: in the order of the task's.
    """

    source: str
    notes: tuple[str, ...]
    task: CrisesTask
    trials: tuple[TrialResult, ...]

    @property
    def outcomes(self) -> list[Outcome]:
        """By crisis, rulebook, mode and depth."""
        crises = [each.name for each in self.task.crises]
        books = [each.name for each in self.task.rules]
        # Sorting is stable: modes and depths keep their order.
        return sorted(
            (outcome for trial in self.trials for outcome in trial.outcomes),
            key=lambda each: (crises.index(each.crisis), books.index(each.rulebook)),
        )

    @property
    def differences(self) -> list[RulebookDifference]:
        """By crisis, mode, depth and pair of rulebooks."""
        return [each for trial in self.trials for each in trial.differences]

    @property
    def is_conserved(self) -> bool:
        return all(each.is_conserved for trial in self.trials for each in trial.outcomes)

    def findings(self) -> Findings:
        from seawall.lab.crises.sheets import findings

        return findings(self)


def crises(
    account: Account,
    *,
    crises: str | Path | Iterable[str | Path] = DEFAULT,
    rulebooks: str | AnyRulebook | Iterable[str | AnyRulebook] = (),
    modes: str | Iterable[str] = MODES,
    depths: Amount | Iterable[Amount] = tuple(DEPTHS),
    population: int = ACCOUNTS,
    candles: Iterable[str] | Mapping[str, Sequence[Path]] = (),
    seed: int = 1,
    assume: Assume = None,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
) -> CrisesAnswer:
    """Put an account into crises of the past, under every rulebook, in every mode and depth.

    ``crises``: crises or other scenarios by name, scenario files, or ``"all"`` crises.
    ``rulebooks``: by name, file or itself; without any all that ship, the account's own first.
    ``modes``: ``cross``, ``isolated``, ``hybrid``. ``depths``: of the books at the start,
    ``calm``, ``drought``, or a share such as ``"25%"`` or 0.25. ``population``: accounts drawn
    around the account, with ``seed``. ``candles``: recorded ones, such as
    ``crash_2024_08_05=FILE``, or by crisis. ``assume``: a file that changes the assumptions.
    ``workers``: processes; ``cluster``: the address of a Dask scheduler instead.

    Raises SeawallError for input that cannot be used.
    """
    check_population(population, seed)
    check_workers(workers, cluster)
    shares = dict(_depth(each) for each in _listed("depths", several(depths)))
    wanted = [choice("modes", each, MODES) for each in _listed("modes", several(modes))]
    chosen = chosen_crises(map(str, several(crises)))
    if not account.positions:
        raise InputError(f"{account.source}: position: the account has none")
    sole_pool(account.holdings, account.rulebook, account.instruments)
    first, rules = _rules(account, several(rulebooks))
    assumed = assumptions_of(assume)
    first = assumed.account(first)
    rules = tuple(structs.replace(each, book=assumed.rules(each.book)) for each in rules)
    files = _candles(candles, chosen)
    holdings = with_allowed_leverage(account.holdings, [each.instruments for each in rules])
    # One position cannot be divided. In one order, so that tables of two runs look alike.
    possible = MODES if len(holdings.positions) > 1 else MODES[:2]
    held = [each for each in possible if each in wanted]
    if not held:
        expected = f"{' or '.join(possible)}: one position cannot be held hybrid"
        raise InputError.of("", "modes", HYBRID, expected)
    made = tuple(_crisis(each, first, files.get(each, ()), assumed) for each in chosen)
    task = CrisesTask(
        crises=made,
        rules=rules,
        modes={
            name: tuple(
                in_mode(name, holdings, each.instruments, account.price_texts) for each in rules
            )
            for name in held
        },
        depths=shares,
        accounts=population,
        seed=seed,
    )
    notes = [f"{each.name}: {note}." for each in made for note in each.path.notes]
    if HYBRID in held and is_mixed(holdings):
        notes.append("Hybrid is the account as it stands.")
    return run_task(
        task, account.source, tuple(notes), workers=workers, cluster=cluster, progress=progress
    )


def check_population(population: int, seed: int) -> None:
    """Raises InputError for more accounts than can be drawn, or a seed out of range."""
    if not 0 <= population <= MOST_ACCOUNTS:
        raise InputError.of("", "population", population, f"0 to {MOST_ACCOUNTS:,} accounts")
    if not 0 <= seed <= HIGHEST_SEED:
        raise InputError.of("", "seed", seed, f"0 to {HIGHEST_SEED}")


def run_task(
    task: CrisesTask,
    source: str,
    notes: tuple[str, ...] = (),
    *,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
) -> CrisesAnswer:
    """All trials of a task; the answer does not depend on how many workers there are.

    Raises TrialError, ClusterError.
    """
    progress("loading the engine (the first time takes about a minute)")
    for each in task.rules:
        warm_up(each.book, each.instruments)
    count = len(task.trials)
    trials = run_trials(
        run_trial, task, count, workers=workers, cluster=cluster,
        progress=lambda done: progress("crises", done, count),
    )  # fmt: skip
    return CrisesAnswer(source=source, notes=notes, task=task, trials=tuple(trials))


def _error(field: str, message: object) -> InputError:
    error = InputError(f"{field}: {message}")
    error.field = field
    return error


def _listed(field: str, values: Iterable[Any]) -> list[Any]:
    """Each once, in order; a text may be a list with commas. Raises InputError."""
    parts: list[Any] = []
    for value in values:
        parts += map(str.strip, value.split(",")) if isinstance(value, str) else [value]
        if "" in parts:
            raise InputError.of("", field, value, "a list with commas")
    return list(dict.fromkeys(parts))


def _depth(value: Amount) -> tuple[str, float]:
    """Name and share of the calm depth."""
    if value in DEPTHS:
        return str(value), DEPTHS[str(value)]
    expected = f"{', '.join(DEPTHS)}, or {float(100 * LEAST_DEPTH):g} to 100 percent"
    text = f"{value.strip().removesuffix('%')}%" if isinstance(value, str) else value
    try:
        share = number("depths", text, least=LEAST_DEPTH, most=1, expected=expected)
    except InputError:
        raise InputError.of("", "depths", value, expected) from None
    return value if isinstance(value, str) else short_percent(share), float(share)


def chosen_crises(wanted: Iterable[str]) -> list[str]:
    """Names or files, each once; ``all`` for every crisis. Raises InputError for others."""
    found: list[str] = []
    for each in wanted:
        if each == ALL:
            found += crisis_names()
            continue
        try:
            load(each)
        except PathError as error:
            raise _error("crises", error) from None
        name = each.replace("-", "_")
        found.append(name if name in names() else each)
    return list(dict.fromkeys(found))


def one_crisis(wanted: str | Path, account: Account, assumed: Assumptions) -> Crisis:
    """The only crisis that is named, for an account. Raises InputError for several or others."""
    chosen = chosen_crises([str(wanted)])
    if len(chosen) != 1:
        raise InputError.of("", "crisis", str(wanted), "one crisis or scenario")
    return _crisis(chosen[0], account, (), assumed)


def _rules(
    account: Account, wanted: Sequence[str | AnyRulebook]
) -> tuple[Account, tuple[Rules, ...]]:
    """The account under the first of the rulebooks, and all of them."""
    others = list(wanted[1:]) or [
        venue for venue in VENUES if venue != account.venue and not wanted
    ]
    if wanted:
        book = _book(wanted[0])
        account = account if book == account.rulebook else account.with_rulebook(book)
    found = [Rules(book=account.rulebook, instruments=account.instruments)]
    for each in map(_book, others):
        instruments = tuple(markets_under(each, account.instruments, shipped_markets()))
        found.append(Rules(book=each, instruments=instruments))
    known = [each.name for each in found]
    for name in known:
        if known.count(name) > 1:
            raise _error("rulebooks", f"two are called {name}; each needs a name of its own")
    return account, tuple(found)


def _book(book: str | AnyRulebook) -> AnyRulebook:
    return load_rulebook(book) if isinstance(book, str) else book


def _candles(
    wanted: Iterable[str] | Mapping[str, Sequence[Path]], crises: Sequence[str]
) -> dict[str, list[Path]]:
    """Files by crisis."""
    if isinstance(wanted, Mapping):
        pairs = [(name, str(file)) for name, several in wanted.items() for file in several]
    else:
        pairs = []
        for text in wanted:
            name, equals, file = text.partition("=")
            if not equals or not file:
                expected = f"CRISIS=FILE, such as {crises[0]}=btc.csv"
                raise InputError.of("", "candles", text, expected)
            pairs.append((name.strip(), file))
    found: dict[str, list[Path]] = {}
    for name, file in pairs:
        known = name if name in crises else name.replace("-", "_")
        if known not in crises:
            raise InputError.of("", "candles", known, f"one of the crises: {', '.join(crises)}")
        found.setdefault(known, []).append(Path(file))
    return found


def _crisis(name: str, account: Account, candles: Sequence[Path], assumed: Assumptions) -> Crisis:
    try:
        return crisis_of(name, account, candles, assumed)
    except PathError as error:
        raise _error("candles" if candles else "crises", error) from None
