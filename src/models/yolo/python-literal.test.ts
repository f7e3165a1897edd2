import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type PythonLiteral, parsePythonLiteral } from "./python-literal.ts";

describe("a Python literal", () => {
  const values: [text: string, value: PythonLiteral][] = [
    ["''", ""],
    ["{}", new Map()],
    ["[]", []],
    ["()", []],
    ["True", true],
    ["False", false],
    ["None", null],
    ["0", 0],
    ["-32", -32],
    ["+1.5e-3", 0.0015],
    [".5", 0.5],
    ["2.", 2],
    [" [640, 480] ", [640, 480]],
    ["(1,)", [1]],
    ["[8, 16, 32,]", [8, 16, 32]],
    [
      "{0: 'person', 1: 'bicycle'}",
      new Map([
        [0, "person"],
        [1, "bicycle"],
      ] as const),
    ],
    [`{0: "o'clock"}`, new Map([[0, "o'clock"]])],
    ["'it\\'s \\\"it\\\"'", `it's "it"`],
    ["'a\\tb\\nc\\rd\\\\e'", "a\tb\nc\rd\\e"],
    ["'\\x41\\xe9\\u20ac\\U0001f331'", "Aé€🌱"],
    ["'\\q'", "\\q"],
    ["'Grünkohl 🥬'", "Grünkohl 🥬"],
    [
      "{'batch': 1, 'nms': False, 'data': None, 'shape': [17, (3, 4)]}",
      new Map<string, PythonLiteral>([
        ["batch", 1],
        ["nms", false],
        ["data", null],
        ["shape", [17, [3, 4]]],
      ]),
    ],
    ["{'__proto__': 1}", new Map([["__proto__", 1]])],
  ];
  for (const [text, value] of values) {
    test(`${text} is read`, () => assert.deepEqual(parsePythonLiteral(text), value));
  }

  const refused: [what: string, text: string][] = [
    ["nothing", ""],
    ["blanks", "  "],
    ["a name", "person"],
    ["a call", "__import__('os').system('true')"],
    ["a sum", "1 + 1"],
    ["infinity", "inf"],
    ["a hexadecimal number", "0x10"],
    ["two values", "1 2"],
    ["a string without an end", "'abc"],
    ["a string that ends in a backslash", "'abc\\"],
    ["an escape that is cut short", "'\\x4'"],
    ["an escape that is not hexadecimal", "'\\u12g4'"],
    ["a code point that there is not", "'\\U00110000'"],
    ["a list without an end", "[1, 2"],
    ["a list of nothing and nothing", "[,]"],
    ["brackets that do not match", "[1)"],
    ["a dict without a value", "{1: }"],
    ["a set", "{1, 2}"],
    ["bytes", "b'abc'"],
    ["nesting to exhaust the stack", "[".repeat(100_000)],
  ];
  for (const [what, text] of refused) {
    test(`is not ${what}`, () => assert.equal(parsePythonLiteral(text), undefined));
  }

  test("may be nested as deep as 32", () => {
    assert.notEqual(parsePythonLiteral("[".repeat(32) + "]".repeat(32)), undefined);
    assert.equal(parsePythonLiteral("[".repeat(34) + "]".repeat(34)), undefined);
  });
});
