"""Keys and addresses against published vectors, and the accounts that follow from a seed."""

import pytest
from coincurve import PrivateKey

from seawall.domain.errors import InputError
from seawall.venues.dydx.pairs import client_id, parts_of
from seawall.venues.dydx.sandbox_keys import account_named, agent_address, user_key
from seawall.venues.dydx.wire.bech32 import decode
from seawall.venues.dydx.wire.keys import address_of, mnemonic_of, secret_of


@pytest.mark.parametrize(
    ("entropy", "words"),
    [
        ("00" * 16, "abandon " * 11 + "about"),
        ("ff" * 16, "zoo " * 11 + "wrong"),
        ("00" * 32, "abandon " * 23 + "art"),
        ("7f" * 16, "legal winner thank year wave sausage worth useful legal winner thank yellow"),
    ],
)
def test_words_are_those_of_the_standard(entropy: str, words: str) -> None:
    assert mnemonic_of(bytes.fromhex(entropy)) == words


def test_a_key_is_that_of_the_wallets_path() -> None:
    secret = secret_of("abandon " * 11 + "about")
    found = address_of(PrivateKey(secret).public_key.format())
    # The same key has this address on the chain whose coin type the path names.
    assert decode(found)[1] == decode("cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4")[1]


def test_users_and_agents_follow_from_the_phrase() -> None:
    first, other = user_key("phrase", 0), user_key("phrase", 1)
    assert first == user_key("phrase", 0)
    assert first.address != other.address
    assert len(first.mnemonic.split()) == 24
    assert secret_of(first.mnemonic).hex() == first.private_key.removeprefix("0x")
    assert agent_address("phrase", "noise") != agent_address("phrase", "trend")


def test_an_operator_names_accounts() -> None:
    address = user_key("phrase", 0).address
    assert account_named(address) == f"{address}/0"
    assert account_named(f" {address}/128000 ") == f"{address}/128000"
    assert account_named(f"{address}/wallet") == address
    for wrong in ("0x" + "11" * 20, f"{address}/128001", f"{address}/x", address[:-1] + "q"):
        with pytest.raises(InputError, match="an address, dydx1"):
            account_named(wrong)


def test_the_machines_client_id_holds_the_three_of_the_wire() -> None:
    for parts in ((0, 0, 0), (0, 64, 2**32 - 1), (2**32 - 1, 128, 7)):
        found = client_id(*parts)
        assert 0 < found < 2**128
        assert parts_of(found) == parts
