import {
  dict,
  object,
  orderedDict,
  type Writable,
  writePickle,
} from "./pickle/pickle-writer.fixture.ts";
import { writeZip, type ZipRecord } from "./zip/zip-writer.fixture.ts";

/**
 * Writes what torch.save would write of a value: `writeCheckpoint(dict({ model, … }))`.
 * {@link module} and `pickle-writer.fixture.ts` describe the values.
 */
export function writeCheckpoint(root: Writable): Buffer {
  return writeZip(checkpointRecords(root));
}

/** The records of a checkpoint, for tests that change some. */
export function checkpointRecords(root: Writable, prefix = "best"): ZipRecord[] {
  const { bytes, storages } = writePickle(root);
  return [
    { name: `${prefix}/data.pkl`, bytes },
    { name: `${prefix}/byteorder`, bytes: Buffer.from("little") },
    ...storages.map((storage, key) => ({ name: `${prefix}/data/${key}`, bytes: storage.bytes })),
    { name: `${prefix}/version`, bytes: Buffer.from("3\n") },
  ];
}

/**
 * A `torch.nn.Module`: its attributes, and its parameters, buffers and submodules in dicts of
 * their own.
 */
export function module(
  className: string,
  {
    attributes = {},
    parameters = {},
    buffers = {},
    modules = {},
  }: {
    readonly attributes?: Readonly<Record<string, Writable>>;
    readonly parameters?: Readonly<Record<string, Writable>>;
    readonly buffers?: Readonly<Record<string, Writable>>;
    readonly modules?: Readonly<Record<string, Writable>>;
  } = {},
): Writable {
  return object(className, {
    training: false,
    _parameters: dict(parameters),
    _buffers: dict(buffers),
    _non_persistent_buffers_set: new Set<string>(),
    _forward_hooks: orderedDict(new Map()),
    _modules: dict(modules),
    ...attributes,
  });
}
