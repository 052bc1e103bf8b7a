// hyperliquid of npm (nomeida), whose hosts are fixed: connect, history, trade, liquidation, restart.
import { createRequire } from "node:module";
import { about, ask, average, check, main, step, until } from "./talk.mjs";

// Its websocket is found by `require` only, in node before 23.
const { Hyperliquid } = createRequire(import.meta.url)("hyperliquid");
const COIN = "BTC-PERP";
const { address, key, candles } = about;
const sdk = new Hyperliquid({ privateKey: key, walletAddress: address, maxReconnectAttempts: 30 });

const state = () => sdk.info.perpetuals.getClearinghouseState(address);
const held = async () => (await state()).assetPositions.find((p) => Number(p.position.szi) !== 0);
const mid = async () => Number((await sdk.info.getAllMids())[COIN]);
const size = (usd, price) => Number((usd / price).toFixed(5));
const fills = () => sdk.info.getUserFills(address);
const dollars = (price) => Math.round(price);
const status = (answer) => {
  check(answer.status === "ok", JSON.stringify(answer));
  const [found] = answer.response.data.statuses;
  check(found === "success" || !found.error, JSON.stringify(found));
  return found;
};

async function trade() {
  const streamed = [];
  const updates = [];
  await sdk.subscriptions.subscribeToUserFills(address, (data) => streamed.push(...data.fills));
  await sdk.subscriptions.subscribeToOrderUpdates(address, (data) => updates.push(...data));
  const last = await mid();
  const amount = size(20_000, last);
  await sdk.exchange.updateLeverage(COIN, "cross", 40);
  const limit = (price, tif, more = {}) => ({
    coin: COIN, is_buy: true, sz: amount, limit_px: dollars(price), reduce_only: false,
    order_type: { limit: { tif } }, ...more,
  });
  const { oid } = status(await sdk.exchange.placeOrder(limit(last * 0.8, "Gtc"))).resting;
  await sdk.exchange.modifyOrder(oid, limit(last * 0.79, "Gtc"));
  const [open] = await sdk.info.getUserOpenOrders(address);
  check(Number(open.limitPx) === dollars(last * 0.79), JSON.stringify(open));
  status(await sdk.exchange.cancelOrder({ coin: COIN, o: open.oid }));
  check((await sdk.info.getUserOpenOrders(address)).length === 0, "still open");

  const bought = status(await sdk.exchange.placeOrder(limit(last * 1.05, "Ioc"))).filled;
  check(Number(bought.totalSz) === amount, JSON.stringify(bought));
  await until("the fill is streamed", () => streamed.some((fill) => fill.oid === bought.oid));
  await until("the order is streamed", () => updates.some((u) => u.order.oid === bought.oid));
  const trigger = { isMarket: true, triggerPx: dollars(last * 0.5), tpsl: "sl" };
  const stop = { is_buy: false, reduce_only: true, order_type: { trigger } };
  status(await sdk.exchange.placeOrder(limit(last * 0.5, "Gtc", stop)));
  step("trade", { order: bought.oid, amount, average: bought.avgPx });
  return amount;
}

async function reconcile(amount) {
  const { position } = await held();
  check(Number(position.szi) === amount, JSON.stringify(position));
  check(position.leverage.type === "cross" && Number(position.liquidationPx) > 0, "margin");
  const net = (await fills()).reduce((sum, f) => sum + (f.side === "buy" ? 1 : -1) * Number(f.sz), 0);
  check(Math.abs(net - amount) < 1e-9, `fills make ${net}`);
  check((await sdk.info.getUserOpenOrders(address)).length === 1, "the stop is missing");
  const { accountValue } = (await state()).marginSummary;
  step("reconcile", { liquidationPrice: position.liquidationPx, accountValue });
}

await main(async () => {
  await sdk.connect();
  check(sdk.isWebSocketConnected(), "no websocket");
  check((await sdk.custom.getAllAssets()).perp.includes(COIN), "no market");
  step("connect", sdk.getBaseUrl());

  const now = Date.now();
  const history = await sdk.info.getCandleSnapshot(COIN, "1m", now - 86_400_000, now);
  check(history.length >= candles, `${history.length} candles`);
  step("history", { candles: history.length, average: average(history.map((c) => Number(c.c))) });

  const books = [];
  await sdk.subscriptions.subscribeToL2Book(COIN, (book) => books.push(book));
  await until("the book is streamed", () => books.at(-1)?.levels[0].length > 5);
  const amount = await trade();
  await reconcile(amount);

  await ask("shock", { market: "BTC", move: "-4.4%" });
  await until("liquidated", async () => !(await held()));
  const forced = (await fills()).filter((fill) => fill.liquidation);
  check(forced.length > 0, "no fill says that it was a liquidation");
  const total = Number((await state()).marginSummary.accountValue);
  check(total < 300, `${total} USD are left`);
  step("liquidated", { fills: forced.length, total });

  const before = (await fills()).length;
  await ask("restart");
  const seen = books.length;
  await until("the websocket is connected again", () => sdk.isWebSocketConnected());
  const streams = books.length > seen;
  await sdk.subscriptions.subscribeToL2Book(COIN, (book) => books.push(book));
  await until("the book is streamed again", () => books.length > seen + 1);
  check((await fills()).length === before, "fills were lost");
  await ask("fund", { address, usd: 1000 });
  const price = await mid();
  const order = { coin: COIN, is_buy: true, sz: size(500, price), limit_px: dollars(price * 1.05) };
  const ioc = { reduce_only: false, order_type: { limit: { tif: "Ioc" } } };
  status(await sdk.exchange.placeOrder({ ...order, ...ioc }));
  check(Number((await held()).position.szi) === order.sz, "no position after the restart");
  step("reconnect", { fills: before, streamsByItself: streams });
});
