import type { NewChord } from "../protocol/canvas-task.ts";
import type { ResultTuple } from "../protocol/canvas-tree.ts";
import type { CeleryMessage } from "../protocol/celery-message.ts";
import type { PythonException } from "../protocol/python-exception.ts";

/** The state of a task, as it is stored. */
export interface TaskState {
  readonly status: "STARTED" | "PROGRESS" | "SUCCESS" | "FAILURE" | "RETRY" | "REVOKED";
  readonly result: unknown;
  readonly traceback?: string | undefined;
  readonly children?: readonly ResultTuple[] | undefined;
}

/** The failure of a task of which perhaps only the id and the caller are known. */
export interface FailedTask {
  readonly id: string;
  readonly status: "FAILURE" | "REVOKED";
  readonly exception: PythonException;
  /** Where backends that send results send this one. */
  readonly replyTo?: string | undefined;
}

/** How a task of a chord's header has ended. */
export interface ChordPart {
  readonly id: string;
  readonly group: string;
  readonly groupIndex: number | undefined;
  readonly state: "SUCCESS" | "FAILURE" | "REVOKED";
  /** What it returned, or the exception as it is stored. */
  readonly result: unknown;
}

/** A chord whose header is complete: its tasks' results in order, or why its body is not sent. */
export type CompleteChord =
  | { readonly group: string; readonly results: readonly unknown[] }
  | FailedChord;

/** A chord whose body fails. */
export interface FailedChord {
  readonly group: string;
  /** What its callers read. */
  readonly failure: string;
  /** The exception of the task of the header that has failed. */
  readonly cause: PythonException | undefined;
}

/** Counts the tasks of chords. */
export interface CeleryChords {
  /** Registers a chord's header. Call this before its tasks are sent. */
  begin(chord: NewChord): Promise<void>;
  /** Adds a part. Returns the chord when it is complete and its body is to be sent from here. */
  addPart(part: ChordPart): Promise<CompleteChord | undefined>;
  /** Removes a chord whose body was sent, or has failed. */
  end(group: string): Promise<void>;
}

/** The result backend of a Celery app. Requests wait while it is down. */
export interface CeleryResults extends AsyncDisposable {
  /** Undefined where the backend counts no chords. */
  readonly chords: CeleryChords | undefined;
  /** Resolves when results can be stored; rejects if the backend refuses permanently. */
  open(signal: AbortSignal): Promise<void>;
  /** Stores the state of a message's task. */
  store(message: CeleryMessage, state: TaskState): Promise<void>;
  /** Stores the end of a task that was not started. */
  storeFailed(failed: FailedTask): Promise<void>;
  /** Returns a task's result, if it is known to have succeeded. */
  readSuccess(id: string): Promise<{ readonly result: unknown } | undefined>;
}
