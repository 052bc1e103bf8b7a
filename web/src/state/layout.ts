/** The panes and the zones that they are in: three columns, and a row below the first two. */

export const PANES = {
  book: { title: "the order book", width: 224, height: 150 },
  trades: { title: "the trades", width: 224, height: 90 },
  picture: { title: "depth and buckets", width: 460, height: 220 },
  candles: { title: "the candles", width: 320, height: 140 },
  card: { title: "the account", width: 304, height: 0 },
  side: { title: "ticket, what if and control", width: 304, height: 180 },
  tables: { title: "the tables", width: 420, height: 120 },
} as const;
/** ``width``, ``height``: the least that a pane needs, in pixels; a height of 0: as high as what is
 * in it. */

export type Pane = keyof typeof PANES;
export const ZONES = { left: "left column", centre: "centre", right: "right column", bottom: "bottom row" } as const;
export type Zone = keyof typeof ZONES;
export type Zones = Record<Zone, Pane[]>;

export const FIRST_ZONES: Zones = {
  left: ["book", "trades"],
  centre: ["picture", "candles"],
  right: ["card", "side"],
  bottom: ["tables"],
};
export const FIRST_SHARES: Record<Pane, number> = {
  book: 3, trades: 2, picture: 3, candles: 2, card: 0, side: 1, tables: 1,
};

const zonesInOrder = Object.keys(ZONES) as Zone[];
const COLUMNS: Zone[] = ["left", "centre", "right"];

export const isFlexible = (pane: Pane): boolean => PANES[pane].height > 0;
export const isRow = (zone: Zone): boolean => zone === "bottom";
export const copied = (zones: Zones): Zones =>
  ({ left: [...zones.left], centre: [...zones.centre], right: [...zones.right], bottom: [...zones.bottom] });

/** Where a pane is. */
export function placeOf(zones: Zones, pane: Pane): [Zone, number] {
  const zone = zonesInOrder.find((each) => zones[each].includes(pane)) ?? "bottom";
  return [zone, zones[zone].indexOf(pane)];
}

/** Zones that were kept, with every pane exactly once: one that is missing is where it is at first. */
export function repaired(found: unknown): Zones {
  const kept = typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
  const seen = new Set<Pane>();
  const zones: Zones = { left: [], centre: [], right: [], bottom: [] };
  for (const zone of zonesInOrder) {
    const names: unknown[] = Array.isArray(kept[zone]) ? kept[zone] : [];
    for (const name of names) {
      if (typeof name !== "string" || !Object.hasOwn(PANES, name) || seen.has(name as Pane)) continue;
      seen.add(name as Pane);
      zones[zone].push(name as Pane);
    }
  }
  for (const zone of zonesInOrder) {
    zones[zone].push(...FIRST_ZONES[zone].filter((pane) => !seen.has(pane)));
  }
  return zones;
}

/** The zones with a pane moved. ``place``: among the other panes of the zone. */
export function moved(zones: Zones, pane: Pane, zone: Zone, place: number): Zones {
  const found = copied(zones);
  const [from] = placeOf(zones, pane);
  found[from] = found[from].filter((each) => each !== pane);
  found[zone].splice(place, 0, pane);
  return found;
}

/** Where an arrow key moves a pane to; null where there is nothing on that side. */
export function stepped(zones: Zones, pane: Pane, key: string): [Zone, number] | null {
  const [zone, place] = placeOf(zones, pane);
  const along = isRow(zone) ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  if (along.includes(key)) {
    const next = place + (key === along[0] ? -1 : 1);
    if (next >= 0 && next < zones[zone].length) return [zone, next];
    return key === "ArrowDown" ? ["bottom", zones.bottom.length] : null;
  }
  if (isRow(zone)) return key === "ArrowUp" ? ["centre", zones.centre.length] : null;
  const step = key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0;
  const next = COLUMNS[COLUMNS.indexOf(zone) + step];
  return step !== 0 && next ? [next, Math.min(place, zones[next].length)] : null;
}
