/**
 * Reads a list of photos' names, one on each line, or between NUL bytes as `find -print0` writes
 * them. Empty lines are left out, and nothing else: a name may begin with `#` or end with a space.
 */
export async function* readPhotoList(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let separator: RegExp | undefined;
  let rest = "";
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    separator ??= rest.includes("\0") ? /\0/ : /\n/.test(rest) ? /\r?\n/ : undefined;
    if (separator === undefined) continue;
    const names = rest.split(separator);
    rest = names.pop()!;
    for (const name of names) if (name !== "") yield name;
  }
  rest += decoder.decode();
  const last = separator?.source === "\\0" ? rest : rest.replace(/\r$/, "");
  if (last !== "") yield last;
}
