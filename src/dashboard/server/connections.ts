import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** The last request of a connection, and its answer. */
interface Exchanged {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Keeps a server's connections to a number. Where there are more, it closes the oldest one
 * that is idle or has not sent a whole request, so that slow clients keep nobody out.
 */
export function limitConnections(server: Server, most: number): void {
  const open = new Map<Socket, Exchanged | undefined>();
  server.on("connection", (socket: Socket) => {
    open.set(socket, undefined);
    socket.on("close", () => open.delete(socket));
    if (open.size <= most) return;
    for (const [each, exchanged] of open) if (isIdle(exchanged)) return void each.destroy();
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    open.set(request.socket, { request, response });
  });
}

function isIdle(exchanged: Exchanged | undefined): boolean {
  if (exchanged === undefined) return true;
  return !exchanged.request.complete || exchanged.response.writableFinished;
}
