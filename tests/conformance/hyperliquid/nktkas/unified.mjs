// node unified.mjs '{"url":..,"ws":..,"key":..,"address":..,"other":..,"coin":..,"dex":..,"asset":..,"price":..,"low":..}'
// A unified account on two dexes with @nktkas/hyperliquid; prints [{kind, method, errors}] as JSON.
import { Bench } from "./client.mjs";

const about = JSON.parse(process.argv[2]);
const bench = new Bench(about);
const { address: user, coin, dex, asset } = about;
const token = "USDC:0x6d1e7cde53ba9467b783cb7c530ce054";
const x = bench.exchange(about.key);
const isDefault = (value) => value.status === "ok" && value.response.type === "default";

const act = (method, work, expect = isDefault) => bench.call("exchange", method, work, expect);
const ask = (method, args, expect) => bench.call("info", method, () => bench.info[method](args), expect);

function order(p, tif, more = {}) {
  return { a: asset, b: true, p, s: "0.5", r: false, t: { limit: { tif } }, ...more };
}

/** What must be refused with this text. */
async function refused(method, work, text) {
  let said = "it was taken";
  try {
    await work();
  } catch (error) {
    said = error.message;
  }
  bench.results.push({ kind: "exchange", method, errors: said.includes(text) ? [] : [said] });
}

async function actions() {
  await act("sendAsset", () => x.sendAsset({ destination: user, sourceDex: "", destinationDex: dex, token, amount: "500" }));
  await ask("clearinghouseState", { user, dex }, (v) => v.withdrawable === "500.0");
  await act("userSetAbstraction", () => x.userSetAbstraction({ user, abstraction: "unifiedAccount" }));
  await ask("userAbstraction", { user }, (v) => v === "unifiedAccount");
  const closed = "Action disabled when unified account is active";
  await refused("usdClassTransfer", () => x.usdClassTransfer({ amount: "1", toPerp: true }), closed);
  await refused("sendAsset", () => x.sendAsset({ destination: user, sourceDex: "spot", destinationDex: dex, token, amount: "1" }), closed);
  await refused("userSetAbstraction", () => x.userSetAbstraction({ user, abstraction: "portfolioMargin" }), "ortfolio margin is not offered");
  await act("spotSend", () => x.spotSend({ destination: about.other, token, amount: "5" }));
  await act("updateLeverage", () => x.updateLeverage({ asset, isCross: true, leverage: 10 }));
  await act("order", () => x.order({ orders: [order(about.price, "Ioc")], grouping: "na" }), (v) => "filled" in v.response.data.statuses[0]);
  await act("order", () => x.order({ orders: [order(about.low, "Gtc")], grouping: "na" }), (v) => "resting" in v.response.data.statuses[0]);
}

async function questions() {
  await ask("perpDexs", undefined, (v) => v[0] === null && v[1].name === dex);
  await ask("meta", { dex }, (v) => v.universe[0].name === coin);
  await ask("metaAndAssetCtxs", { dex }, (v) => v[1].length === v[0].universe.length);
  await ask("allPerpMetas", undefined, (v) => v.length === 2);
  await ask("allMids", { dex }, (v) => coin in v);
  await ask("perpsAtOpenInterestCap", { dex });
  await ask("spotMetaAndAssetCtxs", undefined, (v) => v[1][0].coin === "PURR/USDC");
  await ask("spotClearinghouseState", { user }, (v) => v.tokenToAvailableAfterMaintenance[0][0] === 0 && Number(v.balances[0].hold) > 0);
  await ask("clearinghouseState", { user, dex }, (v) => v.assetPositions[0].position.coin === coin);
  await ask("openOrders", { user, dex }, (v) => v.length === 1);
  await ask("frontendOpenOrders", { user, dex }, (v) => v[0].coin === coin);
  await ask("openOrders", { user }, (v) => v.length === 0);
  await ask("activeAssetData", { user, coin });
  await ask("subAccounts2", { user });
  await ask("userFills", { user }, (v) => v[0].coin === coin);
  await ask("userNonFundingLedgerUpdates", { user }, (v) => v.some((u) => u.delta.destinationDex === dex));
  await ask("webData2", { user }, (v) => v.spotState.balances.length === 1);
  await ask("l2Book", { coin: "PURR/USDC" });
}

async function streams() {
  const { transport, client } = bench.streams();
  const event = (method, args, fits) => bench.event(client, method, args, fits);
  try {
    await event("allMids", [{ dex }], (d) => coin in d.mids);
    await event("allDexsClearinghouseState", [{ user }], (d) => d.clearinghouseStates.length === 2);
    await event("allDexsAssetCtxs", [], (d) => d.ctxs.length === 2);
    await event("assetCtxs", [{ dex }]);
    await event("clearinghouseState", [{ user, dex }], (d) => d.dex === dex);
    await event("openOrders", [{ user, dex }], (d) => d.orders.length === 1);
    await event("spotState", [{ user }]);
    await event("spotAssetCtxs", []);
    await event("webData3", [{ user }], (d) => d.userState.abstraction === "unifiedAccount");
    await event("activeAssetData", [{ user, coin }]);
  } finally {
    await transport.close?.();
  }
}

try {
  await actions();
  await questions();
  await streams();
} catch (error) {
  bench.results.push({ kind: "script", method: "unified", errors: [String(error.stack).slice(0, 800)] });
}
process.stdout.write(JSON.stringify(bench.results) + "\n", () => process.exit(0));
