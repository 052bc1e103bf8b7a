"""The directory: who may act for whom, nonces, agents, rows, and the way back from a snapshot."""

from typing import Any

import pytest

from seawall.venues.hyperliquid.directory.directory import AGENT_LIFE_MS, VenueDirectory
from seawall.venues.hyperliquid.directory.nonces import DAY_MS, KEPT
from seawall.venues.port import Record, Refusal
from tests.unit.hl_desk import NOW, FakeDesk

USER, OTHER, SUB, KEY = ("0x" + digit * 40 for digit in "1234")


def directory_with(*records: tuple[str, dict[str, Any]]) -> VenueDirectory:
    made = VenueDirectory()
    for kind, body in (("account", {"address": USER}), ("account", {"address": OTHER}), *records):
        made.apply(Record(kind, body), NOW)
    return made


def agent(name: str = "", address: str = KEY, master: str = USER, until: int = NOW + 1000) -> Any:
    return "agent", {"master": master, "name": name, "address": address, "valid_until": until}


def test_rows_are_taken_in_order():
    made = directory_with(("spot", {"address": USER}), ("account", {"address": SUB}))
    assert [made.row_of(address) for address in (USER, OTHER, SUB, KEY)] == [5, 6, 8, -1]
    assert made.spot_row_of(USER) == 7
    assert made.is_spot_row(7)
    assert made.next_row == 9
    assert made.address_of(7) == made.address_of(5) == USER
    assert made.address_of(2) != made.address_of(3)
    assert made.row_of(USER.upper().replace("X", "x")) == 5


def test_who_may_act():
    made = directory_with(("account", {"address": SUB, "master": USER, "name": "one"}), agent())
    assert made.who_may_act(USER, NOW) == USER
    assert made.who_may_act(KEY, NOW + 1000) == USER
    for signer, now in ((KEY, NOW + 1001), (SUB, NOW), ("0x" + "9" * 40, NOW)):
        with pytest.raises(Refusal, match=f"User or API Wallet {signer} does not exist"):
            made.who_may_act(signer, now)


def test_whose_sub_account():
    made = directory_with(("account", {"address": SUB, "master": USER, "name": "one"}))
    assert made.acting_account(USER, None).row == made.acting_account(USER, USER).row == 5
    assert made.acting_account(USER, SUB).name == "one"
    for master, vault in ((OTHER, SUB), (USER, OTHER), (USER, KEY)):
        with pytest.raises(Refusal, match="Vault not registered"):
            made.acting_account(master, vault)
    assert [sub.address for sub in made.sub_accounts(USER)] == [SUB]
    assert made.sub_accounts(OTHER) == []


def test_roles():
    made = directory_with(("account", {"address": SUB, "master": USER}), agent())
    assert made.role(USER, NOW) == ("user", "")
    assert made.role(SUB, NOW) == ("subAccount", USER)
    assert made.role(KEY, NOW) == ("agent", USER)
    assert made.role(KEY, NOW + 2000) == ("missing", "")


def test_a_name_holds_one_agent():
    second = "0x" + "5" * 40
    made = directory_with(agent("bot"), agent("", "0x" + "6" * 40), agent("bot", second))
    assert {found.address for found in made.agents_of(USER, NOW)} == {second, "0x" + "6" * 40}
    made.apply(Record(*agent("bot", "")), NOW)
    assert {found.name for found in made.agents_of(USER, NOW)} == {""}


def test_three_named_agents_and_two_more_for_each_sub_account():
    made = directory_with(*(agent(f"n{n}", f"0x{n:040x}") for n in range(1, 4)))
    with pytest.raises(Refusal, match="Too many"):
        made.check_agent(USER, KEY, "n4", NOW)
    made.check_agent(USER, KEY, "n3", NOW)
    made.check_agent(USER, KEY, "", NOW)
    made.check_agent(USER, KEY, "n4", NOW + 2000)
    made.apply(Record("account", {"address": SUB, "master": USER}), NOW)
    made.check_agent(USER, KEY, "n4", NOW)


def test_an_agent_is_nobody_else():
    made = directory_with(agent())
    for address in (KEY, USER, OTHER):
        with pytest.raises(Refusal, match="Extra agent already used"):
            made.check_agent(OTHER, address, "", NOW)
    with pytest.raises(Refusal, match="Extra agent already used"):
        made.check_agent(OTHER, KEY, "", NOW + 2000)  # it has expired, and stays used


def spend(made: VenueDirectory, *nonces: int) -> None:
    for nonce in nonces:
        made.apply(Record("nonce", {"signer": USER, "nonce": nonce, "user": USER}), NOW)


def test_nonces_are_spent_once():
    made = directory_with()
    spend(made, NOW, NOW - 5)
    for nonce in (NOW, NOW - 5):
        with pytest.raises(Refusal, match=f"duplicate nonce {nonce}"):
            made.check_nonce(USER, nonce, [NOW])
    made.check_nonce(USER, NOW - 3, [NOW])
    made.check_nonce(OTHER, NOW, [NOW])
    assert made.state.holders[USER].requests == 2


def test_only_the_highest_nonces_are_kept():
    made = directory_with()
    spend(made, *range(NOW, NOW + 2 * KEPT, 2))
    with pytest.raises(Refusal, match=f"nonce too low {NOW - 1} < {NOW}"):
        made.check_nonce(USER, NOW - 1, [NOW])
    made.check_nonce(USER, NOW + 1, [NOW])
    spend(made, NOW + 1)
    assert len(made.state.nonces[USER].highest) == KEPT
    with pytest.raises(Refusal, match="nonce too low"):
        made.check_nonce(USER, NOW, [NOW])


@pytest.mark.parametrize(
    ("nonce", "text"),
    [
        (NOW - 2 * DAY_MS, "too low"), (NOW + DAY_MS, "too high"), (0, "too low"),
        (2**62, "too high"),
    ],
)  # fmt: skip
def test_nonces_are_of_this_time(nonce, text):
    made = directory_with()
    with pytest.raises(Refusal, match=text):
        made.check_nonce(USER, nonce, [NOW])
    made.check_nonce(USER, NOW - 2 * DAY_MS + 1, [NOW])
    made.check_nonce(USER, NOW + DAY_MS - 1, [NOW])
    made.check_nonce(USER, nonce, [NOW, nonce])


def test_ten_sub_accounts():
    made = directory_with()
    for n in range(10):
        made.check_sub_account(USER)
        made.apply(Record("account", {"address": f"0x{n:040x}", "master": USER}), NOW)
    with pytest.raises(Refusal, match="Too many sub-accounts"):
        made.check_sub_account(USER)
    made.check_sub_account(OTHER)


def test_a_snapshot_brings_everything_back():
    made = directory_with(
        ("account", {"address": SUB, "master": USER, "name": "one"}),
        ("spot", {"address": USER}),
        agent("bot", until=NOW + AGENT_LIFE_MS),
        ("builder", {"address": USER, "builder": OTHER, "rate": 10}),
        ("referrer", {"address": USER, "code": "A"}),
        ("referrer", {"address": USER, "code": "B"}),
        ("referral_code", {"address": OTHER, "code": "C"}),
        ("name", {"address": SUB, "name": "two"}),
        ("abstraction", {"address": USER, "mode": "disabled"}),
        ("reserve", {"address": USER, "weight": 3}),
        ("of a later version", {"x": 1}),
    )
    spend(made, NOW)
    other = VenueDirectory()
    other.restore(made.snapshot())
    assert other.state == made.state
    assert other.address_of(8) == USER
    assert [sub.name for sub in other.sub_accounts(USER)] == ["two"]
    assert other.holder(USER).referrer == "A"
    other.apply(Record("account", {"address": KEY}), NOW)
    assert other.row_of(KEY) == made.next_row


def test_full_tables_refuse_accounts():
    desk = FakeDesk()
    for n in range(64 - 5):
        desk.fund(f"0x{n:040x}", 1)
    with pytest.raises(Refusal, match="Too many accounts"):
        desk.fund(USER, 1)
    assert desk.directory.next_row == 64
