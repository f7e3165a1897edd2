/**
 * A queue of your own around a task: a table of SQLite, two jobs in flight, retries where a retry
 * can help. Any other queue is the same four lines around `execute` and `isRetryable`.
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isRetryable, ModelCache, ModelTask } from "orangery";

class CountPlants extends ModelTask<{ photo: string }, number> {
  async run({ photo }: { photo: string }) {
    const detect = await this.detModel; // loaded once, by the first job
    return (await detect.predict(photo, { maxDetections: 2000 })).detections.length;
  }
}

const queue = new DatabaseSync(":memory:");
queue.exec(`create table job (
  id integer primary key, photo text, state text default 'waiting',
  attempts integer default 0, result
)`);
const folder = join(import.meta.dirname, "photos");
const add = queue.prepare("insert into job (photo) values (?)");
for (const name of (await readdir(folder)).sort()) add.run(join(folder, name));
add.run(join(folder, "no-such-photo.jpg"));

const take = queue.prepare(`
  update job set state = 'active', attempts = attempts + 1
  where id = (select min(id) from job where state = 'waiting')
  returning id, photo, attempts
`);
const end = queue.prepare("update job set state = ?, result = ? where id = ?");

await using cache = new ModelCache({ models: { detect: "sample:seedlings" } });
const task = new CountPlants({ cache, workerName: "worker-0" });

async function work(): Promise<void> {
  for (let job = take.get(); job !== undefined; job = take.get()) {
    const id = Number(job.id);
    const attempt = Number(job.attempts);
    try {
      const plants = await task.execute(
        { photo: String(job.photo) },
        { taskId: String(id), attempt },
      );
      end.run("done", plants, id);
    } catch (error) {
      const state = isRetryable(error) && attempt < 3 ? "waiting" : "failed";
      end.run(state, String((error as { code?: string }).code), id);
    }
  }
}
await Promise.all([work(), work()]); // while one infers, the other reads and decodes its photo

for (const { photo, state, result } of queue.prepare("select * from job order by id").all()) {
  console.log(`${basename(String(photo))}: ${state}, ${result}`);
}
console.log(`${cache.info().loads} load for ${cache.info().tasks} tasks`);
