"""A policy checked, alone or for an account: its mistakes, and what would fire at once."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from msgspec import field

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.quantities import PerMarket, assignments, for_markets, usd
from seawall.domain.units import FUNDING_ONE, PPM, from_units
from seawall.guard.ladder import standing
from seawall.guard.lint import RULES, Mistake, lint
from seawall.guard.measures import mark_at
from seawall.guard.mirror import MarketNow, Mirror, Observation
from seawall.guard.policy import MARGIN_RATIO, Policy
from seawall.guard.policy_file import load_policy
from seawall.guard.preflight import Due, due_at_once
from seawall.guard.supported import check_supported
from seawall.guard.view import FAR, NO_EQUITY, Levels, Observed, View
from seawall.report.findings import Answer, Findings, Words
from seawall.report.kinds import PERCENT, PRICE, TEXT
from seawall.report.sheet import Column, Sheet
from seawall.venues.registry import gateway_of

_NOW_MS = 1_000_000
"""The moment of the check: everything is as old as it."""
_LEVELS, _BAND = 10, PPM // 200
"""``depth`` lies in so many equal levels within 50 basis points of the mark."""


class LevelRow(NamedTuple):
    """A step in a bucket: where it is, and where it fires. Shares as fractions."""

    bucket: str
    step: str
    action: str
    measure: str
    now: Fraction | None
    trigger: Fraction
    rearm: Fraction
    market: str
    fires_at: Decimal | None


class PolicyCheck(Answer, frozen=True, kw_only=True):
    """``mistakes``: what lint found. ``due``, ``levels``: for an account, empty without one."""

    policy: Policy
    account: str
    mistakes: tuple[Mistake, ...]
    due: tuple[Due, ...] = ()
    levels: tuple[LevelRow, ...] = ()
    assumptions: tuple[str, ...] = field(default=())

    @property
    def is_clean(self) -> bool:
        """Whether there is no mistake, and nothing that would be done at once."""
        return not self.mistakes and not any(each.is_order for each in self.due)

    def findings(self) -> Findings:
        """Mistakes, what is due, and where every step stands."""
        return Findings(
            command="guard lint",
            title=f"Policy {self.policy.name}",
            subtitle=f"{self.policy.source}; {self.account or 'no account'}",
            verdict=list(self._verdict()),
            sections=list(self._sheets()),
            facts={"policy": self.policy.name, "account": self.account, "is_clean": self.is_clean},
            assumptions=self.assumptions,
        )

    def _verdict(self) -> Iterator[Words]:
        count = len(self.mistakes)
        if count:
            yield Words(f"{count} {'mistake' if count == 1 else 'mistakes'}.", is_warning=True)
        else:
            yield Words(f"No mistake; {len(RULES)} rules.")
        if not self.account:
            yield Words("Without an account, rules about positions and margin are not checked.")
            return
        orders = [each for each in self.due if each.is_order]
        if orders:
            yield Words("Armed now, these steps would fire at once.", is_warning=True)
        else:
            yield Words("Armed now, no step would fire at once.")

    def _sheets(self) -> Iterator[Sheet]:
        yield Sheet(
            name="mistakes",
            title="Mistakes",
            rows=self.mistakes,
            columns=[
                Column("rule"),
                Column("where"),
                Column("finds", get=lambda each: RULES[each.rule], on="data"),
                Column("text", title="what is wrong"),
            ],
            style=lambda each: "bad",
        )
        if not self.account:
            return
        yield Sheet(
            name="due",
            title="At once, if it were armed now",
            rows=self.due,
            columns=[Column("what"), Column("where"), Column("why")],
            style=lambda each: "bad" if each.is_order else "",
        )
        yield Sheet(
            name="levels",
            title="Where every step stands",
            rows=self.levels,
            columns=[
                Column("bucket"), Column("step"), Column("action"),
                Column("measure", drop=3),
                Column("now", PERCENT, none="none"),
                Column("trigger", PERCENT),
                Column("rearm", PERCENT, title="re-arm", drop=2),
                Column("market", TEXT, drop=1),
                Column("fires_at", PRICE, title="fires at", none="never"),
            ],
            note="fires at: the mark of the market nearest to liquidation, moving alone.",
        )  # fmt: skip


def check_policy(
    policy: str | Path, account: Account | None = None, depth: PerMarket = ()
) -> PolicyCheck:
    """The check of a policy file, for an account if there is one.

    ``depth``: USD within 50 basis points per side of the book, of all markets or of one, such as
    ``BTC=5000000``; rules about depth need it. Raises InputError naming what cannot be used.
    """
    made = load_policy(policy)
    if account is not None:
        check_supported(made, gateway_of(account.venue), account.venue)
    if account is None:
        if depth:
            raise InputError.of("", "depth", depth, "given with an account")
        return PolicyCheck(policy=made, account="", mistakes=tuple(lint(made)))
    depths = for_markets("depth", assignments("depth", depth, usd), account.markets)
    view = view_of(account, depths)
    return PolicyCheck(
        policy=made,
        account=f"{account.name} ({account.source})",
        mistakes=tuple(lint(made, view)),
        due=tuple(due_at_once(made, view)),
        levels=tuple(_levels(made, view)),
        assumptions=tuple(_assumptions(account, depths)),
    )


def view_of(account: Account, depths: Mapping[str, int]) -> View:
    """An account as a guard would see it first, with books of a depth around the marks.

    Funding settles at once where the account knows its rates, so that its limits are checked.
    """
    markets = {}
    for instrument, mark in zip(account.instruments, account.prices, strict=True):
        depth, rate = depths.get(instrument.name), account.funding.get(instrument.name)
        markets[instrument.name] = MarketNow(
            bids=_side(mark, depth, -1),
            asks=_side(mark, depth, 1),
            book_ms=None if depth is None else _NOW_MS,
            funding_rate=None if rate is None else round(rate * FUNDING_ONE),
            next_funding_ms=None if rate is None else _NOW_MS,
        )
    seen = Observed(
        account_ms=_NOW_MS, orders_ms=_NOW_MS, prices_ms=_NOW_MS, ledger_ms=_NOW_MS,
        funding_ms=_NOW_MS,
    )  # fmt: skip
    observation = Observation(time_ms=_NOW_MS, observed=seen, markets=markets, net_deposits=0)
    return Mirror().view(account, observation)


def _side(mark: int, depth: int | None, sign: int) -> Levels:
    if depth is None:
        return ()
    prices = [mark + sign * mark * _BAND * n // (_LEVELS * PPM) for n in range(1, _LEVELS + 1)]
    return tuple((each, depth // (_LEVELS * mark)) for each in prices)


def _levels(policy: Policy, view: View) -> Iterator[LevelRow]:
    for bucket, step, level in standing(policy, view):
        is_none = level == (NO_EQUITY if step.measure == MARGIN_RATIO else FAR)
        found = mark_at(step, bucket, view)
        decimals = 0 if found is None else view.market[found[0]].price_decimals
        yield LevelRow(
            bucket=bucket.name,
            step=step.name,
            action=step.action.replace("_", " "),
            measure=step.measure.replace("_", " "),
            now=None if is_none else Fraction(level, PPM),
            trigger=Fraction(step.trigger, PPM),
            rearm=Fraction(step.rearm, PPM),
            market="" if found is None else found[0],
            fires_at=None if found is None else Decimal(from_units(found[1], decimals)),
        )


def _assumptions(account: Account, depths: Mapping[str, int]) -> Iterator[str]:
    yield (
        "Every input is taken to be fresh and the account to be at its peak: a drawdown limit is "
        "judged from the moment when a guard begins."
    )
    without = [each for each in account.markets if each not in depths]
    if without:
        yield (
            f"Books of {', '.join(without)} are not known: rules about depth are not checked "
            "(--depth says one)."
        )
    else:
        yield "Books: equal sizes in ten levels within 50 bp of the mark."
