import { formatPlural, formatValue } from "../../../base/quantities.ts";
import type { PlaceTotals } from "../../totals/place-grid.ts";
import { type Html, html } from "../html.ts";

export interface PlaceMapOptions {
  readonly title: string;
  /** One sentence that says what the map shows. */
  readonly summary: string;
}

const [mapWidth, mapHeight] = [560, 360];
/** Circles at the edge stay inside. */
const margin = 34;
const [leastRadius, mostRadius] = [3.5, 26];
/** Metres of a degree of latitude, within half a per cent. */
const metresPerDegree = 111_320;
/** A map of one place shows this much. */
const leastSpanM = 100;
/** The most that a scale bar takes of the map's width. */
const barShare = 0.3;

/**
 * Draws places as circles by their number of objects, north up, with a scale bar and the degrees of
 * its edges, and nothing from elsewhere. Distances are true near the middle; over thousands of
 * kilometres they are not.
 */
export function placeMap(
  places: readonly PlaceTotals[],
  { title, summary }: PlaceMapOptions,
): Html {
  const map = fitMap(places);
  const most = Math.max(1, ...places.map(({ objects }) => objects));
  // Small circles are drawn last, so that none is hidden.
  const circles = places.toSorted((a, b) => b.objects - a.objects);
  const bar = niceFloor(barShare * mapWidth * map.metresPerUnit);
  const barPercent = (100 * bar) / (mapWidth * map.metresPerUnit);
  return html`
    <figure class="chart places">
      <figcaption><h3>${title}</h3><p>${summary}</p></figcaption>
      <svg viewBox="0 0 ${mapWidth} ${mapHeight}" role="img" aria-label="${title}. ${summary}">
        <rect class="ground" width="${mapWidth}" height="${mapHeight}" rx="10"/>
        ${circles.map((place) => circle(place, most, map))}
      </svg>
      <div class="under">
        <span class="scalebar" style="width:${barPercent.toFixed(2)}%">
          <b>${formatMetres(bar)}</b>
        </span>
        <span class="corners">${map.corners}</span>
      </div>
      ${numbers(places)}
    </figure>`;
}

interface FittedMap {
  readonly metresPerUnit: number;
  /** The degrees of the edges. */
  readonly corners: string;
  toXy(place: PlaceTotals): readonly [x: number, y: number];
}

function fitMap(places: readonly PlaceTotals[]): FittedMap {
  const [south, north] = rangeOf(places.map(({ latitude }) => latitude));
  const shift = crossesDateLine(places) ? 360 : 0;
  const eastOf = ({ longitude }: PlaceTotals) => (longitude < 0 ? longitude + shift : longitude);
  const [west, east] = rangeOf(places.map(eastOf));
  const middle = { latitude: (south + north) / 2, longitude: (west + east) / 2 };
  const metresPerEast = metresPerDegree * Math.cos((middle.latitude * Math.PI) / 180);
  const metresPerUnit = Math.max(
    leastSpanM / (mapWidth - 2 * margin),
    ((east - west) * metresPerEast) / (mapWidth - 2 * margin),
    ((north - south) * metresPerDegree) / (mapHeight - 2 * margin),
  );
  const degrees = (value: number, [above, below]: readonly [string, string]) =>
    `${Math.abs(value).toFixed(4)}° ${value < 0 ? below : above}`;
  const between = (a: number, b: number, letters: readonly [string, string]) => {
    const [low, high] = [a, b].map((value) => degrees(wrap(value), letters));
    return low === high ? low! : `${low} – ${high}`;
  };
  return {
    metresPerUnit,
    corners: `${between(south, north, ["N", "S"])}, ${between(west, east, ["E", "W"])}`,
    toXy: (place) => [
      mapWidth / 2 + ((eastOf(place) - middle.longitude) * metresPerEast) / metresPerUnit,
      mapHeight / 2 - ((place.latitude - middle.latitude) * metresPerDegree) / metresPerUnit,
    ],
  };
}

/** Whether the way over the date line is the shorter one. */
function crossesDateLine(places: readonly PlaceTotals[]): boolean {
  const [west, east] = rangeOf(places.map(({ longitude }) => longitude));
  const turned = places.map(({ longitude }) => (longitude < 0 ? longitude + 360 : longitude));
  const [from, to] = rangeOf(turned);
  return to - from < east - west;
}

function wrap(longitude: number): number {
  return longitude > 180 ? longitude - 360 : longitude;
}

function rangeOf(values: readonly number[]): readonly [least: number, most: number] {
  return [Math.min(...values), Math.max(...values)];
}

function circle(place: PlaceTotals, most: number, map: FittedMap): Html {
  const [x, y] = map.toXy(place);
  const radius = Math.max(leastRadius, mostRadius * Math.sqrt(place.objects / most));
  return html`
    <circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${radius.toFixed(1)}">
      <title>${describe(place)}</title>
    </circle>`;
}

function describe(place: PlaceTotals): string {
  const objects = formatPlural(place.objects, "object");
  return `${nameOf(place)}: ${objects} on ${formatPlural(place.photos, "photo")}`;
}

function nameOf({ latitude, longitude }: PlaceTotals): string {
  return `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
}

/** The numbers as a table that unfolds. */
function numbers(places: readonly PlaceTotals[]): Html {
  const row = (place: PlaceTotals) => html`
    <tr>
      <th scope="row">${nameOf(place)}</th>
      <td class="number">${formatValue(place.photos)}</td>
      <td class="number">${formatValue(place.objects)}</td>
    </tr>`;
  return html`
    <details>
      <summary>Numbers</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Latitude, longitude</th>
              <th scope="col" class="number">photos</th>
              <th scope="col" class="number">objects</th>
            </tr>
          </thead>
          <tbody>${places.map(row)}</tbody>
        </table>
      </div>
    </details>`;
}

/** The greatest of 1, 2 or 5 times a power of ten that is not above `value`. */
function niceFloor(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [5, 2, 1].find((step) => step * power <= value * (1 + 1e-9))!;
}

function formatMetres(metres: number): string {
  return metres >= 1000 ? `${formatValue(metres / 1000)} km` : `${formatValue(metres)} m`;
}
