"""An account on published and on true prices as sheets and sentences."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import structs

from seawall.domain.units import PPM
from seawall.lab.crises.record import closed_by
from seawall.lab.market.assumption_sheets import assumed_sheets, rows_of_days
from seawall.lab.market.price_paths import price_path_sheet, price_paths
from seawall.lab.oracle.figures import oracle_figures
from seawall.lab.oracle.moves import DEEPEST, PRECISION, MoveOutcome
from seawall.lab.oracle.preset import DIRECT, Preset
from seawall.lab.oracle.publish import is_refused
from seawall.lab.oracle.question import CrisisLook, Judged, OracleAnswer
from seawall.lab.oracle.reach import Reach
from seawall.lab.oracle.tiles import status, tiles
from seawall.lab.oracle.update import Update
from seawall.lab.simulation.names import bucket_name, deleveraging_sentence, liquidation_sentence
from seawall.lab.sourced_sheet import sourced_sheet
from seawall.report import kinds
from seawall.report.findings import NOT_CONSERVED, Findings, Words
from seawall.report.kinds import (
    AVERAGE_PRICE,
    COUNT,
    FLAG,
    MONEY,
    MOVE,
    NAMES,
    PRICE,
    RATIO,
    SECONDS,
    SHARE,
)
from seawall.report.sheet import Column, Sheet, pivot

DIRECTIONS = {-1: "fall", 1: "rise"}
SIDES = {-1: "short", 1: "long"}
BY_CHANCE = "*"
NEVER = "never"


class _Cell(NamedTuple):
    """One position at a lag and an error of the sources."""

    lag_ms: int
    error_ppm: int
    of: Reach


def findings(answer: OracleAnswer) -> Findings:
    """What the published price changes: moves, liquidation prices, the crisis."""
    return _Findings(answer).all()


class _Findings:
    """The sheets of one answer."""

    def __init__(self, answer: OracleAnswer) -> None:
        self.answer = answer
        self.names = {
            bucket: bucket_name(answer.valuation, bucket)
            for bucket, markets in answer.valuation.buckets.items()
            if markets
        }
        self.moves = self._nearest_moves()
        self.nearest = self._nearest_position()

    def _nearest_moves(self) -> list[MoveOutcome]:
        """Of the bucket and the direction that the smallest true move liquidates."""
        moves = self.answer.moves
        if not moves:
            return []
        first = min(moves, key=lambda each: abs(each.true))
        same = first.bucket, first.direction
        return [each for each in moves if (each.bucket, each.direction) == same]

    def _nearest_position(self) -> str | None:
        """The market whose liquidation price is the nearest."""
        known = [each for each in self.answer.reaches if each.preset == DIRECT]
        if not known:
            return None
        return min(known, key=lambda each: abs(each.liquidation_price / each.price - 1.0)).market

    def all(self) -> Findings:
        answer = self.answer
        account, crisis = answer.account, answer.crisis
        return Findings(
            command="oracle",
            title=f"Published and true prices: {account.name}",
            subtitle=f"{account.source}; rules of {account.rulebook.name}; {crisis.title}",
            verdict=[*map(Words, self._headline()), *self._warnings()],
            status=status(answer),
            tiles=tiles(answer),
            sections=[
                *self._move_matrix(),
                self._crisis(),
                *oracle_figures(answer, self.moves, self.nearest),
                *self._judged(),
                self._reaches(),
                *self._lags(),
                self._moves(answer.moves),
                price_path_sheet([(crisis.title, price_paths(crisis.path))]),
                self._numbers(),
                *self._assumed(),
            ],
            facts={
                "account": account.name,
                "source": account.source,
                "rulebook": {
                    "name": account.rulebook.name, "as_of": str(account.rulebook.as_of)
                },
                "crisis": crisis.name,
                "accounts_drawn": answer.population.task.accounts,
            },
            assumptions=self._assumptions(),
            seed=answer.seed,
        )  # fmt: skip

    def _headline(self) -> Iterator[str]:
        answer = self.answer
        spared = [
            each.preset.name for each in answer.looks if set(answer.true) - set(each.published)
        ]
        early = [
            each.preset.name for each in answer.looks if set(each.published) - set(answer.true)
        ]
        where = f"In {answer.crisis.title}"
        if spared:
            yield (
                f"{where} the true price liquidates and the published one does not under "
                f"{', '.join(spared)}."
            )
        if early:
            yield (
                f"{where} the published price liquidates and the true one does not under "
                f"{', '.join(early)}."
            )
        if not spared and not early:
            if answer.true:
                yield f"{where} every published price liquidates what the true one does."
            else:
                yield f"{where} neither the true nor any published price liquidates the account."
        ends = sorted(answer.looks, key=lambda each: each.outcome.end)
        left = [f"{kinds.money(each.outcome.end)} USD ({each.preset.name})" for each in ends]
        to = f" to {left[-1]}" if len(left) > 1 else ""
        yield f"With other accounts and books it leaves {left[0]}{to}."
        if self.moves:
            yield self._shortest()

    def _shortest(self) -> str:
        """What a short move has to be under the oracles."""
        first = self.moves[0]
        short = min(each.duration_ms for each in self.moves)
        those = [each for each in self.moves if each.duration_ms == short and each.preset != DIRECT]
        never = [each.preset for each in those if each.published is None]
        luck = [each.preset for each in those if each.published is not None and not each.surely]
        surely = [each for each in those if each.surely is not None]
        text = (
            f"A {DIRECTIONS[first.direction]} of {kinds.percent(abs(first.true))} liquidates "
            f"{self.names[first.bucket]} on the true price; one that is over in "
            f"{kinds.duration(short / 1000)}"
        )
        parts = []
        if surely:
            largest = max(surely, key=lambda each: abs(each.surely or 0.0))
            parts.append(
                f"needs up to {kinds.percent(abs(largest.surely or 0.0))} ({largest.preset})"
            )
        if luck:
            parts.append(f"liquidates under {', '.join(luck)} only if it is read in time")
        if never:
            parts.append(f"liquidates at no size under {', '.join(never)}")
        return f"{text} {', '.join(parts) or 'does the same'}."

    def _warnings(self) -> Iterator[Words]:
        now = self.answer.valuation.at(self.answer.valuation.prices)
        under = [name for bucket, name in self.names.items() if now[bucket].is_liquidatable]
        if under:
            yield Words(
                f"Below maintenance margin at the prices now: {', '.join(under)}.", is_warning=True
            )
        if not self.answer.is_conserved:
            yield Words(NOT_CONSERVED, is_warning=True)

    def _move_matrix(self) -> Iterator[Sheet]:
        if not self.moves:
            return
        first = self.moves[0]
        way = DIRECTIONS[first.direction]
        yield pivot(
            self._moves(self.moves),
            name="smallest_moves",
            title=f"The smallest {way} that liquidates {self.names[first.bucket]}, by its length",
            index="oracle",
            across="duration",
            value="published",
            mark=lambda row: BY_CHANCE if row.published is not None and row.surely is None else "",
            note=f"There and back within this time, all markets by their betas. "
            f"{BY_CHANCE}: only where the oracle looks at the right moment. "
            f"Moves between the figure of {DIRECT} and a larger one liquidate on the true price "
            "alone, between it and a smaller one on the published price alone.",
        )

    def _moves(self, rows: Sequence[MoveOutcome]) -> Sheet:
        return Sheet(
            name="moves",
            title="The smallest moves that liquidate, on the true and on the published price",
            rows=rows,
            on="data",
            columns=[
                Column("oracle", get="preset"),
                Column("bucket", get=lambda row: self.names[row.bucket]),
                Column("direction", get=lambda row: DIRECTIONS[row.direction]),
                Column("duration", SECONDS, lambda row: row.duration_ms / 1000),
                Column("true", MOVE),
                Column("published", MOVE, none=NEVER),
                Column("surely", MOVE, none=NEVER),
                Column("verdict"),
            ],
        )

    def _crisis(self) -> Sheet:
        answer = self.answer

        def times(found: dict[int, float]) -> list[str] | None:
            texts = [f"{self.names[b]} {kinds.MINUTES.text(at)}" for b, at in found.items()]
            return texts or None

        def apart(look: CrisisLook) -> str:
            names = {True: "true only", False: "published only"}
            only = set(answer.true) ^ set(look.published)
            parts = sorted({names[bucket in answer.true] for bucket in only})
            return ", ".join(parts) or ("both" if answer.true else "neither")

        return Sheet(
            name="crisis",
            title=f"{answer.crisis.title} under every oracle",
            rows=answer.looks,
            style=lambda row: "bad" if row.outcome.liquidated else "",
            columns=[
                Column("oracle", get="preset.name"),
                Column("true", NAMES, lambda _: times(answer.true), on="data"),
                Column(
                    "published", NAMES, lambda row: times(row.published),
                    "liquidated alone after", none="no",
                ),
                Column("which", get=apart, title="on", drop=2),
                Column("largest_gap", SHARE, lambda row: max(row.largest_gap), "largest gap", 1),
                Column("refused", SHARE, on="data"),
                Column("users_refused", SHARE, "users", on="data"),
                Column("updates", COUNT, lambda row: int(row.prices.updates.max()), drop=4),
                Column(
                    "liquidated", NAMES, lambda row: times(dict(row.outcome.liquidated)),
                    "liquidated in the market", none="no",
                ),
                Column("closed_by", NAMES, lambda row: closed_by(row.outcome.closed), on="data"),
                Column("lowest", MONEY, "outcome.lowest", "lowest, USD", drop=3),
                Column("end", MONEY, "outcome.end", "left, USD"),
                Column("state_hash", get="outcome.state_hash", on="data"),
                Column("money_conserved", FLAG, "outcome.is_conserved", on="data"),
            ],
            note="Alone: the account valued at each price, nothing traded. In the market: the "
            "simulation of crises, with other accounts, books and this oracle's prices, and the "
            "venue's own mark.",
        )  # fmt: skip

    def _reaches(self) -> Sheet:
        return Sheet(
            name="liquidation_prices",
            title="Where the true price stands when the published one liquidates",
            rows=self.answer.reaches,
            style=lambda row: "quiet" if row.preset == DIRECT else "",
            columns=[
                Column("market"),
                Column("side", get=lambda row: SIDES[row.side], on="data"),
                Column("oracle", get="preset"),
                Column(
                    "liquidation_price", AVERAGE_PRICE, title="published at", drop=1
                ),
                Column("first", AVERAGE_PRICE, title="true: from", drop=2),
                Column("last", AVERAGE_PRICE, title="true: to"),
                Column("first_move", MOVE, title="from now", drop=3),
                Column("last_move", MOVE, title="to, from now"),
            ],
            note="Other prices stand still. By the deviation threshold, the errors of sources, and "
            f"the fastest moves of {self.answer.crisis.title} over the longest lag of the oracle.",
        )  # fmt: skip

    def _lags(self) -> Iterator[Sheet]:
        rows = [_Cell(*each) for each in self.answer.lags]
        sheet = Sheet(
            name="lags",
            title="The same by lag and error of the sources",
            rows=rows,
            on="data",
            columns=[
                Column("market", get="of.market"),
                Column("lag", SECONDS, lambda row: row.lag_ms / 1000),
                Column("error", SHARE, lambda row: row.error_ppm / PPM),
                Column("first", AVERAGE_PRICE, "of.first"),
                Column("last", AVERAGE_PRICE, "of.last"),
                Column("last_move", MOVE, "of.last_move"),
            ],
        )
        yield sheet
        if self.nearest is None:
            return
        mine = [each for each in rows if each.of.market == self.nearest]
        yield pivot(
            Sheet(
                name="nearest", title="", rows=mine,
                columns=[
                    Column("lag", SECONDS, lambda row: row.lag_ms / 1000),
                    Column("error", SHARE, lambda row: row.error_ppm / PPM),
                    Column("last", AVERAGE_PRICE, "of.last"),
                ],
            ),
            name="nearest_lags",
            title=f"{self.nearest}: the farthest true price at liquidation, by lag and by error",
            index="lag",
            across="error",
            value="last",
        )  # fmt: skip

    def _judged(self) -> Iterator[Sheet]:
        if not self.answer.judged:
            return
        yield Sheet(
            name="published_prices",
            title="The account at published prices",
            rows=self.answer.judged,
            style=lambda row: "bad" if _liquidates(row) != "no" else "",
            columns=[
                Column("market", get="update.market"),
                Column("price", PRICE, "update.price", "price, USD"),
                Column("low", PRICE, "update.low", "less confidence", drop=2),
                Column("high", PRICE, "update.high", "plus confidence", drop=2),
                Column("age", SECONDS, lambda row: row.update.age_ms / 1000, drop=1),
                Column("bucket", get=lambda row: self.names[row.bucket]),
                Column("ratio", RATIO, "at_price.ratio", "margin ratio"),
                Column("liquidates", get=_liquidates, title="liquidated"),
            ],
            note="Margin ratio: maintenance margin over equity. Other prices stand still.",
        )
        rows = [
            (preset, each)
            for each in dict.fromkeys(judged.update for judged in self.answer.judged)
            for preset in self.answer.presets
        ]
        yield Sheet(
            name="acceptance",
            title="Which oracles' users take these prices",
            rows=rows,
            columns=[
                Column("market", get=lambda row: row[1].market),
                Column("oracle", get=lambda row: row[0].name),
                Column("users", FLAG, lambda row: _is_taken(row[0], row[1], "user")),
                Column(
                    "liquidations", FLAG, lambda row: _is_taken(row[0], row[1], "liquidation")
                ),
            ],
        )  # fmt: skip

    def _numbers(self) -> Sheet:
        files = [(each.name, each.sources) for each in self.answer.presets]
        return sourced_sheet("oracle_numbers", "The numbers of the oracles", files)

    def _assumed(self) -> list[Sheet]:
        crisis, book = self.answer.crisis, self.answer.account.rulebook
        assert crisis.used is not None
        used = structs.replace(crisis.used, fields=("beta", *crisis.used.fields), books=(book,))
        return assumed_sheets(rows_of_days({crisis.title: used}))

    def _assumptions(self) -> list[str]:
        deepest = " and ".join(
            f"{kinds.short_percent(way * size, signed=True)}" for way, size in DEEPEST.items()
        )
        return [
            "the published price begins at the true one; every later one is made of prices before "
            "it, errors and failures of the sources, which are drawn with the seed",
            "the mark is the published price where the account is taken alone; in the market it is "
            "the venue's own, whose book follows the true price",
            "while a price of the account is refused for its age or its confidence, liquidations "
            "go by none newer",
            "moves go there and back in a straight line, looked at up to "
            f"{deepest}, to a part in {round(1 / PRECISION):,} of that; the oracle's look is tried "
            "at four moments",
            "an oracle that looks more often than the crisis has prices (every "
            f"{kinds.duration(self.answer.grid.step_ms / 1000)}) looks at each of them",
            "the same oracle is read for the venue's oracle price and for perpetuals elsewhere",
            "funding, top-ups and open orders act in the market only; otherwise it is as in crises",
            deleveraging_sentence(
                self.answer.population.task.accounts,
                self.answer.crisis.backstop,
                "the oracle is the preset's, and the backstop keeps what it takes over",
            ),
            liquidation_sentence(self.answer.account.rulebook),
        ]


def _liquidates(judged: Judged) -> str:
    """At the price, or within its confidence."""
    if judged.at_price.is_liquidatable:
        return "yes"
    is_near = judged.at_low.is_liquidatable or judged.at_high.is_liquidatable
    return "yes, within its confidence" if is_near else "no"


def _is_taken(preset: Preset, update: Update, use: str) -> bool:
    limits: Sequence[int] = (
        getattr(preset, f"{use}_age_ms"), getattr(preset, f"{use}_confidence_ppm")
    )  # fmt: skip
    age, share = np.asarray(update.age_ms), np.asarray(update.share)
    return not bool(is_refused(age, share, *limits))
