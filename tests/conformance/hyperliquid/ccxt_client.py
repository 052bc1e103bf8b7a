"""ccxt, unmodified, pointed at the local venue the way its users do it."""

from typing import Any

import ccxt

SYMBOLS = {coin: f"{coin}/USDC:USDC" for coin in ("BTC", "ETH", "SOL", "HYPE", "DOGE", "LINK")}


def configured(make: Any, url: str, address: str, key: str, *, builder: bool = False) -> Any:
    """An exchange object of either kind. ``builder``: leave the client's own builder fee on."""
    exchange = make(
        {
            "walletAddress": address,
            "privateKey": key,
            "enableRateLimit": False,
            "timeout": 120_000,
            "options": {} if builder else {"approvedBuilderFee": True, "builderFee": False},
        }
    )
    if not builder:
        exchange.options["refSet"] = True
    exchange.urls["api"]["public"] = url
    exchange.urls["api"]["private"] = url
    if "ws" in exchange.urls["api"]:
        exchange.urls["api"]["ws"] = {"public": "ws" + url.removeprefix("http") + "/ws"}
    return exchange


def client(url: str, address: str, key: str, *, builder: bool = False) -> Any:
    """The blocking client."""
    return configured(ccxt.hyperliquid, url, address, key, builder=builder)


def streaming_client(url: str, address: str, key: str) -> Any:
    """The asyncio client with websockets."""
    from ccxt import pro

    return configured(pro.hyperliquid, url, address, key)
