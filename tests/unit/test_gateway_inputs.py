"""How old an input is, whatever the venue's clock does, and what cash flows add to an equity."""

import json
from typing import Any

import pytest

from seawall.venues.gateway_port import InputTime
from seawall.venues.hyperliquid.gateway.happened import (
    ending_of,
    endings_of,
    ledger_of,
    merged,
    net_deposits,
)
from seawall.venues.inputs import Inputs, VenueClock
from seawall.venues.raw_json import VenueDataError

START_MS = 1_790_000_000_000
OWN, OTHER = "0x" + "aa" * 20, "0x" + "bb" * 20
CLIENT_ID = "0x" + "5ea1" * 8


class Hands:
    """This computer's clock, by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def clock(hands: Hands) -> VenueClock:
    return VenueClock(hands, lambda: 5_000_000)


def test_the_time_is_the_venues_and_goes_on_between_its_messages(
    hands: Hands, clock: VenueClock
) -> None:
    assert clock.now_ms() == 5
    assert clock.hear(START_MS) == 0
    hands.seconds = 1.5
    assert clock.now_ms() == START_MS + 1500
    clock.hear(START_MS + 1000)  # it was half a second on its way
    assert clock.now_ms() == START_MS + 1500
    clock.hear(START_MS + 1700)
    assert clock.now_ms() == START_MS + 1700
    hands.seconds = 3.0
    assert clock.now_ms() == START_MS + 3200


def test_a_venue_whose_clock_is_slower_is_followed_and_time_never_goes_back(
    hands: Hands, clock: VenueClock
) -> None:
    before = 0
    for step in range(2001):
        hands.seconds = step
        clock.hear(START_MS + 999 * step)
        assert clock.now_ms() >= before
        before = clock.now_ms()
    assert before - (START_MS + 999 * 2000) < 700


def test_ages_are_of_this_computer(hands: Hands, clock: VenueClock) -> None:
    inputs = Inputs(clock)
    inputs.hear("account", changed=True, venue_ms=START_MS)
    hands.seconds = 2.0
    inputs.hear("orders", changed=True, asked_at=1.25)
    now = clock.now_ms()
    found = inputs.times(now)
    assert found == {
        "account": InputTime(now - 2000, now - 2000, 1),
        "orders": InputTime(now - 750, now - 750, 1),
    }
    inputs.hear("account", changed=False, venue_ms=START_MS + 2000)
    assert inputs.times(now)["account"] == InputTime(now, now - 2000, 1)
    inputs.hear("account", changed=True, venue_ms=START_MS + 2000)
    assert inputs.times(now)["account"] == InputTime(now, now, 2)
    assert inputs.is_quiet("prices BTC", 1e9)
    assert not inputs.is_quiet("account", 0.5)


def test_an_answer_that_says_something_old_is_old(hands: Hands, clock: VenueClock) -> None:
    inputs = Inputs(clock)
    inputs.hear("book BTC", changed=True, venue_ms=START_MS)
    inputs.hear("account", changed=True, venue_ms=START_MS - 7000)
    now = clock.now_ms()
    assert now - inputs.times(now)["account"].known_ms == 7000
    assert now - inputs.times(now)["book BTC"].known_ms == 0


@pytest.mark.parametrize("speed", [0, 1, 60])
def test_a_venue_whose_clock_stands_still_or_runs_fast_ages_as_any(
    hands: Hands, clock: VenueClock, speed: int
) -> None:
    inputs = Inputs(clock)
    for step in range(41):
        hands.seconds = step / 2
        inputs.hear("account", changed=True, venue_ms=START_MS + 500 * step * speed)
    hands.seconds += 1
    inputs.hear("orders", changed=True, venue_ms=START_MS + 500 * 38 * speed)
    now = clock.now_ms()
    ages = {name: now - each.known_ms for name, each in inputs.times(now).items()}
    assert ages["account"] == 1000
    assert ages["orders"] == pytest.approx(1000 if speed else 0, abs=60)


def entry(kind: str, **fields: Any) -> Any:
    return {"time": 1, "hash": "0x0", "delta": {"type": kind, **fields}}


SEND = {"token": "USDC:0xab", "amount": "5.0", "user": OWN, "destination": OWN, "fee": "0.0"}


@pytest.mark.parametrize(
    ("row", "standard", "pooled"),
    [
        (entry("deposit", usdc="100.5"), 100_500_000, 100_500_000),
        (entry("withdraw", usdc="99.0", fee="1.0", nonce=3), -100_000_000, -100_000_000),
        (entry("accountClassTransfer", usdc="7.0", toPerp=True), 7_000_000, 0),
        (entry("accountClassTransfer", usdc="7.0", toPerp=False), -7_000_000, 0),
        (entry("accountActivationGas", amount="1.0", token="USDC"), -1_000_000, -1_000_000),
        (entry("internalTransfer", usdc="3.0", user=OTHER, destination=OWN, fee="1.0"),
         3_000_000, 3_000_000),
        (entry("internalTransfer", usdc="3.0", user=OWN.upper().replace("X", "x"),
               destination=OTHER, fee="1.0"), -4_000_000, -4_000_000),
        (entry("subAccountTransfer", usdc="3.0", user=OWN, destination=OTHER),
         -3_000_000, -3_000_000),
        (entry("spotTransfer", token="USDC", usdcValue="2.0", user=OTHER, destination=OWN),
         0, 2_000_000),
        (entry("spotTransfer", token="HYPE", usdcValue="2.0", user=OTHER, destination=OWN),
         0, None),
        (entry("send", **SEND, sourceDex="spot", destinationDex=""), 5_000_000, 0),
        (entry("send", **SEND, sourceDex="", destinationDex="xyz"), 0, 0),
        (entry("send", **SEND, sourceDex="xyz", destinationDex="spot"), -5_000_000, 0),
        (entry("send", **{**SEND, "token": "HYPE:0xab"}, sourceDex="", destinationDex=""),
         None, None),
        (entry("liquidation", liquidatedNtlPos="1.0"), 0, 0),
        (entry("vaultDeposit", usdc="4.0"), None, None),
    ],
)  # fmt: skip
def test_a_cash_flow_of_each_kind(row: Any, standard: int | None, pooled: int | None) -> None:
    entries = ledger_of(json.dumps([row]).encode())
    assert net_deposits(entries, OWN, is_pooled=False) == standard
    assert net_deposits(entries, OWN, is_pooled=True) == pooled


def test_an_entry_that_is_read_twice_counts_once() -> None:
    rows = [entry("deposit", usdc="1.0"), entry("deposit", usdc="2.0")]
    page = ledger_of(json.dumps(rows).encode())
    assert net_deposits(merged(page, page[1:]), OWN, is_pooled=False) == 3_000_000


def update(status: str) -> Any:
    return {"order": {"cloid": CLIENT_ID}, "status": status, "statusTimestamp": 9}


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("open", "open"), ("triggered", "open"), ("filled", "filled"), ("canceled", "cancelled"),
        ("marginCanceled", "cancelled"), ("reduceOnlyCanceled", "cancelled"),
        ("scheduledCancel", "cancelled"), ("rejected", "rejected"), ("tickRejected", "rejected"),
        ("iocCancelRejected", "rejected"),
    ],
)  # fmt: skip
def test_words_of_orders(word: str, state: str) -> None:
    (found,) = endings_of(json.dumps([update(word)]).encode())
    assert (found.state, found.word, found.client_id) == (state, word, CLIENT_ID)
    answer = {"status": "order", "order": update(word)}
    assert ending_of(json.dumps(answer).encode(), CLIENT_ID) == found


def test_an_order_that_the_venue_never_had_and_words_that_are_not_known() -> None:
    found = ending_of(b'{"status": "unknownOid"}', CLIENT_ID)
    assert (found.state, found.time_ms) == ("unknown", 0)
    with pytest.raises(VenueDataError, match="'busy' is not known"):
        ending_of(b'{"status": "busy"}', CLIENT_ID)
    # Unasked for, such a word is none of an order that anybody waits for.
    (known,) = endings_of(json.dumps([update("eaten"), update("filled")]).encode())
    assert known.state == "filled"
