import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { ProgressDisplay } from "./progress-display.ts";
import { noteSlices } from "./slice-notes.ts";

function createDisplay() {
  const stream = new PassThrough();
  const progress = new ProgressDisplay({ stream: stream as unknown as NodeJS.WriteStream });
  return { progress, printed: () => String(stream.read() ?? "") };
}

test("a photo in very many slices is warned of once, before the first", () => {
  const { progress, printed } = createDisplay();
  const note = noteSlices(progress);
  note("/photos/a.jpg", { done: 0, total: 90_000 });
  assert.match(printed(), /^\/photos\/a\.jpg is cut into 90,000 slices, .* --slice 640\.\n$/);
  note("/photos/a.jpg", { done: 16, total: 90_000 });
  note("/photos/b.jpg", { done: 0, total: 90_000 });
  progress[Symbol.dispose]();
  assert.equal(printed(), "");
});

test("the slices of a photo are part of the progress until they are done", () => {
  const { progress, printed } = createDisplay();
  const note = noteSlices(progress);
  progress.setTotals({ total: 3, done: 1, failed: 0 });
  note("/photos/a.jpg", { done: 120, total: 400 });
  progress[Symbol.dispose]();
  assert.match(printed(), /^1\/3 photos.*120\/400 slices\n$/);

  const other = createDisplay();
  const noteOther = noteSlices(other.progress);
  other.progress.setTotals({ total: 3, done: 1, failed: 0 });
  noteOther("/photos/a.jpg", { done: 400, total: 400 });
  noteOther("/photos/a.jpg", { done: 3, total: 40 });
  other.progress[Symbol.dispose]();
  assert.doesNotMatch(other.printed(), /slices/);
});
