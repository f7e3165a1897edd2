/**
 * Damaged and hostile checkpoints, read by a process that is not allowed to do anything but read:
 * each is loaded and exported, or refused with a code. What throws anything else, dies, or takes
 * more time or memory than it may, fails.
 */
import assert from "node:assert/strict";
import { closeSync, existsSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  checkpointRecords,
  writeLegacyCheckpoint,
} from "../src/checkpoint/checkpoint-writer.fixture.ts";
import { smallCheckpoint } from "../src/checkpoint/yolo/small-checkpoint.fixture.ts";
import { writeZip } from "../src/checkpoint/zip/zip-writer.fixture.ts";
import { legacyMutations, mutations, Random } from "./checkpoint-mutations.fixture.ts";
import { hostileCheckpoints } from "./hostile-checkpoints.fixture.ts";
import { ReaderProcess } from "./reader-process.fixture.ts";

/** Another seed gives other mutations; a failure names it with the mutation and its number. */
const seed = Number(process.env.ORANGERY_FUZZ_SEED ?? 20_260_101);
const rounds = Number(process.env.ORANGERY_FUZZ_ROUNDS ?? 120);

/**
 * What any file may take, Node itself included. CPU time, since the machine may be busy with
 * others.
 */
const limits = { cpuMs: 2000, rssBytes: 1 << 30 };

describe("damaged and hostile checkpoints", () => {
  let folder: string;
  let file: string;
  /** Stays open: a file system writes a file to the disk at once that is cut short and closed. */
  let descriptor: number;
  let reader: ReaderProcess;
  let most = { cpuMs: 0, rssBytes: 0 };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "orangery-fuzz-"));
    file = join(folder, "checkpoint.pt");
    descriptor = openSync(file, "w");
    reader = new ReaderProcess();
  });
  after(async () => {
    reader.kill();
    closeSync(descriptor);
    await rm(folder, { recursive: true });
  });

  async function read(bytes: Buffer) {
    writeSync(descriptor, bytes, 0, bytes.length, 0);
    ftruncateSync(descriptor, bytes.length);
    const { outcome, message, cpuMs, maxRssBytes } = await reader.read(file);
    most = { cpuMs: Math.max(most.cpuMs, cpuMs), rssBytes: maxRssBytes };
    assert.ok(cpuMs <= limits.cpuMs, `${outcome} after ${cpuMs} ms of CPU time`);
    assert.ok(maxRssBytes <= limits.rssBytes, `${outcome}, having taken ${maxRssBytes} bytes`);
    return { outcome, message };
  }

  const marker = join(tmpdir(), `orangery-executed-${process.pid}`);
  for (const { name, expected, names, bytes } of hostileCheckpoints(`touch ${marker}`)) {
    test(`${name}: ${expected.join(" or ")}`, async () => {
      const { outcome, message } = await read(bytes());
      assert.ok(expected.includes(outcome), `${outcome}: ${message}`);
      if (names !== undefined) assert.match(message, names);
      assert.equal(existsSync(marker), false);
    });
  }

  const records = checkpointRecords(smallCheckpoint(seed));
  test("the checkpoint that the following damages is itself loaded", async () => {
    assert.deepEqual(await read(writeZip([...records])), { outcome: "loaded", message: "segment" });
  });

  const legacy = writeLegacyCheckpoint(smallCheckpoint(seed));
  test("so is the same in the form before PyTorch 1.6", async () => {
    assert.deepEqual(await read(legacy), { outcome: "loaded", message: "segment" });
  });

  const mutationsOfBoth: readonly (readonly [string, (random: Random) => Buffer])[] = [
    ...Object.entries(mutations).map(
      ([name, mutate]) => [name, (random: Random) => mutate(records, random)] as const,
    ),
    ...Object.entries(legacyMutations).map(
      ([name, mutate]) => [name, (random: Random) => mutate(legacy, random)] as const,
    ),
  ];
  for (const [name, mutate] of mutationsOfBoth) {
    test(`${rounds} times ${name}: loaded or refused`, async (context) => {
      const outcomes = new Map<string, number>();
      for (let round = 0; round < rounds; round++) {
        const random = new Random(seed + round);
        const { outcome, message } = await read(mutate(random));
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        const isKnown = outcome === "loaded" || /^(CHECKPOINT|MODEL)_/.test(outcome);
        assert.ok(isKnown, `seed ${seed}, round ${round}: ${outcome}: ${message}`);
      }
      context.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
    });
  }

  test("the process lives to its end", async (context) => {
    await reader.end();
    context.diagnostic(
      `at most ${Math.round(most.cpuMs)} ms and ${Math.round(most.rssBytes / 2 ** 20)} MiB`,
    );
  });
});
