"""A few lines for well-known clients that trade at a local venue; they run when pasted."""

from seawall.venues.venue import Snippet

_SDK = """\
from eth_account import Account
from hyperliquid.exchange import Exchange
exchange = Exchange(Account.from_key("{key}"), "{url}")
print(exchange.market_open("{coin}", True, {size}))
print(exchange.info.user_state("{address}")["marginSummary"])
"""

_CCXT = """\
import ccxt
exchange = ccxt.hyperliquid({{"walletAddress": "{address}", "privateKey": "{key}"}})
exchange.urls["api"] = {{"public": "{url}", "private": "{url}"}}
price = exchange.fetch_ticker("{coin}/USDC:USDC")["last"]
print(exchange.create_order("{coin}/USDC:USDC", "market", "buy", {size}, price)["average"])
"""


def client_snippets(url: str, address: str, key: str, coin: str, size: str) -> list[Snippet]:
    """Code that places an order of ``size`` (text) of a market, for each client."""
    fill = {"url": url, "address": address, "key": key, "coin": coin, "size": size}
    return [
        Snippet("hyperliquid-python-sdk", "hyperliquid-python-sdk", _SDK.format(**fill)),
        Snippet("ccxt", "ccxt", _CCXT.format(**fill)),
    ]
