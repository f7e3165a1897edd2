import { type OrangeryError, textOf } from "../../errors.ts";

/**
 * What a failed start rules out. `attempt`: only itself, the next may succeed unchanged. `slot`:
 * all starts on this device. `fleet`: all starts on any device. `program`: all starts of this
 * version of the program, even on devices that have worked.
 */
export type RuledOut = "attempt" | "slot" | "fleet" | "program";

/** Why a worker process did not become ready, or stopped working. */
export interface StartFailure {
  /** The error's, or `UNKNOWN`. */
  readonly code: string;
  readonly message: string;
  readonly ruledOut: RuledOut;
}

/** Describes the error that a start has ended with. */
export function toStartFailure(error: unknown): StartFailure {
  return {
    code: knowsItself(error) ? error.code : "UNKNOWN",
    message: textOf(error),
    ruledOut: ruledOutBy(error),
  };
}

/** An error without `retryable` counts as one that may pass. */
function ruledOutBy(error: unknown): RuledOut {
  if (!knowsItself(error) || mayPass(error)) return "attempt";
  if (error.code === "LEDGER_NEWER") return "program";
  return error.code === "DEVICE_UNAVAILABLE" ? "slot" : "fleet";
}

/** Not `instanceof`: a module of tasks may use another copy of the package. */
function knowsItself(error: unknown): error is OrangeryError {
  return error instanceof Error && "retryable" in error && typeof error.retryable === "boolean";
}

/**
 * Whether another start may succeed. A device may be busy or short of memory for a while, which may
 * also be why a required device could not be used.
 */
function mayPass({ retryable, blames, cause }: OrangeryError): boolean {
  if (retryable || blames === "device") return true;
  return blames === "machine" && knowsItself(cause) && mayPass(cause);
}
