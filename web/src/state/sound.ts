/** Short tones for what happened, where the reader has chosen to hear them. */

import { preferences } from "./preferences.svelte";

const TONES: Record<string, readonly [number, number][]> = {
  filled: [[660, 0.08]],
  triggered: [[520, 0.08]],
  rejected: [[220, 0.16]],
  refused: [[220, 0.16]],
  unanswered: [[220, 0.16]],
  liquidated: [
    [330, 0.12],
    [220, 0.24],
  ],
  deleveraged: [
    [330, 0.12],
    [262, 0.24],
  ],
};

let context: AudioContext | null = null;

export function play(kind: string): void {
  const tones = TONES[kind];
  if (!preferences.sound || !tones) return;
  context ??= new AudioContext();
  let start = context.currentTime;
  for (const [frequency, seconds] of tones) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.08, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + seconds);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + seconds);
    start += seconds;
  }
}
