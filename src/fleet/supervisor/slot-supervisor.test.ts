import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { OneAtATime } from "../../base/one-at-a-time.ts";
import {
  config,
  logger,
  type PretendProcess,
  PretendProcesses,
  policyOf,
} from "./pretend-process.fixture.ts";
import type { SlotPolicy } from "./slot-policy.ts";
import type { SlotEvent, SlotState } from "./slot-status.ts";
import { SlotSupervisor } from "./slot-supervisor.ts";

/** A slot without processes. None is left when it is disposed. */
class Slot implements AsyncDisposable {
  readonly processes = new PretendProcesses();
  readonly events: SlotEvent[] = [];
  readonly states: SlotState[] = ["starting"];
  readonly gone: number[] = [];
  readonly supervisor: SlotSupervisor;
  readonly ended: Promise<void>;
  readonly #news = new EventEmitter();

  constructor(policy: Partial<SlotPolicy> = {}, turn = new OneAtATime()) {
    this.supervisor = new SlotSupervisor({
      config,
      policy: policyOf({ backoff: { firstMs: 1, longestMs: 1 }, ...policy }),
      startProcess: this.processes.start,
      turn,
      logger,
      metrics: {
        update: () => {},
        retire: async (child) => void this.gone.push((child as { pid: number }).pid),
      },
      onChange: ({ from, to }) => {
        assert.equal(from, this.states.at(-1));
        this.states.push(to);
        this.#news.emit("change");
      },
      onEvent: (event) => {
        this.events.push(event);
        this.#news.emit("event");
      },
    });
    this.ended = this.supervisor.run();
  }

  /** The next process, at work. */
  async work(kind: "cpu" | "gpu" = "gpu"): Promise<PretendProcess> {
    const process = await this.processes.next();
    process.becomeReady(kind);
    await process.until("take");
    process.takeJobs();
    await nextTurn();
    return process;
  }

  async until<T extends SlotEvent["type"]>(type: T, count = 1) {
    for (;;) {
      const found = this.events.filter((event) => event.type === type);
      if (found.length >= count) return found as Extract<SlotEvent, { type: T }>[];
      await once(this.#news, "event");
    }
  }

  async untilState(state: SlotState): Promise<void> {
    while (this.states.at(-1) !== state) await once(this.#news, "change");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.supervisor.stop(0);
    for (const process of this.processes.all) process.exit();
    await this.ended;
  }
}

describe("a slot", () => {
  test("has a process that takes jobs when it is ready, and ends with it", async () => {
    await using slot = new Slot();
    assert.deepEqual(
      [slot.supervisor.status.state, slot.supervisor.status.healthy],
      ["starting", false],
    );
    const process = await slot.work();
    const { name, state, healthy, device, pid } = slot.supervisor.status;
    assert.deepEqual(
      [name, state, healthy, device, pid],
      ["cpu0@host", "working", true, "cuda:0", 1],
    );
    slot.supervisor.stop(5000);
    assert.deepEqual(process.orders, ["begin", "take", "drain 5000"]);
    assert.equal(slot.supervisor.status.healthy, false);
    process.exit();
    await slot.ended;
    assert.deepEqual(slot.states, ["starting", "working", "stopping", "stopped"]);
    assert.deepEqual(slot.gone, [1]);
  });

  test("tries again when a process fails, and says why it is not healthy", async () => {
    await using slot = new Slot();
    (await slot.processes.next()).fail("MODEL_NOT_FOUND");
    const [failed] = await slot.until("failed");
    assert.match(failed!.reason, /MODEL_NOT_FOUND/);
    assert.match(slot.supervisor.status.reason!, /MODEL_NOT_FOUND/);
    await slot.work();
    assert.deepEqual(slot.states, ["starting", "waiting", "starting", "working"]);
    assert.deepEqual(
      [slot.supervisor.status.failures, slot.supervisor.status.reason],
      [1, undefined],
    );
  });

  test("gives up after too many failures in a row, and stays given up", async () => {
    await using slot = new Slot({ backoff: { firstMs: 1, mostFailures: 2 } });
    (await slot.processes.next()).fail("A");
    (await slot.processes.next()).fail("B");
    await slot.ended;
    slot.supervisor.stop(0);
    assert.equal(slot.supervisor.status.state, "given up");
    assert.deepEqual(
      slot.events.map(({ type }) => type),
      ["failed", "given up"],
    );
  });

  test("gives up at once when no start can succeed", async () => {
    for (const ruledOut of ["slot", "fleet"] as const) {
      await using slot = new Slot();
      (await slot.processes.next()).fail("MODEL_NOT_YOLO", ruledOut);
      await slot.ended;
      const [givenUp] = slot.events;
      assert.partialDeepStrictEqual(givenUp, {
        type: "given up",
        failure: { code: "MODEL_NOT_YOLO", ruledOut },
      });
      assert.equal(slot.processes.all.length, 1);
    }
  });

  test("tries again what has succeeded before, whatever the failure says", async () => {
    await using slot = new Slot();
    (await slot.work()).exit({ status: null, signal: "SIGKILL" });
    (await slot.processes.next()).fail("MODEL_NOT_FOUND", "fleet");
    await slot.until("failed");
    await slot.work();
  });

  test("gives up when the program is too old, whatever has succeeded before", async () => {
    for (const isAtWork of [true, false]) {
      await using slot = new Slot();
      const first = await slot.work();
      if (!isAtWork) first.exit({ status: null, signal: "SIGKILL" });
      const failing = isAtWork ? first : await slot.processes.next();
      failing.fail("LEDGER_NEWER", "program");
      const [givenUp] = await slot.until("given up");
      assert.match(givenUp!.reason, /LEDGER_NEWER it is/);
      assert.equal(givenUp!.failure!.code, "LEDGER_NEWER");
      await slot.ended;
      assert.equal(slot.processes.all.length, isAtWork ? 1 : 2);
    }
  });

  test("kills a process that does not become ready in time", async () => {
    await using slot = new Slot({ startTimeoutMs: 5 });
    const process = await slot.processes.next();
    await process.until("kill");
    assert.match((await slot.until("failed"))[0]!.reason, /it ended with SIGKILL/);
  });

  test("starts a process that died again; one that had worked is no failed start", async () => {
    await using slot = new Slot({ backoff: { firstMs: 1, mostFailures: 2 } });
    for (let pid = 1; pid <= 3; pid++) {
      const process = await slot.work();
      process.report({ tasks: 1 });
      process.exit({ status: null, signal: "SIGSEGV" });
    }
    const died = await slot.until("died", 3);
    assert.deepEqual(died[2], { type: "died", pid: 3, reason: "it ended with SIGSEGV" });
    await slot.work();
    assert.equal(slot.supervisor.status.failures, 3);
  });

  test("gives up when processes die before they do any work", async () => {
    await using slot = new Slot({ backoff: { firstMs: 1, mostFailures: 2 } });
    for (let pid = 1; pid <= 2; pid++) (await slot.work()).exit({ status: 1, signal: null });
    await slot.ended;
    assert.equal(slot.supervisor.status.state, "given up");
  });

  test("stopped while a process starts, lets it take no jobs", async () => {
    await using slot = new Slot();
    const process = await slot.processes.next();
    slot.supervisor.stop(0);
    process.becomeReady();
    process.exit();
    await slot.ended;
    assert.deepEqual(process.orders, ["begin", "drain 0"]);
    assert.deepEqual(slot.events, []);
  });

  test("stopped while it waits, ends at once", async () => {
    await using slot = new Slot({ backoff: { firstMs: 3_600_000, longestMs: 3_600_000 } });
    (await slot.processes.next()).fail("A");
    await slot.untilState("waiting");
    slot.supervisor.stop(0);
    await slot.ended;
    assert.equal(slot.supervisor.status.state, "stopped");
  });
});

describe("a slot that a person has drained", () => {
  test("stays drained when its process is replaced or dies, until a person lets it go on", async () => {
    await using slot = new Slot();
    const first = await slot.work();
    first.beDirected(false);
    slot.supervisor.recycle();
    const second = await slot.work();
    assert.deepEqual(second.orders, ["begin", "direct false", "take"]);
    first.exit();
    second.exit({ status: null, signal: "SIGKILL" });
    const third = await slot.work();
    assert.deepEqual(third.orders, ["begin", "direct false", "take"]);
    third.beDirected(true);
    slot.supervisor.recycle();
    const fourth = await slot.work();
    assert.deepEqual(fourth.orders, ["begin", "take"]);
  });

  test("is drained with all its processes, also the one that is to take over", async () => {
    await using slot = new Slot();
    const first = await slot.work();
    slot.supervisor.recycle();
    const second = await slot.processes.next();
    first.beDirected(false);
    second.becomeReady();
    await second.until("take");
    assert.deepEqual(second.orders, ["begin", "direct false", "direct false", "take"]);
    first.beDirected(true);
    assert.equal(second.orders.at(-1), "direct true");
  });
});

describe("recycling a slot", () => {
  test("is healthy throughout: the successor takes jobs before the old process ends", async () => {
    await using slot = new Slot();
    const first = await slot.work();
    slot.supervisor.recycle();
    await slot.untilState("replacing");
    assert.deepEqual([slot.supervisor.status.healthy, slot.supervisor.status.pid], [true, 1]);
    await slot.work();
    const [recycled] = await slot.until("recycled");
    assert.deepEqual(recycled, { type: "recycled", reason: "asked for", pid: 2, gapMs: 0 });
    assert.deepEqual([slot.supervisor.status.healthy, slot.supervisor.status.pid], [true, 2]);
    assert.deepEqual(first.orders, ["begin", "take", "drain 600000"]);
    first.exit();
    assert.equal(slot.supervisor.status.recycled, 1);
  });

  test("keeps the old process when a successor fails, and tries again later", async () => {
    await using slot = new Slot({ recycle: { tasks: 3 } });
    const first = await slot.work();
    first.report({ tasks: 3 });
    (await slot.processes.next()).fail("MODEL_NOT_FOUND");
    const [failed] = await slot.until("failed");
    assert.ok(failed!.retryInMs >= 1000);
    await slot.untilState("working");
    first.report({ tasks: 4 });
    await nextTurn();
    assert.deepEqual([slot.processes.all.length, first.orders], [2, ["begin", "take"]]);
    assert.equal(slot.supervisor.status.healthy, true);
  });

  test("is not healthy where memory does not hold two, until the successor is ready", async () => {
    await using slot = new Slot({ keepFreeBytes: Number.MAX_SAFE_INTEGER });
    const first = await slot.work();
    slot.supervisor.recycle();
    await first.until("drain 600000");
    assert.equal(slot.supervisor.status.healthy, false);
    first.exit();
    await slot.work();
    const [recycled] = await slot.until("recycled");
    assert.ok(recycled!.gapMs > 0);
    assert.equal(slot.supervisor.status.failures, 0);
  });

  test("is one slot's turn after another's", async () => {
    const turn = new OneAtATime();
    await using a = new Slot({}, turn);
    await using b = new Slot({}, turn);
    const firstOfA = await a.work();
    await b.work();
    a.supervisor.recycle();
    b.supervisor.recycle();
    await a.work();
    await a.until("recycled");
    await b.untilState("replacing");
    await nextTurn();
    assert.equal(b.processes.all.length, 1, "the old process of the other has not left the memory");
    firstOfA.exit();
    await b.work();
    await b.until("recycled");
  });

  test("does nothing while no process works", async () => {
    await using slot = new Slot();
    slot.supervisor.recycle();
    await slot.work();
    assert.equal(slot.processes.all.length, 1);
  });

  test("stopped meanwhile, it stops: the successor takes no jobs", async () => {
    await using slot = new Slot({ recycle: { tasks: 3 } });
    const first = await slot.work();
    first.report({ tasks: 3 });
    const successor = await slot.processes.next();
    slot.supervisor.stop(0);
    successor.becomeReady();
    for (const process of slot.processes.all) process.exit();
    await slot.ended;
    assert.deepEqual(successor.orders, ["begin", "drain 0"]);
    assert.deepEqual(slot.states.slice(-2), ["stopping", "stopped"]);
  });
});
