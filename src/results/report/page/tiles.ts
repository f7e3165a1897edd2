import { type Html, html } from "../html.ts";

const logo = html`
  <svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true">
    <circle cx="12.5" cy="15.5" r="9.5" fill="var(--accent)"/>
    <path d="M13 7.2C13.4 3 17 .8 22.6 1.4 22.2 6 18.600 8.400 13 7.2z" fill="var(--leaf)"/>
  </svg>`;

/** The name of the program, and what kind of page it is. */
export function brand(kind: string): Html {
  return html`<p class="brand">${logo}<span>Orangery</span><span class="quiet">${kind}</span></p>`;
}

/** A number that is seen at once. */
export interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly isWarning?: boolean;
}

export function tileOf({ name, value, note, isWarning }: Tile): Html {
  return html`
    <div class="tile${isWarning && " warning"}">
      <dt>${name}</dt>
      <dd><b style="--n:${value.length}">${value}</b><span>${note}</span></dd>
    </div>`;
}
