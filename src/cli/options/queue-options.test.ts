import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { addNamedServerOptions, addQueueOptions } from "./queue-options.ts";

const [older, newer, other] = ["redis://older", "redis://newer", "redis://other"];
const cases: [what: string, env: NodeJS.ProcessEnv, args: string[], server?: string][] = [
  ["nothing", {}, []],
  ["an empty variable", { ORANGERY_QUEUE_URL: "", REDIS_URL: "" }, []],
  ["REDIS_URL", { REDIS_URL: older }, [], older],
  ["an empty variable and REDIS_URL", { ORANGERY_QUEUE_URL: "", REDIS_URL: older }, [], older],
  ["both variables", { REDIS_URL: older, ORANGERY_QUEUE_URL: newer }, [], newer],
  ["--redis and a variable", { ORANGERY_QUEUE_URL: newer }, ["--redis", older], older],
  ["--queue-url and a variable", { REDIS_URL: older }, ["--queue-url", other], other],
];

for (const [what, env, args, server] of cases) {
  test(`the queue's server by ${what} is ${server ?? "the default"}`, async () => {
    const { ORANGERY_QUEUE_URL, REDIS_URL, ...rest } = process.env;
    const before = process.env;
    process.env = { ...rest, ...env };
    try {
      const wanted = server ?? "redis://127.0.0.1:6379";
      for (const [add, url] of [
        [addQueueOptions, wanted],
        [addNamedServerOptions, server],
      ] as const) {
        const command = add(new Command()).action(() => {});
        await command.parseAsync(args, { from: "user" });
        assert.equal(command.opts().queueUrl, url);
      }
    } finally {
      process.env = before;
    }
  });
}
