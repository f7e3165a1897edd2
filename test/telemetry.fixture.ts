import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { Telemetry } from "bullmq";

type Attributes = Readonly<Record<string, unknown>>;

/** A span that was recorded. */
export class RecordedSpan {
  readonly id: string;
  readonly name: string;
  readonly parent: string | undefined;
  readonly attributes: Record<string, unknown> = {};
  hasEnded = false;

  constructor(name: string, parent: string | undefined, id: string = randomUUID()) {
    this.name = name;
    this.parent = parent;
    this.id = id;
  }

  setSpanOnContext(): RecordedSpan {
    return this;
  }

  setAttribute(key: string, value: unknown): void {
    this.attributes[key] = value;
  }

  setAttributes(attributes: Attributes): void {
    Object.assign(this.attributes, attributes);
  }

  addEvent(): void {}

  recordException(): void {}

  end(): void {
    this.hasEnded = true;
  }
}

/** BullMQ's telemetry, kept in memory: its context is the span that is active. */
export class RecordingTelemetry implements Telemetry<RecordedSpan | undefined> {
  readonly spans: RecordedSpan[] = [];
  readonly #active = new AsyncLocalStorage<RecordedSpan | undefined>();

  readonly tracer = {
    startSpan: (name: string, _options?: unknown, context = this.#active.getStore()) => {
      const span = new RecordedSpan(name, context?.id);
      this.spans.push(span);
      return span;
    },
  };

  readonly contextManager: Telemetry["contextManager"] = {
    with: (context, run) => this.#active.run(context, run),
    active: () => this.#active.getStore(),
    root: () => undefined,
    getMetadata: (context) => JSON.stringify({ id: context?.id, name: context?.name }),
    fromMetadata: (_active, metadata) => {
      const { id, name } = JSON.parse(metadata);
      return new RecordedSpan(name, undefined, id);
    },
  };

  active(): RecordedSpan | undefined {
    return this.#active.getStore();
  }

  /** Runs something within a span of one's own. */
  async within<T>(name: string, run: () => Promise<T>): Promise<T> {
    return await this.#active.run(this.tracer.startSpan(name), run);
  }

  /** The names of the spans around a span, nearest first. */
  ancestors({ parent }: RecordedSpan): string[] {
    const span = this.spans.find(({ id }) => id === parent);
    return span === undefined ? [] : [span.name, ...this.ancestors(span)];
  }
}
