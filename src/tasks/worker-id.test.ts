import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../errors.ts";
import { workerIdFromName } from "./worker-id.ts";

describe("a worker's id is read from its name", () => {
  const rows: [name: string, workerId: number, why: string][] = [
    ["", 0, "no name"],

    ["gpu0@host", 0, "a device before the @"],
    ["gpu1@host", 1, "another device"],
    ["gpu-3", 3, "no @"],
    ["gpu_3", 3, "an underscore"],
    ["GPU2@HOST", 2, "capitals"],
    ["gpu12@host", 12, "two digits"],
    ["gpu-07@host", 7, "a leading zero"],
    ["cuda:1@host", 1, "our own word for a device"],
    ["device-4@host", 4, "a device by its general name"],
    ["worker-1@host", 1, "a worker"],
    ["worker1@host", 1, "a worker, as `celery multi` names it"],
    ["slot-2@host", 2, "a slot"],
    ["photos-gpu-2@host", 2, "words before it"],
    ["gpu2-photos@host", 2, "words after it"],
    ["gpu-worker-3@host", 3, "gpu without a number of its own"],
    ["celery@gpu2", 2, "the machine, where the worker says nothing"],
    ["celery@gpu2.rack7.example.org", 2, "the machine's full name"],
    ["photos@worker-5.pool.internal", 5, "a pod of a StatefulSet"],

    ["celery", 0, "a plain name"],
    ["host", 0, "a plain host"],
    ["celery@host", 0, "a plain worker on a plain host"],
    ["web12", 0, "a host's number counts hosts"],
    ["node12.rack4", 0, "so do these"],
    ["celery@node12.rack4.example.org", 0, "behind the @ too"],
    ["ip-10-0-3-17", 0, "an address"],
    ["ip-10-0-0-3.ec2.internal", 0, "an address with its domain"],
    ["10.0.3.17", 0, "a bare address"],
    ["desktop-7GHK2", 0, "a serial number"],
    ["celery2@host", 0, "an unknown word with a number"],
    ["yolo11@host", 0, "a model's name"],
    ["@", 0, "nothing on either side"],
    ["gpu@host", 0, "a word without a number"],
    ["7@host", 0, "a number without a word"],

    ["webgpu0@host", 0, "gpu inside another word"],
    ["gpu2x@host", 0, "something attached to the number"],
    ["coworker-3", 0, "worker inside another word"],
    ["worker-7d9f8c6b5-x2x9k", 0, "a pod of a Deployment"],
    ["worker-10-0-0-3@host", 0, "an address behind the word"],
    ["worker-2026-01-31@host", 0, "a date behind the word"],
    ["worker-20260131@host", 0, "more digits than a machine has devices"],
    ["celery@web1.gpu3.example.org", 0, "a domain is no machine"],
    ["web1.gpu3.example.org", 0, "without an @ neither"],
    ["gpu3.example.org", 3, "a machine's full name without an @"],

    ["worker-1@gpu2", 1, "before the @ goes before what is after it"],
    ["gpu0@gpu2", 0, "so here"],
    ["gpu0-worker-3@host7", 0, "a device goes before a worker"],
    ["worker-3-gpu0@host7", 0, "in either order"],
    ["celery@worker-1-gpu2", 2, "behind the @ too"],
    ["worker-1-worker-2@host", 2, "the last of one kind"],
    ["gpu-pool-1-gpu-2", 2, "the last of one kind, the first having no number"],
    ["gpu2-1@host", 2, "one further number is not yet an address"],
    ["worker-1@gpu2@gpu3", 1, "the first @ divides"],
    ["celery@gpu2@gpu3", 3, "the rest is one name"],
  ];
  for (const [name, workerId, why] of rows) {
    test(`${JSON.stringify(name)} → ${workerId}: ${why}`, () => {
      assert.equal(workerIdFromName(name, {}), workerId);
    });
  }

  test("without a name it is 0", () => {
    assert.equal(workerIdFromName(undefined, {}), 0);
  });
});

describe("ORANGERY_WORKER_ID overrides the name", () => {
  const accepted: [value: string, workerId: number][] = [
    ["0", 0],
    ["1", 1],
    ["007", 7],
    ["12", 12],
  ];
  for (const [value, workerId] of accepted) {
    test(`${JSON.stringify(value)} is accepted`, () => {
      assert.equal(workerIdFromName("gpu3@host", { ORANGERY_WORKER_ID: value }), workerId);
    });
  }

  for (const value of [
    "",
    " ",
    " 1",
    "-1",
    "+1",
    "1.5",
    "1e3",
    "0x1",
    "two",
    "gpu0",
    "9".repeat(20),
  ]) {
    test(`${JSON.stringify(value)} is refused, and named`, () => {
      assert.throws(
        () => workerIdFromName("gpu3@host", { ORANGERY_WORKER_ID: value }),
        (error) =>
          isOrangeryError(error, "INVALID_ARGUMENT") &&
          error.message.includes(
            `ORANGERY_WORKER_ID to be a whole number from 0 up, got \`${value}\``,
          ),
      );
    });
  }

  test("it is the process's own environment that is read", () => {
    const before = process.env.ORANGERY_WORKER_ID;
    process.env.ORANGERY_WORKER_ID = "6";
    try {
      assert.equal(workerIdFromName("gpu3@host"), 6);
    } finally {
      if (before === undefined) delete process.env.ORANGERY_WORKER_ID;
      else process.env.ORANGERY_WORKER_ID = before;
    }
  });
});
