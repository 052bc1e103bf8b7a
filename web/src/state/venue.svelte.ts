/** What the page knows of the venue: the newest of each surface, and what the reader does to it. */

import type * as p from "../protocol";
import { Connection, ConnectionLost, type Link } from "./connection";
import { aged } from "./figures";
import { preferences } from "./preferences.svelte";
import { play } from "./sound";

export interface Said {
  key: number;
  kind: string;
  text: string;
  timeMs: number | null;
  isBad: boolean;
}

const KEPT_NOTICES = 200;
const SHOWN_MS = 6_000;
const BAD = new Set(["rejected", "liquidated", "deleveraged", "refused", "unanswered"]);
/** Of one market; a chart has a quarter more at most. */
export const KEPT_CANDLES = 2_000;

class VenueState {
  link = $state<Link>("connecting");
  /** From the end of a connection until the next one has said everything. */
  isLost = $state(false);
  snapshot = $state.raw<p.Snapshot | null>(null);
  standing = $state.raw<p.Venue | null>(null);
  markets = $state.raw<p.MarketRow[]>([]);
  book = $state.raw<p.Book | null>(null);
  trades = $state.raw<p.Trade[]>([]);
  candles = $state.raw<p.Candles | null>(null);
  account = $state.raw<p.Account | null>(null);
  twaps = $state.raw<p.Twaps | null>(null);
  history = $state.raw<p.History | null>(null);
  map = $state.raw<p.LiquidationMap | null>(null);
  cascade = $state.raw<p.Cascade | null>(null);
  guard = $state.raw<p.Guard | null>(null);
  notices = $state.raw<Said[]>([]);
  toasts = $state.raw<Said[]>([]);

  private said = 0;
  readonly connection: Connection;

  constructor() {
    this.connection = new Connection(
      streamAddress,
      (message) => this.take(message),
      (link) => this.linked(link),
    );
  }

  // -- what is in view -------------------------------------------------------------------------

  get market(): p.MarketInfo | null {
    const name = this.standing?.view.market;
    return this.snapshot?.markets.find((each) => each.name === name) ?? null;
  }

  get row(): p.MarketRow | null {
    return this.markets.find((each) => each.name === this.standing?.view.market) ?? null;
  }

  get accountInfo(): p.AccountInfo | null {
    const address = this.standing?.view.account;
    return this.snapshot?.accounts.find((each) => each.address === address) ?? null;
  }

  /** Whether this is a recording, or an account that is only read. */
  get isReadOnly(): boolean {
    return this.snapshot !== null && this.snapshot.source !== "venue";
  }

  /** How old an answer is that should be newer; empty where it is not, or where nothing is read. */
  stale(name: string): string {
    const found = this.standing?.reading?.inputs.find((each) => each.name === name);
    return found?.isStale ? (found.ageMs === null ? "not read yet" : `${aged(found.ageMs)} old`) : "";
  }

  get mayTrade(): boolean {
    return this.link === "open" && !this.isReadOnly && !!this.accountInfo?.mayTrade;
  }

  get position(): p.Position | null {
    return this.account?.positions.find((each) => each.market === this.market?.name) ?? null;
  }

  get setting(): p.MarketSetting | null {
    return this.account?.settings.find((each) => each.market === this.market?.name) ?? null;
  }

  infoOf(name: string): p.MarketInfo | null {
    return this.snapshot?.markets.find((each) => each.name === name) ?? null;
  }

  // -- what comes in ---------------------------------------------------------------------------

  private linked(link: Link): void {
    if (link !== "connecting") this.isLost = link === "lost";
    this.link = link;
  }

  private take(message: p.Surface): void {
    switch (message.type) {
      case "Snapshot":
        this.begin(message);
        break;
      case "Venue":
        this.standing = message;
        break;
      case "Markets":
        this.markets = message.rows;
        break;
      case "Book":
        this.book = message;
        break;
      case "Trades":
        this.trades = message.trades;
        break;
      case "Candles":
        this.candles = continued(this.candles, message);
        break;
      case "Account":
        this.account = message;
        break;
      case "Twaps":
        this.twaps = message;
        break;
      case "History":
        this.history = message;
        break;
      case "LiquidationMap":
        this.map = message;
        break;
      case "Cascade":
        this.cascade = message;
        break;
      case "Guard":
        this.guard = message;
        break;
      case "Notice":
        this.say(message.kind, message.text, message.timeMs);
        break;
    }
  }

  private begin(snapshot: p.Snapshot): void {
    if (this.snapshot && this.snapshot.epoch !== snapshot.epoch) {
      this.history = null;
      this.trades = [];
      this.cascade = null;
    }
    this.snapshot = snapshot;
  }

  // -- what goes out ---------------------------------------------------------------------------

  async watch(view: Omit<p.Watch, "type">): Promise<void> {
    if (view.market) preferences.market = view.market;
    if (view.account) preferences.account = view.account;
    if (view.interval) preferences.interval = view.interval;
    const answer = await this.ask({ type: "Watch", ...view });
    if (answer?.type === "Refused") this.refuse(answer);
  }

  /** The answer; null where the connection ended, which the page says elsewhere. */
  async ask(request: p.AnyRequest): Promise<p.Answer | null> {
    try {
      return await this.connection.ask(request);
    } catch (error) {
      if (error instanceof ConnectionLost) return null;
      throw error;
    }
  }

  /** Does something and says how it went; true where it was done. */
  async act(request: p.AnyRequest): Promise<boolean> {
    let answer: p.Answer;
    try {
      answer = await this.connection.ask(request);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      if (error.isSent) this.say("unanswered", "No answer came: look whether it was done.");
      else this.say("refused", "The venue does not answer: nothing was sent.");
      return false;
    }
    if (answer.type === "Refused") {
      this.refuse(answer);
      return false;
    }
    if (answer.type === "Done" && answer.text && answer.text !== "done") {
      this.say("done", answer.text);
    }
    if (answer.type === "Placed") {
      const refused = answer.orders.filter((each) => each.status === "refused");
      for (const each of refused) this.say("rejected", each.reason || "The order was refused.");
      if (answer.orders.length > 0 && refused.length === answer.orders.length) return false;
      const done = answer.orders.filter((each) => each.status !== "refused");
      // A fill is a notice of its own.
      const open = done.filter((each) => each.status !== "filled");
      if (open.length > 0) this.say("done", open.map(orderSaid).join("; "));
    }
    return true;
  }

  refuse(answer: p.Refused): void {
    const what = answer.field ? `${answer.field} ${answer.value}: ` : "";
    this.say("refused", `${what}${answer.expected}`);
  }

  say(kind: string, text: string, timeMs: number | null = null): void {
    this.said += 1;
    const said = { key: this.said, kind, text, timeMs, isBad: BAD.has(kind) };
    this.notices = [said, ...this.notices].slice(0, KEPT_NOTICES);
    this.toasts = [...this.toasts, said].slice(-4);
    setTimeout(() => {
      this.toasts = this.toasts.filter((each) => each.key !== said.key);
    }, SHOWN_MS);
    play(kind);
  }
}

/** Of the stream, with what the reader looked at last: a connection begins with that. */
function streamAddress(): string {
  const { market, account, interval } = preferences;
  const address = new URL("terminal/stream", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.search = new URLSearchParams({ market, account, interval }).toString();
  return address.href;
}

/** Candles with those that came before, which are shown again where the chart is opened again. */
function continued(before: p.Candles | null, found: p.Candles): p.Candles {
  if (found.isWhole || before?.market !== found.market || before.interval !== found.interval) {
    return found;
  }
  const start = found.candles[0]?.timeMs ?? Infinity;
  const older = before.candles.filter((each) => each.timeMs < start);
  return { ...found, candles: [...older, ...found.candles].slice(-KEPT_CANDLES) };
}

function orderSaid(order: p.OrderResult): string {
  const words = order.status.replaceAll("_", " ");
  return order.averagePrice
    ? `Order ${words}: ${order.filled} at ${order.averagePrice}`
    : `Order ${words}`;
}

export const venue = new VenueState();
