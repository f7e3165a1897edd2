import { type Html, html } from "../html.ts";
import type { Thumbnail } from "../pictures/thumbnail.ts";

/** Made visible by the script, without which they do nothing. */
export function toggles(shown: readonly string[]): Html {
  return html`
    <fieldset class="toggles" hidden>
      <legend class="unseen">Show on the pictures</legend>
      ${shown.map(
        (layer) =>
          html`<label><input type="checkbox" checked data-layer="${layer}">${layer}</label>`,
      )}
    </fieldset>`;
}

/** The dialog that shows one picture large. */
export function viewer(shown: readonly string[]): Html {
  return html`
    <dialog id="viewer" aria-labelledby="viewer-name">
      <header>
        <div class="name"><h2 id="viewer-name" class="clamp"></h2><p id="viewer-about"></p></div>
        <div class="tools">
          ${toggles(shown)}
          <button type="button" data-do="zoom" aria-pressed="false">Zoom</button>
        </div>
        <button type="button" data-do="close" aria-label="Close">✕</button>
      </header>
      <div class="stage" tabindex="0" autofocus role="group" aria-label="Picture"></div>
      <footer>
        <button type="button" data-do="back" aria-label="Previous picture">←</button>
        <span id="viewer-place"></span>
        <button type="button" data-do="next" aria-label="Next picture">→</button>
      </footer>
    </dialog>`;
}

export interface ShotOptions {
  /** Of the card that it is on. */
  readonly id: string;
  /** The photo's name, for people. */
  readonly name: string;
  /** What is on it, in a sentence. */
  readonly summary: string;
  readonly sizeWh: readonly [number, number];
  readonly thumbnail: Thumbnail;
  readonly overlay: Html;
}

/** A small copy of a photo with an overlay, which opens large; or why there is none. */
export function shot({ id, name, summary, sizeWh, thumbnail, overlay }: ShotOptions): Html {
  if ("missing" in thumbnail) {
    return html`<div class="shot missing"><p>${thumbnail.missing}</p></div>`;
  }
  const { webp, widthPx, heightPx } = thumbnail;
  const url = `data:image/webp;base64,${Buffer.from(webp).toString("base64")}`;
  const ratio = (sizeWh[0] / sizeWh[1]).toFixed(4);
  return html`
    <a class="shot" href="#${id}" aria-label="Open ${name} large">
      <span class="frame" style="--ar:${ratio}">
        <img src="${url}" width="${widthPx}" height="${heightPx}" alt="${name}: ${summary}">
        ${overlay}
      </span>
    </a>`;
}
