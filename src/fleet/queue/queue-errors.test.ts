import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OrangeryError } from "../../errors.ts";
import { toQueueError, toQueueFailure, unreachable, withQueueErrors } from "./queue-errors.ts";

function reply(message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name: "ReplyError", ...more });
}

const script = "script: 5ab432e88830d573e2fa33392ffbd4ad25a9b100, on @user_script:589.";

describe("a reply of Redis", () => {
  const cases: [reply: string, code: string, retryable: boolean, words: RegExp][] = [
    ["NOAUTH Authentication required.", "QUEUE_ACCESS_DENIED", false, /redis:\/\/user:password@/],
    ["WRONGPASS invalid username-password pair", "QUEUE_ACCESS_DENIED", false, /% as %25/],
    ["NOPERM this user has no permissions", "QUEUE_ACCESS_DENIED", false, /ACL line/],
    [
      `ERR The user executing the script can't run this command ${script}`,
      "QUEUE_ACCESS_DENIED",
      false,
      /ACL line/,
    ],
    [
      `ERR ACL failure in script: User some has no permissions ${script}`,
      "QUEUE_ACCESS_DENIED",
      false,
      /ACL line/,
    ],
    ["DENIED Redis is running in protected mode", "QUEUE_ACCESS_DENIED", false, /requirepass/],
    ["CROSSSLOT Keys in request don't hash", "QUEUE_IN_CLUSTER", false, /\{photos\}/],
    ["MOVED 5798 10.0.0.3:6379", "QUEUE_IN_CLUSTER", false, /Connect to .* 10\.0\.0\.3:6379/],
    [
      `READONLY You can't write. ${script}`,
      "QUEUE_READ_ONLY",
      true,
      /got "READONLY You can't write"/,
    ],
    ["UNBLOCKED force unblock", "QUEUE_READ_ONLY", true, /has become a replica/],
    ["NOREPLICAS Not enough good replicas", "QUEUE_READ_ONLY", true, /min-replicas-to-write/],
    ["OOM command not allowed", "QUEUE_FULL", true, /maxmemory/],
    ["MISCONF Redis is configured to save", "QUEUE_NOT_SAVED", true, /disk/],
    ["LOADING Redis is loading the dataset", "QUEUE_NOT_READY", true, /passes by itself/],
    ["BUSY Redis is busy running a script", "QUEUE_NOT_READY", true, /passes by itself/],
    ["CLUSTERDOWN The cluster is down", "QUEUE_NOT_READY", true, /passes by itself/],
    ["ERR max number of clients reached", "QUEUE_NOT_READY", true, /maxclients/],
    ["ERR unknown command 'LPOS'", "QUEUE_REFUSED", false, /Redis 6\.2/],
    ["WRONGTYPE Operation against a key", "QUEUE_REFUSED", false, /no other program/],
  ];
  for (const [message, code, retryable, words] of cases) {
    test(`${message.split(" ", 1)} is ${code}`, () => {
      const error = toQueueError(reply(message), "photos")!;
      assert.deepEqual([error.code, error.retryable], [code, retryable]);
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, /user_script/);
      assert.equal(error.details.queue, "photos");
    });
  }

  test("to a transaction is what a request in it was refused for", () => {
    const previousErrors = [reply("OOM command not allowed")];
    const error = reply("EXECABORT Transaction discarded", { previousErrors });
    assert.equal(toQueueError(error, "photos")?.code, "QUEUE_FULL");
  });

  test("is what requests fail with; other errors stay what they are", async () => {
    const queue = { name: "photos" };
    const refused = () => Promise.reject(reply("OOM no"));
    await assert.rejects(withQueueErrors(queue, refused), { code: "QUEUE_FULL" });
    const other = new OrangeryError("LEDGER_BUSY", "Locked.");
    await assert.rejects(
      withQueueErrors(queue, () => Promise.reject(other)),
      (error) => error === other,
    );
  });
});

describe("a Redis that does not answer", () => {
  test("is unreachable where the connection broke between two answers", () => {
    const command = { name: "evalsha" };
    const error = Object.assign(new Error("Command aborted due to connection close"), {
      name: "AbortError",
      command,
    });
    assert.equal(toQueueError(error, "photos")?.code, "QUEUE_UNREACHABLE");
    assert.equal(toQueueError(new DOMException("left", "AbortError"), "photos"), undefined);
  });

  test("is unreachable, with the reason and the time", () => {
    const cause = Object.assign(new Error("connect ECONNREFUSED ::1:6379"), { code: "X" });
    assert.match(
      unreachable(cause, { timeoutMs: 300 }).message,
      /within 0\.3 s, got connect ECONNREFUSED ::1:6379/,
    );
    const { message } = unreachable();
    assert.match(message, /got none\. Check its URL \(--queue-url, ORANGERY_QUEUE_URL or `conn/);
    // Of several addresses: without a message.
    const several = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" });
    assert.match(toQueueFailure(several, "photos").message, /got ECONNREFUSED\./);
    assert.equal(toQueueFailure(several, "photos").code, "QUEUE_UNREACHABLE");
  });
});
