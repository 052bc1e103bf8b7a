// One client of the soak: the unmodified @dydxprotocol/v4-client-js. The lines are those of
// soak_python.py.
//
//     node soak.cjs ABOUT.json NUMBER      (NODE_PATH: where the client is installed)
const readline = require("readline");
const {
  OrderExecution, OrderFlags, OrderSide, OrderTimeInForce, OrderType,
} = require("@dydxprotocol/v4-client-js");
const { TICKER, shortTerm, trader } = require("./client.cjs");

let next = 1_000_000;
const resting = [];
const chosen = (list) => list[Math.floor(Math.random() * list.length)];

async function act(who) {
  const kind = chosen(["market", "market", "limit", "long", "cancel", "money"]);
  const side = chosen([OrderSide.BUY, OrderSide.SELL]);
  const away = side === OrderSide.BUY ? 1 : -1;
  const { markets } = await who.client.indexerClient.markets.getPerpetualMarkets(TICKER);
  const price = Number(markets[TICKER].oraclePrice);
  if (kind === "market") {
    await shortTerm(who, side, price * (1 + 0.01 * away), 0.05, 1);
  } else if (kind === "limit") {
    await shortTerm(who, side, price * (1 - 0.0005 * away), 0.05);
  } else if (kind === "long" || (kind === "cancel" && !resting.length)) {
    if (resting.length > 5) return "full";
    const id = next++;
    await who.client.placeOrder(
      who.account, TICKER, OrderType.LIMIT, side, price * (1 - 0.01 * away), 0.01, id,
      OrderTimeInForce.GTT, 600, OrderExecution.DEFAULT, false, false,
    );
    resting.push(id);
  } else if (kind === "cancel") {
    const id = resting.shift();
    await who.client.cancelOrder(who.account, id, OrderFlags.LONG_TERM, TICKER, 0, 5000);
  } else {
    const usd = (1 + Math.floor(Math.random() * 1e6)) / 1e6;
    await who.client.transferToSubaccount(who.account, who.address, 3, usd.toFixed(6));
  }
  return kind;
}

async function main() {
  const who = await trader(Number(process.argv[3]));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const done = {};
    const answer = { done };
    for (let left = Number(line.split(" ")[1]); left > 0; left -= 1) {
      let what;
      try {
        what = await act(who);
      } catch (error) {
        // The library throws what the node refused, by name and code.
        if (error?.code === undefined) answer.fault = String(error?.stack ?? error);
        what = `refused ${error?.code}`;
      }
      done[what] = (done[what] ?? 0) + 1;
    }
    console.log(JSON.stringify(answer));
  }
  process.exit(0);
}
main();
