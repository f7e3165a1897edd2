import type { JobFilter } from "../../../fleet/store/job-filter.ts";
import { photoFromCaller } from "../../options/caller-paths.ts";
import type { JobFilterArguments } from "./job-options.ts";

/** Reads which jobs are selected, those of `names` if there are any. */
export async function readJobFilter(
  names: readonly string[],
  { state, code, under, olderThan, newerThan }: JobFilterArguments,
): Promise<JobFilter> {
  const now = Date.now();
  const allNames = (await Promise.all(names.map(namesOf))).flat();
  return {
    states: state,
    code,
    under: under && photoFromCaller(under),
    names: names.length === 0 ? undefined : allNames,
    since: newerThan === undefined ? undefined : now - newerThan,
    until: olderThan === undefined ? undefined : now - olderThan,
  };
}

/** What a job may be called: its id, and the source of its photo. */
async function namesOf(name: string): Promise<string[]> {
  return [...new Set([name, await sourceFromCaller(name)])];
}

/** Returns how a photo that the command line names is recorded. */
async function sourceFromCaller(name: string): Promise<string> {
  const url = /^https?:/i.test(name) ? URL.parse(name) : null;
  if (url === null) return photoFromCaller(name);
  // Imported late: it needs the modules of Node that fetch.
  const { toPublicUrl } = await import("../../../pipeline/photos/remote/http-photo-reader.ts");
  return toPublicUrl(url);
}
