import {
  dict,
  object,
  opcodeBytes,
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

/** Writes what torch.save would write of a value in the form before PyTorch 1.6. */
export function writeLegacyCheckpoint(root: Writable, change: LegacyChange = {}): Buffer {
  const pickled = (value: Writable) => writePickle(value, "legacy").bytes;
  const { bytes, storages } = writePickle(root, "legacy");
  const { protocol = 1001, littleEndian = true, keys = [...storages.keys()].map(String) } = change;
  return Buffer.concat([
    pickled(legacyMagic),
    pickled(protocol),
    pickled(dict({ protocol_version: 1001, little_endian: littleEndian })),
    bytes,
    pickled(keys),
    ...storages.flatMap(({ bytes, elementCount }) => {
      const count = Buffer.alloc(8);
      count.writeBigInt64LE(BigInt(elementCount + (change.countedTooMany ?? 0)));
      return [count, bytes];
    }),
  ]);
}

/** What is otherwise in a file than PyTorch writes it. */
interface LegacyChange {
  readonly protocol?: number;
  readonly littleEndian?: boolean;
  readonly keys?: Writable;
  readonly countedTooMany?: number;
}

/** Takes ten bytes, as PyTorch writes it. */
const legacyMagic = opcodeBytes(Buffer.from("8a0a6cfc9c46f9206aa85019", "hex"));

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
