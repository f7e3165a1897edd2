import { once } from "node:events";
import type { Logger } from "../../logger.ts";
import { logConsole } from "./log-console.ts";
import type { WorkerOrder } from "./worker-messages.ts";
import { WorkerProcess } from "./worker-process.ts";

/**
 * Runs a worker process: the program that a supervisor starts for a device slot. It obeys the
 * supervisor's messages, and drains when the supervisor is gone.
 *
 * Signals: SIGTERM drains, so that a single process can be ended. SIGINT and SIGHUP are ignored: a
 * terminal sends them to every process, and the supervisor handles them.
 *
 * @returns the exit status: 0 for an orderly end
 */
export async function runWorkerProcess(logger: Logger): Promise<number> {
  if (process.send === undefined) {
    logger.error({}, "a worker process is started by a supervisor, not by hand");
    return 1;
  }
  logConsole(logger);
  process.on("uncaughtException", (err) => {
    logger.error({ err }, "an error that nothing caught ends the process");
    process.exit(1);
  });
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  const [order]: [WorkerOrder] = (await once(process, "message")) as [WorkerOrder];
  if (order.type !== "begin") return 0;
  const { config } = order;
  const worker = new WorkerProcess({
    config,
    logger: logger.child({ worker: config.slot.name, queue: config.queue }),
    send: async (message) => {
      // The supervisor may be gone.
      if (!process.connected) return;
      await new Promise<void>((resolve) => process.send!(message, () => resolve()));
    },
  });
  process.on("message", (next: WorkerOrder) => worker.obey(next));
  process.once("SIGTERM", () => worker.drain(config.orphanDeadlineMs));
  process.once("disconnect", () => worker.drain(config.orphanDeadlineMs));
  return await worker.run();
}
