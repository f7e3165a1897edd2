import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ReportData } from "../data/report-data.ts";
import { Html, html } from "../html.ts";
import { letterHeights } from "../pictures/overlay-labels.ts";
import { PhotoNames } from "./photo-names.ts";
import { countsSection } from "./sections/counts.ts";
import { distributionSection } from "./sections/distribution.ts";
import { failuresSection } from "./sections/failures.ts";
import { foldersSection } from "./sections/folders.ts";
import { gallerySection, type Shot } from "./sections/gallery.ts";
import { overviewSection } from "./sections/overview.ts";
import { recipeSection } from "./sections/recipe.ts";
import { scoresSection } from "./sections/scores.ts";
import { speedSection } from "./sections/speed.ts";

const style = readText("report.css");
const script = readText("report.js");

/** Of the letters on pictures; report.css reads them. */
const letterVariables = Object.entries(letterHeights).map(
  ([use, height]) => `--letters-${use}:${height};`,
);

export interface ReportPageOptions {
  /** The results file as the page names it. */
  readonly file: string;
  readonly data: ReportData;
  readonly shots: readonly Shot[];
}

/**
 * Makes the whole page. Its own policy forbids it to load anything and to run any script but ours,
 * whatever a photo is called.
 */
export function reportPage({ file, data, shots }: ReportPageOptions): string {
  const names = new PhotoNames(sourcesOf(data));
  const sections: readonly (readonly [id: string, title: string, content: Html | false])[] = [
    ["distribution", "Distribution", distributionSection(data)],
    ["speed", "Speed", speedSection(data)],
    ["pictures", "Pictures", gallerySection(data, shots, names)],
    ["folders", "Folders", foldersSection(data)],
    ["counts", "Counts", countsSection(data, names)],
    ["scores", "Scores", scoresSection(data, names)],
    ["failures", "Failed", failuresSection(data, names)],
    ["recipe", "Recipe", recipeSection(data)],
  ];
  const present = sections.filter(([, , content]) => content !== false);
  const policy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; " +
    `form-action 'none'; script-src 'sha256-${hash("sha256", script, "base64")}'`;
  const origin = `Made by Orangery from the results${shots.length > 0 ? " and the photos" : ""}.`;
  const { text } = html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${policy}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${file} – Orangery report</title>
        <style>${new Html(style)}</style>
      </head>
      <body>
        <main style="${letterVariables}">
          ${overviewSection(data, { file, names })}
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

function* sourcesOf({
  photos,
  chosen,
  worst,
  best,
  warnings,
  failures,
}: ReportData): Generator<string> {
  for (const { source } of [...photos, ...worst, ...best]) yield source;
  for (const { sources } of warnings.values()) yield* sources;
  for (const { summary } of chosen) yield summary.source;
  for (const { reasons } of failures) for (const { sources } of reasons) yield* sources;
}

function readText(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}
