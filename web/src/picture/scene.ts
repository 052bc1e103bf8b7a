/** What the picture shows, taken from the venue's messages; positions on the paper only. */

import type * as p from "../protocol";
import { unsigned } from "../state/figures";

export type Falls = "down" | "up" | "still";

/** A margin bucket as a vessel on the price axis. ``emptyAt``, ``liquidatedAt`` and ``initialAt`` are
 * heights on it: prices of the market in view, or of ``market`` moved to the same share of its mark.
 * ``falls``: the way the price goes when it drains; ``still`` without such a price. */
export interface Vessel {
  id: string;
  name: string;
  isIsolated: boolean;
  falls: Falls;
  /** The market whose price is its surface, and whether the bucket has a position in it. */
  market: string;
  isHeld: boolean;
  /** The height that is asked about; null where nothing is. */
  asked: number | null;
  emptyAt: number | null;
  liquidatedAt: number | null;
  initialAt: number | null;
  equity: string;
  ratio: number | null;
  /** Parts of the equity, for a vessel that this market does not move. */
  maintenance: number;
  initial: number;
  total: number;
  /** What the engine says of the bucket at the price asked about. */
  after: p.BucketAfter | null;
}

export type LineKind = "entry" | "breakeven" | "liquidation" | "stop" | "take" | "order";

export interface Line {
  kind: LineKind;
  price: number;
  text: string;
  side: p.SideName | null;
  /** Of an order that may be dragged. */
  order: p.Order | null;
}

export interface Scene {
  market: p.MarketInfo;
  mark: number;
  markText: string;
  asked: number | null;
  bids: [number, number][];
  asks: [number, number][];
  bins: p.MapBin[];
  areOthersKnown: boolean;
  vessels: Vessel[];
  lines: Line[];
  /** What closing the position now would take from the book: its size, and the last price of it. */
  exit: { worst: number; isSell: boolean; size: string } | null;
}

const toNumber = (text: string | null | undefined): number | null =>
  text === null || text === undefined ? null : Number(text);

function vesselOf(bucket: p.Bucket, from: Sources): Vessel {
  const mark = Number(from.row.mark);
  const found = bucket.boundaries;
  const isMoved = found !== null && (found.maintenance ?? found.empty) !== null;
  const after =
    (from.isAsked && from.whatIf?.buckets.find((each) => each.id === bucket.id)) || null;
  // An isolated bucket moves with its own market, a pool with the market in view.
  const market = bucket.isIsolated ? (bucket.positionMarkets[0] ?? bucket.id) : from.market.name;
  const held = from.account?.positions.find((each) => each.market === market);
  const scale = bucket.isIsolated && held ? mark / Number(held.mark) : 1;
  const height = (text: string | null | undefined): number | null =>
    text === null || text === undefined ? null : Number(text) * scale;
  return {
    id: bucket.id,
    name: bucket.name,
    isIsolated: bucket.isIsolated,
    falls: !isMoved ? "still" : found.side === "buy" ? "down" : "up",
    market,
    isHeld: bucket.positionMarkets.includes(market),
    asked: from.isAsked ? mark * (1 + from.moveOf(market)) : null,
    emptyAt: height(found?.empty),
    liquidatedAt: height(found?.maintenance),
    initialAt: height(found?.initial),
    equity: bucket.equity,
    ratio: bucket.ratio,
    maintenance: Number((after ?? bucket).maintenanceMargin),
    initial: Number((after ?? bucket).initialMargin),
    total: Number((after ?? bucket).equity),
    after,
  };
}

function orderLine(order: p.Order): Line {
  const isTake = order.kind === "take_market" || order.kind === "take_limit";
  const isStop = order.kind === "stop_market" || order.kind === "stop_limit";
  const size = order.wholePosition ? "all" : order.size;
  const name = isTake ? "take profit" : isStop ? "stop" : order.side;
  return {
    kind: isTake ? "take" : isStop ? "stop" : "order",
    price: Number(order.triggerPrice ?? order.price),
    text: `${name} ${size}`,
    side: order.side,
    order,
  };
}

function positionLines(position: p.Position): Line[] {
  const line = (kind: LineKind, price: string, text: string): Line => ({
    kind,
    price: Number(price),
    text,
    side: null,
    order: null,
  });
  const found = [
    line("entry", position.entryPrice, "entry"),
    line("breakeven", position.breakEven, "break-even"),
  ];
  if (position.liquidationPrice !== null) {
    found.push(line("liquidation", position.liquidationPrice, "liquidation"));
  }
  return found;
}

export interface Sources {
  market: p.MarketInfo;
  row: p.MarketRow;
  book: p.Book | null;
  map: p.LiquidationMap | null;
  account: p.Account | null;
  position: p.Position | null;
  whatIf: p.WhatIf | null;
  isAsked: boolean;
  /** The move asked about, of a market. */
  moveOf: (market: string) => number;
}

export function sceneOf(from: Sources): Scene {
  const mark = Number(from.row.mark);
  const isHere = <T extends { market: string }>(each: T | null): each is T =>
    each?.market === from.market.name;
  const orders = from.account?.orders.filter(isHere) ?? [];
  const book = isHere(from.book) ? from.book : null;
  const held = from.position;
  const worst = toNumber(held?.closing.worstPrice);
  return {
    market: from.market,
    mark,
    markText: from.row.mark,
    asked: from.moveOf(from.market.name) === 0 ? null : mark * (1 + from.moveOf(from.market.name)),
    bids: book?.bidDepth ?? [],
    asks: book?.askDepth ?? [],
    bins: isHere(from.map) ? from.map.bins : [],
    areOthersKnown: from.map?.isKnown ?? true,
    vessels: from.account?.buckets.map((each) => vesselOf(each, from)) ?? [],
    lines: [...(held ? positionLines(held) : []), ...orders.map(orderLine)],
    exit:
      held && worst !== null
        ? { worst, isSell: !held.size.startsWith("-"), size: unsigned(held.size) }
        : null,
  };
}

/** The prices that the axis should hold. */
export function pricesOf(scene: Scene): number[] {
  const found = scene.lines.map((line) => line.price);
  for (const vessel of scene.vessels) {
    for (const price of [vessel.emptyAt, vessel.liquidatedAt]) {
      if (price !== null && price > 0) found.push(price);
    }
  }
  return found;
}
