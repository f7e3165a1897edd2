import { rm } from "node:fs/promises";
import { isOrangeryError } from "../../errors.ts";
import { precisionKey } from "../../graph/yolo/device-network.ts";
import { trimProcessHeap } from "../../native/process-heap.ts";
import type { ExecutionProvider, Runtime, Session, SessionOptions } from "../../native/runtime.ts";
import { type Device, isOpenVino } from "../devices/device.ts";
import {
  type BuildNetworkOptions,
  buildNetwork,
  type NetworkChange,
} from "../files/built-network.ts";
import { type ModelFile, reducedPrecision, requireUnchanged } from "../files/model-file.ts";
import { KeptRuns } from "../runs/kept-runs.ts";
import { libraryOf } from "./artifact.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { rearrange } from "./rearrange.ts";
import type { SavedNetwork, SavingNetwork } from "./saved-network.ts";
import { areAlike, tryOut } from "./try-out.ts";

export interface OpenNetworkOptions {
  readonly runtime: Runtime;
  readonly provider: ExecutionProvider;
  readonly intraOpThreads: number;
  /** Whether those threads spin while they wait. Default false. */
  readonly allowSpinning?: boolean | undefined;
  /** As `SessionOptions` has them. */
  readonly freeDimensions?: Readonly<Record<string, number>> | undefined;
  /** Without one, nothing is saved or looked for. */
  readonly artifacts: ArtifactStore | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface OpenedNetwork {
  readonly session: Session;
  /** Whether it came from an artifact that was there already. */
  readonly fromArtifact: boolean;
}

/**
 * Smaller ONNX models load about as quickly as what would be saved of them. The least YOLO networks
 * in int8, which gain by kernels, have 2 MB.
 */
const leastBytesToStore = 1024 * 1024;

/**
 * Opens the network of a model file on a device: the one that is saved, or the file itself, whose
 * network is then saved. Whatever goes wrong with saving, the file itself is opened.
 *
 * @throws `MODEL_LOAD_FAILED` where the file has changed since it was identified, `ORT_FAILED`, and
 *   what `buildNetwork` throws
 */
export async function openNetwork(
  file: ModelFile,
  device: Device,
  options: OpenNetworkOptions,
): Promise<OpenedNetwork> {
  using network = new NetworkFile(file, device, options);
  const saved = locate(file, device, options);
  if (saved === undefined) return { session: await network.open(), fromArtifact: false };
  const found = await network.openSaved(saved);
  if (found !== undefined) return { session: found, fromArtifact: true };

  await using saving = await saved.begin();
  const session = await network.open(saving);
  try {
    // In its place the network shares its memory with other processes, and takes less of it.
    const shared = (await saving?.install()) ? await network.openSaved(saved) : undefined;
    if (shared === undefined) return { session, fromArtifact: false };
    await session[Symbol.asyncDispose]();
    await trimProcessHeap();
    return { session: shared, fromArtifact: false };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Opens a network that is open already once more, with other threads or for one size of input.
 *
 * @throws where that would take a second copy of its weights: it must be mapped, or small
 */
export async function openNetworkAgain(
  file: ModelFile,
  device: Device,
  options: OpenNetworkOptions,
): Promise<Session> {
  using network = new NetworkFile(file, device, options);
  if (!isWorthSaving(file, device)) return await network.open();
  const saved = locate(file, device, options);
  const session = saved && (await network.openSaved(saved));
  if (session === undefined) throw new Error("there is no saved network to map");
  return session;
}

/** Returns where measurements of a network's runs are kept; undefined where nothing is saved. */
export function keptRunsOf(
  file: ModelFile,
  device: Device,
  options: Pick<OpenNetworkOptions, "runtime" | "artifacts">,
): KeptRuns | undefined {
  const place = locate(file, device, options)?.place;
  return place === undefined ? undefined : new KeptRuns(place);
}

function locate(
  file: ModelFile,
  device: Device,
  { runtime, artifacts }: Pick<OpenNetworkOptions, "runtime" | "artifacts">,
): SavedNetwork | undefined {
  if (!isWorthSaving(file, device)) return undefined;
  return artifacts?.locate(file, { device: device.label, library: libraryOf(runtime) });
}

/**
 * A network that was optimised for one device must not run on another, and only for the CPU is it
 * known to be worth keeping: other devices load from the model file.
 */
function isWorthSaving(file: ModelFile, { kind }: Device): boolean {
  const isBuilt = file.format === "checkpoint" || reducedPrecision(file) !== undefined;
  return kind === "cpu" && (file.bytes >= leastBytesToStore || isBuilt);
}

/** What a network is given the form for; undefined where it stays as it is. */
function targetOf(device: Device): BuildNetworkOptions["target"] {
  if (isOpenVino(device)) return "openvino";
  if (device.kind === "cpu") return "cpu";
  return device.kind === "cuda" ? "gpu" : undefined;
}

/** What a runtime makes a session of. */
interface NetworkContents {
  readonly contents: string | Uint8Array;
  readonly isQuantized: boolean;
}

/**
 * The part of a model file that a runtime reads: its path, or for a checkpoint and for a network in
 * fewer bits the bytes of the ONNX model that is built from it. Their memory goes when this is
 * disposed.
 */
class NetworkFile implements Disposable {
  readonly #file: ModelFile;
  readonly #options: OpenNetworkOptions;
  readonly #device: Device;
  #built: Uint8Array<ArrayBuffer> | undefined;

  constructor(file: ModelFile, device: Device, options: OpenNetworkOptions) {
    this.#file = file;
    this.#options = options;
    this.#device = device;
  }

  /** Opens the file itself, and saves its network where that is asked for and can be. */
  async open(saving?: SavingNetwork): Promise<Session> {
    const session = await this.#openSaving(saving);
    try {
      await requireUnchanged(this.#file);
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens the saved network; undefined where there is none, or none that can be used. */
  async openSaved(saved: SavedNetwork): Promise<Session | undefined> {
    const path = await saved.find();
    if (path === undefined) return undefined;
    try {
      return await this.#create(path, { mapped: true, kernels: true });
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      await saved.discard(error);
      return undefined;
    }
  }

  async #openSaving(saving: SavingNetwork | undefined): Promise<Session> {
    const rearranged = saving && (await this.#openRearranged(saving.path));
    if (rearranged !== undefined) return rearranged;
    const { contents } = await this.#read();
    try {
      return await this.#create(contents, { saveOptimizedTo: saving?.path });
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (saving === undefined) throw error;
      // A fault of the model itself is thrown once more.
      const session = await this.#create(contents);
      saving.fail(error);
      return session;
    }
  }

  /**
   * Has the runtime optimise a network for its CPU provider, rearranges it, and opens and saves
   * what comes out; undefined where kernels are of no use, or anything is in the way: then the
   * network is as the runtime optimises it.
   */
  async #openRearranged(saveOptimizedTo: string): Promise<Session | undefined> {
    const { runtime, provider, signal } = this.#options;
    const lanes = runtime.kernels?.lanes;
    if (lanes === undefined || provider.name !== "cpu") return undefined;
    const from = `${saveOptimizedTo}.onnx`;
    const [to, weightsFile] = [`${saveOptimizedTo}.rearranged.onnx`, `${saveOptimizedTo}.weights`];
    try {
      const { contents, isQuantized } = await this.#read();
      const expected = await this.#tryOptimizing(contents, from);
      if (expected === undefined) return undefined;
      // The weights would be in memory three times.
      this.#free();
      await trimProcessHeap();
      const isChanged = await rearrange({ from, to, weightsFile, isQuantized, lanes }, { signal });
      // What the thread has given back.
      await trimProcessHeap();
      const how = { saveOptimizedTo, unoptimized: true, kernels: true };
      await using opened = new AsyncDisposableStack();
      const session = opened.use(await this.#create(isChanged ? to : from, how));
      const found = isChanged ? await tryOut(session, runtime) : expected;
      if (found === undefined || !areAlike(expected, found)) return undefined;
      opened.move();
      return session;
    } catch {
      signal?.throwIfAborted();
      return undefined;
    } finally {
      await Promise.all([from, to, weightsFile].map((path) => rm(path, { force: true })));
    }
  }

  /** Has the runtime optimise a network and save it. Returns what it answers to `tryOut`. */
  async #tryOptimizing(contents: string | Uint8Array, saveOptimizedTo: string) {
    await using session = await this.#create(contents, { saveOptimizedTo });
    return await tryOut(session, this.#options.runtime);
  }

  async #create(
    source: string | Uint8Array,
    how: Pick<SessionOptions, "mapped" | "saveOptimizedTo" | "unoptimized" | "kernels"> = {},
  ): Promise<Session> {
    const { runtime, artifacts: _, ...options } = this.#options;
    return await runtime.createSession(source, { ...options, ...how });
  }

  async #read(): Promise<NetworkContents> {
    const { path, format } = this.#file;
    const change = this.#change();
    const target = targetOf(this.#device);
    const isAsItIs = format === "onnx" && change === undefined;
    const isSuited =
      target === "openvino" || (target === "cpu" && isWorthSaving(this.#file, this.#device));
    const asItIs = { contents: path, isQuantized: false };
    if (isAsItIs && !isSuited) return asItIs;
    try {
      const built = await buildNetwork(this.#file, {
        change,
        imageSize: "dynamic",
        batch: "dynamic",
        target,
        signal: this.#options.signal,
      });
      this.#built = built.bytes;
      return { contents: built.bytes, isQuantized: built.isQuantized };
    } catch (error) {
      // The runtime reads more than is read here: weights in files beside it, other operators.
      if (isAsItIs && isOrangeryError(error, "MODEL_NOT_ONNX")) return asItIs;
      throw error;
    }
  }

  #change(): NetworkChange | undefined {
    const { calibration } = this.#file;
    const reduced = reducedPrecision(this.#file);
    const metadata = { [precisionKey]: reduced ?? "" };
    if (calibration !== undefined) {
      return { kind: "quantized", calibration, input: "bytes", metadata };
    }
    if (reduced !== "float16") return undefined;
    const takesBytes = this.#device.kind === "cpu" || this.#device.kind === "cuda";
    return { kind: "halved", input: takesBytes ? "bytes" : "floats", metadata };
  }

  /** Left to the garbage collector, 80 MB may stay for minutes. */
  #free(): void {
    if (this.#built?.buffer.detached === false) this.#built.buffer.transfer(0);
    this.#built = undefined;
  }

  [Symbol.dispose](): void {
    this.#free();
  }
}
