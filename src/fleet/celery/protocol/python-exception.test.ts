import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OrangeryError } from "../../../errors.ts";
import { pythonRepr, pythonTuple, reprException, toPythonException } from "./python-exception.ts";

describe("an error for Python", () => {
  test("is a built-in where Python has one, with our code in its message", () => {
    const error = new OrangeryError("PHOTO_NOT_FOUND", "Expected a photo.");
    assert.deepEqual(toPythonException(error), {
      exc_type: "FileNotFoundError",
      exc_message: ["PHOTO_NOT_FOUND: Expected a photo."],
      exc_module: "builtins",
    });
    const other = toPythonException(new OrangeryError("PHOTO_UNREADABLE", "Expected a photo."));
    assert.equal(reprException(other), "Exception('PHOTO_UNREADABLE: Expected a photo.')");
  });

  test("is the nearest of an error of JavaScript", () => {
    const types = [
      new TypeError("a"),
      new RangeError("a"),
      new SyntaxError("a"),
      new Error("a"),
      3,
    ];
    assert.deepEqual(
      types.map((error) => reprException(toPythonException(error))),
      [
        "TypeError('a')",
        "ValueError('a')",
        "Exception('SyntaxError: a')",
        "Exception('a')",
        "Exception('3')",
      ],
    );
  });
});

describe("a value of JSON", () => {
  test("is printed as Python prints it", () => {
    const value = { a: [null, true, false, 1.5, "it's", 'say "x"'], b: {} };
    assert.equal(pythonRepr(value), `{'a': [None, True, False, 1.5, "it's", 'say "x"'], 'b': {}}`);
    assert.equal(pythonTuple([1]), "(1,)");
    assert.equal(pythonTuple(["a", 2]), "('a', 2)");
  });

  test("is shortened, however large and deep it is", () => {
    assert.equal(pythonRepr("x".repeat(10_000_000)).length, 1024);
    let deep: unknown = 1;
    for (let level = 0; level < 10_000; level++) deep = [deep];
    assert.equal(pythonRepr(deep), "[[[[...]]]]");
  });
});
