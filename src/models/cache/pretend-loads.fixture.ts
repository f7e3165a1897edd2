import { silentLogger } from "../../logger.ts";
import type { YoloModel } from "../yolo/yolo-model.ts";
import { CachedModel, type CachedModelOptions } from "./cached-model.ts";
import type { LoadOutcome } from "./model-loader.ts";

/** What a load would have given, with a model of which there is no more than its release. */
export function pretendOutcome(outcome: Partial<LoadOutcome> = {}) {
  const model = {
    device: "cpu",
    freeSize: false,
    defaultSizeHw: [640, 640],
    releases: 0,
    async [Symbol.asyncDispose]() {
      model.releases++;
    },
  };
  const { bytes = 10 } = outcome;
  return {
    loaded: true,
    fromArtifact: false,
    loadMs: 1,
    bytes,
    sessionKey: `session ${Math.random()}`,
    sessionBytes: bytes,
    fallback: undefined,
    ...outcome,
    model: model as typeof model & YoloModel,
  } satisfies LoadOutcome;
}

/** A model whose load the test ends, and a log of what became of it. */
export function pretendModel(options: Partial<CachedModelOptions> = {}) {
  const load = Promise.withResolvers<LoadOutcome>();
  const log: string[] = [];
  let loadSignal: AbortSignal | undefined;
  const cached = new CachedModel({
    name: "detect",
    workerId: 0,
    file: { path: "/detect.onnx", format: "onnx", bytes: 1, sha256: "abc" },
    loader: {
      load: ({ signal }) => {
        loadSignal = signal;
        return load.promise;
      },
    },
    onReady: (model) => log.push(`ready, ${model.state}`),
    onLeave: (_, failure) => log.push(failure ? `left: ${failure.error}` : "left"),
    onRelease: (_, __, reason) => log.push(`released: ${reason}`),
    logger: silentLogger,
    ...options,
  });
  return { cached, load, log, loadSignal: loadSignal! };
}
