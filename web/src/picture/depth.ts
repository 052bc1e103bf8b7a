/** The left side of the picture: the book's cumulative depth, and where others are liquidated. */

import { percent, short } from "../state/figures";
import { BOLD, FONT, HEAD, type Paper } from "./draw";
import { pattern } from "./palette";
import type { Scene } from "./scene";

/** How much of the book lies between the mark and a price, in USD; null beyond its end. */
export function depthTo(side: [number, number][], price: number, isBid: boolean): number | null {
  const last = side.at(-1);
  if (!last || (isBid ? price < last[0] : price > last[0])) return null;
  let found = 0;
  for (const [at, size] of side) {
    if (isBid ? at < price : at > price) break;
    found = size * at;
  }
  return found;
}

const wholeDepth = (side: [number, number][]): number => {
  const last = side.at(-1);
  return last ? last[0] * last[1] : 0;
};

export function drawDepth(paper: Paper, scene: Scene): void {
  const { pen, colours, axisLeft, height } = paper;
  const most = Math.max(wholeDepth(scene.bids), wholeDepth(scene.asks), 1);
  const room = axisLeft - 10;
  drawOthers(paper, scene, room * 0.45);
  drawSide(paper, scene.bids, true, (usd) => axisLeft - (room * usd) / most);
  drawSide(paper, scene.asks, false, (usd) => axisLeft - (room * usd) / most);
  if (scene.exit) drawExit(paper, scene.exit, scene.mark);
  pen.font = BOLD;
  pen.textAlign = "right";
  pen.fillStyle = colours.ink;
  pen.fillText("Book depth", axisLeft - 6, 12);
  pen.font = FONT;
  pen.fillStyle = colours.quiet;
  const unit = room > 150 ? " USD" : "";
  pen.fillText(`asks ${short(wholeDepth(scene.asks))}${unit}`, axisLeft - 6, 27);
  pen.fillText(`bids ${short(wholeDepth(scene.bids))}${unit}`, axisLeft - 6, 41);
  pen.fillText("0", axisLeft - 4, height - 10);
  pen.textAlign = "left";
  pen.fillText(`${short(most)} USD`, 8, height - 10);
}

function drawSide(
  paper: Paper,
  side: [number, number][],
  isBid: boolean,
  x: (usd: number) => number,
): void {
  const { pen, axis, colours, axisLeft, ratio } = paper;
  const first = side[0];
  const last = side.at(-1);
  if (!first || !last) return;
  const end = isBid ? axis.bottom : axis.top;
  const inside = (y: number): number => Math.max(axis.top, Math.min(axis.bottom, y));
  const outline = new Path2D();
  outline.moveTo(axisLeft, inside(axis.y(first[0])));
  let reached = axisLeft;
  for (const [price, size] of side) {
    const y = inside(axis.y(price));
    outline.lineTo(reached, y);
    reached = x(price * size);
    outline.lineTo(reached, y);
  }
  const edge = inside(axis.y(last[0]));
  const body = new Path2D(outline);
  body.lineTo(reached, edge);
  body.lineTo(axisLeft, edge);
  body.closePath();
  const colour = isBid ? colours.bid : colours.ask;
  pen.globalAlpha = 0.3;
  pen.fillStyle = colour;
  pen.fill(body);
  // Beyond the last order the book is as deep as it gets: nothing more stands there.
  pen.globalAlpha = 0.3;
  pen.fillStyle = pattern(pen, "dots", colour, ratio);
  pen.fillRect(reached, Math.min(edge, end), axisLeft - reached, Math.abs(end - edge));
  pen.globalAlpha = 1;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.stroke(outline);
}

/** Where a side of the book ends, said where there is room for it. */
function drawEnds(paper: Paper, scene: Scene): void {
  for (const [side, isBid] of [
    [scene.asks, false],
    [scene.bids, true],
  ] as const) {
    const last = side.at(-1);
    if (!last || !paper.axis.holds(last[0])) continue;
    const text = `the book ends at ${percent(last[0] / paper.axis.mark - 1, 1, true)}`;
    chip(paper, text, paper.axisLeft - 8, paper.axis.y(last[0]) + (isBid ? 10 : -10), true);
  }
}

/** Positions of others by the price of their liquidation, from the left edge on. */
function drawOthers(paper: Paper, scene: Scene, room: number): void {
  const { pen, axis, colours, ratio } = paper;
  const most = Math.max(0, ...scene.bins.map((each) => each.longs + each.shorts));
  if (room > 70) {
    pen.textAlign = "left";
    pen.fillStyle = colours.others;
    pen.font = BOLD;
    const widths = ["Others’ liquidations", "Book depth"].map((text) => pen.measureText(text).width);
    const fits = widths.reduce((sum, width) => sum + width, 24) < paper.axisLeft;
    pen.fillText(fits ? "Others’ liquidations" : "Liquidations", 8, 12);
    pen.font = FONT;
    pen.fillStyle = colours.quiet;
    pen.fillText(most > 0 ? `up to ${short(most)} USD` : scene.areOthersKnown ? "none here" : "not published", 8, 27);
  }
  for (const bin of scene.bins) {
    const total = bin.longs + bin.shorts;
    const from = Math.max(axis.top, axis.y(Math.max(bin.high, 1e-9)));
    const to = Math.min(axis.bottom, axis.y(Math.max(bin.low, 1e-9)));
    if (total <= 0 || to < axis.top || from > axis.bottom) continue;
    const wide = Math.max(2, (room * total) / most);
    const high = Math.max(2, to - from - 1);
    pen.globalAlpha = 0.45;
    pen.fillStyle = colours.others;
    pen.fillRect(0, from, wide, high);
    pen.globalAlpha = 0.9;
    pen.fillStyle = pattern(pen, bin.longs >= bin.shorts ? "stripes" : "grid", colours.others, ratio);
    pen.fillRect(0, from, wide, high);
    pen.globalAlpha = 1;
    pen.fillRect(wide - 1.5, from, 1.5, high);
  }
}

/** What closing the position now would take from the book, beside the axis. */
function drawExit(paper: Paper, exit: NonNullable<Scene["exit"]>, mark: number): void {
  const { pen, axis, colours, axisLeft } = paper;
  const from = axis.y(mark);
  const to = Math.max(axis.top, Math.min(axis.bottom, axis.y(exit.worst)));
  pen.fillStyle = colours.ink;
  pen.fillRect(axisLeft - 4, Math.min(from, to), 4, Math.max(2, Math.abs(to - from)));
}

/** What is said of the depth, over the lines. */
export function drawDepthTexts(paper: Paper, scene: Scene): void {
  const { axis, axisLeft } = paper;
  const { exit } = scene;
  if (exit) {
    const share = percent(exit.worst / scene.mark - 1, 2, true);
    const y = axis.y(scene.mark) + (exit.isSell ? 17 : -17);
    chip(paper, `closing ${exit.size} takes the book to ${share}`, axisLeft - 8, y);
  }
  drawCliffs(paper, scene);
  drawEnds(paper, scene);
}

/** How much book stands between the price and each liquidation boundary. */
function drawCliffs(paper: Paper, scene: Scene): void {
  const { axis, axisLeft } = paper;
  for (const vessel of scene.vessels) {
    const price = vessel.liquidatedAt;
    const isOther = vessel.market !== scene.market.name;
    if (isOther || price === null || !axis.holds(price)) continue;
    const isBid = price < scene.mark;
    const side = isBid ? scene.bids : scene.asks;
    const amount = depthTo(side, price, isBid);
    const name = isBid ? "bids" : "asks";
    const text =
      amount === null
        ? `all ${short(wholeDepth(side))} USD of ${name} before it`
        : `${short(amount)} USD of ${name} before it`;
    chip(paper, text, axisLeft - 8, axis.y(price) + (isBid ? -9 : 9));
  }
}

/** A short text on its own ground, ending at ``right``; not where another is. */
function chip(paper: Paper, text: string, right: number, y: number, isQuiet = false): void {
  const { pen, colours, taken } = paper;
  if (y < HEAD + 6 || y > paper.height - 26 || taken.some((other) => Math.abs(other - y) < 15)) return;
  taken.push(y);
  const wide = pen.measureText(text).width;
  if (wide > right) return;
  const from = right - wide;
  pen.globalAlpha = 0.85;
  pen.fillStyle = colours.paper;
  pen.fillRect(from - 3, y - 7, wide + 6, 14);
  pen.globalAlpha = 1;
  pen.fillStyle = isQuiet ? colours.quiet : colours.ink;
  pen.textAlign = "left";
  pen.fillText(text, from, y);
}
