import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { untilAborted } from "../../base/abort.ts";
import { compiledFolder } from "../../base/files/cache-folder.ts";
import { programModule } from "../../base/files/program-file.ts";
import { type ErrorCode, errorCodes, OrangeryError } from "../../errors.ts";
import type { MeasuringAnswers, MeasuringMessage, MeasuringOrder } from "./measuring-messages.ts";

export interface MeasureOptions {
  /** Changes to the environment of the process. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly onProgress?: ((text: string) => void) | undefined;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

/** A measuring process that ended without an answer, as a crash does. */
export class MeasuringProcessDied extends Error {
  /** The signal that ended it, such as `SIGSEGV`, or its exit status. */
  readonly how: string;

  constructor(how: string, lastWords: string) {
    super(`the process that measures it died (${how})${lastWords && `: ${lastWords}`}`);
    this.how = how;
  }
}

/** The workers' settings, and access to `gc` to collect garbage before memory is read. */
const nodeArguments = ["--max-semi-space-size=2", "--expose-gc"];

/**
 * Measures something in a separate process, which is killed when it has answered.
 *
 * @throws {@link MeasuringProcessDied}, what failed there, or the signal's reason
 */
export async function measure<Kind extends MeasuringOrder["kind"]>(
  order: MeasuringOrder & { readonly kind: Kind },
  { env = {}, onProgress = () => {}, signal }: MeasureOptions,
): Promise<MeasuringAnswers[Kind]> {
  signal.throwIfAborted();
  const folder = compiledFolder();
  const isCompiled = folder !== undefined && existsSync(folder);
  const child = fork(fileURLToPath(programModule("doctor/measured/measuring-process")), {
    env: { ...(isCompiled && { NODE_COMPILE_CACHE: folder }), ...process.env, ...env },
    execArgv: nodeArguments,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  try {
    const answer = await untilAborted(answerOf(child, onProgress, order), signal);
    return answer as MeasuringAnswers[Kind];
  } finally {
    child.kill("SIGKILL");
    // It must not keep this process alive.
    child.unref();
  }
}

async function answerOf(
  child: ChildProcess,
  onProgress: (text: string) => void,
  order: MeasuringOrder,
): Promise<MeasuringAnswers[keyof MeasuringAnswers]> {
  type Answer = MeasuringAnswers[keyof MeasuringAnswers];
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const words = text(child.stderr!).catch(() => "");
  child.on("message", (message: MeasuringMessage) => {
    if ("progress" in message) onProgress(message.progress);
    else if ("answer" in message) resolve(message.answer);
    else reject(toError(message.failure));
  });
  child.once("error", reject);
  child.once("close", async (status, signal) => {
    const lines = (await words).trim().split("\n");
    reject(new MeasuringProcessDied(signal ?? `status ${status}`, lines.at(-1)!.slice(0, 200)));
  });
  // It may have died already: its exit has the reason.
  child.send(order, () => {});
  return await promise;
}

function toError({ code, message }: { code: string | undefined; message: string }): Error {
  const isOurs = code !== undefined && code in errorCodes;
  return isOurs ? new OrangeryError(code as ErrorCode, message) : new Error(message);
}
