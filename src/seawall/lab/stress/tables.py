"""Two parts of a stress test as tables: what would survive a move, and named scenarios."""

from seawall.lab.stress.grid import bucket_name
from seawall.lab.stress.result import StressResult, Survival
from seawall.lab.stress.scenarios import ScenarioLine
from seawall.lab.stress.survive import SHARES, Closing, Remedy, bucket_words
from seawall.lab.stress.words import cents, market_name, move_text, size_text, usd
from seawall.report.findings import Section, Table, Words


def survival_section(result: StressResult, survival: Survival) -> Section:
    move = move_text(survival.move, survival.size)
    if not survival.remedies:
        return Words(f"To survive {move}: nothing is needed, every bucket stands.")
    rows = []
    for remedy in survival.remedies:
        rows += _remedy_rows(result, remedy)
    return Table(
        title=f"To survive {move}: one line of each bucket is enough",
        columns=["bucket", "what to do", "amount", "share of it"],
        rows=rows,
        words=2,
        note=(
            "Amounts in USD are the least whole cents. A close is at the present price with the "
            "taker fee, without slippage."
        ),
    )


def _remedy_rows(result: StressResult, remedy: Remedy) -> list[list[str]]:
    valuation = result.valuation
    name = bucket_name(valuation, remedy.bucket)
    rows = [[name, bucket_words(valuation, remedy.bucket), cents(remedy.deposit), ""]]
    rows += [[name, *_closing(result, each)] for each in remedy.closings]
    if len(valuation.buckets[remedy.bucket]) > 1 and remedy.share is not None:
        share = 100 * remedy.share / SHARES
        rows.append([name, "close the same share of every position", "", f"{share:.2f} %"])
    return rows


def _closing(result: StressResult, closing: Closing) -> list[str]:
    valuation = result.valuation
    what = "close all of" if closing.size == closing.of else "close a part of"
    return [
        f"{what} {market_name(valuation, closing.market)}",
        size_text(valuation, closing.market, closing.size),
        f"{float(100 * closing.share):.2f} %",
    ]


def scenario_table(result: StressResult) -> Table:
    rows, styles = [], {}
    for line in result.scenarios:
        rows.append(_scenario_row(result, line))
        if line.liquidated:
            styles[len(rows) - 1] = "bad"
    return Table(
        title="Named scenarios, starting now, USD",
        columns=["scenario", "liquidated (after)", "position first", "lowest equity", "after",
                 "funding", "end equity", "lost", "unclosed"],
        rows=rows,
        words=3,
        styles=styles,
        note=(
            "The whole machine along the path: quotes, funding, stages. Unclosed: what the "
            "positions would be worth in the end had nobody closed them, without funding."
        ),
    )  # fmt: skip


def _scenario_row(result: StressResult, line: ScenarioLine) -> list[str]:
    valuation = result.valuation
    gone = ", ".join(
        f"{bucket_name(valuation, each.bucket)} ({_after(each.minutes)})"
        for each in line.liquidated
    )
    return [
        line.name,
        gone or "no",
        market_name(valuation, line.first),
        usd(line.lowest),
        _after(line.lowest_minutes),
        usd(line.funding),
        usd(line.end),
        usd(line.lost),
        usd(line.untouched),
    ]


def _after(minutes: float) -> str:
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 2880 else f"{minutes / 1440:.1f} d"


def scenario_notes(result: StressResult) -> Table:
    return Table(
        title="Where the scenarios come from",
        columns=["scenario", "what happens", "source"],
        rows=[[each.name, each.about, " ".join(each.source.split())] for each in result.scenarios],
        words=3,
        on_paper_only=True,
    )
