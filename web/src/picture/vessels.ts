/** The right side of the picture: each margin bucket as a vessel on the price axis.
 *
 * Its surface is the price. It is empty where the bucket's equity is nothing, and its parts end
 * where equity equals maintenance margin (there it is liquidated) and initial margin. A bucket that
 * gains when the price falls hangs upside down. An isolated bucket of another market stands at the
 * same percent of that market's own mark. A bucket that no price of the market in view liquidates has
 * no place on the axis: its vessel shows shares of its equity.
 */

import { percent, short, usd } from "../state/figures";
import { BOLD, FONT, type Paper } from "./draw";
import { pattern } from "./palette";
import type { Scene, Vessel } from "./scene";

const GAP = 14;
const WIDEST = 132;
const ROUND = 9;

export function drawVessels(paper: Paper, scene: Scene): void {
  const { pen, axisRight, gutter, colours } = paper;
  const count = scene.vessels.length;
  if (count === 0) {
    pen.fillStyle = colours.quiet;
    pen.textAlign = "left";
    pen.fillText("no account in view", axisRight + 10, 12);
    return;
  }
  const room = gutter - axisRight - GAP;
  const step = Math.min(WIDEST + GAP, room / count);
  scene.vessels.forEach((vessel, index) => {
    const left = axisRight + GAP + index * step;
    const wide = step - GAP;
    drawHead(paper, vessel, left, wide);
    if (vessel.falls === "still") drawStill(paper, scene, vessel, left, wide);
    else drawMoved(paper, scene, vessel, left, wide);
  });
}

function drawHead(paper: Paper, vessel: Vessel, left: number, wide: number): void {
  const { pen, colours } = paper;
  const after = vessel.after;
  pen.textAlign = "left";
  pen.font = BOLD;
  pen.fillStyle = colours.ink;
  const isNarrow = pen.measureText(vessel.name).width > wide + GAP - 4;
  const brief = vessel.isIsolated ? vessel.id : "Pool";
  pen.fillText(isNarrow ? brief : vessel.name, left, 12, wide + GAP - 4);
  pen.font = FONT;
  const equity = usd(after ? after.equity : vessel.equity);
  const isShort = pen.measureText(equity).width > wide + GAP - 4;
  pen.fillText(isShort ? short(after ? Number(after.equity) : vessel.total) : equity, left, 27);
  const ratio = after ? after.ratio : vessel.ratio;
  const isNear = ratio !== null && ratio > 0.8;
  pen.fillStyle = isNear || after?.isLiquidatable ? colours.danger : colours.quiet;
  const share = percent(ratio, wide < 60 ? 0 : 1);
  const text = after?.isLiquidatable ? "liquidated" : wide < 60 ? share : `ratio ${share}`;
  pen.fillText(text, left, 41, wide + GAP - 4);
}

interface Part {
  from: number;
  to: number;
  kind: "maintenance" | "initial" | "free";
}

/** Prices as distances from the empty end, in the direction in which the vessel fills. */
function partsOf(vessel: Vessel, surface: number): Part[] {
  const sign = vessel.falls === "down" ? 1 : -1;
  const empty = vessel.emptyAt ?? vessel.liquidatedAt ?? surface;
  const ends = [empty, vessel.liquidatedAt ?? empty, vessel.initialAt ?? surface, Infinity * sign];
  const kinds = ["maintenance", "initial", "free"] as const;
  const found: Part[] = [];
  kinds.forEach((kind, index) => {
    const from = ends[index] ?? empty;
    const end = ends[index + 1] ?? empty;
    const to = sign > 0 ? Math.min(end, surface) : Math.max(end, surface);
    if (sign * (to - from) > 0) found.push({ from, to, kind });
  });
  return found;
}

function drawMoved(paper: Paper, scene: Scene, vessel: Vessel, left: number, wide: number): void {
  const { pen, axis, colours } = paper;
  const isDown = vessel.falls === "down";
  const surface = vessel.asked ?? scene.mark;
  const empty = vessel.emptyAt ?? vessel.liquidatedAt ?? scene.mark;
  const inside = (y: number): number => Math.max(axis.top, Math.min(axis.bottom, y));
  const floor = inside(axis.y(Math.max(empty, 1e-9)));
  const brims = [axis.y(scene.mark), axis.y(surface)];
  const brim = inside(isDown ? Math.min(...brims) - 16 : Math.max(...brims) + 16);
  const top = Math.min(floor, brim);
  const high = Math.abs(floor - brim);
  const corners = isDown ? [2, 2, ROUND, ROUND] : [ROUND, ROUND, 2, 2];
  const body = new Path2D();
  body.roundRect(left, top, wide, high, corners);

  pen.save();
  pen.clip(body);
  pen.fillStyle = colours.shade;
  pen.fillRect(left, top, wide, high);
  const fill = (parts: Part[], strength: number): void => {
    for (const part of parts) {
      const from = inside(axis.y(Math.max(part.from, 1e-9)));
      const to = inside(axis.y(part.to));
      fillPart(paper, part.kind, left, Math.min(from, to), wide, Math.abs(to - from), strength);
    }
  };
  if (surface !== scene.mark) fill(partsOf(vessel, scene.mark), 0.25);
  fill(partsOf(vessel, surface), 1);
  drawSurface(paper, left, wide, inside(axis.y(surface)), isDown);
  pen.restore();

  const isDry = vessel.after?.isLiquidatable ?? false;
  drawWalls(paper, left, wide, floor, brim, isDry);
  drawBoundary(paper, vessel, left, wide);
  if (vessel.market !== scene.market.name) {
    const isRoom = isDown ? floor + 12 < axis.bottom : floor - 12 > axis.top;
    const y = isDown ? floor + 10 : floor - 10;
    if (isRoom) paper.labels.push({ text: `by ${vessel.market}`, x: left + wide / 2, y });
  }
  if (Math.abs(floor - (isDown ? axis.bottom : axis.top)) < 1) {
    pen.fillStyle = colours.quiet;
    pen.textAlign = "center";
    const share = percent(empty / scene.mark - 1, 0, true);
    const y = isDown ? axis.bottom - 8 : axis.top + 8;
    pen.fillText(`${isDown ? "↓" : "↑"} ${share}`, left + wide / 2, y);
  }
}

/** A vessel beside the axis: parts of the equity that this market does not move. */
function drawStill(paper: Paper, scene: Scene, vessel: Vessel, left: number, wide: number): void {
  const { pen, axis, colours } = paper;
  const full = Math.max(vessel.total, vessel.initial, 1e-9);
  const high = Math.min(axis.bottom - axis.top - 42, 150);
  const bottom = Math.min(axis.bottom - 34, axis.y(axis.mark) + high / 2);
  const body = new Path2D();
  body.roundRect(left, bottom - high, wide, high, [2, 2, ROUND, ROUND]);
  pen.save();
  pen.clip(body);
  pen.fillStyle = colours.shade;
  pen.fillRect(left, bottom - high, wide, high);
  let from = 0;
  const ends: [Part["kind"], number][] = [
    ["maintenance", Math.min(vessel.maintenance, vessel.total)],
    ["initial", Math.min(vessel.initial, vessel.total)],
    ["free", vessel.total],
  ];
  for (const [kind, end] of ends) {
    const to = Math.max(from, end);
    const size = (high * (to - from)) / full;
    if (size > 0) fillPart(paper, kind, left, bottom - (high * to) / full, wide, size, 0.85);
    from = to;
  }
  pen.restore();
  pen.setLineDash([3, 3]);
  drawWalls(paper, left, wide, bottom, bottom - high, vessel.after?.isLiquidatable ?? false);
  pen.setLineDash([]);
  pen.fillStyle = colours.quiet;
  pen.textAlign = "left";
  pen.fillText(vessel.isHeld ? "not emptied" : "not moved", left, bottom + 11, wide + GAP - 2);
  pen.fillText(`by ${scene.market.name}`, left, bottom + 24, wide + GAP - 2);
}

function fillPart(
  paper: Paper,
  kind: Part["kind"],
  x: number,
  y: number,
  wide: number,
  high: number,
  strength: number,
): void {
  const { pen, colours, ratio } = paper;
  pen.globalAlpha = 0.5 * strength;
  pen.fillStyle = colours[kind];
  pen.fillRect(x, y, wide, high);
  if (kind !== "free") {
    pen.globalAlpha = 0.75 * strength;
    const marks = kind === "maintenance" ? "stripes" : "dots";
    pen.fillStyle = pattern(pen, marks, colours[kind], ratio);
    pen.fillRect(x, y, wide, high);
  }
  pen.globalAlpha = 1;
  if (high < 16 || strength < 0.5 || pen.measureText(kind).width > wide - 6) return;
  paper.labels.push({ text: kind, x: x + wide / 2, y: y + high / 2 });
}

function drawSurface(paper: Paper, left: number, wide: number, y: number, isDown: boolean): void {
  const { pen, colours } = paper;
  const bow = isDown ? 2 : -2;
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 1.25;
  pen.beginPath();
  pen.moveTo(left, y - bow);
  pen.quadraticCurveTo(left + wide / 2, y + bow, left + wide, y - bow);
  pen.stroke();
}

/** Walls and floor, open at the brim. */
function drawWalls(
  paper: Paper,
  left: number,
  wide: number,
  floor: number,
  brim: number,
  isDry: boolean,
): void {
  const { pen, colours } = paper;
  const round = floor > brim ? -ROUND : ROUND;
  pen.strokeStyle = isDry ? colours.danger : colours.quiet;
  pen.lineWidth = isDry ? 2.5 : 1.75;
  pen.beginPath();
  pen.moveTo(left, brim);
  pen.lineTo(left, floor + round);
  pen.quadraticCurveTo(left, floor, left + ROUND, floor);
  pen.lineTo(left + wide - ROUND, floor);
  pen.quadraticCurveTo(left + wide, floor, left + wide, floor + round);
  pen.lineTo(left + wide, brim);
  pen.stroke();
}

/** The price of liquidation as a bar that stands out of both walls. */
function drawBoundary(paper: Paper, vessel: Vessel, left: number, wide: number): void {
  const { pen, axis, colours } = paper;
  const price = vessel.liquidatedAt;
  if (price === null || !axis.holds(price)) return;
  const y = Math.round(axis.y(price)) + 0.5;
  pen.strokeStyle = colours.danger;
  pen.lineWidth = 2.5;
  pen.beginPath();
  pen.moveTo(left - 5, y);
  pen.lineTo(left + wide + 5, y);
  pen.stroke();
}
