import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  checkOptions,
  numberFrom,
  oneOf,
  refuseUnknown,
  requireOptions,
  trueOrFalse,
  wholeNumberFrom,
} from "./check-options.ts";

describe("checkOptions", () => {
  const cases = [
    {
      what: numberFrom(0),
      good: [0, 0.5, Number.POSITIVE_INFINITY],
      bad: [-1, Number.NaN, "1", null],
    },
    { what: wholeNumberFrom(1), good: [1, 7], bad: [0, 1.5, Number.POSITIVE_INFINITY, "1"] },
    { what: oneOf("nms", "nmm"), good: ["nms"], bad: ["NMS", "", null] },
    { what: trueOrFalse, good: [true, false], bad: [0, "true"] },
  ];
  for (const { what, good, bad } of cases) {
    test(`takes ${what.expected}, or nothing`, () => {
      for (const value of [undefined, ...good]) checkOptions({ value }, what);
      for (const value of bad) {
        assert.throws(() => checkOptions({ fine: good[0], value }, what), {
          code: "INVALID_ARGUMENT",
          message: `Expected \`value\` to be ${what.expected}, got \`${value}\` (${typeof value}).`,
          details: { option: "value", expected: what.expected, value },
        });
      }
    });
  }

  test("passes undefined, which requireOptions refuses with what came", () => {
    checkOptions({ value: undefined }, trueOrFalse);
    requireOptions({ value: true }, trueOrFalse);
    for (const value of [undefined, null]) {
      assert.throws(() => requireOptions({ value }, trueOrFalse), {
        message: `Expected \`value\` to be true or false, got \`${value}\` (${typeof value}).`,
      });
    }
  });

  test("lists the values that an option may have", () => {
    assert.equal(oneOf("a").expected, "a");
    assert.equal(oneOf("a", "b", "c").expected, "a, b or c");
  });
});

test("refuseUnknown takes options by name, and no name that is left over", () => {
  const refuse = (options: unknown, rest = {}) => refuseUnknown("Options", options as object, rest);
  refuse({});
  refuse(Object.create(null), { notGiven: undefined });
  for (const value of [0.5, "0.5", true, [0.5], new Map()]) {
    assert.throws(() => refuse(value), /Expected `Options` to be an object of options, got/);
  }
  assert.throws(() => refuse({}, { confidance: 0.5 }), {
    code: "INVALID_ARGUMENT",
    message:
      "Expected the options of `Options`, got `confidance`, which is none of them. " +
      "Correct its spelling, or leave it out.",
    details: { option: "confidance", expected: "Options" },
  });
});
