"""Actions on an account's settings: leverage, isolated margin, agents, names, schedules."""

import re
from collections.abc import Callable

from seawall.domain.commands import (
    AdjustIsolatedMargin,
    Command,
    ScheduleCancel,
    SetLeverage,
    SetMarginGrouping,
    TopUpIsolatedMargin,
    Transfer,
    Withdraw,
)
from seawall.domain.enums import MarginGrouping, MarginMode, Reason
from seawall.domain.units import MAX_MONEY
from seawall.engine.account_view import account_margins
from seawall.venues.hyperliquid.directory.directory import AGENT_LIFE_MS, STANDARD, UNIFIED, Holder
from seawall.venues.hyperliquid.directory.pools import cash_of, is_busy_outside
from seawall.venues.hyperliquid.exchange import action_types as shape
from seawall.venues.hyperliquid.exchange.request import (
    Answer,
    Request,
    Turn,
    answer,
    default,
    failure,
    one,
    records,
)
from seawall.venues.hyperliquid.exchange.transfers import check_balance
from seawall.venues.hyperliquid.limits import REQUEST_PRICE
from seawall.venues.hyperliquid.wire.error_texts import (
    NO_REWARDS,
    STILL_ON_DEXES,
    TEXTS,
    UNSUPPORTED_MODE,
)
from seawall.venues.hyperliquid.wire.reasons import account_text, rejection
from seawall.venues.hyperliquid.wire.signing import keccak256
from seawall.venues.hyperliquid.wire.values import WireError, parse_number
from seawall.venues.port import Plan, Record, Refusal

ZERO_ADDRESS = "0x" + "0" * 40
_UNTIL = re.compile(r"(.*?) ?valid_until ([0-9]{1,15})")
_NAME_LENGTH = 16
_MODES = {
    "default": STANDARD,
    "d": STANDARD,
    "disabled": "disabled",
    "i": "disabled",
    "unifiedAccount": UNIFIED,
    "u": UNIFIED,
}
"""Abstraction modes on offer, with the short form that agents send."""
_TENTHS_IN_PERCENT = 1000
_LEVERAGE_LIMIT = 10_000
"""Above every market's; the machine refuses it, and it fits its column."""
_FINE_DECIMALS = 12


async def _one_command(request: Request, make: Callable[[Turn], Command]) -> Answer:
    """Run a plan of one command that takes effect or whose reason is the answer."""
    rows: list[int] = []

    def plan(turn: Turn) -> Plan:
        rows[:] = [turn.account.row]
        return one(make(turn))

    done = await request.run(plan)
    reason = rejection(done.applied[0].events)
    if reason is None:
        return default()
    return failure(account_text(request.desk.engine, reason, rows[0]))


async def update_leverage(request: Request, action: shape.UpdateLeverage) -> Answer:
    """``updateLeverage``."""
    mode = MarginMode.CROSS if action.is_cross else MarginMode.ISOLATED
    leverage = min(action.leverage, _LEVERAGE_LIMIT)

    def make(turn: Turn) -> Command:
        market = turn.market(action.asset)
        return SetLeverage(turn.time_ms, turn.account.row, market, leverage, mode)

    return await _one_command(request, make)


async def update_isolated_margin(request: Request, action: shape.UpdateIsolatedMargin) -> Answer:
    """``updateIsolatedMargin``: ``isBuy`` is ignored."""

    def make(turn: Turn) -> Command:
        market = turn.market(action.asset)
        return AdjustIsolatedMargin(turn.time_ms, turn.account.row, market, action.ntli)

    return await _one_command(request, make)


async def top_up(request: Request, action: shape.TopUp) -> Answer:
    """``topUpIsolatedOnlyMargin``: adds up to notional / leverage, never removes.

    The machine tops up to whole multiples; for any other the amount is worked out here.
    """
    try:
        leverage = parse_number(action.leverage, _FINE_DECIMALS)
    except WireError:
        raise Refusal(TEXTS[Reason.INVALID_LEVERAGE]) from None

    def make(turn: Turn) -> Command:
        account, market = turn.account.row, turn.market(action.asset)
        if leverage <= 0:
            raise Refusal(TEXTS[Reason.INVALID_LEVERAGE])
        whole, fraction = divmod(leverage, 10**_FINE_DECIMALS)
        if not fraction:
            whole = min(whole, _LEVERAGE_LIMIT)
            return TopUpIsolatedMargin(turn.time_ms, account, market, whole)
        margins = account_margins(turn.engine, account).get(market)
        positions = turn.engine.tables["positions"]
        used = int(turn.engine.tables["control"]["positions_used"][0])
        rows = positions[:used]
        own = rows[(rows["account"] == account) & (rows["market"] == market)]
        if margins is None or not len(own):
            raise Refusal(TEXTS[Reason.NO_POSITION])
        mark = int(turn.engine.tables["markets"]["mark_price"][market])
        notional = abs(int(own["signed_size"][0])) * mark
        missing = notional * 10**_FINE_DECIMALS // leverage - margins.equity
        # Nothing missing is no error; an amount of 0 would be one.
        if missing <= 0:
            return TopUpIsolatedMargin(turn.time_ms, account, market, _LEVERAGE_LIMIT)
        return AdjustIsolatedMargin(turn.time_ms, account, market, missing)

    return await _one_command(request, make)


async def schedule_cancel(request: Request, action: shape.ScheduleCancel) -> Answer:
    """``scheduleCancel``: without a time it clears the schedule."""
    # A given time of 0 is long past, not the absence of one.
    due = 0 if action.time is None else max(1, action.time)
    return await _one_command(
        request, lambda turn: ScheduleCancel(turn.time_ms, turn.account.row, due)
    )


async def approve_agent(request: Request, action: shape.ApproveAgent) -> Answer:
    """``approveAgent``: the zero address only removes the agent of that name."""
    address = shape.address_of(action.agent_address)
    name, until = split_agent_name(action.agent_name or "")

    def make(turn: Turn) -> Plan:
        body = {"master": turn.master.address, "name": name}
        if address == ZERO_ADDRESS:
            return records(("agent", {**body, "address": "", "valid_until": 0}))
        latest = turn.time_ms + AGENT_LIFE_MS
        valid_until = latest if until is None else until
        if not turn.time_ms < valid_until <= latest:
            raise Refusal("Invalid agent expiration.")
        turn.directory.check_agent(turn.master.address, address, name, turn.time_ms)
        return records(("agent", {**body, "address": address, "valid_until": valid_until}))

    await request.run(make)
    return default()


def split_agent_name(text: str) -> tuple[str, int | None]:
    """The name proper, and the ms that `` valid_until <ms>`` at its end gives.

    Raises Refusal for a name of more than 16 characters or with control characters.
    """
    found = _UNTIL.fullmatch(text)
    name, until = (found[1], int(found[2])) if found else (text, None)
    if len(name) > _NAME_LENGTH or not re.match(shape.PRINTABLE, name):
        raise Refusal("Invalid agent name.")
    return name, until


async def approve_builder_fee(request: Request, action: shape.ApproveBuilderFee) -> Answer:
    """``approveBuilderFee``: at most 0.1% on perpetuals; 0% takes the approval back."""
    tenths = parse_number(action.max_fee_rate.rstrip("%"), 10) * _TENTHS_IN_PERCENT // 10**10
    builder = shape.address_of(action.builder)

    def make(turn: Turn) -> Plan:
        turn.directory.check_builder(turn.master.address, builder, tenths)
        body = {"address": turn.master.address, "builder": builder, "rate": tenths}
        return records(("builder", body))

    await request.run(make)
    return default()


async def set_referrer(request: Request, action: shape.Code) -> Answer:
    """``setReferrer``: the first one stays; a code need not be known."""
    await request.run(
        lambda turn: records(("referrer", {"address": turn.master.address, "code": action.code}))
    )
    return default()


async def register_referrer(request: Request, action: shape.Code) -> Answer:
    """``registerReferrer``: a code belongs to the first who registers it."""

    def make(turn: Turn) -> Plan:
        for holder in turn.directory.state.holders.values():
            if holder.referral_code == action.code and holder is not turn.master:
                raise Refusal("Referral code already taken.")
        body = {"address": turn.master.address, "code": action.code}
        return records(("referral_code", body))

    await request.run(make)
    return default()


async def create_sub_account(request: Request, action: shape.CreateSubAccount) -> Answer:
    """``createSubAccount``: the answer is the new address."""
    made: list[str] = []

    def make(turn: Turn) -> Plan:
        master = turn.master.address
        turn.directory.check_sub_account(master)
        seed = f"sub-account {turn.directory.next_row} of {master}"
        made[:] = ["0x" + keccak256(seed.encode())[-20:].hex()]
        record, commands, _ = turn.directory.new_account(
            turn.engine, turn.time_ms, made[0], master, action.name
        )
        return Plan(commands, (record,))

    await request.run(make, owner_only=True)
    return answer("createSubAccount", made[0])


async def modify_sub_account(request: Request, action: shape.SubAccountModify) -> Answer:
    """``subAccountModify``: another name."""
    address = shape.address_of(action.sub_account_user)

    def make(turn: Turn) -> Plan:
        turn.directory.acting_account(turn.master.address, address)
        return records(("name", {"address": address, "name": action.name}))

    await request.run(make, owner_only=True)
    return default()


async def noop(request: Request, action: shape.Nothing) -> Answer:
    """``noop``: uses up its nonce."""
    await request.run(lambda turn: Plan())
    return default()


async def reserve_weight(request: Request, action: shape.ReserveRequestWeight) -> Answer:
    """``reserveRequestWeight``: paid from the perp side of the venue's own dex."""

    def make(turn: Turn) -> Plan:
        price = action.weight * REQUEST_PRICE
        check_balance(turn, turn.account.row, price, TEXTS[Reason.INSUFFICIENT_WITHDRAWABLE])
        body = {"address": turn.account.address, "weight": action.weight}
        command = Withdraw(turn.time_ms, turn.account.row, price)
        return Plan((command,), (Record("reserve", body),))

    # The record must say what the machine will do, so nothing may be on its way before it.
    await request.run(make, alone=True)
    return default()


async def claim_rewards(request: Request, action: shape.Nothing) -> Answer:
    """``claimRewards``: there never are any."""

    def make(turn: Turn) -> Plan:
        raise Refusal(NO_REWARDS)

    await request.run(make)
    return default()


async def set_abstraction(
    request: Request, action: shape.UserSetAbstraction | shape.AgentSetAbstraction
) -> Answer:
    """``userSetAbstraction`` and ``agentSetAbstraction``: standard or unified.

    Becoming unified moves the spot USDC into the one balance; going back leaves it all on the
    perp side of the venue's own dex.
    """
    user = shape.address_of(action.user) if isinstance(action, shape.UserSetAbstraction) else None

    def make(turn: Turn) -> Plan:
        mode = _MODES.get(action.abstraction)
        if mode is None:
            raise Refusal(UNSUPPORTED_MODE)
        master = turn.master.address
        account = turn.directory.acting_account(master, user) if user else turn.account
        commands: list[Command] = []
        if mode == UNIFIED and not account.is_unified:
            commands = _to_unified(turn, account)
        elif mode != UNIFIED and account.is_unified:
            if is_busy_outside(turn.engine, account.row):
                raise Refusal(STILL_ON_DEXES)
            commands = [SetMarginGrouping(turn.time_ms, account.row, MarginGrouping.SEPARATE)]
        record = Record("abstraction", {"address": account.address, "mode": mode})
        return Plan(commands, (record,))

    # The record must say what the machine will do, so nothing may be on its way before it.
    await request.run(make, alone=True)
    return default()


def _to_unified(turn: Turn, account: Holder) -> list[Command]:
    """Spot USDC to the account's own row, and one margin for all dexes. Raises Refusal."""
    spot = turn.directory.spot_balance(turn.engine, account.address)
    groups = range(len(turn.engine.tables["margin_groups"]))
    cash = [cash_of(turn.engine, account.row, group) for group in groups]
    if spot + sum(max(0, each) for each in cash) > MAX_MONEY:
        raise Refusal(TEXTS[Reason.VALUE_OUT_OF_RANGE])
    commands: list[Command] = []
    if spot:
        commands.append(Transfer(turn.time_ms, account.spot_row, account.row, spot))
    return [*commands, SetMarginGrouping(turn.time_ms, account.row, MarginGrouping.SHARED)]
