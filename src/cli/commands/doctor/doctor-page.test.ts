import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { green, red, toFinding, yellow } from "../../../doctor/finding.ts";
import { formatExamination } from "./doctor-page.ts";

const findings = [
  toFinding({ section: "machine", topic: "node" }, green("Node 24.")),
  toFinding(
    { section: "folders", topic: "temporary" },
    yellow(
      "Of /tmp little is free, so little that this sentence goes on for longer than a line of a " +
        "terminal has room for.",
      "Make room.",
    ),
  ),
  toFinding({ section: "model", topic: "model" }, red("a\u001b[2Jb.pt is damaged.", "Copy it.")),
];
const examination = { version: "1.2.3", verdict: "red", findings } as const;

/** A stream as it is where nobody looks, or a terminal. */
function streamOf(options: { readonly isTTY?: boolean; readonly columns?: number }) {
  return Object.assign(new PassThrough(), options) as unknown as NodeJS.WriteStream;
}

test("the page has a line for each finding, broken under itself, and what to do", () => {
  const page = formatExamination(examination, { stream: streamOf({}) });
  assert.equal(
    page,
    `Orangery 1.2.3

Machine
  ✓ node       Node 24.

Folders
  ! temporary  Of /tmp little is free, so little that this sentence goes on for longer than a line
               of a terminal has room for.
               → Make room.

Model
  ✗ model      a�[2Jb.pt is damaged.
               → Copy it.

1 thing will not work, and 1 thing could be better.
`,
  );
});

test("a narrow terminal breaks lines earlier", () => {
  const page = formatExamination(examination, { stream: streamOf({ columns: 60 }) });
  const widths = page.split("\n").map((line) => stripVTControlCharacters(line).length);
  assert.ok(Math.max(...widths) <= 60, page);
});
