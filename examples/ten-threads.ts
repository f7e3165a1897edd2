/** Ten worker threads and one model: it is loaded once, and all of them run it. */
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { ModelCache } from "orangery";

interface Answer {
  readonly loads: number;
  readonly plants: number;
}

const photo = new URL("photos/tray-3.jpg", import.meta.url);

// Every thread has a cache of its own; the loaded model behind them belongs to the process.
await using cache = new ModelCache({ models: { detect: "sample:seedlings" } });
await using lease = await cache.acquire("detect");

if (isMainThread) {
  const answers = await Promise.all(Array.from({ length: 10 }, askThread));
  const loads = answers.reduce((sum, answer) => sum + answer.loads, cache.info().loads);
  console.log(`${answers.length} threads, ${loads} load`);
  console.log("plants:", answers.map(({ plants }) => plants).join(" "));
} else {
  const { detections } = await lease.model.predict(photo);
  const answer: Answer = { loads: cache.info().loads, plants: detections.length };
  parentPort?.postMessage(answer);
}

async function askThread(): Promise<Answer> {
  // Room for new objects; by default Node takes more for each thread than predicting needs.
  const resourceLimits = { maxYoungGenerationSizeMb: 4 };
  const thread = new Worker(new URL(import.meta.url), { resourceLimits });
  return await new Promise((resolve, reject) => {
    thread.once("message", resolve).once("error", reject);
  });
}
