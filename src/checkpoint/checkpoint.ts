import { type FileHandle, open, stat } from "node:fs/promises";
import { describeFile, readFileStart } from "../base/files/file-kind.ts";
import { OrangeryError } from "../errors.ts";
import { naming, tooLarge, unsupported, weightsOnly } from "./checkpoint-error.ts";
import { checkpointFormOf } from "./checkpoint-form.ts";
import { type CheckpointMetadata, readMetadata } from "./checkpoint-metadata.ts";
import { readLegacyCheckpoint } from "./legacy-checkpoint.ts";
import { type PickleDict, PickledObject, type PickleValue } from "./pickle/pickle-values.ts";
import { reachableTensors } from "./pickle/reachable-tensors.ts";
import type { PickledFile } from "./pickled-file.ts";
import { PickledTensor } from "./tensors/pickled-tensor.ts";
import { maxWeights } from "./tensors/weight-limit.ts";
import { readZipCheckpoint } from "./zip-checkpoint.ts";

export type { CheckpointMetadata } from "./checkpoint-metadata.ts";

/** A checkpoint as Ultralytics saves it, unpickled without running any of it. */
export interface Checkpoint {
  /** The averaged network (`ema`) where the file has one, else `model`; its tensors are read. */
  readonly model: PickledObject;
  /** The number of elements in the storages of its tensors. */
  readonly storedElements: number;
  readonly metadata: CheckpointMetadata;
}

/**
 * Reads a `.pt` file without executing any of it.
 *
 * @throws `MODEL_NOT_FOUND`, `CHECKPOINT_UNREADABLE`, `CHECKPOINT_REFUSED`,
 *   `CHECKPOINT_TOO_LARGE` or `CHECKPOINT_UNSUPPORTED`, saying what is wrong and where
 */
export async function readCheckpoint(
  path: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Checkpoint> {
  signal?.throwIfAborted();
  await using file = await openFile(path);
  try {
    return await naming(path, () => readFrom(file, signal));
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : notFound(path, error);
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // Checked first, because opening a pipe would wait for a writer.
    if (!(await stat(path)).isFile()) throw new Error("it is not a file");
    return await open(path);
  } catch (cause) {
    throw notFound(path, cause);
  }
}

function notFound(path: string, cause: unknown): OrangeryError {
  const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new OrangeryError(
    "MODEL_NOT_FOUND",
    `Expected a checkpoint at \`${path}\`, but it cannot be read (${why}). Check the path.`,
    { cause, details: { path } },
  );
}

async function readFrom(file: FileHandle, signal: AbortSignal | undefined): Promise<Checkpoint> {
  const pickled = await readPickledFile(file, signal);
  const { root } = pickled;
  if (!(root instanceof Map)) {
    throw unsupported(
      "Expected a dict that holds a network, as Ultralytics saves it. Save the network with " +
        "Ultralytics' `model.save(path)`.",
    );
  }
  const model = findModel(root);
  const storedElements = await readWeights(model, pickled, signal);
  return { model, storedElements, metadata: readMetadata(root) };
}

async function readPickledFile(
  file: FileHandle,
  signal: AbortSignal | undefined,
): Promise<PickledFile> {
  const { size: fileBytes } = await file.stat();
  const start = await readFileStart(file);
  switch (checkpointFormOf(start)) {
    case "zip":
      return await readZipCheckpoint(file, fileBytes, signal);
    case "legacy":
      return await readLegacyCheckpoint(file, fileBytes);
    default:
      throw new OrangeryError(
        "CHECKPOINT_UNREADABLE",
        `Expected a checkpoint as torch.save writes it, got ${describeFile(start, fileBytes)}. ` +
          "Give the path of a `.pt` file.",
      );
  }
}

function findModel(root: PickleDict): PickledObject {
  const ema = root.get("ema");
  const model = unwrapped(isFalse(ema) ? root.get("model") : ema);
  if (model instanceof PickledObject) return model;
  if (hasTensors(model) || hasTensors(root)) throw weightsOnly();
  throw unsupported(
    "It holds neither `ema` nor `model` with a network. Save the network with Ultralytics' " +
      "`model.save(path)`.",
  );
}

/** Whether Python takes a value for false, as where Ultralytics asks for `ema or model`. */
function isFalse(value: PickleValue | undefined): boolean {
  return !value || (value instanceof Map && value.size === 0);
}

/** The name of the wrapped module in each of PyTorch's wrappers. */
const wrappers: ReadonlyMap<string, string> = new Map([
  ["torch.nn.parallel.data_parallel.DataParallel", "module"],
  ["torch.nn.parallel.distributed.DistributedDataParallel", "module"],
  ["torch._dynamo.eval_frame.OptimizedModule", "_orig_mod"],
]);

function unwrapped(model: PickleValue | undefined): PickleValue | undefined {
  let inner = model;
  // A network may be compiled and distributed. A hostile file's wrapper may hold itself.
  for (let layer = 0; layer < wrappers.size; layer++) {
    if (!(inner instanceof PickledObject)) break;
    const name = wrappers.get(inner.className);
    if (name === undefined) break;
    const modules = inner.state.get("_modules");
    // PyTorch saves what it compiled as a call: the network is its first argument.
    inner = modules instanceof Map ? modules.get(name) : inner.args[0];
  }
  return inner;
}

function hasTensors(value: PickleValue | undefined): boolean {
  return value instanceof Map && value.values().some((entry) => entry instanceof PickledTensor);
}

/**
 * Reads the storages that the network's tensors are views of, and no others; returns the number of
 * their elements.
 */
async function readWeights(
  model: PickledObject,
  file: PickledFile,
  signal: AbortSignal | undefined,
): Promise<number> {
  const storages = new Set(
    reachableTensors(model)
      .values()
      .map(({ storage }) => storage),
  );
  const stored = [...storages].reduce((sum, { elementCount }) => sum + elementCount, 0);
  if (stored > maxWeights) {
    throw tooLarge(`Its network stores ${stored} numbers; the limit is ${maxWeights}`);
  }
  await file.fill(storages, signal);
  return stored;
}
