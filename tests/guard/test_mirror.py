"""The view of real accounts: the mirror's figures are the venue's, and differences are seen."""

from decimal import Decimal

import pytest
from msgspec import structs

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.domain.errors import InputError
from seawall.domain.units import PPM
from seawall.guard.assess import assess
from seawall.guard.decide import decide
from seawall.guard.memory import Memory
from seawall.guard.mirror import MarketNow, Mirror, Observation
from seawall.guard.policy_file import load_policy
from seawall.guard.view import Observed, View
from tests.guard.venue import orders, policy
from tests.shared_files import ROOT

EXAMPLES = ROOT / "examples"
NOW = 1_764_547_200_000
SEEN = Observed(account_ms=NOW, orders_ms=NOW, prices_ms=NOW, ledger_ms=NOW, funding_ms=NOW)
OBSERVED = Observation(time_ms=NOW, observed=SEEN, net_deposits=0)


def hybrid() -> Account:
    return load_account(EXAMPLES / "account_hybrid.json")


def seen(account: Account, observation: Observation = OBSERVED) -> View:
    return Mirror().view(account, observation)


def test_liquidation_prices_are_those_of_the_venue_s_answer() -> None:
    account = hybrid()
    view = seen(account)
    assert set(view.position) == {"BTC", "ETH", "HYPE"}
    for name, position in view.position.items():
        venue = account.liquidation_price(name)
        assert venue is not None
        decimals = view.market[name].price_decimals
        # Rounded to a unit of the market's price, towards the mark.
        gap = position.sign * (position.liquidation_price - venue.scaleb(decimals))  # type: ignore[operator]
        assert 0 <= gap < 1, name
    assert [each.name for each in view.buckets] == ["cross", "HYPE"]
    assert view.bucket["HYPE"].pool == "cross"
    assert view.equity == sum(each.equity for each in view.buckets)


def test_only_prices_change_and_the_engine_is_kept() -> None:
    mirror, account = Mirror(), hybrid()
    first = mirror.view(account, OBSERVED)
    engine = mirror._valuation
    moved = account.with_prices({"BTC": 60000})
    second = mirror.view(moved, OBSERVED)
    assert mirror._valuation is engine
    assert second.bucket["cross"].equity < first.bucket["cross"].equity
    assert second == Mirror().view(moved, OBSERVED), "and says what a new one says"
    assert mirror.view(account, OBSERVED) == first


def test_accounts_of_several_pools_have_a_bucket_for_each() -> None:
    view = seen(load_account(EXAMPLES / "account_dexes_standard.json"))
    names = [each.name for each in view.buckets]
    assert len(names) == len(set(names)) > 1
    assert names[0] == "cross"
    assert {each.bucket for each in view.positions} <= set(names)


def test_child_accounts_are_buckets() -> None:
    view = seen(load_account(EXAMPLES / "account_parent.json"))
    isolated = [each for each in view.buckets if each.is_isolated]
    assert isolated
    for each in isolated:
        assert each.equity > 0
        assert [position.bucket for position in view.positions_of[each.name]] == [each.name]


def test_orders_of_a_file_are_seen() -> None:
    view = seen(load_account(EXAMPLES / "rehearse_account.toml"))
    (order,) = view.orders
    assert (order.market, order.is_buy, order.reduce_only) == ("ETH", False, True)
    assert order.trigger_price > 0


@pytest.mark.parametrize("field", ["liquidation_prices", "maintenance", "equity"])
def test_nothing_is_sent_while_our_figures_and_the_venue_s_differ(field: str) -> None:
    account = hybrid()
    made = policy('[[step]]\nname = "out"\naction = "flatten"\ntrigger = "5%"\nrearm = "1%"\n')
    same = {
        "liquidation_prices": {"BTC": account.liquidation_price("BTC")},
        "maintenance": {"cross": seen(account).bucket["cross"].maintenance},
        "equity": {"cross": seen(account).bucket["cross"].equity},
    }
    wrong = {
        "liquidation_prices": {"BTC": Decimal(51000)},
        "maintenance": {"cross": 900_000_000},
        "equity": {"cross": 6_000_000_000},
    }
    view = seen(account, structs.replace(OBSERVED, **{field: same[field]}))
    assert assess(made, view).disagreeing == {}
    assert {each.market for each in orders(decide(made, Memory(), view)[1])} == {
        "BTC", "ETH", "HYPE"
    }  # fmt: skip
    view = seen(account, structs.replace(OBSERVED, **{field: wrong[field]}))
    assert list(assess(made, view).disagreeing) == ["cross"]
    sent = orders(decide(made, Memory(), view)[1])
    assert {each.market for each in sent} == {"HYPE"}, "the other bucket is not in doubt"


def test_the_whole_account_counts() -> None:
    """A policy protects what others have opened: every position of the account is in the view."""
    made = load_policy(EXAMPLES / "guard" / "hybrid.toml")
    view = seen(hybrid())
    memory, actions = decide(made, Memory(), view)
    stops = [each for each in orders(actions) if each.kind == "trigger"]
    assert {each.market for each in stops} == {"BTC", "ETH", "HYPE"}
    for each in stops:
        position = view.position[each.market]
        assert each.size == position.size
        assert position.liquidation_price is not None
        assert position.sign * (each.trigger_price - position.liquidation_price) > 0
    assert decide(made, Memory(), view) == (memory, actions)


def test_books_and_funding_are_carried_over() -> None:
    market = MarketNow(bids=((632_000, 5),), book_ms=NOW, funding_rate=7, next_funding_ms=NOW + 1)
    view = seen(hybrid(), structs.replace(OBSERVED, markets={"BTC": market}))
    assert view.market["BTC"].exit_side(1) == ((632_000, 5),)
    assert view.market["BTC"].funding_rate == 7
    assert view.market["ETH"].funding_rate is None
    assert view.bucket["cross"].ratio <= PPM


def test_markets_with_units_of_their_own_are_refused() -> None:
    account = load_account(EXAMPLES / "account_subaccount.json")
    terms = account.instruments[0].block_terms
    assert terms is not None
    odd = structs.replace(account.instruments[0], block_terms=structs.replace(terms, price_step=10))
    account = structs.replace(account, instruments=(odd, *account.instruments[1:]))
    with pytest.raises(InputError, match="a market whose size times price is micro-USD"):
        seen(account)
