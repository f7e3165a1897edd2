import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ErrorCode } from "../errors.ts";
import { readCheckpoint } from "./checkpoint.ts";
import {
  checkpointRecords,
  module,
  writeCheckpoint,
  writeLegacyCheckpoint,
} from "./checkpoint-writer.fixture.ts";
import { opcodes } from "./pickle/pickle-opcodes.ts";
import { PickledTuple } from "./pickle/pickle-values.ts";
import {
  call,
  dict,
  float,
  global,
  object,
  parameter,
  storage,
  tensor,
  tuple,
  view,
  type Writable,
} from "./pickle/pickle-writer.fixture.ts";
import { reachableTensors } from "./pickle/reachable-tensors.ts";
import type { PickledTensor } from "./tensors/pickled-tensor.ts";
import { writeZip, type ZipRecord } from "./zip/zip-writer.fixture.ts";

const network = (attributes: Record<string, Writable> = {}) => module("a.Network", { attributes });

describe("reading a checkpoint", () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "orangery-checkpoint-"));
    path = join(folder, "best.pt");
  });
  after(() => rm(folder, { recursive: true }));

  async function read(bytes: Buffer) {
    await writeFile(path, bytes);
    return await readCheckpoint(path);
  }

  async function fails(code: ErrorCode, message: RegExp, bytes: Buffer) {
    await writeFile(path, bytes);
    await assert.rejects(readCheckpoint(path), (error: Error & { code: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.ok(error.message.includes(path), "the message names the file");
      return true;
    });
  }

  test("gives the network's attributes and tensors", async () => {
    const weight = parameter(tensor("float16", [2, 1, 1, 2], [1, -2, 0.5, 65504]));
    const { model } = await read(
      writeCheckpoint(
        dict({
          model: module("torch.nn.modules.conv.Conv2d", {
            attributes: { stride: tuple(2, 2) },
            parameters: { weight, bias: null },
          }),
        }),
      ),
    );
    assert.equal(model.className, "torch.nn.modules.conv.Conv2d");
    assert.deepEqual(model.state.get("stride"), new PickledTuple([2, 2]));
    const parameters = model.state.get("_parameters") as Map<string, PickledTensor>;
    assert.deepEqual(parameters.get("weight")!.dims, [2, 1, 1, 2]);
    assert.deepEqual([...parameters.get("weight")!.toFloat32()], [1, -2, 0.5, 65504]);
    assert.equal(parameters.get("bias"), null);
  });

  test("gives tensors that share a storage, and one without elements", async () => {
    const shared = storage("float32", [0, 1, 2, 3, 4, 5]);
    const { model } = await read(
      writeCheckpoint(
        dict({
          model: network({
            first: view(shared, { offset: 1, dims: [2, 2], strides: [3, 1] }),
            other: view(shared, { dims: [3, 2], strides: [1, 3] }),
            empty: tensor("float32", [0, 2], []),
          }),
        }),
      ),
    );
    const first = model.state.get("first") as PickledTensor;
    const other = model.state.get("other") as PickledTensor;
    assert.equal(first.storage, other.storage);
    assert.deepEqual([...first.toFloat32()], [1, 2, 4, 5]);
    assert.deepEqual([...other.toFloat32()], [0, 3, 1, 4, 2, 5]);
    assert.equal((model.state.get("empty") as PickledTensor).toFloat32().length, 0);
  });

  test("prefers the averaged network, and takes the other where there is none", async () => {
    const both = dict({ ema: module("a.Averaged"), model: network() });
    assert.equal((await read(writeCheckpoint(both))).model.className, "a.Averaged");
    for (const ema of [null, false, dict({})]) {
      const one = dict({ ema, model: network() });
      assert.equal((await read(writeCheckpoint(one))).model.className, "a.Network");
    }
  });

  test("gives the metadata that are plain, and leaves out the others", async () => {
    const { metadata } = await read(
      writeCheckpoint(
        dict({
          date: "2026-01-02",
          version: "8.4.126",
          license: 5,
          docs: "x".repeat(3000),
          epoch: -1,
          train_args: dict({ lr0: 0.01, cache: false, name: null, project: call("pathlib.Path") }),
          train_metrics: dict({ fitness: float(1) }),
          model: network(),
        }),
      ),
    );
    assert.deepEqual(metadata, {
      date: "2026-01-02",
      version: "8.4.126",
      epoch: -1,
      trainArgs: new Map<string, unknown>([
        ["lr0", 0.01],
        ["cache", false],
        ["name", null],
      ]),
      trainMetrics: new Map([["fitness", 1]]),
    });
  });

  test("reads no weights that the network does not use, such as the optimizer's", async () => {
    const root = dict({
      model: network({ used: tensor("float32", [1], [7]) }),
      optimizer: dict({ momentum: tensor("float32", [1], [8]) }),
    });
    const records = checkpointRecords(root).map((record) =>
      record.name === "best/data/1" ? { ...record, crc32: 1 } : record,
    );
    const { model } = await read(writeZip(records));
    assert.deepEqual([...(model.state.get("used") as PickledTensor).toFloat32()], [7]);
  });

  test("finds a changed weight by its checksum", async () => {
    const root = dict({ model: network({ weight: tensor("float32", [1], [7]) }) });
    const bytes = writeCheckpoint(root);
    bytes[bytes.indexOf(Buffer.from(Float32Array.of(7).buffer))]! ^= 1;
    await fails("CHECKPOINT_UNREADABLE", /`best\/data\/0`.*checksum/, bytes);
  });

  const legacyRoot = () =>
    dict({
      model: network({
        first: tensor("float32", [2], [1, 2]),
        second: tensor("float16", [1], [0.5]),
        part: module("a.Part"),
      }),
      optimizer: dict({ momentum: tensor("float32", [1], [8]) }),
    });

  test("reads the form of PyTorch before 1.6", async () => {
    const { model, storedElements } = await read(writeLegacyCheckpoint(legacyRoot()));
    assert.equal(model.className, "a.Network");
    assert.equal(storedElements, 3);
    const values = ["first", "second"].map((name) => [
      ...(model.state.get(name) as PickledTensor).toFloat32(),
    ]);
    assert.deepEqual(values, [[1, 2], [0.5]]);
  });

  for (const [wrapper, name] of [
    ["torch.nn.parallel.data_parallel.DataParallel", "module"],
    ["torch.nn.parallel.distributed.DistributedDataParallel", "module"],
    ["torch._dynamo.eval_frame.OptimizedModule", "_orig_mod"],
  ] as const) {
    test(`reads the network in a ${wrapper.split(".").at(-1)}`, async () => {
      const wrapped = module(wrapper, { modules: { [name]: network() } });
      const { model } = await read(writeCheckpoint(dict({ model: wrapped })));
      assert.equal(model.className, "a.Network");
    });
  }

  test("reads a network that is compiled, as PyTorch 2 saves it, also in a wrapper", async () => {
    const compiled = call("torch._dynamo.eval_frame.OptimizedModule", network(), null);
    const parallel = "torch.nn.parallel.distributed.DistributedDataParallel";
    const both = module(parallel, { modules: { module: compiled } });
    for (const model of [compiled, both]) {
      assert.equal((await read(writeCheckpoint(dict({ model })))).model.className, "a.Network");
    }
  });

  test("reads a network beside objects that are no part of it", async () => {
    const frame = object("pandas.core.frame.DataFrame", { _mgr: call("pandas.unpickle", [1]) });
    const { model } = await read(
      writeCheckpoint(
        dict({
          model: network({ fitness: call("decimal.Decimal", "0.5") }),
          train_results: frame,
          best: call("decimal.Decimal", "0.5"),
          scheduler: call("greenhouse.Schedule", 3),
        }),
      ),
    );
    assert.equal(model.className, "a.Network");
  });

  test("stops with the signal's reason", async () => {
    await writeFile(path, writeCheckpoint(dict({ model: network() })));
    const reason = new Error("enough");
    await assert.rejects(readCheckpoint(path, { signal: AbortSignal.abort(reason) }), reason);
  });

  test("of a file that is not there, or a folder, is MODEL_NOT_FOUND", async () => {
    const missing = join(folder, "missing.pt");
    await assert.rejects(readCheckpoint(missing), { code: "MODEL_NOT_FOUND", message: /ENOENT/ });
    await assert.rejects(readCheckpoint(folder), {
      code: "MODEL_NOT_FOUND",
      message: /not a file/,
    });
  });

  const records = () => checkpointRecords(dict({ model: network() }));
  const byteOrder: ZipRecord = { name: "best/byteorder", bytes: Buffer.from("big") };
  const kinds: readonly (readonly [string, ErrorCode, RegExp, () => Buffer])[] = [
    ["an empty file", "CHECKPOINT_UNREADABLE", /an empty file/, () => Buffer.alloc(0)],
    ["a picture", "CHECKPOINT_UNREADABLE", /a PNG picture/, () => Buffer.from("\x89PNG", "latin1")],
    [
      "the first pickle of a file of PyTorch before 1.6",
      "CHECKPOINT_UNREADABLE",
      /ends at byte 15/,
      () => Buffer.from("80028a0a6cfc9c46f9206aa850192e", "hex"),
    ],
    [
      "the same with another protocol",
      "CHECKPOINT_UNREADABLE",
      /Expected protocol 1001/,
      () => writeLegacyCheckpoint(legacyRoot(), { protocol: 1000 }),
    ],
    [
      "the same with numbers of another byte order",
      "CHECKPOINT_UNSUPPORTED",
      /byte order `big`/,
      () => writeLegacyCheckpoint(legacyRoot(), { littleEndian: false }),
    ],
    [
      "the same with a storage that is not in the list",
      "CHECKPOINT_UNREADABLE",
      /list of storages is too short/,
      () => writeLegacyCheckpoint(legacyRoot(), { keys: ["0"] }),
    ],
    [
      "the same with a storage twice in the list",
      "CHECKPOINT_UNREADABLE",
      /does not agree/,
      () => writeLegacyCheckpoint(legacyRoot(), { keys: ["0", "0"] }),
    ],
    [
      "the same without a list",
      "CHECKPOINT_UNREADABLE",
      /Expected a list of storages/,
      () => writeLegacyCheckpoint(legacyRoot(), { keys: null }),
    ],
    [
      "the same with storages of another length",
      "CHECKPOINT_UNREADABLE",
      /`0` has 3 numbers and not 2/,
      () => writeLegacyCheckpoint(legacyRoot(), { countedTooMany: 1 }),
    ],
    [
      "the same cut off",
      "CHECKPOINT_UNREADABLE",
      /Expected a file of \d+ bytes/,
      () => writeLegacyCheckpoint(legacyRoot()).subarray(0, -1),
    ],
    [
      "TorchScript, whose code is compressed",
      "CHECKPOINT_UNSUPPORTED",
      /TorchScript/,
      () =>
        writeZip([
          ...records(),
          { name: "best/code/a.py", bytes: Buffer.from("x"), method: 8 },
          { name: "best/constants.pkl", bytes: Buffer.from("x") },
        ]),
    ],
    [
      "big-endian numbers",
      "CHECKPOINT_UNSUPPORTED",
      /byte order `big`/,
      () =>
        writeZip(records().map((record) => (record.name === byteOrder.name ? byteOrder : record))),
    ],
    [
      "a zip archive of something else",
      "CHECKPOINT_UNREADABLE",
      /one `data\.pkl`.*got 0/,
      () => writeZip([{ name: "a/b", bytes: Buffer.alloc(1) }]),
    ],
    [
      "two checkpoints in one",
      "CHECKPOINT_UNREADABLE",
      /one `data\.pkl`.*got 2/,
      () => writeZip([...records(), { name: "b/data.pkl", bytes: Buffer.alloc(1) }]),
    ],
    [
      "a compressed entry that nobody needs",
      "CHECKPOINT_REFUSED",
      /`best\/more`.*compressed/,
      () => writeZip([...records(), { name: "best/more", bytes: Buffer.alloc(1), method: 8 }]),
    ],
    [
      "weights without a network",
      "CHECKPOINT_UNSUPPORTED",
      /state_dict/,
      () => writeCheckpoint(dict({ model: dict({ weight: tensor("float32", [1], [1]) }) })),
    ],
    [
      "weights and nothing else",
      "CHECKPOINT_UNSUPPORTED",
      /state_dict.*load_state_dict.*model\.save/,
      () => writeCheckpoint(dict({ weight: tensor("float32", [1], [1]) })),
    ],
    ["no model", "CHECKPOINT_UNSUPPORTED", /neither/, () => writeCheckpoint(dict({ epoch: 1 }))],
    ["a bare network", "CHECKPOINT_UNSUPPORTED", /a dict/, () => writeCheckpoint(network())],
  ];
  for (const [name, code, message, bytes] of kinds) {
    test(`says of ${name}: ${code}`, () => fails(code, message, bytes()));
  }

  const withPersistentId = (...id: readonly Writable[]): Writable => ({
    writeTo(pickle) {
      pickle.write(tuple(...id));
      pickle.bytes(Buffer.from([opcodes.BINPERSID]));
    },
  });
  const floats = global("torch.FloatStorage");
  const persistentIds: readonly (readonly [string, readonly Writable[], RegExp])[] = [
    ["of another form", ["storage", floats, "0", "cpu"], /expected \(storage/],
    ["that is no storage", ["module", floats, "0", "cpu", 1], /expected \(storage/],
    ["of a type that is not known", ["storage", global("a.B"), "0", "cpu", 1], /`a\.B`/],
    ["that is not in the archive", ["storage", floats, "9", "cpu", 1], /`9` is not in the archive/],
    ["that climbs", ["storage", floats, "../data.pkl", "cpu", 1], /not in the archive/],
    ["of another length", ["storage", floats, "0", "cpu", 2], /described in two ways/],
  ];
  for (const [name, id, message] of persistentIds) {
    test(`refuses a persistent id ${name}`, async () => {
      const root = dict({
        model: network({ used: tensor("float32", [1], [1]), odd: withPersistentId(...id) }),
      });
      await fails("CHECKPOINT_REFUSED", message, writeCheckpoint(root));
    });
  }

  const fixtures = new URL("../../../shared/fixtures/models/", import.meta.url);
  const skip = existsSync(fixtures) ? false : "../shared/fixtures not present";
  for (const [file, className, tensorCount] of [
    ["plants-det.pt", "ultralytics.nn.tasks.DetectionModel", 503],
    ["beds-seg.pt", "ultralytics.nn.tasks.SegmentationModel", 565],
  ] as const) {
    test(`reads ${file}, which Ultralytics saved`, { skip }, async () => {
      const { model, metadata } = await readCheckpoint(fileURLToPath(new URL(file, fixtures)));
      assert.equal(model.className, className);
      assert.equal(metadata.version, "8.4.126");
      assert.equal(metadata.trainArgs.get("imgsz"), 320);
      const tensors = reachableTensors(model);
      assert.equal(tensors.size, tensorCount);
      for (const tensor of tensors) {
        assert.ok(tensor.toFloat32().every(Number.isFinite));
      }
    });
  }
});
