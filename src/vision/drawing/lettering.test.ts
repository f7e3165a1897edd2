import assert from "node:assert/strict";
import { test } from "node:test";
import { canLetter, letter } from "./lettering.ts";

const at = (text: string) => letter(text, { x: 100, baseline: 50, heightPx: 20 });

test("all of ASCII, and Latin letters without their accents, can be drawn", () => {
  const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
  for (const [text, expected] of [
    ["", true],
    [ascii, true],
    ["Pépinière São Über", true],
    ["植物", false],
    ["растение", false],
    ["constructor\n", false],
  ] as const) {
    assert.equal(canLetter(text), expected, text);
  }
  assert.deepEqual(at("é"), at("e"));
});

test("letters stand on the base line and are as high as asked", () => {
  const { lines, lineWidthPx } = at("H");
  const ys = lines.flat().map(([, y]) => y);
  assert.deepEqual([Math.min(...ys), Math.max(...ys)], [30, 50]);
  assert.equal(lineWidthPx, 2.5);
});

test("text grows to the right by each letter's width and a gap", () => {
  assert.deepEqual(at(""), { lines: [], lineWidthPx: 2.5, widthPx: 0 });
  const [one, two] = [at("H").widthPx, at("HH").widthPx];
  assert.ok(two > 2 * one);
  for (const digit of "0123456789") assert.equal(at(digit).widthPx, at("0").widthPx, digit);
  const xs = at("plant 242")
    .lines.flat()
    .map(([x]) => x);
  assert.ok(Math.min(...xs) >= 100 && Math.max(...xs) <= 100 + at("plant 242").widthPx + 1e-9);
});

test("what cannot be drawn is left out", () => {
  assert.deepEqual(at("a植"), at("a"));
});
