/** The question what the account would be at other prices, modes or leverages, and its answer. */

import type { Answer, AnyRequest, ModeName, WhatIf } from "../protocol";
import { Newest } from "./newest";

const REFRESH_MS = 1_000;

class Question {
  allMarkets = $state("0");
  moves = $state.raw<Record<string, string>>({});
  modes = $state.raw<Record<string, ModeName>>({});
  leverages = $state.raw<Record<string, number>>({});
  afterwards = $state(false);
  answer = $state.raw<WhatIf | null>(null);
  /** Whether the answer is to the question before, or came before the venue was gone. */
  isOld = $state(false);
  refused = $state("");

  private readonly asking = new Newest(
    () => this.request(),
    (found) => this.take(found),
  );
  private again: ReturnType<typeof setTimeout> | undefined;

  get isActive(): boolean {
    const isMoved = (move: string): boolean => Number(move) !== 0;
    return (
      isMoved(this.allMarkets) ||
      Object.values(this.moves).some(isMoved) ||
      Object.keys(this.modes).length > 0 ||
      Object.keys(this.leverages).length > 0
    );
  }

  /** The move of a market, as a share. */
  moveOf(market: string): number {
    return Number(this.moves[market] ?? this.allMarkets);
  }

  move(market: string, share: string): void {
    this.moves = { ...this.moves, [market]: share };
    this.ask();
  }

  moveAll(share: string): void {
    this.allMarkets = share;
    this.moves = {};
    this.ask();
  }

  setMode(market: string, mode: ModeName, present: ModeName): void {
    const { [market]: _, ...others } = this.modes;
    this.modes = mode === present ? others : { ...others, [market]: mode };
    this.ask();
  }

  setLeverage(market: string, leverage: number, present: number): void {
    const { [market]: _, ...others } = this.leverages;
    this.leverages = leverage === present ? others : { ...others, [market]: leverage };
    this.ask();
  }

  setAfterwards(wanted: boolean): void {
    this.afterwards = wanted;
    this.ask();
  }

  clear(): void {
    this.allMarkets = "0";
    this.moves = {};
    this.modes = {};
    this.leverages = {};
    this.answer = null;
    this.refused = "";
    clearTimeout(this.again);
  }

  /** Another account: the same moves, without the modes and leverages of the one before. */
  ofOtherAccount(): void {
    this.modes = {};
    this.leverages = {};
    this.answer = null;
    this.refused = "";
    if (this.isActive) this.ask();
  }

  private ask(): void {
    clearTimeout(this.again);
    this.isOld = true;
    this.asking.ask();
  }

  private request(): AnyRequest {
    return {
      type: "AskWhatIf",
      allMarkets: this.allMarkets,
      moves: this.moves,
      modes: this.modes,
      leverages: this.leverages,
      afterwards: this.afterwards,
    };
  }

  private take(found: Answer | null): void {
    clearTimeout(this.again);
    if (!this.isActive) {
      this.answer = null;
      return;
    }
    this.isOld = found?.type !== "WhatIf" || this.asking.isWaiting;
    if (found?.type === "WhatIf") {
      this.answer = found;
      this.refused = found.rejected;
    } else if (found?.type === "Refused") {
      this.refused = found.expected;
    }
    // Prices go on: so does the answer.
    this.again = setTimeout(() => this.asking.ask(), REFRESH_MS);
  }
}

export const question = new Question();
