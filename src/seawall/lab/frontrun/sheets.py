"""Front-running as sheets and sentences."""

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from seawall.domain.units import PPM
from seawall.lab.frontrun.early import Early
from seawall.lab.frontrun.figures import frontrun_figures
from seawall.lab.frontrun.question import BookSandwich, FrontrunAnswer
from seawall.lab.frontrun.scene import Party
from seawall.lab.frontrun.stops import Hunt
from seawall.lab.frontrun.tiles import status, tiles
from seawall.lab.market.assumption_sheets import assumed_sheets, rows_of_days
from seawall.lab.market.price_paths import price_path_sheet, price_paths
from seawall.lab.simulation.names import bucket_name
from seawall.lab.sourced_sheet import sourced_sheet
from seawall.report import kinds
from seawall.report.findings import NOT_CONSERVED, Findings, Words
from seawall.report.kinds import AVERAGE_PRICE, BASIS_POINTS, COUNT, FLAG, MONEY, SECONDS, SHARE
from seawall.report.sheet import Column, Sheet

NEVER = "never"
BEYOND = "beyond the quoted book"
PPM_PER_BP = 100
BOOKS = {"calm": "a calm book", "drought": "a book with 2 % of its depth"}


def findings(answer: FrontrunAnswer) -> Findings:
    """What acting first takes: from the liquidation, from pools, from time, from stops."""
    return _Findings(answer).all()


class _Findings:
    """The sheets of one answer."""

    def __init__(self, answer: FrontrunAnswer) -> None:
        self.answer = answer
        self.markets = answer.valuation.instruments

    def all(self) -> Findings:
        answer, account = self.answer, self.answer.account
        return Findings(
            command="frontrun",
            title=f"Front-running: {account.name}",
            subtitle=f"{account.source}; {answer.crisis.title}; gas: {answer.gas.title}",
            verdict=[*map(Words, self._headline()), *self._warnings()],
            status=status(answer),
            tiles=tiles(answer),
            sections=[
                self._sandwiches(),
                self._stops(),
                self._pools(),
                *frontrun_figures(answer),
                self._early(),
                price_path_sheet([(answer.crisis.title, price_paths(answer.crisis.path))]),
                self._numbers(),
                *self._assumed(),
            ],
            facts={
                "account": account.name,
                "source": account.source,
                "crisis": answer.crisis.name,
                "gas": answer.gas.name,
                "mechanism": answer.mechanism.name,
            },
            assumptions=self._assumptions(),
            seed=answer.seed,
        )

    def _name(self, bucket: int) -> str:
        return bucket_name(self.answer.valuation, bucket)

    def _headline(self) -> Iterator[str]:
        yield from self._of_liquidations()
        yield from self._of_stops()
        lost = [each for each in self.answer.stale if each.one_step.pool < 0]
        if lost:
            worst = min(lost, key=lambda each: each.one_step.pool)
            kept = worst.two_steps.pool
            after = (
                f"in two steps {kinds.money(-kept)}"
                if kept < 0
                else "in two steps they lose nothing"
            )
            yield (
                f"With orders at the price in force, the owners of {worst.pool.name} lose "
                f"{kinds.money(-worst.one_step.pool)} USD in {worst.market}; {after}."
            )
        else:
            yield "No pool can be traded with at a price old enough to pay for its fees."
        yield from self._of_time()

    def _of_liquidations(self) -> Iterator[str]:
        done = [each for each in self.answer.sandwiches if each.found.is_done]
        if done:
            worst = max(done, key=lambda each: each.found.cost)
            yield (
                f"A searcher that sees the liquidation first ({self._name(worst.bucket)}) costs "
                f"the account {kinds.money(worst.found.cost)} USD in {BOOKS[worst.depth]}, and "
                f"gains {kinds.money(worst.found.profit)}."
            )
        elif self.answer.sandwiches:
            yield "No sandwich of a liquidation pays after fees and gas."

    def _of_stops(self) -> Iterator[str]:
        found = [each for each in self.answer.hunts if each.first is not None]
        alone = [each for each in found if each.pays_alone]
        if alone:
            yield f"Stops that the account's own size makes worth reaching: {self._listed(alone)}."
        elif found:
            others = [each for each in found if each.pays]
            more = f"; with stops of others: {self._listed(others)}" if others else ""
            yield f"The account's own stops alone are worth reaching for no searcher{more}."

    def _listed(self, hunts: list[Hunt]) -> str:
        return ", ".join(self.markets[each.market].name for each in hunts)

    def _of_time(self) -> Iterator[str]:
        hit = [each for each in self.answer.early if each.lost_ms and each.left_ms and each.pays]
        if hit:
            least = min(hit, key=lambda each: each.left_ms or 0)
            left, lost = (least.left_ms or 0) / 1000, (least.lost_ms or 0) / 1000
            yield (
                f"Speculative liquidation leaves {kinds.duration(left)} from the warning instead "
                f"of {kinds.duration(left + lost)} ({self._name(least.bucket)}, {least.preset})."
            )

    def _warnings(self) -> Iterator[Words]:
        if not self.answer.is_conserved:
            yield Words(NOT_CONSERVED, is_warning=True)

    def _usd(self, market: int, units: float | None) -> float | None:
        return None if units is None else units / 10 ** self.markets[market].price_decimals

    def _sandwiches(self) -> Sheet:
        def change(party: Party) -> Any:
            def of(row: BookSandwich) -> int:
                return row.found.played.money[party] - row.found.calm.money[party]

            return of

        def batch(row: BookSandwich) -> int | None:
            return None if row.uniform is None else row.uniform.cost

        def at(which: str) -> Any:
            return lambda row: self._usd(row.market, getattr(row.found, which).account.price)

        return Sheet(
            name="sandwiches",
            title="The liquidation order between two orders of a searcher",
            rows=self.answer.sandwiches,
            style=lambda row: "bad" if row.found.is_done else "",
            columns=[
                Column("bucket", get=lambda row: self._name(row.bucket)),
                Column("market", get=lambda row: self.markets[row.market].name, drop=1),
                Column("depth", title="book"),
                Column("liquidated", MONEY, "found.calm.account.value"),
                Column("price", AVERAGE_PRICE, at("calm"), "at", 2, none=NEVER),
                Column("cost", MONEY, "found.cost", "public: costs"),
                Column("with_searcher", MONEY, "found.played.account.value", "liquidated then", 3),
                Column("price_then", AVERAGE_PRICE, at("played"), "at then", 4, none=NEVER),
                Column("first", MONEY, "found.played.sold.value", "sold ahead", 5),
                Column("searcher", MONEY, "found.profit", "searcher gains"),
                Column("makers", MONEY, change(Party.MAKERS), "makers", 6),
                Column("venue", MONEY, change(Party.VENUE), "venue", 6),
                Column("gas", MONEY, "found.gas", drop=7),
                Column("gross", MONEY, "found.gross", on="data"),
                Column("tries", COUNT, "found.tries", on="data"),
                Column("batch", MONEY, batch, "batch: costs", 1, none=NEVER),
                Column("batch_gain", MONEY, on="data"),
            ],
            note="USD, at the price that liquidates. Public: pending orders are seen; where they "
            "are private, all is as without a searcher. Batch: what one price for all orders "
            "costs against walking down the book; a searcher gains nothing there, as what it sells "
            "and buys has one price. Costs, makers, venue: against no searcher. Drought: 2 % of "
            "the depth.",
        )

    def _stops(self) -> Sheet:
        def usd(row: Hunt, units: int | None) -> int | None:
            return None if units is None else units * self.answer.valuation.prices[row.market]

        def gain(which: str) -> Any:
            def of(row: Hunt) -> int | None:
                played = getattr(row, which)
                return None if played is None else row.gain(played)

            return of

        return Sheet(
            name="stops",
            title="Stops that are reached through the book",
            rows=self.answer.hunts,
            columns=[
                Column("market", get=lambda row: self.markets[row.market].name),
                Column(
                    "stop", AVERAGE_PRICE, lambda row: self._usd(row.market, row.trigger),
                    mark=lambda row: "*" if row.is_assumed else "",
                ),
                Column("is_assumed", FLAG, on="data"),
                Column("own_size", MONEY, lambda row: usd(row, row.size), "own"),
                Column("first", MONEY, lambda row: usd(row, row.first), "to sell", none=BEYOND),
                Column("alone", MONEY, gain("alone"), "gain if none fires", 2),
                Column("own", MONEY, gain("own"), "by own stop"),
                Column("others", MONEY, lambda row: usd(row, row.others), "of others", 1),
                Column("all", MONEY, gain("all"), "by all"),
                Column(
                    "needed", MONEY, lambda row: usd(row, row.needed), "pays from", 1, none=NEVER
                ),
                Column("by_mark", FLAG, title="fires by the mark", drop=3),
            ],
            note="USD. *: a stop that is assumed. To sell: until the last price is there. Gains of "
            "the searcher, where stops follow the last price. Pays from: so much of others beside "
            "the account's own. By the mark: whether the venue's own mark, with the oracle and "
            "other venues unmoved, comes along.",
        )  # fmt: skip

    def _pools(self) -> Sheet:
        def trades(which: str) -> Any:
            return lambda row: len(getattr(row, which).trades)

        def lost(which: str) -> Any:
            return lambda row: -getattr(row, which).pool

        return Sheet(
            name="pools",
            title=f"Trades at an old price in {self.answer.crisis.title}",
            rows=self.answer.stale,
            columns=[
                Column("pool", get="pool.name"),
                Column("market"),
                Column("trades", COUNT, trades("found"), "trades", 2),
                Column("searcher", MONEY, "found.searcher", "searcher gains", 1),
                Column("gas", MONEY, "found.gas", drop=4),
                Column("lost", MONEY, lost("found"), "pool loses"),
                Column("one_step_trades", COUNT, trades("one_step"), on="data"),
                Column("one_step", MONEY, lost("one_step"), "in one step"),
                Column("two_steps", MONEY, lost("two_steps"), "in two"),
                Column("given_back", MONEY, title="two steps give back", drop=3),
                Column("widest", SHARE, "one_step.widest", "largest gap", 2),
                Column(
                    "stopping_fee", BASIS_POINTS,
                    lambda row: row.one_step.stopping_ppm / PPM_PER_BP, "fee that stops it, bp",
                ),
                Column("toll", MONEY, title="costs the account", drop=1),
            ],
            note="USD. In one step: at the price in force, whatever its age; in two: at the first "
            "that is read after the order. The fee, at each side, is the one at which nothing in "
            "one step is worth it; what the account would pay more with it, opening and closing "
            "what it holds.",
        )  # fmt: skip

    def _early(self) -> Sheet:
        def seconds(name: str) -> Any:
            def of(row: Early) -> float | None:
                value = getattr(row, name)
                return None if value is None else value / 1000

            return of

        def until(row: Early) -> float | None:
            if row.left_ms is None or row.lost_ms is None:
                return None
            return (row.left_ms + row.lost_ms) / 1000

        return Sheet(
            name="early",
            title="Liquidations sent ahead of the price that allows them",
            rows=self.answer.early,
            columns=[
                Column("bucket", get=lambda row: self._name(row.bucket)),
                Column("oracle", get="preset"),
                Column("true", SECONDS, seconds("true_ms"), "true price after", 2, none=NEVER),
                Column("published", SECONDS, seconds("update_ms"), "published", 1, none=NEVER),
                Column("usual", SECONDS, until, "from the warning"),
                Column("left", SECONDS, seconds("left_ms"), "speculative"),
                Column("lost", SECONDS, seconds("lost_ms"), "time lost"),
                Column("updates", COUNT, title="updates", drop=4),
                Column("over", COUNT, title="over in time", drop=3),
                Column("attempts", COUNT, title="sent in vain", drop=2),
                Column("gas", MONEY, drop=3),
                Column("reward", MONEY, title="discount", drop=3),
                Column("pays", FLAG),
            ],
            note="From the warning at a margin ratio of "
            f"{kinds.short_percent(self.answer.searcher.warning_ppm / PPM)} to the liquidation, by "
            "a keeper that waits for the update and by one that has its transaction behind it in "
            "the same block. Over in time: of the updates that liquidate, those after which the "
            "published price is back when a keeper that waits comes. Discount: USD, of the first "
            "part, before slippage.",
        )

    def _numbers(self) -> Sheet:
        answer = self.answer
        files = [(each.name, each.sources) for each in answer.pools]
        files += [
            (each.name, each.sources) for each in (answer.searcher, answer.mechanism, answer.gas)
        ]
        return sourced_sheet("numbers", "The numbers of pools, searcher, mechanism and gas", files)

    def _assumed(self) -> list[Sheet]:
        crisis = self.answer.crisis
        assert crisis.used is not None
        used = structs.replace(
            crisis.used, fields=("depth", "spread_bp", "open_interest"), has_backstop=False
        )
        return assumed_sheets(rows_of_days({crisis.title: used}))

    def _assumptions(self) -> list[str]:
        answer = self.answer
        found = [
            "a searcher knows all pending orders, stops and true prices of now, and nothing of "
            "later ones; it acts where that leaves a profit after fees and gas, without rivals, "
            "with as much money as it needs",
            "books are the assumed ladder; makers renew it only when all is over, around the same "
            "price, and no other order comes between",
            "between the recorded prices of a crisis the true price is a straight line, so that a "
            "move goes on until the next one: trades in its direction gain more than they would",
            f"positions without a stop are looked at with one "
            f"{kinds.short_percent(answer.stop)} away",
        ]
        if answer.unreached:
            names = ", ".join(map(self._name, answer.unreached))
            found.append(
                f"left out of the sandwiches, as no price of the largest position liquidates it or "
                f"it is liquidatable now: {names}"
            )
        return found
