import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isOrangeryError, OrangeryError } from "../errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { PhotoPictures } from "./pictures/photo-pictures.ts";
import { DashboardRoutes, type QueueSource } from "./routes.ts";
import { Refusal, sendJson } from "./server/answers.ts";
import { limitConnections } from "./server/connections.ts";
import { isLoopback } from "./server/request-checks.ts";
import { type Passwords, Sessions } from "./server/sessions.ts";
import type { MachineView } from "./views/machine-view.ts";

export interface DashboardOptions extends Passwords {
  /** Opened read-only. It stays the caller's. Undefined for a queue without results. */
  readonly ledger?: Ledger | undefined;
  /**
   * The same results, opened to write: for what people change. Without it they can only look. It
   * stays the caller's, too.
   */
  readonly changes?: Ledger | undefined;
  /** A queue that is shown beside the results, or alone. It stays the caller's. */
  readonly queue?: QueueSource | undefined;
  /** Default 127.0.0.1: this machine only. Others need a password. */
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** Names by which the server is reached, besides the machine's own. */
  readonly hostNames?: readonly string[] | undefined;
  /** Whether `http(s)` photos may come from private addresses. Default false. */
  readonly allowPrivateAddresses?: boolean | undefined;
  /** What only the working process knows. */
  readonly machine?: (() => MachineView) | undefined;
  readonly logger?: Logger | undefined;
}

/** Enough for many windows: each holds one connection for its event stream. */
const mostConnections = 200;

/** Serves the control room by HTTP, until it is disposed. */
export class Dashboard implements AsyncDisposable {
  /** As `http://127.0.0.1:8080/`. */
  readonly url: string;
  readonly #server: Server;
  readonly #routes: DashboardRoutes;
  readonly #pictures: PhotoPictures;

  private constructor(server: Server, routes: DashboardRoutes, pictures: PhotoPictures) {
    this.#server = server;
    this.#routes = routes;
    this.#pictures = pictures;
    const { address, family, port } = server.address() as AddressInfo;
    this.url = `http://${family === "IPv6" ? `[${address}]` : address}:${port}/`;
  }

  /** @throws `PORT_UNAVAILABLE`, `INVALID_ARGUMENT` for an address of others without a password */
  static async listen(options: DashboardOptions): Promise<Dashboard> {
    const { host = "127.0.0.1", port, logger = silentLogger } = options;
    const sessions = await Sessions.create(options);
    if (!isLoopback(host) && !sessions.isNeeded) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected a password to serve the control room on ${host}, where others reach it, got ` +
          "none. Set ORANGERY_DASHBOARD_PASSWORD, or leave the host out.",
        { details: { host } },
      );
    }
    const pictures = new PhotoPictures(options.allowPrivateAddresses);
    const server = createServer({ requestTimeout: 30_000 });
    limitConnections(server, mostConnections);
    server.listen(port, host);
    try {
      await once(server, "listening");
    } catch (cause) {
      await pictures[Symbol.asyncDispose]();
      throw new OrangeryError(
        "PORT_UNAVAILABLE",
        `Expected to listen on port ${port} of ${host}, but that is not possible: ` +
          `${(cause as Error).message}. Name another port, or 0 for any that is free.`,
        { cause, details: { host, port } },
      );
    }
    const routes = new DashboardRoutes({
      ...options,
      sessions,
      pictures,
      port: (server.address() as AddressInfo).port,
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      routes.answer(request, response).catch((error: unknown) => {
        sendError(response, error, logger);
      });
    });
    return new Dashboard(server, routes, pictures);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#routes[Symbol.dispose]();
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    await this.#pictures[Symbol.asyncDispose]();
  }
}

/** Answers with what went wrong. What a stranger may see is a sentence and a code. */
function sendError(response: ServerResponse, error: unknown, logger: Logger): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (error instanceof Refusal) {
    sendJson(response, { error: error.message }, error.status);
  } else if (isOrangeryError(error)) {
    const { code, blames } = error;
    const status = blames === "photo" ? 404 : blames === "caller" ? 400 : 503;
    const message = blames === "photo" ? "The photo cannot be read." : error.message;
    sendJson(response, { error: message, code }, status);
  } else {
    logger.error({ error: String(error) }, "the control room could not answer");
    sendJson(response, { error: "Something went wrong." }, 500);
  }
}
