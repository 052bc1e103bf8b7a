"""The margins of a state's positions: the account is rebuilt in an engine, whose formulas answer.

Each position gets a market of its own with the tiers that apply to it, its mark as oracle price,
and is adopted at mark, so that the cash of pool and buckets is the venue's.
"""

from collections.abc import Sequence

import numpy as np

from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import Rulebook
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MAX_MONEY
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.liquidation_price import (
    maintenance_tiers,
    truncated_maintenance,
)
from seawall.engine.layout import LayoutError, Limits
from seawall.engine.placement import Placement, PlacementError, marked_at_oracle
from seawall.venues.hyperliquid.account.state import AccountState, PositionState
from seawall.venues.raw_json import VenueDataError

ACCOUNT = FIRST_USER


def position_margins(
    state: AccountState, tiers: Sequence[tuple[MarginTier, ...]], book: Rulebook
) -> tuple[Margins, ...]:
    """The margins of every position, in the order of the state. Raises VenueDataError."""
    if not state.positions:
        return ()
    shown = account_margins(rebuilt(state, tiers, book), ACCOUNT)
    for market, (position, own) in enumerate(zip(state.positions, tiers, strict=True)):
        if position.leverage > own[0].maximum_leverage:
            # The maximum was lowered under the position; the engine adopted it at the maximum.
            initial = position.notional // position.leverage
            shown[market] = shown[market]._replace(initial_margin=initial)
    return tuple(shown[market] for market in range(len(state.positions)))


def tier_margins(
    state: AccountState, tiers: Sequence[tuple[MarginTier, ...]]
) -> tuple[Margins, ...]:
    """The same by the formulas of the tiers alone, without what only a rulebook says.

    The transfer floor is 0. For what needs to know on which equity a position stands, and not its
    figures.
    """
    return tuple(
        Margins(
            market=market,
            equity=0 if position.is_cross else position.bucket_equity,
            initial_margin=position.notional // position.leverage,
            maintenance_margin=truncated_maintenance(maintenance_tiers(own), position.notional),
            transfer_floor=0,
            free=0,
        )
        for market, (position, own) in enumerate(zip(state.positions, tiers, strict=True))
    )


def rebuilt(state: AccountState, tiers: Sequence[tuple[MarginTier, ...]], book: Rulebook) -> Engine:
    """An engine that holds the account as row ``ACCOUNT``; market i is position i.

    The cash is the venue's if the message has the equity and a deposit can give it, which takes
    a positive sum; margins do not depend on it. Raises VenueDataError for what no engine can hold.
    """
    instruments = [
        Instrument(name=position.coin, size_decimals=position.size_decimals, tiers=own)
        for position, own in zip(state.positions, tiers, strict=True)
    ]
    limits = Limits(accounts=8, positions=2 * len(instruments) + 8, orders=8, levels=8, nodes=8)
    try:
        engine = Engine.create(marked_at_oracle(book), instruments, limits)
    except LayoutError as error:
        raise VenueDataError(f"the markets of the account: {error}") from None
    deposit = (state.cross_equity() or 0) + sum(
        position.bucket_equity for position in state.positions if not position.is_cross
    )
    held = Holdings(
        name="account",
        collateral=deposit if 0 < deposit <= MAX_MONEY else 0,
        positions=tuple(
            _at_mark(market, position, instruments[market].maximum_leverage)
            for market, position in enumerate(state.positions)
        ),
    )
    placement = Placement(engine, names=[position.path for position in state.positions])
    marks = np.asarray([position.mark_price for position in state.positions], np.int64)
    try:
        # Prices first: an update after adoption would liquidate what is under maintenance.
        placement.prices(0, marks, np.zeros_like(marks))
        placement.account(0, held)
    except PlacementError as error:
        reason = error.reason.name.lower().replace("_", " ")
        raise VenueDataError(f"{error.what}: {reason}") from None
    return engine


def _at_mark(market: int, position: PositionState, maximum_leverage: int) -> Position:
    return Position(
        market=market,
        signed_size=position.signed_size,
        entry_notional=position.notional,
        mode=position.mode,
        leverage=min(position.leverage, maximum_leverage),
        isolated_margin=0 if position.is_cross else position.bucket_equity,
    )
