import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, statfs, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { partOf } from "../../base/files/whole-file.ts";
import { artifactIdentity, networkFile } from "./artifact.ts";
import {
  countKilled,
  freeDiskSpace,
  listArtifacts,
  listUnfinished,
  trimArtifacts,
} from "./artifact-folder.ts";

const gigabyte = 1e9;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "orangery-artifacts-"));
});
afterEach(() => rm(root, { recursive: true }));

/** An artifact without contents, used so many hours ago. */
async function makeArtifact(name: string, bytes: number, hoursAgo: number): Promise<void> {
  const folder = join(root, name.repeat(32));
  await mkdir(folder);
  await writeFile(networkFile(folder), "");
  await truncate(networkFile(folder), bytes);
  const identity = artifactIdentity("", { device: "cpu", library: "" });
  const facts = { ...identity, modelName: name, bytes, sha256: "" };
  await writeFile(join(folder, "artifact.json"), JSON.stringify(facts));
  const usedAt = new Date(Date.now() - hoursAgo * 3_600_000);
  await utimes(folder, usedAt, usedAt);
}

/** What a process has left that was killed so many minutes ago. */
async function makeUnfinished(name: string, bytes: number, minutesAgo: number): Promise<void> {
  const part = partOf(join(root, name.repeat(32)));
  await mkdir(part);
  await writeFile(networkFile(part), "");
  await truncate(networkFile(part), bytes);
  const changedAt = new Date(Date.now() - minutesAgo * 60_000);
  for (const path of [networkFile(part), part]) await utimes(path, changedAt, changedAt);
}

async function names(): Promise<string> {
  return (await listArtifacts(root)).map(({ folder }) => basename(folder)[0]).join("");
}

describe("trimming artifacts", () => {
  beforeEach(async () => {
    await makeArtifact("a", 3 * gigabyte, 1);
    await makeArtifact("b", 3 * gigabyte, 2);
    await makeArtifact("c", 1, 3);
  });

  for (const [maxBytes, left] of [
    [7 * gigabyte, "abc"],
    // What is small and old goes before what is large and new.
    [5 * gigabyte, "a"],
    [gigabyte, ""],
  ] as const) {
    test(`to ${maxBytes} bytes leaves what was used last: ${left || "nothing"}`, async () => {
      await trimArtifacts(root, { maxBytes });
      assert.equal(await names(), left);
    });
  }

  test("leaves the one that is to be kept, whatever its size", async () => {
    await trimArtifacts(root, { maxBytes: 1, keep: join(root, "a".repeat(32)) });
    assert.equal(await names(), "a");
  });
});

describe("making room on the disk", () => {
  const freeBytes = async () => {
    const { bavail, bsize } = await statfs(root);
    return bavail * bsize;
  };

  beforeEach(async () => {
    for (const [hoursAgo, name] of ["a", "b", "c", "d"].entries()) {
      await makeArtifact(name, 2 * gigabyte, hoursAgo);
    }
  });

  test("removes nothing where there is enough", async () => {
    await freeDiskSpace(root, 0);
    assert.equal(await names(), "abcd");
  });

  test("removes what was not used for longest where that makes enough", async () => {
    await freeDiskSpace(root, (await freeBytes()) + 3 * gigabyte);
    assert.equal(await names(), "ab");
  });

  test("removes first what killed processes have left", async () => {
    await makeUnfinished("d", 3 * gigabyte, 20);
    const bytes = (await freeBytes()) + 20 * gigabyte;
    await assert.rejects(freeDiskSpace(root, bytes), /the disk has \d+ bytes left/);
    assert.deepEqual(await listUnfinished(root), []);
  });

  test("removes nothing where that would not be enough", async () => {
    const bytes = (await freeBytes()) + 20 * gigabyte;
    await assert.rejects(freeDiskSpace(root, bytes), /the disk has \d+ bytes left/);
    assert.equal(await names(), "abcd");
  });
});

test("processes that were killed are counted by what they have left of an artifact", async () => {
  const artifact = join(root, "a".repeat(32));
  for (const [name, minutesAgo] of [
    ["a", 1],
    ["a", 9],
    ["a", 0],
    ["b", 1],
  ] as const) {
    await makeUnfinished(name, 7, minutesAgo);
  }
  assert.equal(await countKilled(artifact), 2);
  assert.deepEqual(
    (await listUnfinished(root)).map(({ bytes }) => bytes),
    [7, 7, 7, 7],
  );
});

test("an artifact whose network has another size than described is damaged", async () => {
  await makeArtifact("a", 5, 0);
  assert.equal((await listArtifacts(root))[0]!.facts?.modelName, "a");
  await truncate(networkFile(join(root, "a".repeat(32))), 4);
  assert.equal((await listArtifacts(root))[0]!.facts, undefined);
});
