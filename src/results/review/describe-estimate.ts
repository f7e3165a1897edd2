import { formatCount } from "../../base/quantities.ts";
import type { ShareEstimate } from "./estimate-share.ts";
import { leastPhotos, type TotalEstimate } from "./estimate-total.ts";

/** `4,870 to 5,240`, or why there is no interval. */
export function formatTotalEstimate({ interval }: TotalEstimate): string {
  if (interval === undefined) return `after ${leastPhotos} photos`;
  return `${formatCount(Math.floor(interval.low))} to ${formatCount(Math.ceil(interval.high))}`;
}

/** `97.1 % (95.2 to 98.3)`; a dash where nothing says it. */
export function formatShareEstimate(share: ShareEstimate | undefined): string {
  if (share === undefined) return "–";
  const percent = (value: number) => (100 * value).toFixed(1);
  return `${percent(share.value)} % (${percent(share.low)} to ${percent(share.high)})`;
}
