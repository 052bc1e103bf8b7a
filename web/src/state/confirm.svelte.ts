/** Questions before something that cannot be taken back. */

import { preferences } from "./preferences.svelte";

export interface Doubt {
  title: string;
  text: string;
  yes: string;
  no: string;
  answer: (isYes: boolean) => void;
}

class Doubts {
  open = $state.raw<Doubt | null>(null);

  /** Whether to go on; at once where the reader wants no such questions. */
  sure(title: string, text: string, yes: string): Promise<boolean> {
    return preferences.confirm ? this.ask(title, text, yes, "Cancel") : Promise.resolve(true);
  }

  ask(title: string, text: string, yes: string, no: string): Promise<boolean> {
    this.open?.answer(false);
    return new Promise((resolve) => {
      this.open = {
        title,
        text,
        yes,
        no,
        answer: (isYes) => {
          this.open = null;
          resolve(isYes);
        },
      };
    });
  }
}

export const doubts = new Doubts();
