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

_CCXT_JS = """\
import ccxt from "ccxt";
const exchange = new ccxt.pro.hyperliquid({{ walletAddress: "{address}", privateKey: "{key}" }});
exchange.urls.api = {{ public: "{url}", private: "{url}", ws: {{ public: "{websocket}" }} }};
await exchange.loadHttpProxyAgent(); // ccxt wants it for ws://
const symbol = "{coin}/USDC:USDC";
const {{ last }} = await exchange.fetchTicker(symbol);
console.log((await exchange.createOrder(symbol, "market", "buy", {size}, last)).average);
console.log((await exchange.watchOrderBook(symbol)).bids[0]);
await exchange.close();
"""

_FREQTRADE = """\
{{
  "initial_state": "running", "dry_run": false, "timeframe": "1m",
  "trading_mode": "futures", "margin_mode": "isolated",
  "stake_currency": "USDC", "stake_amount": 100, "max_open_trades": 1,
  "exchange": {{
    "name": "hyperliquid", "walletAddress": "{address}",
    "privateKey": "{key}",
    "pair_whitelist": ["{coin}/USDC:USDC"],
    "ccxt_config": {{"urls": {{"api": {{
      "public": "{url}", "private": "{url}", "ws": {{"public": "{websocket}"}}}}}}}}
  }},
  "pairlists": [{{"method": "StaticPairList"}}],
  "entry_pricing": {{"price_side": "other", "use_order_book": true, "order_book_top": 1}},
  "exit_pricing": {{"price_side": "other", "use_order_book": true, "order_book_top": 1}}
}}
"""


def client_snippets(url: str, address: str, key: str, coin: str, size: str) -> list[Snippet]:
    """Code that places an order of ``size`` (text) of a market, or a configuration to trade with,
    for each client."""
    fill = {"url": url, "websocket": url.replace("http://", "ws://", 1) + "/ws", "coin": coin}
    fill |= {"address": address, "key": key, "size": size}
    sdk = "hyperliquid-python-sdk"
    found = [
        (sdk, "python", f"pip install {sdk}", _SDK),
        ("ccxt", "python", "pip install ccxt", _CCXT),
        ("ccxt, REST and websocket", "javascript", "npm install ccxt", _CCXT_JS),
        ("freqtrade: config.json", "freqtrade", "pip install freqtrade", _FREQTRADE),
    ]
    return [
        Snippet(client, kind, needs, text.format(**fill)) for client, kind, needs, text in found
    ]
