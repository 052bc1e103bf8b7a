// node check.mjs '{"url":..,"ws":..,"key":..,"address":..,"other":..,"otherKey":..,"coin":..,"asset":..,"price":..,"now":..}'
// Drives a local venue with @nktkas/hyperliquid and prints [{kind, method, errors}] as JSON.
import { Bench } from "./client.mjs";

const about = JSON.parse(process.argv[2]);
const bench = new Bench(about);
const user = about.address;
const { coin, asset, now } = about;
const low = String(about.price * 0.7);
const near = String(about.price * 1.02);
const size = "0.5";
const cloid = "0x0000000000000000000000000000abcd";
const builder = about.other;
const token = "USDC:0x6d1e7cde53ba9467b783cb7c530ce054";

function order(p, tif = "Gtc", more = {}) {
  return { a: asset, b: true, p, s: size, r: false, t: { limit: { tif } }, ...more };
}

const isDefault = (value) => value.status === "ok" && value.response.type === "default";

async function actions() {
  const x = bench.exchange(about.key);
  const call = (method, work, expect = isDefault) => bench.call("exchange", method, work, expect);
  const oidOf = (value) => value?.response.data.statuses[0].resting.oid;

  await call("updateLeverage", () => x.updateLeverage({ asset, isCross: true, leverage: 10 }));
  const placed = await call("order", () => x.order({ orders: [order(low)], grouping: "na" }), oidOf);
  await call("modify", () => x.modify({ oid: oidOf(placed), order: order(low, "Gtc", { c: cloid }) }));
  // The package turns a client id given as `oid` into a number, so the order is named by its own id.
  const [{ oid }] = await bench.info.openOrders({ user });
  const moved = await call("batchModify", () => x.batchModify({ modifies: [{ oid, order: order(low) }] }), oidOf);
  const cancels = [{ a: asset, o: oidOf(moved) }];
  await call("cancel", () => x.cancel({ cancels }), (v) => v.response.data.statuses[0] === "success");
  await x.order({ orders: [order(low, "Alo", { c: cloid })], grouping: "na" });
  await call("cancelByCloid", () => x.cancelByCloid({ cancels: [{ asset, cloid }] }), (v) => v.response.data.statuses[0] === "success");

  await call("usdClassTransfer", () => x.usdClassTransfer({ amount: "300", toPerp: false }));
  await call("usdSend", () => x.usdSend({ destination: about.other, amount: "5" }));
  await call("spotSend", () => x.spotSend({ destination: about.other, token, amount: "5" }));
  await call("sendAsset", () => x.sendAsset({ destination: about.other, sourceDex: "spot", destinationDex: "", token, amount: "5" }));
  await call("withdraw3", () => x.withdraw3({ destination: user, amount: "5" }));
  await call("approveAgent", () => x.approveAgent({ agentAddress: about.agent, agentName: "helper" }));
  await call("approveBuilderFee", () => x.approveBuilderFee({ builder, maxFeeRate: "0.01%" }));

  const market = [order(near, "FrontendMarket", { s: about.large })];
  await call("order", () => x.order({ orders: market, grouping: "na", builder: { b: builder, f: 5 } }), (v) => "filled" in v.response.data.statuses[0]);
  const stop = { a: asset, b: false, p: low, s: size, r: true, t: { trigger: { isMarket: true, triggerPx: String(about.price * 0.8), tpsl: "sl" } } };
  await call("order", () => x.order({ orders: [stop], grouping: "na" }), oidOf);
  await call("registerReferrer", () => x.registerReferrer({ code: "NKTKAS" }));
  await call("setReferrer", () => bench.exchange(about.otherKey).setReferrer({ code: "NKTKAS" }));
  const created = await call("createSubAccount", () => x.createSubAccount({ name: "first" }), (v) => v.response.data.startsWith("0x"));
  const subAccountUser = created?.response.data;
  await call("subAccountModify", () => x.subAccountModify({ subAccountUser, name: "renamed" }));
  await call("subAccountTransfer", () => x.subAccountTransfer({ subAccountUser, isDeposit: true, usd: 50e6 }));
  await call("subAccountSpotTransfer", () => x.subAccountSpotTransfer({ subAccountUser, isDeposit: true, token, amount: "5" }));

  const twap = { a: asset, b: true, s: "10", r: false, m: 30, t: false };
  const running = await call("twapOrder", () => x.twapOrder({ twap }), (v) => "running" in v.response.data.status);
  const t = running?.response.data.status.running.twapId;
  await call("twapCancel", () => x.twapCancel({ a: asset, t }), (v) => v.response.data.status === "success");
  await call("scheduleCancel", () => x.scheduleCancel({}));
  await call("noop", () => x.noop({ nonce: Date.now() + 3_600_000 }));
  await call("reserveRequestWeight", () => x.reserveRequestWeight({ weight: 10 }));
  await call("userSetAbstraction", () => x.userSetAbstraction({ user, abstraction: "disabled" }));
  await call("agentSetAbstraction", () => x.agentSetAbstraction({ abstraction: "i" }));

  const isolated = { asset: about.isolated, isCross: false, leverage: 2 };
  await call("updateLeverage", () => x.updateLeverage(isolated));
  const bucket = { a: about.isolated, b: true, p: about.isolatedPrice, s: about.isolatedSize, r: false, t: { limit: { tif: "Ioc" } } };
  await call("order", () => x.order({ orders: [bucket], grouping: "na" }), (v) => "filled" in v.response.data.statuses[0]);
  await call("updateIsolatedMargin", () => x.updateIsolatedMargin({ asset: about.isolated, isBuy: true, ntli: 10e6 }));
  await call("topUpIsolatedOnlyMargin", () => x.topUpIsolatedOnlyMargin({ asset: about.isolated, leverage: "1.5" }));
  return { resting: await x.order({ orders: [order(low, "Gtc", { c: "0x0000000000000000000000000000beef" })], grouping: "na" }) };
}

const USER_ONLY = `clearinghouseState spotClearinghouseState openOrders frontendOpenOrders historicalOrders userFills
  userNonFundingLedgerUpdates userFunding userFees userRateLimit userRole subAccounts subAccounts2 extraAgents referral
  portfolio userVaultEquities userTwapSliceFills twapHistory userAbstraction userDexAbstraction isVip legalCheck
  approvedBuilders delegations delegatorSummary delegatorHistory delegatorRewards leadingVaults webData2
  userToMultiSigSigners`.split(/\s+/);
const NO_ARGUMENTS = `meta allPerpMetas metaAndAssetCtxs perpDexs spotMeta spotMetaAndAssetCtxs allMids
  predictedFundings exchangeStatus maxMarketOrderNtls perpsAtOpenInterestCap liquidatable`.split(/\s+/);
const FILLED = ["historicalOrders", "userFills", "openOrders", "frontendOpenOrders", "subAccounts", "extraAgents", "approvedBuilders", "userNonFundingLedgerUpdates", "twapHistory"];

async function questions(oid) {
  const { info } = bench;
  const ask = (method, args, expect) => bench.call("info", method, () => info[method](args), expect);
  for (const method of NO_ARGUMENTS) await bench.call("info", method, () => info[method]());
  for (const method of USER_ONLY) {
    await ask(method, { user }, (value) => !FILLED.includes(method) || value.length > 0);
  }
  await ask("orderStatus", { user, oid }, (v) => v.status === "order");
  await ask("orderStatus", { user, oid: 1 }, (v) => v.status === "unknownOid");
  await ask("userFillsByTime", { user, startTime: 0 }, (v) => v.length > 0);
  await ask("userTwapSliceFillsByTime", { user, startTime: 0 });
  await ask("candleSnapshot", { coin, interval: "1h", startTime: now - 7_200_000 }, (v) => v.length > 0);
  await ask("fundingHistory", { coin, startTime: 0 });
  await ask("l2Book", { coin, nSigFigs: 5, mantissa: 2 }, (v) => v.levels[0].length > 0);
  await ask("l2Book", { coin }, (v) => v.levels[1].length > 0);
  await ask("recentTrades", { coin }, (v) => v.length > 0);
  await ask("activeAssetData", { user, coin });
  await ask("maxBuilderFee", { user, builder }, (v) => v === 10);
  await ask("marginTable", { id: about.marginTable });
  await ask("preTransferCheck", { user: about.other, source: user });
}

const OF_USER = `webData3 clearinghouseState openOrders twapStates spotState allDexsClearinghouseState userFundings
  userNonFundingLedgerUpdates userFills userTwapHistory userTwapSliceFills userHistoricalOrders`.split(/\s+/);

async function streams() {
  const { transport, client } = bench.streams();
  const x = bench.exchange(about.otherKey);
  const both = { user: about.other, coin };
  const event = (method, args, fits) => bench.event(client, method, args, fits);
  try {
    for (const method of ["allMids", "assetCtxs", "allDexsAssetCtxs"]) await event(method, []);
    for (const method of ["l2Book", "bbo", "activeAssetCtx"]) await event(method, [{ coin }]);
    await event("activeAssetData", [both]);
    for (const method of OF_USER) await event(method, [{ user }]);
    const waiting = [
      event("trades", [{ coin }], (d) => d.length > 0),
      event("candle", [{ coin, interval: "1m" }]),
      event("orderUpdates", [{ user: about.other }]),
      event("userEvents", [{ user: about.other }], (d) => "fills" in d),
    ];
    await new Promise((resolve) => setTimeout(resolve, 500));
    await x.order({ orders: [order(near, "Ioc")], grouping: "na" });
    await Promise.all(waiting);
  } finally {
    await transport.close?.();
  }
}

try {
  const { resting } = await actions();
  await questions(resting.response.data.statuses[0].resting.oid);
  await streams();
} catch (error) {
  bench.results.push({ kind: "script", method: "check", errors: [String(error.stack).slice(0, 800)] });
}
process.stdout.write(JSON.stringify(bench.results) + "\n", () => process.exit(0));
