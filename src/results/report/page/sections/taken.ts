import { formatPlural, formatShare } from "../../../../base/quantities.ts";
import type { NamedTotals } from "../../../totals/capture-totals.ts";
import { barChart } from "../../charts/bar-chart.ts";
import { binHours } from "../../charts/hour-bins.ts";
import { placeMap } from "../../charts/place-map.ts";
import { type ReportData, reportLimits } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { groupTable } from "./group-table.ts";

const maxBars = 40;

/** When, where and with what the photos were taken; left out where none says so. */
export function takenSection(data: ReportData): Html | false {
  const { periods, cameras, places } = data.taken;
  const known = (groups: readonly NamedTotals[]) => groups.some(({ name }) => name !== "");
  if (!known(periods) && !known(cameras) && places.length === 0) return false;
  const pair = [objectsOverTime(data), placesMap(data)].filter((chart) => chart !== false);
  return html`
    <section id="taken">
      <h2>When and where</h2>
      <p class="quiet">${introduction(data)}</p>
      ${pair.length > 0 && html`<div class="pair">${pair}</div>`}
      ${known(periods) && namedTable(periods, data, titleOf(periods))}
      ${known(cameras) && namedTable(cameras.slice(0, reportLimits.cameras), data, "Camera")}
    </section>`;
}

function introduction({ taken: { periods, places }, photoCount }: ReportData): Html {
  const undated = periods.find(({ name }) => name === "")?.totals.photos ?? 0;
  const placed = places.reduce((sum, { photos }) => sum + photos, 0);
  const without = (photos: number, what: string) =>
    photos > 0 && `${formatShare(photos, photoCount)} of the photos do not say ${what}. `;
  return html`
    As the photos say; times are those of the cameras' clocks.
    ${without(undated, "when they were taken")}
    ${placed > 0 && without(photoCount - placed, "where they were taken")}`;
}

function objectsOverTime({ taken: { hours } }: ReportData): Html | false {
  const dated = hours.filter(({ name, totals }) => name !== "" && totals.photos > 0);
  if (dated.length < 2) return false;
  const { bins, nameOf, width } = binHours(dated, maxBars);
  const [first, last] = [dated[0]!.name.slice(0, 10), dated.at(-1)!.name.slice(0, 10)];
  const span = first === last ? `On ${first}` : `From ${first} to ${last}`;
  return barChart(bins, {
    title: "Objects over time",
    summary: `${span}; each bar is ${width}.`,
    nameOf: ({ from }) => nameOf(from),
    unit: ["object", "objects"],
    tickOf: nameOf,
    axis: "Camera's clock",
  });
}

function placesMap({ taken: { places } }: ReportData): Html | false {
  const [most] = places;
  if (most === undefined) return false;
  const placesFound = formatPlural(places.length, "place");
  const [objects, photos] = [
    formatPlural(most.objects, "object"),
    formatPlural(most.photos, "photo"),
  ];
  const largest = `${objects} on ${photos}`;
  return placeMap(places, {
    title: "Places",
    summary:
      `${placesFound}, north up. Circles are as large as the number of objects; the largest is ` +
      `${largest}.`,
  });
}

function titleOf(periods: readonly NamedTotals[]): string {
  const letters = periods[0]!.name.length;
  return letters === 10 ? "Day" : letters === 7 ? "Month" : "Year";
}

function namedTable(groups: readonly NamedTotals[], data: ReportData, title: string): Html {
  return groupTable(
    groups.map(({ name, totals }) => ({
      head: html`
        <th scope="row">${name === "" ? html`<i>not known</i>` : html`<bdi>${name}</bdi>`}</th>`,
      totals,
    })),
    { title, data },
  );
}
