import type { Logger } from "../../logger.ts";
import { MonitorServer, type Readiness } from "../../monitor/monitor-server.ts";
import { addQueueGauges, type QueueReading } from "../../monitor/queue-gauges.ts";
import { type SlotStatus, slotProblem } from "./slot-status.ts";
import type { Supervisor } from "./supervisor.ts";

export interface ServeFleetOptions {
  readonly supervisor: Supervisor;
  /** Reads the queue, for gauges of its depth; without it there are none. */
  readonly readQueue?: (() => Promise<QueueReading>) | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  readonly port: number;
  readonly logger: Logger;
}

/**
 * Serves a supervisor's metrics and health by HTTP.
 *
 * @throws `PORT_UNAVAILABLE`
 */
export async function serveFleet({
  supervisor,
  readQueue,
  host,
  port,
  logger,
}: ServeFleetOptions): Promise<MonitorServer> {
  if (readQueue !== undefined) addQueueGauges(supervisor.metrics.own, readQueue);
  const server = await MonitorServer.listen({
    host,
    port,
    metrics: () => supervisor.metrics.text(),
    health: () => ({ status: "ok", slots: supervisor.status.map(toHealth) }),
    ready: () => toReadiness(supervisor.status),
  });
  logger.info({ url: server.url }, "metrics and probes are served");
  return server;
}

/** Ready when every slot is. */
function toReadiness(slots: readonly SlotStatus[]): Readiness {
  const reasons = slots.flatMap((slot) => {
    const problem = slotProblem(slot);
    return problem === undefined ? [] : [`${slot.name}: ${problem}`];
  });
  return { ready: reasons.length === 0, reasons };
}

function toHealth(slot: SlotStatus) {
  const { name, state, pid, device, stats, failures, recycled } = slot;
  const reason = slotProblem(slot);
  const ready = reason === undefined;
  const { active, tasks, memory } = stats ?? {};
  return { name, state, ready, reason, pid, device, failures, recycled, active, tasks, memory };
}
