import { type Address, type FunctionTable, type Out, readFunctionTable } from "./function-table.ts";
import { findLibrary, type NativeLibrary, openLibrary } from "./library.ts";

/** ONNX Runtime as this thread sees it: the library's functions and the process's environment. */
export interface Environment {
  readonly library: NativeLibrary;
  readonly api: FunctionTable;
  readonly env: Address;
  /** The library's default CPU allocator; owned by the library. */
  readonly allocator: Address;
}

/** `ORT_LOGGING_LEVEL_FATAL`. */
export const logFatal = 4;

let opened: Environment | undefined;

/**
 * The environment, opened on first use. ONNX Runtime keeps one per process however often it is
 * asked: worker threads that call this share it. It lives until the process ends, because a
 * session may outlive the thread that opened it.
 *
 * Failures are not remembered, so a corrected `ORANGERY_ORT_LIBRARY` is picked up.
 *
 * @throws `ORT_LIBRARY_NOT_FOUND`, `ORT_LIBRARY_TOO_OLD`
 */
export function environment(): Environment {
  opened ??= open();
  return opened;
}

function open(): Environment {
  const library = openLibrary(findLibrary());
  const api = readFunctionTable(library.tableAddress);
  const env: Out<Address | null> = [null];
  // Callers get failures as errors; the library's log would print them a second time.
  api.CreateEnv(logFatal, "orangery", env);
  api.DisableTelemetryEvents(env[0]);
  const allocator: Out<Address | null> = [null];
  api.GetAllocatorWithDefaultOptions(allocator);
  return {
    library,
    api,
    env: env[0]!,
    allocator: allocator[0]!,
  };
}
