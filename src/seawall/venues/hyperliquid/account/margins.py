"""The margins of a state's positions: the account is rebuilt in a machine, whose formulas answer.

Each position gets a market of its own with the tiers that apply to it, its mark as oracle price,
and is adopted at mark, so that the cash of pool and buckets is the venue's.
"""

from collections.abc import Sequence

import msgspec

from seawall.domain.commands import AdoptPosition, Command, CreateAccount, Deposit, SetOraclePrice
from seawall.domain.enums import MarkMethod, Side
from seawall.domain.events import CommandRejected
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import Rulebook
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MAX_MONEY
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.engine import Engine
from seawall.engine.layout import LayoutError, Limits
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
            # The maximum was lowered under the position; the machine adopted it at the maximum.
            initial = position.notional // position.leverage
            shown[market] = shown[market]._replace(initial_margin=initial)
    return tuple(shown[market] for market in range(len(state.positions)))


def rebuilt(state: AccountState, tiers: Sequence[tuple[MarginTier, ...]], book: Rulebook) -> Engine:
    """A machine that holds the account as row ``ACCOUNT``; market i is position i.

    The cash is the venue's if the message has the equity and a deposit can give it, which takes
    a positive sum; margins do not depend on it. Raises VenueDataError for what no machine can hold.
    """
    instruments = [
        Instrument(name=position.coin, size_decimals=position.size_decimals, tiers=own)
        for position, own in zip(state.positions, tiers, strict=True)
    ]
    limits = Limits(accounts=8, positions=2 * len(instruments) + 8, orders=8, levels=8, nodes=8)
    still = msgspec.structs.replace(
        book, mark=msgspec.structs.replace(book.mark, method=MarkMethod.ORACLE_ONLY)
    )
    try:
        engine = Engine.create(still, instruments, limits)
    except LayoutError as error:
        raise VenueDataError(f"the markets of the account: {error}") from None
    # Prices first: an update after adoption would liquidate what is under water.
    for market, position in enumerate(state.positions):
        _apply(engine, position.path, SetOraclePrice(0, market, position.mark_price))
    _apply(engine, "account", CreateAccount(0))
    deposit = (state.cross_equity() or 0) + sum(
        position.bucket_equity for position in state.positions if not position.is_cross
    )
    if 0 < deposit <= MAX_MONEY:
        _apply(engine, "account value", Deposit(0, ACCOUNT, deposit))
    for market, position in enumerate(state.positions):
        most = instruments[market].maximum_leverage
        _apply(engine, position.path, _adoption(market, position, most))
    return engine


def _adoption(market: int, position: PositionState, maximum_leverage: int) -> AdoptPosition:
    return AdoptPosition(
        0,
        account=ACCOUNT,
        market=market,
        side=Side.BUY if position.signed_size > 0 else Side.SELL,
        size=abs(position.signed_size),
        entry_notional=position.notional,
        leverage=min(position.leverage, maximum_leverage),
        mode=position.mode,
        isolated_cash=0 if position.is_cross else position.bucket_equity,
    )


def _apply(engine: Engine, path: str, command: Command) -> None:
    for event in engine.apply(command):
        if isinstance(event, CommandRejected):
            raise VenueDataError(f"{path}: {event.reason.name.lower().replace('_', ' ')}")
