import {
  formatCount,
  formatPlural,
  formatShare,
  formatValue,
} from "../../../../base/quantities.ts";
import type { PhotoWarning } from "../../../../ledger/results/result-rows.ts";
import { regionsElsewhere } from "../../../../pipeline/count/countable-photo.ts";
import { describeQuestion } from "../../../describe-question.ts";
import type { MeasuredTotals } from "../../../totals/totals.ts";
import { ratePerSecond, slowPerSecond } from "../../charts/time-bins.ts";
import type { DeviceSummary, ReportData, WarnedPhotos } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import type { PhotoNames } from "../photo-names.ts";
import { recipeLine } from "../recipe-line.ts";
import { brand, type Tile, tileOf } from "../tiles.ts";

/** The beginning of the page: the totals, and what the reader has to know first. */
export function overviewSection(
  data: ReportData,
  { file, names }: { readonly file: string; readonly names: PhotoNames },
): Html {
  const { photoCount, objectCount } = data;
  return html`
    <header class="top">
      ${brand("report")}
      <h1>
        ${formatPlural(objectCount, "object")} <span>on ${formatPlural(photoCount, "photo")}</span>
      </h1>
      ${recipeLine(data.recipe)}
      <p class="quiet"><bdi>${file}</bdi>${whenCounted(data)}</p>
      ${selectionNote(data)}
      ${scaleNote(data)}
    </header>
    ${notices(data, names)}
    <section aria-label="Totals">
      <dl class="tiles">${tilesOf(data)}</dl>
      ${deviceNote(data)}
    </section>`;
}

function tilesOf(data: ReportData): Html[] {
  const { recipe, photoCount, objectCount, regionCount, sliceCount } = data;
  const { failed, left } = recipe;
  const mean = (count: number) =>
    photoCount === 0 ? "" : `${formatValue(Math.round((10 * count) / photoCount) / 10)} a photo`;
  const rate = ratePerSecond(data.momentsMs);
  const all = photoCount + failed + left;
  const tiles: (Tile | false)[] = [
    {
      name: "Photos",
      value: formatCount(photoCount),
      note:
        all === 0 ? "none were added" : all === photoCount ? "all done" : `of ${formatCount(all)}`,
    },
    { name: "Objects", value: formatCount(objectCount), note: mean(objectCount) },
    data.totals.measured !== undefined && areaTile(data.totals.measured, photoCount),
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
      name: "Failed",
      value: formatCount(failed),
      note: failed === 0 ? "no photo" : `${formatShare(failed, all)} of the photos`,
      isWarning: failed > 0,
    },
    rate !== undefined && rateTile(rate),
    photoCount > 0 && deviceTile(data),
  ];
  return tiles.filter((tile) => tile !== false).map(tileOf);
}

function rateTile(perSecond: number): Tile {
  const isSlow = perSecond < slowPerSecond;
  const photos = formatValue(roundRate(isSlow ? 60 * perSecond : perSecond));
  return { name: "Rate", value: `${photos}/${isSlow ? "min" : "s"}`, note: "photos" };
}

function areaTile({ photos, objects, areaM2 }: MeasuredTotals, photoCount: number): Tile {
  const of = photos < photoCount ? ` of ${formatPlural(photos, "photo")}` : "";
  return {
    name: "Per m²",
    value: formatValue(Number((objects / areaM2).toPrecision(3))),
    note: `on ${formatValue(Number(areaM2.toPrecision(4)))} m²${of}`,
  };
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

/** The number of photos by device, most first. */
function photosByDevice(devices: readonly DeviceSummary[]): [device: string, photos: number][] {
  const counts = new Map<string, number>();
  for (const { device, photos } of devices) counts.set(device, (counts.get(device) ?? 0) + photos);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** A device that was not the first choice, with the reason. */
type Fallback = DeviceSummary & { readonly fallbackReason: string };

function fallbacksOf({ devices }: ReportData): readonly Fallback[] {
  return devices.filter((device): device is Fallback => device.fallbackReason !== undefined);
}

/**
 * Whether photos ran on several devices: then a fallback is worth a warning. Otherwise it may be
 * the machine's only device: results say why a device was not used, but not whether anybody asked
 * for it.
 */
function isMixed({ devices }: ReportData): boolean {
  // The recorded device is the detector's.
  const isSplit = devices.some(({ fallbackReason }) => fallbackReason?.includes(regionsElsewhere));
  return isSplit || photosByDevice(devices).length > 1;
}

function notices(data: ReportData, names: PhotoNames): Html[] {
  const { left } = data.recipe;
  const whatIsLeft = `${formatPlural(left, "photo")} ${left === 1 ? "is" : "are"} left`;
  const unfinished = html`
    <p class="notice">
      <b>Not finished.</b> ${whatIsLeft}; run the same command again to resume.
    </p>`;
  const fallbacks = isMixed(data) ? fallbacksOf(data) : [];
  return [
    ...(left > 0 ? [unfinished] : []),
    ...(data.duplicates.photos > 0 ? [duplicatesNotice(data)] : []),
    ...fallbacks.map(fallbackNotice),
    ...Array.from(data.warnings, ([warning, photos]) => warningNotice(warning, photos, names)),
  ];
}

const warningTexts: { readonly [warning in PhotoWarning]: string } = {
  "nearly-black": "nearly black",
  "nearly-white": "nearly white",
  "no-contrast": "without contrast",
  "network-limit": "full: the network returned as many objects as it can, and there may be more",
};

const warningAdvice: { readonly [warning in PhotoWarning]?: string } = {
  "nearly-black":
    "look at what was found on them, or give the range of their values (--value-range)",
  "network-limit": "count such photos in slices, or smaller ones (--slice)",
};

function warningNotice(
  warning: PhotoWarning,
  { count, sources }: WarnedPhotos,
  names: PhotoNames,
): Html {
  const verb = count === 1 ? "is" : "are";
  const advice = warningAdvice[warning] ?? "look at what was found on them";
  const list = sources.map((source) => names.nameOf(source)).join(", ");
  const more = count > sources.length && ", …";
  return html`
    <p class="notice">
      <b>${formatPlural(count, "photo")} ${verb} ${warningTexts[warning]}</b>; ${advice}:
      <bdi>${list}</bdi>${more}
    </p>`;
}

function duplicatesNotice({ duplicates: { photos, objects } }: ReportData): Html {
  const copies = photos === 1 ? "1 photo is a copy" : `${formatCount(photos)} photos are copies`;
  return html`
    <p class="notice">
      <b>${copies} of others</b>, byte for byte, and their ${formatPlural(objects, "object")} are
      counted as well. To count them once, make the report with --count-duplicates-once.
    </p>`;
}

/** The photos that the report is about, where it is not about all. */
function selectionNote({ selection, question, review }: ReportData): Html | false {
  const { under, takenAfter, takenBefore, countDuplicatesOnce } = selection;
  const notes = [
    under !== undefined && html`Photos at or below <bdi>${under}</bdi>. `,
    takenAfter !== undefined && `Taken ${clockTime(takenAfter)} or later. `,
    takenBefore !== undefined && `Taken before ${clockTime(takenBefore)}. `,
    countDuplicatesOnce && "Copies of a photo are counted once. ",
    question !== undefined && `Counted: ${describeQuestion(question)}. `,
    whoseCounts(review),
  ].filter((note) => note !== undefined && note !== false);
  return notes.length > 0 && html`<p class="quiet">${notes}</p>`;
}

/** Says so for predicted counts only if people have corrected any. */
function whoseCounts({ counts, people: { corrected, reviewed } }: ReportData["review"]) {
  const photos = formatPlural(corrected, "photo");
  if (counts === "corrected") {
    const some = reviewed === corrected ? "all" : formatCount(reviewed);
    return `Counts with the corrections of ${photos}, ${some} of them reviewed.`;
  }
  return corrected > 0 && `Counts as predicted, without the corrections of ${photos}.`;
}

/** `2026-05-12 06:30` */
function clockTime(moment: string): string {
  return moment.replace("T", " ").replace(/( 00:00)?:00$/, "");
}

/** What square metres were computed from. */
function scaleNote({ scales, photoCount }: ReportData): Html | false {
  if (scales.size === 0) return false;
  const notes = Array.from(scales, ([basis, scale]) => {
    const [least, most] = [scale.leastPixelsPerMetre, scale.mostPixelsPerMetre].map((value) =>
      formatValue(Number(value.toPrecision(4))),
    );
    const range = least === most ? least : `${least} to ${most}`;
    const photos = scale.photos < photoCount && ` of ${formatPlural(scale.photos, "photo")}`;
    const origin = basis === "given" ? "as given" : html`from <bdi>${basis}</bdi>`;
    return html`${range} pixels per metre${photos}, ${origin}. `;
  });
  return html`<p class="quiet">Square metres by the scale: ${notes}</p>`;
}

function fallbackNotice({ device, fallbackReason, photos }: Fallback): Html {
  const photosRan = formatPlural(photos, "photo");
  return html`
    <p class="notice">
      <b>${photosRan} ran on ${device}</b>, not on the first choice: ${fallbackReason}
    </p>`;
}

function deviceNote(data: ReportData): Html | false {
  const [first, ...others] = fallbacksOf(data);
  if (first === undefined || isMixed(data)) return false;
  const reason = ({ fallbackReason }: Fallback) => html`<p>Not used: ${fallbackReason}</p>`;
  return html`
    <details class="device">
      <summary>Why on ${first.device}</summary>
      ${[first, ...others].map(reason)}
    </details>`;
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

/** Rounds to two digits below 10, to three above. */
function roundRate(rate: number): number {
  return Number(rate.toPrecision(rate < 10 ? 2 : 3));
}
