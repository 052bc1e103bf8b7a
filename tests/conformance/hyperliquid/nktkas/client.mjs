// Clients of the package whose transport keeps what the venue really answered.
import { ExchangeClient, HttpTransport, InfoClient, SubscriptionClient, WebSocketTransport } from "@nktkas/hyperliquid";
import { Ajv } from "ajv";
import fs from "node:fs";
import { privateKeyToAccount } from "viem/accounts";
import { WebSocket } from "ws";

globalThis.WebSocket ??= WebSocket; // node has its own from version 22 on

export class Bench {
  constructor(about) {
    this.about = about;
    this.results = [];
    this.schemas = JSON.parse(fs.readFileSync("schemas.json", "utf8"));
    this.ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true });
    this.http = new HttpTransport({ apiUrl: about.url, isTestnet: true, timeout: 30_000 });
    const request = this.http.request.bind(this.http);
    this.http.request = async (...args) => (this.answer = await request(...args));
    this.info = new InfoClient({ transport: this.http });
  }

  exchange(key) {
    return new ExchangeClient({ transport: this.http, wallet: privateKeyToAccount(key) });
  }

  streams() {
    const transport = new WebSocketTransport({ url: this.about.ws, isTestnet: true });
    return { transport, client: new SubscriptionClient({ transport }) };
  }

  complaints(name, value) {
    const check = this.ajv.compile(this.schemas[name]);
    if (check(value)) return [];
    return check.errors.slice(0, 6).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
  }

  /** Calls, validates what came over the wire, remembers the outcome; the answer, or undefined. */
  async call(kind, method, work, expect = () => true) {
    this.answer = undefined;
    const outcome = { kind, method, errors: [] };
    try {
      const value = await work();
      outcome.errors = this.complaints(`${kind}.${method}`, this.answer);
      if (!expect(value)) outcome.errors.push(`unexpected: ${JSON.stringify(this.answer)?.slice(0, 300)}`);
      return value;
    } catch (error) {
      const shown = JSON.stringify(this.answer)?.slice(0, 200) ?? "";
      outcome.errors.push(`${error.name}: ${error.message} ${error.cause?.message ?? ""} ${shown}`.slice(0, 400));
    } finally {
      this.results.push(outcome);
    }
  }

  /** The first event that fits, validated. */
  async event(client, method, args, fits = () => true, patience = 10_000) {
    const outcome = { kind: "subscription", method, errors: [] };
    let stop;
    try {
      const seen = await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("nothing came")), patience);
        const listen = (data) => fits(data) && (clearTimeout(timer), resolve(data));
        client[method](...args, listen).then((s) => (stop = s), reject);
      });
      outcome.errors = this.complaints(`subscription.${method}`, seen);
    } catch (error) {
      outcome.errors.push(`${error.name}: ${error.message}`.slice(0, 400));
    } finally {
      await stop?.unsubscribe?.().catch(() => {});
      this.results.push(outcome);
    }
  }
}
