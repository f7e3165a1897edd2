import { randomUUID } from "node:crypto";
import type { CeleryResults, ChordPart } from "./app/celery-results.ts";
import {
  type AppliedAfter,
  type AppliedSignature,
  applySignature,
  idOf,
  idsOf,
  type ResultTuple,
  type Routing,
  UnsupportedCanvas,
} from "./protocol/canvas.ts";
import { type CeleryMessage, isSignature, type Signature } from "./protocol/celery-message.ts";
import {
  celeryException,
  celeryExceptions,
  type PythonException,
} from "./protocol/python-exception.ts";
import type { SentMessage } from "./protocol/sent-message.ts";

/** What follows a task that has ended. */
export interface FollowedBy {
  readonly sent: readonly SentMessage[];
  readonly children: readonly ResultTuple[];
  /** Chords that are done with when these messages are sent. */
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

/** What Celery's canvas has follow a task: callbacks, the rest of a chain, errbacks, a chord. */
export class FollowUps {
  readonly #options: FollowUpsOptions;

  constructor(options: FollowUpsOptions) {
    this.#options = options;
  }

  /** Says what of a message's canvas cannot be sent from here, before its task is begun. */
  findUnsupported(message: CeleryMessage): string | undefined {
    const { errbacks, chord } = message;
    try {
      const next = this.#applyNext(message, null);
      const others = [...errbacks, ...(chord ? [chord] : [])].map((signature) =>
        this.#apply(signature, message, { args: [null] }),
      );
      const hasChord = [...next, ...others].some(({ chordSizes }) => chordSizes.length > 0);
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

  /** What follows a task that has succeeded. Notes the sizes of chords that begin. */
  async afterSuccess(message: CeleryMessage, result: unknown): Promise<FollowedBy> {
    const applied = this.#applyNext(message, result);
    const sizes = applied.flatMap(({ chordSizes }) => chordSizes);
    for (const { group, size } of sizes) await this.#options.results.chords?.setSize(group, size);
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
    const own = await this.afterPart(message, { state, result: exception });
    const sent = [...own.sent];
    const endedChords = [...own.endedChords];
    if (state !== "FAILURE") return { sent, children: [], endedChords };
    for (const next of message.chain) {
      const ended = await this.#failNext(next, message, { exception, isStored });
      sent.push(...ended.sent);
      endedChords.push(...ended.endedChords);
    }
    sent.push(...this.#errbacks(message.errbacks, message.id, message));
    return { sent, children: [], endedChords };
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

  async #failNext(
    next: Signature,
    message: CeleryMessage,
    { exception, isStored }: Omit<Failed, "state">,
  ): Promise<FollowedBy> {
    const id = idOf(next);
    const { group_id, group_index, chord } = next.options;
    if (id === undefined) return nothing;
    if (isStored) await this.#storeFailure(next, id, exception);
    if (!isSignature(chord) || typeof group_id !== "string") return nothing;
    const groupIndex = typeof group_index === "number" ? group_index : undefined;
    const part = { id, group: group_id, groupIndex, state: "FAILURE", result: exception } as const;
    return await this.#addPart(part, chord, message);
  }

  async #addPart(part: ChordPart, body: Signature, message: CeleryMessage): Promise<FollowedBy> {
    const complete = await this.#options.results.chords?.addPart(part);
    if (complete === undefined) return nothing;
    const { group, results, failure } = complete;
    const endedChords = [group];
    if (results === undefined) {
      const sent = await this.#failBody(body, failure ?? "Join error", message);
      return { sent, children: [], endedChords };
    }
    const applied = this.#apply(body, message, { args: [results] });
    for (const { group: inner, size } of applied.chordSizes) {
      await this.#options.results.chords?.setSize(inner, size);
    }
    return { sent: applied.sent, children: [applied.result], endedChords };
  }

  /** The body of a chord fails with a task of its header: each of its tasks. */
  async #failBody(
    body: Signature,
    failure: string,
    message: CeleryMessage,
  ): Promise<SentMessage[]> {
    const exception = celeryException(celeryExceptions.chordError, failure);
    const errbacks = [body.options.link_error ?? []].flat().filter(isSignature);
    const sent: SentMessage[] = [];
    for (const id of idsOf(body)) {
      await this.#storeFailure(body, id, exception);
      sent.push(...this.#errbacks(errbacks, id, message));
    }
    return sent;
  }

  async #storeFailure(
    { options }: Signature,
    id: string,
    exception: PythonException,
  ): Promise<void> {
    const replyTo = typeof options.reply_to === "string" ? options.reply_to : undefined;
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
