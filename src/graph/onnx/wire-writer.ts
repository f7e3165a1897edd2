import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { OrangeryError } from "../../errors.ts";

/**
 * Writes a protobuf message, field by field. Large byte fields are only referred to: weights are
 * copied once, by `finish`.
 */
export class WireWriter {
  readonly #chunks: Uint8Array[] = [];
  #byteLength = 0;
  #pending = new BinaryWriter();

  integer(field: number, value: number): void {
    this.#pending.tag(field, WireType.Varint).int64(value);
  }

  float(field: number, value: number): void {
    this.#pending.tag(field, WireType.Bit32).float(value);
  }

  text(field: number, value: string): void {
    this.#pending.tag(field, WireType.LengthDelimited).string(value);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#pending.tag(field, WireType.LengthDelimited).uint32(value.length);
    this.#flush();
    this.#append(value);
  }

  /** Adds a message within this one; `write` writes its fields. */
  message(field: number, write: (message: WireWriter) => void): void {
    const message = new WireWriter();
    write(message);
    message.#flush();
    this.#pending.tag(field, WireType.LengthDelimited).uint32(message.#byteLength);
    this.#flush();
    for (const chunk of message.#chunks) this.#append(chunk);
  }

  /** Returns the bytes of the message. @throws `INVALID_ARGUMENT` from 2 GiB on */
  finish(): Uint8Array<ArrayBuffer> {
    this.#flush();
    if (this.#byteLength >= 2 ** 31) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected a model below 2 GiB, protobuf's limit, got ${this.#byteLength} bytes.`,
      );
    }
    const bytes = new Uint8Array(this.#byteLength);
    let offset = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  }

  #flush(): void {
    this.#append(this.#pending.finish());
  }

  #append(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#byteLength += chunk.length;
  }
}
