import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { OrangeryError } from "../../errors.ts";

/** `e_machine` of elf.h, by Node's names. */
const machines: Readonly<Record<string, number>> = { x64: 62, arm64: 183, ia32: 3, riscv64: 243 };

const headerBytes = 64;
const loadSegment = 1;

/**
 * Checks, without opening it, that a file is a whole shared library for this machine: to open one
 * that was cut off ends the process as soon as its missing part is touched. Only Linux's libraries
 * are looked into.
 *
 * @throws `PROVIDER_NOT_FOUND`, `PROVIDER_DAMAGED`
 */
export function checkSharedLibrary(file: string): void {
  const opened = open(file);
  try {
    const status = fstatSync(opened);
    if (!status.isFile()) {
      throw notFound(file, status.isDirectory() ? "is a folder" : "is no file");
    }
    if (process.platform === "linux") checkElf(file, opened, status.size);
  } finally {
    closeSync(opened);
  }
}

/** Whether a file is a whole shared library for this machine. */
export function isWholeLibrary(file: string): boolean {
  try {
    checkSharedLibrary(file);
    return true;
  } catch {
    return false;
  }
}

function open(file: string): number {
  try {
    // A pipe would be waited for.
    return openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw notFound(file, code === "ENOENT" ? "does not exist" : `cannot be read (${code})`, cause);
  }
}

function checkElf(file: string, opened: number, fileBytes: number): void {
  const header = readAt(opened, 0, headerBytes);
  if (header.toString("latin1", 0, 4) !== "\x7fELF") {
    if (fileBytes === 0) throw damaged(file, "it is empty");
    const start = describeStart(header);
    throw damaged(file, `it begins with ${start}, which no shared library for Linux does`);
  }
  if (header.length < headerBytes) throw cutOff(file, fileBytes, headerBytes);
  // 64 bits, little-endian: what every platform is that ONNX Runtime is packed for.
  const machine = header.readUInt16LE(18);
  if (header[4] !== 2 || header[5] !== 1 || machine !== machines[process.arch]) {
    const name = Object.entries(machines).find(([, number]) => number === machine)?.[0];
    throw damaged(
      file,
      `it is for ${name ?? `another machine (ELF machine ${machine})`}, ` +
        `and this is ${process.arch}`,
    );
  }
  const needed = Math.max(sectionsEnd(header), segmentsEnd(opened, header));
  if (needed > fileBytes) throw cutOff(file, fileBytes, needed);
}

/** Where the table of sections ends, which linkers write last. */
function sectionsEnd(header: Buffer): number {
  return Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
}

/** Where the last segment ends that is loaded. */
function segmentsEnd(opened: number, header: Buffer): number {
  const [start, size, count] = [
    Number(header.readBigUInt64LE(32)),
    header.readUInt16LE(54),
    header.readUInt16LE(56),
  ];
  const table = readAt(opened, start, size * count);
  if (table.length < size * count) return start + size * count;
  const ends = Array.from({ length: count }, (_, index) => {
    const at = index * size;
    if (table.readUInt32LE(at) !== loadSegment) return 0;
    return Number(table.readBigUInt64LE(at + 8) + table.readBigUInt64LE(at + 32));
  });
  return Math.max(0, ...ends);
}

function readAt(opened: number, position: number, byteLength: number): Buffer {
  const bytes = Buffer.alloc(byteLength);
  return bytes.subarray(0, readSync(opened, bytes, 0, byteLength, position));
}

function describeStart(header: Buffer): string {
  const start = header.toString("latin1", 0, 8);
  return /^[\x20-\x7e\n\r\t]+$/.test(start)
    ? `the text ${JSON.stringify(start)}`
    : `the bytes ${header.toString("hex", 0, 4)}`;
}

function notFound(file: string, what: string, cause?: unknown): OrangeryError {
  return new OrangeryError(
    "PROVIDER_NOT_FOUND",
    `Expected the library of an execution provider at ${file}, but that ${what}. ` +
      "Correct the path.",
    { cause, details: { file } },
  );
}

function cutOff(file: string, bytes: number, expectedBytes: number): OrangeryError {
  return damaged(file, `it is cut off: it has ${bytes} bytes of at least ${expectedBytes}`);
}

function damaged(file: string, what: string): OrangeryError {
  return new OrangeryError(
    "PROVIDER_DAMAGED",
    `Expected ${file} to be a shared library for this machine, but ${what}. Copy it again.`,
    { details: { file } },
  );
}
