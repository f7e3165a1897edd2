/**
 * The opcodes that PyTorch writes in protocol 2, and the two that Python 2 adds. The machine
 * refuses all others.
 */
export const opcodes = {
  PROTO: 0x80,
  STOP: 0x2e, // .
  MARK: 0x28, // (
  NONE: 0x4e, // N
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  BININT: 0x4a, // J
  BININT1: 0x4b, // K
  BININT2: 0x4d, // M
  LONG1: 0x8a,
  BINFLOAT: 0x47, // G
  BINUNICODE: 0x58, // X
  SHORT_BINSTRING: 0x55, // U
  EMPTY_LIST: 0x5d, // ]
  APPEND: 0x61, // a
  APPENDS: 0x65, // e
  EMPTY_TUPLE: 0x29, // )
  TUPLE: 0x74, // t
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  EMPTY_DICT: 0x7d, // }
  SETITEM: 0x73, // s
  SETITEMS: 0x75, // u
  BINGET: 0x68, // h
  LONG_BINGET: 0x6a, // j
  BINPUT: 0x71, // q
  LONG_BINPUT: 0x72, // r
  GLOBAL: 0x63, // c
  REDUCE: 0x52, // R
  NEWOBJ: 0x81,
  BUILD: 0x62, // b
  BINPERSID: 0x51, // Q
} as const;

/** Names of the refused opcodes of Python's pickle, for messages. */
const refusedOpcodes: Readonly<Record<number, string>> = {
  48: "POP",
  49: "POP_MARK",
  50: "DUP",
  66: "BINBYTES",
  67: "SHORT_BINBYTES",
  70: "FLOAT",
  73: "INT",
  76: "LONG",
  80: "PERSID",
  83: "STRING",
  84: "BINSTRING",
  86: "UNICODE",
  100: "DICT",
  103: "GET",
  105: "INST",
  108: "LIST",
  111: "OBJ",
  112: "PUT",
  130: "EXT1",
  131: "EXT2",
  132: "EXT4",
  139: "LONG4",
  140: "SHORT_BINUNICODE",
  141: "BINUNICODE8",
  142: "BINBYTES8",
  143: "EMPTY_SET",
  144: "ADDITEMS",
  145: "FROZENSET",
  146: "NEWOBJ_EX",
  147: "STACK_GLOBAL",
  148: "MEMOIZE",
  149: "FRAME",
  150: "BYTEARRAY8",
  151: "NEXT_BUFFER",
  152: "READONLY_BUFFER",
};

const opcodeNames: Readonly<Record<number, string>> = {
  ...refusedOpcodes,
  ...Object.fromEntries(Object.entries(opcodes).map(([name, code]) => [code, name])),
};

/** Returns an opcode's name and value for a message. */
export function describeOpcode(code: number): string {
  const hex = `0x${code.toString(16).padStart(2, "0")}`;
  return opcodeNames[code] === undefined ? hex : `${opcodeNames[code]} (${hex})`;
}
