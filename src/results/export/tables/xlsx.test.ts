import assert from "node:assert/strict";
import { test } from "node:test";
import { readXlsx } from "hucre/xlsx";
import type { ColumnType, Row } from "./table-row.ts";
import { writeXlsx } from "./xlsx.ts";

const columns: { readonly [name: string]: ColumnType } = {
  photo: "text",
  count: "integer",
  counted_at: "time",
};

async function write(rows: readonly Row[]) {
  const pieces: Uint8Array[] = [];
  const sink = {
    write: async (piece: string | Uint8Array) => {
      pieces.push(typeof piece === "string" ? Buffer.from(piece) : piece.slice());
    },
  };
  const all = async function* () {
    yield* rows;
  };
  await writeXlsx(sink, { name: "counts", columns }, all());
  return await readXlsx(Buffer.concat(pieces));
}

test("texts are texts, also those that look like formulas, and what is missing is empty", async () => {
  const photos = ["=1+1.jpg", "+a", "-a", "@SUM(A1)", '=HYPERLINK("x")', "0012", "a\n<b>&", "ä 漢"];
  const { sheets } = await write([
    ...photos.map((photo, count) => ({ photo, count, counted_at: undefined })),
    { photo: undefined, count: undefined, counted_at: "2026-05-12T06:30:00.000Z" },
  ]);
  const [sheet] = sheets;
  assert.equal(sheet!.name, "counts");
  assert.deepEqual(sheet!.rows[0], ["photo", "count", "counted_at"]);
  for (const [i, photo] of photos.entries()) {
    assert.deepEqual(sheet!.rows[1 + i]!.slice(0, 2), [photo, i]);
  }
  for (const cell of sheet!.cells?.values() ?? []) assert.equal(cell.formula, undefined);
  const last = sheet!.rows.at(-1)!;
  assert.deepEqual([last[0] ?? null, last[1] ?? null], [null, null]);
  assert.equal((last[2] as Date).toISOString(), "2026-05-12T06:30:00.000Z");
});
