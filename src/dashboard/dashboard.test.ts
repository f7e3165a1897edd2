import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { once } from "node:events";
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import sharp from "sharp";
import { isOrangeryError } from "../errors.ts";
import { openLedger } from "../ledger/open-ledger.ts";
import { exampleRecipe, exampleResult, recordPhotos } from "../results/recorded-photos.fixture.ts";
import { Dashboard } from "./dashboard.ts";

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Not `fetch`, which sets its own Host and normalises paths. */
async function ask(
  base: string,
  path: string,
  { method, headers, body }: Asked = {},
): Promise<Reply> {
  const { hostname, port } = new URL(base);
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const outgoing = request(
    { hostname, port, path, method, headers, signal: AbortSignal.timeout(30_000) },
    (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: Buffer.concat(parts) });
      });
    },
  );
  outgoing.on("error", reject);
  outgoing.end(body && JSON.stringify(body));
  return await promise;
}

const json = { "content-type": "application/json" };
const login = (password: string): Asked => ({ method: "POST", headers: json, body: { password } });

describe("a dashboard", { timeout: 120_000 }, () => {
  const stack = new AsyncDisposableStack();
  let open: string;
  let locked: string;
  let folder: string;

  before(async () => {
    folder = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-dashboard-"))).path;
    const large = {
      create: { width: 3000, height: 1200, channels: 3, background: "#4a8f3c" },
    } as const;
    const files = ["a.jpg", "changed.jpg"].map((name) => join(folder, name));
    for (const file of files) await sharp(large).jpeg().toFile(file);
    const contentSha256 = hash("sha256", await readFile(files[0]!));
    const objects = [{ score: 0.9, boxXyxy: [10, 10, 50, 50] as const }];
    const result = exampleResult({ sizeWh: [3000, 1200], objects });
    const signed = "https://user:pw@host.example/b.jpg";
    await recordPhotos(join(folder, "results.db"), [
      { source: files[0]!, contentSha256, result },
      { source: files[1]!, contentSha256: hash("sha256", "as it was"), result },
      { source: join(folder, "gone.jpg"), contentSha256: hash("sha256", "gone"), result },
      { source: signed, reason: { code: "PHOTO_FETCH_FAILED", message: "at https://h/?sig=abc" } },
    ]);
    await writeFile(join(folder, "secret.txt"), "secret");
    const ledger = stack.use(await openLedger(join(folder, "results.db"), { readOnly: true }));
    open = stack.use(await Dashboard.listen({ ledger, port: 0 })).url;
    const passwords = { password: "orange", viewerPassword: "leaf" };
    locked = stack.use(await Dashboard.listen({ ledger, port: 0, ...passwords })).url;
  });
  after(() => stack.disposeAsync());

  const get = async (path: string) => JSON.parse((await ask(open, path)).body.toString());

  test("serves its page, and sends with every answer what a browser must not do", async () => {
    for (const path of ["/", "/assets/main.js", "/api/setup", "/nothing"]) {
      const { status, headers } = await ask(open, path);
      assert.equal(status, path === "/nothing" ? 404 : 200, path);
      const policy = String(headers["content-security-policy"]);
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
      assert.doesNotMatch(policy, /unsafe|http|\*/);
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["cross-origin-resource-policy"], "same-origin");
    }
  });

  test("refuses names that are not its own, other sites, and other methods", async () => {
    const refusals: [Asked, number][] = [
      [{ headers: { host: "evil.example" } }, 421],
      [{ headers: { "sec-fetch-site": "cross-site" } }, 403],
      [{ headers: { origin: "https://evil.example" } }, 403],
      [{ method: "PUT" }, 405],
    ];
    for (const [asked, status] of refusals) {
      assert.equal((await ask(open, "/api/setup", asked)).status, status, JSON.stringify(asked));
    }
    const fromElsewhere = { headers: { "sec-fetch-site": "cross-site" } };
    assert.equal((await ask(open, "/", fromElsewhere)).status, 200, "a link to the page");
    assert.equal(
      (
        await ask(locked, "/login", {
          ...login("orange"),
          ...{ headers: { ...json, origin: "https://evil.example" } },
        })
      ).status,
      403,
    );
  });

  test("reads no file but its own page and the photos of the results, by their ids", async () => {
    const paths = [
      ...["/assets/../dashboard.ts", "/assets/..%2fdashboard.ts", "/assets/main.js/../../../x"],
      ...["/pictures/99/thumb", "/pictures/-1/thumb", "/pictures/1/other", "/pictures/a/thumb"],
      ...[
        `/pictures/${encodeURIComponent(join(folder, "secret.txt"))}/thumb`,
        "/pictures/1/tile/0/9999/0",
      ],
      ...["/api/photos/99", "/api/photos/1%20or%201=1", "/api/photos/1?recipe=none"],
    ];
    for (const path of paths) assert.equal((await ask(open, path)).status, 404, path);
    assert.equal((await ask(open, "/pictures/2/thumb")).status, 409, "the photo has changed");
    assert.equal((await ask(open, "/pictures/3/thumb")).status, 404, "the photo is gone");
    const failed = await ask(open, "/pictures/4/thumb");
    assert.deepEqual(
      [failed.status, failed.body.toString()],
      [404, '{"error":"The photo was not counted."}'],
    );
  });

  test("makes pictures and tiles of photos", async () => {
    const sizes = {
      thumb: [320, 128],
      view: [2048, 819],
      "tile/0/5/2": [440, 176],
      "tile/2/0/0": [512, 300],
    };
    for (const [part, size] of Object.entries(sizes)) {
      const { status, body } = await ask(open, `/pictures/1/${part}`);
      assert.equal(status, 200, part);
      const { format, width, height } = await sharp(body).metadata();
      assert.deepEqual([format, width, height], ["webp", ...size], part);
    }
  });

  test("lists photos and shows one, without what URLs must not show", async () => {
    // All have the same count: those with the most are listed from behind, those with the fewest not.
    for (const [order, names] of [
      ["most", ["gone.jpg", "changed.jpg", "a.jpg"]],
      ["fewest", ["a.jpg", "changed.jpg", "gone.jpg"]],
    ] as const) {
      const list = await get(`/api/photos?order=${order}`);
      assert.deepEqual(
        list.photos.map(({ name }: { name: string }) => name),
        names,
      );
    }
    const all = JSON.stringify(await get("/api/photos"));
    assert.match(all, /b\.jpg/);
    assert.doesNotMatch(all, /pw@|sig=abc/);
    const { photos } = await get("/api/photos?state=failed");
    assert.equal(photos[0].reason.code, "PHOTO_FETCH_FAILED");
    const photo = await get(`/api/photos/1?recipe=${exampleRecipe.hash}`);
    assert.deepEqual(
      photo.classes.map(({ name }: { name: string }) => name),
      ["plant"],
    );
    assert.deepEqual(photo.objects[0].boxXyxy, [10, 10, 50, 50]);
    for (const query of ["order=none", "state=none", "minCount=-1", "takenAfter=soon"]) {
      assert.equal((await ask(open, `/api/photos?${query}`)).status, 400, query);
    }
  });

  test("with a password lets nobody in without, and shows nothing", async () => {
    for (const path of [
      "/api/setup",
      "/api/live",
      "/api/photos",
      "/api/photos/1",
      "/pictures/1/thumb",
    ]) {
      assert.equal((await ask(locked, path)).status, 401, path);
    }
    assert.equal((await ask(locked, "/")).headers.location, "/login");
    assert.equal((await ask(locked, "/login", login("wrong"))).status, 401);
    assert.equal((await ask(locked, "/login", { ...login("orange"), headers: {} })).status, 415);
    const { status, headers } = await ask(locked, "/login", login("leaf"));
    assert.equal(status, 200);
    const [cookie] = headers["set-cookie"] as string[];
    assert.match(
      cookie!,
      /^orangery_\d+=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/,
    );
    const session = { headers: { cookie: cookie!.split(";")[0]! } };
    const setup = await ask(locked, "/api/setup", session);
    assert.equal(JSON.parse(setup.body.toString()).role, "viewer");
    const change = await ask(locked, "/api/anything", { method: "POST", ...session });
    assert.equal(change.status, 403, "those who may look change nothing");
    assert.equal((await ask(locked, "/api/anything", { method: "POST" })).status, 401);
    await ask(locked, "/logout", { method: "POST", ...session });
    assert.equal((await ask(locked, "/api/setup", session)).status, 401);
  });

  test("ends what a session listens to with the session", async () => {
    const { headers } = await ask(locked, "/login", login("leaf"));
    const [cookie] = (headers["set-cookie"] as string[])[0]!.split(";");
    const session = { headers: { cookie: cookie! } };
    const live = await fetch(`${locked}api/live`, session);
    assert.equal(live.status, 200);
    await ask(locked, "/logout", { method: "POST", ...session });
    assert.match(await text(live.body!), /"done":/);
  });

  test("refuses what is no path, and bodies that are too large, and goes on", async () => {
    for (const path of ["//", "http://["]) assert.equal((await ask(open, path)).status, 400, path);
    const large = { password: "x".repeat(70_000) };
    const { status } = await ask(locked, "/login", { ...login(""), body: large });
    assert.equal(status, 413);
    assert.equal((await ask(open, "/api/setup")).status, 200);
  });

  test("refuses filters and keys of pages that are none, and takes its own", async () => {
    const keys = ["x", "1", "1.1", "1.1.1", "NaN_1_1", "1_1", "1_1_x", "Infinity_1_1", "1e+23"];
    const wrong = ["most", "fewest", "surest", "unsurest"].flatMap((order) =>
      keys.map((after) => `order=${order}&after=${encodeURIComponent(after)}`),
    );
    const others = [
      "order=newest&after=x",
      "order=newest&after=1e%2B23",
      "warning=odd",
      "name=%00",
    ];
    const numbers = [
      ...["minScore=NaN", "minScore=-0.1", "maxScore=1.01", "minScore=0x1", "minScore=."],
      ...["minCount=-1", "minCount=1.5", "maxCount=1e9", "minCount=%2B1"],
    ];
    for (const query of [...wrong, ...others, ...numbers]) {
      assert.equal((await ask(open, `/api/photos?${query}`)).status, 400, query);
    }
    for (const query of [
      "order=newest&after=2",
      "order=newest&after=2.1",
      "order=most&after=1_3_1",
    ]) {
      assert.equal((await ask(open, `/api/photos?${query}`)).status, 200, query);
    }
    const { photos } = await get("/api/photos?order=unsurest&after=1e-7_1_9007199254740991");
    assert.equal(photos.length, 3);
    for (const [query, found] of [
      ["minScore=.9&maxScore=9.01e-1", 3],
      ["maxScore=1e-3", 0],
      ["minCount=1e0&maxCount=1.0", 3],
      ["minCount=2E0", 0],
    ] as const) {
      assert.equal((await get(`/api/photos?${query}`)).photos.length, found, query);
    }
  });

  test("goes on behind a photo whose name is very long, and not with it", async () => {
    const file = join(folder, "long.db");
    const source = `https://host.example/${"x".repeat(2000)}`;
    await recordPhotos(file, [{ source, result: exampleResult({}) }]);
    await using ledger = await openLedger(file, { readOnly: true });
    await using dashboard = await Dashboard.listen({ ledger, port: 0 });
    const found = async (query: string) => {
      const { body } = await ask(dashboard.url, `/api/photos?${query}`);
      return JSON.parse(body.toString()).photos.length;
    };
    assert.equal(await found(`name=${source.slice(-1500)}`), 1);
    assert.equal(await found(`name=${source.slice(-1500)}y`), 0);
    assert.equal(await found(`after=${encodeURIComponent(source)}`), 0);
  });

  test("serves requests while other clients hold idle connections", async () => {
    await using sockets = new AsyncDisposableStack();
    const { hostname, port } = new URL(locked);
    const beginnings = [
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
      "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" +
        "Content-Length: 99\r\n\r\n{",
      "",
    ];
    for (let i = 0; i < 300; i++) {
      const socket = connect(Number(port), hostname);
      sockets.defer(() => void socket.destroy());
      socket.on("error", () => {});
      socket.write(beginnings[i % beginnings.length]!);
      await once(socket, "connect");
    }
    for (let i = 0; i < 10; i++) assert.equal((await ask(locked, "/login")).status, 200);
  });

  test("on an address that others reach needs a password", async () => {
    await using ledger = await openLedger(join(folder, "results.db"), { readOnly: true });
    await assert.rejects(Dashboard.listen({ ledger, port: 0, host: "0.0.0.0" }), (error) =>
      isOrangeryError(error, "INVALID_ARGUMENT"),
    );
    const { port } = new URL(open);
    await assert.rejects(Dashboard.listen({ ledger, port: Number(port) }), (error) =>
      isOrangeryError(error, "PORT_UNAVAILABLE"),
    );
  });
});
