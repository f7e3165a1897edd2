/** A module of tasks for workers of the tests: does what a job's data say. */
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskEnvironment } from "../src/fleet/process/task-module.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { onnxRuntime } from "../src/native/onnx-runtime.ts";
import type { Runtime } from "../src/native/runtime.ts";
import { detectSliced } from "../src/pipeline/count/detect-sliced.ts";
import { ModelTask } from "../src/tasks/model-task.ts";
import type { TaskContext } from "../src/tasks/task-context.ts";
import { blackPhoto } from "../src/tasks/tiny-models.fixture.ts";

/** What a job says. */
export interface TestJob {
  readonly sleepMs?: number;
  /** Goes on when this file exists. */
  readonly untilFile?: string;
  /** Ends the process in the middle of the job. */
  readonly die?: boolean;
  /** Blocks the event loop. */
  readonly blockMs?: number;
  /** Whether the device never answers: the run that the model begins does not end. */
  readonly hang?: boolean;
  /** Bytes to keep for ever. */
  readonly leak?: number;
  /** Runs the model that the slot has. */
  readonly predict?: boolean;
  /** Predicts a photo of 100 slices. The first attempt does not come further than 50 of them. */
  readonly slices?: boolean;
  /** A file to which the job's id is appended. */
  readonly note?: string;
}

const leaked: Buffer[] = [];

/** Whether runs end from now on. */
let isHanging = false;

/** Runs wait while this is so. */
let isHalted = () => false;

/** ONNX Runtime on a device that may stop to answer. */
const runtime: Runtime = {
  ...onnxRuntime,
  async openSharedSession(key, options) {
    const { session, loaded } = await onnxRuntime.openSharedSession(key, options);
    const run = session.run.bind(session);
    session.run = async (inputs, options) => {
      while (isHalted()) await sleep(10, undefined, { signal: options?.signal });
      return await (isHanging ? new Promise<never>(() => {}) : run(inputs, options));
    };
    return { session, loaded };
  },
};

/** Where a sliced photo was begun, and its boxes. */
export interface SlicedOutcome {
  readonly pid: number;
  readonly from: number;
  readonly boxes: readonly number[];
}

/** 100 slices of 32 × 32 px, no two alike. */
const stripes = {
  data: Uint8Array.from({ length: 3 * 320 * 320 }, (_, i) => (i * (1 + (i >> 10))) & 255),
  widthPx: 320,
  heightPx: 320,
};

class TestTask extends ModelTask<TestJob, { pid: number; dots: number } | SlicedOutcome> {
  async run(job: TestJob, context: TaskContext) {
    if (job.slices) return await this.#predictSliced(context);
    const { taskId, signal, timings } = context;
    if (job.die) process.kill(process.pid, "SIGKILL");
    isHanging = job.hang ?? false;
    if (job.leak !== undefined) leaked.push(Buffer.alloc(job.leak, 1));
    const end = performance.now() + (job.blockMs ?? 0);
    while (performance.now() < end);
    if (job.sleepMs !== undefined) await sleep(job.sleepMs, undefined, { signal });
    while (job.untilFile !== undefined && !existsSync(job.untilFile)) {
      await sleep(10, undefined, { signal });
    }
    let dots = 0;
    if (job.predict) {
      const model = await this.detModel;
      const { detections, timingsMs } = await model.predict(blackPhoto, { signal });
      timings(timingsMs);
      dots = detections.length;
    }
    if (job.note !== undefined) appendFileSync(job.note, `${taskId}\n`);
    return { pid: process.pid, dots };
  }

  async #predictSliced({ signal, progress, partialWork }: TaskContext): Promise<SlicedOutcome> {
    let from: number | undefined;
    isHalted = () => false;
    const { detections } = await detectSliced(await this.detModel, stripes, {
      slice: 32,
      overlap: 0,
      confidence: 0.01,
      signal,
      resume: partialWork && { partialWork, key: "stripes", periodMs: 0 },
      onSlices: ({ done, total }) => {
        from ??= done;
        isHalted = () => from === 0 && done >= 50;
        progress({ slices: done, of: total });
      },
    });
    return { pid: process.pid, from: from!, boxes: [...detections.boxesXyxy] };
  }
}

export default function setUp({ models, device, workerId, logger }: TaskEnvironment) {
  const cache = new ModelCache({ models, device, workerId, logger, runtime, warmUp: true });
  return {
    task: new TestTask({ cache, workerId, logger }),
    cache,
    prove: (signal: AbortSignal) => cache.warmUp(undefined, { signal }),
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  };
}
