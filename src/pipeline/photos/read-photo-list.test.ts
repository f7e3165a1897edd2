import assert from "node:assert/strict";
import { test } from "node:test";
import { readPhotoList } from "./read-photo-list.ts";

async function read(...chunks: string[]): Promise<string[]> {
  const names: string[] = [];
  const bytes = chunks.map((chunk) => Buffer.from(chunk, "latin1"));
  for await (const name of readPhotoList(ReadableStream.from(bytes))) names.push(name);
  return names;
}

const cases: [what: string, chunks: string[], names: string[]][] = [
  ["nothing", [], []],
  ["lines", ["a.jpg\nb c.jpg\n"], ["a.jpg", "b c.jpg"]],
  ["a last line without an end", ["a.jpg\nb.jpg"], ["a.jpg", "b.jpg"]],
  ["one line without an end", ["a.jpg"], ["a.jpg"]],
  ["lines of Windows, and empty ones", ["a.jpg\r\n\r\nb.jpg\r\n\n"], ["a.jpg", "b.jpg"]],
  ["one line of Windows", ["a.jpg\r"], ["a.jpg"]],
  ["a byte order mark", ["\xef\xbb\xbfa.jpg\nb.jpg\n"], ["a.jpg", "b.jpg"]],
  ["NUL between names that hold line ends", ["a\nb.jpg\0c.jpg\0"], ["a\nb.jpg", "c.jpg"]],
  ["pieces that end anywhere", ["a.j", "pg\nb\xc3", "\xa9.jpg\n", "c"], ["a.jpg", "bé.jpg", "c"]],
  ["names that look like comments or end with spaces", ["#a.jpg\nb.jpg \n"], ["#a.jpg", "b.jpg "]],
];
for (const [what, chunks, names] of cases) {
  test(`a list of ${what} is read`, async () => assert.deepEqual(await read(...chunks), names));
}
