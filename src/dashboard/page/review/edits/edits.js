/**
 * A person's edits of what was found on a photo. Independent of the page and the server.
 *
 * A *thing* is an object that was predicted, one that a person added, or a region. Its value is
 * `{ classId, boxXyxy, isRemoved }`, boxes in px of the photo. `saved` is what the server has,
 * `mine` is what is seen here; where they differ, it is still to be sent. Nothing of `mine` is lost
 * by what others do: where both changed the same thing, it is a *conflict*, and the person chooses.
 */
export class Edits {
  /** By key, in the order in which they were predicted and added. */
  things = new Map();
  /** By key: what another person made of a thing that is changed here, too. */
  conflicts = new Map();
  #done = [];
  #undone = [];
  /** Grows with each change, so that what is made of the things can be kept until then. */
  version = 0;
  #listener;

  constructor({ onChange }) {
    this.#listener = onChange;
  }

  #onChange() {
    this.version++;
    this.#listener();
  }

  /** Things that are to be sent, without those whose conflict nobody has settled. */
  get unsent() {
    return [...this.things.values()].filter(
      ({ key, saved, mine }) => !this.conflicts.has(key) && !isSame(saved, mine),
    );
  }

  /** How many things differ from what the server has, with the conflicts. */
  get unsavedCount() {
    let count = 0;
    for (const { saved, mine } of this.things.values()) if (!isSame(saved, mine)) count++;
    return count;
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /**
   * Takes what the server has, `{ key, kind, predicted, value, by, at }` of each thing, and returns
   * those that are not as they were saved before.
   */
  merge(list) {
    const news = [];
    for (const { value, ...rest } of list) {
      const known = this.things.get(rest.key);
      if (known === undefined) {
        this.things.set(rest.key, { ...rest, saved: value, mine: value });
        news.push({ ...rest, value });
        continue;
      }
      const before = known.saved;
      const isMine = !isSame(before, known.mine);
      Object.assign(known, rest, { saved: value });
      if (!isMine) known.mine = value;
      if (isSame(known.mine, value)) this.conflicts.delete(known.key);
      if (isSame(before, value)) continue;
      news.push({ ...rest, value, before });
      // The state before another person's change is not one of this person's undo steps.
      if (!isMine) this.#forget(known.key);
      if (!isSame(known.mine, value))
        this.conflicts.set(known.key, { value, by: rest.by, at: rest.at });
    }
    this.#onChange();
    return news;
  }

  /** Records what the server took: the value of then, which may have changed here since. */
  saved(key, value) {
    const thing = this.things.get(key);
    if (thing) thing.saved = value;
    this.#onChange();
  }

  /** Puts back what was not sent when the page was left. */
  restore(list) {
    for (const { key, kind, saved, mine } of list) {
      const known = this.things.get(key);
      if (known === undefined) this.things.set(key, { key, kind, saved: gone(mine), mine });
      else if (isSame(known.saved, mine)) continue;
      else {
        if (!isSame(known.saved, saved))
          this.conflicts.set(key, { value: known.saved, by: known.by, at: known.at });
        known.mine = mine;
      }
    }
    this.#onChange();
  }

  /**
   * Changes a thing. Steps of the same `gesture`, such as the presses of an arrow key, are undone
   * together.
   */
  change(key, mine, gesture) {
    const thing = this.things.get(key);
    if (isSame(thing.mine, mine)) return;
    const last = this.#done.at(-1);
    if (gesture !== undefined && last?.gesture === gesture && last.key === key) last.to = mine;
    else this.#done.push({ key, from: thing.mine, to: mine, gesture });
    this.#undone = [];
    thing.mine = mine;
    this.#onChange();
  }

  add(key, value) {
    this.things.set(key, { key, kind: "added", saved: gone(value), mine: gone(value) });
    this.change(key, value);
  }

  /** Ends a gesture: the next step is undone by itself. */
  endGesture() {
    const last = this.#done.at(-1);
    if (last) last.gesture = undefined;
  }

  /** Undoes the last step and returns its key; undefined where there is none. */
  undo() {
    return this.#step(this.#done, this.#undone, "from");
  }

  redo() {
    return this.#step(this.#undone, this.#done, "to");
  }

  /** Settles a conflict by what is seen here, or by what the other person made of it. */
  settle(key, isMine) {
    const { value } = this.conflicts.get(key);
    this.conflicts.delete(key);
    // Undo has what was here.
    if (isMine) this.#onChange();
    else this.change(key, value);
  }

  #forget(key) {
    this.#done = this.#done.filter((step) => step.key !== key);
    this.#undone = this.#undone.filter((step) => step.key !== key);
  }

  #step(from, to, side) {
    const step = from.pop();
    if (step === undefined) return undefined;
    step.gesture = undefined;
    to.push(step);
    this.things.get(step.key).mine = step[side];
    this.#onChange();
    return step.key;
  }
}

const gone = (value) => ({ ...value, isRemoved: true });

/** Whether two values are the same to the server: of what is removed, nothing else matters. */
export function isSame(a, b) {
  if (a === b) return true;
  if (a.isRemoved || b.isRemoved) return a.isRemoved === b.isRemoved;
  // A region has neither class nor box to change.
  return a.classId === b.classId && (a.boxXyxy ?? []).every((px, i) => px === b.boxXyxy[i]);
}
