/** A worker for the queue of the Celery app of `celery_tasks.py`, as `celery_peer.py` starts it. */
import { createCeleryWorker } from "../../src/fleet/celery.ts";
import { ModelTask } from "../../src/index.ts";
import type { Settings } from "./stopwatch.ts";

const { model, confidence, redis = "" }: Settings = JSON.parse(process.env.PEER_SETTINGS!);

class Count extends ModelTask<string, number> {
  async run(photo: string): Promise<number> {
    return (await (await this.detModel).predict(photo, { confidence })).detections.length;
  }
}

await using worker = createCeleryWorker(
  { "celery_tasks.count": Count },
  { broker: redis, cache: { models: { detect: model }, device: "cpu" } },
);
await worker.ready;
const stopped = Promise.withResolvers<void>();
process.once("SIGTERM", () => stopped.resolve());
await stopped.promise;
