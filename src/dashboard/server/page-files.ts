import { readFile } from "node:fs/promises";
import { programFile } from "../../base/files/program-file.ts";
import { type Answer, Refusal } from "./answers.ts";

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  js: "text/javascript; charset=utf-8",
};

/** All that there is of the page; nothing else is ever read. */
const names: ReadonlySet<string> = new Set([
  "index.html",
  "login.html",
  "dashboard.css",
  "icon.svg",
  "main.js",
  "login.js",
  "dom.js",
  "format.js",
  "live.js",
  "now-view.js",
  "photos-view.js",
  "photo-view.js",
  "photo-canvas.js",
  "person.js",
  "queue/jobs-panel.js",
  "queue/queue-view.js",
  "queue/queue.css",
  "queue/worker-cards.js",
  "compare/compare-view.js",
  "compare/compare.css",
  "compare/match-objects.js",
  "compare/recipe-differences.js",
  "compare/side-by-side.js",
  "management/actions-view.js",
  "management/confirm.js",
  "management/management.css",
  "management/pause-button.js",
  "management/photo-changes.js",
  "review/actions.js",
  "review/desk.js",
  "review/edit-tool.js",
  "review/editor-view.js",
  "review/edits/boxes.js",
  "review/edits/corrections.js",
  "review/edits/edits.js",
  "review/edits/kept-edits.js",
  "review/edits/new-id.js",
  "review/edits/review-server.js",
  "review/edits/review-sync.js",
  "review/edits/things.js",
  "review/keys.js",
  "review/lists/estimate-panel.js",
  "review/lists/list-card.js",
  "review/lists/list-photos.js",
  "review/lists/lists-view.js",
  "review/lists/reasons.js",
  "review/notices.js",
  "review/panel.js",
  "review/photo-layers.js",
  "review/photo-things.js",
  "review/review.css",
  "review/tools.js",
]);

/** What the page shares with the report. */
const shared: ReadonlyMap<string, string> = new Map([
  ["step-colours.css", "results/report/page/step-colours.css"],
]);

/** Reads a file of the page by its name. */
export async function pageFile(name: string): Promise<Answer> {
  const path = names.has(name) ? `dashboard/page/${name}` : shared.get(name);
  if (path === undefined) throw new Refusal(404, "There is nothing here.");
  const body = await readFile(programFile(path), "utf8");
  const type = types[name.slice(name.lastIndexOf(".") + 1)]!;
  return { type, body, headers: { "cache-control": "no-cache" } };
}
