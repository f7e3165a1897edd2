import {
  checkpointRecords,
  module,
  writeCheckpoint,
  writeLegacyCheckpoint,
} from "../src/checkpoint/checkpoint-writer.fixture.ts";
import { opcodes } from "../src/checkpoint/pickle/pickle-opcodes.ts";
import {
  call,
  dict,
  global,
  object,
  opcodeBytes,
  orderedDict,
  type PickleWriter,
  storage,
  tuple,
  view,
  type Writable,
  type Written,
} from "../src/checkpoint/pickle/pickle-writer.fixture.ts";
import { writeZip } from "../src/checkpoint/zip/zip-writer.fixture.ts";
import { hostileNetworks } from "./hostile-networks.fixture.ts";

/** A file made to do harm, and what must become of it. */
export interface HostileCheckpoint {
  /** What it tries. */
  readonly name: string;
  /** Codes, or "loaded". */
  readonly expected: readonly string[];
  /** What the message must name. */
  readonly names?: RegExp;
  bytes(): Buffer;
}

const refused = ["CHECKPOINT_REFUSED"];
const unreadable = ["CHECKPOINT_UNREADABLE"];
const tooLarge = ["CHECKPOINT_TOO_LARGE"];

const conv = "torch.nn.modules.conv.Conv2d";

/** A checkpoint whose network is only a name, with something more in it. */
function checkpointWith(value: Writable): Buffer {
  return writeCheckpoint(dict({ harm: value, model: module("Nothing.Real") }));
}

/** The same, with the value inside the network, where tensors are read. */
function networkWith(value: Writable): Buffer {
  return writeCheckpoint(dict({ model: module("Nothing.Real", { attributes: { harm: value } }) }));
}

function ofPickle(...parts: readonly (string | Buffer)[]): Buffer {
  const bytes = Buffer.concat([
    Buffer.from([0x80, 2]),
    ...parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)),
  ]);
  return writeZip([{ name: "x/data.pkl", bytes }]);
}

function binput(place: number): Buffer {
  const bytes = Buffer.from("r\0\0\0\0", "latin1");
  bytes.writeUInt32LE(place, 1);
  return bytes;
}

function binputs(count: number): Buffer {
  const bytes = Buffer.alloc(5 * count, "r");
  for (let place = 0; place < count; place++) bytes.writeUInt32LE(place, 5 * place + 1);
  return bytes;
}

/** A call that would leave a file behind if anything ran it. */
function commandCalls(command: string): HostileCheckpoint[] {
  const callees = [
    "os.system",
    "posix.system",
    "nt.system",
    "subprocess.Popen",
    "__builtin__.eval",
    "builtins.exec",
    "runpy._run_code",
    "operator.methodcaller",
    "importlib.import_module",
  ];
  return callees.map((callee) => ({
    name: `a call of ${callee}`,
    expected: refused,
    names: new RegExp(`REDUCE.*byte \\d+.*${callee.replaceAll(".", "\\.")}`),
    bytes: () => checkpointWith(call(callee, command)),
  }));
}

/** The form before PyTorch 1.6. */
function legacyFiles(command: string): HostileCheckpoint[] {
  const system = call("posix.system", command);
  return [
    {
      name: "a call of posix.system in the form before PyTorch 1.6",
      expected: refused,
      names: /REDUCE.*byte \d+.*posix\.system/,
      bytes: () => writeLegacyCheckpoint(dict({ harm: system, model: module("Nothing.Real") })),
    },
    {
      name: "a call of posix.system as the list of storages of that form",
      expected: refused,
      names: /REDUCE.*byte \d+.*posix\.system/,
      bytes: () => writeLegacyCheckpoint(dict({ model: module("A.B") }), { keys: system }),
    },
    {
      name: "a storage of that form that is larger than the file",
      expected: unreadable,
      names: /Expected a file of \d+ bytes/,
      bytes: () => {
        const floats = storage("float32", [1]);
        const huge = { ...floats, elementCount: 2 ** 40 };
        const type = global("torch.FloatStorage");
        const id: Writable = {
          writeTo(pickle) {
            pickle.keyOf(huge);
            pickle.persistent("storage", type, "0", "cpu", 2 ** 40, null);
          },
        };
        const t = view(id, { dims: [2 ** 40], strides: [1] });
        return writeLegacyCheckpoint(dict({ model: module("A.B", { buffers: { t } }) }));
      },
    },
    {
      name: "a class of that form that is a call",
      expected: refused,
      names: /BINPERSID.*byte \d+/,
      bytes: () => {
        const id: Writable = {
          writeTo: (pickle) =>
            pickle.persistent("module", call("greenhouse.make"), "a.py", "class A: ..."),
        };
        return writeLegacyCheckpoint(dict({ harm: id, model: module("A.B") }));
      },
    },
  ];
}

function refusedOpcodes(): HostileCheckpoint[] {
  const pickles: Readonly<Record<string, string>> = {
    STACK_GLOBAL: "U\x02osU\x06system\x93.",
    INST: "(ios\nsystem\n.",
    OBJ: "(cos\nsystem\no.",
    EXT1: "\x82\x01.",
    EXT4: "\x84\x01\0\0\0.",
    NEWOBJ_EX: "cos\nsystem\n)}\x92.",
    PERSID: "Pstorage\n.",
    BINBYTES: "B\0\0\0\0.",
    POP: "N0.",
    DUP: "N2.",
  };
  return Object.entries(pickles).map(([opcode, pickle]) => ({
    name: `opcode ${opcode}`,
    expected: refused,
    names: new RegExp(`${opcode} .*byte \\d+`),
    bytes: () => ofPickle(pickle),
  }));
}

function misusedOpcodes(): HostileCheckpoint[] {
  const pickles: Readonly<Record<string, string>> = {
    "BUILD on a list": "]}b.",
    "SETITEM on a list": "]NNs.",
    "SETITEMS on a tuple": ")(NNu.",
    "APPEND to a tuple": ")Na.",
    "REDUCE of a placeholder": "c__builtin__\ngetattr\n(cos\nU\x02osU\x06systemt\x85R)R.",
    "a persistent id that is text": "U\x07storageQ.",
    "a global with a line end": "cos system\r\nx\n.",
  };
  return Object.entries(pickles).map(([name, pickle]) => ({
    name,
    expected: ["CHECKPOINT_REFUSED", "CHECKPOINT_UNREADABLE"],
    names: /byte \d+/,
    bytes: () => ofPickle(pickle),
  }));
}

function memoryBombs(): HostileCheckpoint[] {
  const mega = 1 << 20;
  return [
    {
      name: "16 MiB of dicts",
      expected: tooLarge,
      bytes: () => ofPickle(Buffer.alloc(15 * mega, "}"), "."),
    },
    {
      name: "15 MiB of marks",
      expected: tooLarge,
      bytes: () => ofPickle(Buffer.alloc(15 * mega, "("), "."),
    },
    {
      name: "15 MiB of None",
      expected: tooLarge,
      bytes: () => ofPickle(Buffer.alloc(15 * mega, "N"), "."),
    },
    // Each is small, and takes long to read for its size.
    ...Object.entries({
      "integers of 8 bytes": `\x8a\x08${"\x7f".repeat(8)}`,
      "integers of 9 bytes": `\x8a\x09${"\x7f".repeat(9)}`,
      "integers of 255 bytes": `\x8a\xff${"\x7f".repeat(255)}`,
      "empty text": "X\0\0\0\0",
      "text of one letter": "X\x01\0\0\0a",
      "text of one umlaut": "X\x02\0\0\0\xc3\xa9",
      "text that is none": "X\x03\0\0\0\xed\xb3\xbf",
    }).map(
      ([what, opcode]): HostileCheckpoint => ({
        name: `15 MiB of ${what}`,
        expected: [...tooLarge, ...unreadable],
        bytes: () => ofPickle(Buffer.alloc(15 * mega, opcode, "latin1"), "."),
      }),
    ),
    {
      name: "a pickle of 17 MiB",
      expected: tooLarge,
      bytes: () => ofPickle(Buffer.alloc(17 * mega, "N"), "."),
    },
    {
      name: "text of 4 GiB",
      expected: unreadable,
      bytes: () => ofPickle("X\xff\xff\xff\xff", "."),
    },
    {
      name: "a memo place far out",
      expected: unreadable,
      names: /LONG_BINPUT/,
      bytes: () => ofPickle("N", binput(2 ** 31), "."),
    },
    {
      name: "two million memo places",
      expected: tooLarge,
      bytes: () => ofPickle("N", binputs(2_000_000), "."),
    },
    {
      name: "tuples of twice the last, ten thousand times",
      expected: ["CHECKPOINT_UNSUPPORTED"],
      bytes: () => networkWith(doubled(10_000)),
    },
    {
      name: "one state given to a hundred thousand objects",
      expected: tooLarge,
      bytes: () => checkpointWith(sharedState(1000, 100_000)),
    },
    {
      name: "one list made into a hundred thousand sets",
      expected: tooLarge,
      bytes: () => checkpointWith(sharedSet(1000, 100_000)),
    },
    {
      name: "one long text made into a hundred thousand numbers",
      expected: ["CHECKPOINT_UNSUPPORTED"],
      bytes: () => {
        const dtype = call("numpy.dtype", "i8");
        const bytes = call("_codecs.encode", "x".repeat(2 * mega), "latin1");
        const scalar = () => call("numpy.core.multiarray.scalar", dtype, bytes);
        return checkpointWith(Array.from({ length: 100_000 }, scalar));
      },
    },
    {
      name: "numbers for keys whose hashes may collide",
      expected: tooLarge,
      bytes: () =>
        checkpointWith(new Map(Array.from({ length: 200_000 }, (_, key) => [key * 4096, null]))),
    },
  ];
}

/** `()`, then a tuple of twice that, then one of twice that, … */
function doubled(times: number): Written {
  return {
    writeTo(pickle) {
      pickle.bytes(Buffer.from(")"));
      for (let count = 0; count < times; count += 1) {
        const last = new Map();
        pickle.remember(last);
        pickle.write(last);
        pickle.bytes(Buffer.from([opcodes.TUPLE2]));
      }
    },
  };
}

/** `[obj, obj, …]`, each built with the same dict. */
function sharedState(entries: number, objects: number): Writable {
  const state = dict(Object.fromEntries(Array.from({ length: entries }, (_, i) => [`k${i}`, i])));
  return Array.from({ length: objects }, () => ({
    writeTo(pickle: PickleWriter) {
      pickle.write(global("a.B"));
      pickle.bytes(Buffer.from(")\x81", "latin1"));
      pickle.write(state);
      pickle.bytes(Buffer.from("b"));
    },
  }));
}

function sharedSet(members: number, sets: number): Writable {
  const list = Array.from({ length: members }, (_, index) => `m${index}`);
  return Array.from({ length: sets }, () => call("__builtin__.set", list));
}

function nesting(): HostileCheckpoint[] {
  const loops = opcodeBytes(Buffer.from("]q\x00h\x00a", "latin1"));
  return [
    {
      name: "tuples nested four hundred thousand deep",
      expected: ["CHECKPOINT_UNSUPPORTED"],
      bytes: () =>
        networkWith(
          opcodeBytes(Buffer.concat([Buffer.from(")"), Buffer.alloc(400_000, opcodes.TUPLE1)])),
        ),
    },
    {
      name: "lists nested a hundred thousand deep",
      expected: ["CHECKPOINT_UNSUPPORTED"],
      bytes: () =>
        networkWith(opcodeBytes(Buffer.from(`${"](".repeat(100_000)}${"e".repeat(100_000)}`))),
    },
    {
      name: "a list in itself",
      expected: ["CHECKPOINT_UNSUPPORTED"],
      bytes: () => networkWith(loops),
    },
  ];
}

function tensors(): HostileCheckpoint[] {
  const four = () => storage("float32", [1, 2, 3, 4]);
  const bad = (name: string, make: () => Writable): HostileCheckpoint => ({
    name,
    expected: refused,
    bytes: () => networkWith(make()),
  });
  return [
    bad("a tensor beyond its storage", () => view(four(), { dims: [5], strides: [1] })),
    bad("a tensor with an offset beyond", () =>
      view(four(), { offset: 4, dims: [1], strides: [1] }),
    ),
    bad("a tensor with a negative offset", () =>
      view(four(), { offset: -1, dims: [1], strides: [1] }),
    ),
    bad("a tensor with a stride beyond", () => view(four(), { dims: [2, 2], strides: [3, 1] })),
    bad("a tensor with a negative stride", () =>
      view(four(), { offset: 3, dims: [4], strides: [-1] }),
    ),
    bad("a tensor whose size overflows", () =>
      view(four(), { dims: [2 ** 40, 2 ** 40], strides: [0, 0] }),
    ),
    bad("a tensor of a size that is no number", () =>
      call(
        "torch._utils._rebuild_tensor_v2",
        four(),
        0,
        tuple([]),
        tuple(2n ** 70n),
        false,
        orderedDict(new Map()),
      ),
    ),
    bad("a tensor of a list instead of a storage", () =>
      view([1, 2, 3, 4], { dims: [4], strides: [1] }),
    ),
    {
      name: "a storage that has fewer elements than it says",
      expected: refused,
      names: /BINPERSID.*byte \d+/,
      bytes: () => {
        const records = checkpointRecords(
          dict({
            model: module(conv, { buffers: { t: view(four(), { dims: [4], strides: [1] }) } }),
          }),
        );
        return writeZip(
          records.map((record) =>
            record.name.endsWith("/data/0")
              ? { ...record, bytes: record.bytes.subarray(4) }
              : record,
          ),
        );
      },
    },
  ];
}

function archives(): HostileCheckpoint[] {
  const records = () => checkpointRecords(dict({ model: module("Nothing.Real") }));
  const changed = (change: object) => () =>
    writeZip(records().map((record, index) => (index === 0 ? { ...record, ...change } : record)));
  return [
    { name: "a compressed entry", expected: refused, bytes: changed({ method: 8 }) },
    { name: "an encrypted entry", expected: refused, bytes: changed({ flags: 0x0809 }) },
    {
      name: "an entry of 4 GiB",
      expected: unreadable,
      bytes: changed({ directory: { byteLength: 2 ** 32 - 2 } }),
    },
    {
      name: "two entries of one name",
      expected: refused,
      bytes: () => writeZip([...records(), ...records()]),
    },
    {
      name: "sixty thousand entries over the same bytes",
      expected: unreadable,
      bytes: () =>
        writeZip([
          { name: "x/data.pkl", bytes: Buffer.alloc(1 << 20) },
          ...Array.from({ length: 60_000 }, (_, key) => ({
            name: `x/data/${key}`,
            bytes: Buffer.alloc(0),
            directory: { start: 0, byteLength: 1 << 20 },
          })),
        ]),
    },
    {
      name: "names that climb out of the folder",
      expected: ["CHECKPOINT_UNSUPPORTED"],
      bytes: () =>
        writeZip([
          ...records(),
          { name: "../../../../tmp/orangery-climbed", bytes: Buffer.from("x") },
          { name: "/tmp/orangery-climbed", bytes: Buffer.from("x") },
        ]),
    },
    { name: "no bytes at all", expected: unreadable, bytes: () => Buffer.alloc(0) },
    { name: "only an end", expected: unreadable, bytes: () => writeZip([]) },
  ];
}

function objects(): HostileCheckpoint[] {
  return [
    {
      name: "keys that mean something to JavaScript",
      expected: ["CHECKPOINT_UNSUPPORTED"],
      bytes: () => {
        const names = ["__proto__", "constructor", "prototype", "toString", "then"];
        const entries = Object.fromEntries(names.map((name) => [name, dict({ polluted: true })]));
        return networkWith(object("a.B", entries));
      },
    },
    {
      name: "a module in itself",
      expected: ["CHECKPOINT_UNREADABLE", "CHECKPOINT_UNSUPPORTED", "CHECKPOINT_TOO_LARGE"],
      bytes: () => {
        const modules = new Map<Writable, Writable>();
        const sequential = object("torch.nn.modules.container.Sequential", { _modules: modules });
        modules.set("0", sequential);
        return writeCheckpoint(
          dict({
            model: module("ultralytics.nn.tasks.DetectionModel", {
              modules: { model: sequential },
            }),
          }),
        );
      },
    },
  ];
}

/** @param command What the calls are to run. */
export function hostileCheckpoints(command: string): HostileCheckpoint[] {
  return [
    ...commandCalls(command),
    ...legacyFiles(command),
    ...refusedOpcodes(),
    ...misusedOpcodes(),
    ...memoryBombs(),
    ...nesting(),
    ...tensors(),
    ...archives(),
    ...objects(),
    ...hostileNetworks(),
  ];
}
