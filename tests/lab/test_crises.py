"""Crises: one population under two rulebooks, outcomes that repeat, money that is conserved."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from seawall.domain.enums import MarginMode
from seawall.domain.instrument import MarginTier
from seawall.lab.crises.crisis import crisis_names, even_grid, facts_of
from seawall.lab.crises.modes import core_of, in_mode, with_allowed_leverage
from seawall.lab.crises.population import common_terms, one_bucket_each
from seawall.lab.crises.question import run_task
from seawall.lab.crises.record import Record
from seawall.lab.crises.trial import (
    CrisesTask,
    Outcome,
    Trial,
    TrialResult,
    best_and_worst,
    run_trial,
)
from seawall.lab.market.assumptions import INTEREST, assumptions_of
from seawall.lab.market.named_scenarios import names
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.simulation import steps
from tests.lab.crisis_tasks import PRICES, account, both_rules, crash, mixed_account, task

# The first engine of this process loads its kernels.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def drawn() -> CrisesTask:
    return task(modes=("cross", "isolated"), shares=(1.0, 0.02))


@pytest.fixture(scope="module")
def trials(drawn: CrisesTask) -> list[TrialResult]:
    return [run_trial(drawn, number) for number in range(len(drawn.trials))]


class TestPopulation:
    def test_all_start_with_the_same_under_both_rulebooks(self, drawn: CrisesTask) -> None:
        trial = Trial(drawn, 0)
        population = trial.population
        starts = []
        for record in trial.records:
            snapshots = [record.snapshot(each, 0) for each in range(1, population.accounts + 1)]
            starts.append(
                [
                    (each.equity, {m: h.signed_size for m, h in each.holdings.items()})
                    for each in snapshots
                ]
            )
        assert starts[0] == starts[1]
        assert len(starts[0]) == population.accounts > drawn.accounts
        owners = population.owner[population.is_isolated]
        assert len(np.unique(owners)) == len(owners) > 0

    def test_longs_equal_shorts_with_the_account(self, drawn: CrisesTask) -> None:
        population = Trial(drawn, 0).population
        for each in account().positions:
            here = population.market == each.market
            assert int(population.signed_size[here].sum()) + each.signed_size == 0

    def test_leverage_is_one_that_all_rules_allow(self) -> None:
        lists = [each.instruments for each in both_rules()]
        common = common_terms(lists)
        for number, each in enumerate(common):
            for bound in (0, 10**12, 10**14, 2 * 10**14):
                told = [t.maximum_leverage for t in each.tiers if t.lower_bound <= bound][-1]
                terms = lists[1][number].block_terms
                assert terms is not None
                tiers = lists[0][number].tiers
                plain = [t.maximum_leverage for t in tiers if t.lower_bound <= bound][-1]
                assert told == min(plain, 10**6 // terms.fractions.initial_ppm)
            assert each.tiers[0] == MarginTier(0, each.maximum_leverage)

    def test_there_may_be_no_crowd(self) -> None:
        alone = run_trial(task(accounts=0), 0).outcomes
        assert [each.liquidations for each in alone] == [0, 0]
        assert alone[0].population == alone[1].population > 0

    def test_a_bucket_takes_its_margin_along(self) -> None:
        """Two owners: one with a pool and a bucket, one with a bucket alone."""
        mixed = Population(
            owner=np.array([0, 0, 1]),
            market=np.array([0, 1, 0]),
            signed_size=np.array([2, -3, 4]),
            entry_notional=np.array([200, 30, 400]),
            setting=np.array([5, 5, 5]),
            is_isolated=np.array([False, True, True]),
            margin=np.array([53, 7, 50]),
            leverage=np.array([4.0, 8.0]),
            notional=np.array([230.0, 400.0]),
            is_hedger=np.array([False, False]),
        )
        apart = one_bucket_each(mixed, np.array([100_000_000, 10_000_000]))
        assert apart.deposit.tolist() == [53, 7, 50]
        assert apart.owner.tolist() == [0, 1, 2]
        assert apart.leverage.tolist() == [4.0, 4.0, 8.0]
        assert apart.notional.tolist() == [200.0, 30.0, 400.0]
        assert int(apart.deposit.sum()) == int(mixed.deposit.sum())


class TestModes:
    def test_a_mixed_account_is_its_own_hybrid(self) -> None:
        rules = both_rules()
        mixed = with_allowed_leverage(mixed_account(), [each.instruments for each in rules])
        assert in_mode("hybrid", mixed, rules[0].instruments, PRICES) == mixed
        cross = in_mode("cross", mixed, rules[0].instruments, PRICES)
        assert {each.mode for each in cross.positions} == {MarginMode.CROSS}

    def test_of_a_pool_the_core_stays_together(self) -> None:
        instruments = both_rules()[0].instruments
        hybrid = in_mode("hybrid", account(), instruments, PRICES)
        assert [each.mode for each in hybrid.positions] == [
            MarginMode.CROSS, MarginMode.CROSS, MarginMode.ISOLATED,
        ]  # fmt: skip
        assert hybrid.collateral == account().collateral
        two = structs.replace(account(), positions=account().positions[:2])
        assert core_of(two, instruments, PRICES) == {0}

    def test_leverage_is_set_as_all_rules_allow(self) -> None:
        lists = [each.instruments for each in both_rules()]
        wild = structs.replace(
            account(),
            positions=tuple(structs.replace(e, leverage=99) for e in account().positions),
        )
        most = [min(e.maximum_leverage for e in pair) for pair in zip(*lists, strict=True)]
        assert [each.leverage for each in with_allowed_leverage(wild, lists).positions] == most


class TestOutcomes:
    def test_money_and_outcomes(self, trials: list[TrialResult]) -> None:
        for trial in trials:
            for outcome in trial.outcomes:
                assert outcome.start == 20_000_000_000
                assert outcome.lowest <= min(outcome.start, outcome.end)
                assert outcome.lost == outcome.start - outcome.end
                assert outcome.is_conserved
                assert outcome.liquidations > 10
                assert bool(outcome.liquidated) is bool(outcome.closed)
                assert outcome.line[0] == (0.0, 20_000.0)
                assert outcome.line[-1] == (12.0, outcome.end / 1e6)
                assert min(usd for _, usd in outcome.line) == outcome.lowest / 1e6

    def test_isolated_keeps_the_hedge_and_cross_does_not(self, trials: list[TrialResult]) -> None:
        cross, isolated = trials[0].outcomes[0], trials[2].outcomes[0]
        assert (cross.mode, isolated.mode) == ("cross", "isolated")
        assert [bucket for bucket, _ in cross.liquidated] == [-1]
        assert {bucket for bucket, _ in isolated.liquidated} == {0, 2}
        assert isolated.end > cross.end

    def test_a_drought_sells_less_to_the_book(self, trials: list[TrialResult]) -> None:
        for calm, dry in ((trials[0], trials[1]), (trials[2], trials[3])):
            for left, right in zip(calm.outcomes, dry.outcomes, strict=True):
                assert right.sold_to_book < left.sold_to_book
                assert book_share(right) < book_share(left)

    def test_the_account_under_study_is_none_of_the_population(self) -> None:
        """Without other accounts it alone is liquidated, and the population has sold nothing."""
        (outcome, *_) = run_trial(
            structs.replace(task(accounts=0), depths={"calm": 1.0}), 0
        ).outcomes
        assert outcome.closed
        sums = (outcome.sold_to_book, outcome.taken_by_backstop, outcome.deleveraged)
        assert sums == (0.0, 0.0, 0.0)

    def test_money_that_is_missing_is_found(self) -> None:
        made = Trial(task(accounts=20), 0).records
        assert [each.simulation.placement.is_conserved() for each in made] == [True, True]
        made[1].simulation.placement.deposits += 1
        assert made[1].simulation.placement.withdrawals == 1
        made[1].simulation.engine.tables["accounts"]["cash"][0] += 1
        assert [each.simulation.placement.is_conserved() for each in made] == [True, False]

    def test_best_and_worst_are_by_what_is_left(self, trials: list[TrialResult]) -> None:
        outcomes = [outcome for trial in trials for outcome in trial.outcomes]
        best, worst = best_and_worst(outcomes)
        assert all(worst.end <= each.end <= best.end for each in outcomes)
        assert best.end > worst.end
        # Money from outside makes no outcome better.
        added = structs.replace(worst, end=best.end + 1, added=best.end + 1 - worst.end)
        assert best_and_worst([best, added]) == (best, added)
        assert added.lost == worst.lost

    def test_any_number_of_workers_gives_the_same(self) -> None:
        few = task(accounts=40, shares=(1.0, 0.02, 0.5))
        here = [run_trial(few, number) for number in range(len(few.trials))]
        assert run_task(few, "a test", workers=2).trials == tuple(here)
        assert here[0] != here[1]


@pytest.fixture(scope="module")
def again() -> dict[str, Any]:
    trial = Trial(task(), 0)
    heard: list[list[tuple[int, list[Any]]]] = [[], []]
    for batches in steps([each.simulation for each in trial.records], trial.pace):
        for number, batch in enumerate(batches):
            heard[number].append((batch.time_ms, decode_all(batch.events)))
        trial.read(batches)
    (found,) = trial.result().differences
    return {
        "heard": heard, "found": found, "population": trial.population, "made": trial.records,
    }  # fmt: skip


class TestRulebooksSideBySide:
    """The findings are made again from the commands alone, event by event, in plain Python."""

    def test_who_is_liquidated_where_and_when(self, again: dict[str, Any]) -> None:
        made, found = again["made"], again["found"]
        fell: list[dict[int, int]] = [{}, {}]
        for side in (0, 1):
            number_of = numbers_of(made[side])
            for time_ms, events in again["heard"][side]:
                for event in events:
                    if type(event).__name__ == "LiquidationStarted" and event.account in number_of:
                        fell[side].setdefault(number_of[event.account], time_ms)
        crowd = [set(each) - {0} for each in fell]
        assert found.liquidated == (
            len(crowd[0] & crowd[1]), len(crowd[0] - crowd[1]), len(crowd[1] - crowd[0]),
        )  # fmt: skip
        assert len(crowd[0] ^ crowd[1]) > 0
        told = {each.trader: each for each in found.accounts}
        assert crowd[0] ^ crowd[1] <= set(told)
        for number, each in told.items():
            assert each.liquidated_ms == (fell[0].get(number, 0), fell[1].get(number, 0))

    def test_the_first_differing_event_is_the_first(self, again: dict[str, Any]) -> None:
        made = again["made"]
        found = again["found"]
        first = found.first
        assert first is not None
        heard = zip(*again["heard"], strict=True)
        parted = (
            (time_ms, [plain_events(made[n], told) for n, told in enumerate((left, right))])
            for (time_ms, left), (_, right) in heard
        )
        time_ms, sides = next(each for each in parted if each[1][0] != each[1][1])
        assert first.time_ms == time_ms
        owners = {owner for _, owner, _ in set(sides[0]) ^ set(sides[1])}
        assert first.trader in owners
        assert first.counts[0] + first.counts[1] > 0
        assert any(f"account {first.trader}" in text for side in first.events for text in side)

    def test_the_first_that_is_no_funding(self, again: dict[str, Any]) -> None:
        made = again["made"]
        beyond = again["found"].first_beyond_funding
        assert beyond is not None
        for number, moment in enumerate(zip(*again["heard"], strict=True)):
            sides = [
                [each for each in plain_events(made[n], told) if each[0] != "FundingPaid"]
                for n, (_, told) in enumerate(moment)
            ]
            if sides[0] != sides[1]:
                assert beyond.time_ms == moment[0][0]
                assert number > 0
                return
            assert beyond.time_ms != moment[0][0]
        raise AssertionError("no difference is found")

    def test_why_the_first_is_liquidated_under_one_alone(self, again: dict[str, Any]) -> None:
        """Equity and requirement at that moment, from entry, size, price and the rules' rates."""
        made, population = again["made"], again["population"]
        found = again["found"]
        assert found.first_liquidation is not None
        told = found.first_liquidation
        trader, side = told.trader, told.side
        own = population.owner == trader - 1
        assert int(own.sum()) == 1
        market, size = int(population.market[own][0]), int(population.signed_size[own][0])
        entry = int(population.entry_notional[own][0]) * (1 if size > 0 else -1)
        cash = int(population.deposit[trader - 1])
        for place, index in enumerate((side, 1 - side)):
            worth = cash - entry + size * told.marks[place]
            assert told.equity[place] == worth
            instruments = made[index].simulation.instruments
            terms = instruments[market].block_terms
            value = Fraction(abs(size) * told.marks[place])
            if terms is None:
                rate = Fraction(1, 2 * instruments[market].tiers[0].maximum_leverage)
            else:
                rate = Fraction(
                    terms.fractions.initial_ppm * terms.fractions.maintenance_fraction_ppm, 10**12
                )
            assert abs(told.maintenance[place] - value * rate) <= 1
        assert told.equity[0] < told.maintenance[0]
        assert told.equity[1] > told.maintenance[1]
        assert told.market == market
        assert told.reason == "maintenance"

    def test_reasons_add_up_for_all(self, again: dict[str, Any]) -> None:
        found = again["found"]
        looked = [each for each in found.accounts if each.margin is not None]
        assert len(looked) > 3
        assert {each.margin.reason for each in looked} & {"prices", "maintenance"}
        for each in looked:
            told = each.margin
            here, there = (e - m for e, m in zip(told.equity, told.maintenance, strict=True))
            assert here < 0
            assert told.by_prices + told.by_maintenance + told.by_money == there - here
            if len(each.positions) == 1:
                size = each.positions[0][1]
                assert told.by_prices in (0, size * (told.marks[1] - told.marks[0]))

    def test_the_findings_name_them(self) -> None:
        answer = run_task(task(), "a test", workers=1)
        findings, (found,) = answer.findings(), answer.differences
        assert found.first is not None
        events = findings.sheet("first_events").plain()
        assert events[0]["account"] == found.first.trader
        assert len(findings.verdict) == 2
        whys = [row.why for row in findings.sheet("accounts").rows]
        assert all(whys)
        assert any("maintenance margin" in why or " of equity" in why for why in whys)
        everyone = findings.sheet("different_accounts")
        assert len(everyone.rows) == len(found.accounts) > len(whys)
        for each in findings.sheets:
            each.plain()
            assert each.to_arrow().num_rows == len(each.rows)

    def test_one_rulebook_alone_is_compared_with_nothing(self) -> None:
        answer = run_task(task(accounts=20, rulebooks=1), "a test", workers=1)
        assert answer.differences == []
        sheets = [each.name for each in answer.findings().sheets]
        assert "outcomes" in sheets
        assert "rulebook_differences" not in sheets


PLAIN_SUBSTANCE = {
    "CommandRejected", "Deposited", "Withdrawn", "Transferred", "IsolatedMarginAdjusted",
    "OrderFilled", "FundingPaid", "PositionAdopted", "LiquidationStarted", "BackstopTakenOver",
    "InsurancePaid", "Deleveraged", "MarketSettled", "LiquidationFeePaid",
}  # fmt: skip
UNEQUAL_BY_NATURE = {
    "sequence", "order_id", "time_ms", "account", "counterparty", "flags", "backstop", "payer",
    "rate", "taker", "reason",
}  # fmt: skip


def book_share(outcome: Outcome) -> float:
    """Of what was liquidated: what the book took."""
    return outcome.sold_to_book / (
        outcome.sold_to_book + outcome.taken_by_backstop + outcome.deleveraged
    )


def decode_all(rows: Any) -> list[Any]:
    from seawall.engine.codec import decode_event_rows

    return list(decode_event_rows(rows))


def numbers_of(record: Record) -> dict[int, int]:
    """Trader by account: 0 the account under study, then the population."""
    numbers = {int(each): k + 1 for k, each in enumerate(record.simulation.population)}
    return numbers | dict.fromkeys(record.account.accounts, 0)


def plain_events(record: Record, events: list[Any]) -> list[Any]:
    """(kind, who, figures) of what changes the money or positions of a trader, sorted."""
    number_of = numbers_of(record)
    return sorted(
        (type(event).__name__, number_of[event.account], figures(event))
        for event in events
        if getattr(event, "account", -1) in number_of and type(event).__name__ in PLAIN_SUBSTANCE
    )


def figures(event: Any) -> tuple[tuple[str, int], ...]:
    """What an event says in numbers, without numbers that each machine gives in its own way."""
    named = {
        name: int(getattr(event, name))
        for name in event.__struct_fields__
        if name not in UNEQUAL_BY_NATURE
    }
    if type(event).__name__ == "LiquidationStarted":
        # A pool here is a bucket there.
        named["market"] = 0
    return tuple(sorted(named.items()))


class TestFacts:
    def test_every_crisis_is_a_scenario_with_sources(self) -> None:
        assert set(crisis_names()) <= set(names())
        assert len(crisis_names()) == 8
        for name in crisis_names():
            facts = facts_of(name)
            lines = facts.source.splitlines()
            assert lines
            for line in lines:
                assert line.split(":")[0] in ("documented", "computed", "assumed")
            assert 1 < facts.leverage < 50
            assert 0 < facts.long_share < 1

    def test_markets_that_are_not_stated_follow_bitcoin(self) -> None:
        usual = assumptions_of()
        day = facts_of("crash_2020_03_12").assumptions(usual, {"ETH": 25, "BTC": 40})
        assert day.value(INTEREST, "BTC", 40) == 1.2e9
        share = usual.value(INTEREST, "ETH", 25) / usual.value(INTEREST, "BTC", 40)
        assert day.value(INTEREST, "ETH", 25) == pytest.approx(share * 1.2e9)

    def test_what_a_file_says_of_a_market_stays(self) -> None:
        own = assumptions_of().given(INTEREST, {"BTC": 5e8}, "mine.toml")
        day = facts_of("crash_2020_03_12").assumptions(own, {"BTC": 40})
        assert day.value(INTEREST, "BTC", 40) == 5e8

    def test_any_other_scenario_has_the_usual_population(self) -> None:
        usual = assumptions_of()
        assert facts_of("flash_crash").assumptions(usual, {"BTC": 40}) == usual
        assert usual.backstop({"BTC": 40}) == usual.value(INTEREST, "BTC", 40) * 10_000
        day = facts_of("yfi_2023_11").assumptions(usual, {"YFI": 5})
        assert day.backstop({"YFI": 5}) == pytest.approx(22.5e6 * 1_000_000)


class TestGrid:
    def test_prices_of_the_path_are_met(self) -> None:
        path = crash().path
        grid = even_grid(path, both_rules()[0].instruments)
        assert int(grid.times_ms[0]) == int(path.times_ms[0])
        assert int(grid.times_ms[-1]) == int(path.times_ms[-1])
        assert set(np.diff(grid.times_ms)) == {3_000}
        expected = np.interp(grid.times_ms, path.times_ms, path.oracle["ETH"])
        assert np.array_equal(grid.oracle[:, 1], expected)
        assert (grid.depth == 1.0).all()
