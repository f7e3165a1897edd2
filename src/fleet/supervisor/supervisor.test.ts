import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { config, type PretendProcess, PretendProcesses } from "./pretend-process.fixture.ts";
import { Supervisor, type SupervisorEvent } from "./supervisor.ts";

/** A supervisor of two devices, and what it logs. */
function start() {
  const processes = new PretendProcesses();
  const lines: string[] = [];
  const events: SupervisorEvent[] = [];
  const write = (_: object, message: string) => void lines.push(message);
  const { slot, ...rest } = config;
  const supervisor = new Supervisor({
    slots: ["gpu0@host", "gpu1@host"].map((name) => ({ ...slot, name })),
    startProcess: processes.start,
    config: rest,
    backoff: { firstMs: 1, longestMs: 1, mostFailures: 3 },
    logger: {
      debug() {},
      info: write,
      warn: write,
      error: write,
      child() {
        return this;
      },
    },
    onEvent: (event) => void events.push(event),
  });
  const ended = supervisor.run();
  const work = async (process: PretendProcess) => {
    process.becomeReady("gpu");
    await process.until("take");
  };
  return { supervisor, processes, lines, events, ended, work };
}

describe("a supervisor", () => {
  test("ends at once with the reason when no process can be started on any device", async () => {
    const { processes, ended, lines } = start();
    const [first, second] = [await processes.next(), await processes.next()];
    first.fail("MODEL_NOT_YOLO", "fleet");
    await second.until("drain 0");
    second.exit();
    await assert.rejects(ended, { code: "MODEL_NOT_YOLO", message: "MODEL_NOT_YOLO it is" });
    assert.deepEqual([processes.all.length, lines], [2, []], "one report, by the error");
  });

  test("ends when the program is too old for one process, though all have worked", async () => {
    const { processes, ended, lines, work } = start();
    const [first, second] = [await processes.next(), await processes.next()];
    await work(first);
    await work(second);
    first.fail("LEDGER_NEWER", "program");
    await second.until("drain 0");
    second.exit();
    await assert.rejects(ended, { code: "LEDGER_NEWER", message: "LEDGER_NEWER it is" });
    assert.equal(lines.at(-1), "no process can work here any more; jobs wait");
    assert.equal(processes.all.length, 2);
  });

  test("goes on with the other devices when one cannot be used", async () => {
    const { supervisor, processes, ended, lines, work } = start();
    const [first, second] = [await processes.next(), await processes.next()];
    first.fail("DEVICE_UNAVAILABLE", "slot");
    await work(second);
    assert.deepEqual(
      supervisor.status.map(({ state }) => state),
      ["given up", "working"],
    );
    assert.equal(lines.length, 2);
    supervisor.stop({ deadlineMs: 0 });
    second.exit();
    await ended;
  });

  test("goes on with devices that work when a start on another rules out all", async () => {
    const { supervisor, processes, ended, work } = start();
    const [first, second] = [await processes.next(), await processes.next()];
    await work(first);
    second.fail("MODEL_NOT_FOUND", "fleet");
    while (supervisor.status[1]!.state !== "given up") await new Promise(setImmediate);
    assert.equal(supervisor.status[0]!.healthy, true);
    supervisor.stop({ deadlineMs: 0 });
    first.exit();
    await ended;
  });
});
