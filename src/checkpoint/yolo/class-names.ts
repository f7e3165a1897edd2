import { tooLarge } from "../checkpoint-error.ts";
import type { PickleValue } from "../pickle/pickle-values.ts";

/** Names go into metadata, tables and pictures. The longest of COCO has 14 characters. */
const limits = { eachCharacters: 1000, allCharacters: 2 ** 22 } as const;

/**
 * Returns the names of a network's classes, from a list, or from a dict by number or the number's
 * text. As in Ultralytics all become text, and class 7 without a name is `class7`.
 */
export function classNames(names: PickleValue | undefined, classCount: number): string[] {
  let characters = 0;
  return Array.from({ length: classCount }, (_, id) => {
    const name = textOf(nameOf(names, id)) ?? `class${id}`;
    characters += name.length;
    if (name.length > limits.eachCharacters || characters > limits.allCharacters) {
      throw tooLarge(
        `Expected class names of at most ${limits.eachCharacters} characters each and ` +
          `${limits.allCharacters} together, got more`,
      );
    }
    return name;
  });
}

function nameOf(names: PickleValue | undefined, id: number): PickleValue | undefined {
  if (Array.isArray(names)) return names[id];
  return names instanceof Map ? (names.get(id) ?? names.get(`${id}`)) : undefined;
}

/** Writes a name as Python's `str` does; undefined for anything but a name. */
function textOf(name: PickleValue | undefined): string | undefined {
  if (typeof name === "string") return name;
  if (typeof name === "number" || typeof name === "bigint") return `${name}`;
  if (typeof name === "boolean") return name ? "True" : "False";
  return undefined;
}
