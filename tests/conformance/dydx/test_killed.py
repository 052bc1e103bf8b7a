"""A venue that is killed goes on where it was: sequences, orders and balances stay."""

import asyncio
import base64
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import grpc
import pytest
from v4_proto.cosmos.tx.v1beta1.service_pb2 import GetTxRequest, GetTxResponse

from seawall.venues.registry import wire_of
from tests.command_line import running, seawall
from tests.conformance.dydx.killed import LEAST, kill_repeatedly
from tests.conformance.dydx.signer import LONG_TERM, SHORT_TERM, Signer, hash_of
from tests.conformance.dydx.trader import LocalVenue
from tests.waiting import PATIENCE_S

QUIET = ["--speed", "manual", "--no-agents", "--feed", "manual"]


def seen(venue: LocalVenue, address: str) -> Any:
    """What a client can know of an account."""
    return [
        venue.ask(f"/cosmos/auth/v1beta1/account_info/{address}"),
        venue.ask(f"/cosmos/bank/v1beta1/balances/{address}"),
        [
            {key: value for key, value in each.items() if not key.startswith("updated")}
            for each in venue.ask(f"/v4/orders?address={address}&subaccountNumber=0")
        ],
        [
            (each["subaccountNumber"], each["equity"])
            for each in venue.ask(f"/v4/addresses/{address}")["subaccounts"]
        ],
    ]


def test_a_killed_venue_keeps_sequences_orders_and_balances(tmp_path: Path) -> None:
    user = wire_of("dydx").user_key("seawall test only 1", 0)
    signer = Signer(user.address, user.private_key, 0)
    made = ["up", "--venue", "dydx", "--port", "0", "--data", str(tmp_path / "venue")]
    try:
        with running(*made, *QUIET, "--markets", "BTC=60000") as (about, process):
            venue = LocalVenue(about)
            venue.blocks(2)
            now = venue.now_s()
            messages = [
                signer.order(1, LONG_TERM, 1, 50_000, 10, now + 3600),
                signer.transfer(7, 123_456_789),
                signer.withdraw(0, 1_000_000),
                signer.order(2, LONG_TERM, 2, 70_000, 10, now + 3600),
            ]
            for sequence, message in enumerate(messages):
                assert venue.broadcast(signer.signed(message, sequence=sequence)) == 0
            before = seen(venue, user.address)
            process.kill()
            process.wait()
            raise InterruptedError
    except InterruptedError:
        pass
    report = seawall("check", tmp_path / "venue")
    assert report.returncode == 0, report.stdout
    with running(made[0], *made[3:], *QUIET) as (about, _):  # the folder says whose it is
        venue = LocalVenue(about)
        assert seen(venue, user.address) == before
        assert before[0]["info"]["sequence"] == "4"
        assert [each["status"] for each in before[2]] == ["OPEN", "OPEN"]
        replay = signer.signed(messages[2], sequence=2)
        assert venue.broadcast(replay) == 32
        assert venue.broadcast(signer.signed(messages[2], sequence=4)) == 0


def by_hash(venue: LocalVenue, raw: bytes) -> Any:
    """What REST, CometBFT's RPC and gRPC say of a transaction: (height, code, log, its bytes)."""
    name = hash_of(raw)
    shown = venue.ask(f"/cosmos/tx/v1beta1/txs/{name}")["tx_response"]
    assert shown["tx"]["auth_info"]["signer_infos"][0]["public_key"]["@type"].endswith("PubKey")
    called = venue.ask(f"/tx?hash=0x{name}")["result"]
    with grpc.insecure_channel(f"127.0.0.1:{venue.about['ports']['grpc']}") as channel:
        get = channel.unary_unary(
            "/cosmos.tx.v1beta1.Service/GetTx",
            request_serializer=GetTxRequest.SerializeToString,
            response_deserializer=GetTxResponse.FromString,
        )
        got = get(GetTxRequest(hash=name), timeout=PATIENCE_S)
    found = [
        (int(shown["height"]), shown["code"], shown["raw_log"]),
        (int(called["height"]), called["tx_result"]["code"], called["tx_result"]["log"]),
        (got.tx_response.height, got.tx_response.code, got.tx_response.raw_log),
    ]
    assert len(set(found)) == 1, found
    assert base64.b64decode(called["tx"]) == raw
    assert got.tx.SerializeToString() == raw
    return found[0]


def test_transactions_are_found_by_their_hash_after_a_kill(tmp_path: Path) -> None:
    user = wire_of("dydx").user_key("seawall test only 1", 0)
    signer = Signer(user.address, user.private_key, 0)
    made = ["up", "--venue", "dydx", "--port", "0", "--data", str(tmp_path / "venue")]
    with (
        suppress(InterruptedError),
        running(*made, *QUIET, "--markets", "BTC=60000") as (about, process),
    ):
        venue = LocalVenue(about)
        venue.blocks(2)
        until = venue.now_s() + 3600
        messages = [
            signer.order(1, LONG_TERM, 1, 50_000, 10, until),
            signer.transfer(7, 123_456_789),
            # Neither child 7 has so much nor child 8, which the transfer would open.
            signer.withdraw(7, 10**15),
            signer.transfer(8, 10**15, sender=7),
        ]
        sent = [signer.signed(each, sequence=number) for number, each in enumerate(messages)]
        sent.append(signer.signed(signer.order(2, SHORT_TERM, 1, 55_000, 10, venue.height() + 9)))
        refused = signer.signed(signer.order(3, SHORT_TERM, 1, 55_000, 10, venue.height() + 99))
        assert [venue.broadcast(each) for each in sent] == [0] * len(sent)
        assert venue.broadcast(refused) != 0
        height = venue.height() + 1
        with pytest.raises(HTTPError, match="404"):
            by_hash(venue, sent[0])
        venue.blocks()
        before = [by_hash(venue, each) for each in sent]
        assert [found[0] for found in before] == [height] * len(sent)
        assert [found[1] == 0 for found in before] == [True, True, False, False, True]
        last = signer.signed(signer.transfer(7, 1), sequence=len(messages))
        assert venue.broadcast(last) == 0
        process.kill()
        process.wait()
        raise InterruptedError
    with running(made[0], *made[3:], *QUIET) as (about, _):
        venue = LocalVenue(about)
        assert [by_hash(venue, each) for each in sent] == before
        with pytest.raises(HTTPError, match="404"):
            by_hash(venue, refused)
        venue.blocks()
        assert by_hash(venue, last)[:2] == (height + 1, 0)


def test_nothing_acknowledged_under_load_is_lost_or_doubled(tmp_path: Path) -> None:
    """The whole of it is ``python -m tests.conformance.dydx.killed``."""
    counts = asyncio.run(kill_repeatedly(tmp_path, count=2, seed=7))
    assert counts["acknowledged"] >= LEAST
    assert min(counts[kind] for kind in ("short", "long", "cancel", "transfer")) > 0
    assert counts["fills told"] > 0
