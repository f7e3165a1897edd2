/**
 * A process of its own: a worker counts on as many photos as its argument says, and what memory it
 * took is written as JSON. Garbage is collected before each reading, so that what grows is what is
 * kept.
 */

import { getHeapStatistics } from "node:v8";
import { OwnCache, PhotosToCount } from "./fleet-photos.fixture.ts";
import { openRedis } from "./servers/redis-server.ts";

/** What the process reports, after each hundredth task. */
export interface FleetMemoryReport {
  readonly readings: readonly {
    readonly task: number;
    readonly heap: number;
    /** Resident memory outside V8's heap, which takes 30 MB more for new objects at any time. */
    readonly native: number;
  }[];
  readonly results: number;
}

const tasks = Number(process.argv[2]);
await using _cache = await OwnCache.create();
await using redis = await openRedis();
await using photos = await PhotosToCount.create(tasks);
await using queue = await photos.openQueue(redis.url);
await photos.enqueue(queue.queue);
const readings: FleetMemoryReport["readings"][number][] = [];
{
  const { promise, resolve } = Promise.withResolvers<void>();
  let task = 0;
  const onJobEnd = () => {
    task++;
    if (task % 100 === 0) {
      globalThis.gc!();
      const { heapUsed, external, rss } = process.memoryUsage();
      const native = rss - getHeapStatistics().total_physical_size;
      readings.push({ task, heap: heapUsed + external, native });
    }
    if (task === tasks) resolve();
  };
  await using _worker = await photos.startWorker(queue, {}, { onJobEnd });
  await promise;
}
const report: FleetMemoryReport = { readings, results: (await photos.results()).length };
process.stdout.write(JSON.stringify(report));
