import type { Logger } from "../../../logger.ts";
import type { JobLocks } from "../../jobs/job-locks.ts";
import type { FirstContact } from "../../queue/first-contact.ts";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { SentMessage } from "../protocol/sent-message.ts";
import type { CheckedCeleryOptions } from "./celery-options.ts";

/** What a broker delivers: parts that its protocol takes apart, or text that should have them. */
export type Delivered = Envelope | string;

/** How the work on a message ends. */
export interface Settlement {
  /** Whose mark goes: how many workers have died on it is no longer of interest. */
  readonly taskId?: string | undefined;
  /** What is sent with it. */
  readonly sent?: readonly SentMessage[] | undefined;
}

/** A message that this worker has taken. */
export interface TakenMessage {
  readonly content: Delivered;
  /** The queue that it was in. */
  readonly queue: string;
  /** What it is held by while it is worked on; empty once it is acknowledged. */
  readonly token: string;
  /** Acknowledges it before its task begins: it is no longer this worker's, but goes on. */
  acknowledge(): Promise<void>;
  /**
   * Ends the work on it: sends what follows, and acknowledges it, unless that is done. Returns
   * whether it was still this worker's.
   */
  settle(settlement: Settlement): Promise<boolean>;
  /** Puts it first in its queue again. Returns whether it was still this worker's. */
  giveBack(): Promise<boolean>;
  /** Keeps it until its time: milliseconds since 1970. */
  delay(etaMs: number): Promise<void>;
}

/** How many workers have died on a task, by its id. */
export interface DeathMarks {
  read(taskId: string): Promise<number>;
  write(taskId: string, marks: number): Promise<void>;
}

/** What goes to others than workers: events, and answers to commands. */
export interface PublishedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly envelope: Envelope;
}

/** The broker of a Celery app, as a worker needs it. Its requests wait for one that is away. */
export interface CeleryBroker extends AsyncDisposable {
  /** Keeps messages this worker's while they are worked on. */
  readonly locks: Pick<JobLocks, "hold">;
  readonly marks: DeathMarks;
  /** Resolves when messages can be taken, and commands arrive; rejects when it refuses for good. */
  open(signal: AbortSignal): Promise<void>;
  /** Waits for a message. Undefined when there may be none, or when the signal has aborted. */
  take(signal: AbortSignal): Promise<TakenMessage | undefined>;
  /** Sends an event to everybody who listens. */
  publishEvent(message: PublishedMessage): Promise<void>;
  /** Sends an answer to whoever sent a command, if they are still there. */
  reply(message: PublishedMessage): Promise<void>;
  /** Asks for an answer. Rejects while there is no connection. */
  ping(): Promise<void>;
}

/** What connections of a worker have in common. */
export interface ServerOptions {
  readonly app: CheckedCeleryOptions;
  readonly patience: QueuePatience;
  readonly contact: FirstContact;
  readonly logger: Logger;
}

export interface BrokerOptions extends ServerOptions {
  /** Receives the commands that everybody gets. */
  readonly onCommand: (command: Delivered) => void;
}
