/** The order that is being written, and what the engine says of it before it is sent. */

import type {
  Answer,
  AnyRequest,
  ModeName,
  OrderKind,
  Preview,
  SideName,
  Ticket,
  TwapPreview,
  TwapTicket,
} from "../protocol";
import { Newest } from "./newest";
import { preferences } from "./preferences.svelte";
import { venue } from "./venue.svelte";

export const KINDS: [OrderKind, string][] = [
  ["limit", "Limit"],
  ["market", "Market"],
  ["post_only", "Post-only"],
  ["immediate", "Immediate or cancel"],
  ["fill_or_kill", "Fill or kill"],
  ["stop_market", "Stop market"],
  ["stop_limit", "Stop limit"],
  ["take_market", "Take profit market"],
  ["take_limit", "Take profit limit"],
  ["scale", "Scale"],
];
/** A kind of the ticket: an order, or one that the venue trades in slices over time. */
export type TicketKind = OrderKind | "twap";
const WITHOUT_PRICE = new Set<TicketKind>(["market", "stop_market", "take_market", "twap"]);
const TRIGGERS = new Set<TicketKind>(["stop_market", "stop_limit", "take_market", "take_limit"]);

const bare = (text: string): string => text.trim().replaceAll(",", "");
const given = (text: string): string | null => bare(text) || null;

class TicketState {
  side = $state<SideName>("buy");
  kind = $state<TicketKind>("limit");
  size = $state("");
  price = $state("");
  trigger = $state("");
  takeProfit = $state("");
  stopLoss = $state("");
  scaleTo = $state("");
  scaleCount = $state(5);
  reduceOnly = $state(false);
  minutes = $state<number | null>(30);
  randomise = $state(false);
  risk = $state("");
  leverage = $state<number | null>(null);
  mode = $state<ModeName | null>(null);
  preview = $state.raw<Preview | null>(null);
  twapPreview = $state.raw<TwapPreview | null>(null);
  refused = $state("");

  private market = "";
  private readonly asking = new Newest(
    () => this.request(),
    (found) => this.take(found),
  );

  get isOverCap(): boolean {
    const slippage = this.preview?.slippage ?? this.twapPreview?.firstSlippage ?? 0;
    return slippage * 100 > preferences.slippageCap;
  }

  /** Whether it could be sent as far as it is written. */
  get isWhole(): boolean {
    return (this.kind === "twap" ? this.twap : this.ticket) !== null;
  }

  /** Whether the preview is of a leverage or a mode that is chosen and not set: of another order. */
  get isPreviewOfChosen(): boolean {
    return this.leverage !== null || this.mode !== null;
  }

  get needsPrice(): boolean {
    return !WITHOUT_PRICE.has(this.kind);
  }

  get needsTrigger(): boolean {
    return TRIGGERS.has(this.kind);
  }

  /** As it would be sent; null while something is missing, and of another kind. */
  get twap(): TwapTicket | null {
    const market = venue.market;
    if (this.kind !== "twap" || !market || bare(this.size) === "" || !this.minutes) return null;
    return {
      market: market.name,
      side: this.side,
      size: bare(this.size),
      minutes: Math.round(this.minutes),
      reduceOnly: this.reduceOnly,
      randomise: this.randomise,
    };
  }

  /** The same of an order. */
  get ticket(): Ticket | null {
    const market = venue.market;
    const kind = this.kind;
    if (kind === "twap") return null;
    const isWhole =
      bare(this.size) !== "" &&
      (!this.needsPrice || bare(this.price) !== "") &&
      (!this.needsTrigger || bare(this.trigger) !== "") &&
      (kind !== "scale" || bare(this.scaleTo) !== "");
    if (!market || !isWhole) return null;
    return {
      market: market.name,
      side: this.side,
      kind,
      size: bare(this.size),
      price: this.needsPrice ? given(this.price) : null,
      triggerPrice: this.needsTrigger ? given(this.trigger) : null,
      reduceOnly: this.reduceOnly,
      takeProfit: venue.snapshot?.offered.brackets ? given(this.takeProfit) : null,
      stopLoss: venue.snapshot?.offered.brackets ? given(this.stopLoss) : null,
      scaleTo: kind === "scale" ? given(this.scaleTo) : null,
      scaleCount: this.scaleCount,
    };
  }

  /** What was written for another market goes; what was written for this one stays. */
  ofMarket(name: string): void {
    if (name === this.market) return;
    this.market = name;
    this.price = this.trigger = this.scaleTo = "";
    this.leverage = this.mode = null;
    this.clear();
  }

  /** A price that was clicked somewhere. */
  fillPrice(price: string): void {
    if (this.needsTrigger) this.trigger = price;
    if (this.kind === "market" || this.kind === "twap") this.kind = "limit";
    if (this.needsPrice) this.price = price;
  }

  clear(): void {
    this.size = "";
    this.takeProfit = "";
    this.stopLoss = "";
    this.preview = this.twapPreview = null;
    this.refused = "";
  }

  async send(): Promise<boolean> {
    const { ticket, twap } = this;
    const order: AnyRequest | null = twap
      ? { type: "PlaceTwap", ticket: twap }
      : ticket && { type: "PlaceOrder", ticket };
    if (!order || this.isPreviewOfChosen) return false;
    // The cap is for what is sent now, not for what was in the ticket before the last key.
    await this.asking.settled();
    if (this.isOverCap) return false;
    const isDone = await venue.act(order);
    if (isDone) this.clear();
    return isDone;
  }

  /** How much to trade so that the stop loses the risk budget. */
  async sizeByRisk(): Promise<string[]> {
    const entry = this.needsPrice ? given(this.price) : (venue.row?.mid ?? venue.row?.mark ?? null);
    const stop = given(this.stopLoss);
    const risk = given(this.risk);
    if (!venue.market || !entry || !stop || !risk) {
      return ["A size by risk needs an entry price, a stop loss and the USD to risk."];
    }
    const found = await venue.ask({
      type: "SizeByRisk",
      market: venue.market.name,
      side: this.side,
      entry,
      stop,
      risk,
    });
    if (found?.type === "Sized") {
      this.size = found.size;
      return found.warnings;
    }
    return found?.type === "Refused" ? [found.expected] : [];
  }

  ask(): void {
    this.asking.ask();
  }

  private request(): AnyRequest | null {
    const { ticket, twap, leverage, mode } = this;
    if (twap) return { type: "PreviewTwap", ticket: twap, leverage, mode };
    if (!ticket) return null;
    const slippageCap = preferences.slippageCap / 100;
    return { type: "PreviewOrder", ticket, leverage, mode, slippageCap };
  }

  private take(found: Answer | null): void {
    this.preview = found?.type === "Preview" && this.ticket ? found : null;
    this.twapPreview = found?.type === "TwapPreview" && this.twap ? found : null;
    this.refused = found?.type === "Refused" ? `${found.field}: ${found.expected}` : "";
  }
}

export const ticket = new TicketState();
