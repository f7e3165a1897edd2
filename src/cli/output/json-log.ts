import { hideCredentials } from "../../base/url.ts";
import type { Logger } from "../../logger.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Logs one JSON object a line to standard error, as pino does: level, time, fields, message. */
export function jsonLog(lowest: LogLevel = "info", bound: object = {}): Logger {
  const write = (level: LogLevel) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(lowest)) return () => {};
    return (fields: object, message: string) => {
      const line = { level, time: new Date().toISOString(), pid: process.pid, ...bound, ...fields };
      const text = JSON.stringify({ ...line, msg: message }, toReadable);
      // What libraries write, too.
      process.stderr.write(`${hideCredentials(text)}\n`);
    };
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => jsonLog(lowest, { ...bound, ...fields }),
  };
}

/** JSON shows nothing of an error by itself, and of a time more digits than were measured. */
function toReadable(key: string, value: unknown): unknown {
  if (key.endsWith("Ms") && typeof value === "number") return Math.round(10 * value) / 10;
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  return {
    name,
    ...("code" in value && { code: value.code }),
    message,
    stack,
    ...(cause !== undefined && { cause }),
  };
}
