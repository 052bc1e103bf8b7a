/** Colours of the page, read where the picture is drawn, and patterns, so that colour is never the
 * only sign. */

export interface Palette {
  paper: string;
  shade: string;
  ink: string;
  quiet: string;
  line: string;
  edge: string;
  accent: string;
  bid: string;
  ask: string;
  free: string;
  initial: string;
  maintenance: string;
  danger: string;
  others: string;
}

const NAMES: Record<keyof Palette, string> = {
  paper: "--paper",
  shade: "--shade",
  ink: "--ink",
  quiet: "--quiet",
  line: "--line",
  edge: "--edge",
  accent: "--accent",
  bid: "--bid",
  ask: "--ask",
  free: "--free",
  initial: "--initial",
  maintenance: "--maintenance",
  danger: "--danger",
  others: "--others",
};

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const entries = Object.entries(NAMES).map(([key, name]) => [
    key,
    style.getPropertyValue(name).trim(),
  ]);
  return Object.fromEntries(entries) as unknown as Palette;
}

type Pattern = "stripes" | "dots" | "grid";

const made = new Map<string, CanvasPattern>();

/** A fill of thin marks over a colour; ``ratio``: device pixels per pixel. */
export function pattern(
  context: CanvasRenderingContext2D,
  kind: Pattern,
  ink: string,
  ratio: number,
): CanvasPattern | string {
  const key = `${kind} ${ink} ${ratio}`;
  const known = made.get(key);
  if (known) return known;
  const size = kind === "dots" ? 6 : 7;
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.round(size * ratio);
  const pen = tile.getContext("2d");
  if (!pen) return ink;
  pen.scale(tile.width / size, tile.height / size);
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = 1;
  pen.beginPath();
  if (kind === "dots") {
    pen.arc(1.5, 1.5, 0.8, 0, 7);
    pen.arc(4.5, 4.5, 0.8, 0, 7);
    pen.fill();
  } else {
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
      if (kind === "grid") {
        pen.moveTo(shift, 0);
        pen.lineTo(shift + size, size);
      }
    }
    pen.stroke();
  }
  const found = context.createPattern(tile, "repeat");
  if (!found) return ink;
  found.setTransform(new DOMMatrix().scale(1 / ratio));
  made.set(key, found);
  return found;
}
