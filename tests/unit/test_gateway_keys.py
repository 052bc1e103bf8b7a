"""Keys and networks: where a key may be, that nothing shows it, and when real money is allowed."""

import copy
import logging
import os
import pickle
import traceback
from pathlib import Path

import msgspec
import pytest

from seawall.domain.errors import InputError
from seawall.venues.gateway_port import Accepted, Network, Refused
from seawall.venues.hyperliquid.gateway.key import SigningKey
from seawall.venues.hyperliquid.gateway.networks import NETWORKS, signing_of
from seawall.venues.hyperliquid.gateway.writer import Writer

DIGITS = "0123456789" * 6 + "0123"
KEY = "0x" + DIGITS
ADDRESS = "0x14791697260e4c9a71f18484c9f997b308e59325"
"""As the official client's signing tests have it for this key."""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


def error_at(source: str) -> str:
    with pytest.raises(InputError) as caught:
        SigningKey.at(source)
    text = "".join(traceback.format_exception(caught.value))
    assert DIGITS not in text
    return str(caught.value)


def test_a_key_from_the_environment_or_a_file(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_KEY", DIGITS)
    assert SigningKey.at("env:AGENT_KEY").address == ADDRESS
    assert SigningKey.at(f"file:{key_file}").address == ADDRESS
    key_file.chmod(0o400)
    assert SigningKey.at(f"file:{key_file}").address == ADDRESS


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o777])
def test_a_file_that_others_reach_is_refused(key_file: Path, rights: int) -> None:
    key_file.chmod(rights)
    error = error_at(f"file:{key_file}")
    assert "let others at it" in error
    assert f"chmod 600 {key_file}" in error


def test_places_where_there_is_no_key(
    key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file)
    empty = tmp_path / "empty"
    empty.touch(0o600)
    assert "link" in error_at(f"file:{link}")
    assert "is empty" in error_at(f"file:{empty}")
    assert "no plain file" in error_at(f"file:{tmp_path}")
    assert "No such file" in error_at(f"file:{tmp_path / 'none'}")
    monkeypatch.delenv("AGENT_KEY", raising=False)
    assert "'AGENT_KEY' is not set" in error_at("env:AGENT_KEY")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_a_file_of_another_user_is_refused(key_file: Path) -> None:
    os.chown(key_file, 12345, 12345)
    assert "another user" in error_at(f"file:{key_file}")


@pytest.mark.parametrize("given", [KEY, DIGITS, f"key:{KEY}", ""])
def test_the_key_itself_is_no_place_and_is_not_repeated(given: str) -> None:
    assert "never the key itself" in error_at(given)


@pytest.mark.parametrize("text", [DIGITS[:-1], DIGITS + "0", "0" * 64, "f" * 64, "x" + DIGITS[1:]])
def test_what_is_no_key_is_not_repeated(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_KEY", text)
    error = error_at("env:AGENT_KEY")
    assert "no private key" in error
    assert text not in error


def test_nothing_shows_a_key(caplog: pytest.LogCaptureFixture) -> None:
    key = SigningKey(KEY)
    writer = Writer(NETWORKS.of(), ADDRESS, key, key)
    logging.getLogger("seawall").warning("%s %r %s", key, writer, vars(writer))
    shown = [repr(key), str(key), f"{key}", repr(writer), repr(vars(writer)), caplog.text]
    try:
        raise RuntimeError(writer, key)
    except RuntimeError as error:
        shown += traceback.format_exception(error)
        captured = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += captured.format()
    assert ADDRESS in shown[0]
    raw = str(int(DIGITS, 16))
    for text in shown:
        assert DIGITS not in text.lower()
        assert raw not in text
        assert repr(bytes.fromhex(DIGITS))[2:-1] not in text
    for store in (pickle.dumps, msgspec.json.encode, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            store(key)
    assert not hasattr(key, "__dict__")
    for name in ("private", "secret", "to_hex", "_private", "key"):
        assert not hasattr(key, name)


def test_an_answer_of_a_writer_holds_no_key() -> None:
    assert DIGITS not in repr((Accepted("resting", 1), Refused("x")))


def test_the_sandbox_is_the_default() -> None:
    assert NETWORKS.of() == Network(name="sandbox", url="http://127.0.0.1:3001", is_real=False)
    assert NETWORKS.of(url="http://127.0.0.1:9").url == "http://127.0.0.1:9"
    assert NETWORKS.of("testnet").url == "https://api.hyperliquid-testnet.xyz"
    assert next(iter(NETWORKS.urls)) == "sandbox"


@pytest.mark.parametrize(
    ("in_policy", "on_command", "missing"),
    [
        (False, False, "a line in the policy file and an option on the command line"),
        (True, False, "missing: an option on the command line"),
        (False, True, "missing: a line in the policy file"),
    ],
)
def test_real_money_must_be_allowed_twice(in_policy: bool, on_command: bool, missing: str) -> None:
    with pytest.raises(InputError, match=missing):
        NETWORKS.of("mainnet", in_policy=in_policy, on_command=on_command)


def test_real_money_that_is_allowed_twice() -> None:
    found = NETWORKS.of("mainnet", in_policy=True, on_command=True)
    assert found == Network(name="mainnet", url="https://api.hyperliquid.xyz", is_real=True)
    assert signing_of(found).source == "a"
    assert signing_of(NETWORKS.of("testnet")).source == "b"
    assert signing_of(NETWORKS.of()).chain == "Testnet"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.hyperliquid.xyz", "http://API.Hyperliquid.XYZ:443/x", "https://hyperliquid.xyz.",
        "https://api.hyperliquid-testnet.xyz", "https://u@api.hyperliquid.xyz",
    ],
)  # fmt: skip
def test_the_venue_itself_is_no_sandbox(url: str) -> None:
    with pytest.raises(InputError, match="that of a sandbox"):
        NETWORKS.of("sandbox", url=url, in_policy=True, on_command=True)


def test_names_that_are_none_and_urls_that_do_not_belong() -> None:
    with pytest.raises(InputError, match="'main' should be one of sandbox, testnet, mainnet"):
        NETWORKS.of("main")
    with pytest.raises(InputError, match="left out"):
        NETWORKS.of("mainnet", url="http://127.0.0.1:1", in_policy=True, on_command=True)
