/** A worker thread for process-turns.test.ts: asks for turns, and says when it has them. */
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { processTurns } from "./process-turns.ts";
import type { TurnRequest } from "./turn-table.ts";

export interface TurnsData extends TurnRequest {
  readonly device: string;
  /** How many turns the thread takes, each when the one before has ended. */
  readonly times: number;
  /** Shared with the others: runs in progress, the most of them, threads in use, the most. */
  readonly counts: Int32Array;
  /** What it does in its turn. Default: it waits for a moment. */
  readonly inTurn?: "stay" | "exit" | undefined;
}

const { device, times, counts, inTurn, ...request } = workerData as TurnsData;
// Nothing else keeps the thread alive: no listener, no timer.
const turns = await processTurns(device);
for (let time = 0; time < times; time++) {
  await turns.run(async ({ threads }) => {
    raise(1, Atomics.add(counts, 0, 1) + 1);
    raise(3, Atomics.add(counts, 2, threads) + threads);
    parentPort!.postMessage(threads);
    if (inTurn === "exit") process.exit();
    if (inTurn === "stay") await new Promise((resolve) => parentPort!.once("message", resolve));
    await sleep(1);
    Atomics.sub(counts, 2, threads);
    Atomics.sub(counts, 0, 1);
  }, request);
}

function raise(index: number, value: number): void {
  for (;;) {
    const most = Atomics.load(counts, index);
    if (value <= most || Atomics.compareExchange(counts, index, most, value) === most) return;
  }
}
