/** What is sent to the server for a change. */
import { isSame } from "./edits.js";
import { newId } from "./new-id.js";

/**
 * Returns the corrections that make the saved value of a thing the one that is seen here, each with
 * an id of its own. `undo` of a thing has the numbers of the corrections in effect, by kind.
 */
export function correctionsOf({ key, kind, object, predicted, saved, mine, undo = {} }) {
  if (isSame(saved, mine)) return [];
  const withIds = (list) => list.map((change) => ({ id: newId(), ...change }));
  const undoAll = (numbers = []) => numbers.map((undoneNumber) => ({ kind: "undo", undoneNumber }));
  if (kind === "region") {
    const region = Number(key.slice(1));
    return withIds(mine.isRemoved ? [{ kind: "reject-region", region }] : undoAll(undo.reject));
  }
  const { classId, boxXyxy } = mine;
  // An added box has the id of its first correction, so that sending it twice adds one.
  if (object === undefined) return [{ id: key.slice(1), kind: "add", classId, boxXyxy }];
  if (mine.isRemoved) return withIds([{ kind: "remove", object }]);
  const changes = undoAll(undo.remove);
  const isBox = (box) => box?.every((px, i) => px === boxXyxy[i]);
  if (!isBox(saved.boxXyxy)) {
    // Undoing gives an outline back, which a moved box has lost.
    const isBack = isBox(predicted?.boxXyxy);
    changes.push(...(isBack ? undoAll(undo.move) : [{ kind: "move", object, boxXyxy }]));
  }
  if (saved.classId !== classId) changes.push({ kind: "reclassify", object, classId });
  return withIds(changes);
}
