import type { OrangeryError } from "../../errors.ts";

/**
 * What a failed start rules out. `attempt`: the next one may succeed, though nobody changes
 * anything. `slot`: none on this device can. `fleet`: none on any device can. `program`: none of
 * this version of the program can, whatever has worked before.
 */
export type RuledOut = "attempt" | "slot" | "fleet" | "program";

/** Why a worker process did not become ready, or works no more. */
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
    message: error instanceof Error ? error.message : String(error),
    ruledOut: ruledOutBy(error),
  };
}

/** An error that does not say whether it passes is taken for one that may. */
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
 * Whether another start may succeed. A device may be busy, or short of memory, for a while; this is
 * also what may be behind a device that was required and could not be used.
 */
function mayPass({ retryable, blames, cause }: OrangeryError): boolean {
  if (retryable || blames === "device") return true;
  return blames === "machine" && knowsItself(cause) && mayPass(cause);
}
