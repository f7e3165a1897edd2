import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TurnTable, threadsARun, turnTableBytes } from "./turn-table.ts";

function emptyTable() {
  return new TurnTable(new ArrayBuffer(turnTableBytes));
}

describe("the table of turns", () => {
  const pair = { cores: 2, places: 2 };

  test("gives a run that is alone all threads, and shares them between those that wait", () => {
    const table = emptyTable();
    const first = table.ask(1, pair)!;
    assert.deepEqual(table.grant(), [{ slot: first, thread: 1 }]);
    assert.deepEqual(table.shareOf(first), { threads: 2, callers: 1 });
    const [second, third] = [table.ask(2, pair)!, table.ask(3, pair)!];
    assert.deepEqual(table.grant(), []);
    table.leave(first);
    assert.deepEqual(table.grant(), [
      { slot: second, thread: 2 },
      { slot: third, thread: 3 },
    ]);
    assert.deepEqual(table.shareOf(second), { threads: 1, callers: 2 });
    assert.equal(table.shareOf(third)?.threads, 1);
    const fourth = table.ask(4, pair)!;
    table.leave(second);
    assert.deepEqual(table.grant(), [{ slot: fourth, thread: 4 }]);
    table.leave(third);
    table.leave(fourth);
    const fifth = table.ask(5, pair)!;
    assert.equal(table.shareOf(fifth), undefined);
    table.grant();
    assert.equal(table.shareOf(fifth)?.threads, 2);
  });

  test("begins as many runs as there are places, more than cores if need be", () => {
    const table = emptyTable();
    const exceeding = { cores: 2, places: 3 };
    const first = table.ask(1, exceeding)!;
    table.grant();
    assert.equal(table.shareOf(first)?.threads, 2);
    const [second, third, fourth] = [2, 3, 4].map((thread) => table.ask(thread, exceeding)!);
    table.grant();
    assert.equal(table.shareOf(second!)?.threads, 1);
    assert.equal(table.shareOf(third!), undefined);
    table.leave(first);
    table.grant();
    assert.equal(table.shareOf(third!)?.threads, 1);
    assert.equal(table.shareOf(fourth!)?.threads, 1);
  });

  test("grants in the order of asking, also when slots are used again", () => {
    const table = emptyTable();
    const one = { cores: 1, places: 1 };
    const order: number[] = [];
    const [first] = [table.ask(1, one)!, table.ask(2, one)];
    table.grant();
    table.leave(first);
    assert.equal(table.ask(3, one), first);
    for (let [turn] = table.grant(); turn !== undefined; [turn] = table.grant()) {
      order.push(turn.thread);
      table.leave(turn.slot);
    }
    assert.deepEqual(order, [2, 3]);
  });

  test("frees what a dead thread had, waiting or running", () => {
    const table = emptyTable();
    for (const thread of [1, 1, 2]) table.ask(thread, pair);
    table.grant();
    assert.deepEqual(table.running, new Set([1]));
    table.leaveAll(1);
    assert.deepEqual(
      table.grant().map(({ thread }) => thread),
      [2],
    );
  });

  test("takes no more callers than it has room for", () => {
    const table = emptyTable();
    let asked = 0;
    while (table.ask(1, pair) !== undefined) asked++;
    assert.equal(asked, 2048);
    table.leave(7);
    assert.equal(table.ask(1, pair), 7);
  });

  test("has one owner of its lock", () => {
    const table = emptyTable();
    assert.ok(table.passLock(0, 3));
    assert.ok(!table.passLock(0, 4));
    assert.equal(table.owner, 3);
    assert.ok(table.passLock(3, 0));
  });
});

test("runs that share cores have a half of them each, a quarter, and so on", () => {
  const shares = (cores: number) => [1, 2, 3, 4, 8, 99].map((runs) => threadsARun(cores, runs));
  assert.deepEqual(shares(16), [16, 8, 4, 4, 2, 1]);
  assert.deepEqual(shares(2), [2, 1, 1, 1, 1, 1]);
  assert.deepEqual(shares(6), [6, 3, 1, 1, 1, 1]);
  assert.deepEqual(shares(1), [1, 1, 1, 1, 1, 1]);
});
