/** What a reader has chosen, kept in this browser: what is shown, where, how, and whether it sounds. */

import { copied, FIRST_SHARES, FIRST_ZONES, repaired } from "./layout";

const KEY = "seawall.terminal";

export type Theme = "system" | "light" | "dark";

const FIRST = {
  market: "",
  account: "",
  interval: "1m" as "1m" | "5m" | "15m" | "1h" | "4h" | "1d",
  theme: "system" as Theme,
  sound: false,
  confirm: true,
  centre: "both" as "both" | "picture" | "candles",
  zones: copied(FIRST_ZONES),
  shares: { ...FIRST_SHARES },
  leftWidth: 224,
  rightWidth: 304,
  bottomHeight: 190,
  bottomTab: "positions",
  sideTab: "ticket",
  slippageCap: 1,
};

export type Preferences = typeof FIRST;

function kept(): Preferences {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const known = typeof found === "object" && found !== null ? found : {};
    const fits = Object.entries(known).filter(
      ([name, value]) => name in FIRST && typeof value === typeof FIRST[name as keyof Preferences],
    );
    const all: Preferences = { ...FIRST, ...(Object.fromEntries(fits) as Partial<Preferences>) };
    const shares = Object.entries(all.shares).filter(([, share]) => Number.isFinite(share) && share > 0);
    return {
      ...all,
      zones: repaired(all.zones),
      shares: { ...FIRST_SHARES, ...Object.fromEntries(shares) },
    };
  } catch {
    return { ...FIRST };
  }
}

export const preferences: Preferences = $state(kept());

/** Writes every change; to be called once, inside a component. */
export function keepPreferences(): void {
  $effect(() => {
    const text = JSON.stringify(preferences);
    try {
      localStorage.setItem(KEY, text);
    } catch {
      // A browser that keeps nothing still shows everything.
    }
  });
}

export function forgetLayout(): void {
  const { centre, leftWidth, rightWidth, bottomHeight, bottomTab, sideTab } = FIRST;
  Object.assign(preferences, { centre, leftWidth, rightWidth, bottomHeight, bottomTab, sideTab });
  preferences.zones = copied(FIRST_ZONES);
  preferences.shares = { ...FIRST_SHARES };
}
