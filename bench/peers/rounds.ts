/** Contenders in turns, each in a process of its own, and the table of their medians. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { median } from "../figures.ts";
import { peersEnvironment } from "./python.ts";
import type { Figures, Settings } from "./stopwatch.ts";

export interface Contender {
  readonly name: string;
  /** The program and its arguments; the settings come last. */
  readonly command: readonly [program: string, ...arguments_: string[]];
  readonly settings: Settings;
  readonly environment?: NodeJS.ProcessEnv;
}

/** The figures of a round, with the time from the start of the process to the first result. */
interface Measured extends Figures {
  readonly coldMs: number;
}

export interface Row {
  readonly name: string;
  readonly rounds: readonly Measured[];
}

/** Runs all contenders in turns, before that once for the caches of the system if there is time. */
export async function inTurns(
  contenders: readonly Contender[],
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: boolean },
): Promise<Row[]> {
  const rows = contenders.map(({ name }) => ({ name, rounds: [] as Measured[] }));
  for (let round = warmUp ? 0 : 1; round <= rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const label = round === 0 ? "warming up" : `round ${round} of ${rounds}`;
      console.error(`${label}: ${contender.name}`);
      const passes = round === 0 ? 0 : contender.settings.passes;
      const measured = await run({ ...contender, settings: { ...contender.settings, passes } });
      if (round > 0) rows[i]!.rounds.push(measured);
    }
  }
  return rows;
}

async function run({ name, command, settings, environment }: Contender): Promise<Measured> {
  const [program, ...programArguments] = command;
  const startedAtMs = Date.now();
  const child = spawn(program, [...programArguments, JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...peersEnvironment, ...environment },
  });
  const [output, errors, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  if (status !== 0) throw new Error(`${name} failed with ${status}: ${errors.slice(-2000)}`);
  // Libraries may print before.
  const figures: Figures = JSON.parse(output.trim().split("\n").at(-1)!);
  return { ...figures, coldMs: figures.firstAtMs - startedAtMs };
}

/**
 * Returns a Markdown table of medians. Speed and CPU time have a factor beside them: how many times
 * as good as the best of the first two rows, which are one peer with few threads and with all.
 */
export function markdownTable(rows: readonly Row[]): string {
  const peers = rows.slice(0, 2).map(medians);
  const best = {
    photoMs: Math.min(...peers.map(({ photoMs }) => photoMs)),
    photoCpuMs: Math.min(...peers.map(({ photoCpuMs }) => photoCpuMs)),
  };
  const lines = rows.map((row) => {
    const { coldMs, loadMs, singleMs, photoMs, photoCpuMs, peakBytes } = medians(row);
    return [
      row.name,
      significant(coldMs / 1000),
      loadSeconds(loadMs / 1000),
      significant(singleMs),
      withFactor(1000 / photoMs, best.photoMs / photoMs),
      withFactor(photoCpuMs, best.photoCpuMs / photoCpuMs),
      (peakBytes / 1e6).toFixed(0),
      `${row.rounds[0]?.objects ?? ""}`,
    ];
  });
  const head = ["", "first result, s", "load, s", "one photo, ms", "photos/s", "CPU, ms a photo"];
  return [
    [...head, "peak, MB", "objects"],
    ["---", ...lines[0]!.slice(1).map(() => "--:")],
    ...lines,
  ]
    .map((cells) => `| ${cells.join(" | ")} |`.replaceAll(/ {2}(?=\|)/g, " "))
    .join("\n");
}

function medians({ rounds }: Row) {
  const of = (value: (measured: Measured) => number | undefined) =>
    median(rounds.map((measured) => value(measured) ?? Number.NaN));
  return {
    coldMs: of(({ coldMs }) => coldMs),
    loadMs: of(
      ({ loadAndFirstMs, singleMs }) => loadAndFirstMs && singleMs && loadAndFirstMs - singleMs,
    ),
    singleMs: of(({ singleMs }) => singleMs),
    photoMs: of(({ photoMs }) => photoMs),
    photoCpuMs: of(({ photoCpuMs }) => photoCpuMs),
    peakBytes: of(({ peakBytes }) => peakBytes),
  };
}

function withFactor(value: number, factor: number): string {
  return Number.isNaN(value) ? "" : `${significant(value)} (${factor.toFixed(2)} ×)`;
}

/** A load is a difference: where it is tiny, noise makes it less than nothing. */
function loadSeconds(seconds: number): string {
  return seconds < 0.05 ? "<0.1" : significant(seconds);
}

/** About three digits, and nothing where there is no value. */
function significant(value: number): string {
  if (Number.isNaN(value)) return "";
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
