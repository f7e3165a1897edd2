import { formatCount } from "../../base/quantities.ts";

/** `+12`, `−3`, `0` */
export function formatError(error: number): string {
  return error > 0 ? `+${formatCount(error)}` : error < 0 ? `−${formatCount(-error)}` : "0";
}

/** `+4.1 %`; empty where there is no share. */
export function formatErrorShare(share: number | undefined): string {
  if (share === undefined) return "";
  const percent = (100 * Math.abs(share)).toFixed(1);
  return `${share > 0 ? "+" : share < 0 ? "−" : ""}${percent} %`;
}

/** `0.987`, or a dash where there is none. */
export function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? "–" : ratio.toFixed(3).replace("-", "−");
}

/** `+1.5`, `−1.8`, `0.0` */
export function formatSigned(value: number): string {
  const digits = Math.abs(value).toFixed(1);
  if (digits === "0.0") return digits;
  return `${value < 0 ? "−" : "+"}${digits}`;
}
