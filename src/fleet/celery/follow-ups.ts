import { randomUUID } from "node:crypto";
import type { CeleryResults, ChordPart, FailedChord } from "./app/celery-results.ts";
import { applySignature } from "./protocol/canvas.ts";
import type { AppliedAfter, AppliedSignature, Routing } from "./protocol/canvas-task.ts";
import {
  endsOf,
  idOf,
  kindOf,
  membersOf,
  type ResultTuple,
  signaturesOf,
  UnsupportedCanvas,
} from "./protocol/canvas-tree.ts";
import { type CeleryMessage, isSignature, type Signature } from "./protocol/celery-message.ts";
import {
  celeryException,
  celeryExceptions,
  type PythonException,
} from "./protocol/python-exception.ts";
import type { SentMessage } from "./protocol/sent-message.ts";

/** What to send after a task has ended. */
export interface FollowedBy {
  readonly sent: readonly SentMessage[];
  readonly children: readonly ResultTuple[];
  /** Chords that are finished once these messages are sent. */
  readonly endedChords: readonly string[];
}

export interface FollowUpsOptions {
  readonly results: CeleryResults;
  readonly routing: Routing;
}

interface Failed {
  readonly state: "FAILURE" | "REVOKED";
  readonly exception: PythonException;
  readonly isStored: boolean;
}

const nothing: FollowedBy = { sent: [], children: [], endedChords: [] };

/** What Celery's canvas sends after a task: callbacks, the rest of a chain, errbacks, a chord. */
export class FollowUps {
  readonly #options: FollowUpsOptions;

  constructor(options: FollowUpsOptions) {
    this.#options = options;
  }

  /** Returns which part of a message's canvas cannot be sent from here, before its task starts. */
  findUnsupported(message: CeleryMessage): string | undefined {
    const { errbacks, chord } = message;
    try {
      const next = this.#applyNext(message, null);
      const others = [...errbacks, ...(chord ? [chord] : [])].map((signature) =>
        this.#apply(signature, message, { args: [null] }),
      );
      const hasChord = [...next, ...others].some(({ chords }) => chords.length > 0);
      if (hasChord && this.#options.results.chords === undefined) {
        throw new UnsupportedCanvas("a chord where the result backend counts none");
      }
      return undefined;
    } catch (error) {
      if (error instanceof UnsupportedCanvas) {
        return `Orangery does not send ${error.message}. Let a worker of Python run this task.`;
      }
      return `The task's canvas is not valid: ${String(error)}`;
    }
  }

  /** What follows a task that has succeeded. Registers the chords that begin. */
  async afterSuccess(message: CeleryMessage, result: unknown): Promise<FollowedBy> {
    const applied = this.#applyNext(message, result);
    await this.#begin(applied);
    return {
      sent: applied.flatMap(({ sent }) => sent),
      children: applied.map((next) => next.result),
      endedChords: [],
    };
  }

  /** What follows when a task of a chord's header has ended: the body, after the last. */
  async afterPart(
    message: CeleryMessage,
    { state, result }: Pick<ChordPart, "state" | "result">,
  ): Promise<FollowedBy> {
    const { id, group, groupIndex, chord } = message;
    if (chord === undefined || group === undefined) return nothing;
    return await this.#addPart({ id, group, groupIndex, state, result }, chord, message);
  }

  /** What follows a task that has failed: the tasks of its chain fail with it. */
  async afterFailure(message: CeleryMessage, failed: Failed): Promise<FollowedBy> {
    const { state, exception, isStored } = failed;
    const ended = [await this.afterPart(message, { state, result: exception })];
    if (state === "FAILURE") {
      for (const next of message.chain) {
        ended.push(await this.#failUnsent(next, message, { exception, isStored }));
      }
      ended.push({ ...nothing, sent: this.#errbacks(message.errbacks, message.id, message) });
    }
    return { ...together(ended), children: [] };
  }

  #applyNext(message: CeleryMessage, result: unknown): AppliedSignature[] {
    const { callbacks, chain } = message;
    const args = [result];
    const applied = callbacks.map((callback) => this.#apply(callback, message, { args }));
    const next = chain.at(-1);
    if (next !== undefined) {
      applied.push(this.#apply(next, message, { args, chain: chain.slice(0, -1) }));
    }
    return applied;
  }

  #apply(
    signature: Signature,
    { id, rootId }: CeleryMessage,
    after: Partial<AppliedAfter>,
  ): AppliedSignature {
    const from = { rootId, parentId: id, ...after };
    return applySignature(signature, from, this.#options.routing);
  }

  /** Fails the tasks of a signature that will not be sent, and their chords. */
  async #failUnsent(
    signature: Signature,
    message: CeleryMessage,
    { exception, isStored }: Omit<Failed, "state">,
  ): Promise<FollowedBy> {
    const ended: FollowedBy[] = [];
    for (const { options } of membersOf(signature)) {
      const { task_id: id, group_id: group, group_index, chord } = options;
      if (typeof id !== "string") continue;
      if (isStored) await this.#storeFailure(id, options, exception);
      if (!isSignature(chord) || typeof group !== "string") continue;
      const groupIndex = typeof group_index === "number" ? group_index : undefined;
      const part = { id, group, groupIndex, state: "FAILURE", result: exception } as const;
      ended.push(await this.#addPart(part, chord, message));
    }
    return together(ended);
  }

  async #addPart(part: ChordPart, body: Signature, message: CeleryMessage): Promise<FollowedBy> {
    const complete = await this.#options.results.chords?.addPart(part);
    if (complete === undefined) return nothing;
    const endedChords = [complete.group];
    if ("failure" in complete) {
      const failed = await this.#failBody(body, complete, message);
      return together([failed, { ...nothing, endedChords }]);
    }
    const applied = this.#apply(body, message, { args: [complete.results] });
    await this.#begin([applied]);
    return { sent: applied.sent, children: [applied.result], endedChords };
  }

  /** A chord's body, and what follows it, fails with any task of its header. */
  async #failBody(
    body: Signature,
    { failure, cause }: FailedChord,
    message: CeleryMessage,
  ): Promise<FollowedBy> {
    const chordError = celeryException(celeryExceptions.chordError, failure);
    const isGroup = kindOf(body) === "group";
    const exception = (isGroup && cause) || chordError;
    const ended = [await this.#failUnsent(body, message, { exception, isStored: true })];
    for (const next of signaturesOf(body.options.chain)) {
      ended.push(await this.#failUnsent(next, message, { exception: chordError, isStored: true }));
    }
    for (const end of endsOf(body)) {
      const own = isGroup ? signaturesOf(end.options.link_error) : [];
      const errbacks = [...own, ...signaturesOf(body.options.link_error)];
      const sent = this.#errbacks(errbacks, idOf(end) ?? message.id, message);
      ended.push({ ...nothing, sent });
    }
    return together(ended);
  }

  async #begin(applied: readonly AppliedSignature[]): Promise<void> {
    for (const chord of applied.flatMap(({ chords }) => chords)) {
      await this.#options.results.chords?.begin(chord);
    }
  }

  async #storeFailure(
    id: string,
    { reply_to }: Signature["options"],
    exception: PythonException,
  ): Promise<void> {
    const replyTo = typeof reply_to === "string" ? reply_to : undefined;
    await this.#options.results.storeFailed({ id, status: "FAILURE", exception, replyTo });
  }

  /** Errbacks get the id of what has failed, together as a group. */
  #errbacks(errbacks: readonly Signature[], id: string, message: CeleryMessage): SentMessage[] {
    const group = randomUUID();
    return errbacks.flatMap((errback, groupIndex) => {
      const after = { args: [id], parentId: id, group, groupIndex };
      return this.#apply(errback, message, after).sent;
    });
  }
}

function together(parts: readonly FollowedBy[]): FollowedBy {
  return {
    sent: parts.flatMap(({ sent }) => sent),
    children: parts.flatMap(({ children }) => children),
    endedChords: parts.flatMap(({ endedChords }) => endedChords),
  };
}
