import { type ErrorCode, isOrangeryError } from "../../../errors.ts";

/** An exception as Celery's backends store it: Python's client raises it again. */
export interface PythonException {
  readonly exc_type: string;
  readonly exc_message: readonly unknown[];
  readonly exc_module: string;
}

/** Makes an exception of a built-in Python class. */
export function builtinException(exc_type: string, ...exc_message: unknown[]): PythonException {
  return { exc_type, exc_message, exc_module: "builtins" };
}

/** Makes one of the exceptions of Celery, Kombu or Billiard. */
export function celeryException(
  [exc_module, exc_type]: readonly [module: string, type: string],
  ...exc_message: unknown[]
): PythonException {
  return { exc_type, exc_message, exc_module };
}

/** Exceptions that a client of Celery knows, as `[module, class]`. */
export const celeryExceptions = {
  chordError: ["celery.exceptions", "ChordError"],
  contentDisallowed: ["kombu.exceptions", "ContentDisallowed"],
  decodeError: ["kombu.exceptions", "DecodeError"],
  encodeError: ["kombu.exceptions", "EncodeError"],
  invalidTask: ["celery.exceptions", "InvalidTaskError"],
  notRegistered: ["celery.exceptions", "NotRegistered"],
  revoked: ["celery.exceptions", "TaskRevokedError"],
  softTimeLimit: ["billiard.exceptions", "SoftTimeLimitExceeded"],
  timeLimit: ["billiard.exceptions", "TimeLimitExceeded"],
  workerLost: ["billiard.exceptions", "WorkerLostError"],
} as const satisfies Record<string, readonly [string, string]>;

/** Codes for which Python has a class of its own; the others are `Exception`. */
const classes: Partial<Record<ErrorCode, string>> = {
  INVALID_ARGUMENT: "ValueError",
  JOB_DATA_INVALID: "ValueError",
  PHOTO_NOT_FOUND: "FileNotFoundError",
  MODEL_NOT_FOUND: "FileNotFoundError",
  MODEL_NAME_UNKNOWN: "KeyError",
  TASK_INTERRUPTED: "InterruptedError",
  NO_SPACE: "OSError",
  NOT_WRITABLE: "PermissionError",
};

/**
 * Converts an error of a task into an exception for Python: a built-in, or `Exception`. The message
 * of one of ours begins with its code.
 */
export function toPythonException(error: unknown): PythonException {
  if (isOrangeryError(error)) {
    const { code, message } = error;
    if (code === "JOB_CRASHED_WORKER") {
      return celeryException(celeryExceptions.workerLost, `${code}: ${message}`);
    }
    return builtinException(classes[code] ?? "Exception", `${code}: ${message}`);
  }
  if (!(error instanceof Error)) return builtinException("Exception", String(error));
  const { name, message } = error;
  if (name === "TypeError") return builtinException("TypeError", message);
  if (name === "RangeError") return builtinException("ValueError", message);
  return builtinException("Exception", name === "Error" ? message : `${name}: ${message}`);
}

/** `ValueError('bad 1')`, as Python prints it. */
export function reprException({ exc_type, exc_message }: PythonException): string {
  return `${exc_type}(${exc_message.map((value) => pythonRepr(value)).join(", ")})`;
}

const longestRepr = 1024;

/** Prints a value of JSON as Python's `repr` does, shortened. */
export function pythonRepr(value: unknown): string {
  const text = repr(value, 0);
  return text.length > longestRepr ? `${text.slice(0, longestRepr - 1)}…` : text;
}

/** Prints positional arguments as a tuple. */
export function pythonTuple(values: readonly unknown[]): string {
  const texts = values.map((value) => pythonRepr(value));
  return texts.length === 1 ? `(${texts[0]},)` : `(${texts.join(", ")})`;
}

function repr(value: unknown, depth: number): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quote(value.slice(0, longestRepr));
  if (typeof value !== "object") return String(value);
  if (depth > 3) return "...";
  if (Array.isArray(value)) {
    return `[${value
      .slice(0, 100)
      .map((item) => repr(item, depth + 1))
      .join(", ")}]`;
  }
  const entries = Object.entries(value).slice(0, 100);
  return `{${entries.map(([key, item]) => `${quote(key)}: ${repr(item, depth + 1)}`).join(", ")}}`;
}

function quote(text: string): string {
  const json = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return text.includes("'") && !text.includes('"')
    ? `"${json}"`
    : `'${json.replaceAll("'", "\\'")}'`;
}
