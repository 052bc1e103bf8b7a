"""``seawall proxy``: clients whose hosts are fixed reach the venue here, and nothing else."""

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from seawall.sandbox.certificates import local_certificate
from seawall.sandbox.embedded import Sandbox, sandbox
from tests.command_line import running, seawall
from tests.waiting import PATIENCE_S

HOST, OTHER_HOST = "api.hyperliquid.xyz", "api.hyperliquid-testnet.xyz"
HOSTS = (HOST, OTHER_HOST)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
QUESTION = b'{"type": "allMids"}'


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with sandbox("BTC=50000", agents=False, feed="manual", speed=0) as running:
        yield running


def started(
    folder: Path, url: str
) -> AbstractContextManager[tuple[dict[str, Any], "subprocess.Popen[str]"]]:
    """What a proxy says of itself, in a process of its own."""
    environment = {"SEAWALL_CACHE": str(folder)}
    return running("proxy", "--port", "0", "--url", url, environment=environment, quiet=True)


@pytest.fixture(scope="module")
def proxy(venue: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with started(tmp_path_factory.mktemp("cache"), venue.url) as (said, _):
        yield said


def trusting(proxy: dict[str, Any]) -> ssl.SSLContext:
    """A context that trusts the proxy's authority only, as strictly as new Pythons do."""
    context = ssl.create_default_context(cafile=proxy["authority"])
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def address_of(proxy: dict[str, Any]) -> tuple[str, int]:
    host, _, port = proxy["proxy"].removeprefix("http://").partition(":")
    return host, int(port)


def spoken(proxy: dict[str, Any], request: bytes) -> bytes:
    """All that the proxy's port answers to these bytes."""
    with socket.create_connection(address_of(proxy), PATIENCE_S) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("host", HOSTS)
def test_a_client_with_fixed_hosts_reaches_the_venue_by_connect(
    proxy: dict[str, Any], host: str
) -> None:
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": proxy["proxy"]}),
        urllib.request.HTTPSHandler(context=trusting(proxy)),
    )
    request = urllib.request.Request(f"https://{host}/info", QUESTION)
    with opener.open(request, timeout=PATIENCE_S) as answer:
        assert json.load(answer)["BTC"] == "50000.0"


def test_a_websocket_goes_through_too(proxy: dict[str, Any]) -> None:
    async def first_mids() -> Any:
        async with (
            ClientSession() as session,
            session.ws_connect(
                f"wss://{HOST}/ws", proxy=proxy["proxy"], ssl=trusting(proxy)
            ) as channel,
        ):
            await channel.send_json({"method": "subscribe", "subscription": {"type": "allMids"}})
            while True:
                text = await channel.receive_str(timeout=PATIENCE_S)
                if text.startswith("{") and json.loads(text)["channel"] == "allMids":
                    return json.loads(text)["data"]["mids"]

    assert asyncio.run(first_mids())["BTC"] == "50000.0"


class EverythingIsHere(AbstractResolver):
    """As a line in the hosts file would say."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


def test_a_client_that_looks_the_host_up_elsewhere_is_served(proxy: dict[str, Any]) -> None:
    _, port = address_of(proxy)

    async def mids() -> Any:
        async with ClientSession(connector=TCPConnector(resolver=EverythingIsHere())) as session:
            url = f"https://{HOST}:{port}/info"
            async with session.post(url, data=QUESTION, ssl=trusting(proxy)) as answer:
                return await answer.json()

    assert asyncio.run(mids())["BTC"] == "50000.0"


@pytest.mark.parametrize("target", [f"https://{HOST}/info", f"http://{HOST}/info"])
def test_a_request_with_a_whole_url_is_answered(proxy: dict[str, Any], target: str) -> None:
    head = f"POST {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(QUESTION)}\r\n"
    found = spoken(proxy, head.encode() + b"Connection: close\r\n\r\n" + QUESTION)
    assert found.startswith(b"HTTP/1.1 200 ")
    assert b'"BTC":"50000.0"' in found


def test_the_venue_itself_is_reached(proxy: dict[str, Any], venue: Sandbox) -> None:
    where = venue.url.removeprefix("http://")
    with socket.create_connection(address_of(proxy), PATIENCE_S) as client:
        client.sendall(f"CONNECT {where} HTTP/1.1\r\n\r\n".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        client.sendall(f"GET /control/status HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
        answer = HTTPResponse(client)
        answer.begin()
        assert json.load(answer)["markets"][0]["name"] == "BTC"


def test_other_hosts_are_refused_and_never_connected_to(proxy: dict[str, Any]) -> None:
    with socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.listen()
        elsewhere.setblocking(False)
        there = f"127.0.0.1:{elsewhere.getsockname()[1]}"
        for request in (
            f"CONNECT {there} HTTP/1.1\r\n\r\n",
            f"GET http://{there}/ HTTP/1.1\r\n\r\n",
            f"CONNECT {HOST}:22 HTTP/1.1\r\n\r\n",
            f"CONNECT {HOST}.example.org:443 HTTP/1.1\r\n\r\n",
            f"CONNECT {HOST}@{there} HTTP/1.1\r\n\r\n",
        ):
            found = spoken(proxy, request.encode())
            assert found.startswith(b"HTTP/1.1 403 "), request
            assert b"none of the hosts" in found
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@pytest.mark.parametrize(
    "request_", [b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"CONNECT [ HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_to_a_proxy_is_told_so(proxy: dict[str, Any], request_: bytes) -> None:
    found = spoken(proxy, request_)
    assert found.startswith(b"HTTP/1.1 400 ")
    assert b"seawall proxy" in found


def test_another_name_in_the_handshake_is_refused(proxy: dict[str, Any]) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(address_of(proxy), PATIENCE_S) as client,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(client, server_hostname="api.example.org")


def test_a_venue_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with started(tmp_path, url) as (proxy, _):
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"https": proxy["proxy"]}),
            urllib.request.HTTPSHandler(context=trusting(proxy)),
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            opener.open(f"https://{HOST}/info", timeout=PATIENCE_S)
        assert refusal.value.code == 502
        assert f"No venue answers at {url}" in refusal.value.read().decode()


NODE = """
fetch("https://api.hyperliquid.xyz/info", {method: "POST", body: '{"type": "allMids"}'})
  .then((answer) => answer.json()).then((mids) => console.log(mids.BTC));
"""


def test_node_is_led_there_by_the_printed_lines(proxy: dict[str, Any]) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    lines = next(code for name, code in proxy["environment"].items() if name.startswith("node"))
    run = subprocess.run(
        ["bash", "-c", f"{lines}\n{node} -e '{NODE.replace(chr(39), chr(96))}'"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.stdout == "50000.0\n", run.stderr


def test_the_certificate_is_for_the_hosts_alone_and_its_authority_has_no_key(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "proxy"
    made = local_certificate(folder, HOSTS, NOW)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert made.server.stat().st_mode & 0o777 == 0o600
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    server = x509.load_pem_x509_certificate(made.server.read_bytes())
    server.verify_directly_issued_by(authority)
    assert {path.name for path in folder.iterdir()} == {"authority.pem", "server.pem"}
    assert b"PRIVATE" not in made.authority.read_bytes()
    kept = load_pem_private_key(made.server.read_bytes(), None).public_key()
    assert kept == server.public_key() != authority.public_key()
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert limits.value.permitted_subtrees == [x509.DNSName(host) for host in HOSTS]
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == limits.value.permitted_subtrees
    assert server.not_valid_after_utc == authority.not_valid_after_utc == made.ends
    assert made.ends - NOW <= timedelta(days=90)


def test_a_certificate_is_kept_until_it_ends_is_for_others_or_cannot_be_used(
    tmp_path: Path,
) -> None:
    first = local_certificate(tmp_path, HOSTS, NOW)
    content = first.server.read_bytes()

    def again(hosts: tuple[str, ...] = HOSTS, days: float = 0) -> bool:
        """Whether it is made anew; what was made replaces the first."""
        nonlocal content
        before, content = content, b""
        found = local_certificate(tmp_path, hosts, NOW + timedelta(days=days))
        content = found.server.read_bytes()
        return content != before

    assert not again()
    assert not again(days=75)
    assert again(days=77)
    assert again(hosts=(HOST,), days=77)
    first.authority.write_text("nonsense")
    assert again(hosts=(HOST,), days=77)
    first.server.write_bytes(content[:40])
    assert again(hosts=(HOST,), days=77)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--url", "http://192.0.2.1:3001"], "--url: 'http://192.0.2.1:3001' should be the base"),
        (["--url", "https://api.hyperliquid.xyz"], "a venue on this computer"),
        (["--url", "http://127.0.0.1"], "a venue on this computer"),
        (["--url", "http://127.0.0.1:port"], "a venue on this computer"),
        (["--port", "70000"], "--port: 70000 should be a port from 0 to 65535"),
    ],
)
def test_bad_options_are_refused_in_one_line(
    arguments: list[str], hint: str, tmp_path: Path
) -> None:
    found = seawall("proxy", *arguments, environment={"SEAWALL_CACHE": str(tmp_path)})
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert hint in found.stderr
