// ccxt for JavaScript, REST and websocket: connect, history, trade, liquidation, restart.
import ccxt from "ccxt";
import { about, ask, average, check, main, step, until } from "./talk.mjs";

const SYMBOL = "BTC/USDC:USDC";
const { address, key, url, websocket, candles } = about;
const exchange = new ccxt.pro.hyperliquid({ walletAddress: address, privateKey: key });
exchange.urls.api = { public: url, private: url, ws: { public: websocket } };

const held = async () => (await exchange.fetchPositions([SYMBOL])).find((each) => each.contracts > 0);
const size = (usd, price) => Number(exchange.amountToPrecision(SYMBOL, usd / price));

async function trade(last) {
  await exchange.setLeverage(40, SYMBOL, { marginMode: "cross" });
  const amount = size(20_000, last);
  const low = Number(exchange.priceToPrecision(SYMBOL, last * 0.8));
  const resting = await exchange.createOrder(SYMBOL, "limit", "buy", amount, low);
  check((await exchange.fetchOpenOrders(SYMBOL)).some((o) => o.id === resting.id), "not open");
  const lower = Number(exchange.priceToPrecision(SYMBOL, last * 0.79));
  const edited = await exchange.editOrder(resting.id, SYMBOL, "limit", "buy", amount, lower);
  await exchange.cancelOrder(edited.id ?? resting.id, SYMBOL);
  check((await exchange.fetchOpenOrders(SYMBOL)).length === 0, "still open");

  const mine = exchange.watchMyTrades(SYMBOL);
  const orders = exchange.watchOrders(SYMBOL);
  const bought = await exchange.createOrderWs(SYMBOL, "market", "buy", amount, last);
  check((await mine).some((t) => t.order === bought.id), "the fill was not streamed");
  check((await orders).length > 0, "the order was not streamed");
  const order = await exchange.fetchOrder(bought.id, SYMBOL);
  check(order.status === "closed" && order.filled === amount, `order: ${JSON.stringify(order)}`);
  const stop = Number(exchange.priceToPrecision(SYMBOL, last * 0.5));
  const parameters = { stopLossPrice: stop, reduceOnly: true };
  await exchange.createOrder(SYMBOL, "market", "sell", amount, stop, parameters);
  step("trade", { order: bought.id, amount, average: order.average });
  return amount;
}

async function reconcile(amount) {
  const position = await held();
  check(position.contracts === amount && position.side === "long", JSON.stringify(position));
  check(position.marginMode === "cross" && position.liquidationPrice > 0, "margin");
  const trades = await exchange.fetchMyTrades(SYMBOL);
  const net = trades.reduce((sum, t) => sum + (t.side === "buy" ? t.amount : -t.amount), 0);
  check(Math.abs(net - amount) < 1e-9, `fills make ${net}`);
  const balance = await exchange.fetchBalance();
  check(balance.USDC.used > 0 && balance.USDC.total < 1000, JSON.stringify(balance.USDC));
  check((await exchange.fetchOpenOrders(SYMBOL)).length === 1, "the stop is missing");
  step("reconcile", { liquidationPrice: position.liquidationPrice, total: balance.USDC.total });
}

await main(async () => {
  await exchange.loadHttpProxyAgent(); // ccxt wants it for ws://
  await exchange.loadMarkets();
  check(exchange.markets[SYMBOL].active, "no market");
  check((await exchange.fetchStatus()).status === "ok", "status");
  step("connect", Object.keys(exchange.markets).length);

  const history = await exchange.fetchOHLCV(SYMBOL, "1m", undefined, 1000);
  check(history.length >= candles, `${history.length} candles`);
  step("history", { candles: history.length, average: average(history.map((c) => c[4])) });

  const { last } = await exchange.fetchTicker(SYMBOL);
  check((await exchange.watchOrderBook(SYMBOL)).bids.length > 5, "book");
  check((await exchange.watchTicker(SYMBOL)).last > 0, "ticker");
  const amount = await trade(last);
  await reconcile(amount);

  await ask("shock", { market: "BTC", move: "-4.4%" });
  await until("liquidated", async () => (await held()) === undefined);
  const fills = await exchange.fetchMyTrades(SYMBOL);
  const forced = fills.filter((t) => t.info.liquidation);
  check(forced.length > 0, "no fill says that it was a liquidation");
  check((await exchange.fetchOpenOrders(SYMBOL)).length === 0, "orders are left");
  const { total } = (await exchange.fetchBalance()).USDC;
  check(total < 300, `${total} USD are left`);
  step("liquidated", { fills: forced.length, total });

  await ask("restart");
  await until("the book streams again", async () => {
    const { bids, timestamp } = await exchange.watchOrderBook(SYMBOL);
    return bids.length > 5 && timestamp > Date.now() - 10_000;
  });
  const kept = await exchange.fetchMyTrades(SYMBOL);
  check(kept.length === fills.length, `${kept.length} fills, ${fills.length} before`);
  await ask("fund", { address, usd: 1000 });
  const now = (await exchange.fetchTicker(SYMBOL)).last;
  const again = await exchange.createOrder(SYMBOL, "market", "buy", size(500, now), now);
  check((await held()).contracts === size(500, now), "no position after the restart");
  step("reconnect", { fills: kept.length, order: again.id });
});
