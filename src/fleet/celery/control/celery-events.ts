import type { PublishedMessage } from "../app/celery-broker.ts";
import { toEnvelope } from "../protocol/envelope.ts";

export interface CeleryEventsOptions {
  readonly hostname: string;
  /** Publishes to everybody who listens to events. */
  readonly publish: (message: PublishedMessage) => Promise<void>;
  /** Whether events of tasks are sent from the beginning. */
  readonly hasTaskEvents: boolean;
  /** The work figures of a heartbeat. */
  readonly counts: () => { readonly active: number; readonly processed: number };
}

/** Events of a task, as Celery names them. */
export type TaskEvent =
  | "task-received"
  | "task-started"
  | "task-succeeded"
  | "task-failed"
  | "task-retried"
  | "task-revoked"
  | "task-rejected";

/** As often as Celery's workers send a heartbeat. */
const heartbeatSeconds = 2;

const software = { sw_ident: "orangery", sw_ver: "0.1.0", sw_sys: process.platform };

/** Sends Celery's monitors, such as Flower, events about a worker and its tasks. */
export class CeleryEvents implements Disposable {
  readonly #options: CeleryEventsOptions;
  readonly #timer: NodeJS.Timeout;
  #hasTaskEvents: boolean;
  #clock = 0;
  #isBeating = false;

  constructor(options: CeleryEventsOptions) {
    this.#options = options;
    this.#hasTaskEvents = options.hasTaskEvents;
    this.#timer = setInterval(() => void this.beat(), 1000 * heartbeatSeconds);
    this.#timer.unref();
  }

  /** The logical clock with which monitors order the events of several workers. */
  get clock(): number {
    return this.#clock;
  }

  /** Advances past a clock that another worker has sent. */
  adjustClock(other: unknown): void {
    if (typeof other === "number" && Number.isSafeInteger(other)) {
      this.#clock = Math.max(this.#clock, other) + 1;
    }
  }

  get hasTaskEvents(): boolean {
    return this.#hasTaskEvents;
  }

  set hasTaskEvents(isOn: boolean) {
    this.#hasTaskEvents = isOn;
  }

  /** Announces the worker. */
  async online(): Promise<void> {
    await this.#publish("worker-online", this.#load);
  }

  async beat(): Promise<void> {
    // Heartbeats must not pile up while the broker is down.
    if (this.#isBeating) return;
    this.#isBeating = true;
    await this.#publish("worker-heartbeat", this.#load);
    this.#isBeating = false;
  }

  async offline(): Promise<void> {
    await this.#publish("worker-offline", this.#load);
  }

  /** Sends a task event if events are enabled. */
  task(type: TaskEvent, fields: object): void {
    if (this.#hasTaskEvents) void this.#publish(type, fields);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  get #load(): object {
    const { active, processed } = this.#options.counts();
    return { freq: heartbeatSeconds, active, processed, loadavg: [0, 0, 0], ...software };
  }

  /** No event is worth a task: what cannot be sent is dropped. */
  async #publish(type: TaskEvent | `worker-${string}`, fields: object): Promise<void> {
    const { hostname, publish } = this.#options;
    this.#clock++;
    const event = {
      hostname,
      utcoffset: new Date().getTimezoneOffset() / 60,
      pid: process.pid,
      clock: this.#clock,
      ...fields,
      timestamp: Date.now() / 1000,
      type,
    };
    const routingKey = type.replace("-", ".");
    const exchange = "celeryev";
    const envelope = toEnvelope(event, { headers: { hostname }, exchange, routingKey });
    await publish({ exchange, routingKey, envelope }).catch(() => {});
  }
}
