import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { EventStream } from "./event-stream.ts";

/** A stream that is served, with news of that many bytes a millisecond. */
async function serve(bytes: number, isWelcome?: () => boolean) {
  const stack = new AsyncDisposableStack();
  let round = 0;
  const read = async () => ({ round: round++, news: "x".repeat(bytes) });
  const stream = stack.use(new EventStream({ read, periodMs: 1 }));
  const server = createServer((_, response) => stream.add(response, isWelcome));
  stack.defer(() => void server.closeAllConnections());
  stack.defer(() => void server.close());
  const asked = once(server, "request") as Promise<[object, ServerResponse]>;
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return { port, asked, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe("a stream of news", { timeout: 30_000 }, () => {
  test("is cut off for a client that reads nothing, so that it fills no memory", async () => {
    await using served = await serve(100_000);
    await using stack = new AsyncDisposableStack();
    const socket = connect(served.port, "127.0.0.1");
    stack.defer(() => void socket.destroy());
    socket.on("error", () => {});
    socket.pause().write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const [, response] = await served.asked;
    await once(response, "close");
    assert.equal(response.destroyed, true);
  });

  test("ends for who is not welcome any more", async () => {
    let isWelcome = true;
    await using served = await serve(10, () => isWelcome);
    const answer = await fetch(`http://127.0.0.1:${served.port}/`);
    isWelcome = false;
    assert.match(await text(answer.body!), /"round":0/);
  });
});
