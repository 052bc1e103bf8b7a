/** How a figure looks. Exact texts come from the venue and are only grouped here, never rounded. */

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

/** With a plus in front of a gain. */
export function signed(text: string): string {
  return isNegative(text) || isZero(text) ? grouped(text) : `+${grouped(text)}`;
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
  const size = Math.abs(amount);
  const sign = amount < 0 ? MINUS : "";
  for (const [unit, letter] of [
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (size >= unit) return sign + (size / unit).toPrecision(3) + letter;
  }
  return sign + size.toPrecision(3);
}

export function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
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

/** The decimals of a price that the market allows near this one. */
export function priceText(
  price: number,
  market: { priceDecimals: number; significantFigures: number },
): string {
  const whole = Math.max(1, Math.floor(Math.log10(Math.max(price, 1e-12))) + 1);
  const figures = market.significantFigures || 99;
  return price.toFixed(Math.max(0, Math.min(market.priceDecimals, figures - whole)));
}
