"""What an account traded and pays: fee schedule, volumes, request limits."""

from datetime import UTC, datetime
from typing import Any

from seawall.domain.rulebook import Rulebook
from seawall.domain.units import DAY_MS, RATE_ONE
from seawall.engine.tables import HISTORY_DAYS
from seawall.venues.hyperliquid.info.base import DeskView, Request, user_of
from seawall.venues.hyperliquid.limits import VENUE, counted_volume, requests_granted
from seawall.venues.hyperliquid.wire.values import money_text, rate_text

RATE_DECIMALS = len(str(RATE_ONE)) - 1
_SHOWN_DAYS = 15
_SPOT_RATES = (
    ("0.0007", "0.0004"),
    ("0.0006", "0.0003"),
    ("0.0005", "0.0002"),
    ("0.0004", "0.0001"),
    ("0.00035", "0.0"),
    ("0.0003", "0.0"),
    ("0.00025", "0.0"),
)
"""Spot (taker, maker) of each fee tier [documented: trading/fees]; nothing here trades spot."""
_STAKING_TIERS = (
    ("0.0", "0.0"),
    ("0.0001", "0.05"),
    ("0.001", "0.1"),
    ("0.01", "0.15"),
    ("0.1", "0.2"),
    ("1.0", "0.3"),
    ("5.0", "0.4"),
)
"""Basis points of the supply staked, and the discount on fees [documented: trading/fees]."""


def _rate(value: int) -> str:
    return rate_text(value, RATE_DECIMALS)


def _fee_schedule(book: Rulebook) -> dict[str, Any]:
    spot = [*_SPOT_RATES, *[_SPOT_RATES[-1]] * len(book.fee.tiers)]
    tiers = [
        {
            "ntlCutoff": money_text(tier.volume_above),
            "cross": _rate(tier.taker_rate),
            "add": _rate(tier.maker_rate),
            "spotCross": spot[number][0],
            "spotAdd": spot[number][1],
        }
        for number, tier in enumerate(book.fee.tiers)
    ]
    base = {name: text for name, text in tiers[0].items() if name != "ntlCutoff"}
    rebates = [
        {"makerFractionCutoff": _rate(rebate.share_above), "add": _rate(rebate.maker_rate)}
        for rebate in book.fee.maker_rebates
    ]
    staking = [{"bpsOfMaxSupply": share, "discount": off} for share, off in _STAKING_TIERS]
    return {
        **base,
        "tiers": {"vip": tiers[1:], "mm": rebates},
        "referralDiscount": "0.04",
        "stakingDiscountTiers": staking,
    }


def volume_of_days(venue: DeskView, account: int, days: int) -> int:
    """Traded today and on the full days before it, ``days`` altogether, micro-USD; 0 for -1."""
    if account < 0:
        return 0
    row = venue.tables["accounts"][account]
    history = venue.tables["account_histories"][account]
    before = min(days - 1, HISTORY_DAYS)
    return (
        int(row["day_taker_volume"])
        + int(row["day_maker_volume"])
        + int(history["taker_days"][:before].sum())
        + int(history["maker_days"][:before].sum())
    )


def _daily_volumes(venue: DeskView, account: int) -> list[dict[str, str]]:
    """The latest days, oldest first; the last is today."""
    used = int(venue.tables["control"]["accounts_used"][0])
    accounts = venue.tables["accounts"][:used]
    histories = venue.tables["account_histories"][:used]
    exchange = [int(accounts["day_taker_volume"].sum())]
    exchange += [int(histories["taker_days"][:, day].sum()) for day in range(_SHOWN_DAYS - 1)]
    cross, add = [0] * _SHOWN_DAYS, [0] * _SHOWN_DAYS
    if account >= 0:
        days = range(_SHOWN_DAYS - 1)
        cross = [int(accounts["day_taker_volume"][account])]
        cross += [int(histories["taker_days"][account, day]) for day in days]
        add = [int(accounts["day_maker_volume"][account])]
        add += [int(histories["maker_days"][account, day]) for day in days]
    found = []
    for ago in reversed(range(_SHOWN_DAYS)):
        day = datetime.fromtimestamp(max(0, venue.now_ms() - ago * DAY_MS) / 1000, UTC)
        found.append(
            {
                "date": day.strftime("%Y-%m-%d"),
                "userCross": money_text(cross[ago]),
                "userAdd": money_text(add[ago]),
                "exchange": money_text(exchange[ago]),
            }
        )
    return found


def user_fees(venue: DeskView, request: Request) -> dict[str, Any]:
    account = venue.row_of(user_of(request))
    book = venue.engine.rulebook
    assert isinstance(book, Rulebook)
    rates = (book.fee.tiers[0].taker_rate, book.fee.tiers[0].maker_rate)
    referral = staking = 0
    if account >= 0:
        row = venue.tables["accounts"][account]
        history = venue.tables["account_histories"][account]
        rates = (int(row["taker_rate"]), int(row["maker_rate"]))
        referral = int(history["referral_discount_rate"])
        staking = int(history["staking_discount_rate"])
    return {
        "dailyUserVlm": _daily_volumes(venue, account),
        "feeSchedule": _fee_schedule(book),
        "userCrossRate": _rate(rates[0]),
        "userAddRate": _rate(rates[1]),
        "userSpotCrossRate": _SPOT_RATES[0][0],
        "userSpotAddRate": _SPOT_RATES[0][1],
        "activeReferralDiscount": _rate(referral),
        "trial": None,
        "feeTrialEscrow": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": _rate(staking)},
    }


def user_rate_limit(venue: DeskView, request: Request) -> dict[str, Any]:
    address = user_of(request)
    volume = counted_volume(venue.engine, venue.row_of(address))
    holder = venue.directory.holder(address)
    used = holder.requests - holder.reserved_requests if holder else 0
    return {
        "cumVlm": money_text(volume),
        "nRequestsUsed": max(0, used),
        "nRequestsCap": requests_granted(VENUE, volume),
        "nRequestsSurplus": max(0, -used),
    }
