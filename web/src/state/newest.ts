/** One question on its way at a time, and after it the newest of those that came up meanwhile. */

import type { Answer, AnyRequest } from "../protocol";
import { venue } from "./venue.svelte";

export class Newest {
  private isStale = false;
  private running: Promise<void> | null = null;

  /** ``request``: what is to be asked now, null for nothing; ``take``: gets the answers in the order
   * of the questions, null where nothing was asked or the connection ended. */
  constructor(
    private readonly request: () => AnyRequest | null,
    private readonly take: (answer: Answer | null) => void,
  ) {}

  ask(): void {
    this.isStale = true;
    this.running ??= this.run();
  }

  /** Whether a newer question waits for the answer to the one that was asked. */
  get isWaiting(): boolean {
    return this.isStale;
  }

  /** Resolves once the newest question has been answered. */
  async settled(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      while (this.isStale) {
        this.isStale = false;
        const request = this.request();
        const found = await (request && venue.ask(request));
        // Another pane asked a question of the same kind, and the venue answers the newest only.
        if (found?.type === "Superseded") this.isStale = true;
        else this.take(found);
      }
    } finally {
      this.running = null;
    }
  }
}
