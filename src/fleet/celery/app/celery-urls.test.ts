import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CeleryWorkerOptions, checkCeleryOptions } from "./celery-options.ts";
import { amqpUrls } from "./celery-urls.ts";

describe("the servers of a Celery app", () => {
  test("are Redis or RabbitMQ, and for results PostgreSQL or RPC, too", () => {
    const backendOf = (options: CeleryWorkerOptions) => checkCeleryOptions(options).resultBackend;
    assert.equal(backendOf({ broker: "redis://h/1" }), "redis://h/1");
    for (const broker of ["amqp://h", "pyamqp://u:p%40@h:5672//", "amqps://a/v;amqps://b/v"]) {
      assert.equal(backendOf({ broker }), "rpc://");
    }
    const resultBackend = "db+postgresql+psycopg2://u:p@h/d";
    assert.equal(backendOf({ broker: "amqp://h", resultBackend }), resultBackend);
  });

  test("of one RabbitMQ are several", () => {
    assert.deepEqual(amqpUrls("pyamqp://a//; amqps://b/v"), ["amqp://a//", "amqps://b/v"]);
  });

  test("on Redis are named by their own options where a URL is wrong", () => {
    const [whole, broken] = ["redis://h", "redis://:se/cret@h"];
    for (const [options, words] of [
      [{ broker: broken }, /in --broker or `broker`/],
      [{ broker: whole, resultBackend: broken }, /in --result-backend or `resultBackend`/],
    ] as const) {
      assert.throws(() => checkCeleryOptions(options), words);
    }
  });

  const wrong: [what: string, options: object][] = [
    ["no URL", { broker: "localhost" }],
    ["another broker", { broker: "sqs://key:secret@" }],
    ["a password with a slash", { broker: "amqp://u:sec/ret@h" }],
    ["one broken node", { broker: "amqp://a;redis://b" }],
    ["another database", { broker: "amqp://h", resultBackend: "db+mysql://u:secret@h/d" }],
    ["RPC without RabbitMQ", { broker: "redis://h", resultBackend: "rpc://" }],
    ["a type of queue", { broker: "amqp://h", queueType: "stream" }],
  ];
  for (const [what, options] of wrong) {
    test(`are refused, without a password: ${what}`, () => {
      assert.throws(
        () => checkCeleryOptions(options as CeleryWorkerOptions),
        ({ code, message }: Error & { code: string }) =>
          code === "INVALID_ARGUMENT" && !/sec\/?ret/.test(message),
      );
    });
  }
});
