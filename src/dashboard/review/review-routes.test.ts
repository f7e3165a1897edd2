import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Ledger } from "../../ledger/ledger.ts";
import { openLedger } from "../../ledger/open-ledger.ts";
import { exampleResult, recordPhotos } from "../../results/recorded-photos.fixture.ts";
import { Dashboard } from "../dashboard.ts";

interface Answer {
  readonly status: number;
  readonly body: {
    readonly error?: string;
    readonly conflict?: string;
    readonly review?: { readonly version: number; readonly things: readonly Thing[] };
    readonly [name: string]: unknown;
  };
}

interface Thing {
  readonly key: string;
  readonly object?: string;
  readonly value: { readonly isRemoved: boolean };
  readonly undo: { readonly remove?: readonly number[] };
  readonly by: string;
}

const boxXyxy = [10, 10, 50, 50] as const;

describe("the review over HTTP", { timeout: 60_000 }, () => {
  const stack = new AsyncDisposableStack();
  let ledger: Ledger;
  let url: string;
  let resultId: number;

  before(async () => {
    const folder = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-review-"))).path;
    const file = join(folder, "results.db");
    const objects = [{ score: 0.9, boxXyxy }];
    const result = exampleResult({ objects });
    await recordPhotos(file, [
      { source: "/north/a.jpg", result },
      { source: "https://user:pw@host.example/b.jpg?sig=secret", result },
      { source: "/north/failed.jpg", reason: { code: "PHOTO_UNREADABLE", message: "no" } },
    ]);
    const changes = stack.use(await openLedger(file));
    ledger = stack.use(await openLedger(file, { readOnly: true }));
    url = stack.use(await Dashboard.listen({ ledger, changes, port: 0 })).url;
    resultId = (await ask("1")).body.resultId as number;
  });
  after(() => stack.disposeAsync());

  const ask = async (path: string, body?: unknown, base = url): Promise<Answer> => {
    const response = await fetch(`${base}api/review${path === "" ? "" : `/${path}`}`, {
      ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, body: (await response.json()) as Answer["body"] };
  };
  const correct = (version: number, ...corrections: object[]) =>
    ask("1", {
      ...{ version, resultId, by: "Ann" },
      corrections: corrections.map((correction) => ({ id: randomUUID(), ...correction })),
    });

  test("takes corrections once, shows what they touch, and what others did in between", async () => {
    const id = randomUUID();
    const add = { id, kind: "add", classId: 0, boxXyxy: [1, 1, 9, 9] };
    const first = await correct(0, { kind: "remove", object: "p0" }, add);
    assert.equal(first.status, 200);
    const things = first.body.review!.things;
    assert.deepEqual(
      things.map(({ key, object, value, by }) => [key, object, value.isRemoved, by]),
      [
        ["p0", "p0", true, "Ann"],
        [`a${id}`, "c2", false, "Ann"],
      ],
    );
    const late = await correct(0, { kind: "move", object: "p0", boxXyxy: [2, 2, 9, 9] });
    assert.equal(late.status, 200, "a browser would log another status as an error");
    assert.match(late.body.conflict!, /Ann corrected it meanwhile/);
    assert.deepEqual(late.body.review!.things, things);
    const [undoneNumber] = things[0]!.undo.remove!;
    const undone = await correct(2, { kind: "undo", undoneNumber });
    assert.equal(undone.body.review!.things[0]!.value.isRemoved, false);
  });

  test("refuses what is no correction, of no person, or of another result", async () => {
    const { version } = (await ask("1")).body as { version: number };
    const base = { version, resultId, by: "Ann" };
    const one = (correction: unknown) => ({ ...base, corrections: [correction] });
    const id = randomUUID();
    const refused: [unknown, number][] = [
      [one({ id, kind: "add", classId: 9, boxXyxy }), 400],
      [one({ id, kind: "add", classId: 0, boxXyxy: [0, 0, 5000, 5] }), 400],
      [one({ id, kind: "add", classId: 0, boxXyxy: "1,2,3,4" }), 400],
      [one({ id, kind: "add", classId: "0", boxXyxy }), 400],
      [one({ id, kind: "move", object: "p0", boxXyxy: [5, 5, 5, 5] }), 400],
      [one({ id, kind: "remove", object: "p7' or 1=1" }), 400],
      [one({ id, kind: "remove", object: { toString: 1 } }), 400],
      [one({ id, kind: { toString: 1 } }), 400],
      [{ ...one({ id, kind: "review" }), version: { toString: 1 } }, 400],
      [one({ id, kind: "undo", undoneNumber: 1e9 }), 400],
      [one({ id: "x", kind: "review" }), 400],
      [one({ id, kind: "drop" }), 400],
      [one(null), 400],
      [{ ...base, corrections: [] }, 400],
      [{ ...base, corrections: Array.from({ length: 501 }, () => ({ id, kind: "review" })) }, 400],
      [{ ...one({ id, kind: "review" }), by: "" }, 400],
      [{ ...one({ id, kind: "review" }), by: "A\nB" }, 400],
      [{ ...one({ id, kind: "review" }), by: "n".repeat(5000) }, 400],
      [{ ...one({ id, kind: "review" }), resultId: resultId + 1 }, 410],
      [{ ...one({ id, kind: "review" }), version: -1 }, 400],
      [[], 400],
    ];
    for (const [body, status] of refused) {
      const answer = await ask("1", body);
      assert.equal(answer.status, status, `${JSON.stringify(body).slice(0, 200)}`);
      assert.ok(answer.body.error);
    }
    assert.equal((await ask("1")).body.version, version);
    for (const path of ["3", "99", "x", "1/none", "lists/7/photos", "lists/x/estimate"]) {
      assert.equal((await ask(path)).status, 404, path);
    }
    assert.equal((await ask("lists", { by: "Ann", kind: "all", token: id, size: 3 })).status, 400);
    assert.equal((await ask("lists", { by: "Ann", kind: "sample", token: id })).status, 200);
    const isSmall = { by: "Ann", kind: "sample", token: randomUUID(), size: 0 };
    assert.equal((await ask("lists", isSmall)).status, 400);
  });

  test("shows lists without secrets, gives each person another photo, and estimates", async () => {
    const token = randomUUID();
    const { id } = (await ask("lists", { by: "Ann", kind: "sample", token, size: 10 })).body;
    const page = await ask(`lists/${id}/photos`);
    assert.doesNotMatch(JSON.stringify(page.body), /pw@|secret/);
    const next = async (session: string) =>
      (await ask(`lists/${id}/next`, { by: session, session, after: 0 })).body.photo as
        | { id: number }
        | undefined;
    const [first, second] = [await next("Ann"), await next("Ben")];
    assert.deepEqual([first!.id, second!.id].sort(), [1, 2]);
    assert.equal(await next("Cai"), undefined);
    assert.equal(
      (await ask(`${first!.id}/hold`, { by: "Cai", session: "Cai" })).body.heldBy,
      "Ann",
    );
    await ask(`${first!.id}/release`, { by: "Ann", session: "Ann" });
    assert.equal((await next("Cai"))!.id, first!.id);
    const estimate = await ask(`lists/${id}/estimate`);
    assert.equal((estimate.body.all as { predicted: number }).predicted, 2);
    const other = { by: "Ann", kind: "warnings", token: randomUUID(), size: 5 };
    const warned = (await ask("lists", other)).body;
    assert.equal((await ask(`lists/${warned.id}/estimate`)).status, 404);
  });

  test("lets those who may only look see all of it, and change nothing", async () => {
    await using locked = await Dashboard.listen({ ledger, port: 0 });
    assert.equal((await ask("1", undefined, locked.url)).status, 200);
    const corrections = [{ id: randomUUID(), kind: "review" }];
    const body = { version: 0, resultId, by: "Ann", corrections };
    for (const path of ["1", "1/hold", "lists", "lists/1/next"]) {
      assert.equal((await ask(path, body, locked.url)).status, 403, path);
    }
  });
});
