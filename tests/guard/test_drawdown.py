"""Resets of the hard stop: each names one limit, and the next hard stop closes everything again."""

from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard.memory import AccountMemory
from tests.guard.venue import CROSS, Guarded, account, alerts, coins, exits, policy, usd

PEAK, DAY = "drawdown from peak", "drawdown from day start"


def tripped(text: str, cash: float = 20_000) -> Guarded:
    """Ten coins at 1000, and a loss of 3000 USD that lasts."""
    guarded = Guarded(account(cash=cash), policy(f'[drawdown]\nsmoothing = "1s"\n{text}'))
    guarded.go("BTC", [1000.0, 1000.0] + [700.0] * 10)
    assert guarded.position("BTC") == 0
    return guarded


def limits(guarded: Guarded) -> AccountMemory:
    assert guarded.memory.account is not None
    return guarded.memory.account


def test_a_reset_of_the_day_leaves_the_peak_where_it_is() -> None:
    """Day after day a little less than the limit of the day, each reset: the peak's limit trips."""
    guarded = tripped('from_day_start = "20%"\nfrom_peak = "50%"')
    peak = limits(guarded).peak
    guarded.look(resets=(DAY,))
    assert limits(guarded).latched == ""
    assert limits(guarded).peak.reference == peak.reference
    assert limits(guarded).peak.armed
    assert not limits(guarded).day.armed
    guarded.venue.cash[CROSS] -= usd(2_500)
    guarded.look(10)
    assert limits(guarded).latched == PEAK


def test_a_reset_of_the_peak_leaves_the_day_where_it_is() -> None:
    guarded = tripped('from_day_start = "40%"\nfrom_peak = "20%"')
    day = limits(guarded).day
    guarded.look(resets=(PEAK,))
    assert limits(guarded).latched == ""
    assert limits(guarded).day.reference == day.reference
    assert limits(guarded).day.armed


def test_a_limit_that_the_policy_does_not_have_keeps_nothing_waiting() -> None:
    """After a reset of the day, without a limit from the peak, decisions are quick again."""
    guarded = tripped('from_day_start = "20%"\nrearm = "100%"')
    guarded.look(resets=(DAY,))
    guarded.venue.cash[CROSS] += usd(2_999)
    guarded.look(40)
    assert limits(guarded).day.armed
    assert limits(guarded).peak.armed
    assert guarded.memory.quiet is not None


def test_the_next_hard_stop_closes_what_was_opened_in_the_cooldown_before() -> None:
    guarded = tripped('from_peak = "20%"\n[hands]\nduring_cooldown = "graceful_stop"')
    guarded.venue.open("BTC", 10)
    assert exits(guarded.look(5)) == []
    guarded.look(resets=(PEAK,))
    guarded.look(2)
    assert limits(guarded).peak.armed
    guarded.go("BTC", [400.0] * 10)
    assert limits(guarded).latched == PEAK
    assert guarded.position("BTC") == 0


def test_a_reset_without_a_ledger_is_refused() -> None:
    """From the peak of before it would not count again until the loss was made good."""
    guarded = tripped('from_peak = "20%"')
    guarded.venue.ages["ledger"] = None
    assert f"{PEAK} was not reset: the profit is not known now" in alerts(
        guarded.look(resets=(PEAK,))
    )
    assert limits(guarded).latched == PEAK
    guarded.venue.ages["ledger"] = 0
    guarded.look(resets=(PEAK,))
    assert limits(guarded).latched == ""


def test_a_loss_of_figures_that_disagree_closes_nothing() -> None:
    text = '[drawdown]\nsmoothing = "1s"\nfrom_peak = "20%"'
    guarded = Guarded(account(cash=20_000), policy(text))
    guarded.look(2)
    for _ in range(10):
        view = guarded.venue.view()
        wrong = structs.replace(
            view.buckets[0], equity=usd(10_000), reported_equity=view.buckets[0].equity
        )
        found = guarded.shown(structs.replace(view, buckets=(wrong,), equity=usd(10_000)))
        assert exits(found) == []
    assert any("drawdown is unavailable: equity of cross" in each for each in guarded.said)
    assert exits(guarded.look(10)) == [], "and nothing of it is done later"
    assert guarded.position("BTC") == coins(10)
    assert limits(guarded).latched == ""


def test_a_reset_while_its_close_is_on_its_way_ends_with_that() -> None:
    """Half of it is unfilled when it is reset: what is left of the position stays."""
    guarded = Guarded(
        account(cash=20_000), policy('[drawdown]\nsmoothing = "1s"\nfrom_peak = "20%"')
    )
    guarded.go("BTC", [1000.0, 1000.0])
    guarded.venue.fills, guarded.venue.confirms, guarded.venue.answers = PPM // 2, False, False
    guarded.go("BTC", [700.0] * 10)
    assert guarded.position("BTC") == coins(5)
    guarded.look(resets=(PEAK,))
    work = guarded.memory.works["BTC"]
    assert work.sent is not None, "what became of it is still asked for"
    guarded.venue.answers, guarded.venue.fills = True, PPM
    assert exits(guarded.look(8)) == []
    assert guarded.position("BTC") == coins(5)
    assert guarded.memory.works == {}


def test_a_latched_limit_is_said_as_long_as_it_lasts() -> None:
    guarded = tripped('from_peak = "20%"')
    assert f"{PEAK} latched" in guarded.memory.raised
    guarded.look(resets=(PEAK,))
    assert f"{PEAK} latched" not in guarded.memory.raised


def test_a_deposit_that_the_ledger_shows_later_is_no_peak() -> None:
    """20,000 USD arrive on 20,000: as a peak they would be a drawdown once they are known."""
    guarded = Guarded(
        account(cash=20_000), policy('[drawdown]\nsmoothing = "1s"\nfrom_peak = "20%"')
    )
    guarded.look(2)
    peak = limits(guarded).peak.reference
    guarded.venue.cash[CROSS] += usd(20_000)
    for age_ms in range(1_000, 21_000, 1_000):
        guarded.venue.ages["ledger"] = age_ms
        guarded.look()
    assert limits(guarded).peak.reference == peak
    guarded.venue.net_deposits += usd(20_000)
    guarded.venue.ages["ledger"] = 0
    assert exits(guarded.look(20)) == []
    assert limits(guarded).peak.reference == peak
    assert limits(guarded).rise is None


def test_a_withdrawal_that_equity_shows_later_is_no_peak() -> None:
    guarded = Guarded(account(cash=20_000), policy('[drawdown]\nfrom_peak = "20%"'))
    guarded.look(2)
    peak = limits(guarded).peak.reference
    guarded.venue.net_deposits -= usd(5_000)
    guarded.venue.ages["account"] = 500
    guarded.look()
    guarded.venue.cash[CROSS] -= usd(5_000)
    guarded.venue.ages["account"] = 0
    guarded.look(2)
    assert limits(guarded).peak.reference == peak


def test_a_gain_is_a_peak_once_the_ledger_was_read_since() -> None:
    """The least of it since then: what did not last is none."""
    guarded = Guarded(account(cash=20_000), policy('[drawdown]\nfrom_peak = "20%"'))
    guarded.look(2)
    peak = limits(guarded).peak.reference
    for number, gain in enumerate((3_000, 1_000, 2_000), start=1):
        guarded.venue.ages["ledger"] = 1_000 * number
        guarded.venue.cash[CROSS] += usd(gain)
        guarded.look()
        guarded.venue.cash[CROSS] -= usd(gain)
    assert limits(guarded).peak.reference == peak
    guarded.venue.cash[CROSS] += usd(2_500)
    guarded.venue.ages["ledger"] = 0
    guarded.look()
    assert limits(guarded).peak.reference == peak + usd(1_000)
    guarded.look()
    assert limits(guarded).peak.reference == peak + usd(2_500)
