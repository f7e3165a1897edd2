import assert from "node:assert/strict";
import { test } from "node:test";
import { FailureGroups } from "./failure-groups.ts";

function groupsOf(
  failures: readonly (readonly [source: string, code: string, message: string])[],
  limits = { reasonsPerCode: 2, sourcesPerReason: 2 },
) {
  const groups = new FailureGroups(limits);
  for (const [source, code, message] of failures) {
    groups.add({ source, recipeHash: "", reason: { code, message }, capture: {} });
  }
  return groups.list;
}

test("nothing is no group", () => {
  assert.deepEqual(groupsOf([]), []);
});

test("messages that differ only in numbers and names are one reason, in one line", () => {
  const list = groupsOf([
    ["/a.jpg", "GONE", "no photo at /a.jpg, got ENOENT."],
    ["/1.jpg", "ODD", "cannot decode (1035 bytes, limit 9): early end\nVips: more\n."],
    ["/2.jpg", "ODD", "cannot decode (77 bytes, limit 9): early end"],
    ["/3.jpg", "ODD", "cannot decode (1035 bytes, limit 9): early end"],
    ["/4.jpg", "ODD", "cannot decode (5 bytes, limit 9): bad header"],
  ]);
  assert.deepEqual(list, [
    {
      code: "ODD",
      count: 4,
      reasons: [
        {
          message: "cannot decode (… bytes, limit 9): early end",
          count: 3,
          sources: ["/1.jpg", "/2.jpg"],
        },
        {
          message: "cannot decode (5 bytes, limit 9): bad header",
          count: 1,
          sources: ["/4.jpg"],
        },
      ],
    },
    {
      code: "GONE",
      count: 1,
      reasons: [{ message: "no photo at …, got ENOENT.", count: 1, sources: ["/a.jpg"] }],
    },
  ]);
});

test("many different messages are counted, and the first are kept", () => {
  const letters = ["a", "b", "c", "b"];
  const [group] = groupsOf(letters.map((letter, i) => [`/${i}`, "ODD", letter] as const));
  assert.equal(group!.count, 4);
  assert.deepEqual(
    group!.reasons.map(({ message, count }) => [message, count]),
    [
      ["b", 2],
      ["a", 1],
    ],
  );
  const [long] = groupsOf([["/1", "ODD", "x".repeat(5000)]]);
  assert.ok(long!.reasons[0]!.message.length < 400);
});
