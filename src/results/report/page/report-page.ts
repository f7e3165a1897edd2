import type { ReportData } from "../data/report-data.ts";
import { type PageSection, pageFrame } from "./page-frame.ts";
import { PhotoNames } from "./photo-names.ts";
import { recipeTitle } from "./recipe-line.ts";
import { countsSection } from "./sections/counts.ts";
import { distributionSection } from "./sections/distribution.ts";
import { failuresSection } from "./sections/failures.ts";
import { foldersSection } from "./sections/folders.ts";
import { gallerySection, type Shot } from "./sections/gallery.ts";
import { overviewSection } from "./sections/overview.ts";
import { recipeSection } from "./sections/recipe.ts";
import { reviewSection } from "./sections/review.ts";
import { scoresSection } from "./sections/scores.ts";
import { speedSection } from "./sections/speed.ts";
import { takenSection } from "./sections/taken.ts";

export interface ReportPageOptions {
  /** The results file as the page names it. */
  readonly file: string;
  readonly data: ReportData;
  readonly shots: readonly Shot[];
}

/** Makes the whole page. */
export function reportPage({ file, data, shots }: ReportPageOptions): string {
  const names = new PhotoNames(sourcesOf(data));
  const sections: readonly PageSection[] = [
    ["review", "Review", reviewSection(data)],
    ["distribution", "Distribution", distributionSection(data)],
    ["speed", "Speed", speedSection(data)],
    ["pictures", "Pictures", gallerySection(data, shots, names)],
    ["taken", "When and where", takenSection(data)],
    ["folders", "Folders", foldersSection(data)],
    ["counts", "Counts", countsSection(data, names)],
    ["scores", "Scores", scoresSection(data, names)],
    ["failures", "Failed", failuresSection(data, names)],
    ["recipe", "Recipe", recipeSection(data)],
  ];
  const origin = `Made by Orangery from the results${shots.length > 0 ? " and the photos" : ""}.`;
  return pageFrame({
    title: `${recipeTitle(data.recipe)}, ${file} – Orangery report`,
    top: overviewSection(data, { file, names }),
    sections,
    origin,
  });
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
