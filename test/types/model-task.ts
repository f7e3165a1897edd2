/**
 * What the compiler knows of `ModelTask`, `runTasks` and `createWorker`. Nothing here runs: `tsc`
 * compiles it with the rest (`npm run check`), and fails where a type is another, or where a
 * mistake below a `@ts-expect-error` is none.
 */
import { ModelCache, ModelTask, runTasks, type TaskContext, type TaskOutcome } from "orangery";
import { createWorker, type FleetWorker } from "orangery/bullmq";
import type { Equal } from "./equal.ts";

interface Photo {
  readonly photo: string;
}
interface Counts {
  readonly plants: number;
}

class CountPlants extends ModelTask<Photo, Counts> {
  override async run({ photo }: Photo, context: TaskContext<Photo>): Promise<Counts> {
    const payload: Equal<typeof context.payload, Photo> = true;
    const detect = await this.detModel;
    const { detections } = await detect.predict(photo, { signal: context.signal });
    return { plants: detections.length + Number(payload) };
  }

  override onSuccess(result: Counts): void {
    result.plants satisfies number;
  }

  override afterReturn(outcome: TaskOutcome<Counts>): void {
    if (outcome.status === "succeeded") outcome.result.plants satisfies number;
    // @ts-expect-error a failed task has no result
    else outcome.result;
  }
}

class ReturnsText extends ModelTask<Photo, Counts> {
  // @ts-expect-error the result is Counts
  override async run(): Promise<string> {
    return "";
  }
}

class TakesNumber extends ModelTask<Photo, Counts> {
  // @ts-expect-error the payload is a Photo
  override async run(photo: number): Promise<Counts> {
    return { plants: photo };
  }
}

declare const cache: ModelCache;
const task = new CountPlants({ cache });

export const result: Equal<ReturnType<typeof task.execute>, Promise<Counts>> = true;
// @ts-expect-error the payload lacks its photo
void task.execute({});
// @ts-expect-error a task needs a cache
new CountPlants({});

for await (const end of runTasks(task, [{ photo: "a.jpg" }])) {
  end.payload.photo satisfies string;
  if (end.status === "succeeded") end.result satisfies Counts;
}
// @ts-expect-error the payloads are no photos
runTasks(task, [{ picture: "a.jpg" }]);

const connection = "redis://localhost:6379";
const queue = "photos";

const fromClass = createWorker(CountPlants, { connection, queue, cache: { models: {} } });
export const worker: Equal<typeof fromClass, FleetWorker<Photo, Counts>> = true;
const fromTask = createWorker(task, { connection, queue, parse: (data) => data as Photo });
export const sameWorker: Equal<typeof fromTask, FleetWorker<Photo, Counts>> = true;

// @ts-expect-error what `parse` returns is no Photo
createWorker(task, { connection, queue, parse: () => ({ picture: "a.jpg" }) });

class OfAnyContext extends ModelTask<Photo, Counts> {
  override async run({ photo }: Photo, { attempt }: TaskContext): Promise<Counts> {
    return { plants: photo.length + attempt };
  }
}
const ofAnyContext = createWorker(OfAnyContext, { connection, queue, cache: { models: {} } });
export const knownWorker: Equal<typeof ofAnyContext, FleetWorker<Photo, Counts>> = true;
// @ts-expect-error what `parse` returns is no Photo
createWorker(OfAnyContext, { connection, queue, parse: () => ({ picture: "a.jpg" }) });
// @ts-expect-error a worker needs a queue
createWorker(CountPlants, { connection });
// @ts-expect-error this is no class of tasks
createWorker(ModelCache, { connection, queue });

export { ReturnsText, TakesNumber };
