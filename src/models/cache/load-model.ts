import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { LoadedSession, Runtime, Session } from "../../native/runtime.ts";
import { type ProcessTurns, processTurns } from "../../native/turns/process-turns.ts";
import {
  computesOnCpu,
  type Device,
  executionProvider,
  type GpuMemoryOptions,
  isOpenVino,
} from "../devices/device.ts";
import {
  describeModelFile,
  hasFileChanged,
  type ModelFile,
  notAModel,
} from "../files/model-file.ts";
import type { RunChoice } from "../runs/choose-runs.ts";
import { type Extents, ModelRuns } from "../runs/model-runs.ts";
import { RunPlans } from "../runs/run-plans.ts";
import type { ArtifactStore } from "../saved/artifact-store.ts";
import {
  keptRunsOf,
  type OpenedNetwork,
  type OpenNetworkOptions,
  openNetwork,
  openNetworkAgain,
} from "../saved/open-network.ts";
import { type NetworkSignature, readYoloNetwork } from "../yolo/network-signature.ts";
import { type ProveNetworkOptions, proveNetwork } from "../yolo/prove-network.ts";
import { YoloModel } from "../yolo/yolo-model.ts";
import { otherSessionKey, sessionKeyOf } from "./session-key.ts";

export interface LoadModelOptions extends GpuMemoryOptions {
  readonly runtime: Runtime;
  /** The turns on the device. Default: the process's. */
  readonly turns?: ProcessTurns | undefined;
  /** Keeps networks for quicker loads. Default: none are kept. */
  readonly artifacts?: ArtifactStore | undefined;
  /** CPU threads of all runs together. Default 0: as many as there are cores. */
  readonly intraOpThreads?: number | undefined;
  /** Runs at a time on a CPU. Default: as many as pay, by what runs take. */
  readonly cpuRuns?: number | undefined;
  /** Whether CPU threads spin while a run is alone. Default: where that pays. */
  readonly cpuSpinning?: boolean | undefined;
  /** Runs the model once on the CPU too. Other devices always have a proving run. */
  readonly warmUp?: boolean | undefined;
  /** Is notified of how runs share the cores. */
  readonly logger?: Logger | undefined;
  /** Why the model is not on the device that was wanted. */
  readonly fallbackReason?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadedModel {
  readonly model: YoloModel;
  /** False when another worker or thread of the process had the model loaded already. */
  readonly loaded: boolean;
  /** Whether it was loaded from an artifact that was there. */
  readonly fromArtifact: boolean;
  /** Names the session, which models of several workers and threads may share. */
  readonly sessionKey: string;
}

/** A network that was opened, and is known to be one of YOLO. */
interface LoadedNetwork extends OpenedNetwork {
  readonly network: NetworkSignature;
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
  const { runtime, intraOpThreads = 0, fallbackReason, signal } = options;
  const provider = executionProvider(device, options);
  const sessionKey = sessionKeyOf(file, device, { provider, intraOpThreads });
  try {
    const { session, loaded } = await runtime.openSharedSession(sessionKey, {
      signal,
      load: (loadSignal) => loadNetwork(file, device, { ...options, signal: loadSignal }),
    });
    // If another thread has loaded the session, this one does not know its network yet.
    const network =
      loaded?.network ?? (await recognise(session, { file: file.path, device, runtime, signal }));
    const runs = await takeTurns(session, { file, device, sessionKey }, options);
    return {
      model: new YoloModel({ runtime, runs, network, file, device, fallbackReason }),
      loaded: loaded !== undefined,
      fromArtifact: loaded?.fromArtifact ?? false,
      sessionKey,
    };
  } catch (error) {
    throw await explain(error, file, device);
  }
}

interface OpenSession {
  readonly file: ModelFile;
  readonly device: Device;
  readonly sessionKey: string;
}

/** Arranges how runs of a session take turns on their device. */
async function takeTurns(
  session: Session,
  { file, device, sessionKey }: OpenSession,
  options: LoadModelOptions,
): Promise<ModelRuns> {
  const { runtime, artifacts, intraOpThreads = 0, cpuRuns, logger } = options;
  const { cpuSpinning: spinning } = options;
  const turns = options.turns ?? (await processTurns(device.label));
  const provider = executionProvider(device, options);
  const network = { runtime, provider, artifacts, signal: undefined };
  const openOther = async (how: OtherSession) => {
    const load = async (): Promise<LoadedSession> => ({
      session: await openNetworkAgain(file, device, { ...network, ...how }),
    });
    const key = otherSessionKey(sessionKey, how);
    return (await runtime.openSharedSession(key, { load })).session;
  };
  if (!computesOnCpu(device) && !isOpenVino(device)) {
    return new ModelRuns({ session, device, turns, inFlight: runsInFlight(device) });
  }
  const onChosen = (choice: RunChoice) =>
    logger?.info({ file: file.path, ...choice }, "runs of a model share the cores");
  const isOurs = device.kind === "cpu";
  const plans = new RunPlans({
    key: sessionKey,
    intraOpThreads,
    cpuRuns,
    // A plugin manages its own threads.
    spinning: isOurs ? spinning : false,
    kept: isOurs ? keptRunsOf(file, device, network) : undefined,
    onChosen,
  });
  if (isOurs) return new ModelRuns({ session, device, turns, plans, openAgain: openOther });
  const openForSize = async (freeDimensions: Extents, threads: number) => {
    const streams = Math.floor(plans.alone.cores / threads);
    const own = { provider: executionProvider(device, { ...options, streams }) };
    return await openOther({ ...own, intraOpThreads, freeDimensions });
  };
  return new ModelRuns({
    session,
    device,
    turns,
    ...(computesOnCpu(device) && { plans }),
    openForSize,
  });
}

/** How one more session of a network differs from the first. */
type OtherSession = Pick<OpenNetworkOptions, "intraOpThreads" | "allowSpinning"> &
  Partial<Pick<OpenNetworkOptions, "provider" | "freeDimensions">>;

/**
 * On CUDA, one run copies while the other computes: 17.7 ms a batch of 16 instead of 22.3 (YOLO11m
 * in float16, H200); a third run gains 5 % more.
 */
function runsInFlight({ kind }: Device): number {
  return kind === "cuda" ? 2 : 1;
}

/** Whether a load failed because of the model, so that no other device would do better. */
export function isModelAtFault(error: unknown): boolean {
  if (!isOrangeryError(error) || error.blames !== "model") return false;
  return error.code !== "MODEL_LOAD_FAILED" || hasFileChanged(error);
}

async function loadNetwork(
  file: ModelFile,
  device: Device,
  options: LoadModelOptions,
): Promise<LoadedNetwork> {
  const { runtime, artifacts, intraOpThreads = 0, warmUp = false, signal } = options;
  const provider = executionProvider(device, options);
  const opened = await openNetwork(file, device, {
    runtime,
    provider,
    intraOpThreads,
    artifacts,
    signal,
  });
  const mustRun = warmUp || device.kind !== "cpu";
  const how = { file: file.path, device, runtime, mustRun, signal };
  return { ...opened, network: await recognise(opened.session, how) };
}

/**
 * Recognises a session's network, by a run where nothing else shows what it is. A session that
 * cannot be used is disposed.
 */
async function recognise(
  session: Session,
  {
    mustRun = false,
    ...options
  }: Omit<ProveNetworkOptions, "network"> & { readonly mustRun?: boolean },
): Promise<NetworkSignature> {
  try {
    const network = readYoloNetwork(options.file, session);
    if (network.isCertain && !mustRun) return network;
    return await proveNetwork(session, { ...options, network });
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** How ONNX Runtime refuses a file that holds no model. */
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
