import { type FileHandle, open, stat } from "node:fs/promises";
import { describeFile, readFileStart } from "../base/files/file-kind.ts";
import { OrangeryError } from "../errors.ts";
import { damaged, naming, quote, tooLarge, unsupported, weightsOnly } from "./checkpoint-error.ts";
import { checkpointFormOf } from "./checkpoint-form.ts";
import { type CheckpointMetadata, readMetadata } from "./checkpoint-metadata.ts";
import { pickleLimits, readPickle } from "./pickle/pickle-machine.ts";
import { type PickleDict, PickledObject, type PickleValue } from "./pickle/pickle-values.ts";
import { reachableTensors } from "./pickle/reachable-tensors.ts";
import { StorageTable } from "./pickle/storage-table.ts";
import { PickledTensor } from "./tensors/pickled-tensor.ts";
import { maxWeights } from "./tensors/weight-limit.ts";
import { ZipArchive } from "./zip/zip-archive.ts";
import { checkStored, type ZipEntry } from "./zip/zip-directory.ts";

export type { CheckpointMetadata } from "./checkpoint-metadata.ts";

/** A checkpoint as Ultralytics saves it, unpickled without running anything of it. */
export interface Checkpoint {
  /** The averaged network (`ema`) where the file has one, else `model`. Its tensors are in memory. */
  readonly model: PickledObject;
  /** Numbers that are stored for it, of which its tensors are views. */
  readonly storedElements: number;
  readonly facts: CheckpointMetadata;
}

/**
 * Reads a `.pt` file and executes nothing of it.
 *
 * @throws `MODEL_NOT_FOUND`, `CHECKPOINT_UNREADABLE`, `CHECKPOINT_REFUSED`,
 *   `CHECKPOINT_TOO_LARGE` or `CHECKPOINT_UNSUPPORTED`, saying what is wrong and where.
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
    // Asked first, because opening a pipe would wait for someone to write to it.
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
  const { size: fileBytes } = await file.stat();
  await checkKind(file, fileBytes);
  const archive = await ZipArchive.open(file, fileBytes);
  const prefix = findPrefix(archive);
  for (const entry of archive.entries.values()) checkStored(entry);
  await checkByteOrder(archive, prefix);

  const pickle = await readRecord(archive, `${prefix}/data.pkl`, signal);
  const entryOf = (key: string) => archive.entries.get(`${prefix}/data/${key}`);
  const storages = new StorageTable((key) => entryOf(key)?.byteLength);
  const root = readPickle(pickle, (id) => storages.load(id));
  if (!(root instanceof Map)) {
    throw unsupported(
      "Expected a dict that holds a network, as Ultralytics saves it. Save the network with Ultralytics' `model.save(path)`.",
    );
  }
  const model = findModel(root);
  const storedElements = await readWeights(model, { archive, entryOf, signal });
  return { model, storedElements, facts: readMetadata(root) };
}

async function checkKind(file: FileHandle, fileBytes: number): Promise<void> {
  const start = await readFileStart(file);
  const form = checkpointFormOf(start);
  if (form === "zip") return;
  if (form === "legacy") {
    throw unsupported(
      "It has the form that PyTorch wrote before version 1.6. Load it with Ultralytics and save it again.",
    );
  }
  throw new OrangeryError(
    "CHECKPOINT_UNREADABLE",
    `Expected a zip archive as torch.save writes it, got ${describeFile(start, fileBytes)}. Give the path of a \`.pt\` file.`,
  );
}

/** The one folder of the archive: the stem of the name under which it was saved, or `archive`. */
function findPrefix({ entries }: ZipArchive): string {
  const prefixes = [...entries.keys()]
    .map((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1])
    .filter((prefix) => prefix !== undefined);
  const [prefix] = prefixes;
  if (prefix === undefined || prefixes.length > 1) {
    throw damaged(`Expected one \`data.pkl\` in the zip archive, got ${prefixes.length}`);
  }
  if (entries.has(`${prefix}/constants.pkl`)) {
    throw unsupported(
      "It is a TorchScript archive: it holds code instead of layers. Use the `.pt` that training saved, or export the network to ONNX.",
    );
  }
  return prefix;
}

async function checkByteOrder(archive: ZipArchive, prefix: string): Promise<void> {
  // Older versions of PyTorch do not write it.
  if (!archive.entries.has(`${prefix}/byteorder`)) return;
  const byteOrder = (await readRecord(archive, `${prefix}/byteorder`)).toString("latin1", 0, 16);
  if (byteOrder !== "little") {
    throw unsupported(
      `Its numbers are in byte order ${quote(byteOrder)}, and only \`little\` is read. Save it again on a machine of today.`,
    );
  }
}

async function readRecord(
  archive: ZipArchive,
  name: string,
  signal?: AbortSignal | undefined,
): Promise<Buffer> {
  const entry = archive.entries.get(name)!;
  const contents = await archive.read([entry], { maxBytes: pickleLimits.bytes, signal });
  return contents.get(entry)!;
}

function findModel(root: PickleDict): PickledObject {
  const model = root.get("ema") ?? root.get("model");
  if (model instanceof PickledObject) return model;
  if (hasTensors(model) || hasTensors(root)) throw weightsOnly();
  throw unsupported(
    "It holds neither `ema` nor `model` with a network. Save the network with Ultralytics' `model.save(path)`.",
  );
}

function hasTensors(value: PickleValue | undefined): boolean {
  return value instanceof Map && value.values().some((entry) => entry instanceof PickledTensor);
}

/** Reads the storages that the network's tensors are views of, and no others; gives their numbers. */
async function readWeights(
  model: PickledObject,
  from: {
    readonly archive: ZipArchive;
    readonly entryOf: (key: string) => ZipEntry | undefined;
    readonly signal: AbortSignal | undefined;
  },
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
  const entries = new Map([...storages].map((storage) => [storage, from.entryOf(storage.key)!]));
  const contents = await from.archive.read(entries.values(), {
    // Float64, and what stands between the records.
    maxBytes: 9 * maxWeights,
    signal: from.signal,
  });
  for (const [storage, entry] of entries) storage.fill(contents.get(entry)!);
  return stored;
}
