import { Registry } from "prom-client";
import { MonitorServer } from "../../monitor/monitor-server.ts";
import { addQueueGauges } from "../../monitor/queue-gauges.ts";
import { QueueWatch, type QueueWatchOptions } from "./queue-watch.ts";

export interface ServeDepthOptions extends QueueWatchOptions {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  readonly port: number;
}

/** Metrics of a queue alone, until it is disposed. */
export interface DepthServer extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves the depth of a queue by HTTP, without a worker: for alarms while there is none, and for
 * autoscaling from zero.
 *
 * @throws `PORT_UNAVAILABLE`
 */
export async function serveDepth({
  host,
  port,
  ...options
}: ServeDepthOptions): Promise<DepthServer> {
  await using stack = new AsyncDisposableStack();
  const watch = stack.use(new QueueWatch(options));
  const registry = new Registry();
  addQueueGauges(registry, () => watch.read());
  const { url } = stack.use(
    await MonitorServer.listen({
      host,
      port,
      metrics: () => registry.metrics(),
      health: () => ({ status: "ok" }),
      // An unreachable Redis is a value to serve, not an error.
      ready: () => ({ ready: true, reasons: [] }),
    }),
  );
  const owned = stack.move();
  return { url, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}
