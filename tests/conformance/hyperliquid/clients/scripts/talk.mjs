// What a script says and asks: see talk.py.
import readline from "node:readline";

export const about = JSON.parse(process.argv[2]);
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => process.stdout.write("@@" + JSON.stringify(what) + "\n");

export const step = (name, detail) => say({ step: name, detail });

export async function ask(what, fields = {}) {
  say({ ask: what, ...fields });
  await answers.next();
}

export function check(condition, text) {
  if (!condition) throw new Error(text);
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The first true value of an asynchronous question; errors on the way count as "not yet".
export async function until(what, question, patience = 300_000) {
  const end = Date.now() + patience;
  let last;
  while (Date.now() < end) {
    try {
      const found = await question();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await pause(250);
  }
  throw new Error(`not so after ${patience / 1000} s: ${what} ${last?.stack ?? ""}`);
}

// The last value of an exponential moving average over closing prices.
export const average = (closes, length = 10) =>
  closes.reduce((mean, close) => mean + (2 / (length + 1)) * (close - mean), closes[0]);

export async function main(flow) {
  try {
    await flow();
    process.stdout.write("", () => process.exit(0));
  } catch (error) {
    console.error(error?.stack ?? error);
    process.exit(1);
  }
}
