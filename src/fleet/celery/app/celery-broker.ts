import type { Logger } from "../../../logger.ts";
import type { JobLocks } from "../../jobs/job-locks.ts";
import type { FirstContact } from "../../queue/first-contact.ts";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { SentMessage } from "../protocol/sent-message.ts";
import type { CheckedCeleryOptions } from "./celery-options.ts";

/** What a broker delivers: parts, where its protocol separates them, or text to be parsed. */
export type Delivered = Envelope | string;

/** How the work on a message ends. */
export interface Settlement {
  /** The task whose crash mark is removed. */
  readonly taskId?: string | undefined;
  /** Messages to send with it. */
  readonly sent?: readonly SentMessage[] | undefined;
}

/** A message that this worker has taken. */
export interface TakenMessage {
  readonly content: Delivered;
  /** The queue that it was in. */
  readonly queue: string;
  /** Its delivery tag; empty once it is acknowledged. */
  readonly token: string;
  /** Acknowledges it before its task begins: its work continues, but a crash loses it. */
  acknowledge(): Promise<void>;
  /**
   * Ends the work on it: sends what follows, and acknowledges it unless that has been done. Returns
   * whether it was still this worker's.
   */
  settle(settlement: Settlement): Promise<boolean>;
  /** Puts it back at the front of its queue. Returns whether it was still this worker's. */
  giveBack(): Promise<boolean>;
  /** Keeps it until its time: milliseconds since 1970. */
  delay(etaMs: number): Promise<void>;
}

/** How many workers have died on a task, by its id. */
export interface DeathMarks {
  read(taskId: string): Promise<number>;
  write(taskId: string, marks: number): Promise<void>;
}

/** What goes to clients and tools: events, and answers to commands. */
export interface PublishedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly envelope: Envelope;
}

/** The broker of a Celery app, as a worker needs it. Requests wait while it is down. */
export interface CeleryBroker extends AsyncDisposable {
  /** Keeps messages leased to this worker while they are in progress. */
  readonly locks: Pick<JobLocks, "hold">;
  readonly marks: DeathMarks;
  /**
   * Resolves when messages and commands can be received; rejects if the broker refuses permanently.
   */
  open(signal: AbortSignal): Promise<void>;
  /** Waits for a message. May resolve to undefined without one, and does when the signal aborts. */
  take(signal: AbortSignal): Promise<TakenMessage | undefined>;
  /** Sends an event to everybody who listens. */
  publishEvent(message: PublishedMessage): Promise<void>;
  /** Sends an answer to whoever sent a command, if they are still there. */
  reply(message: PublishedMessage): Promise<void>;
  /** Asks for an answer. Rejects while there is no connection. */
  ping(): Promise<void>;
}

/** Options common to a worker's connections. */
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
