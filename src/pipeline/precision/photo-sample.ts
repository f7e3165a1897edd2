/** Enough to choose from. More take long to list on a network disk. */
const mostNames = 20_000;

/** Names from the beginning of a list, and the whole list once more. */
export interface PeekedNames {
  readonly names: readonly string[];
  readonly all: AsyncIterable<string> | Iterable<string>;
}

/** Looks at the first names of a list that can be read once only. */
export async function peekNames(
  list: AsyncIterable<string> | Iterable<string>,
): Promise<PeekedNames> {
  const rest = (async function* () {
    yield* list;
  })();
  const names: string[] = [];
  while (names.length < mostNames) {
    const { value, done } = await rest.next();
    if (done) return { names, all: names };
    names.push(value);
  }
  const all = async function* () {
    yield* names;
    yield* rest;
  };
  return { names, all: all() };
}

/** Takes the names of listed photos, as many as are needed to choose some. */
export async function firstNames(
  photos: AsyncIterable<{ readonly source: string }>,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { source } of photos) if (names.push(source) >= mostNames) break;
  return names;
}
