/** The price axis of the picture: linear near the mark, compressed far from it.
 *
 * A book fills a percent on each side of the mark, a liquidation may lie forty percent away; both
 * are to be read at once. ``CORE`` is the distance, as a share of the mark, up to which the axis is
 * nearly linear.
 */

const CORE = 0.006;

const bent = (share: number): number => Math.asinh(share / CORE);
const straight = (bend: number): number => Math.sinh(bend) * CORE;

export class PriceAxis {
  private readonly low: number;
  private readonly high: number;

  /** ``down``, ``up``: the ends as shares of the mark, such as -0.4 and 0.1. */
  constructor(
    readonly mark: number,
    down: number,
    up: number,
    readonly top: number,
    readonly bottom: number,
  ) {
    this.low = bent(down);
    this.high = bent(up);
  }

  y(price: number): number {
    const part = (bent(price / this.mark - 1) - this.low) / (this.high - this.low);
    return this.bottom + (this.top - this.bottom) * part;
  }

  price(y: number): number {
    const part = (y - this.bottom) / (this.top - this.bottom);
    return this.mark * (1 + straight(this.low + (this.high - this.low) * part));
  }

  get lowest(): number {
    return this.mark * (1 + straight(this.low));
  }

  get highest(): number {
    return this.mark * (1 + straight(this.high));
  }

  holds(price: number): boolean {
    return price >= this.lowest && price <= this.highest;
  }

  /** Shares of the mark at which the axis has a label, at least ``gap`` pixels apart. */
  ticks(gap: number): number[] {
    const found: number[] = [0];
    for (const sign of [-1, 1]) {
      let last = this.y(this.mark);
      for (const size of [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2]) {
        const share = sign * size;
        if (share <= -1) continue;
        const y = this.y(this.mark * (1 + share));
        if (y < this.top + 4 || y > this.bottom - 4 || Math.abs(y - last) < gap) continue;
        found.push(share);
        last = y;
      }
    }
    return found;
  }
}

/** How far the axis reaches so that each price is on it, with room; at most from -70 % to +100 %. */
export function reach(mark: number, prices: number[]): [number, number] {
  let down = -0.03;
  let up = 0.03;
  for (const price of prices) {
    const share = price / mark - 1;
    down = Math.min(down, share * 1.25);
    up = Math.max(up, share * 1.25);
  }
  return [Math.max(down, -0.7), Math.min(up, 1)];
}
