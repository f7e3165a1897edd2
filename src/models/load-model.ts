import { isOrangeryError, OrangeryError } from "../errors.ts";
import type { Runtime, Session } from "../native/runtime.ts";
import { arenasOf, type Device, executionProvider, type GpuMemoryOptions } from "./device.ts";
import { describeModelFile, identifyModelFile, type ModelFile } from "./model-file.ts";
import type { OneAtATime } from "./one-at-a-time.ts";
import { YoloModel } from "./yolo-model.ts";
import { readYoloNetwork, type YoloNetwork } from "./yolo-network.ts";

export interface LoadModelOptions extends GpuMemoryOptions {
  readonly runtime: Runtime;
  readonly turns: OneAtATime;
  /** Threads that share one operator on the CPU. Default 0: as many as there are cores. */
  readonly intraOpThreads?: number;
  /** Whether to run the model once on the CPU too. Other devices always have a proving run. */
  readonly warmUp?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadedModel {
  readonly model: YoloModel;
  /** False when another thread of the process had the model loaded already. */
  readonly loaded: boolean;
}

/**
 * Loads a YOLO model on one device, or shares the session that this process has of it there, and
 * proves it by a run: a device may be sound and still fail at this model.
 *
 * @throws OrangeryError `MODEL_NOT_ONNX`, `MODEL_NOT_YOLO`, `MODEL_LOAD_FAILED`
 */
export async function loadModel(
  file: ModelFile,
  device: Device,
  options: LoadModelOptions,
): Promise<LoadedModel> {
  const { runtime, turns, intraOpThreads = 0, warmUp = false, signal } = options;
  const provider = executionProvider(device, options);
  const settings = JSON.stringify([provider.options, intraOpThreads]);
  try {
    const { session, loaded } = await runtime.openSharedSession(
      [file.sha256, device.label, settings].join(" "),
      {
        signal,
        load: async (loadSignal) => {
          const fresh = await runtime.createSession(file.path, {
            provider,
            intraOpThreads,
            signal: loadSignal,
          });
          try {
            await requireUnchanged(file);
            const network = readYoloNetwork({ ...describe(fresh), file: file.path });
            if (warmUp || device.kind !== "cpu") {
              await prove(fresh, { network, device, runtime, signal: loadSignal });
            }
            return fresh;
          } catch (error) {
            await fresh[Symbol.asyncDispose]();
            throw error;
          }
        },
      },
    );
    const network = readYoloNetwork({ ...describe(session), file: file.path });
    return { model: new YoloModel({ runtime, session, network, file, device, turns }), loaded };
  } catch (error) {
    throw await explain(error, file, device);
  }
}

/** Whether a load failed because of the model, so that no other device would do better. */
export function isModelAtFault(error: unknown): boolean {
  return (
    isOrangeryError(error, "MODEL_NOT_ONNX") ||
    isOrangeryError(error, "MODEL_NOT_YOLO") ||
    hasFileChanged(error)
  );
}

/** Whether a load failed because the file was replaced meanwhile, so that trying again helps. */
export function hasFileChanged(error: unknown): boolean {
  return isOrangeryError(error, "MODEL_LOAD_FAILED") && error.details.changed === true;
}

/**
 * The library opens the file by its path, some time after it was identified. What it has read must be
 * what the hash says, or results would be recorded under the wrong model.
 */
async function requireUnchanged(file: ModelFile): Promise<void> {
  const { sha256 } = await identifyModelFile(file.path);
  if (sha256 === file.sha256) return;
  throw new OrangeryError(
    "MODEL_LOAD_FAILED",
    `Expected \`${file.path}\` to stay as it was while it was loaded, but it has changed. Load it again.`,
    { details: { path: file.path, changed: true } },
  );
}

function describe({ inputs, outputs, metadata }: Session) {
  return { inputs, outputs, metadata };
}

/** Runs the model on grey, at its fixed size or the least that its stride allows. */
async function prove(
  session: Session,
  {
    network,
    device,
    runtime,
    signal,
  }: {
    network: YoloNetwork;
    device: Device;
    runtime: Runtime;
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  const least = 2 * network.stride;
  const [height, width] = network.fixedSizeHw ?? [least, least];
  using input = runtime.createTensor(network.inputType, [1, 3, height, width]);
  (input.data as Float32Array).fill(0.5);
  const outputs = await session.run({ [network.inputName]: input }, { signal });
  const finite = Object.values(outputs).every(({ data }) =>
    (data as Float32Array).every((value) => Number.isFinite(value)),
  );
  for (const tensor of Object.values(outputs)) tensor[Symbol.dispose]();
  if (!finite) {
    throw new OrangeryError(
      "DEVICE_UNAVAILABLE",
      `Expected numbers from the model's proving run on ${device.label}, got NaN or infinity.`,
    );
  }
  await session.trimMemory(arenasOf(device));
}

/** What ONNX Runtime says of a file that holds no model. */
const notAModel = new Set(["INVALID_PROTOBUF", "NO_MODEL"]);

async function explain(error: unknown, file: ModelFile, device: Device): Promise<unknown> {
  if (!isOrangeryError(error, "ORT_FAILED")) return error;
  const { status, message } = error.details;
  if (file.bytes === 0 || notAModel.has(String(status))) {
    return new OrangeryError(
      "MODEL_NOT_ONNX",
      `Expected an ONNX model at \`${file.path}\`, got ${await describeModelFile(file)}. Export the network to ONNX, as \`yolo export format=onnx\` does.`,
      { cause: error, details: { path: file.path } },
    );
  }
  return new OrangeryError(
    "MODEL_LOAD_FAILED",
    `Expected to load \`${file.path}\` on ${device.label}, but ONNX Runtime refused: ${message}`,
    { cause: error, details: { path: file.path, device: device.label } },
  );
}
