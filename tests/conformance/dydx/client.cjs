// Flows of the unmodified @dydxprotocol/v4-client-js against a venue in real time without agents.
//
//     node client.cjs ABOUT.json      (NODE_PATH: where the client is installed)
//
// Prints a line of JSON for each flow: its name and, if it failed, why.
const fs = require("fs");
const assert = require("assert");
const {
  CompositeClient, IndexerConfig, LocalWallet, Network, OrderExecution, OrderFlags, OrderSide,
  OrderTimeInForce, OrderType, SocketClient, SubaccountInfo, ValidatorConfig,
} = require("@dydxprotocol/v4-client-js");

const about = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const at = (name, scheme = "http") => `${scheme}://127.0.0.1:${about.ports[name]}`;
const TICKER = "BTC-USD";
const PRICE = 60000;
const DENOMS = {
  USDC_DENOM: "ibc/8E27BA2D5493AF5636760E354E46004562C46AB7EC0CC4C1CA14E9E20E2545B5",
  USDC_DECIMALS: 6,
  USDC_GAS_DENOM: "uusdc",
  CHAINTOKEN_DENOM: "adydx",
  CHAINTOKEN_DECIMALS: 18,
};
const indexer = new IndexerConfig(at("indexer"), `${at("socket", "ws")}`);
const validator = new ValidatorConfig(at("rpc"), "localdydxprotocol", DENOMS);
const network = new Network("local", indexer, validator);
let nextId = 1;

async function trader(number) {
  const client = await CompositeClient.connect(network);
  const wallet = await LocalWallet.fromMnemonic(about.accounts[number].mnemonic, "dydx");
  assert.equal(wallet.address, about.accounts[number].address);
  const account = SubaccountInfo.forLocalWallet(wallet, 0);
  return { client, account, address: wallet.address };
}

async function until(what, ask) {
  for (let left = 3000; left; left -= 1) {
    const found = await ask();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what}: did not happen`);
}

async function order(who, id) {
  const found = await who.client.indexerClient.account.getSubaccountOrders(who.address, 0);
  return found.find((each) => each.clientId === String(id));
}

const status = (who, id, wanted) =>
  until(`order ${id} ${wanted}`, async () => (await order(who, id))?.status === wanted);

async function shortTerm(who, side, price, size, force = 0) {
  const id = nextId++;
  const height = await who.client.validatorClient.get.latestBlockHeight();
  await who.client.placeShortTermOrder(
    who.account, TICKER, side, price, size, id, height + 15, force, false,
  );
  return id;
}

const flows = {
  async short_term(taker, maker) {
    const resting = await shortTerm(maker, OrderSide.SELL, PRICE, 0.2);
    await status(maker, resting, "BEST_EFFORT_OPENED");
    const bought = await shortTerm(taker, OrderSide.BUY, PRICE * 1.01, 0.05, 1);
    await status(taker, bought, "FILLED");
    const { subaccount } = await taker.client.indexerClient.account.getSubaccount(taker.address, 0);
    assert.equal(subaccount.openPerpetualPositions[TICKER].size, "0.05");
    const height = await maker.client.validatorClient.get.latestBlockHeight();
    await maker.client.cancelOrder(
      maker.account, resting, OrderFlags.SHORT_TERM, TICKER, height + 20, 0,
    );
    await until("cancel", async () =>
      ["BEST_EFFORT_CANCELED", "CANCELED"].includes((await order(maker, resting)).status));
  },
  async long_term(taker) {
    const id = nextId++;
    const placed = await taker.client.placeOrder(
      taker.account, TICKER, OrderType.LIMIT, OrderSide.BUY, 50000, 0.1, id, OrderTimeInForce.GTT,
      600, OrderExecution.DEFAULT, false, false,
    );
    assert.ok(placed.hash);
    await status(taker, id, "OPEN");
    await taker.client.cancelOrder(taker.account, id, OrderFlags.LONG_TERM, TICKER, 0, 900);
    await status(taker, id, "CANCELED");
  },
  async conditional(taker) {
    const id = nextId++;
    await taker.client.placeOrder(
      taker.account, TICKER, OrderType.STOP_LIMIT, OrderSide.SELL, 49000, 0.01, id,
      OrderTimeInForce.GTT, 600, OrderExecution.DEFAULT, false, false, 50000,
    );
    await status(taker, id, "UNTRIGGERED");
  },
  async money(taker) {
    const cash = async (number) => {
      const answer = await taker.client.indexerClient.account.getSubaccount(taker.address, number);
      return Number(answer.subaccount.assetPositions.USDC.size);
    };
    const before = await cash(0);
    await taker.client.transferToSubaccount(taker.account, taker.address, 3, "25");
    assert.equal(await cash(3), 25);
    await taker.client.withdrawFromSubaccount(taker.account, "10");
    await taker.client.depositToSubaccount(taker.account, "4");
    await until("money", async () => Math.abs((await cash(0)) - (before - 31)) < 1e-9);
    const coins = await taker.client.validatorClient.get.getAccountBalances(taker.address);
    assert.equal(coins.find((coin) => coin.denom === DENOMS.USDC_DENOM).amount, "10006000000");
  },
  async socket(taker, maker) {
    const seen = [];
    let socket;
    await new Promise((resolve) => {
      socket = new SocketClient(
        indexer, () => {}, () => {},
        (event) => {
          if (event.data === "PONG") return;
          const message = JSON.parse(event.data);
          if (message.type === "connected") {
            socket.subscribeToSubaccount(taker.address, 0);
            socket.subscribeToMarkets();
            socket.subscribeToOrderbook(TICKER);
          }
          seen.push(message);
          if (seen.filter((each) => each.type === "subscribed").length === 3) resolve();
        },
        (event) => { throw event.error; },
      );
      socket.connect();
    });
    await shortTerm(maker, OrderSide.SELL, PRICE, 0.1);
    await shortTerm(taker, OrderSide.BUY, PRICE, 0.1, 1);
    const fill = await until("a fill", () =>
      seen.filter((each) => each.channel === "v4_subaccounts" && each.type === "channel_data")
        .flatMap((each) => each.contents.fills ?? [])[0]);
    assert.equal(fill.size, "0.1");
    socket.close();
  },
};

async function main() {
  let number = 0;
  for (const [name, flow] of Object.entries(flows)) {
    let why = "";
    try {
      await flow(await trader(number), await trader(9));
    } catch (error) {
      why = String(error?.stack ?? error);
    }
    number += 1;
    console.log(JSON.stringify({ flow: name, why }));
  }
  process.exit(0);
}

module.exports = { PRICE, TICKER, order, shortTerm, trader };
if (require.main === module) main();
