import { formatPlural } from "../../../base/quantities.ts";
import {
  changeableEntryStates,
  changePhotos,
  type PhotoChange,
} from "../../../ledger/management/change-photos.ts";
import { countEntries } from "../../../ledger/management/select-entries.ts";
import { photoFromCaller } from "../../options/caller-paths.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { type ChangePhotosArguments, readEntryFilter } from "./entry-filter.ts";
import { openResultsToManage } from "./open-results.ts";
import { callerActor } from "./person-option.ts";

const done: Readonly<Record<PhotoChange, string>> = {
  retry: "tried again",
  exclude: "excluded",
  include: "taken back",
  forget: "forgotten",
};

/** Runs `orangery photos retry` and so on; resolves to the exit status. */
export async function changePhotosOf(
  output: StandardOutput,
  paths: readonly string[],
  options: ChangePhotosArguments & { readonly change: PhotoChange },
): Promise<number> {
  const { change, dryRun = false, json, by } = options;
  let photos = 0;
  const status = await interruptible(async ({ stop: signal }) => {
    await using results = await openResultsToManage(options, { readOnly: dryRun });
    const { ledger, recipe } = results;
    const filter = readEntryFilter(options);
    const places = paths.length === 0 ? undefined : paths.map(photoFromCaller);
    const selection = { recipeId: recipe.id, filter, places };
    if (dryRun) {
      const states = changeableEntryStates[change];
      photos = await countEntries(ledger, { ...selection, states }, { signal });
    } else {
      await changePhotos(ledger, change, selection, {
        actor: callerActor(by),
        recipeHash: recipe.hash,
        filter: { ...definedOf(filter), ...(places && { places }) },
        onChanged: (changed) => {
          photos = changed;
        },
        signal,
      });
    }
    return exitStatus.ok;
  });
  const verb = dryRun ? "would be" : photos === 1 ? "is" : "are";
  await (json
    ? output.writeJson({ change, photos, dryRun })
    : output.write(`${formatPlural(photos, "photo")} ${verb} ${done[change]}\n`));
  return status;
}

function definedOf(filter: object): Record<string, string | number> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}
