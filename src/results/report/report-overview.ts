import {
  formatCount,
  formatDuration,
  formatPlural,
  formatShare,
  formatValue,
} from "../../base/quantities.ts";
import { regionsElsewhere } from "../../pipeline/count/photo-pipeline.ts";
import { ratePerSecond, slowPerSecond, workingMs } from "./charts/time-bins.ts";
import { type Html, html } from "./html.ts";
import type { DeviceSummary, ReportData } from "./report-data.ts";

/** What the page begins with: the sum of it all, and whatever the reader has to know first. */
export function overview(facts: ReportData, { file }: { readonly file: string }): Html {
  const { photoCount, objectCount } = facts;
  return html`<header class="top">
<p class="brand">${logo}<span>Orangery</span><span class="quiet">report</span></p>
<h1>${formatPlural(objectCount, "object")} <span>on ${formatPlural(photoCount, "photo")}</span></h1>
<p class="quiet"><bdi>${file}</bdi>${whenCounted(facts)}</p>
</header>
${notices(facts)}
<section aria-label="Totals"><dl class="tiles">${tilesOf(facts)}</dl>${deviceNote(facts)}</section>`;
}

const logo = html`<svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true"><circle cx="12.5" cy="15.5" r="9.5" fill="var(--accent)"/><path d="M13 7.2C13.4 3 17 .8 22.6 1.4 22.2 6 18.600 8.400 13 7.2z" fill="var(--leaf)"/></svg>`;

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly isWarning?: boolean;
}

function tilesOf(facts: ReportData): Html[] {
  const { recipe, photoCount, objectCount, regionCount, sliceCount } = facts;
  const { setAside, left } = recipe;
  const mean = (count: number) =>
    photoCount === 0 ? "" : `${formatValue(Math.round((10 * count) / photoCount) / 10)} a photo`;
  const rate = ratePerSecond(facts.momentsMs);
  const all = photoCount + setAside + left;
  const tiles: (Tile | false)[] = [
    {
      name: "Photos",
      value: formatCount(photoCount),
      note:
        all === 0 ? "none were added" : all === photoCount ? "all done" : `of ${formatCount(all)}`,
    },
    { name: "Objects", value: formatCount(objectCount), note: mean(objectCount) },
    regionCount !== undefined && {
      name: "Regions",
      value: formatCount(regionCount),
      note: mean(regionCount),
    },
    sliceCount > photoCount && {
      name: "Slices",
      value: formatCount(sliceCount),
      note: mean(sliceCount),
    },
    {
      name: "Set aside",
      value: formatCount(setAside),
      note: setAside === 0 ? "nothing failed" : `${formatShare(setAside, all)} of the photos`,
      isWarning: setAside > 0,
    },
    rate !== undefined && {
      name: rate < slowPerSecond ? "Photos a minute" : "Photos a second",
      value: formatValue(roundRate(rate < slowPerSecond ? 60 * rate : rate)),
      note: `in ${formatDuration(workingMs(facts.momentsMs))} of work`,
    },
    photoCount > 0 && deviceTile(facts),
  ];
  return tiles
    .filter((tile) => tile !== false)
    .map(
      ({ name, value, note, isWarning }) =>
        html`<div class="tile${isWarning && " warning"}"><dt>${name}</dt><dd><b style="--n:${value.length}">${value}</b><span>${note}</span></dd></div>`,
    );
}

/** The device of most photos. */
function deviceTile({ devices, photoCount }: ReportData): Tile {
  const [most, ...others] = photosByDevice(devices);
  const [value, photos] = most!;
  const note =
    others.length === 0
      ? "for all photos"
      : `${formatShare(photos, photoCount)}, others on ${others.map(([name]) => name).join(", ")}`;
  return { name: "Device", value, note };
}

/** Devices with their photos, most first. */
function photosByDevice(devices: readonly DeviceSummary[]): [device: string, photos: number][] {
  const counts = new Map<string, number>();
  for (const { device, photos } of devices) counts.set(device, (counts.get(device) ?? 0) + photos);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** Where photos were inferred, and not on the first choice, with why. */
type Fallback = DeviceSummary & { readonly fallbackReason: string };

function fallbacksOf({ devices }: ReportData): readonly Fallback[] {
  return devices.filter((facts): facts is Fallback => facts.fallbackReason !== undefined);
}

/**
 * Whether not all ran on one device: then a fallback was a mishap. Otherwise the device may as well be
 * all that the machine has: results tell why a device was passed over, but not whether anybody asked
 * for it.
 */
function isMixed({ devices }: ReportData): boolean {
  // The device that is recorded is the detector's.
  const isSplit = devices.some(({ fallbackReason }) => fallbackReason?.includes(regionsElsewhere));
  return isSplit || photosByDevice(devices).length > 1;
}

function notices(facts: ReportData): Html[] {
  const { left } = facts.recipe;
  return [
    ...(left > 0
      ? [
          html`<p class="notice"><b>Not finished.</b> ${formatPlural(left, "photo")} ${left === 1 ? "is" : "are"} still to be done; run the same command again to go on.</p>`,
        ]
      : []),
    ...(isMixed(facts) ? fallbacksOf(facts) : []).map(
      ({ device, fallbackReason, photos }) =>
        html`<p class="notice"><b>${formatPlural(photos, "photo")} ran on ${device}</b>, and not all as it was wanted: ${fallbackReason}</p>`,
    ),
  ];
}

function deviceNote(facts: ReportData): Html | false {
  const fallbacks = fallbacksOf(facts);
  if (isMixed(facts) || fallbacks.length === 0) return false;
  return html`<details class="device"><summary>Why on ${fallbacks[0]!.device}</summary>${fallbacks.map(
    ({ fallbackReason }) => html`<p>Passed over: ${fallbackReason}</p>`,
  )}</details>`;
}

function whenCounted({ recipe: { firstResultAt, lastResultAt } }: ReportData): Html | false {
  if (firstResultAt === undefined || lastResultAt === undefined) return false;
  const [first, last] = [new Date(firstResultAt), new Date(lastResultAt)];
  const day = (date: Date) =>
    date.toLocaleDateString("en-GB", { dateStyle: "long", timeZone: "UTC" });
  const time = (date: Date) => date.toISOString().slice(11, 16);
  const end = day(first) === day(last) ? time(last) : `${day(last)}, ${time(last)}`;
  const span = end === time(first) ? "" : ` – ${end}`;
  return html` · <time datetime="${firstResultAt}">${day(first)}, ${time(first)}</time>${span} UTC`;
}

/** To two digits below 10, to three above. */
function roundRate(rate: number): number {
  return Number(rate.toPrecision(rate < 10 ? 2 : 3));
}
