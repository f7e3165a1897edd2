import type { OneAtATime } from "../../base/one-at-a-time.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Runtime, Session } from "../../native/runtime.ts";
import {
  arenasOf,
  type Device,
  executionProvider,
  type GpuMemoryOptions,
} from "../devices/device.ts";
import {
  describeModelFile,
  identifyModelFile,
  type ModelFile,
  notAModel,
} from "../files/model-file.ts";
import type { ArtifactStore } from "../saved/artifact-store.ts";
import { openNetwork } from "../saved/open-network.ts";
import { type NetworkSignature, readYoloNetwork } from "../yolo/network-signature.ts";
import { YoloModel } from "../yolo/yolo-model.ts";

export interface LoadModelOptions extends GpuMemoryOptions {
  readonly runtime: Runtime;
  readonly turns: OneAtATime;
  /** Where networks are kept for quicker loads. Default: nowhere. */
  readonly artifacts?: ArtifactStore | undefined;
  /** Threads that share one operator on the CPU. Default 0: as many as there are cores. */
  readonly intraOpThreads?: number | undefined;
  /** Whether to run the model once on the CPU too. Other devices always have a proving run. */
  readonly warmUp?: boolean | undefined;
  /** Why the model is not on the device that was wanted. */
  readonly fallbackReason?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadedModel {
  readonly model: YoloModel;
  /** False when another thread of the process had the model loaded already. */
  readonly loaded: boolean;
  /** Whether it was loaded from an artifact that was there. */
  readonly fromArtifact: boolean;
  /** Names the session, which models of several workers and threads may share. */
  readonly sessionKey: string;
}

/**
 * Loads a YOLO model on one device, or shares the session that this process has of it there, and
 * proves it by a run: a device may be sound and still fail at this model.
 *
 * @throws `MODEL_NOT_ONNX`, `MODEL_NOT_YOLO`, `MODEL_LOAD_FAILED`, and for a checkpoint
 *   what `readYoloCheckpoint` throws
 */
export async function loadModel(
  file: ModelFile,
  device: Device,
  options: LoadModelOptions,
): Promise<LoadedModel> {
  const { runtime, turns, artifacts, intraOpThreads = 0, warmUp = false, signal } = options;
  const { fallbackReason } = options;
  const provider = executionProvider(device, options);
  const settings = JSON.stringify([provider.options, intraOpThreads]);
  const sessionKey = [file.sha256, device.label, settings].join(" ");
  let fromArtifact = false;
  let network: NetworkSignature | undefined;
  const load = async (loadSignal: AbortSignal | undefined) => {
    const networkOptions = { runtime, provider, intraOpThreads, artifacts, signal: loadSignal };
    const opened = await openNetwork(file, device, networkOptions);
    const { session } = opened;
    try {
      await requireUnchanged(file);
      network = readYoloNetwork({ ...describe(session), file: file.path });
      if (warmUp || device.kind !== "cpu") {
        await prove(session, { network, device, runtime, signal: loadSignal });
      }
      fromArtifact = opened.fromArtifact;
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  };
  try {
    const { session, loaded } = await runtime.openSharedSession(sessionKey, { signal, load });
    // Not known yet where another thread has loaded it.
    network ??= readYoloNetwork({ ...describe(session), file: file.path });
    const model = new YoloModel({
      runtime,
      session,
      network,
      file,
      device,
      fallbackReason,
      turns,
    });
    return { model, loaded, fromArtifact, sessionKey };
  } catch (error) {
    throw await explain(error, file, device);
  }
}

/** Whether a load failed because of the model, so that no other device would do better. */
export function isModelAtFault(error: unknown): boolean {
  if (!isOrangeryError(error)) return false;
  const { code } = error;
  return (
    code === "MODEL_NOT_ONNX" ||
    code === "MODEL_NOT_YOLO" ||
    code.startsWith("CHECKPOINT_") ||
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
    network: NetworkSignature;
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
const noModelStatuses = new Set(["INVALID_PROTOBUF", "NO_MODEL"]);

async function explain(error: unknown, file: ModelFile, device: Device): Promise<unknown> {
  if (!isOrangeryError(error, "ORT_FAILED")) return error;
  const { status, message } = error.details;
  if (file.bytes === 0 || noModelStatuses.has(String(status))) {
    return notAModel(file, await describeModelFile(file), error);
  }
  return new OrangeryError(
    "MODEL_LOAD_FAILED",
    `Expected to load \`${file.path}\` on ${device.label}, but ONNX Runtime refused: ${message}`,
    { cause: error, details: { path: file.path, device: device.label } },
  );
}
