import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { currentProcess, isCertainlyGone } from "./process-identity.ts";

test("this process is not gone", () => {
  assert.equal(isCertainlyGone(currentProcess()), false);
});

test("a process that has ended is gone", () => {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  assert.equal(isCertainlyGone({ ...currentProcess(), pid }), true);
});

test("a process of the same number that started at another time is another one", {
  skip: process.platform !== "linux" && "start times are known on Linux only",
}, () => {
  assert.equal(isCertainlyGone({ ...currentProcess(), processStart: "1" }), true);
});

test("a process that ended but was not reaped by its parent is gone", {
  skip: process.platform !== "linux" && "needs /proc",
}, async () => {
  // The shell starts a child and becomes a program that never reaps it.
  const shell = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 30"]);
  try {
    const [output] = await once(shell.stdout, "data");
    const pid = Number(String(output));
    const child = { ...currentProcess(), pid };
    while (!isCertainlyGone({ ...child, processStart: startOf(pid) })) await null;
  } finally {
    shell.kill("SIGKILL");
  }
});

test("nothing is certain about a process of another host", () => {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  assert.equal(isCertainlyGone({ host: "elsewhere", pid, processStart: "1" }), false);
});

function startOf(pid: number): string {
  const { stdout } = spawnSync("cat", [`/proc/${pid}/stat`], { encoding: "latin1" });
  return stdout.slice(stdout.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
