import { format } from "node:util";
import type { Logger } from "../../logger.ts";

/**
 * Sends to the logger what libraries and Node.js write to standard error, so that it contains only
 * log lines. BullMQ and ioredis warn on the console for each connection: repeated texts are logged
 * once.
 */
export function logConsole(logger: Logger): void {
  let last: string | undefined;
  const write =
    (level: "warn" | "error") =>
    (...values: readonly unknown[]) => {
      const text = format(...values);
      if (text === last) return;
      last = text;
      logger[level]({ text }, "something was written to the console");
    };
  console.warn = write("warn");
  console.error = write("error");
  console.trace = write("warn");
  // Node's own listener, the only one so far, prints warnings.
  process.removeAllListeners("warning");
  process.on("warning", (err) => logger.warn({ err }, "Node.js warns"));
}
