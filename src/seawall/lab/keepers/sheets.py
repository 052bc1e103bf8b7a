"""Keepers and auctions as sheets and sentences."""

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import structs

from seawall.domain.units import MICRO, PPM
from seawall.lab.keepers.day import Day, DayOutcome
from seawall.lab.keepers.figures import keeper_figures
from seawall.lab.keepers.liquidation import Party
from seawall.lab.keepers.question import KeepersAnswer, Trials
from seawall.lab.keepers.tiles import status, tiles
from seawall.lab.market.assumption_sheets import assumed_sheets, rows_of_days
from seawall.lab.market.price_paths import price_path_sheet, price_paths
from seawall.lab.simulation.names import bucket_name
from seawall.lab.sourced_sheet import sourced_sheet
from seawall.report import kinds
from seawall.report.findings import NOT_CONSERVED, Findings, Words
from seawall.report.kinds import COUNT, MINUTES, MONEY, SHARE
from seawall.report.sheet import Column, Sheet

NONE_DOES = "never"


class _Published(NamedTuple):
    """What was published of a day, beside what the runs give."""

    figure: str
    published: str
    runs: str
    longer: str


def findings(answer: KeepersAnswer) -> Findings:
    """Who takes the account over, what it costs, when none does; then the day."""
    return _Findings(answer).all()


class _Findings:
    """The sheets of one answer."""

    def __init__(self, answer: KeepersAnswer) -> None:
        self.answer = answer
        self.names = {
            each.bucket: bucket_name(answer.valuation, each.bucket) for each in answer.trials
        }

    def all(self) -> Findings:
        answer = self.answer
        account = answer.account
        return Findings(
            command="keepers",
            title=f"Keepers and auctions: {account.name}",
            subtitle=f"{account.source}; {answer.crisis.title}; gas: {answer.gas.title}",
            verdict=[*map(Words, self._headline()), *self._warnings()],
            status=status(answer),
            tiles=tiles(answer),
            sections=[
                self._outcomes(),
                *keeper_figures(answer),
                self._costs(),
                *self._day(),
                self._liquidations(),
                price_path_sheet([(answer.crisis.title, price_paths(answer.crisis.path))]),
                self._numbers(),
                *self._assumed(),
            ],
            facts={
                "account": account.name,
                "source": account.source,
                "crisis": answer.crisis.name,
                "gas": answer.gas.name,
                "keepers": answer.crowd.count,
            },
            assumptions=self._assumptions(),
            seed=answer.seed,
        )

    def _headline(self) -> Iterator[str]:
        answer = self.answer
        hit = [each for each in answer.trials if each.began]
        if not hit:
            yield f"Nothing of the account is liquidatable in {answer.crisis.title}."
        else:
            none = [each for each in hit if each.untouched]
            parts = [
                f"{each.mechanism} ({self.names[each.bucket]}, {each.untouched} of {each.began})"
                for each in none
            ]
            yield (
                f"No keeper comes under {', '.join(parts)}."
                if parts
                else f"A keeper comes in every one of {len(answer.trials[0].found)} trials under "
                f"{', '.join(dict.fromkeys(each.mechanism for each in hit))}."
            )
            left = {
                name: sum(
                    each.mean(Party.ACCOUNT) for each in answer.trials if each.mechanism == name
                )
                for name in dict.fromkeys(each.mechanism for each in answer.trials)
            }
            least, most = min(left, key=left.__getitem__), max(left, key=left.__getitem__)
            to = f" to {kinds.money(left[most])} USD ({most})" if len(left) > 1 else ""
            yield (
                f"On average {kinds.money(left[least])} USD ({least}){to} of the account are left."
            )
        if answer.day is not None:
            first = [each for each in answer.day_outcomes if each.bid_ms == _shortest(answer)]
            share = statistics.fmean(each.zero_share for each in first)
            yield (
                f"{answer.day.title}: {kinds.percent(share, 0)} of the lots are won at zero; "
                f"published are {kinds.percent(answer.day.zero_ppm / PPM, 0)}."
            )

    def _warnings(self) -> Iterator[Words]:
        if not self.answer.is_conserved:
            yield Words(NOT_CONSERVED, is_warning=True)

    def _outcomes(self) -> Sheet:
        def money(party: Party, title: str, drop: int = 0) -> Column:
            return Column(party.value, MONEY, lambda row: row.mean(party), title, drop)

        def median(row: Trials) -> float | None:
            known = [each for each in row.minutes if each is not None]
            return statistics.median(known) if known else None

        return Sheet(
            name="outcomes",
            title=f"Liquidation by keepers in {self.answer.crisis.title}",
            rows=[each for each in self.answer.trials if each.began],
            style=lambda row: "bad" if row.untouched else "",
            columns=[
                Column("bucket", get=lambda row: self.names[row.bucket]),
                Column("mechanism"),
                Column("trials", COUNT, lambda row: len(row.found), on="data"),
                Column("liquidatable", COUNT, "began", on="data"),
                Column("untouched", COUNT, title="liquidated by none"),
                Column("minutes", MINUTES, median, "over after", 2, none=NONE_DOES),
                money(Party.ACCOUNT, "left, USD"),
                money(Party.KEEPERS, "keepers", 1),
                money(Party.FUND, "fund", 3),
                money(Party.LENDERS, "lenders"),
                money(Party.NETWORK, "gas", 1),
                money(Party.MARKET, "market", 9),
                Column(
                    "stuck", COUNT, lambda row: sum(each.stuck for each in row.found), on="data"
                ),
            ],
            note="Averages over the trials, USD. Left: of the bucket, with positions that are "
            "still open at their value. Lenders: what neither account nor fund paid. Over after: "
            "from when it is liquidatable to the last take, the median.",
        )  # fmt: skip

    def _costs(self) -> Sheet:
        return Sheet(
            name="costs",
            title="When it pays: gas against the discount",
            rows=self.answer.costs,
            columns=[
                Column("mechanism"),
                Column("calm", MONEY, title="gas, calm"),
                Column("busy", MONEY, title="gas, at its peak"),
                Column("discount", SHARE, title="discount at once", drop=2),
                Column("later", SHARE, title="after 30 min", drop=1),
                Column("smallest", MONEY, title="smallest position", none=NONE_DOES),
                Column("smallest_busy", MONEY, title="at the peak", none=NONE_DOES),
                Column("largest", MONEY, title="largest at once", drop=3, none="any"),
            ],
            note="USD. Of a position with the account's maintenance margin, its equity 5 % below. "
            "Discounts below zero: dearer than its value. Smaller positions are worth no "
            "transaction within half an hour; of larger ones, slippage in the calm book of the "
            "largest market takes all of the discount. Under rising bids keepers name the price.",
        )

    def _day(self) -> Iterator[Sheet]:
        answer, day = self.answer, self.answer.day
        if day is None:
            return
        shortest = _shortest(answer)
        now = [each for each in answer.day_outcomes if each.bid_ms == shortest]
        longer = [each for each in answer.day_outcomes if each.bid_ms != shortest]
        hours = kinds.long_duration(longer[0].bid_ms / 1000)
        yield Sheet(
            name="day",
            title=day.title,
            rows=list(_published(day, now, longer)),
            columns=[
                Column("figure"),
                Column("published"),
                Column("runs", title="simulated"),
                Column("longer", title=f"with bids of {hours}"),
            ],
            note=f"Simulated: the lowest to the highest of {len(now)} seeds.",
        )
        yield Sheet(
            name="day_runs",
            title="Every run of the day",
            rows=answer.day_outcomes,
            on="data",
            columns=[
                Column("seed", COUNT),
                Column("bid_minutes", MINUTES, lambda row: row.bid_ms / 60_000),
                Column("lots", COUNT),
                Column("zero", COUNT),
                Column("unsold", COUNT),
                *(
                    Column(each, MONEY)
                    for each in ("auctioned", "zero_worth", "debt", "keepers", "gas", "owners")
                ),
                Column("stuck", COUNT),
            ],
        )

    def _liquidations(self) -> Sheet:
        rows = [
            {"mechanism": each.mechanism, "bucket": self.names[each.bucket], "trial": trial}
            | {party.value: found.money[party] for party in Party}
            | {"takes": len(found.takes), "left": found.left / 1e9, "stuck": found.stuck}
            for each in self.answer.trials
            for trial, found in enumerate(each.found)
        ]
        return Sheet(
            name="trials",
            title="Every trial",
            rows=rows,
            on="tables",
            columns=[
                Column("mechanism"),
                Column("bucket"),
                Column("trial", COUNT),
                Column("takes", COUNT),
                Column("left", SHARE),
                Column("stuck", COUNT),
                *(Column(party.value, MONEY) for party in Party),
            ],
        )

    def _numbers(self) -> Sheet:
        answer = self.answer
        files = [(each.name, each.sources) for each in answer.mechanisms]
        files.append((answer.gas.name, answer.gas.sources))
        if answer.day is not None:
            files.append((answer.day.name, answer.day.sources))
        return sourced_sheet("numbers", "The numbers of mechanisms, gas and the day", files)

    def _assumed(self) -> list[Sheet]:
        crisis = self.answer.crisis
        assert crisis.used is not None
        used = structs.replace(crisis.used, fields=("depth", "spread_bp"), has_backstop=False)
        return assumed_sheets(rows_of_days({crisis.title: used}))

    def _assumptions(self) -> list[str]:
        crowd = self.answer.crowd
        return [
            f"{crowd.count} keepers with about {kinds.usd(crowd.money)} USD each, "
            f"{kinds.short_percent(crowd.fixed_gas)} of them with programs that pay at most "
            f"{kinds.times(crowd.gas_times)} the usual price of gas, asking for up to "
            f"{kinds.percent(crowd.margin)} of what they take over",
            "a keeper acts where discount and reward pay for gas, slippage and its margin; it "
            "sells at once into the assumed book, thinned by the fall; one takes at a time, and "
            "those that come too late pay nothing",
            "liquidations go by the true price; what was taken moves no price",
            "the maintenance margin of what is left is its share of the whole",
            "price moves are paid by the market, so that all money together stays the same",
        ]


def _shortest(answer: KeepersAnswer) -> int:
    return min(each.bid_ms for each in answer.day_outcomes)


def _published(day: Day, now: list[DayOutcome], longer: list[DayOutcome]) -> Iterator[_Published]:
    def shares(runs: list[DayOutcome]) -> str:
        found = sorted(each.zero_share for each in runs)
        return f"{kinds.percent(found[0], 0)} to {kinds.percent(found[-1], 0)}"

    def usd(runs: list[DayOutcome], field: str) -> str:
        found = sorted(getattr(each, field) / MICRO for each in runs)
        return f"{kinds.short_usd(found[0])} to {kinds.short_usd(found[-1])}"

    yield _Published(
        "lots won at zero", kinds.percent(day.zero_ppm / PPM, 0), shares(now), shares(longer)
    )
    for words, field, value in (
        ("worth of those", "zero_worth", day.zero_micro_usd),
        ("debt left", "debt", day.debt_micro_usd),
    ):
        text = kinds.short_usd(value / MICRO)
        yield _Published(words, text, usd(now, field), usd(longer, field))
