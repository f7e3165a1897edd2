import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../errors.ts";
import { MonitorServer, type MonitorServerOptions } from "./monitor-server.ts";

async function listen(options: Partial<MonitorServerOptions> = {}): Promise<MonitorServer> {
  return await MonitorServer.listen({
    port: 0,
    metrics: async () => "# HELP a b\n# TYPE a gauge\na 1\n",
    health: () => ({ status: "ok" }),
    ready: () => ({ ready: true, reasons: [] }),
    ...options,
  });
}

describe("the server of metrics and probes", () => {
  test("answers on a free port of this machine", async () => {
    await using server = await listen();
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    const metrics = await fetch(`${server.url}/metrics?x=1`);
    assert.equal(metrics.status, 200);
    assert.equal(metrics.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.match(await metrics.text(), /^a 1$/m);
    const health = await fetch(`${server.url}/health`);
    assert.deepEqual([health.status, await health.json()], [200, { status: "ok" }]);
    const ready = await fetch(`${server.url}/ready`);
    assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, reasons: [] }]);
  });

  test("says 503 and why while it is not ready", async () => {
    await using server = await listen({ ready: () => ({ ready: false, reasons: ["gpu0: dead"] }) });
    const ready = await fetch(`${server.url}/ready`);
    assert.deepEqual(
      [ready.status, await ready.json()],
      [503, { ready: false, reasons: ["gpu0: dead"] }],
    );
  });

  test("refuses what it does not have, and lives on when it cannot answer", async () => {
    await using server = await listen({ metrics: () => Promise.reject(new Error("no")) });
    assert.equal((await fetch(`${server.url}/`)).status, 404);
    assert.equal((await fetch(`${server.url}/health`, { method: "POST" })).status, 405);
    const metrics = await fetch(`${server.url}/metrics`);
    assert.deepEqual([metrics.status, await metrics.json()], [500, { error: "no" }]);
    assert.equal((await fetch(`${server.url}/health`, { method: "HEAD" })).status, 200);
  });

  test("says that a port is taken", async () => {
    await using server = await listen();
    const port = Number(new URL(server.url).port);
    const unavailable = (error: unknown) => isOrangeryError(error, "PORT_UNAVAILABLE");
    await assert.rejects(listen({ port }), unavailable);
    await assert.rejects(listen({ host: "nowhere.invalid" }), unavailable);
  });

  test("ends at once, also with connections that stay open", async () => {
    const server = await listen();
    await (await fetch(`${server.url}/health`)).text();
    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await assert.rejects(fetch(`${server.url}/health`));
  });
});
