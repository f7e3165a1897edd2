import { readFile, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { OrangeryError } from "../../errors.ts";

/**
 * Takes a lock that is a file with the number of its process, until disposed. The lock of a process
 * that has ended is taken over.
 *
 * @throws `NOT_WRITABLE` while another process has it
 */
export async function takeLock(file: string): Promise<AsyncDisposable> {
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = Number(await readFile(file, "utf8").catch(() => "0"));
    if (isRunning(owner)) {
      throw new OrangeryError(
        "NOT_WRITABLE",
        `Expected to be alone in ${dirname(file)}, but process ${owner} is changing it. ` +
          `Wait until it has ended, or remove ${file} if it is none of Orangery.`,
        { details: { file, process: owner } },
      );
    }
    await unlink(file).catch(() => {});
  }
  return { [Symbol.asyncDispose]: () => unlink(file).catch(() => {}) };
}

function isRunning(processId: number): boolean {
  if (!(processId > 0)) return false;
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
