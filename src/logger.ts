/**
 * What the library writes its log to: any logger with pino's shape, `(object, message)`.
 * The library is silent unless it is given one.
 */
export interface Logger {
  /** Writes what helps to find an error. */
  debug(fields: object, message: string): void;
  /** Writes what happens in health. */
  info(fields: object, message: string): void;
  /** Writes what works otherwise than it was asked for. */
  warn(fields: object, message: string): void;
  /** Writes what failed. */
  error(fields: object, message: string): void;
  /** Returns a logger that adds fields to each line. */
  child(fields: object): Logger;
}

const ignore = () => {};

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => silentLogger,
};

/** A logger that writes to both. */
export function bothLoggers(first: Logger, second: Logger): Logger {
  const write =
    (level: "debug" | "info" | "warn" | "error") =>
    (fields: object, message: string): void => {
      first[level](fields, message);
      second[level](fields, message);
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => bothLoggers(first.child(fields), second.child(fields)),
  };
}
