import type { FileHandle } from "node:fs/promises";
import { damaged, otherByteOrder, quote, unsupported } from "./checkpoint-error.ts";
import { pickleLimits, readPickle } from "./pickle/pickle-machine.ts";
import { StorageTable } from "./pickle/storage-table.ts";
import type { PickledFile } from "./pickled-file.ts";
import { maxStoredBytes } from "./tensors/weight-limit.ts";
import { ZipArchive } from "./zip/zip-archive.ts";
import { checkStored } from "./zip/zip-directory.ts";

/** Reads the form that PyTorch writes since version 1.6: a zip archive of a pickle and storages. */
export async function readZipCheckpoint(
  file: FileHandle,
  fileBytes: number,
  signal: AbortSignal | undefined,
): Promise<PickledFile> {
  const archive = await ZipArchive.open(file, fileBytes);
  const prefix = findPrefix(archive);
  for (const entry of archive.entries.values()) checkStored(entry);
  await checkByteOrder(archive, prefix);

  const entryOf = (key: string) => archive.entries.get(`${prefix}/data/${key}`);
  const pickle = await readRecord(archive, `${prefix}/data.pkl`, signal);
  const storages = new StorageTable((key) => entryOf(key)?.byteLength);
  return {
    root: readPickle(pickle, (id) => storages.load(id)),
    async fill(storages, signal) {
      const entries = new Map([...storages].map((storage) => [storage, entryOf(storage.key)!]));
      const contents = await archive.read(entries.values(), { maxBytes: maxStoredBytes, signal });
      for (const [storage, entry] of entries) storage.fill(contents.get(entry)!);
    },
  };
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
      "It is a TorchScript archive: it holds code instead of layers. Use the `.pt` that training " +
        "saved, or export the network to ONNX.",
    );
  }
  return prefix;
}

async function checkByteOrder(archive: ZipArchive, prefix: string): Promise<void> {
  // Older versions of PyTorch do not write it.
  if (!archive.entries.has(`${prefix}/byteorder`)) return;
  const byteOrder = (await readRecord(archive, `${prefix}/byteorder`)).toString("latin1", 0, 16);
  if (byteOrder !== "little") throw otherByteOrder(quote(byteOrder));
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
