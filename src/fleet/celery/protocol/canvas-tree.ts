import { randomUUID } from "node:crypto";
import { isSignature, type Signature } from "./celery-message.ts";

/** The result of a follow-up task, as Celery lists children. */
export type ResultTuple = readonly [
  readonly [id: string, parent: null],
  readonly ResultTuple[] | null,
];

/** A canvas that this worker cannot send. */
export class UnsupportedCanvas extends Error {}

/** What a signature stands for: one task, or several. */
export type CanvasKind = "task" | "chain" | "group" | "chord";

/** What a signature stands for. */
export function kindOf({ task, subtask_type }: Signature): CanvasKind {
  if (subtask_type === "chain" || task === "celery.chain") return "chain";
  if (subtask_type === "group" || task === "celery.group") return "group";
  if (subtask_type === "chord" || task === "celery.chord") return "chord";
  return "task";
}

/** The id of a signature's result; undefined if it has none yet. */
export function idOf({ options }: Signature): string | undefined {
  return typeof options.task_id === "string" ? options.task_id : undefined;
}

/** The tasks of a chain or a group. Nested groups and empty chains are not tasks. */
export function tasksOf({ kwargs }: Signature): readonly Signature[] {
  return unrollGroups(signatures(kwargs.tasks));
}

/** The header of a chord, as a group of tasks. */
export function headerOf({ kwargs: { header } }: Signature): Signature {
  if (isSignature(header) && kindOf(header) === "group") return header;
  const tasks = isSignature(header) ? [header] : signatures(header);
  return {
    task: "celery.group",
    args: [],
    kwargs: { tasks },
    options: {},
    subtask_type: "group",
  };
}

/** What follows a chord's header. */
export function bodyOf({ kwargs: { body } }: Signature): Signature {
  if (!isSignature(body)) throw new UnsupportedCanvas("a chord without a body");
  return body;
}

/** The steps of a chain, with nested chains flattened; a group before a step becomes a chord. */
export function stepsOf(chain: Signature): readonly Signature[] {
  const steps = flattenChains(signatures(chain.kwargs.tasks));
  const last = steps.at(-1);
  const raised: Signature[] = [];
  for (const step of steps) {
    if (step !== last && kindOf(step) === "group" && tasksOf(step).length === 0) continue;
    const before = raised.at(-1);
    if (before !== undefined && kindOf(before) === "group") raised.pop();
    raised.push(before !== undefined && kindOf(before) === "group" ? chordOf(before, step) : step);
  }
  return raised;
}

/** A chord of a group and what follows it. */
export function chordOf(header: Signature, body: Signature): Signature {
  const kwargs = { header, body };
  return { task: "celery.chord", args: [], kwargs, options: {}, subtask_type: "chord" };
}

/** All tasks of a signature, with the chords that wait for them. */
export function membersOf(signature: Signature): readonly Signature[] {
  const kind = kindOf(signature);
  if (kind === "task") return [signature];
  const parts =
    kind === "chain"
      ? stepsOf(signature)
      : kind === "group"
        ? tasksOf(signature)
        : [bodyOf(signature)];
  const { group_id, chord } = signature.options;
  const isLast = (i: number) => kind !== "chain" || i === parts.length - 1;
  return parts.flatMap((part, i) => {
    const waiting = isLast(i) && chord !== undefined ? { group_id, chord } : {};
    return membersOf({ ...part, options: { ...waiting, ...part.options } });
  });
}

/** The tasks whose results are those of a signature: the last of a chain, the bodies of chords. */
export function endsOf(signature: Signature): readonly Signature[] {
  const kind = kindOf(signature);
  if (kind === "task") return [signature];
  if (kind === "chord") return endsOf(bodyOf(signature));
  if (kind === "group") return tasksOf(signature).flatMap(endsOf);
  const last = stepsOf(signature).at(-1);
  return last === undefined ? [] : endsOf(last);
}

/** Gives ids to all tasks and groups that have none, so that their results are known. */
export function withIds(signature: Signature): Signature {
  const { kwargs, options } = signature;
  const kind = kindOf(signature);
  if (kind === "chain") {
    const steps = stepsOf(signature);
    const last = steps.length - 1;
    const tasks = steps.map((step, i) => withIds(i === last ? withId(step, options) : step));
    return { ...signature, kwargs: { ...kwargs, tasks } };
  }
  if (kind === "chord") {
    const body = withIds(withId(bodyOf(signature), options));
    return { ...signature, kwargs: { ...kwargs, header: withIds(headerOf(signature)), body } };
  }
  const tasks = kind === "group" ? { tasks: tasksOf(signature).map(withIds) } : {};
  return withId({ ...signature, kwargs: { ...kwargs, ...tasks } }, { task_id: randomUUID() });
}

/** Gives a task or a group the id that was meant for it, unless it has one. */
function withId(signature: Signature, { task_id }: Signature["options"]): Signature {
  if (task_id === undefined || idOf(signature) !== undefined) return signature;
  return { ...signature, options: { ...signature.options, task_id } };
}

/** The result of a signature that has all its ids. */
export function resultOf(signature: Signature): ResultTuple {
  const kind = kindOf(signature);
  if (kind === "chord") return resultOf(bodyOf(signature));
  const id = idOf(signature) ?? "";
  if (kind === "group") return [[id, null], tasksOf(signature).map(resultOf)];
  const last = kind === "chain" ? stepsOf(signature).at(-1) : undefined;
  return last === undefined ? [[id, null], null] : resultOf(last);
}

/** An option's signatures: a list, or a single one. */
export function signaturesOf(value: unknown): readonly Signature[] {
  return [value ?? []].flat().filter(isSignature);
}

function signatures(value: unknown): readonly Signature[] {
  const list = Array.isArray(value) ? value : [];
  for (const item of list) {
    if (!isSignature(item)) throw new UnsupportedCanvas("something that is no signature");
  }
  return list;
}

function unrollGroups(tasks: readonly Signature[]): Signature[] {
  return tasks.flatMap((task) => {
    const kind = kindOf(task);
    if (kind === "group") return unrollGroups(signatures(task.kwargs.tasks));
    return kind === "chain" && signatures(task.kwargs.tasks).length === 0 ? [] : [task];
  });
}

function flattenChains(steps: readonly Signature[]): Signature[] {
  return steps.flatMap((step) =>
    kindOf(step) === "chain" ? flattenChains(signatures(step.kwargs.tasks)) : [step],
  );
}
