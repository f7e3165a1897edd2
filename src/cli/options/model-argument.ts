import { fromCaller } from "./caller-folder.ts";

/** A model from the command line: a path, or the name of a sample model as it is. */
export function modelFromCaller(nameOrPath: string): string {
  return nameOrPath.startsWith("sample:") ? nameOrPath : fromCaller(nameOrPath);
}
