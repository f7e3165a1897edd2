import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Registry } from "prom-client";
import { OrangeryError, textOf } from "../errors.ts";

export interface MonitorServerOptions {
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** The answer of `/health`: any answer means that the process is healthy. */
  readonly health: () => object;
  readonly ready: () => Readiness;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not. */
  readonly reasons: readonly string[];
}

/** Enough for many scrapers and probes. More is a mistake that must not exhaust the memory. */
const mostConnections = 100;

/** Serves `/metrics`, `/health` and `/ready` by HTTP, until it is disposed. */
export class MonitorServer implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    const { address, family, port } = server.address() as AddressInfo;
    this.url = `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** @throws `PORT_UNAVAILABLE` */
  static async listen(options: MonitorServerOptions): Promise<MonitorServer> {
    const { host = "127.0.0.1", port } = options;
    const server = createServer((request, response) => {
      answer(request, response, options).catch((error: unknown) => {
        const text = textOf(error);
        respond(response, 500, { error: text });
      });
    });
    server.maxConnections = mostConnections;
    server.listen(port, host);
    try {
      await once(server, "listening");
    } catch (cause) {
      throw new OrangeryError(
        "PORT_UNAVAILABLE",
        `Expected to listen on port ${port} of ${host}, but that is not possible: ` +
          `${(cause as Error).message}. Name another port, or 0 for any that is free.`,
        { cause, details: { host, port } },
      );
    }
    return new MonitorServer(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(
  { method, url = "/" }: IncomingMessage,
  response: ServerResponse,
  { metrics, health, ready }: MonitorServerOptions,
): Promise<void> {
  if (method !== "GET" && method !== "HEAD") return respond(response, 405, { error: "GET only" });
  const [path] = url.split("?");
  if (path === "/metrics") respond(response, 200, await metrics());
  else if (path === "/health") respond(response, 200, health());
  else if (path === "/ready") {
    const readiness = ready();
    respond(response, readiness.ready ? 200 : 503, readiness);
  } else respond(response, 404, { error: "there are /metrics, /health and /ready" });
}

/** @param body Metrics in Prometheus' format, or an object for JSON. */
function respond(response: ServerResponse, status: number, body: string | object): void {
  const [type, text] =
    typeof body === "string"
      ? [Registry.PROMETHEUS_CONTENT_TYPE, body]
      : ["application/json", `${JSON.stringify(body)}\n`];
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(text);
}
