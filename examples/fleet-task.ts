/**
 * A worker on a BullMQ queue, and photos for it, on the Redis of `ORANGERY_QUEUE_URL`:
 * `node examples/fleet-task.ts`. In production the worker is a program of its own, on as many
 * machines as you like: bound by `const`, and closed on SIGTERM (docs/in-my-queue.md).
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { Queue, QueueEvents } from "bullmq";
import { ModelTask, type TaskContext } from "orangery";
import { createWorker } from "orangery/bullmq";

interface PhotoTask {
  readonly photo: string;
}

class CountPlants extends ModelTask<PhotoTask, number> {
  async run({ photo }: PhotoTask, { signal, timings }: TaskContext) {
    const detect = await this.detModel; // loaded once, before the first job
    const { detections, timingsMs } = await detect.predict(photo, { signal, maxDetections: 2000 });
    timings(timingsMs); // for the worker's metrics
    return detections.length;
  }
}

const url = process.env.ORANGERY_QUEUE_URL ?? "redis://localhost:6379";
const name = `example-${process.pid}`;

await using worker = createWorker(CountPlants, {
  connection: url,
  queue: name,
  name: "worker-0",
  cache: { models: { detect: "sample:seedlings" } },
});
await worker.ready;

const queue = new Queue<PhotoTask, number>(name, { connection: { url } });
const events = new QueueEvents(name, { connection: { url } });
try {
  await events.waitUntilReady();
  const folder = join(import.meta.dirname, "photos");
  const photos = (await readdir(folder)).sort().map((file) => join(folder, file));
  const jobs = await queue.addBulk(photos.map((photo) => ({ name: "count", data: { photo } })));
  for (const job of jobs) {
    const plants = await job.waitUntilFinished(events);
    console.log(`${basename(job.data.photo)}: ${plants} plants`);
  }
} finally {
  await events.close();
  await worker.close();
  await queue.obliterate();
  await queue.close();
}
