/** Prices of the position and of its orders as lines, with their names in the right margin. */

import { grouped, percent, priceText } from "../state/figures";
import type { Paper } from "./draw";
import type { Palette } from "./palette";
import type { Line, LineKind, Scene } from "./scene";

const DASHES: Record<LineKind, number[]> = {
  entry: [],
  breakeven: [1, 3],
  liquidation: [],
  stop: [7, 4],
  take: [7, 4],
  order: [2, 2],
};
const SIGNS: Record<LineKind, string> = {
  entry: "●",
  breakeven: "○",
  liquidation: "✕",
  stop: "■",
  take: "▲",
  order: "◆",
};
const APART = 14;

const colourOf = (line: Line, colours: Palette): string => {
  if (line.kind === "liquidation") return colours.danger;
  if (line.kind === "entry" || line.kind === "breakeven") return colours.ink;
  if (line.kind === "stop") return colours.initial;
  if (line.kind === "take") return colours.free;
  return line.side === "buy" ? colours.bid : colours.ask;
};

export function drawLines(paper: Paper, scene: Scene): void {
  const { pen, axis, colours, axisLeft, axisRight, gutter, width } = paper;
  const shown = scene.lines.filter((line) => axis.holds(line.price));
  const places = spread(
    shown.map((line) => axis.y(line.price)),
    axis.top,
    axis.bottom,
  );
  shown.forEach((line, index) => {
    const y = Math.round(axis.y(line.price)) + 0.5;
    const place = places[index] ?? y;
    pen.strokeStyle = pen.fillStyle = colourOf(line, colours);
    pen.lineWidth = line.kind === "liquidation" ? 1.75 : 1.25;
    pen.setLineDash(DASHES[line.kind]);
    pen.beginPath();
    pen.moveTo(0, y);
    pen.lineTo(axisLeft, y);
    pen.moveTo(axisRight, y);
    pen.lineTo(gutter, y);
    pen.stroke();
    pen.setLineDash([]);
    pen.beginPath();
    pen.moveTo(gutter, y);
    pen.lineTo(gutter + 8, place);
    pen.stroke();
    pen.textAlign = "left";
    const isNarrow = width - gutter < 100;
    const share = percent(line.price / scene.mark - 1, 1, true);
    const price = grouped(priceText(line.price, scene.market));
    const more = line.kind === "liquidation" ? `${price} ${share}` : price;
    const text = isNarrow ? share : `${line.text} ${more}`;
    const room = width - gutter - 14;
    pen.fillText(`${SIGNS[line.kind]} ${text}`, gutter + 11, place, room);
  });
}

/** The same heights, moved apart. */
function spread(heights: number[], top: number, bottom: number): number[] {
  const order = heights.map((_, index) => index).sort((a, b) => heights[a]! - heights[b]!);
  const found = [...heights];
  let last = top - APART;
  for (const index of order) {
    last = Math.max(found[index]!, last + APART);
    found[index] = last;
  }
  let next = bottom + APART;
  for (const index of order.reverse()) {
    next = Math.min(found[index]!, next - APART);
    found[index] = next;
  }
  return found;
}

/** The order whose line passes within a few pixels of a height; null where none does. */
export function orderAt(paper: Paper, scene: Scene, y: number): Line | null {
  let found: Line | null = null;
  let nearest = 6;
  for (const line of scene.lines) {
    if (line.order === null || !paper.axis.holds(line.price)) continue;
    const away = Math.abs(paper.axis.y(line.price) - y);
    if (away < nearest) [found, nearest] = [line, away];
  }
  return found;
}
