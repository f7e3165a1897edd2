import { tooLarge } from "../checkpoint-error.ts";
import type { PickleValue } from "../pickle/pickle-values.ts";

/** Names go into metadata, tables and pictures. The longest of COCO has 14 characters. */
const limits = { eachCharacters: 1000, allCharacters: 2 ** 22 } as const;

/**
 * The names of a network's classes, out of a list, or of a dict by number or the number's text. They
 * are text whatever they were, as Ultralytics makes them, and `class7` where class 7 has none.
 */
export function classNames(names: PickleValue | undefined, classCount: number): string[] {
  let characters = 0;
  return Array.from({ length: classCount }, (_, id) => {
    const name = textOf(nameOf(names, id)) ?? `class${id}`;
    characters += name.length;
    if (name.length > limits.eachCharacters || characters > limits.allCharacters) {
      throw tooLarge(
        `Expected class names of at most ${limits.eachCharacters} characters each and ${limits.allCharacters} together, got more`,
      );
    }
    return name;
  });
}

function nameOf(names: PickleValue | undefined, id: number): PickleValue | undefined {
  if (Array.isArray(names)) return names[id];
  return names instanceof Map ? (names.get(id) ?? names.get(`${id}`)) : undefined;
}

/** As Python's `str` has it; undefined for what is no name. */
function textOf(name: PickleValue | undefined): string | undefined {
  if (typeof name === "string") return name;
  if (typeof name === "number" || typeof name === "bigint") return `${name}`;
  if (typeof name === "boolean") return name ? "True" : "False";
  return undefined;
}
