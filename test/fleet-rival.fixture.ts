/** A worker in a process of its own, which takes what it can get: `fork(this, [url, queue])`. */
import { createWorker } from "../src/fleet/bullmq.ts";
import { GivenTask } from "./fleet.fixture.ts";

const [connection, queue] = process.argv.slice(2);
const worker = createWorker(new GivenTask(() => "rival"), {
  connection: connection!,
  queue: queue!,
  lockDurationMs: 1000,
  stalledIntervalMs: 100,
});
await worker.ready;
process.send!("ready");
process.once("disconnect", () => void worker.close());
