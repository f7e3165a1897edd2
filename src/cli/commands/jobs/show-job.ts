import { printable } from "../../../base/printable.ts";
import { formatCount } from "../../../base/quantities.ts";
import { OrangeryError } from "../../../errors.ts";
import { type JobDetails, readJobDetails } from "../../../fleet/management/job-details.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { type PhotoEntry, readPhotoEntries } from "../../../ledger/results/photo-entries.ts";
import { shortHashLength } from "../../../results/choose-recipe.ts";
import { adviseOn } from "../../../results/failure-advice.ts";
import { displayPath } from "../../options/caller-paths.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { resultsFromCaller } from "../../options/results-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { readJobFilter } from "./job-filter-arguments.ts";
import { openQueues } from "./open-queues.ts";

export interface ShowArguments extends QueueArguments {
  readonly recipe?: readonly string[];
  readonly results?: string;
  readonly json?: boolean;
}

/**
 * Runs `orangery jobs show`.
 *
 * @throws `INVALID_ARGUMENT` where nothing is known of the photo
 */
export async function showJob(
  output: StandardOutput,
  name: string,
  options: ShowArguments,
): Promise<void> {
  await using chosen = await openQueues(options);
  const { names = [] } = await readJobFilter([name], {});
  const source = names.at(-1)!;
  const jobs = await readJobDetails(chosen.queues, names);
  const sources = new Set([source, ...jobs.flatMap(({ photo }) => photo ?? [])]);
  const recorded = options.results === undefined ? [] : await readEntries(options.results, sources);
  if (jobs.length === 0 && recorded.length === 0) throw unknownJob(name, options);
  if (options.json) {
    for (const job of jobs) await output.writeJson({ ...job, recorded: recordOf(job, recorded) });
    if (jobs.length === 0) await output.writeJson({ photo: source, recorded });
    return;
  }
  const blocks = jobs.map((job) => describe(job, recordOf(job, recorded)));
  if (jobs.length === 0) {
    const lines = recorded.map((entry): Line => ["Results", describeEntry(entry)]);
    blocks.push(toText([["Photo", displayPath(source)], ["Job", "none in the queue"], ...lines]));
  }
  await output.write(blocks.join("\n"));
}

async function readEntries(location: string, sources: Iterable<string>): Promise<PhotoEntry[]> {
  await using ledger = await openLedger(resultsFromCaller(location), { readOnly: true });
  const entries = await Promise.all(
    Array.from(sources, (source) => readPhotoEntries(ledger, source)),
  );
  return entries.flat();
}

function recordOf({ recipe }: JobDetails, recorded: readonly PhotoEntry[]): PhotoEntry | undefined {
  return recorded.find(({ recipeHash }) => recipeHash === recipe?.hash);
}

function unknownJob(name: string, { queue, results }: ShowArguments): OrangeryError {
  const where = results === undefined ? "" : " or a record in the results";
  const hint = results === undefined ? " Name the results with --results to look there, too." : "";
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a photo or a job's id with a job in the queue ${queue}${where}, got ` +
      `${displayPath(name)}. It is done, was dropped, or was never added.${hint}`,
    { details: { name } },
  );
}

type Line = readonly [title: string, text: string];

function describe(job: JobDetails, recorded: PhotoEntry | undefined): string {
  const { photo, recipe, reason, worker, attemptsMost, progress } = job;
  const most = attemptsMost === undefined ? "" : ` of at most ${formatCount(attemptsMost)}`;
  const deaths = job.deaths > 0 ? `, ${formatCount(job.deaths)} ended with the process` : "";
  const ended = `${formatCount(job.attempts)} ended${most}${deaths}`;
  const failure = reason === undefined ? [] : describeReason(reason);
  return toText([
    photo === undefined ? ["Data", `${job.name} ${job.data}`] : ["Photo", displayPath(photo)],
    ["Job", `${job.id} in ${job.queue}`],
    ["State", job.state],
    ["Recipe", recipe ? `${recipe.name} (${recipe.hash.slice(0, shortHashLength)})` : "none"],
    ["Attempts", `${formatCount(job.attemptsBegun)} begun, ${ended}`],
    ["Added", job.addedAt],
    ...(job.takenAt ? [["Taken", `${job.takenAt} by ${worker ?? "a worker"}`] as const] : []),
    ...(job.failedAt ? [["Failed", job.failedAt] as const] : []),
    ...(progress === undefined ? [] : [["Progress", JSON.stringify(progress)] as const]),
    ...failure,
    ...(recorded === undefined ? [] : [["Results", describeEntry(recorded)] as const]),
    ...job.stacks.slice(-1).map((stack): Line => ["Stack", withoutReason(stack, reason)]),
    ...(job.log.length === 0 ? [] : [["Log", withoutReason(job.log.join("\n"), reason)] as const]),
  ]);
}

/** Stack and log repeat the reason's message. A short one may be part of something else there. */
function withoutReason(text: string, { message = "" }: Partial<JobDetails["reason"]> = {}): string {
  return message.length < 30 ? text : text.replaceAll(message, "…");
}

function describeReason({ code, message }: NonNullable<JobDetails["reason"]>): Line[] {
  if (code === undefined) return [["Reason", message]];
  const { meaning, advice } = adviseOn(code);
  return [
    ["Code", `${code}: ${meaning}`],
    ["Reason", message],
    ["To do", advice],
  ];
}

function describeEntry({ state, reason, objectCount, createdAt, recipeHash }: PhotoEntry): string {
  const of = `under ${recipeHash.slice(0, shortHashLength)}`;
  if (objectCount !== undefined) {
    return `${formatCount(objectCount)} objects ${of}, ${createdAt}`;
  }
  return `${state} ${of}${reason === undefined ? "" : `: ${reason.code}`}`;
}

/** Titles in a column; further lines of a text are below its first. */
function toText(lines: readonly Line[]): string {
  const width = Math.max(...lines.map(([title]) => title.length)) + 2;
  const indent = `\n${" ".repeat(width)}`;
  return lines
    .map(([title, text]) => {
      const shown = text.trimEnd().split("\n").map(printable).join(indent);
      return `${title.padEnd(width)}${shown}\n`;
    })
    .join("");
}
