import type { ServerResponse } from "node:http";
import { securityHeaders } from "./answers.ts";

export interface EventStreamOptions {
  /** Makes the news; the same text as before is not sent again. */
  readonly read: () => Promise<object>;
  /** The shortest time between two readings. */
  readonly periodMs: number;
}

/** The share of a CPU that readings take at most, in a run that counts beside it. */
const mostShare = 0.01;
/** Bytes that wait for a client that does not read; with more, its connection is closed. */
const mostUnread = 2 ** 20;
/** Proxies close what is silent. */
const silenceMs = 20_000;

/**
 * Sends updates to all listening clients, as server-sent events. It reads while anyone listens,
 * once for all clients, and less often the longer a reading takes.
 */
export class EventStream implements Disposable {
  readonly #options: EventStreamOptions;
  /** And whether each may still listen. */
  readonly #clients = new Map<ServerResponse, () => boolean>();
  #timer: NodeJS.Timeout | undefined;
  #last = "";
  #isReading = false;
  #sentAtMs = 0;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Adds a client, until it goes or is no longer welcome. */
  add(response: ServerResponse, isWelcome: () => boolean = () => true): void {
    response.writeHead(200, {
      ...securityHeaders,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.write("retry: 2000\n\n");
    if (this.#last !== "") response.write(this.#last);
    this.#clients.set(response, isWelcome);
    response.on("close", () => this.#clients.delete(response));
    void this.#read();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const client of this.#clients.keys()) client.end();
    this.#clients.clear();
  }

  async #read(): Promise<void> {
    if (this.#isReading || this.#timer !== undefined) return;
    this.#isReading = true;
    const { read, periodMs } = this.#options;
    const [startedAtMs, before] = [performance.now(), process.cpuUsage()];
    for (const [client, isWelcome] of this.#clients) if (!isWelcome()) client.end();
    const news = await read().catch((error: unknown) => ({ trouble: (error as Error).message }));
    const { user, system } = process.cpuUsage(before);
    // The CPU time may be that of a run in this process, but is never more than the time passed.
    const workMs = Math.min(performance.now() - startedAtMs, (user + system) / 1000);
    this.#send(`data: ${JSON.stringify(news)}\n\n`);
    this.#isReading = false;
    if (this.#clients.size === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#read();
      },
      Math.max(periodMs, workMs / mostShare),
    ).unref();
  }

  #send(text: string): void {
    const nowMs = performance.now();
    if (text === this.#last && nowMs - this.#sentAtMs < silenceMs) return;
    this.#last = text;
    this.#sentAtMs = nowMs;
    for (const client of this.#clients.keys()) {
      if (client.writableLength > mostUnread) client.destroy();
      else if (!client.writableEnded) client.write(text);
    }
  }
}
