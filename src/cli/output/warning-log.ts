import { printable } from "../../base/printable.ts";
import type { Logger } from "../../logger.ts";
import { displayPath } from "../options/caller-paths.ts";

const ignore = () => {};

/** A logger that prints warnings and errors for people, one line each. */
export function warningLog(note: (line: string) => void): Logger {
  const write = (fields: object, message: string) => note(describe(fields, message));
  return { debug: ignore, info: ignore, warn: write, error: write, child: () => warningLog(note) };
}

/** `best.pt: what happened (why)` */
function describe(fields: { readonly file?: unknown; readonly err?: unknown }, message: string) {
  const { file, err } = fields;
  const about = typeof file === "string" ? `${displayPath(file)}: ${message}` : capitalise(message);
  return printable(err instanceof Error ? `${about} (${err.message})` : about);
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
