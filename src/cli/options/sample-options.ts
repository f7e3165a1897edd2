import type { Command } from "commander";
import type { SampleOptions } from "../../vision/photo/samples/sample-layout.ts";
import { expected } from "./option-values.ts";

/** Options of the samples of a photo that are its colours. */
export interface SampleArguments {
  readonly bands?: readonly number[];
  readonly valueRange?: readonly [number, number];
}

/** Adds the options of the samples of photos. */
export function addSampleOptions(command: Command): Command {
  return command
    .option(
      "--bands <numbers>",
      "bands that are red, green and blue, or the one that is grey, as in 3,2,1",
      parseBands,
    )
    .option(
      "--value-range <black,white>",
      "numbers that become black and white, as in 0,4095 for 12 bits in 16",
      parseValueRange,
    );
}

/** Returns undefined without these options, so that the recipe is that of plain photos. */
export function readSampleOptions({
  bands,
  valueRange,
}: SampleArguments): SampleOptions | undefined {
  return bands === undefined && valueRange === undefined ? undefined : { bands, valueRange };
}

function parseBands(text: string): number[] {
  const bands = text.split(",").map((part) => (/^[1-9]\d*$/.test(part) ? Number(part) : 0));
  if ((bands.length === 1 || bands.length === 3) && !bands.includes(0)) return bands;
  throw expected("one band or three, numbered from 1, as in 3,2,1", text);
}

function parseValueRange(text: string): [number, number] {
  const parts = text.split(",");
  const isNumber = (part: string) => /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(part);
  const [black, white] = parts.map(Number);
  if (parts.length === 2 && parts.every(isNumber) && black !== white) return [black!, white!];
  throw expected("two numbers that differ, black and white, as in 0,4095", text);
}
