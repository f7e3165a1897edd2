const collator = new Intl.Collator("en", { numeric: true });

/** Compares names as people order them: `row-2` comes before `row-10`. */
export function compareNaturally(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
