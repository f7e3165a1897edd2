/**
 * Values by the names of photos, which are found by the whole name or by its end:
 * `north/row-1.jpg` is every photo whose path ends in that. The longest name goes before others.
 */
export class NamesByEnd<T> {
  readonly #values = new Map<string, T>();

  /** Adds a value. False where the name is known, and keeps the first. */
  add(name: string, value: T): boolean {
    const key = comparableName(name);
    if (this.#values.has(key)) return false;
    this.#values.set(key, value);
    return true;
  }

  get size(): number {
    return this.#values.size;
  }

  /** Lists names as they are compared, with their values. */
  entries(): IterableIterator<[name: string, value: T]> {
    return this.#values.entries();
  }

  /** Finds the value whose name is the path, URL or key, or its end from a folder on. */
  find(source: string): { readonly name: string; readonly value: T } | undefined {
    let name = comparableName(source);
    for (;;) {
      const value = this.#values.get(name);
      if (value !== undefined) return { name, value };
      const slash = name.indexOf("/");
      if (slash < 0) return undefined;
      name = name.slice(slash + 1);
    }
  }
}

/** Folders are divided by `/`, and letters are composed, whatever system a name is from. */
function comparableName(name: string): string {
  return name
    .replaceAll("\\", "/")
    .replace(/^(\.\/)+/, "")
    .normalize("NFC");
}
