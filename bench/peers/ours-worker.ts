/** A worker on BullMQ, and the program that adds jobs and waits for them. */
import { Queue, QueueEvents } from "bullmq";
import { createWorker } from "../../src/fleet/bullmq.ts";
import { ModelTask } from "../../src/index.ts";
import { measure, settings } from "./stopwatch.ts";

const { model, confidence, redis = "" } = settings;
const queueName = "peers";

class Count extends ModelTask<{ photo: string }, number> {
  async run({ photo }: { photo: string }): Promise<number> {
    return (await (await this.detModel).predict(photo, { confidence })).detections.length;
  }
}

await using worker = createWorker(Count, {
  connection: redis,
  queue: queueName,
  cache: { models: { detect: model }, device: "cpu" },
});
const connection = { url: redis, maxRetriesPerRequest: null };
const queue = new Queue(queueName, { connection });
const events = new QueueEvents(queueName, { connection });
events.setMaxListeners(0);
await Promise.all([worker.ready, events.waitUntilReady()]);

await measure(async (photos) => {
  const jobs = await queue.addBulk(photos.map((photo) => ({ name: "count", data: { photo } })));
  return await Promise.all(jobs.map((job) => job.waitUntilFinished(events)));
});
await events.close();
await queue.close();
