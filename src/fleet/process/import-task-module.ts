import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OrangeryError } from "../../errors.ts";

/**
 * Checks that a task module exists, without importing it.
 *
 * @throws `TASK_MODULE_UNUSABLE`
 */
export function requireTaskModule(url: string): void {
  if (!url.startsWith("file:") || existsSync(fileURLToPath(url))) return;
  throw unusableModule(url, { expected: "to be a file", came: "there is none" });
}

/**
 * Imports a task module. Its errors count as permanent, since they follow from the module's text;
 * whatever may be unavailable for a while, such as a database, belongs in the function that it
 * exports.
 *
 * @throws `TASK_MODULE_UNUSABLE`, or an error of the module that says whether it passes
 */
export async function importTaskModule(url: string): Promise<object> {
  requireTaskModule(url);
  try {
    return exportsOf(await import(url));
  } catch (error) {
    if (error instanceof Error && "retryable" in error) throw error;
    throw unusableModule(url, {
      expected: "to be imported",
      came: `it failed: ${describe(error, shownName(url))}`,
      cause: error,
    });
  }
}

/**
 * Returns what a module exports. Node gives a CommonJS module as the default export of another, and
 * by name only those of its exports that it finds without running it.
 */
function exportsOf(imported: object): object {
  const exports: unknown = (imported as { readonly "module.exports"?: unknown })["module.exports"];
  if (typeof exports === "function") return { ...exports, default: exports };
  return typeof exports === "object" && exports !== null ? exports : imported;
}

/** The failure for a module that cannot be worked with, in one line. */
export function unusableModule(
  url: string,
  { expected, came, cause }: { expected: string; came: string; cause?: unknown },
): OrangeryError {
  return new OrangeryError(
    "TASK_MODULE_UNUSABLE",
    `Expected the module of tasks ${shownName(url)} ${expected}, but ${came}. ` +
      "Correct it, or name another with --task or --celery-task.",
    { details: { module: url }, cause },
  );
}

function shownName(url: string): string {
  return url.startsWith("file:") ? fileURLToPath(url) : url;
}

/** `TypeError: x is not a function (file:///tasks.ts:3:20)` */
function describe(error: unknown, file: string): string {
  const [text] = String(error).split("\n");
  const place = error instanceof Error ? placeOf(error) : undefined;
  if (place !== undefined) return `${text} (${place})`;
  // For a syntax error, only Node itself prints the line.
  if (error instanceof SyntaxError) return `${text} (\`node --check ${file}\` prints the line)`;
  return text!;
}

/**
 * Finds the place in a file that an error's stack begins with: above the message where the text
 * cannot be parsed, below it otherwise.
 */
function placeOf({ stack = "" }: Error): string | undefined {
  for (const line of stack.split("\n")) {
    const [, place] = /((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+)\)?$/.exec(line) ?? [];
    if (place !== undefined && !line.includes("node:")) return place;
  }
  return undefined;
}
