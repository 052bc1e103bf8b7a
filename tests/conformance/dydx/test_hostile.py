"""What a node refuses leaves no trace: every kind of bad transaction, and many broken ones."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.dydx.fuzz import PORTS, fuzz, traces
from tests.conformance.dydx.nonsense import (
    signer_without_account,
    with_other_half,
    with_signature,
)
from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import LONG_TERM, SHORT_TERM, Signer, hash_of

FUZZED = 600
"""Of each port; ``python -m tests.conformance.dydx.fuzz`` sends more."""


Bad = Callable[[Quiet, Signer, Signer], bytes]


def _short(venue: Quiet, signer: Signer, **more: Any) -> Any:
    terms = {"usd": PRICE, "steps": 10, "good_til": venue.height + 10, **more}
    return signer.order(1, SHORT_TERM, 1, **terms)


def _long(venue: Quiet, signer: Signer) -> Any:
    return signer.order(1, LONG_TERM, 1, PRICE - 1000, 10, venue.now_s + 60)


def _unknown(venue: Quiet, signer: Signer) -> bytes:
    return signer.signed(_short(venue, signer))


def _large(venue: Quiet, signer: Signer) -> Any:
    """An order that needs more than a thousand dollars."""
    return signer.order(1, LONG_TERM, 1, PRICE, 20_000, venue.now_s + 60)


BAD: dict[str, tuple[str, int, Bad]] = {
    "unsigned": ("sdk", 4, lambda v, a, b: with_signature(a.signed(_short(v, a)), b"")),
    "another's key": ("sdk", 4, lambda v, a, b: a.signed(_short(v, a), key=b.key)),
    "another's public key": (
        "sdk", 8,
        lambda v, a, b: a.signed(
            _short(v, a), key=b.key, public_key=b.key.public_key.format()
        ),
    ),
    "another's account": ("sdk", 8, lambda v, a, b: b.signed(_short(v, a))),
    "wrong chain": ("sdk", 4, lambda v, a, b: a.signed(_short(v, a), chain_id="dydx-mainnet-1")),
    "wrong account number": ("sdk", 4, lambda v, a, b: a.signed(_short(v, a), number=77)),
    "high s": ("sdk", 4, lambda v, a, b: with_other_half(a.signed(_short(v, a)))),
    "sequence ahead": ("sdk", 32, lambda v, a, b: a.signed(_long(v, a), sequence=5)),
    "old timestamp": ("sdk", 32, lambda v, a, b: a.signed(_long(v, a), sequence=2**40)),
    "unknown signer": ("sdk", 9, lambda v, a, b: _unknown(v, signer_without_account())),
    "no message": ("sdk", 18, lambda v, a, b: a.signed()),
    "two signers": ("sdk", 4, lambda v, a, b: a.signed(_long(v, a), _long(v, b))),
    "short-term with another": (
        "sdk", 18, lambda v, a, b: a.signed(_short(v, a), a.transfer(1, 5)),
    ),
    "timeout height": ("sdk", 30, lambda v, a, b: a.signed(_short(v, a), timeout_height=1)),
    "timeout before good-til": (
        "sdk", 18, lambda v, a, b: a.signed(_short(v, a), timeout_height=v.height + 9),
    ),
    "an order twice": ("clob", 3005, lambda v, a, b: a.signed(_long(v, a), _long(v, a))),
    "an order of money sent away": (
        "clob", 3007,
        lambda v, a, b: a.signed(a.transfer(5, 99_000_000_000), _large(v, a)),
    ),
    "no quantums": ("clob", 4, lambda v, a, b: a.signed(_short(v, a, steps=0))),
    "too far": ("clob", 11, lambda v, a, b: a.signed(_short(v, a, good_til=v.height + 99))),
    "off the tick": (
        "clob", 12,
        lambda v, a, b: a.signed(_off_tick(_short(v, a))),
    ),
    "to itself": ("sending", 1, lambda v, a, b: a.signed(a.transfer(0, 5))),
    "nothing sent": ("sending", 2, lambda v, a, b: a.signed(a.transfer(1, 0))),
    "cancel of nothing": (
        "clob", 3006, lambda v, a, b: a.signed(a.cancel(9, LONG_TERM, v.now_s + 60)),
    ),
    "another encoding": ("sdk", 2, lambda v, a, b: a.signed(_short(v, a)) + b"\x22\x01x"),
    "garbage": ("sdk", 2, lambda v, a, b: b"\xff\x00garbage"),
}  # fmt: skip


def _off_tick(message: Any) -> Any:
    message.order.subticks += 1
    return message


async def _refused() -> dict[str, tuple[str, int, bool]]:
    """How each was answered, and whether it left a trace."""
    found = {}
    async with quiet_venue() as venue:
        signer, other = venue.signer(0), venue.signer(1)
        before = traces(venue)
        for name, (_, _, make) in BAD.items():
            answer = await venue.broadcast(make(venue, signer, other))
            found[name] = answer["codespace"], answer["code"], traces(venue) != before
    return found


@pytest.fixture(scope="module")
def refused() -> dict[str, tuple[str, int, bool]]:
    return asyncio.run(_refused())


@pytest.mark.parametrize("name", BAD)
def test_a_bad_transaction_is_refused_by_code_and_changes_nothing(
    name: str, refused: dict[str, tuple[str, int, bool]]
) -> None:
    assert refused[name] == (*BAD[name][:2], False)


def test_a_replay_is_refused() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)
            short, send = signer.signed(_short(venue, signer)), signer.signed(signer.deposit(0, 9))
            for raw in (short, send):
                assert (await venue.broadcast(raw))["code"] == 0
                before = traces(venue)
                assert (await venue.broadcast(raw))["code"] == 19
                assert traces(venue) == before
            # The same sequence in other bytes.
            answer = await venue.broadcast(signer.signed(signer.deposit(0, 8)))
            assert answer["code"] == 32
            assert answer["log"] == (
                "account sequence mismatch, expected 1, got 0: incorrect account sequence"
            )

    asyncio.run(main())


def test_a_page_cannot_trade_by_showing_a_picture() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)
            raw = signer.signed(_short(venue, signer))
            url = f"{venue.venue.urls['rpc']}/broadcast_tx_sync?tx=0x{raw.hex()}"
            before = traces(venue)
            for site in ("cross-site", "same-site"):
                headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
                async with venue.session.get(url, headers=headers) as answer:
                    assert answer.status == 403
            assert traces(venue) == before
            async with venue.session.get(url) as answer:
                assert (await answer.json())["result"]["code"] == 0

    asyncio.run(main())


def test_payments_of_one_transaction_all_happen_or_none() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)
            engine, directory = venue.engine, venue.venue.host.directory
            before = engine.state_hash(), len(directory.state.accounts)
            raw = signer.signed(signer.deposit(1, 5), signer.transfer(2, 10**12))
            assert (await venue.broadcast(raw))["code"] == 0
            assert venue.signer(0).sequence == 1
            assert (engine.state_hash(), len(directory.state.accounts)) == before
            await venue.blocks()
            found = await venue.call("tx", hash="0x" + hash_of(raw))
            result = found["result"]["tx_result"]
            assert (result["codespace"], result["code"]) == ("subaccounts", 102)

    asyncio.run(main())


def test_a_timestamp_is_a_sequence_once() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)
            now = venue.venue.host.now_ms()
            for nonce, code in ((now, 0), (now, 32), (now - 5, 0), (now - 40_000, 32)):
                raw = signer.signed(signer.deposit(0, 1 + abs(code - nonce % 7)), sequence=nonce)
                assert (await venue.broadcast(raw))["code"] in (code, 19), nonce
            assert venue.signer(0).sequence == 0

    asyncio.run(main())


def test_an_empty_public_key_is_recovered() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)
            raw = signer.signed(signer.deposit(0, 9), public_key=b"")
            assert (await venue.broadcast(raw))["code"] == 0
            known = venue.venue.host.directory.holder(signer.address).public_key
            assert known == signer.key.public_key.format().hex()
            path = f"/cosmos/auth/v1beta1/account_info/{signer.address}"
            assert (await venue.get(path, "rest"))["info"]["sequence"] == "1"

    asyncio.run(main())


def test_hostile_requests_to_every_port_change_nothing() -> None:
    report = asyncio.run(fuzz(FUZZED, seed=16))
    assert report.faults == []
    assert {name.split()[0] for name in report.answers} == set(PORTS)
