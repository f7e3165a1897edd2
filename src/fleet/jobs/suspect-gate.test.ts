import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SuspectGate } from "./suspect-gate.ts";

class Visitors {
  readonly gate = new SuspectGate();
  readonly inside: string[] = [];
  readonly #places = new Map<string, Disposable>();

  async come(name: string, { alone = false, signal = new AbortController().signal } = {}) {
    const place = await this.gate.enter({ alone, signal });
    this.inside.push(name);
    this.#places.set(name, place);
  }

  async go(name: string): Promise<void> {
    this.inside.splice(this.inside.indexOf(name), 1);
    this.#places.get(name)![Symbol.dispose]();
    await nextTurn();
  }
}

describe("the gate for jobs", () => {
  test("lets any number in together", async () => {
    const visitors = new Visitors();
    await Promise.all([visitors.come("a"), visitors.come("b"), visitors.come("c")]);
    assert.deepEqual(visitors.inside, ["a", "b", "c"]);
  });

  test("lets a suspect in when all have left, and others when it has left", async () => {
    const visitors = new Visitors();
    await visitors.come("a");
    const coming = [visitors.come("suspect", { alone: true }), visitors.come("b")];
    await nextTurn();
    assert.deepEqual(visitors.inside, ["a"]);
    await visitors.go("a");
    assert.deepEqual(visitors.inside, ["suspect"]);
    await visitors.go("suspect");
    assert.deepEqual(visitors.inside, ["b"]);
    await Promise.all(coming);
  });

  test("lets suspects in one after another", async () => {
    const visitors = new Visitors();
    const coming = ["s", "t"].map((name) => visitors.come(name, { alone: true }));
    await nextTurn();
    assert.deepEqual(visitors.inside, ["s"]);
    await visitors.go("s");
    assert.deepEqual(visitors.inside, ["t"]);
    await Promise.all(coming);
  });

  test("who gives up waiting holds up nobody", async () => {
    const visitors = new Visitors();
    await visitors.come("a");
    const controller = new AbortController();
    const suspect = visitors.come("suspect", { alone: true, signal: controller.signal });
    const b = visitors.come("b");
    await nextTurn();
    assert.deepEqual(visitors.inside, ["a"]);
    const reason = new Error("left");
    controller.abort(reason);
    await assert.rejects(suspect, (error) => error === reason);
    await b;
    assert.deepEqual(visitors.inside, ["a", "b"]);
  });

  test("who comes aborted does not get in, and leaves no place behind", async () => {
    const visitors = new Visitors();
    const signal = AbortSignal.abort(new Error("left"));
    await assert.rejects(visitors.come("a", { signal }), /left/);
    await visitors.come("suspect", { alone: true });
    assert.deepEqual(visitors.inside, ["suspect"]);
  });
});
