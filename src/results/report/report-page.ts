import { hash } from "node:crypto";
import { Html, html } from "./html.ts";
import { PhotoNames } from "./photo-names.ts";
import { distribution, speed } from "./report-charts.ts";
import type { ReportData } from "./report-data.ts";
import { failures } from "./report-failures.ts";
import { gallery, type Shot } from "./report-gallery.ts";
import { overview } from "./report-overview.ts";
import { recipeSection } from "./report-recipe.ts";
import { reportScript } from "./report-script.ts";
import { reportStyle } from "./report-style.ts";
import { countsTable, scoreTables } from "./report-tables.ts";

export interface ReportPageOptions {
  /** The results file as the page names it. */
  readonly file: string;
  readonly facts: ReportData;
  readonly shots: readonly Shot[];
}

/**
 * The whole page. It needs nothing but itself, and its own policy forbids it to: nothing is loaded,
 * and no script runs but ours, whatever a photo is called.
 */
export function reportPage({ file, facts, shots }: ReportPageOptions): string {
  const names = new PhotoNames(sourcesOf(facts));
  const sections: readonly (readonly [id: string, title: string, content: Html | false])[] = [
    ["distribution", "Distribution", distribution(facts)],
    ["speed", "Speed", speed(facts)],
    ["pictures", "Pictures", gallery(facts, shots, names)],
    ["counts", "Counts", countsTable(facts, names)],
    ["scores", "Scores", scoreTables(facts, names)],
    ["failures", "Set aside", failures(facts, names)],
    ["recipe", "Recipe", recipeSection(facts)],
  ];
  const present = sections.filter(([, , content]) => content !== false);
  const policy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; " +
    `script-src 'sha256-${hash("sha256", reportScript, "base64")}'; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${file} – Orangery report</title>
<style>${new Html(reportStyle)}</style>
</head>
<body>
<main>
${overview(facts, { file })}
<nav class="jump" aria-label="Sections">${present.map(([id, title]) => html`<a href="#${id}">${title}</a>`)}</nav>
${present.map(([, , content]) => content)}
<footer class="end"><p>Made by Orangery from the results${shots.length > 0 && " and the photos"}; nothing on this page is loaded from elsewhere.</p></footer>
</main>
<script>${new Html(reportScript)}</script>
</body>
</html>
`.text;
}

function* sourcesOf({ photos, chosen, worst, best, failures }: ReportData): Generator<string> {
  for (const { source } of [...photos, ...worst, ...best]) yield source;
  for (const { facts } of chosen) yield facts.source;
  for (const { reasons } of failures) for (const { sources } of reasons) yield* sources;
}
