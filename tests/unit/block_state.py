"""A small state under rules of blocks, and kernels that a test can ask one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seawall.domain.enums import StartingOffset
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.domain.rulebook import (
    BlockFeePolicy,
    BlockFundingPolicy,
    BlockLiquidationPolicy,
    BlockOrderPolicy,
    BlockPolicy,
    BlockRulebook,
    EquityTier,
    StakingLevel,
    VolumeTier,
)
from seawall.engine.compile import INTERPRETED
from seawall.engine.layout import Limits, build_state, tables_of
from seawall.engine.rows import PlainRows, PlainState
from seawall.engine.tables import command_at, command_dtype, event_dtype

USD = 10**6
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FIRST_USER = 5
START_MS = 20_000 * DAY_MS


def asked(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel as a function of plain integers; compiled where kernels are."""
    if INTERPRETED:
        return kernel
    import numba

    return numba.njit(error_model="numpy")(lambda *arguments: kernel(*arguments))  # type: ignore[no-any-return]


def obeyed(transition: Callable[..., Any]) -> Callable[..., Any]:
    """A transition of (state, command row) as a function of (state, batch of commands)."""
    return asked(_first_command(transition))


def _first_command(transition: Callable[..., Any]) -> Callable[..., Any]:
    def applied(s: Any, commands: Any) -> Any:
        return transition(s, command_at(commands, 0))

    if INTERPRETED:
        return applied
    import numba

    return numba.njit(error_model="numpy")(applied)  # type: ignore[no-any-return]


def block_rulebook(
    tiers: tuple[VolumeTier, ...] = (VolumeTier("1", 0, 0, 0, 500, 100),),
    staking_levels: tuple[StakingLevel, ...] = (),
    referred_tier: int = 0,
    history_days: int = 30,
) -> BlockRulebook:
    """Rules of blocks of which only the fees matter."""
    return BlockRulebook(
        name="test blocks",
        as_of="2026-08-01",
        block=BlockPolicy(
            block_ms=1_000, short_term_blocks=40, long_term_ms=95 * DAY_MS, gate_blocks=50,
            outage_ms=300_000,
        ),
        order=BlockOrderPolicy(
            equity_tiers=(EquityTier(20 * USD, 10),), trade_clamp_factor=5,
            twap_minimum_interval_ms=30_000, twap_maximum_interval_ms=HOUR_MS,
            twap_minimum_duration_ms=300_000, twap_maximum_duration_ms=DAY_MS,
            twap_catch_up_factor=3, twap_leg_lifetime_ms=3_000, fills_per_command=100,
        ),
        fee=BlockFeePolicy(
            tiers=tiers, staking_levels=staking_levels, referred_tier=referred_tier,
            history_days=history_days, evaluation_ms=HOUR_MS,
        ),
        funding=BlockFundingPolicy(
            sample_ms=60_000, sample_offset_ms=30_000, tick_ms=HOUR_MS, rate_period_ms=8 * HOUR_MS,
            minimum_votes=15, rate_clamp_ppm=6_000_000, vote_clamp_ppm=60_000_000, tail_ppm=0,
        ),
        liquidation=BlockLiquidationPolicy(
            maximum_fee_ppm=15_000, bankruptcy_adjustment_ppm=1_000_000,
            spread_to_maintenance_ppm=1_500_000, position_minimum=1_000 * USD,
            position_portion_ppm=100_000, account_notional=10**12, account_insurance=10**12,
            liquidations_per_block=50, deleveragings_per_block=5,
            counterparties_per_deleveraging=100, position_offset=StartingOffset.FIRST,
            account_offset=StartingOffset.FIRST, counterparty_offset=StartingOffset.FIRST,
        ),
    )  # fmt: skip


def block_market(name: str, **terms: Any) -> Instrument:
    fractions = MarginFractions(initial_ppm=50_000, maintenance_fraction_ppm=600_000)
    return Instrument(
        name=name, size_decimals=0, tiers=(MarginTier(0, 20),),
        block_terms=BlockTerms(**{"fractions": fractions} | terms),
    )  # fmt: skip


class BlockState:
    """A state whose tables a test fills; ``users`` accounts follow those of the system."""

    def __init__(
        self,
        rulebook: BlockRulebook,
        instruments: list[Instrument] | None = None,
        users: int = 3,
        clock_ms: int = START_MS,
    ) -> None:
        markets = instruments or [block_market("A"), block_market("B")]
        self.buffer, _ = build_state(rulebook, markets, Limits(accounts=16), [])
        self.tables = tables_of(self.buffer)
        self.state: Any = PlainState(self.tables) if INTERPRETED else int(self.buffer.ctypes.data)
        self.events = np.zeros(64, event_dtype)
        self.control = self.tables["control"][0]
        self.rules = self.tables["block_rules"][0]
        self.accounts = self.tables["accounts"]
        self.histories = self.tables["account_histories"]
        self.control["accounts_used"] = FIRST_USER + users
        self.control["clock_ms"] = clock_ms
        self.accounts["parent"] = -1
        self.accounts["is_system"][:FIRST_USER] = 1
        if INTERPRETED:
            self.state.outbox = PlainRows(self.events)
        else:
            self.control["outbox"] = self.events.ctypes.data
        self.control["outbox_capacity"] = len(self.events)

    def told(self) -> list[Any]:
        """The events since the last call, as rows."""
        used = int(self.control["outbox_used"])
        self.control["outbox_used"] = 0
        return [row.copy() for row in self.events[:used]]

    def command(self, **columns: int) -> Any:
        """A batch of one command with these columns."""
        self._command = np.zeros(1, command_dtype)
        for name, value in columns.items():
            self._command[name] = value
        return PlainRows(self._command) if INTERPRETED else int(self._command.ctypes.data)
