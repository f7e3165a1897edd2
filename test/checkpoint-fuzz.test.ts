/**
 * Damaged and hostile checkpoints, read by a process that is not allowed to do anything but read:
 * each is loaded and exported, or refused with a code. What throws anything else, dies, or takes more
 * time or memory than it may, fails.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { checkpointRecords } from "../src/checkpoint/checkpoint-writer.fixture.ts";
import { dict, type Writable } from "../src/checkpoint/pickle-writer.fixture.ts";
import { yoloModel } from "../src/checkpoint/yolo/network-writer.fixture.ts";
import { writeZip } from "../src/checkpoint/zip-writer.fixture.ts";
import type { YoloNetwork } from "../src/graph/yolo/modules.ts";
import { RandomBlocks } from "../src/graph/yolo/random-blocks.ts";
import { RandomModules } from "../src/graph/yolo/random-modules.ts";
import { mutations, Random } from "./checkpoint-mutations.fixture.ts";
import { hostileCheckpoints } from "./hostile-checkpoints.fixture.ts";
import { ReaderProcess } from "./reader-process.fixture.ts";

/** Another seed gives other mutations; a failure names it with the mutation and its number. */
const seed = Number(process.env.ORANGERY_FUZZ_SEED ?? 20_260_101);
const rounds = Number(process.env.ORANGERY_FUZZ_ROUNDS ?? 250);

/** What any file may take, Node itself included. CPU time, since the machine may be busy with others. */
const limits = { cpuMs: 2000, rssBytes: 1 << 30 };

describe("damaged and hostile checkpoints", () => {
  let folder: string;
  let reader: ReaderProcess;
  let most = { cpuMs: 0, rssBytes: 0 };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "orangery-fuzz-"));
    reader = new ReaderProcess();
  });
  after(async () => {
    reader.kill();
    await rm(folder, { recursive: true });
  });

  async function read(bytes: Buffer) {
    const file = join(folder, "checkpoint.pt");
    await writeFile(file, bytes);
    const { outcome, message, cpuMs, maxRssBytes } = await reader.read(file);
    most = { cpuMs: Math.max(most.cpuMs, cpuMs), rssBytes: maxRssBytes };
    assert.ok(cpuMs <= limits.cpuMs, `${outcome} after ${cpuMs} ms of CPU time`);
    assert.ok(maxRssBytes <= limits.rssBytes, `${outcome}, having taken ${maxRssBytes} bytes`);
    return { outcome, message };
  }

  const marker = join(tmpdir(), `orangery-executed-${process.pid}`);
  for (const { name, expected, names, bytes } of hostileCheckpoints(`touch ${marker}`)) {
    it(`${name}: ${expected.join(" or ")}`, async () => {
      const { outcome, message } = await read(bytes());
      assert.ok(expected.includes(outcome), `${outcome}: ${message}`);
      if (names !== undefined) assert.match(message, names);
      assert.equal(existsSync(marker), false);
    });
  }

  const records = checkpointRecords(smallCheckpoint());
  it("the checkpoint that the following damages is itself loaded", async () => {
    assert.deepEqual(await read(writeZip([...records])), { outcome: "loaded", message: "segment" });
  });

  for (const [name, mutate] of Object.entries(mutations)) {
    it(`${rounds} times ${name}: loaded or refused`, async (context) => {
      const outcomes = new Map<string, number>();
      for (let round = 0; round < rounds; round += 1) {
        const random = new Random(seed + round);
        const { outcome, message } = await read(mutate(records, random));
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        const isKnown = outcome === "loaded" || /^(CHECKPOINT|MODEL)_/.test(outcome);
        assert.ok(isKnown, `seed ${seed}, round ${round}: ${outcome}: ${message}`);
      }
      context.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
    });
  }

  it("the process lives to its end", async (context) => {
    await reader.end();
    context.diagnostic(
      `at most ${Math.round(most.cpuMs)} ms and ${Math.round(most.rssBytes / 2 ** 20)} MiB`,
    );
  });
});

/** A segmentation network with a module of most kinds, so small that thousands are read in seconds. */
function smallCheckpoint(): Writable {
  const random = new RandomModules(seed);
  const blocks = new RandomBlocks(random);
  const head = blocks.segment([4], {
    classCount: 2,
    separable: true,
    endToEnd: false,
    protoWidth: 4,
  });
  const network: YoloNetwork = {
    layers: [
      { from: [-1], module: random.conv(3, 4, { kernel: 3, stride: 2 }) },
      { from: [0], module: random.conv(4, 4, { kernel: 3, stride: 2 }) },
      { from: [1], module: blocks.c2f(4, 4, { repeats: 1, add: true }) },
      { from: [2], module: random.conv(4, 4, { kernel: 3, stride: 2 }) },
    ],
    head: { from: [3], module: { ...head, detect: { ...head.detect, strides: [8] } } },
  };
  return dict({
    version: "8.4.126",
    epoch: -1,
    model: yoloModel("ultralytics.nn.tasks.SegmentationModel", {
      network,
      elementType: "float16",
    }),
    train_args: dict({ imgsz: 320, lr0: 0.01 }),
  });
}
