import assert from "node:assert/strict";
import { test } from "node:test";
import { trimProcessHeap } from "./process-heap.ts";
import { createTensor } from "./session/native-tensor.ts";

test("what was freed goes back to the system, where the C library is glibc", async (t) => {
  // Too small to be mapped one by one, and freed with one left in front of the heap's end, so that
  // the allocator keeps all of it.
  const tensors = Array.from({ length: 2000 }, () => createTensor("uint8", [64 * 1024]));
  for (const tensor of tensors) tensor.data.fill(1);
  const last = tensors.pop()!;
  for (const tensor of tensors) tensor[Symbol.dispose]();
  const before = process.memoryUsage.rss();
  await Promise.all([trimProcessHeap(), trimProcessHeap()]);
  const freedMb = (before - process.memoryUsage.rss()) / 1e6;
  last[Symbol.dispose]();
  t.diagnostic(`${freedMb.toFixed(0)} of 131 MB went back`);
  const report = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string };
  };
  if (report.header.glibcVersionRuntime !== undefined) assert.ok(freedMb > 60);
});
