import { cpus } from "node:os";
import type { Logger } from "../../../logger.ts";
import type { Delivered, PublishedMessage } from "../app/celery-broker.ts";
import type { CeleryMessage } from "../protocol/celery-message.ts";
import { decodeBody, isRecord, openEnvelope, toEnvelope } from "../protocol/envelope.ts";
import { pythonRepr } from "../protocol/python-exception.ts";
import type { CeleryEvents } from "./celery-events.ts";
import type { RevokedTasks } from "./revoked-tasks.ts";

/** What a worker exposes to control commands. */
export interface CeleryNode {
  readonly hostname: string;
  readonly queues: readonly string[];
  readonly tasks: readonly string[];
  readonly concurrency: number;
  readonly broker: string;
  /** Messages that are worked on. */
  readonly active: () => readonly { readonly message: CeleryMessage; readonly sinceMs: number }[];
  /** How many messages of each task have ended. */
  readonly totals: () => Readonly<Record<string, number>>;
  readonly revoked: RevokedTasks;
  /** Records that tasks are revoked, and aborts running ones, which it returns. */
  readonly revoke: (
    ids: readonly string[],
    options: { readonly isTerminated: boolean },
  ) => Promise<readonly string[]>;
  readonly shutDown: () => void;
}

export interface CeleryControlOptions {
  readonly node: CeleryNode;
  readonly events: CeleryEvents;
  readonly reply: (message: PublishedMessage) => Promise<void>;
  readonly logger: Logger;
}

type Arguments = Readonly<Record<string, unknown>>;

const startedAt = Date.now();

/** Obeys and answers the commands of `celery inspect`, `celery control` and Flower. */
export class CeleryControl {
  readonly #options: CeleryControlOptions;
  readonly #commands: Readonly<Record<string, (given: Arguments) => unknown>>;

  constructor(options: CeleryControlOptions) {
    this.#options = options;
    const { node, events } = options;
    const active = () => node.active().map((running) => describe(running, node.hostname));
    const registered = () => node.tasks;
    this.#commands = {
      ping: () => ({ ok: "pong" }),
      hello: (given) => this.#greet(given),
      clock: () => ({ clock: events.clock }),
      active,
      dump_active: active,
      reserved: () => [],
      dump_reserved: () => [],
      scheduled: () => [],
      dump_schedule: () => [],
      revoked: () => Object.keys(node.revoked.toJSON()),
      dump_revoked: () => Object.keys(node.revoked.toJSON()),
      registered,
      dump_tasks: registered,
      active_queues: () => node.queues.map(describeQueue),
      stats: () => this.#readStats(),
      conf: () => ({ task_serializer: "json", accept_content: ["json"] }),
      report: () => ({ ok: `orangery on Node ${process.version}, ${process.platform}` }),
      query_task: ({ ids }) => this.#query(ids),
      enable_events: () => this.#setEvents(true),
      disable_events: () => this.#setEvents(false),
      heartbeat: () => void events.beat(),
      revoke: (given) => this.#revoke(given),
      terminate: (given) => this.#revoke({ ...given, terminate: true }),
      shutdown: () => node.shutDown(),
    };
  }

  /** Receives what is published to all workers. Never throws. */
  readonly receive = (delivered: Delivered): void => {
    void this.#receive(delivered).catch((err: unknown) =>
      this.#options.logger.warn({ err }, "a control command could not be read or answered"),
    );
  };

  async #receive(delivered: Delivered): Promise<void> {
    const { node, events, logger } = this.#options;
    const { headers, command } = readCommand(delivered);
    events.adjustClock(headers.clock);
    const { method, destination, pattern, matcher } = command;
    const { expires } = headers;
    if (typeof expires === "number" && expires > 0 && Date.now() / 1000 > expires + 60) return;
    if (Array.isArray(destination) && !destination.includes(node.hostname)) return;
    const isMeant = matches(node.hostname, { pattern, matcher });
    if (destination == null && !isMeant) return;
    const name = String(method);
    const run = Object.hasOwn(this.#commands, name) ? this.#commands[name] : undefined;
    if (run) logger.debug({ method }, "a control command was received");
    else logger.warn({ method }, "an unknown control command was received");
    const given = isRecord(command.arguments) ? command.arguments : {};
    let reply: unknown;
    try {
      // Without an answer, Celery's tools would report that no worker is there.
      reply = run ? await run(given) : { error: `this worker does not know ${name}` };
    } catch (error) {
      reply = { error: String(error) };
    }
    const { reply_to, ticket } = command;
    if (!isRecord(reply_to)) return;
    await this.#reply(reply ?? null, { to: reply_to, ticket });
  }

  async #reply(
    reply: unknown,
    { to, ticket }: { readonly to: Arguments; readonly ticket: unknown },
  ): Promise<void> {
    const { node, events, reply: send } = this.#options;
    const { exchange, routing_key: routingKey } = to;
    if (typeof exchange !== "string" || typeof routingKey !== "string") return;
    const envelope = toEnvelope(
      { [node.hostname]: reply },
      { headers: { ticket, clock: events.clock }, exchange, routingKey },
    );
    await send({ exchange, routingKey, envelope });
  }

  #greet({ from_node, revoked }: Arguments): unknown {
    const { node, events } = this.#options;
    if (from_node === node.hostname) return undefined;
    for (const [id, at] of Object.entries(isRecord(revoked) ? revoked : {})) {
      node.revoked.add(id, typeof at === "number" ? at : undefined);
    }
    return { revoked: node.revoked.toJSON(), clock: events.clock };
  }

  #setEvents(isOn: boolean): unknown {
    const { events } = this.#options;
    const was = events.hasTaskEvents;
    events.hasTaskEvents = isOn;
    const word = isOn ? "enabled" : "disabled";
    return { ok: was === isOn ? `task events already ${word}` : `task events ${word}` };
  }

  async #revoke({ task_id, terminate }: Arguments): Promise<unknown> {
    const { node } = this.#options;
    const ids = [task_id].flat().filter((id) => typeof id === "string");
    for (const id of ids) node.revoked.add(id);
    const isTerminated = terminate === true;
    const ran = await node.revoke(ids, { isTerminated });
    if (!isTerminated) return { ok: `tasks ${ids.join(", ")} flagged as revoked` };
    return { ok: ran.length > 0 ? `terminate: ${ran.join(", ")}` : "terminate: tasks unknown" };
  }

  #query(ids: unknown): unknown {
    const { node } = this.#options;
    const wanted = new Set([ids].flat());
    const found = node.active().filter(({ message }) => wanted.has(message.id));
    return Object.fromEntries(
      found.map((running) => [running.message.id, ["active", describe(running, node.hostname)]]),
    );
  }

  #readStats(): unknown {
    const { node, events } = this.#options;
    const { hostname, port, pathname, protocol } = new URL(node.broker.split(";", 1)[0]!);
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    return {
      total: node.totals(),
      pid: process.pid,
      clock: String(events.clock),
      uptime: Math.round((Date.now() - startedAt) / 1000),
      pool: {
        implementation: "orangery",
        "max-concurrency": node.concurrency,
        processes: [process.pid],
        "max-tasks-per-child": "N/A",
        "put-guarded-by-semaphore": false,
        timeouts: [0, 0],
        writes: {},
      },
      broker: {
        hostname,
        port: Number(port || (protocol.startsWith("redis") ? 6379 : 5672)),
        transport: protocol.slice(0, -1),
        virtual_host: pathname.slice(1) || (protocol.startsWith("redis") ? "0" : "/"),
        userid: null,
        ssl: protocol === "rediss:" || protocol === "amqps:",
      },
      prefetch_count: node.concurrency,
      rusage: { utime: userCPUTime / 1e6, stime: systemCPUTime / 1e6, maxrss: maxRSS },
      cpus: cpus().length,
    };
  }
}

interface Command {
  readonly headers: Arguments;
  readonly command: Arguments;
}

function readCommand(delivered: Delivered): Command {
  const envelope = openEnvelope(delivered);
  const { headers } = envelope;
  if (envelope["content-type"] !== "application/json") {
    throw new Error(`Expected a control command in JSON, got ${envelope["content-type"]}`);
  }
  const command = JSON.parse(decodeBody(envelope));
  if (!isRecord(command)) throw new Error("Expected a control command that is an object");
  return { headers, command };
}

/** Celery has two ways to match several nodes; only shell patterns are supported. */
function matches(
  hostname: string,
  { pattern, matcher }: { readonly pattern: unknown; readonly matcher: unknown },
): boolean {
  if (typeof pattern !== "string" || typeof matcher !== "string") return true;
  if (matcher === "pcre") return new RegExp(`^(?:${pattern})`).test(hostname);
  if (matcher !== "glob") return false;
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(hostname);
}

function describe(
  { message, sinceMs }: { readonly message: CeleryMessage; readonly sinceMs: number },
  hostname: string,
): object {
  const { id, task, args, kwargs, queue, priority, isRedelivered, parentId } = message;
  return {
    id,
    name: task,
    // In printed form, so that nothing large is sent.
    args: [pythonRepr(args)],
    kwargs: { shown: pythonRepr(kwargs) },
    type: task,
    hostname,
    time_start: sinceMs / 1000,
    acknowledged: false,
    delivery_info: { exchange: "", routing_key: queue, priority, redelivered: isRedelivered },
    worker_pid: process.pid,
    parent_id: parentId ?? null,
  };
}

/** With every field that Celery's own workers send: Flower reads them all. */
function describeQueue(name: string): object {
  const lasting = { durable: true, auto_delete: false };
  return {
    name,
    exchange: {
      name,
      type: "direct",
      arguments: null,
      ...lasting,
      passive: false,
      delivery_mode: null,
      no_declare: false,
    },
    routing_key: name,
    ...lasting,
    exclusive: false,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
    queue_arguments: null,
    binding_arguments: null,
    consumer_arguments: null,
    expires: null,
    message_ttl: null,
    max_length: null,
    max_length_bytes: null,
    max_priority: null,
  };
}
