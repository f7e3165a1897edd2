import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { programFile } from "../../../base/files/program-file.ts";
import { Html, html } from "../html.ts";
import { letterHeights } from "../pictures/overlay-labels.ts";

const style = readText("report.css") + readText("step-colours.css");
const script = readText("report.js");

/** Of the letters on pictures; report.css reads them. */
const letterVariables = Object.entries(letterHeights).map(
  ([use, height]) => `--letters-${use}:${height};`,
);

/** A section of a page; one without contents is left out. */
export type PageSection = readonly [id: string, title: string, content: Html | false];

export interface PageFrameOptions {
  readonly title: string;
  /** What comes before the sections. */
  readonly top: Html;
  readonly sections: readonly PageSection[];
  /** A sentence that says what the page was made from. */
  readonly origin: string;
}

/**
 * Makes a whole page. Its own policy forbids it to load anything and to run any script but ours,
 * whatever a photo is called.
 */
export function pageFrame({ title, top, sections, origin }: PageFrameOptions): string {
  const present = sections.filter(([, , content]) => content !== false);
  const policy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; " +
    `form-action 'none'; script-src 'sha256-${hash("sha256", script, "base64")}'`;
  const { text } = html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${policy}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${title}</title>
        <style>${new Html(style)}</style>
      </head>
      <body>
        <main style="${letterVariables}">
          ${top}
          <nav class="jump" aria-label="Sections">
            ${present.map(([id, title]) => html`<a href="#${id}">${title}</a>`)}
          </nav>
          ${present.map(([, , content]) => content)}
          <footer class="end">
            <p>${origin} This page loads nothing from elsewhere.</p>
          </footer>
        </main>
        <script>${new Html(script)}</script>
      </body>
    </html>`;
  return `${text}\n`;
}

function readText(name: string): string {
  return readFileSync(programFile(`results/report/page/${name}`), "utf8");
}
