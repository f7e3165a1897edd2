import { hideCredentials } from "../../base/url.ts";
import { readPause } from "../../ledger/actions/pause-recipe.ts";
import { readPhotoPage } from "../../ledger/browse/photo-pages.ts";
import {
  type RecipeChoice,
  type RecipeTotals,
  readLatestResults,
  readRecipeChoices,
} from "../../ledger/browse/progress.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { StateCounts } from "../../ledger/worklist/worklist-view.ts";
import { reducedPrecision } from "../../models/files/model-file.ts";
import { adviseOn } from "../../results/failure-advice.ts";
import type { MachineView } from "./machine-view.ts";
import type { Paced } from "./paced.ts";
import type { PartsWalk } from "./parts-walk.ts";
import { photoRow } from "./photo-row.ts";
import { timeLeft } from "./time-left.ts";
import { whereTimeGoes } from "./where-time-goes.ts";

export interface OverviewOptions {
  readonly recipe: RecipeChoice;
  readonly states: Paced<StateCounts>;
  readonly walk: PartsWalk<RecipeTotals>;
  /** What only the process that works knows; undefined beside a run. */
  readonly machine?: (() => MachineView) | undefined;
}

/** The newest results, of which rates and times are made. */
const latestResults = 1000;
const newestShown = 8;
/** Without a result for so long, nothing is at work. */
const quietMs = 5 * 60_000;

/** What the screen Now shows. */
export async function readOverview(
  ledger: Ledger,
  { recipe, states: pacedStates, walk, machine }: OverviewOptions,
): Promise<object> {
  const recipeId = recipe.id;
  const states = await pacedStates.get();
  const latest = await readLatestResults(ledger, { recipeId, limit: latestResults });
  const newest = await readPhotoPage(ledger, { recipeId, order: "newest", limit: newestShown });
  const totals = await walk.latest();
  const pause = await readPause(ledger, recipeId);
  const { recipes } = await readRecipeChoices(ledger);
  const nowMs = Date.now();
  const momentsMs = latest.map(({ createdAtMs }) => createdAtMs);
  const lastResultAtMs = momentsMs[0];
  const isQuiet =
    lastResultAtMs === undefined ? states.leased === 0 : nowMs - lastResultAtMs > quietMs;
  const left = states.waiting + states.leased;
  return {
    results: hideCredentials(ledger.location),
    recipe: { hash: recipe.hash, name: recipe.name },
    recipeCount: recipes.length,
    states,
    pause,
    isQuiet,
    lastResultAtMs,
    ...timeLeft(momentsMs, { left, nowMs }),
    devices: devicesOf(latest),
    time: whereTimeGoes(latest, { isReduced: isReduced(recipe) }),
    latestCount: latest.length,
    totals: totals && {
      atMs: totals.atMs,
      objectCount: totals.objectCount,
      counts: [...totals.countByName],
      warnings: [...totals.warnings],
      failures: Array.from(totals.failedByCode, ([code, photos]) => ({
        code,
        photos,
        ...adviseOn(code),
      })),
    },
    newest: newest.photos.map(photoRow),
    machine: machine?.(),
  };
}

function isReduced({ json }: RecipeChoice): boolean {
  const { detect } = JSON.parse(json);
  return reducedPrecision(detect ?? {}) !== undefined;
}

/** Where the newest results were made, and why there. */
function devicesOf(
  latest: readonly { readonly device: string; readonly fallbackReason: string | undefined }[],
) {
  const groups = Map.groupBy(
    latest,
    ({ device, fallbackReason = "" }) => `${device}\n${fallbackReason}`,
  );
  return Array.from(groups.values(), (results) => ({
    device: results[0]!.device,
    fallbackReason: results[0]!.fallbackReason,
    photos: results.length,
  }));
}
