import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Sessions } from "./sessions.ts";

const address = "10.0.0.9";

describe("sessions", () => {
  test("without a password all who reach the server may do everything", async () => {
    const sessions = await Sessions.create({});
    assert.equal(sessions.isNeeded, false);
    assert.equal(sessions.roleOf(undefined), "editor");
  });

  test("a password opens a session of its role, until it is ended or 12 hours are over", async () => {
    let nowMs = 0;
    const passwords = { password: "orange", viewerPassword: "leaf" };
    const sessions = await Sessions.create(passwords, () => nowMs);
    assert.equal(sessions.roleOf(undefined), undefined);
    assert.equal(sessions.roleOf("anything"), undefined);
    const [editor, viewer] = [
      await sessions.logIn("orange", address),
      await sessions.logIn("leaf", address),
    ];
    assert.ok("token" in editor && "token" in viewer);
    assert.notEqual(editor.token, viewer.token);
    assert.deepEqual(
      [editor, viewer].map(({ token }) => sessions.roleOf(token)),
      ["editor", "viewer"],
    );
    sessions.logOut(editor.token);
    assert.equal(sessions.roleOf(editor.token), undefined);
    nowMs = 1000 * viewer.maxAgeS;
    assert.equal(sessions.roleOf(viewer.token), undefined);
  });

  test("five wrong passwords of an address in a minute are enough, also all at once", async () => {
    let nowMs = 0;
    const sessions = await Sessions.create({ password: "orange" }, () => nowMs);
    const wrong = await Promise.all(
      Array.from({ length: 7 }, (_, i) => sessions.logIn(`guess ${i}`, address)),
    );
    const refused = wrong.map((login) => "refused" in login && login.refused);
    assert.deepEqual(refused, [...Array(5).fill("wrong"), "too many", "too many"]);
    assert.deepEqual(await sessions.logIn("orange", address), { refused: "too many" });
    assert.ok("token" in (await sessions.logIn("orange", "10.0.0.8")));
    nowMs = 60_001;
    assert.ok("token" in (await sessions.logIn("orange", address)));
  });
});
