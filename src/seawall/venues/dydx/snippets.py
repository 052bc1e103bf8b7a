"""A few lines for well-known clients that trade at a local venue; they run when pasted."""

from collections.abc import Mapping, Sequence

from seawall.venues.venue import Snippet, UserKey

_CLIENT = """\
import asyncio
from dydx_v4_client import OrderFlags
from dydx_v4_client.indexer.rest.constants import OrderType
from dydx_v4_client.indexer.rest.indexer_client import IndexerClient
from dydx_v4_client.network import make_local
from dydx_v4_client.node.client import NodeClient
from dydx_v4_client.node.market import Market
from dydx_v4_client.wallet import Wallet
from v4_proto.dydxprotocol.clob.order_pb2 import Order

async def main():
    net = make_local(node_url="{grpc}", rest_indexer="{indexer}", websocket_indexer="{socket}")
    node, indexer = await NodeClient.connect(net.node), IndexerClient(net.rest_indexer)
    wallet = await Wallet.from_mnemonic(node, "{mnemonic}", "{address}")
    found = await indexer.markets.get_perpetual_markets("{market}")
    market = Market(found["markets"]["{market}"])
    order_id = market.order_id("{address}", 0, 7, OrderFlags.SHORT_TERM)
    order = market.order(
        order_id, OrderType.MARKET, Order.SIDE_BUY, {size},
        price=float(market.market["oraclePrice"]) * 1.05,
        time_in_force=Order.TIME_IN_FORCE_IOC, reduce_only=False,
        good_til_block=await node.latest_block_height() + 10,
    )
    print((await node.place_order(wallet, order)).tx_response)
    answer = await indexer.account.get_subaccount("{address}", 0)
    print(answer["subaccount"]["openPerpetualPositions"])

asyncio.run(main())
"""


def client_snippets(
    urls: Mapping[str, str], user: UserKey, market: str, size: str
) -> Sequence[Snippet]:
    """Code that buys ``size`` (text) of a market at once, for each client."""
    code = _CLIENT.format(
        grpc=urls["grpc"].removeprefix("http://"), indexer=urls["indexer"],
        socket=urls["socket"].replace("http://", "ws://", 1) + "/v4/ws",
        mnemonic=user.mnemonic, address=user.address, market=market, size=size,
    )  # fmt: skip
    name = "dydx-v4-client"
    return [Snippet(name, "python", f"pip install {name}==1.1.5", code)]
