import type { Logger } from "../../logger.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** One JSON object a line on standard error, as pino writes it: level, time, fields, message. */
export function jsonLog(least: LogLevel = "info", bound: object = {}): Logger {
  const write = (level: LogLevel) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(least)) return () => {};
    return (fields: object, message: string) => {
      const line = { level, time: new Date().toISOString(), pid: process.pid, ...bound, ...fields };
      process.stderr.write(`${JSON.stringify({ ...line, msg: message }, replaceError)}\n`);
    };
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => jsonLog(least, { ...bound, ...fields }),
  };
}

/** Errors have no fields of their own that JSON would show. */
function replaceError(_key: string, value: unknown): unknown {
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
