import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempDisposable, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Detections } from "../../vision/detections.ts";
import { createRecipe } from "../recipe.ts";
import type { PhotoResult } from "../results/result-rows.ts";
import type { PhotoFile } from "./add-photos.ts";
import { type LeasedPhoto, type PhotoContent, Worklist, type WorklistOptions } from "./worklist.ts";

const recipe = createRecipe({ version: 1 });

const result: PhotoResult = {
  widthPx: 40,
  heightPx: 30,
  device: "cpu",
  timingsMs: { detect: 1.2345 },
  objects: Detections.empty(["plant"]),
  counts: [{ region: 0, name: "plant", count: 3 }],
  sliceCount: 1,
};

function photo(source: string, mtimeUs = 1): PhotoFile {
  return { source, sizeBytes: 100, mtimeUs };
}

function content(letter: string, mtimeUs = 1): PhotoContent {
  return { sha256: letter.repeat(64), sizeBytes: 100, mtimeUs };
}

/** A results file in a folder of its own, and worklists on it, which are closed with it. */
async function createFile() {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-ledger-")));
  const file = join(folder.path, "results.db");
  return {
    file,
    open: async (of = recipe, options?: WorklistOptions) =>
      stack.use(await Worklist.open(file, of, options)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function leaseOne(worklist: Worklist, options = {}): Promise<LeasedPhoto> {
  const [leased] = await worklist.lease(1, options);
  assert.ok(leased, "a photo was waiting");
  return leased;
}

async function finishOne(worklist: Worklist, sha: string): Promise<void> {
  const leased = await leaseOne(worklist);
  assert.equal(await worklist.begin(leased), true);
  assert.equal(await worklist.claim(leased, content(sha)), "infer");
  const finished = { contentSha256: content(sha).sha256, result };
  assert.equal(await worklist.finish(leased, finished), true);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const sources = (photos: readonly { source: string }[]) => photos.map(({ source }) => source);

test("an empty list has nothing to lease, nothing unfinished and nothing to report", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([]);
  assert.deepEqual(await worklist.lease(5), []);
  assert.deepEqual(await worklist.lease(1, { suspects: true }), []);
  assert.equal(await worklist.isUnfinished(), false);
  assert.deepEqual(await collect(worklist.view.photos()), []);
  const { objectCount, countByName } = await worklist.view.totals();
  assert.deepEqual([objectCount, [...countByName]], [0, []]);
});

test("photos are leased in the order they were added, each once", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/b.jpg"), photo("/a.jpg"), photo("/b.jpg")]);
  await worklist.add([photo("/c.jpg"), photo("/a.jpg")]);
  assert.deepEqual(sources(await worklist.lease(2)), ["/b.jpg", "/a.jpg"]);
  assert.deepEqual(sources(await worklist.lease(2)), ["/c.jpg"]);
  assert.deepEqual(await worklist.lease(2), []);
  assert.equal(await worklist.isUnfinished(), true);
});

test("users of one file never lease the same photo", async () => {
  await using setup = await createFile();
  const all = Array.from({ length: 300 }, (_, i) => photo(`/${String(i).padStart(3, "0")}.jpg`));
  const worklists = await Promise.all([1, 2, 3].map(() => setup.open()));
  await Promise.all(worklists.map((worklist) => worklist.add(all)));
  const leased = await Promise.all(
    worklists.map(async (worklist) => {
      const mine: LeasedPhoto[] = [];
      for (let batch = await worklist.lease(7); batch.length > 0; batch = await worklist.lease(7)) {
        mine.push(...batch);
      }
      return mine;
    }),
  );
  assert.deepEqual(sources(leased.flat()).sort(), sources(all));
  assert.equal(await worklists[0]!.isShared(), true);
});

test("a run is given only the photos it asked for", async () => {
  await using setup = await createFile();
  await (await setup.open()).add([photo("/old.jpg")]);
  const worklist = await setup.open();
  await worklist.add([photo("/new.jpg")]);
  assert.deepEqual(sources(await worklist.lease(9)), ["/new.jpg"]);
  assert.deepEqual(sources(await collect(worklist.view.photos())), ["/new.jpg"]);
});

test("a result and its photo's completion appear together and are reported", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg")]);
  await finishOne(worklist, "a");
  const [reported] = await collect(worklist.view.photos());
  assert.deepEqual(reported, {
    source: "/a.jpg",
    state: "done",
    reason: undefined,
    result: {
      id: 1,
      contentSha256: "a".repeat(64),
      widthPx: 40,
      heightPx: 30,
      objectCount: 0,
      regionCount: undefined,
      regionNames: undefined,
      device: "cpu",
      counts: [{ region: 0, name: "plant", count: 3 }],
      warnings: [],
    },
  });
  assert.deepEqual((await worklist.view.totals()).countByName, new Map([["plant", 3]]));
  assert.deepEqual((await worklist.view.findings(1)).objects.names, ["plant"]);
  assert.equal(await worklist.isUnfinished(), false);
});

test("adding a finished photo again changes nothing", async () => {
  await using setup = await createFile();
  for (const _run of [1, 2]) {
    const worklist = await setup.open();
    await worklist.add([photo("/a.jpg")]);
    if (_run === 1) await finishOne(worklist, "a");
    assert.equal((await worklist.view.states()).done, 1);
  }
});

test("identical bytes have one result that both photos share", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg"), photo("/b.jpg")]);
  await finishOne(worklist, "a");
  const twin = await leaseOne(worklist);
  await worklist.begin(twin);
  assert.equal(await worklist.claim(twin, content("a")), "known");
  const reported = await collect(worklist.view.photos());
  assert.deepEqual(
    reported.map(({ state, result }) => [state, result?.id]),
    [
      ["done", 1],
      ["done", 1],
    ],
  );
  assert.deepEqual((await worklist.view.totals()).objectCount, 6);
});

test("bytes that another user is inferring are not inferred a second time", async () => {
  await using setup = await createFile();
  const [mine, other] = [await setup.open(), await setup.open()];
  await Promise.all([mine.add([photo("/a.jpg")]), other.add([photo("/b.jpg")])]);
  const [a, b] = [await leaseOne(mine), await leaseOne(other)];
  await Promise.all([mine.begin(a), other.begin(b)]);
  assert.equal(await mine.claim(a, content("a")), "infer");
  assert.equal(await mine.claim(a, content("a")), "infer", "a claim may be repeated");
  assert.equal(await other.claim(b, content("a")), "elsewhere");
  await mine.finish(a, { contentSha256: content("a").sha256, result });
  assert.equal(await other.claim(b, content("a")), "known");
});

test("a claim ends with the release of the photo", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg"), photo("/b.jpg")]);
  const [a, b] = await worklist.lease(2);
  await worklist.begin(a!);
  await worklist.claim(a!, content("a"));
  await worklist.release([a!]);
  await worklist.begin(b!);
  assert.equal(await worklist.claim(b!, content("a")), "infer");
});

test("a changed file gets a new result; touched only, it keeps its own", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg")]);
  await finishOne(worklist, "a");

  await worklist.add([photo("/a.jpg", 2)]);
  const touched = await leaseOne(worklist);
  await worklist.begin(touched);
  assert.equal(await worklist.claim(touched, content("a", 2)), "known");

  await worklist.add([photo("/a.jpg", 3)]);
  await finishOne(worklist, "b");
  const [reported] = await collect(worklist.view.photos());
  assert.equal(reported?.result?.contentSha256, "b".repeat(64));
});

test("a changed file is to be done again under every recipe", async () => {
  await using setup = await createFile();
  const other = createRecipe({ version: 2 });
  for (const each of [recipe, other]) {
    const worklist = await setup.open(each);
    await worklist.add([photo("/a.jpg")]);
    await finishOne(worklist, "a");
  }
  await (await setup.open()).add([photo("/a.jpg", 2)]);
  const worklist = await setup.open(other);
  await worklist.add([photo("/a.jpg", 2)]);
  assert.equal((await worklist.view.states()).waiting, 1);
});

test("a new recipe does all photos again and keeps the results of the old one", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg")]);
  await finishOne(worklist, "a");
  const next = await setup.open(createRecipe({ version: 2 }));
  await next.add([photo("/a.jpg")]);
  await finishOne(next, "a");
  const [renewed] = await collect(next.view.photos());
  assert.equal(renewed?.result?.id, 2);
  for (const id of [1, 2]) {
    assert.deepEqual((await next.view.findings(id)).objects.names, ["plant"]);
  }
});

const failedCases = [
  { code: "PHOTO_UNREADABLE", again: photo("/a.jpg"), retry: false, state: "failed" },
  { code: "PHOTO_UNREADABLE", again: photo("/a.jpg"), retry: true, state: "waiting" },
  { code: "PHOTO_UNREADABLE", again: photo("/a.jpg", 2), retry: false, state: "waiting" },
  { code: "PHOTO_NOT_FOUND", again: photo("/a.jpg"), retry: false, state: "waiting" },
  { code: "PHOTO_TOO_LARGE", again: photo("/a.jpg"), retry: false, state: "waiting" },
] as const;

for (const { code, again, retry, state } of failedCases) {
  const how = `${retry ? "with" : "without"} retry${again.mtimeUs > 1 ? ", changed" : ""}`;
  test(`a photo that failed for ${code} and is added again ${how} is ${state}`, async () => {
    await using setup = await createFile();
    const worklist = await setup.open();
    await worklist.add([photo("/a.jpg")]);
    const leased = await leaseOne(worklist);
    await worklist.begin(leased);
    assert.equal(await worklist.fail(leased, { code, message: "why" }), true);
    const [failed] = await collect(worklist.view.photos({ state: "failed" }));
    assert.deepEqual(failed?.reason, { code, message: "why" });

    await worklist.add([again], { retry });
    const [reported] = await collect(worklist.view.photos());
    assert.equal(reported?.state, state);
    assert.equal(reported?.reason === undefined, state === "waiting");
  });
}

test("a photo whose attempt fails is a suspect, comes last, and fails the third time", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/bad.jpg"), photo("/good.jpg")]);
  const reason = { code: "PHOTO_FAILED", message: "why" };
  assert.equal(await worklist.failAttempt(await leaseOne(worklist), reason), false);
  assert.deepEqual(sources(await worklist.lease(9)), ["/good.jpg"]);

  const second = await leaseOne(worklist, { suspects: true });
  assert.deepEqual([second.source, second.attempts], ["/bad.jpg", 1]);
  assert.equal(await worklist.failAttempt(second, reason), false);
  assert.equal(
    await worklist.failAttempt(await leaseOne(worklist, { suspects: true }), reason),
    true,
  );
  assert.equal((await worklist.view.states()).failed, 1);
});

test("the least suspect photo comes first", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg"), photo("/b.jpg")]);
  const reason = { code: "PHOTO_FAILED", message: "why" };
  await worklist.failAttempt(await leaseOne(worklist), reason);
  await worklist.failAttempt(await leaseOne(worklist, { suspects: true }), reason);
  await worklist.failAttempt(await leaseOne(worklist), reason);
  assert.equal((await leaseOne(worklist, { suspects: true })).source, "/b.jpg");
});

test("closing ends all leases without blame", async () => {
  await using setup = await createFile();
  const [worklist, next] = [await setup.open(), await setup.open()];
  await worklist.add([photo("/a.jpg"), photo("/b.jpg")]);
  await worklist.begin((await worklist.lease(2))[0]!);
  await worklist[Symbol.asyncDispose]();
  await next.add([photo("/a.jpg"), photo("/b.jpg")]);
  assert.deepEqual(
    (await next.lease(2)).map(({ attempts }) => attempts),
    [0, 0],
  );
  assert.equal(await next.isShared(), false);
});

test("an owner whose lease expired loses its photos and cannot record them any more", async () => {
  await using setup = await createFile();
  const [sleeper, taker] = [await setup.open(), await setup.open()];
  await sleeper.add([photo("/a.jpg")]);
  const lost = await leaseOne(sleeper);
  await sleeper.begin(lost);
  await sleeper.claim(lost, content("a"));
  const clock = new DatabaseSync(setup.file);
  clock.exec("update owner set expires_at_ms = 1 where id = (select owner from entry)");
  clock.close();

  await taker.add([photo("/a.jpg")]);
  assert.deepEqual(await taker.lease(1), []);
  await taker.recover();
  const taken = await leaseOne(taker, { suspects: true });
  assert.equal(taken.attempts, 1, "it was begun, so a death would have been its fault");

  const finished = { contentSha256: content("a").sha256, result };
  assert.equal(await sleeper.finish(lost, finished), false);
  assert.equal(await sleeper.begin(lost), false);
  assert.equal(await sleeper.claim(lost, content("a")), "lost");
  assert.equal(await sleeper.fail(lost, { code: "PHOTO_UNREADABLE", message: "" }), false);
  assert.equal(await taker.begin(taken), true);
  assert.equal(await taker.claim(taken, content("a")), "infer");
  assert.equal(await taker.finish(taken, finished), true);
  assert.equal((await taker.view.states()).done, 1);
});

test("an owner that ended in order, but could not put its photos back, is not blamed", async () => {
  await using setup = await createFile();
  dieAtWork(setup.file);
  for (const name of await readdir(dirname(setup.file))) {
    // Two owners have a mark: the one that is gone, and this one. As if both had ended in order.
    if (name.includes("-run-")) await rm(join(dirname(setup.file), name));
  }
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg"), photo("/b.jpg"), photo("/c.jpg")]);
  assert.equal((await worklist.lease(9)).length, 3);
});

test("the mark beside an open file goes with its owner, or when that is found dead", async () => {
  await using setup = await createFile();
  const marks = async () =>
    (await readdir(dirname(setup.file))).filter((name) => name.includes("-run-")).length;
  const worklist = await setup.open();
  assert.equal(await marks(), 1);
  dieAtWork(setup.file);
  assert.equal(await marks(), 2);
  await worklist.recover();
  assert.equal(await marks(), 1);
  await worklist[Symbol.asyncDispose]();
  assert.equal(await marks(), 0);
});

test("leases are renewed as long as the owner lives", async () => {
  await using setup = await createFile();
  await setup.open(recipe, { leaseMs: 30 });
  const reader = new DatabaseSync(setup.file, { readOnly: true });
  const expiry = () => reader.prepare("select expires_at_ms as at from owner").get()?.at;
  const first = expiry();
  while (expiry() === first) await new Promise((resolve) => setTimeout(resolve, 5));
  reader.close();
});

const worklistModule = new URL("./worklist.ts", import.meta.url).href;
const recipeModule = new URL("../recipe.ts", import.meta.url).href;

/** Another process takes three photos, begins the first two, and dies as by `kill -9`. */
function dieAtWork(file: string, suspects = false): void {
  const script = `
    const { Worklist } = await import(${JSON.stringify(worklistModule)});
    const { createRecipe } = await import(${JSON.stringify(recipeModule)});
    const recipe = createRecipe({ version: 1 });
    const worklist = await Worklist.open(${JSON.stringify(file)}, recipe);
    await worklist.add(["/a.jpg", "/b.jpg", "/c.jpg"].map((source) =>
      ({ source, sizeBytes: 100, mtimeUs: 1 })));
    const photos = await worklist.lease(${suspects ? 1 : 3}, { suspects: ${suspects} });
    for (const photo of photos.slice(0, 2)) await worklist.begin(photo);
    process.kill(process.pid, "SIGKILL");`;
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
  assert.equal(signal, "SIGKILL", String(stderr));
}

test("a death is blamed at once on the photos that were begun, the third for good", async () => {
  await using setup = await createFile();
  const { file } = setup;
  dieAtWork(file);
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg"), photo("/b.jpg"), photo("/c.jpg")]);
  const [unblamed, ...others] = await worklist.lease(9);
  assert.deepEqual([unblamed?.source, others], ["/c.jpg", []]);
  await worklist.release([unblamed!]);

  dieAtWork(file, true); // "/a.jpg" alone, the second time
  await worklist.recover();
  await finishOneSuspect(worklist, "/b.jpg");
  dieAtWork(file, true); // "/a.jpg" alone, the third time
  await worklist.recover();
  assert.deepEqual(await worklist.lease(1, { suspects: true }), []);
  const [failed] = await collect(worklist.view.photos({ state: "failed" }));
  assert.equal(failed?.source, "/a.jpg");
  assert.equal(failed?.reason?.code, "PHOTO_CRASHED_WORKER");
});

async function finishOneSuspect(worklist: Worklist, source: string): Promise<void> {
  const leased = await leaseOne(worklist, { suspects: true });
  assert.equal(leased.source, source);
  await worklist.begin(leased);
  assert.equal(await worklist.claim(leased, content("b")), "infer");
  assert.ok(await worklist.finish(leased, { contentSha256: content("b").sha256, result }));
}

test("a report of many photos comes in the order of their sources, as many as asked", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  const all = Array.from({ length: 1201 }, (_, i) => photo(`/${String(i).padStart(4, "0")}.jpg`));
  await worklist.add([...all].reverse());
  assert.deepEqual(sources(await collect(worklist.view.photos())), sources(all));
  const some = await collect(worklist.view.photos({ limit: 3 }));
  assert.deepEqual(sources(some), sources(all).slice(0, 3));
  assert.deepEqual(await collect(worklist.view.photos({ state: "done" })), []);
});

test("which result an annotated picture shows is remembered, the last one counts", async () => {
  await using setup = await createFile();
  const worklist = await setup.open();
  await worklist.add([photo("/a.jpg"), photo("/b.jpg")]);
  const leased = await leaseOne(worklist);
  await worklist.begin(leased);
  await worklist.claim(leased, content("a"));
  const finished = { contentSha256: content("a").sha256, result, pictureFile: "/out/a.jpg" };
  await worklist.finish(leased, finished);
  await finishOne(worklist, "b");
  await worklist.recordPicture("/out/b.jpg", 1);
  await worklist.recordPicture("/out/b.jpg", 2);
  const pictures = await worklist.view.pictures(["/out/a.jpg", "/out/b.jpg", "/out/c.jpg"]);
  assert.deepEqual([...pictures].sort(), [
    ["/out/a.jpg", 1],
    ["/out/b.jpg", 2],
  ]);
});

test("photos are compared with the list: new and changed ones, and those not found", async () => {
  await using file = await createFile();
  const worklist = await file.open();
  const other = await file.open();
  const all = ["/a", "/b", "/c"].map((source) => photo(source));
  await other.add([photo("/only-theirs")]);
  await worklist.add(all);
  const compare = async (...photos: PhotoFile[]) => {
    const { other, notFound } = await worklist.compare(photos);
    return [other.map(({ source }) => source), notFound.map(({ source }) => source)];
  };
  assert.deepEqual(await compare(...all, photo("/only-theirs"), photo("/new")), [
    ["/only-theirs", "/new"],
    [],
  ]);
  assert.deepEqual(await compare(photo("/a", 2), { ...photo("/b"), sizeBytes: 99 }), [
    ["/a", "/b"],
    [],
  ]);
  assert.deepEqual(await compare({ source: "/a", sizeBytes: 0, mtimeUs: 0 }), [[], []]);
  for (const code of ["PHOTO_NOT_FOUND", "PHOTO_UNREADABLE"]) {
    await worklist.fail(await leaseOne(worklist), { code, message: "" });
  }
  assert.deepEqual(await compare(...all), [[], ["/a"]]);
});

test("photos that are withdrawn are not on the list, until they are added again", async () => {
  await using file = await createFile();
  const worklist = await file.open();
  const sources = ["/a/1", "/a/2", "/ab/3", "/a/4"];
  await worklist.add(sources.map((source) => photo(source)));
  await finishOne(worklist, "a");
  await worklist.withdraw(await leaseOne(worklist));
  assert.equal((await worklist.view.states()).waiting, 2);
  const leased = await leaseOne(worklist);
  assert.equal(leased.source, "/ab/3");
  await worklist.withdraw(leased, { under: "/a" });
  assert.deepEqual(await worklist.view.states(), {
    waiting: 0,
    leased: 0,
    done: 1,
    failed: 0,
    excluded: 0,
  });
  assert.equal(await worklist.isUnfinished(), false);
  await worklist.add(sources.map((source) => photo(source)));
  assert.deepEqual(await worklist.view.states(), {
    waiting: 3,
    leased: 0,
    done: 1,
    failed: 0,
    excluded: 0,
  });
});
