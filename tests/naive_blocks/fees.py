"""Which share of a fill an account pays: its tier by volume, the market's discount, its stake."""

from fractions import Fraction
from math import floor, trunc

from seawall.domain.enums import EventKind, Reason
from seawall.domain.rulebook import VolumeTier
from seawall.domain.units import MAX_MONEY, MAX_TIME_MS

from .arithmetic import mul_ppm
from .state import PPM, Account, Rejected, State, Volume

DAY_MS = 86_400_000
KEPT_DAYS = 30
RATE_PER_PPM = 1_000


def root_of(s: State, account: Account) -> Account:
    return account if account.parent < 0 else s.accounts[account.parent]


def in_window(s: State, volume: Volume) -> bool:
    return s.day - volume.day <= min(s.rules.fee.history_days, KEPT_DAYS)


def volumes_of(s: State, account: Account) -> tuple[int, int]:
    """(all, maker) of the owner; what other children trade counts from the next evaluation on."""
    root = root_of(s, account).number
    total = maker = 0
    for place, volume in enumerate(s.volumes):
        own = volume.account in (account.number, root) or place < s.gathered
        if volume.root == root and own and in_window(s, volume):
            total += volume.amount
            maker += 0 if volume.is_taker else volume.amount
    return total, maker


def has_share(amount: int, total: int, share_ppm: int) -> bool:
    return amount >= floor(Fraction(total * share_ppm, PPM))


def tier_of(s: State, account: Account) -> VolumeTier:
    """The last tier before the first whose conditions are not met."""
    tiers = s.rules.fee.tiers
    root = root_of(s, account)
    if root.vault:
        return tiers[-1]
    total, maker = volumes_of(s, account)
    reached = 0
    for place, tier in enumerate(tiers):
        if (
            total < tier.volume
            or not has_share(total, s.venue_volume, tier.total_share_ppm)
            or not has_share(maker, s.venue_volume, tier.maker_share_ppm)
        ):
            break
        reached = place
    if root.referred:
        reached = max(reached, min(s.rules.fee.referred_tier, len(tiers) - 1))
    return tiers[reached]


def fee_ppm(s: State, account: Account, market: int, is_taker: bool) -> int:
    tier = tier_of(s, account)
    ppm = tier.taker_ppm if is_taker else tier.maker_ppm
    charge, start, end = s.markets[market].charge
    if start <= s.clock < end:
        ppm = trunc(Fraction(ppm * charge, PPM))
    if ppm > 0:
        staked = root_of(s, account).staked
        reached = [
            level.discount_ppm
            for level in s.rules.fee.staking_levels
            if level.tier == tier.name and level.staked <= staked
        ]
        ppm = trunc(Fraction(ppm * (PPM - (reached[-1] if reached else 0)), PPM))
    return ppm


def fee_of(quote: int, ppm: int) -> int:
    """Rounded up, so a rebate is rounded toward nothing."""
    return mul_ppm(quote, ppm, up=True)


def count_volume(s: State, account: Account, is_taker: bool, amount: int) -> None:
    root = root_of(s, account).number
    s.volumes.append(Volume(s.day, account.number, root, is_taker, amount))


def show_rates(s: State, account: Account) -> None:
    """What views show: the tier's rates before discounts; told when they changed."""
    tier = tier_of(s, account)
    if (tier.taker_ppm, tier.maker_ppm) != (account.taker_ppm, account.maker_ppm):
        account.taker_ppm, account.maker_ppm = tier.taker_ppm, tier.maker_ppm
        s.emit(
            EventKind.FEE_RATES_SET,
            account=account.number,
            price=tier.taker_ppm * RATE_PER_PPM,
            money=tier.maker_ppm * RATE_PER_PPM,
        )


def evaluate(s: State) -> None:
    """At whole periods: the window moves on, children count for their root, rates are shown."""
    due, period = s.next_evaluation, s.rules.fee.evaluation_ms
    if s.clock < due:
        return
    s.next_evaluation = s.clock // period * period + period
    today = s.clock // DAY_MS
    if s.day == 0:
        s.volumes = [volume._replace(day=today) for volume in s.volumes]
    if s.day != 0 and today > s.day:
        s.gathered = len(s.volumes)
    s.day = today
    if due == 0:
        return
    s.gathered = len(s.volumes)
    s.venue_volume = sum(v.amount for v in s.volumes if v.is_taker and in_window(s, v))
    for account in s.accounts:
        if not account.is_system:
            show_rates(s, account)


def set_fee_standing(s: State, account: Account, staked: int, referred: int, vault: int) -> None:
    if not 0 <= staked <= MAX_MONEY or referred not in (0, 1) or vault not in (0, 1):
        raise Rejected(Reason.VALUE_OUT_OF_RANGE)
    root = root_of(s, account)
    root.staked, root.referred, root.vault = staked, referred, vault
    s.emit(
        EventKind.FEE_STANDING_SET,
        account=account.number,
        money=staked,
        flags=referred,
        counterparty=vault,
    )
    show_rates(s, account)


def set_market_discount(s: State, market: int, ppm: int, start: int, end: int) -> None:
    if not 0 <= ppm <= PPM or start < 0 or end <= start or end > MAX_TIME_MS:
        raise Rejected(Reason.VALUE_OUT_OF_RANGE)
    s.markets[market].charge = (ppm, start, end)
    s.emit(EventKind.MARKET_DISCOUNT_SET, market=market, price=start, size=ppm, money=end)
