/** What can be done with one key, and the list of it for the help sheet. */

import { doubts } from "./confirm.svelte";
import { preferences } from "./preferences.svelte";
import { ticket } from "./ticket.svelte";
import { venue } from "./venue.svelte";
import { question } from "./whatif.svelte";
import type { SideName } from "../protocol";

class Actions {
  isHelpOpen = $state(false);

  async cancelAll(market: string | null): Promise<void> {
    await venue.act({ type: "CancelAll", market });
  }

  async close(market: string, share = 1): Promise<void> {
    await venue.act({ type: "ClosePosition", market, share });
  }

  async closeAll(): Promise<void> {
    const count = venue.account?.positions.length ?? 0;
    const text = `All ${count} positions are closed at market, whatever the book pays.`;
    if (count > 0 && (await doubts.sure("Close all positions?", text, "Close all"))) {
      await venue.act({ type: "CloseAll" });
    }
  }

  async reverse(market: string): Promise<void> {
    const text = `The position in ${market} is closed and opened the other way, at market.`;
    if (await doubts.sure(`Reverse ${market}?`, text, "Reverse")) {
      await venue.act({ type: "ReversePosition", market });
    }
  }

  async breakEven(market: string): Promise<void> {
    await venue.act({ type: "StopToBreakEven", market });
  }

  write(side: SideName): void {
    preferences.sideTab = "ticket";
    ticket.side = side;
    // The ticket may only now be on the page.
    requestAnimationFrame(() => document.getElementById("ticket-size")?.focus());
  }

  best(side: "bids" | "asks"): void {
    const price = venue.book?.[side][0]?.price;
    if (price) ticket.fillPrice(price);
  }

  nextMarket(step: number): void {
    const names = venue.snapshot?.markets.map((each) => each.name) ?? [];
    const here = names.indexOf(venue.market?.name ?? "");
    const market = names[(here + step + names.length) % names.length];
    if (market) void venue.watch({ market });
  }

  async pause(): Promise<void> {
    const standing = venue.standing;
    if (!standing) return;
    if (standing.playback) {
      await venue.act({ type: "Play", isPlaying: !standing.playback.isPlaying });
    } else {
      await venue.act({ type: "Control", action: standing.paused ? "resume" : "pause" });
    }
  }
}

export const actions = new Actions();

interface Key {
  key: string;
  text: string;
  /** Whether it trades, so that it needs an account that may. */
  trades: boolean;
  run: () => void;
}

const here = (run: (market: string) => void) => (): void => {
  if (venue.market) run(venue.market.name);
};

export const KEYS: Key[] = [
  { key: "b", text: "Write a buy order", trades: true, run: () => actions.write("buy") },
  { key: "s", text: "Write a sell order", trades: true, run: () => actions.write("sell") },
  { key: "[", text: "Best bid into the ticket", trades: false, run: () => actions.best("bids") },
  { key: "]", text: "Best ask into the ticket", trades: false, run: () => actions.best("asks") },
  { key: "x", text: "Cancel all orders of the market", trades: true, run: here((m) => void actions.cancelAll(m)) },
  { key: "X", text: "Cancel all orders", trades: true, run: () => void actions.cancelAll(null) },
  { key: "c", text: "Close the position at market", trades: true, run: here((m) => void actions.close(m)) },
  { key: "h", text: "Close half of the position", trades: true, run: here((m) => void actions.close(m, 0.5)) },
  { key: "C", text: "Close all positions", trades: true, run: () => void actions.closeAll() },
  { key: "r", text: "Reverse the position", trades: true, run: here((m) => void actions.reverse(m)) },
  { key: "e", text: "Stop to break-even", trades: true, run: here((m) => void actions.breakEven(m)) },
  { key: "n", text: "Next market", trades: false, run: () => actions.nextMarket(1) },
  { key: "N", text: "Previous market", trades: false, run: () => actions.nextMarket(-1) },
  { key: "w", text: "What if", trades: false, run: () => (preferences.sideTab = "whatif") },
  { key: "k", text: "Control", trades: false, run: () => (preferences.sideTab = "control") },
  { key: "p", text: "Pause or resume the clock", trades: false, run: () => void actions.pause() },
  { key: "?", text: "This sheet", trades: false, run: () => (actions.isHelpOpen = true) },
  { key: "Escape", text: "End the what-if", trades: false, run: () => question.clear() },
];

const WRITES = "input:not([type=range]):not([type=checkbox]):not([type=radio]), select, textarea, dialog, [role=tab]";

export function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target instanceof Element ? event.target : null;
  if (event.key === "Escape") {
    if (target instanceof HTMLElement && target.matches("input, select")) target.blur();
    question.clear();
    return;
  }
  if (target?.closest(WRITES)) return;
  const found = KEYS.find((each) => each.key === event.key);
  if (!found || (found.trades && !venue.mayTrade)) return;
  event.preventDefault();
  // A key that is held down trades once.
  if (!(found.trades && event.repeat)) found.run();
}
