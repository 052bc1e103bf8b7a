/** How a figure looks.
 *
 * Money, prices and sizes come from the venue as exact decimal texts. Here they are rounded to what
 * is shown, half to even as reports do, digit by digit and never through a float.
 */

const MINUS = "−";

/** ``-12345.6`` as ``−12,345.6``. */
export function grouped(text: string): string {
  const bare = text.startsWith("-") ? text.slice(1) : text;
  const [whole = "", fraction] = bare.split(".");
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const sign = text.startsWith("-") && /[1-9]/.test(bare) ? MINUS : "";
  return sign + digits + (fraction === undefined ? "" : `.${fraction}`);
}

export const isNegative = (text: string): boolean => text.startsWith("-") && /[1-9]/.test(text);
export const isZero = (text: string): boolean => !/[1-9]/.test(text);

/** A decimal text with so many decimals, half to even. */
export function rounded(text: string, decimals: number): string {
  const isBelow = text.startsWith("-");
  const [whole = "0", fraction = ""] = unsigned(text).split(".");
  const kept = BigInt(whole + fraction.slice(0, decimals).padEnd(decimals, "0"));
  const cut = fraction.slice(decimals).replace(/0+$/, "");
  const isHalf = cut === "5";
  const isUp = isHalf ? kept % 2n === 1n : cut !== "" && cut >= "5";
  const digits = String(isUp ? kept + 1n : kept).padStart(decimals + 1, "0");
  const place = digits.length - decimals;
  const found = decimals > 0 ? `${digits.slice(0, place)}.${digits.slice(place)}` : digits;
  return isBelow ? `-${found}` : found;
}

/** USD to the cent: ``12,345.67``. */
export const usd = (text: string): string => grouped(rounded(text, 2));

/** The same with a plus in front of a gain. */
export function gain(text: string): string {
  const cents = rounded(text, 2);
  return isNegative(cents) || isZero(cents) ? grouped(cents) : `+${grouped(cents)}`;
}

export const unsigned = (text: string): string => (text.startsWith("-") ? text.slice(1) : text);

/** A share as percent: 0.0123 as ``1.23 %``. */
export function percent(share: number | null, digits = 2, plus = false): string {
  if (share === null || !Number.isFinite(share)) return "–";
  const size = Math.abs(share * 100).toFixed(digits);
  const sign = Number(size) === 0 ? "" : share < 0 ? MINUS : plus ? "+" : "";
  return `${sign}${size} %`;
}

/** A drawn amount, short: 1234567 as ``1.23M``. */
export function short(amount: number): string {
  // Rounded first: 999,999 is 1.00M and not 1000k.
  const size = Number(Math.abs(amount).toPrecision(3));
  const sign = amount < 0 ? MINUS : "";
  for (const [unit, letter] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (size >= unit) return sign + (size / unit).toPrecision(3) + letter;
  }
  return sign + size.toPrecision(3);
}

/** The same of decimal text; of what is not known a dash. */
export function shortOf(amount: string | null): string {
  return amount === null ? "–" : short(Number(amount));
}

export function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

/** How old an answer is: ``2 s``, ``5 min``; one that has not come is said. */
export function aged(ms: number | null): string {
  if (ms === null) return "not yet";
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function moment(ms: number): string {
  return `${day(ms)} ${clock(ms)}`;
}

/** A time that is left: ``42:07``. */
export function remaining(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pair = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${pair(Math.floor(seconds / 60) % 60)}:${pair(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** What is known of a market's figures. */
interface Steps {
  priceDecimals: number;
  sizeDecimals: number;
  significantFigures: number;
}

/** The decimals that the market allows to a price of this height; zeros in front are no figures. */
function decimalsOf(price: number, market: Steps): number {
  const before = Math.floor(Math.log10(Math.max(price, 1e-12))) + 1;
  const figures = market.significantFigures || 99;
  return Math.max(0, Math.min(market.priceDecimals, figures - before));
}

/** A drawn price as one that the market takes. */
export function priceText(price: number, market: Steps): string {
  return price.toFixed(decimalsOf(price, market));
}

/** A price as orders have it: with the decimals that the market allows at this height. */
export function ordered(text: string | null, market: Steps | null): string {
  if (text === null) return "–";
  return market ? grouped(rounded(text, decimalsOf(Number(text), market))) : grouped(text);
}

/** A size with all decimals of its market. */
export function sized(text: string, market: Steps | null): string {
  return market ? grouped(rounded(text, market.sizeDecimals)) : grouped(text);
}
