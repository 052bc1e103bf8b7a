"""Waves of deleveraging: who could be taken from, who was, and how much was missing.

A wave is deleveraging in one market with no pause of more than ``PAUSE_MS``. Its snapshot shows the
holders of the other side (without the venue's own accounts) as they stood before the wave took from
them, so that other ways of choosing them can be tried on the same accounts and the same deficit.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import EventKind, FillFlag, MarginMode
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MICRO
from seawall.engine.account_view import cash_by_group, groups_held
from seawall.engine.engine import Engine
from seawall.engine.placement import Rows
from seawall.lab.arrays import Floats, Integers
from seawall.lab.simulation.reader import quote_of
from seawall.lab.simulation.simulation import Batch

PAUSE_MS = 5_000
MOST_KEPT = 2_000
"""Holders in a snapshot beside those who were taken from, the highest scores first."""


class ObservedWave(Struct, kw_only=True):
    """One wave. USD; k holders of the other side, highest score first.

    ``deficit``: what the bankrupt buckets owed when their liquidation began. ``is_long``: the side
    of those who were taken from. ``mark``: USD, when it began. ``score``: profit factor x leverage,
    as ranking venues compute it. ``closed``: coins of their positions closed, ``taken``: USD that
    they got for them; ``haircut``: what closing at those prices cost them against the mark of each
    moment (negative: they gained). ``others``: holders that were left out of the arrays.
    """

    market: int
    start_ms: int
    end_ms: int
    is_long: bool
    mark: float
    deficit: float
    bankrupt: int
    account: Integers
    size: Integers
    notional: Floats
    equity: Floats
    profit: Floats
    score: Floats
    closed: Floats
    taken: Floats
    haircut: Floats
    others: int = 0


class WaveRecorder:
    """Turns batches with deleveraging into waves."""

    def __init__(self, engine: Engine) -> None:
        """``engine``: with all accounts in place."""
        self._tables = tables = engine.tables
        self._start = tables["positions"][: _used(tables)].copy()
        self.waves: list[ObservedWave] = []
        self.stalled = 0
        self._scale = np.asarray([10.0**each.price_decimals for each in engine.instruments])
        self._open: dict[tuple[int, bool], ObservedWave] = {}

    def read(self, batch: Batch) -> None:
        """One batch, with the engine as it is after it."""
        events, counts = batch.events, batch.totals.counts
        self.stalled += int(counts[EventKind.DELEVERAGING_STALLED])
        if not counts[EventKind.DELEVERAGED]:
            return
        rows = events[events["kind"] == EventKind.DELEVERAGED]
        owed = _deficits(events)
        for market in np.unique(rows["market"]).tolist():
            here = rows[rows["market"] == market]
            is_loser = here["flags"] & FillFlag.LIQUIDATED != 0
            winners, losers = here[~is_loser], here[is_loser]
            winners = winners[winners["account"] >= FIRST_USER]
            for is_long in (True, False):
                side = winners["position_size"] > 0 if is_long else winners["position_size"] < 0
                lost = losers["position_size"] < 0 if is_long else losers["position_size"] > 0
                if side.any():
                    missing = _owed_by(losers[lost], owed)
                    self._take(batch.time_ms, market, is_long, winners[side], missing)

    def _take(
        self,
        time_ms: int,
        market: int,
        is_long: bool,
        taken: Rows,
        missing: tuple[float, int],
    ) -> None:
        wave = self._open.get((market, is_long))
        if wave is None or time_ms - wave.end_ms > PAUSE_MS:
            wave = self._snapshot(time_ms, market, is_long, taken)
            self._open[market, is_long] = wave
            self.waves.append(wave)
        wave.end_ms = time_ms
        wave.deficit += missing[0]
        wave.bankrupt += missing[1]
        mark = int(self._tables["markets"]["mark_price"][market])
        place = _places(wave, taken["account"])
        value = taken["order_size"] * float(mark)
        quote = quote_of(taken).astype(np.float64)
        sign = 1.0 if is_long else -1.0
        coins = taken["order_size"] * self._scale[market] / MICRO
        np.add.at(wave.closed, place, coins)
        np.add.at(wave.taken, place, quote / MICRO)
        np.add.at(wave.haircut, place, sign * (value - quote) / MICRO)

    def _snapshot(self, time_ms: int, market: int, is_long: bool, taken: Rows) -> ObservedWave:
        tables = self._tables
        held = _holders(market, is_long, taken, tables, self._start)
        mark = float(tables["markets"]["mark_price"][market])
        size, equity = held["size"], held["equity"] / MICRO
        notional = np.abs(size) * mark / MICRO
        entry = np.maximum(held["entry"], 1.0) / MICRO
        factor = notional / entry if is_long else entry / np.maximum(notional, 1e-6)
        score = np.where(equity > 0, factor * notional / np.maximum(equity, 1e-6), -1.0)
        was_taken = np.isin(held["account"], taken["account"])
        order = np.lexsort((held["account"], -score, ~was_taken))
        kept = order[: MOST_KEPT + int(was_taken.sum())]
        kept = kept[np.lexsort((held["account"][kept], -score[kept]))]
        profit = (notional - entry) if is_long else (entry - notional)
        return ObservedWave(
            market=market, start_ms=time_ms, end_ms=time_ms, is_long=is_long,
            mark=mark / self._scale[market], deficit=0.0, bankrupt=0,
            account=held["account"][kept], size=size[kept], notional=notional[kept],
            equity=equity[kept], profit=profit[kept], score=score[kept],
            closed=np.zeros(len(kept)), taken=np.zeros(len(kept)), haircut=np.zeros(len(kept)),
            others=len(order) - len(kept),
        )  # fmt: skip


def _used(tables: Mapping[str, Rows]) -> int:
    return int(tables["control"]["positions_used"][0])


def _holders(
    market: int, is_long: bool, taken: Rows, tables: Mapping[str, Rows], start: Rows
) -> dict[str, NDArray[Any]]:
    """Account, signed size, entry and equity (micro-USD) of one side before it was taken from."""
    rows = tables["positions"][: _used(tables)]
    marks = tables["markets"]["mark_price"]
    sign = 1 if is_long else -1
    here = (rows["market"] == market) & (rows["account"] >= FIRST_USER)
    here &= (rows["signed_size"] * sign > 0) | np.isin(rows["account"], taken["account"])
    index = np.flatnonzero(here)
    found = rows[index]
    order = np.argsort(found["account"], kind="stable")
    place = order[np.searchsorted(found["account"], taken["account"], sorter=order)]
    # Give back what the wave has taken already.
    quote = quote_of(taken).astype(np.float64)
    size, entry = found["signed_size"].copy(), np.abs(found["entry_notional"]).astype(np.float64)
    lost = np.zeros(len(found))
    np.add.at(size, place, sign * taken["order_size"])
    np.add.at(lost, place, sign * (taken["order_size"] * float(marks[market]) - quote))
    np.add.at(entry, place, quote - sign * taken["closed_profit"])
    is_cross = found["mode"] == int(MarginMode.CROSS)
    pools = pool_equities(market, rows, tables)[found["account"]] + lost
    buckets = bucket_cash(found, size, index, start) + size * float(marks[market])
    equity = np.where(is_cross, pools, buckets)
    return {"account": found["account"], "size": size, "entry": entry, "equity": equity}


def pool_equities(market: int, rows: Rows, tables: Mapping[str, Rows]) -> Floats:
    """Equity now of the cross pool that a market draws on, in every account, micro-USD."""
    owner, group = rows["account"], groups_held(tables, slice(None), market)
    cash = np.take_along_axis(cash_by_group(tables, slice(None)), group[:, None], 1)[:, 0]
    here = groups_held(tables, owner, rows["market"]) == group[owner]
    here &= rows["mode"] == int(MarginMode.CROSS)
    value = rows["signed_size"] * tables["markets"]["mark_price"][rows["market"]]
    return cash.astype(np.float64) + np.bincount(owner[here], value[here], len(cash))


def bucket_cash(found: Rows, size: Integers, index: Integers, start: Rows) -> Floats:
    """Cash of isolated buckets at ``size``: a close releases cash in proportion.

    Of a bucket that is gone, it is that of the start, without the funding paid since.
    """
    left = found["signed_size"] != 0
    first = start[np.minimum(index, len(start) - 1)]
    cash = np.where(left, found["isolated_cash"], first["isolated_cash"]).astype(np.float64)
    held = np.where(left, found["signed_size"], first["signed_size"])
    share: Floats = np.divide(size, held, out=np.ones(len(held)), where=held != 0)
    return cash * share


def _places(wave: ObservedWave, accounts: Integers) -> Integers:
    """Where accounts stand in a wave; one that joins later is added at the end."""
    missing = np.setdiff1d(accounts, wave.account)
    if len(missing):
        zeros = np.zeros(len(missing))
        wave.account = np.concatenate([wave.account, missing])
        wave.size = np.concatenate([wave.size, np.zeros(len(missing), wave.size.dtype)])
        for name in ("notional", "equity", "profit", "score", "closed", "taken", "haircut"):
            setattr(wave, name, np.concatenate([getattr(wave, name), zeros]))
    order = np.argsort(wave.account, kind="stable")
    return order[np.searchsorted(wave.account, accounts, sorter=order)]


def _deficits(events: Rows) -> tuple[Integers, Integers, Floats]:
    """(command, account, USD owed) of every liquidation that began below zero."""
    rows = events[events["kind"] == EventKind.LIQUIDATION_STARTED]
    rows = rows[rows["money"] < 0]
    return rows["sequence"], rows["account"], -rows["money"] / MICRO


def _owed_by(losers: Rows, owed: tuple[Integers, Integers, Floats]) -> tuple[float, int]:
    """USD that these owed when they were closed, and how many they are."""
    sequence, account, usd = owed
    shift = 1 << 32
    own = np.unique(losers["sequence"] * shift + losers["account"])
    is_theirs = np.isin(sequence * shift + account, own)
    return float(usd[is_theirs].sum()), len(np.unique(losers["account"]))
