import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

const decoder = new TextDecoder();

/**
 * A protobuf message whose schema is known only in part: its fields by number. Absent fields are
 * empty, as protobuf prescribes; a field of the wrong wire type throws. Nothing is copied.
 */
export class WireMessage {
  readonly #chunks = new Map<number, Uint8Array[]>();
  readonly #numbers = new Map<number, number[]>();
  readonly #floats = new Map<number, number[]>();

  constructor(bytes: Uint8Array) {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (wireType === WireType.LengthDelimited) append(this.#chunks, field, reader.bytes());
      else if (wireType === WireType.Varint) append(this.#numbers, field, Number(reader.int64()));
      else if (wireType === WireType.Bit32) append(this.#floats, field, reader.float());
      else reader.skip(wireType, field);
    }
  }

  has(field: number): boolean {
    return this.#chunks.has(field) || this.#numbers.has(field);
  }

  integer(field: number): number {
    return this.integers(field).at(-1) ?? 0;
  }

  /** Returns a repeated integer, which some writers pack. */
  integers(field: number): number[] {
    const packed = (this.#chunks.get(field) ?? []).flatMap(unpack);
    return [...(this.#numbers.get(field) ?? []), ...packed];
  }

  /** Returns a repeated float, which some writers pack. */
  floats(field: number): number[] {
    const packed = (this.#chunks.get(field) ?? []).flatMap(unpackFloats);
    return [...(this.#floats.get(field) ?? []), ...packed];
  }

  bytes(field: number): Uint8Array | undefined {
    return this.#chunksOf(field).at(-1);
  }

  text(field: number): string {
    return this.texts(field).at(-1) ?? "";
  }

  texts(field: number): string[] {
    return this.#chunksOf(field).map((chunk) => decoder.decode(chunk));
  }

  message(field: number): WireMessage {
    return new WireMessage(this.bytes(field) ?? new Uint8Array());
  }

  messages(field: number): WireMessage[] {
    return this.#chunksOf(field).map((chunk) => new WireMessage(chunk));
  }

  #chunksOf(field: number): Uint8Array[] {
    if (this.#numbers.has(field)) throw new Error(`field ${field} has the wrong wire type`);
    return this.#chunks.get(field) ?? [];
  }
}

function append<T>(lists: Map<number, T[]>, key: number, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

function unpack(chunk: Uint8Array): number[] {
  const reader = new BinaryReader(chunk);
  const values: number[] = [];
  while (reader.pos < reader.len) values.push(Number(reader.int64()));
  return values;
}

function unpackFloats(chunk: Uint8Array): number[] {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return Array.from({ length: chunk.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}
