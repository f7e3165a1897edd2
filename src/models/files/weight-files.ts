import { type FileHandle, open } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize, sep } from "node:path";
import { readVarint } from "./onnx-extent.ts";

/** So much is read at once; most weights are passed over. */
const windowBytes = 4096;
/** Tag and length, each a number of at most ten bytes. */
const headBytes = 20;

/** Fields of a message that lead to what is looked for, and what they lead to. */
type Ways = ReadonlyMap<number, Ways | "entry">;

/** Where onnx.proto has external_data, of an initializer and of a node's tensor. */
const ofTensor: Ways = new Map([[13, "entry"]]);
const ofAttribute: Ways = new Map([[5, ofTensor]]);
const ofNode: Ways = new Map([[5, ofAttribute]]);
const ofGraph: Ways = new Map([
  [5, ofTensor],
  [1, ofNode],
]);
const ofModel: Ways = new Map([[7, ofGraph]]);

interface Extent {
  readonly start: number;
  readonly end: number;
}

/**
 * Lists the files beside an ONNX file that it has weights in; none where it is another kind of
 * file. What lies outside its folder is left out: the runtime refuses it.
 */
export async function weightFilesOf(path: string): Promise<readonly string[]> {
  await using file = await open(path);
  const { size } = await file.stat();
  const fields = new FieldReader(file);
  const found = new Set<string>();
  for await (const entry of fields.along(ofModel, { start: 0, end: size })) {
    if ((await fields.text(1, entry)) !== "location") continue;
    const place = normalize((await fields.text(2, entry)) ?? "");
    const isInside = !isAbsolute(place) && place.split(sep)[0] !== "..";
    if (isInside) found.add(join(dirname(path), place));
  }
  return [...found].sort();
}

/** Finds fields of a protobuf message in a file, of which it reads no more than it must. */
class FieldReader {
  readonly #file: FileHandle;
  readonly #window = Buffer.alloc(windowBytes);
  #at = 0;
  #bytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Yields what is found by going down from a message, from field to field. */
  async *along(ways: Ways, message: Extent): AsyncGenerator<Extent> {
    for await (const { field, ...inner } of this.#fields(message)) {
      const further = ways.get(field);
      if (further === "entry") yield inner;
      else if (further !== undefined) yield* this.along(further, inner);
    }
  }

  async text(wanted: number, message: Extent): Promise<string | undefined> {
    for await (const { field, start, end } of this.#fields(message)) {
      if (field !== wanted) continue;
      return (await this.#read(start, Math.min(end - start, windowBytes))).toString();
    }
    return undefined;
  }

  /** Yields the fields of a message that have a length; ends where it is no message any more. */
  async *#fields({ start, end }: Extent): AsyncGenerator<Extent & { readonly field: number }> {
    for (let at = start; at < end; ) {
      const head = await this.#read(at, Math.min(headBytes, end - at));
      const tag = readVarint(head, 0);
      const value = tag && readVarint(head, tag.end);
      if (tag === undefined || value === undefined) return;
      const type = tag.value % 8;
      if (type === 1) at += tag.end + 8;
      else if (type === 5) at += tag.end + 4;
      else if (type === 0) at += value.end;
      else if (type !== 2) return;
      else {
        const inner = { start: at + value.end, end: at + value.end + value.value };
        if (inner.end > end) return;
        yield { ...inner, field: tag.value >> 3 };
        at = inner.end;
      }
    }
  }

  async #read(at: number, bytes: number): Promise<Buffer> {
    if (at < this.#at || at + bytes > this.#at + this.#bytes) {
      const { bytesRead } = await this.#file.read(this.#window, 0, windowBytes, at);
      this.#at = at;
      this.#bytes = bytesRead;
    }
    return this.#window.subarray(at - this.#at, Math.min(at - this.#at + bytes, this.#bytes));
  }
}
