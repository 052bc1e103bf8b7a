/** Draws a scene: the book's depth, the price axis, the vessels and the lines, on one price axis. */

import { grouped, ordered, percent, priceText } from "../state/figures";
import { drawDepth, drawDepthTexts } from "./depth";
import { drawLines } from "./lines";
import type { Palette } from "./palette";
import { PriceAxis } from "./axis";
import type { Scene } from "./scene";
import { drawVessels } from "./vessels";

export const FONT = '11px system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif';
export const BOLD = `600 ${FONT}`;

export interface Paper {
  pen: CanvasRenderingContext2D;
  axis: PriceAxis;
  colours: Palette;
  ratio: number;
  width: number;
  height: number;
  /** Depth ends here, and the axis with its prices begins. */
  axisLeft: number;
  axisRight: number;
  /** Vessels end here, and the names of the lines begin. */
  gutter: number;
  /** Heights at which the left side has a text already. */
  taken: number[];
  /** Texts that nothing may cross, drawn last, each around its middle. */
  labels: { text: string; x: number; y: number }[];
}

export const HEAD = 50;
const FOOT = 20;

export function paperOf(
  pen: CanvasRenderingContext2D,
  scene: Scene,
  colours: Palette,
  size: { width: number; height: number; ratio: number },
  reach: [number, number],
): Paper {
  const isNarrow = size.width < 560;
  const axisLeft = Math.round(size.width * (isNarrow ? 0.24 : 0.32));
  return {
    pen,
    axis: new PriceAxis(scene.mark, reach[0], reach[1], HEAD + 4, size.height - FOOT - 4),
    colours,
    ratio: size.ratio,
    width: size.width,
    height: size.height,
    axisLeft,
    axisRight: axisLeft + (isNarrow ? 62 : 104),
    gutter: size.width - (isNarrow ? 62 : 146),
    taken: [],
    labels: [],
  };
}

export function draw(paper: Paper, scene: Scene): void {
  const { pen, ratio, width, height, colours } = paper;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, width, height);
  pen.font = FONT;
  pen.textBaseline = "middle";
  drawGrid(paper, scene);
  drawDepth(paper, scene);
  drawVessels(paper, scene);
  drawLines(paper, scene);
  drawMark(paper, scene);
  drawDepthTexts(paper, scene);
  drawLabels(paper);
}

function drawLabels(paper: Paper): void {
  const { pen, colours } = paper;
  pen.textAlign = "center";
  pen.lineJoin = "round";
  pen.lineWidth = 3;
  for (const { text, x, y } of paper.labels) {
    pen.globalAlpha = 0.75;
    pen.strokeStyle = colours.paper;
    pen.strokeText(text, x, y);
    pen.globalAlpha = 1;
    pen.fillStyle = colours.ink;
    pen.fillText(text, x, y);
  }
}

function drawGrid(paper: Paper, scene: Scene): void {
  const { pen, axis, colours, axisLeft, axisRight, width } = paper;
  const isNarrow = axisRight - axisLeft < 80;
  pen.fillStyle = colours.shade;
  pen.fillRect(axisLeft, HEAD, axisRight - axisLeft, paper.height - HEAD - FOOT);
  for (const share of axis.ticks(19)) {
    const y = Math.round(axis.y(scene.mark * (1 + share))) + 0.5;
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(0, y);
    pen.lineTo(axisLeft, y);
    pen.moveTo(axisRight, y);
    pen.lineTo(width, y);
    pen.stroke();
    if (share === 0) continue;
    if (scene.asked !== null && Math.abs(axis.y(scene.asked) - y) < 15) continue;
    pen.fillStyle = colours.quiet;
    pen.textAlign = "right";
    const digits = Math.abs(share) < 0.01 ? 1 : 0;
    pen.fillText(percent(share, digits, true), axisRight - 5, y);
    if (isNarrow) continue;
    pen.textAlign = "left";
    pen.fillText(grouped(priceText(scene.mark * (1 + share), scene.market)), axisLeft + 5, y);
  }
}

/** The mark as a line through everything, and the price asked about with what lies between. */
function drawMark(paper: Paper, scene: Scene): void {
  const { pen, axis, colours, width } = paper;
  const y = Math.round(axis.y(scene.mark)) + 0.5;
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(0, y);
  pen.lineTo(width, y);
  pen.stroke();
  tag(paper, y, ordered(scene.markText, scene.market), "mark", colours.ink, colours.paper);
  if (scene.asked === null) return;
  const to = Math.round(Math.max(axis.top, Math.min(axis.bottom, axis.y(scene.asked)))) + 0.5;
  pen.strokeStyle = colours.accent;
  pen.setLineDash([6, 3]);
  pen.beginPath();
  pen.moveTo(0, to);
  pen.lineTo(width, to);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 0.08;
  pen.fillStyle = colours.accent;
  pen.fillRect(0, Math.min(y, to), width, Math.abs(to - y));
  pen.globalAlpha = 1;
  const text = grouped(priceText(scene.asked, scene.market));
  const share = percent(scene.asked / scene.mark - 1, 1, true);
  tag(paper, to, text, share, colours.accent, colours.paper);
}

function tag(paper: Paper, y: number, text: string, note: string, fill: string, ink: string): void {
  const { pen, axisLeft, axisRight } = paper;
  const isNarrow = axisRight - axisLeft < 80;
  pen.fillStyle = fill;
  pen.beginPath();
  pen.roundRect(axisLeft, y - 10, axisRight - axisLeft, 20, 4);
  pen.fill();
  pen.fillStyle = ink;
  pen.font = BOLD;
  pen.textAlign = "left";
  pen.fillText(text, axisLeft + 5, y);
  pen.font = FONT;
  pen.textAlign = "right";
  if (!isNarrow) pen.fillText(note, axisRight - 5, y);
}
