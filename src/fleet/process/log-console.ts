import { format } from "node:util";
import type { Logger } from "../../logger.ts";

/**
 * Sends to the logger what libraries and Node.js itself write to standard error, so that nothing
 * but lines of the log is there. BullMQ and ioredis warn by the console, each connection anew: the
 * same text in a row is logged once.
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
  // The only listener that there is by itself prints warnings.
  process.removeAllListeners("warning");
  process.on("warning", (err) => logger.warn({ err }, "Node.js warns"));
}
