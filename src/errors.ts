/**
 * What has to change before the same work can succeed: the photo, the model file, the device, the
 * results database, the queue, the caller (arguments, or how something is used), or the machine
 * (disk, ports, installed software).
 */
export type Blame = "photo" | "model" | "device" | "ledger" | "queue" | "caller" | "machine";

/**
 * What a code means: what is to blame, whether trying again can help, and one
 * sentence for the docs. `docs/errors.md` lists every code; a test fails when the two disagree.
 * Codes are never reused.
 */
interface ErrorCodeEntry {
  readonly blames: Blame;
  readonly retryable: boolean;
  readonly summary: string;
}

/** Every code, with whose fault it is, whether trying again can help, and its meaning. */
export const errorCodes = {
  INVALID_ARGUMENT: {
    blames: "caller",
    retryable: false,
    summary: "An option or argument has a value that cannot be used.",
  },

  RUNTIME_UNSUPPORTED: {
    blames: "machine",
    retryable: false,
    summary: "Orangery does not run on this version of Node.",
  },
  ORT_LIBRARY_NOT_FOUND: {
    blames: "machine",
    retryable: false,
    summary: "The ONNX Runtime library was not found.",
  },
  ORT_LIBRARY_TOO_OLD: {
    blames: "machine",
    retryable: false,
    summary: "The ONNX Runtime library lacks the API version that is needed.",
  },
  ORT_FAILED: {
    blames: "device",
    retryable: false,
    summary: "A call into ONNX Runtime returned an error status.",
  },
  INFERENCE_NOT_FINITE: {
    blames: "device",
    retryable: true,
    summary: "The network returned scores, boxes or masks that are not numbers.",
  },
  TENSOR_RELEASED: {
    blames: "caller",
    retryable: false,
    summary: "A tensor or session was used after it was released.",
  },
  PROVIDER_NOT_FOUND: {
    blames: "machine",
    retryable: false,
    summary: "The library of an execution provider was not found.",
  },
  PROVIDER_DAMAGED: {
    blames: "machine",
    retryable: false,
    summary: "The library of an execution provider is truncated, or not for this machine.",
  },
  PROVIDER_NOT_PLUGIN: {
    blames: "caller",
    retryable: false,
    summary: "The library is not an execution provider that can be registered.",
  },
  PROVIDER_VERSION_MISMATCH: {
    blames: "machine",
    retryable: false,
    summary: "The execution provider's version differs from ONNX Runtime's.",
  },
  PROVIDER_DEPENDENCY_MISSING: {
    blames: "machine",
    retryable: false,
    summary: "A library that an execution provider needs is missing.",
  },
  PROVIDER_FAILED: {
    blames: "device",
    retryable: false,
    summary: "An execution provider failed or crashed when it was registered.",
  },
  NVML_FAILED: {
    blames: "device",
    retryable: false,
    summary: "NVIDIA's management library could not be opened, or a call into it failed.",
  },

  MODEL_NOT_FOUND: {
    blames: "model",
    retryable: false,
    summary: "The model file does not exist or cannot be read.",
  },
  MODEL_NOT_ONNX: {
    blames: "model",
    retryable: false,
    summary: "The model file is neither a YOLO checkpoint nor an ONNX model.",
  },
  MODEL_NOT_YOLO: {
    blames: "model",
    retryable: false,
    summary: "The ONNX model does not have the inputs and outputs of a YOLO network.",
  },
  MODEL_WRONG_TASK: {
    blames: "model",
    retryable: false,
    summary: "The model does a different task from the one that is needed.",
  },
  MODEL_NOT_QUANTIZABLE: {
    blames: "model",
    retryable: false,
    summary: "The network is not in float32, or cannot compute in fewer bits.",
  },
  CALIBRATION_UNFIT: {
    blames: "caller",
    retryable: false,
    summary: "The calibration belongs to another network, or is damaged.",
  },
  PRECISION_REFUSED: {
    blames: "model",
    retryable: false,
    summary: "The trial did not show that the network in fewer bits counts as in float32.",
  },
  MODEL_NAME_UNKNOWN: {
    blames: "caller",
    retryable: false,
    summary: "No model of that name is configured.",
  },
  MODEL_LOAD_FAILED: {
    blames: "model",
    retryable: true,
    summary: "The model was found but could not be loaded.",
  },
  MODEL_RELEASED: {
    blames: "caller",
    retryable: true,
    summary: "The model was used after its lease or its cache was closed.",
  },

  CHECKPOINT_UNREADABLE: {
    blames: "model",
    retryable: false,
    summary: "The checkpoint is damaged, incomplete, or not a file that PyTorch saved.",
  },
  CHECKPOINT_REFUSED: {
    blames: "model",
    retryable: false,
    summary: "The checkpoint contains something that is refused as unsafe.",
  },
  CHECKPOINT_TOO_LARGE: {
    blames: "model",
    retryable: false,
    summary: "The checkpoint asks for more memory or time than a YOLO network needs.",
  },
  CHECKPOINT_UNSUPPORTED: {
    blames: "model",
    retryable: false,
    summary: "Orangery does not read this kind of checkpoint.",
  },

  DEVICE_UNKNOWN: {
    blames: "caller",
    retryable: false,
    summary: "Orangery does not know this device name.",
  },
  DEVICE_UNAVAILABLE: {
    blames: "machine",
    retryable: false,
    summary: "The device that was required failed its test.",
  },

  DOWNLOAD_FAILED: {
    blames: "machine",
    retryable: true,
    summary: "A package could not be downloaded.",
  },
  DOWNLOAD_DAMAGED: {
    blames: "machine",
    retryable: true,
    summary: "A download does not have the expected size or hash.",
  },

  PHOTO_NOT_FOUND: {
    blames: "photo",
    retryable: false,
    summary: "The photo does not exist or cannot be opened.",
  },
  PHOTO_UNREADABLE: { blames: "photo", retryable: false, summary: "The photo cannot be decoded." },
  PHOTO_TOO_LARGE: {
    blames: "photo",
    retryable: false,
    summary: "The photo has more pixels, bytes or slices than the limit allows.",
  },
  PHOTO_FETCH_FAILED: {
    blames: "photo",
    retryable: true,
    summary: "The photo could not be fetched, for a reason that may pass.",
  },
  PHOTO_ADDRESS_REFUSED: {
    blames: "photo",
    retryable: false,
    summary: "The photo's URL leads to an address that is not on the public internet.",
  },
  PHOTO_NO_SPACE: {
    blames: "photo",
    retryable: true,
    summary: "The folder for temporary files has no space for the pixels of a large photo.",
  },
  PHOTO_CRASHED_WORKER: {
    blames: "photo",
    retryable: false,
    summary: "The process died three times while it worked on this photo.",
  },
  PHOTO_FAILED: {
    blames: "photo",
    retryable: true,
    summary: "Inference or counting failed three times on this photo.",
  },

  REGIONS_NOT_FOUND: {
    blames: "caller",
    retryable: false,
    summary: "The file of regions does not exist, cannot be read, or has other regions.",
  },
  REGIONS_INVALID: {
    blames: "caller",
    retryable: false,
    summary: "The file of regions contains something that is not a region.",
  },
  REGIONS_MISSING: {
    blames: "photo",
    retryable: false,
    summary: "The file of regions does not name the photo.",
  },
  REGIONS_DO_NOT_FIT: {
    blames: "photo",
    retryable: false,
    summary: "The regions belong to a photo of another size, or lie beyond its edges.",
  },

  TRUTH_INVALID: {
    blames: "caller",
    retryable: false,
    summary: "The truth to compare with cannot be read, or is not about the same photos.",
  },

  REVIEW_CONFLICT: {
    blames: "caller",
    retryable: false,
    summary: "Somebody else has corrected the photo, so the correction was not recorded.",
  },

  TASK_INTERRUPTED: {
    blames: "caller",
    retryable: true,
    summary: "The task was stopped before its end, through no fault of its own.",
  },

  TASK_REVOKED: {
    blames: "caller",
    retryable: false,
    summary: "The task was revoked while it ran.",
  },
  TASK_TIMED_OUT: {
    blames: "caller",
    retryable: false,
    summary: "The task ran for longer than its soft time limit.",
  },
  JOB_DATA_INVALID: {
    blames: "caller",
    retryable: false,
    summary: "A job's data are not what its task accepts.",
  },
  JOB_LOCK_LOST: {
    blames: "queue",
    retryable: true,
    summary: "The queue took a job back while a worker was still working on it.",
  },
  JOB_CRASHED_WORKER: {
    blames: "photo",
    retryable: false,
    summary: "Worker processes died too often while they worked on this job.",
  },
  RECIPE_INVALID: {
    blames: "caller",
    retryable: false,
    summary: "The recipe is invalid, has an unknown part, or is of another version.",
  },
  RECIPE_NOT_FOUND: {
    blames: "caller",
    retryable: false,
    summary: "There is no recipe with this name or hash, or no such recipe file.",
  },
  QUEUE_OTHER_RESULTS: {
    blames: "caller",
    retryable: false,
    summary: "The queue's results go to a database other than the named one.",
  },
  QUEUE_NOT_FOUND: {
    blames: "caller",
    retryable: false,
    summary: "The named PostgreSQL database does not exist, or has no queue.",
  },
  QUEUE_UNREACHABLE: {
    blames: "queue",
    retryable: true,
    summary: "The queue's server (Redis, PostgreSQL or RabbitMQ) could not be reached.",
  },
  QUEUE_ACCESS_DENIED: {
    blames: "queue",
    retryable: false,
    summary: "The queue's server refuses the password, the user or an operation.",
  },
  QUEUE_IN_CLUSTER: {
    blames: "caller",
    retryable: false,
    summary: "The queue's Redis is a cluster, and the queue's keys are not on one of its nodes.",
  },
  QUEUE_READ_ONLY: {
    blames: "queue",
    retryable: true,
    summary: "The queue's server takes no writes: it is a replica, or has too few replicas.",
  },
  QUEUE_FULL: {
    blames: "queue",
    retryable: true,
    summary: "The memory of the queue's Redis or RabbitMQ, or the disk of its server, is full.",
  },
  QUEUE_NOT_SAVED: {
    blames: "queue",
    retryable: true,
    summary: "The queue's Redis cannot save its data to the disk and takes no writes.",
  },
  QUEUE_NOT_READY: {
    blames: "queue",
    retryable: true,
    summary: "The queue's server answers but cannot serve yet: it is starting, or busy.",
  },
  QUEUE_REFUSED: {
    blames: "queue",
    retryable: false,
    summary: "The queue's server refused a request for another reason.",
  },
  TASK_MODULE_UNUSABLE: {
    blames: "caller",
    retryable: false,
    summary: "A task module is missing, cannot be imported, or exports no task.",
  },
  WORKER_NOT_READY: {
    blames: "machine",
    retryable: true,
    summary: "A worker process did not load its models or failed its first run.",
  },
  PORT_UNAVAILABLE: {
    blames: "machine",
    retryable: false,
    summary: "The port for metrics and probes cannot be opened.",
  },

  LEDGER_NEWER: {
    blames: "ledger",
    retryable: false,
    summary: "The results file was written by a newer version of Orangery.",
  },
  LEDGER_UNREADABLE: {
    blames: "ledger",
    retryable: false,
    summary: "The results file is another program's, or is damaged.",
  },
  LEDGER_BUSY: {
    blames: "ledger",
    retryable: true,
    summary: "The results were locked by others for too long, or no connection was free.",
  },
  LEDGER_UNREACHABLE: {
    blames: "ledger",
    retryable: true,
    summary: "The server of the results database could not be reached for too long.",
  },
  LEDGER_NOT_FOUND: {
    blames: "ledger",
    retryable: false,
    summary: "There are no results at the named path or URL.",
  },
  LEDGER_ACCESS_DENIED: {
    blames: "ledger",
    retryable: false,
    summary: "The results' server refuses the password, the user or an operation.",
  },
  LEDGER_READ_ONLY: {
    blames: "ledger",
    retryable: true,
    summary: "The server of the results database takes no writes.",
  },
  LEDGER_FULL: {
    blames: "ledger",
    retryable: true,
    summary: "The disk of the results database's server is full.",
  },
  LEDGER_REFUSED: {
    blames: "ledger",
    retryable: false,
    summary: "The server of the results database refused a request for another reason.",
  },
  PACKAGE_MISSING: {
    blames: "machine",
    retryable: false,
    summary: "An optional package that this needs is not installed.",
  },
  NOT_WRITABLE: {
    blames: "machine",
    retryable: false,
    summary: "A file or folder cannot be written, even if there is space.",
  },
  NO_SPACE: {
    blames: "machine",
    retryable: true,
    summary: "The disk is full, or a quota is reached.",
  },
} as const satisfies Record<string, ErrorCodeEntry>;

/** A code of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/** What an {@link OrangeryError} carries besides its code and message. */
export interface OrangeryErrorOptions {
  readonly cause?: unknown | undefined;
  /** Facts that a program may act on: what was expected, what was found. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The one error class of the library. Callers branch on `code`, never on the message, which says
 * what was expected, what was found and what to do.
 */
export class OrangeryError extends Error {
  override readonly name = "OrangeryError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: OrangeryErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = options.details ?? {};
  }

  /** What has to change before the same work can succeed. */
  get blames(): Blame {
    return errorCodes[this.code].blames;
  }

  /** Whether the same work can succeed later. */
  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }
}

/**
 * Whether `error` is an {@link OrangeryError}, optionally of the given code. It may be of another
 * copy of the package, such as the one that a task's module imports.
 */
export function isOrangeryError(error: unknown, code?: ErrorCode): error is OrangeryError {
  return (
    error instanceof Error &&
    error.name === "OrangeryError" &&
    "code" in error &&
    Object.hasOwn(errorCodes, String(error.code)) &&
    (code === undefined || error.code === code)
  );
}

/** The message of an error, or the text of whatever else was thrown. Never throws. */
export function textOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "something that has no text was thrown";
  }
}
