/**
 * Names that were seen, as hashes of 32 bits: 600,000 take some 20 MB. A new name may pass for a
 * known one, about once in 7,000 beside 600,000 others, so a list without it needs a second look
 * now and then.
 */
export class KnownNames {
  readonly #hashes = new Set<number>();

  add(name: string): void {
    this.#hashes.add(hashOf(name));
  }

  has(name: string): boolean {
    return this.#hashes.has(hashOf(name));
  }
}

/** FNV-1a of the code units. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return hash;
}
