import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { OrangeryError } from "../errors.ts";
import {
  green,
  observationOf,
  red,
  splitAdvice,
  toFinding,
  worstVerdict,
  yellow,
} from "./finding.ts";
import { type Probe, runProbe } from "./probe.ts";

describe("findings", () => {
  test("are as bad as the worst of them", () => {
    assert.equal(worstVerdict([]), "green");
    assert.equal(worstVerdict([green("a"), yellow("b", "c"), green("d")]), "yellow");
    assert.equal(worstVerdict([red("a", "b"), yellow("c", "d")]), "red");
  });

  test("say what is wrong in one sentence, and what to do in another", () => {
    const rows: [message: string, sentence: string, advice: string][] = [
      [
        "Expected an answer, got connect ECONNREFUSED 10.0.0.1:6379. Check its URL. It must run.",
        "Expected an answer, got connect ECONNREFUSED 10.0.0.1:6379.",
        "Check its URL. It must run.",
      ],
      [
        "Cannot read checkpoint `a.pt`. The archive is cut off. Copy it again.",
        "Cannot read checkpoint `a.pt`. The archive is cut off.",
        "Copy it again.",
      ],
      ["spawn\n  EAGAIN", "spawn EAGAIN.", ""],
    ];
    for (const [message, sentence, advice] of rows) {
      assert.deepEqual(splitAdvice(message), [sentence, advice]);
    }
    const found = observationOf(new OrangeryError("NO_SPACE", "Nothing fits"), "Make room.");
    assert.deepEqual(found, red("Nothing fits.", "Make room.", { code: "NO_SPACE" }));
    const missing = new Error("Cannot find package 'bullmq' imported from file:///x.js");
    const lacking = red("The package bullmq is not installed.", "Run `npm install bullmq`.");
    assert.deepEqual(observationOf(missing, "Look."), lacking);
  });

  test("hide passwords, wherever they are", () => {
    const url = "redis://user:geheim@db1:6379";
    const found = toFinding(
      { section: "servers", topic: "redis" },
      red(`No answer of ${url}.`, `Look at ${url}.`, { url, count: 1 }),
    );
    assert.doesNotMatch(JSON.stringify(found), /geheim/);
    assert.equal(found.figures?.url, "redis://user:…@db1:6379");
  });
});

describe("a probe", () => {
  const probe = (look: Probe["look"], timeoutMs = 60_000): Probe => ({
    section: "machine",
    topic: "thing",
    timeoutMs,
    todo: "Repair it.",
    look,
  });

  test("that never answers is a finding, and is asked to stop", async () => {
    let stopped = false;
    const never = (signal: AbortSignal) => {
      signal.addEventListener("abort", () => {
        stopped = true;
      });
      return new Promise<never>(() => {});
    };
    const { findings, isLate } = await runProbe(probe(never, 20));
    assert.deepEqual([findings[0]?.verdict, isLate, stopped], ["red", true, true]);
    assert.match(findings[0]!.sentence, /within 0\.02 s/);
  });

  test("that fails is a finding, and one that answers leaves no timer", async () => {
    const { findings } = await runProbe(probe(() => Promise.reject(new Error("no such thing"))));
    const [{ verdict, sentence, todo, topic }] = findings as [(typeof findings)[number]];
    assert.deepEqual(
      [verdict, sentence, todo, topic],
      ["red", "no such thing.", "Repair it.", "thing"],
    );
    await runProbe(probe(async () => green("Fine.")));
    assert.ok(!process.getActiveResourcesInfo().includes("Timeout"));
  });

  test("ends with the reason of its signal", async () => {
    const stop = new AbortController();
    const running = runProbe(
      probe((signal) => delay(60_000, green("late"), { signal })),
      stop.signal,
    );
    stop.abort(new Error("stopped by hand"));
    await assert.rejects(running, /stopped by hand/);
  });
});
