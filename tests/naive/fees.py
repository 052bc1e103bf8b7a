"""Section "Fees and volume": tiers by recent volume, discounts, rebates, the day's end."""

from .margin import RATE_ONE
from .state import FIRST_USER_ACCOUNT, Account, State, divide


def effective_rate(account: Account, rate: int) -> int:
    """Discounts reduce what is paid, not what is received."""
    if rate <= 0:
        return rate
    kept = (RATE_ONE - account.staking_discount) * (RATE_ONE - account.referral_discount)
    return divide(rate * kept, RATE_ONE**2)


def owner_of(s: State, account: Account) -> Account:
    return s.accounts[account.parent] if account.parent >= 0 else account


def window(s: State, account: Account) -> tuple[int, int]:
    """Taker and maker volume of the finished days that count."""
    days = account.days[: s.rules.fee.history_days]
    return sum(taker for taker, _ in days), sum(maker for _, maker in days)


def set_rates(s: State, account: Account) -> None:
    if account.number < FIRST_USER_ACCOUNT:
        return
    owner = owner_of(s, account)
    taker, maker = window(s, owner)
    passed = [t for t in s.rules.fee.tiers if t.volume_above < taker + maker]
    tier = passed[-1] if passed else s.rules.fee.tiers[0]
    taker_rate, maker_rate = tier.taker_rate, tier.maker_rate
    venue = sum(window(s, other)[1] for other in s.accounts)
    for rebate in s.rules.fee.maker_rebates:
        if venue and maker * RATE_ONE > rebate.share_above * venue:
            maker_rate = rebate.maker_rate
    account.taker_rate = effective_rate(account, taker_rate)
    account.maker_rate = effective_rate(account, maker_rate)


def end_days(s: State, days: int) -> None:
    """Closes ``days`` UTC days, all but the first without trades, and assigns the tiers."""
    for account in s.accounts:
        account.total_volume += account.day_taker_volume + account.day_maker_volume
        account.own_volume_today = 0
        for _ in range(min(days, s.rules.fee.history_days + 1)):
            account.days.insert(0, (account.day_taker_volume, account.day_maker_volume))
            account.day_taker_volume = account.day_maker_volume = 0
        del account.days[s.rules.fee.history_days :]
    for account in s.accounts:
        set_rates(s, account)
