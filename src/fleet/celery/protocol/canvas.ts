import { randomUUID } from "node:crypto";
import {
  type AppliedAfter,
  type AppliedSignature,
  applyTask,
  type Routing,
} from "./canvas-task.ts";
import {
  bodyOf,
  chordOf,
  endsOf,
  headerOf,
  idOf,
  kindOf,
  resultOf,
  signaturesOf,
  stepsOf,
  tasksOf,
  UnsupportedCanvas,
  withIds,
} from "./canvas-tree.ts";
import { isSignature, type Signature } from "./celery-message.ts";

/** Sends a signature of Celery's canvas: a task, a chain, a group or a chord. */
export function applySignature(
  signature: Signature,
  after: AppliedAfter,
  routing: Routing,
): AppliedSignature {
  const kind = kindOf(signature);
  const own = signature.options.chain;
  const chain = after.chain ?? (own == null ? undefined : signaturesOf(own));
  const all = { ...after, chain };
  if (kind === "chain") return applyChain(signature, all, routing);
  if (kind === "group") return applyGroup(signature, all, routing);
  if (kind === "chord") return applyChord(signature, all, routing);
  return applyTask(signature, all, routing);
}

function applyChain(signature: Signature, after: AppliedAfter, routing: Routing): AppliedSignature {
  const { options } = signature;
  const errbacks = signaturesOf(options.link_error);
  const steps = stepsOf(signature).map((step) => withOptions(step, { link_error: errbacks }));
  const last = steps.at(-1);
  if (last === undefined) throw new UnsupportedCanvas("a chain without tasks");
  // Options of a chain apply to its last task.
  const ended = withOptions(
    last,
    { link: signaturesOf(options.link) },
    {
      ...pick(options, ["task_id", "group_id", "group_index", "chord"]),
      ...(after.group !== undefined && { group_id: after.group }),
      ...pick(last.options, ["task_id", "group_id"]),
      ...(after.groupIndex !== undefined && { group_index: after.groupIndex }),
      ...(after.chord !== undefined && { chord: after.chord }),
    },
  );
  const [first, ...rest] = [...steps.slice(0, -1), ended].map(withIds);
  const { rootId, parentId, args } = after;
  const chain = [...(after.chain ?? []), ...rest.toReversed()];
  const applied = applySignature(first!, { rootId, parentId, args, chain }, routing);
  return { ...applied, result: resultOf(rest.at(-1) ?? first!) };
}

function applyGroup(signature: Signature, after: AppliedAfter, routing: Routing): AppliedSignature {
  const [body, ...others] = (after.chain ?? []).toReversed();
  if (body !== undefined) {
    // A group that is followed by anything is a chord.
    const chain = others.toReversed();
    return applyChord(chordOf(signature, body), { ...after, chain }, routing);
  }
  const { options } = signature;
  const id = idOf(signature) ?? randomUUID();
  const chord = after.chord ?? (isSignature(options.chord) ? options.chord : undefined);
  // A chord around the group waits for the group's tasks, not for the group.
  const group = typeof options.group_id === "string" ? options.group_id : (after.group ?? id);
  const { rootId, parentId, args } = after;
  const applied = tasksOf(signature).map((task, groupIndex) =>
    applySignature(task, { rootId, parentId, args, chain: [], group, groupIndex, chord }, routing),
  );
  return {
    sent: applied.flatMap(({ sent }) => sent),
    result: [[id, null], applied.map(({ result }) => result)],
    chords: applied.flatMap(({ chords }) => chords),
  };
}

function applyChord(signature: Signature, after: AppliedAfter, routing: Routing): AppliedSignature {
  const { options } = signature;
  const own = bodyOf(signature);
  const chain = after.chain?.length ? after.chain : (options.chain ?? own.options.chain);
  const body = withOptions(
    withIds(own),
    { link: signaturesOf(options.link), link_error: signaturesOf(options.link_error) },
    {
      ...pick(options, [...sendOptions, "group_id", "group_index", "chord"]),
      ...(chain !== undefined && { chain }),
      ...(after.group !== undefined && { group_id: after.group, group_index: after.groupIndex }),
      ...(after.chord !== undefined && { chord: after.chord }),
    },
  );
  const { rootId, parentId, args } = after;
  const header = withIds(headerOf(signature));
  const tasks = tasksOf(header);
  if (tasks.length === 0) return applySignature(body, { rootId, parentId, args: [[]] }, routing);
  const group = idOf(header)!;
  const forTasks = {
    ...pick(header.options, [...sendOptions, ...timeOptions]),
    ...pick(options, [...sendOptions, ...timeOptions]),
  };
  const applied = tasks.map((task, groupIndex) =>
    applySignature(
      withOptions(task, {}, forTasks),
      { rootId, parentId, args, chain: [], group, groupIndex, chord: body },
      routing,
    ),
  );
  const structure = resultOf(header);
  const hasGroups = structure[1]?.some(([, children]) => children !== null);
  return {
    sent: applied.flatMap(({ sent }) => sent),
    result: resultOf(body),
    chords: [
      { group, size: endsOf(header).length, ...(hasGroups && { structure }) },
      ...applied.flatMap(({ chords }) => chords),
    ],
  };
}

/** Options of a group or a chord apply to its tasks; a chord's times apply to its header. */
const sendOptions = [
  ...["queue", "routing_key", "priority"],
  ...["expires", "time_limit", "soft_time_limit"],
];
const timeOptions = ["countdown", "eta"];

/** Adds callbacks and errbacks to a signature's own, and sets other options. */
function withOptions(
  signature: Signature,
  added: { readonly link?: readonly Signature[]; readonly link_error?: readonly Signature[] },
  options: Signature["options"] = {},
): Signature {
  const lists = Object.entries(added).flatMap(([name, more]) => {
    const all = [...signaturesOf(signature.options[name]), ...more];
    return more.length === 0 ? [] : [[name, all]];
  });
  return {
    ...signature,
    options: { ...signature.options, ...Object.fromEntries(lists), ...options },
  };
}

function pick(options: Signature["options"], names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => (options[name] == null ? [] : [[name, options[name]]])),
  );
}
