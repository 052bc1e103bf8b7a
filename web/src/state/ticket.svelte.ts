/** The order that is being written, and what the engine says of it before it is sent. */

import type { Answer, AnyRequest, ModeName, OrderKind, Preview, SideName, Ticket } from "../protocol";
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
const WITHOUT_PRICE = new Set<OrderKind>(["market", "stop_market", "take_market"]);
const TRIGGERS = new Set<OrderKind>(["stop_market", "stop_limit", "take_market", "take_limit"]);

const bare = (text: string): string => text.trim().replaceAll(",", "");
const given = (text: string): string | null => bare(text) || null;

class TicketState {
  side = $state<SideName>("buy");
  kind = $state<OrderKind>("limit");
  size = $state("");
  price = $state("");
  trigger = $state("");
  takeProfit = $state("");
  stopLoss = $state("");
  scaleTo = $state("");
  scaleCount = $state(5);
  reduceOnly = $state(false);
  risk = $state("");
  leverage = $state<number | null>(null);
  mode = $state<ModeName | null>(null);
  preview = $state.raw<Preview | null>(null);
  refused = $state("");

  private readonly asking = new Newest(
    () => this.request(),
    (found) => this.take(found),
  );

  get isOverCap(): boolean {
    return (this.preview?.slippage ?? 0) * 100 > preferences.slippageCap;
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

  /** As it would be sent; null while something is missing. */
  get ticket(): Ticket | null {
    const market = venue.market;
    const isWhole =
      bare(this.size) !== "" &&
      (!this.needsPrice || bare(this.price) !== "") &&
      (!this.needsTrigger || bare(this.trigger) !== "") &&
      (this.kind !== "scale" || bare(this.scaleTo) !== "");
    if (!market || !isWhole) return null;
    return {
      market: market.name,
      side: this.side,
      kind: this.kind,
      size: bare(this.size),
      price: this.needsPrice ? given(this.price) : null,
      triggerPrice: this.needsTrigger ? given(this.trigger) : null,
      reduceOnly: this.reduceOnly,
      takeProfit: given(this.takeProfit),
      stopLoss: given(this.stopLoss),
      scaleTo: this.kind === "scale" ? given(this.scaleTo) : null,
      scaleCount: this.scaleCount,
    };
  }

  /** A price that was clicked somewhere. */
  fillPrice(price: string): void {
    if (this.needsTrigger) this.trigger = price;
    if (this.kind === "market") this.kind = "limit";
    if (this.needsPrice) this.price = price;
  }

  clear(): void {
    this.size = "";
    this.takeProfit = "";
    this.stopLoss = "";
    this.preview = null;
    this.refused = "";
  }

  async send(): Promise<boolean> {
    const ticket = this.ticket;
    if (!ticket || this.isPreviewOfChosen) return false;
    // The cap is for what is sent now, not for what was in the ticket before the last key.
    await this.asking.settled();
    if (this.isOverCap) return false;
    const isDone = await venue.act({ type: "PlaceOrder", ticket });
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
    const ticket = this.ticket;
    if (!ticket) return null;
    return {
      type: "PreviewOrder",
      ticket,
      leverage: this.leverage,
      mode: this.mode,
      slippageCap: preferences.slippageCap / 100,
    };
  }

  private take(found: Answer | null): void {
    this.preview = found?.type === "Preview" && this.ticket ? found : null;
    this.refused = found?.type === "Refused" ? `${found.field}: ${found.expected}` : "";
  }
}

export const ticket = new TicketState();
