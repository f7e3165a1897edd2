import assert from "node:assert/strict";
import { test } from "node:test";
import { bindArguments } from "./bind-arguments.ts";

test("arguments are bound to parameters as Python binds them", () => {
  const parameters = ["photo", "score"];
  const bind = (args: unknown[], kwargs = {}) => bindArguments({ args, kwargs }, parameters);
  assert.deepEqual(bind(["a.jpg"], { score: 0.5 }), { photo: "a.jpg", score: 0.5 });
  assert.deepEqual(bind(["a.jpg", 0.5]), { photo: "a.jpg", score: 0.5 });
  assert.throws(() => bind(["a.jpg", 0.5, 3]), /takes 2 positional arguments but 3 were given/);
  assert.throws(() => bind(["a.jpg"], { photo: "b.jpg" }), /multiple values for argument 'photo'/);
  assert.throws(() => bind([], { foto: 1 }), /unexpected keyword argument 'foto'/);
});

test("without parameters, the payload is the one argument, or else the keyword arguments", () => {
  assert.equal(bindArguments({ args: ["a.jpg"], kwargs: {} }, undefined), "a.jpg");
  assert.deepEqual(bindArguments({ args: [], kwargs: { x: 1 } }, undefined), { x: 1 });
  assert.throws(
    () => bindArguments({ args: [1], kwargs: { x: 1 } }, undefined),
    /1 positional arguments and 1 keyword arguments for a task without `parameters`/,
  );
});
