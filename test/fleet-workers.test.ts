/** A person directs the workers of a queue: drained, they take nothing; they go on; they are seen. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../src/errors.ts";
import { askWorkers } from "../src/fleet/management/ask-workers.ts";
import { askWorker, PublishedStatus, readWorkers } from "../src/fleet/store/worker-status.ts";
import { createWorker } from "../src/fleet/worker/create-worker.ts";
import { GivenTask, TestQueue } from "./fleet.fixture.ts";
import { untilDone } from "./fleet-photos.fixture.ts";
import { queueServersForTests } from "./queue-servers.fixture.ts";

for (const server of queueServersForTests()) {
  describe(`on ${server.name}`, { timeout: 60_000 }, () => {
    test("a drained worker takes no job until it may again", async () => {
      await using queue = new TestQueue(server.url);
      const done: string[] = [];
      const task = new GivenTask(({ name }: { name: string }) => done.push(name));
      const { name, connection } = queue;
      await using worker = createWorker(task, { connection, queue: name, name: "w@host" });
      await worker.ready;
      await queue.queue.add("job", { name: "first" });
      await untilDone(queue.queue);

      const until = async (isDrained: boolean) => {
        for (;;) {
          const [status] = await readWorkers(queue.queue);
          if (status?.isDrained === isDrained) return status;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      await assert.rejects(askWorkers(queue.queue, ["w@host", "nobody"], "drain"), (error) => {
        assert.match((error as Error).message, /got "nobody"\. It has w@host\./);
        return isOrangeryError(error, "INVALID_ARGUMENT");
      });
      await assert.rejects(askWorkers(queue.queue, ["w@host"], "recycle"), /program of its own/);
      assert.equal((await until(false)).earlierProcesses, undefined);
      const asked = await askWorkers(queue.queue, ["w@host"], "drain");
      assert.deepEqual([asked.length, asked[0]?.pid], [1, process.pid]);
      await until(true);
      await queue.queue.add("job", { name: "second" });
      // Another one serves the queue, and the drained one does not take part.
      const others: string[] = [];
      const other = new GivenTask(({ name }: { name: string }) => others.push(name));
      {
        await using _ = createWorker(other, { connection, queue: name, name: "x@host" });
        await untilDone(queue.queue);
      }
      assert.deepEqual([done, others], [["first"], ["second"]]);
      await askWorkers(queue.queue, ["w@host"], "resume");
      await until(false);
      await queue.queue.add("job", { name: "third" });
      await untilDone(queue.queue);
      assert.deepEqual(done, ["first", "third"]);
    });

    test("a request that replaces another while that one is taken is not lost", async () => {
      await using queue = new TestQueue(server.url);
      const worker = { name: "w@host", pid: process.pid };
      const status = new PublishedStatus(queue.queue, worker.name);
      for (let i = 0; i < 20; i++) {
        await askWorker(queue.queue, worker, "drain");
        const taking = status.takeRequests();
        await askWorker(queue.queue, worker, "resume");
        const taken = [...(await taking), ...(await status.takeRequests())];
        assert.equal(taken.at(-1), "resume");
        assert.deepEqual(await status.takeRequests(), []);
      }
    });
  });
}
