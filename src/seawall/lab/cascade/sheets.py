"""A rehearsed market as sheets and sentences."""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import MICRO
from seawall.lab.cascade import figures
from seawall.lab.cascade.policies import AS_HAPPENED_NAME, JudgedWaves, agreement, wave_names
from seawall.lab.cascade.question import CascadeAnswer
from seawall.lab.cascade.record import Series
from seawall.lab.cascade.setup import MarketSetup
from seawall.lab.cascade.simulate import CascadeRun
from seawall.lab.cascade.tiles import status, tiles
from seawall.lab.cascade.waves import ObservedWave
from seawall.lab.deleveraging.comparison import totals
from seawall.lab.deleveraging.sheets import (
    policies_sheet,
    policy_figures,
    totals_sheet,
    unmet_words,
)
from seawall.lab.market.price_paths import price_path_sheet
from seawall.lab.simulation.incident_sheets import incident_sheets
from seawall.lab.simulation.names import deleveraging_sentence, liquidation_sentence
from seawall.lab.simulation.population import AGAINST
from seawall.report import kinds
from seawall.report.findings import NOT_CONSERVED, Findings, Section, Words
from seawall.report.kinds import (
    CENTS,
    COUNT,
    FLAG,
    NUMBER,
    SHARE,
    SHORT_USD,
    TEXT,
    TIME,
    TIMES,
    USD,
)  # fmt: skip
from seawall.report.sheet import Column, Sheet, record, transposed

MOST_WAVES, MOST_WINNERS = 20, 15
"""Shown on a terminal."""
BANDS = (1.5, 2, 3, 5, 7, 10, 15, 20, 30)
"""Edges of the bands of leverage."""
EXPECTED = ("NOTHING_TO_MATCH", "REDUCE_ONLY_WOULD_INCREASE", "IMMEDIATE_REMAINDER")
"""Reasons for which orders of agents are rejected in the ordinary course."""
QUANTILES = {"least": 0.0, "quarter": 0.25, "middle": 0.5, "three quarters": 0.75, "most": 1.0}
_HOW = (
    "As it happened: this run's own closings, which asked anew for each bankrupt position, each at "
    "its own price. The policies choose once a wave, among the holders of the other side when it "
    "began, at the mean mark and the mean price of its closings; haircuts are measured by the mark "
    "when the wave was over."
)


def findings(answer: CascadeAnswer) -> Findings:
    """Everything that was found, the most important first."""
    run, setup = answer.run, answer.run.setup
    book, minutes = setup.rulebook, figures.minutes_of(run)[-1]
    return Findings(
        command="cascade",
        title=f"{setup.plan.name} in a market of {len(run.accounts):,} accounts: {setup.name}",
        subtitle=(
            f"{answer.source}; {minutes:g} minutes, one decision of every agent a second; rules "
            f"of {book.name} as of {book.as_of}"
        ),
        verdict=[*_verdict(answer), *_warnings(answer)],
        status=status(answer),
        tiles=tiles(answer),
        sections=list(_sections(answer)),
        facts={"account": setup.plan.name, "source": answer.source, "rulebook": book.name},
        assumptions=_assumptions(setup),
        seed=setup.assumptions.seed,
    )


def _sections(answer: CascadeAnswer) -> Iterator[Section]:
    run, without = answer.run, answer.without
    market, times = _market(run), run.series.times_ms
    yield _markets(run, without)
    yield price_path_sheet([(run.setup.name, answer.price_paths)])
    yield market
    yield transposed(market, name="summary", title="The run", heads="scenario")
    yield _balances(run)
    if run.own_start is not None:
        yield from incident_sheets(run, span_ms=int(times[-1] - times[0]))
    yield from figures.market_figures(run, without)
    yield from _population(run)
    yield from _waves(run)
    yield from policy_sections(
        answer.policies,
        "rotating_offset" if isinstance(run.setup.rulebook, BlockRulebook) else "rank_queue",
    )
    yield from _seeds(answer)
    yield _seconds(run, without.series)
    yield _funds(run.series)
    if run.setup.used is not None:
        yield from run.setup.used.sheets()


def _verdict(answer: CascadeAnswer) -> Iterator[Words]:
    run, market = answer.run, answer.deepest
    value, name = kinds.short_usd(run.series.flow.sum()), run.setup.markets[market]
    yield Words(
        f"{int(run.is_liquidated.sum()):,} of {len(run.accounts):,} accounts are liquidated, "
        f"{value} of positions. {name} falls {kinds.percent(run.drops[market], 1)} with their "
        f"liquidations and {kinds.percent(answer.without.drops[market], 1)} without."
    )
    if run.own_start is not None and run.own_end is not None:
        start, end = run.own_start.equity, run.own_end.equity
        lost = start + run.added - end
        added = f", and {kinds.money(run.added)} added on the way," if run.added else ""
        yield Words(
            f"The account goes from {kinds.money(start)}{added} to {kinds.money(end)} USD: it "
            f"{'loses' if lost > 0 else 'gains'} {kinds.money(abs(lost))} USD."
        )
    if run.population is not None and not run.waves:
        yield Words("No account is deleveraged: funds and the book bear everything.")
    if isinstance(run.setup.rulebook, BlockRulebook):
        yield Words("These rules have no isolated mode, and an insurance fund for a backstop.")


def _warnings(answer: CascadeAnswer) -> Iterator[Words]:
    run = answer.run
    if not answer.is_conserved:
        yield Words(NOT_CONSERVED, is_warning=True)
    if run.stalled:
        yield Words(
            f"Deleveraging stalled {run.stalled:,} times: no account on the other side could take "
            "the position at the rules' price, and it waited for the next command.",
            is_warning=True,
        )
    odd = {name: count for name, count in run.rejected.items() if name not in EXPECTED}
    if odd:
        words = ", ".join(f"{count:,} {name}" for name, count in odd.items())
        text = f"The engine rejected orders of the agents: {words}. The book was thinner."
        yield Words(text, is_warning=True)


def _markets(run: CascadeRun, without: CascadeRun) -> Sheet:
    setup, series = run.setup, run.series

    def flow(name: str, title: str, drop: int) -> Column:
        sums = getattr(series, name).sum(axis=0)
        return Column(name, SHORT_USD, sums.__getitem__, title, drop)

    return Sheet(
        name="markets",
        title="Prices with liquidations and without",
        rows=range(len(setup.markets)),
        columns=[
            Column("market", get=setup.markets.__getitem__),
            Column("largest_fall", SHARE, run.drops.__getitem__, "fall"),
            Column("largest_fall_without", SHARE, without.drops.__getitem__, "without"),
            Column("largest_rise", SHARE, run.rises.__getitem__, "rise", 3),
            Column("largest_rise_without", SHARE, without.rises.__getitem__, "rise without", 5),
            Column("calm_depth", SHORT_USD, lambda at: setup.depths[at].usd_within_50bp, drop=4),
            Column("open_interest", SHORT_USD, setup.open_interest.__getitem__, drop=2),
            flow("sold_to_book", "to the book", 0),
            flow("to_backstop", "to the backstop", 1),
            flow("deleveraged", "deleveraged", 0),
        ],
        note="Mark prices from their first value. Without: the same seed, path and agents, but no "
        "account that can be liquidated.",
    )


def _market(run: CascadeRun) -> Sheet:
    series = run.series
    times, began, flow = series.times_ms, series.liquidated > 0, series.flow.sum(axis=1)
    first = times[began.argmax()] if began.any() else None
    busiest = times[flow.argmax()] if flow.any() else None
    columns = [
        Column("scenario", get="setup.name"),
        Column("accounts", COUNT, lambda run: len(run.accounts)),
        Column("liquidated_accounts", COUNT, lambda run: run.is_liquidated.sum()),
        Column("first_liquidation", TIME, lambda _: first, none="never"),
        Column("busiest_second", TIME, lambda _: busiest, none="none"),
        Column("liquidated_in_it", SHORT_USD, lambda _: flow.max()),
        Column("waves", COUNT, lambda run: len(run.waves), "waves of deleveraging"),
        Column("insurance_paid", SHORT_USD, title="paid by funds for what was missing"),
        Column("liquidation_fees", SHORT_USD, title="liquidation fees to the insurance fund"),
        Column("backstop_least", SHORT_USD, lambda _: series.backstop.min(),
               "least equity of the backstop"),
        Column("commands", COUNT),
        Column("events", COUNT),
        Column("money_conserved", FLAG, "is_conserved"),
        Column("state_hash"),
    ]  # fmt: skip
    return record("market", "The run", run, columns, on="data")


def _balances(run: CascadeRun) -> Sheet:
    series, own = run.series, [each and each.equity for each in (run.own_start, run.own_end)]
    return Sheet(
        name="balances",
        title="Balances, USD",
        rows=(0, -1),
        columns=[
            Column("moment", get=("start", "end").__getitem__),
            Column("insurance", USD, series.insurance.__getitem__, "insurance fund"),
            Column("backstop", USD, series.backstop.__getitem__),
            Column("account", CENTS, own.__getitem__, "the account"),
        ],
    )


def _population(run: CascadeRun) -> Iterator[Section]:
    population, hit = run.population, run.is_liquidated
    if population is None:
        return
    edges = (0.0, *BANDS, np.inf)
    names = [f"to {BANDS[0]:g}x"]
    names += [f"{low:g}–{high:g}x" for low, high in zip(BANDS, BANDS[1:], strict=False)]
    names.append(f"over {BANDS[-1]:g}x")
    whole, some = (
        np.histogram(each, edges)[0].tolist()
        for each in (population.leverage, population.leverage[hit])
    )
    yield Sheet(
        name="leverage_bands",
        title="Liquidated accounts, by leverage at the start",
        rows=[at for at in range(len(names)) if whole[at]],
        columns=[
            Column("leverage", get=names.__getitem__, title="notional / equity"),
            Column("accounts", COUNT, whole.__getitem__),
            Column("liquidated", COUNT, some.__getitem__),
            Column("share", SHARE, lambda at: some[at] / whole[at]),
        ],
    )
    yield figures.leverage_figure(names, whole, some)
    yield _arrays(
        "population",
        "The population",
        account=(COUNT, run.accounts),
        leverage=(TIMES, population.leverage),
        notional=(USD, population.notional),
        is_hedger=(FLAG, population.is_hedger),
        is_liquidated=(FLAG, hit),
    )


def _waves(run: CascadeRun) -> Iterator[Section]:
    named = zip(wave_names(run.waves, run.setup.markets), run.waves, strict=True)
    waves = sorted(named, key=lambda row: -float(row[1].taken.sum()))
    sheet = Sheet(
        name="waves",
        title="What was taken from winners, USD",
        rows=waves,
        columns=[
            Column("wave", get=itemgetter(0)),
            Column("winners", COUNT, lambda row: (row[1].taken > 0).sum(), drop=1),
            Column("taken", SHORT_USD, lambda row: row[1].taken.sum(), "positions"),
            Column("haircut", SHORT_USD, lambda row: row[1].haircut.sum(), "cost against the mark"),
            Column("largest", SHORT_USD, lambda row: row[1].haircut.max(), drop=2),
            Column("bankrupt", COUNT, lambda row: row[1].bankrupt, drop=3),
            Column("deficit", SHORT_USD, lambda row: row[1].deficit),
        ],
        on="data" if len(waves) > MOST_WAVES else "everywhere",
        note="Cost against the mark: what a close at the rules' price gave winners less than the "
        "mark (below zero: more). Deficit: of bankrupt accounts when their liquidation began, in "
        "each market where they were closed.",
    )
    yield sheet
    if len(waves) > MOST_WAVES:
        note = f"The {MOST_WAVES} largest of {len(waves)} waves. {sheet.note}"
        yield structs.replace(
            sheet, name="largest_waves", rows=waves[:MOST_WAVES], on="screen", note=note
        )
    if waves:
        yield figures.taken_figure(sheet.numbers()[:MOST_WAVES])
        yield _most_taken(run)
    yield _winners(run)


def _most_taken(run: CascadeRun) -> Sheet:
    """The accounts that lost most of their positions."""
    names = ("account", "taken", "haircut", "equity")
    account, closed, cost, equity = (_joined(run.waves, name) for name in names)
    accounts, place = np.unique(account, return_inverse=True)
    taken, haircut = np.bincount(place, closed), np.bincount(place, cost)
    before = np.full(len(accounts), -np.inf)
    np.maximum.at(before, place, np.where(closed > 0, equity, -np.inf))
    most = np.lexsort((accounts, -taken))[:MOST_WINNERS]
    own = {run.account, *run.children}
    return Sheet(
        name="most_taken",
        title="Winners that lost most, USD",
        rows=[at for at in most.tolist() if taken[at] > 0],
        columns=[
            Column("account", COUNT, accounts.__getitem__,
                   mark=lambda at: " (the account)" if accounts[at] in own else ""),
            Column("closed", SHORT_USD, taken.__getitem__),
            Column("haircut", SHORT_USD, haircut.__getitem__, "cost against the mark"),
            Column("equity_before", SHORT_USD, before.__getitem__),
        ],
    )  # fmt: skip


def _winners(run: CascadeRun) -> Sheet:
    """Each holder of the other side of each wave."""
    waves = run.waves
    holders = [len(wave.account) for wave in waves]
    fields = dict.fromkeys(("notional", "equity", "profit", "taken", "haircut"), USD)
    fields |= {"account": COUNT, "score": NUMBER, "closed": NUMBER}
    names = [run.setup.markets[wave.market] for wave in waves]
    return _arrays(
        "winners",
        "Holders of the other side of each wave",
        wave=(COUNT, np.repeat(np.arange(len(waves)), holders)),
        market=(TEXT, np.repeat(np.asarray(names, np.str_), holders)),
        deficit=(USD, np.repeat([wave.deficit for wave in waves], holders)),
        **{name: (kind, _joined(waves, name)) for name, kind in fields.items()},
    )


def _joined(waves: Sequence[ObservedWave], name: str) -> NDArray[Any]:
    return np.concatenate([np.zeros(0), *(getattr(wave, name) for wave in waves)])


def policy_sections(judged: JudgedWaves, venue_policy: str) -> list[Section]:
    """Every policy on the waves of one run; empty where no account was deleveraged.

    ``venue_policy``: key of the policy that the run's own rules have.
    """
    if not judged.results:
        return []
    sums = totals(judged.results)
    table = totals_sheet(sums, judged.results)
    name = next(each.policy.name for each in sums if each.policy.key == venue_policy)
    same = kinds.probability(agreement(judged, venue_policy))
    note = (
        f"{_HOW} The rules of this run have a {name}; chosen once a wave it closes {same} of the "
        f"same positions. {_left_out(judged)}{table.note}"
    )
    title = "What was taken from winners under each policy, USD"
    return [
        *unmet_words(sums[:-1]),
        structs.replace(table, title=title, note=note),
        *_own_policies(judged),
        policies_sheet(judged.results, on="tables"),
        *policy_figures(sums, judged.results, AS_HAPPENED_NAME),
    ]


def _left_out(judged: JudgedWaves) -> str:
    joined = f"{kinds.usd(judged.joined_usd)} USD closed of accounts that came to hold the other "
    left = {
        f"{joined}side within a wave, or ranked too low for its snapshot": judged.joined_usd > 0,
        f"{judged.others:,} holders of low rank, with whom shares would be smaller": judged.others,
        f"{judged.unjudged:,} waves without a holder to judge": judged.unjudged,
    }
    return "".join(f"Left out: {words}. " for words, is_left in left.items() if is_left)


def _own_policies(judged: JudgedWaves) -> Iterator[Sheet]:
    """What each policy takes from the account under study, where it held the other side."""
    rows = []
    for index, line in enumerate(judged.results[0].outcomes if judged.own else ()):
        taken = closed = waves = 0.0
        for number, place in judged.own:
            wave, outcome = judged.results[number].wave, judged.results[number].outcomes[index]
            contracts, paid = (float(each[place]) for each in outcome.taking)
            taken += float(outcome.haircut[place])
            closed += contracts * wave.mark_price
            waves += contracts > 0 or paid > 0
        rows.append((line.policy.key, line.policy.name, taken, closed, int(waves)))
    if rows:
        yield Sheet(
            name="own_policies",
            title="What each policy takes from the account, USD",
            rows=rows,
            columns=[
                Column("policy", TEXT, itemgetter(0), on="data"),
                Column("name", TEXT, itemgetter(1), "policy"),
                Column("taken", USD, itemgetter(2)),
                Column("closed", USD, itemgetter(3), "positions closed"),
                Column("waves", COUNT, itemgetter(4)),
            ],
            note=f"It held the other side in {len(judged.own):,} of {len(judged.results):,} waves; "
            "each is judged by itself, so what one closes is not missing in the next.",
        )


def _seeds(answer: CascadeAnswer) -> Iterator[Section]:
    """Outcomes by seed, and their distribution in the market that fell most by liquidations."""
    markets, seeds, at = answer.run.setup.markets, answer.seeds, answer.deepest
    yield Sheet(
        name="seeds",
        title="Seeds",
        rows=seeds,
        columns=[
            Column("seed", COUNT),
            Column("liquidated_accounts", COUNT, "liquidated"),
            Column("liquidated", USD, "flow"),
            Column("deleveraged", USD),
            Column("account_loss", USD, "own_loss"),
            Column("account_liquidated", FLAG, "is_own_liquidated"),
            Column("state_hash"),
        ],
        on="data",
    )
    yield Sheet(
        name="seed_markets",
        title="Largest falls by seed",
        rows=[(each, market) for each in seeds for market in range(len(markets))],
        columns=[
            Column("seed", COUNT, lambda row: row[0].seed),
            Column("market", get=lambda row: markets[row[1]]),
            Column("largest_fall", SHARE, lambda row: row[0].drops[row[1]]),
            Column("largest_fall_without", SHARE, lambda row: row[0].exogenous[row[1]]),
        ],
        on="data",
    )
    if not seeds:
        return
    hit = sum(each.is_own_liquidated for each in seeds)

    def column(name: str, kind: kinds.Kind, values: Sequence[float], title: str = "") -> Column:
        return Column(name, kind, lambda row: np.quantile(values, QUANTILES[row]), title)

    falls, without, flows = zip(
        *((each.drops[at], each.exogenous[at], each.flow) for each in seeds), strict=True
    )
    yield Sheet(
        name="seed_quantiles",
        title=f"{len(seeds)} seeds: {markets[at]} and the account",
        rows=list(QUANTILES),
        columns=[
            Column("quantile", get=str),
            column("largest_fall", SHARE, falls, "fall"),
            column("largest_fall_without", SHARE, without, "without"),
            column("liquidated", SHORT_USD, flows),
            column("deleveraged", SHORT_USD, [each.deleveraged for each in seeds]),
            column("account_loss", SHORT_USD, [each.own_loss for each in seeds], "account's loss"),
        ],
        note=f"Each column by itself. The account is liquidated under {hit} of {len(seeds)} seeds. "
        "A seed draws another population and other noise on the same path.",
    )
    yield figures.seed_figure(markets[at], falls, without, flows)


def _seconds(run: CascadeRun, without: Series) -> Sheet:
    """A row for each second and market."""
    series, (count, markets) = run.series, run.series.mark.shape
    fields = (
        "fundamental", "oracle", "mark", "bid", "ask", "depth", "sold_to_book", "to_backstop",
        "deleveraged",
    )  # fmt: skip
    return _arrays(
        "seconds",
        "Every second of every market",
        time=(TIME, np.repeat(series.times_ms, markets)),
        market=(TEXT, np.tile(np.asarray(run.setup.markets), count)),
        mark_without=(USD, without.mark.ravel()),
        **{name: (USD, getattr(series, name).ravel()) for name in fields},
    )


def _funds(series: Series) -> Sheet:
    return _arrays(
        "funds",
        "Balances by second",
        time=(TIME, series.times_ms),
        liquidated_accounts=(COUNT, series.liquidated),
        insurance=(USD, series.insurance),
        backstop=(USD, series.backstop),
        account=(USD, series.own_equity),
    )


def _arrays(name: str, title: str, **arrays: tuple[kinds.Kind, NDArray[Any]]) -> Sheet:
    """Equally long arrays as a table for programs; its rows are numbers, so nothing is copied."""
    columns = [Column(each, kind, values.__getitem__) for each, (kind, values) in arrays.items()]
    length = min(len(values) for _, values in arrays.values())
    return Sheet(name=name, title=title, rows=range(length), columns=columns, on="tables")


def _assumptions(setup: MarketSetup) -> list[str]:
    """Each assumption with its number."""
    drawn, assumed = setup.distribution, setup.assumptions
    fund = "insurance fund" if isinstance(setup.rulebook, BlockRulebook) else "backstop"
    source = (
        f"the leverages of the file given ({len(drawn.leverages):,} of them)"
        if drawn.leverages
        else f"a median of {drawn.leverage_median:g}x at 10,000 USD, log-normal with "
        f"{drawn.leverage_sigma:g}, lower for larger accounts"
    )
    share = kinds.short_percent
    return [
        liquidation_sentence(setup.rulebook),
        "The path is the fundamental price. A recorded crash holds its own cascade already: what "
        "is added here comes on top; a weaker path (--strength) stands for the news alone.",
        f"{drawn.accounts:,} accounts hold {share(drawn.crowd_share)} of all positions, "
        f"{share(drawn.long_share)} of that long ({share(AGAINST)} of positions against "
        f"the usual side of their account); leverage: {source}; large hedgers at 1.5x hold the "
        "rest.",
        "Eating the calm depth of 50 bp moves the price 50 bp, more goes with the square root, "
        "both against the square root of the depth that is left; "
        f"{share(assumed.permanent_share)} of each flow stays, the rest halves every "
        f"{assumed.half_life_seconds:g} s.",
        f"Other venues are displaced by {share(assumed.coupling)} of the same, "
        f"{assumed.lag_seconds:g} s late; the oracle reads them.",
        "Makers leave when prices move (1 % in a minute leaves a fifth of the depth, at least 2 %) "
        f"and when they lose (a tenth left after {assumed.maker_ruin:g} calm depths).",
        deleveraging_sentence(
            drawn.accounts,
            round(assumed.backstop_share * sum(setup.open_interest) * MICRO),
            f"the {fund} begins with {share(assumed.backstop_share)} of the open interest, and a "
            "backstop sells half of what it took over in ten minutes",
        ),
    ]
