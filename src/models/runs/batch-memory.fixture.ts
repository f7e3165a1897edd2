/** Predicts a batch that does not fit into the memory that this process allows itself. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { ModelCache } from "../cache/model-cache.ts";

export interface BatchMemoryReport {
  readonly largestBatch: number;
  readonly predictions: number;
  /** How many are not what a batch of one gives. */
  readonly differing: number;
}

/** The network's input for 64 pictures takes 80 MB, and running it some 200 more. */
const spareBytes = 200e6;

const picture = {
  data: new Uint8Array(3 * 320 * 320).map((_, i) => (i * 2_654_435_761) >>> 24),
  widthPx: 320,
  heightPx: 320,
};
await using cache = new ModelCache({ models: { model: process.argv[2]! }, device: "cpu" });
const model = await cache.get("model");
const options = { confidence: 0.001 };
const [alone] = await model.predictBatch([picture], options);

const status = readFileSync("/proc/self/status", "utf8");
const reservedBytes = 1024 * Number(/^VmSize:\s+(\d+) kB$/m.exec(status)![1]);
execFileSync("prlimit", ["--pid", `${process.pid}`, `--as=${reservedBytes + spareBytes}`]);

const predictions = await model.predictBatch(Array(64).fill(picture), options);
const differing = predictions.filter(
  ({ detections }) => !isDeepStrictEqual(detections, alone!.detections),
);
const report: BatchMemoryReport = {
  largestBatch: model.largestBatch,
  predictions: predictions.length,
  differing: differing.length,
};
process.stdout.write(JSON.stringify(report));
