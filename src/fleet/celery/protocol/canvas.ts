import { randomUUID } from "node:crypto";
import { isSignature, type Signature } from "./celery-message.ts";
import { isRecord } from "./envelope.ts";
import { type SentMessage, toIsoTime, toTaskMessage } from "./sent-message.ts";

/** A result of a task that follows another, as Celery lists children. */
export type ResultTuple = readonly [
  readonly [id: string, parent: null],
  readonly ResultTuple[] | null,
];

/** What becomes of a signature when it is sent. */
export interface AppliedSignature {
  readonly sent: readonly SentMessage[];
  readonly result: ResultTuple;
  /** How many tasks a chord waits for, which must be known before these are sent. */
  readonly chordSizes: readonly { readonly group: string; readonly size: number }[];
}

/** What a signature gets from the task that it follows. */
export interface AppliedAfter {
  readonly rootId: string;
  readonly parentId: string | null;
  /** Go before its own arguments, unless it is immutable. */
  readonly args?: readonly unknown[] | undefined;
  /** What follows it; the last is the next. */
  readonly chain?: readonly Signature[] | undefined;
  readonly group?: string | undefined;
  readonly groupIndex?: number | undefined;
  readonly chord?: Signature | undefined;
}

/** Where tasks are sent. */
export interface Routing {
  /** Queues by the names of tasks. */
  readonly routes: Readonly<Record<string, string>>;
  readonly defaultQueue: string;
}

/** A canvas of a kind that is not sent from here. */
export class UnsupportedCanvas extends Error {}

type Kind = "task" | "chain" | "group" | "chord";

/** Sends a signature of Celery's canvas: a task, a chain, a group or a chord. */
export function applySignature(
  signature: Signature,
  after: AppliedAfter,
  routing: Routing,
): AppliedSignature {
  const kind = kindOf(signature);
  const own = signature.options.chain;
  const chain = after.chain ?? (Array.isArray(own) ? own.filter(isSignature) : undefined);
  const all = { ...after, chain };
  if (kind === "chain") return applyChain(signature, all, routing);
  if (kind === "group") return applyGroup(signature, all, routing);
  if (kind === "chord") return applyChord(signature, all, routing);
  return applyTask(signature, all, routing);
}

/** The id that a signature's result has; undefined where it has none yet. */
export function idOf({ options }: Signature): string | undefined {
  return typeof options.task_id === "string" ? options.task_id : undefined;
}

/** The ids of the tasks that a signature stands for, as far as they have any. */
export function idsOf(signature: Signature): readonly string[] {
  const kind = kindOf(signature);
  if (kind === "chord")
    return isSignature(signature.kwargs.body) ? idsOf(signature.kwargs.body) : [];
  const own = idOf(signature);
  if (kind === "task") return own === undefined ? [] : [own];
  return tasksOf(signature).flatMap(idsOf);
}

function kindOf({ task, subtask_type }: Signature): Kind {
  if (subtask_type === "chain" || task === "celery.chain") return "chain";
  if (subtask_type === "group" || task === "celery.group") return "group";
  if (subtask_type === "chord" || task === "celery.chord") return "chord";
  return "task";
}

function applyTask(signature: Signature, after: AppliedAfter, routing: Routing): AppliedSignature {
  const { task, kwargs, options } = signature;
  const id = idOf(signature) ?? randomUUID();
  const stampedHeaders = Array.isArray(options.stamped_headers) ? options.stamped_headers : null;
  const { stamps } = options;
  const sent = toTaskMessage({
    id,
    task,
    args: signature.immutable ? signature.args : [...(after.args ?? []), ...signature.args],
    kwargs,
    embed: {
      callbacks: listOrNull(options.link),
      errbacks: listOrNull(options.link_error),
      chain: after.chain ?? null,
      chord: after.chord ?? options.chord ?? null,
    },
    queue: queueOf(signature, routing),
    priority: typeof options.priority === "number" ? options.priority : 0,
    replyTo: textOrNull(options.reply_to) ?? "",
    rootId: after.rootId,
    parentId: after.parentId,
    group: after.group ?? textOrNull(options.group_id),
    groupIndex: after.groupIndex ?? numberOrNull(options.group_index),
    eta: etaOf(options),
    expires: expiryOf(options),
    timeLimits: [numberOrNull(options.time_limit), numberOrNull(options.soft_time_limit)],
    ignoreResult: options.ignore_result === true,
    shadow: textOrNull(options.shadow),
    stampedHeaders,
    stamps: isRecord(stamps)
      ? stamps
      : Object.fromEntries((stampedHeaders ?? []).map((name) => [name, options[name]])),
  });
  return { sent: [sent], result: [[id, null], null], chordSizes: [] };
}

function applyChain(signature: Signature, after: AppliedAfter, routing: Routing): AppliedSignature {
  const steps = raiseToChords(flatten(tasksOf(signature)));
  const last = steps.at(-1);
  if (last === undefined) throw new UnsupportedCanvas("a chain without tasks");
  const { options } = signature;
  // What is said of a chain is meant of its last task.
  const ended: Signature = {
    ...last,
    options: {
      ...last.options,
      ...pick(options, ["task_id", "group_id", "group_index", "chord", "link"]),
      ...(after.group !== undefined && { group_id: after.group }),
      ...(after.groupIndex !== undefined && { group_index: after.groupIndex }),
      ...(after.chord !== undefined && { chord: after.chord }),
    },
  };
  const [first, ...rest] = [...steps.slice(0, -1), ended].map(withId);
  const { rootId, parentId, args } = after;
  const chain = [...(after.chain ?? []), ...rest.reverse()];
  const applied = applySignature(first!, { rootId, parentId, args, chain }, routing);
  const [end = first!] = rest;
  return { ...applied, result: [[idOf(end) ?? applied.result[0][0], null], null] };
}

function applyGroup(signature: Signature, after: AppliedAfter, routing: Routing): AppliedSignature {
  const [body, ...others] = (after.chain ?? []).toReversed();
  if (body !== undefined) {
    // A group that is followed by anything is a chord.
    const chord: Signature = {
      task: "celery.chord",
      args: [],
      kwargs: { header: signature, body },
      options: {},
      subtask_type: "chord",
    };
    return applyChord(chord, { ...after, chain: others.toReversed() }, routing);
  }
  const group = idOf(signature) ?? randomUUID();
  const chord = after.chord ?? (isSignature(signature.options.chord) && signature.options.chord);
  const applied = tasksOf(signature).map((task, groupIndex) =>
    applySignature(
      task,
      {
        rootId: after.rootId,
        parentId: after.parentId,
        args: after.args,
        chain: [],
        group,
        groupIndex,
        chord: chord || undefined,
      },
      routing,
    ),
  );
  return {
    sent: applied.flatMap(({ sent }) => sent),
    result: [[group, null], applied.map(({ result }) => result)],
    chordSizes: applied.flatMap(({ chordSizes }) => chordSizes),
  };
}

function applyChord(signature: Signature, after: AppliedAfter, routing: Routing): AppliedSignature {
  const { header, body } = signature.kwargs;
  if (!isSignature(body)) throw new UnsupportedCanvas("a chord without a body");
  const tasks = isSignature(header) ? tasksOf(header) : listOfSignatures(header);
  if (tasks.some((task) => kindOf(task) === "group" || kindOf(task) === "chord")) {
    throw new UnsupportedCanvas("a chord with a group or a chord in its header");
  }
  const { rootId, parentId, args } = after;
  const chain = after.chain?.length ? after.chain : body.options.chain;
  const id = idsOf(body).at(-1) ?? randomUUID();
  const ended: Signature = {
    ...body,
    options: {
      ...body.options,
      ...(kindOf(body) === "task" && { task_id: id }),
      ...(chain !== undefined && { chain }),
      ...(after.group !== undefined && { group_id: after.group, group_index: after.groupIndex }),
      ...(after.chord !== undefined && { chord: after.chord }),
    },
  };
  if (tasks.length === 0) {
    return applySignature(ended, { rootId, parentId, args: [[]] }, routing);
  }
  const group = (isSignature(header) ? idOf(header) : undefined) ?? randomUUID();
  const applied = tasks.map((task, groupIndex) =>
    applySignature(
      task,
      { rootId, parentId, args, chain: [], group, groupIndex, chord: ended },
      routing,
    ),
  );
  return {
    sent: applied.flatMap(({ sent }) => sent),
    result: [[id, null], null],
    chordSizes: [{ group, size: tasks.length }],
  };
}

/** Chains within a chain are its steps. */
function flatten(steps: readonly Signature[]): Signature[] {
  return steps.flatMap((step) => (kindOf(step) === "chain" ? flatten(tasksOf(step)) : [step]));
}

/** A group that is followed by a task becomes a chord with it. */
function raiseToChords(steps: readonly Signature[]): Signature[] {
  const raised: Signature[] = [];
  for (const step of steps) {
    const before = raised.at(-1);
    if (before === undefined || kindOf(before) !== "group") {
      raised.push(step);
      continue;
    }
    raised[raised.length - 1] = {
      task: "celery.chord",
      args: [],
      kwargs: { header: before, body: step },
      options: {},
      subtask_type: "chord",
    };
  }
  return raised;
}

function withId(signature: Signature): Signature {
  if (idOf(signature) !== undefined) return signature;
  return { ...signature, options: { ...signature.options, task_id: randomUUID() } };
}

function tasksOf({ kwargs }: Signature): readonly Signature[] {
  return listOfSignatures(kwargs.tasks);
}

function listOfSignatures(value: unknown): readonly Signature[] {
  const list = Array.isArray(value) ? value : [];
  for (const item of list) {
    if (!isSignature(item)) throw new UnsupportedCanvas("something that is no signature");
  }
  return list;
}

function queueOf({ task, options }: Signature, { routes, defaultQueue }: Routing): string {
  const { queue, routing_key } = options;
  const name = isRecord(queue) ? queue.name : queue;
  return textOrNull(name) ?? textOrNull(routing_key) ?? routes[task] ?? defaultQueue;
}

function etaOf({ countdown, eta }: Signature["options"]): string | null {
  if (typeof countdown === "number") return toIsoTime(Date.now() + 1000 * countdown);
  return textOrNull(eta);
}

function expiryOf({ expires }: Signature["options"]): string | null {
  if (typeof expires === "number") return toIsoTime(Date.now() + 1000 * expires);
  return textOrNull(expires);
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function listOrNull(value: unknown): unknown {
  if (value == null) return null;
  return Array.isArray(value) ? value : [value];
}

function pick(options: Signature["options"], names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => (options[name] == null ? [] : [[name, options[name]]])),
  );
}
