import { fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { fileURLToPath } from "node:url";
import { compiledFolder } from "../../base/files/cache-folder.ts";
import { threadPoolVariable } from "../../base/threads/thread-pool.ts";
import type { WorkerMessage, WorkerOrder } from "../process/worker-messages.ts";

/** How a worker process ended. */
export interface WorkerExit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a supervisor learns from a process that it has started. */
export interface ProcessEvents {
  readonly onMessage: (message: WorkerMessage) => void;
  readonly onError: (error: Error) => void;
  readonly onExit: (exit: WorkerExit) => void;
  /** Every message has been received. An exit may come before the last of them. */
  readonly onSilence: () => void;
}

/** A worker process that was started. */
export interface StartedProcess {
  readonly pid: number | undefined;
  /** Does nothing when the process is gone: its exit says so. */
  send(order: WorkerOrder): void;
  /** Ends it at once. */
  kill(): void;
}

/** Starts a worker process. Tests replace it. */
export type StartProcess = (events: ProcessEvents) => StartedProcess;

/**
 * A small young generation: with the large one that V8 chooses on such machines, a worker of
 * YOLO11n took 394 MB after 4,000 photos instead of 216 MB, and was no faster.
 */
const nodeArguments = ["--max-semi-space-size=2"];

/**
 * Decoding threads share two glibc heaps: with one each, every heap keeps space for its largest
 * photo. With three photos at a time, a YOLO11n took 255 MB instead of 325, and no more CPU time.
 */
const heapVariables = { MALLOC_ARENA_MAX: "2" };

/** Starts processes of Node.js that run a program. */
export function forkProgram(program: URL, programArguments: readonly string[] = []): StartProcess {
  return ({ onMessage, onError, onExit, onSilence }) => {
    const child = fork(fileURLToPath(program), programArguments, {
      env: { ...heapVariables, ...threadPoolVariable(), ...withCompileCache(process.env) },
      execArgv: nodeArguments,
      serialization: "advanced",
    });
    child.on("message", onMessage);
    child.once("disconnect", onSilence);
    child.once("exit", (status, signal) => onExit({ status, signal }));
    child.on("error", (error) => {
      onError(error);
      // A process that could not be started has no exit.
      if (child.pid === undefined) onExit({ status: null, signal: null });
    });
    return {
      pid: child.pid,
      send: (order) => {
        if (child.connected) child.send(order, () => {});
      },
      kill: () => void child.kill("SIGKILL"),
    };
  };
}

/**
 * Node's compile cache, for the next process: a start takes 0.2 s of CPU instead of 0.6 s, most of
 * the cost of recycling. Where this process has none, its folder may be one that cannot be made.
 */
function withCompileCache(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir() === undefined ? undefined : compiledFolder(env);
  return folder === undefined ? env : { NODE_COMPILE_CACHE: folder, ...env };
}
