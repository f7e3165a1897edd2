import { damaged, PickleProblem, quote, refused, tooLarge } from "../checkpoint-error.ts";
import { callGlobal } from "./pickle-calls.ts";
import { PickleCursor } from "./pickle-cursor.ts";
import { describeOpcode, opcodes } from "./pickle-opcodes.ts";
import {
  PickledGlobal,
  PickledObject,
  PickledOrderedDict,
  PickledTuple,
  type PickleValue,
} from "./pickle-values.ts";

/**
 * These limits keep a pickle's memory below about 400 MB and its time below a second. YOLO11n has
 * 130 KB, 53,000 opcodes, 11,000 memo places and 17,000 values; the largest network with its
 * optimizer's state has about ten times as many.
 */
export const pickleLimits = {
  bytes: 16 << 20,
  opcodes: 2_000_000,
  memo: 1_000_000,
  /** Lists, dicts, objects and other containers, and entries that are copied between them. */
  values: 500_000,
  /**
   * Keys of dicts that are numbers. V8 hashes numbers without a secret seed, so a file can choose
   * keys that collide, and each insertion becomes a search: 10,000 such keys take 0.25 s, ten
   * times as many a hundred times that. Indices are not counted: a network may have more of them,
   * and {@link isIndex} leaves too few to choose from.
   */
  numericKeys: 10_000,
} as const;

/** Modules and classes, nested ones and those inside functions included. */
const globalName = /^[A-Za-z_][\w.<>]*$/;

/**
 * Reads a pickle as PyTorch writes it, protocol 2, and executes nothing: a class or function is a
 * name; an object is a name, arguments and state. Opcodes that PyTorch does not write are refused,
 * and calls that would act on the machine ({@link callGlobal}).
 *
 * @param loadPersistent Turns a persistent id into a value; throws a `PickleProblem`.
 * @throws `CHECKPOINT_UNREADABLE`, `CHECKPOINT_REFUSED` or `CHECKPOINT_TOO_LARGE`,
 *   naming the opcode or the global, and where it is.
 */
export function readPickle(
  bytes: Buffer,
  loadPersistent: (id: PickleValue) => PickleValue,
): PickleValue {
  if (bytes.length > pickleLimits.bytes) {
    throw tooLarge(`Its pickle has ${bytes.length} bytes; the limit is ${pickleLimits.bytes}`);
  }
  const { value, end } = readPickleAt(bytes, 0, loadPersistent);
  if (end === bytes.length) return value;
  throw damaged(`The pickle ends at byte ${end} and leaves something over`, { offset: end });
}

/** Reads a pickle that begins at byte `start` and may have something after it. */
export function readPickleAt(
  bytes: Buffer,
  start: number,
  loadPersistent: (id: PickleValue) => PickleValue,
): { readonly value: PickleValue; readonly end: number } {
  const machine = new PickleMachine(new PickleCursor(bytes, start), loadPersistent);
  const value = machine.run();
  return { value, end: machine.end };
}

/** Whether a key is a class, a layer or a parameter by its number. */
function isIndex(key: number | bigint): boolean {
  return Number.isInteger(key) && key >= 0 && key < 2 ** 16;
}

type Operation = (machine: PickleMachine) => void;

interface CallOnStack {
  readonly callee: PickledGlobal;
  readonly args: readonly PickleValue[];
}

class PickleMachine {
  readonly #cursor: PickleCursor;
  readonly #loadPersistent: (id: PickleValue) => PickleValue;
  #stack: PickleValue[] = [];
  /** The stacks below each open mark; the values after a mark have a stack of their own. */
  readonly #outerStacks: PickleValue[][] = [];
  readonly #memo: PickleValue[] = [];
  #values = 0;
  #numericKeys = 0;
  #opcode = 0;
  /** Where the current opcode is. */
  #offset = 0;

  constructor(cursor: PickleCursor, loadPersistent: (id: PickleValue) => PickleValue) {
    this.#cursor = cursor;
    this.#loadPersistent = loadPersistent;
  }

  /** Where the next byte is. */
  get end(): number {
    return this.#cursor.at;
  }

  run(): PickleValue {
    for (let count = 0; count < pickleLimits.opcodes; count++) {
      this.#offset = this.#cursor.at;
      this.#opcode = this.#cursor.uint8();
      if (this.#opcode === opcodes.STOP) return this.#finish();
      const operation = PickleMachine.#operations[this.#opcode];
      if (operation === undefined) throw this.#refused(" which PyTorch does not write");
      operation(this);
    }
    throw tooLarge(`Its pickle has more than ${pickleLimits.opcodes} opcodes`);
  }

  #finish(): PickleValue {
    const value = this.#pop();
    if (this.#stack.length > 0 || this.#outerStacks.length > 0) {
      throw this.#damaged("leaves something over");
    }
    return value;
  }

  /** The operation of each opcode, by its number. All others are refused. */
  static readonly #operations: readonly (Operation | undefined)[] = (() => {
    const table: Record<Exclude<keyof typeof opcodes, "STOP">, Operation> = {
      PROTO: (m) => m.#checkProtocol(m.#cursor.uint8()),
      NONE: (m) => m.#push(null),
      NEWTRUE: (m) => m.#push(true),
      NEWFALSE: (m) => m.#push(false),
      BININT: (m) => m.#push(m.#cursor.int32()),
      BININT1: (m) => m.#push(m.#cursor.uint8()),
      BININT2: (m) => m.#push(m.#cursor.uint16()),
      LONG1: (m) => m.#push(m.#cursor.integer(m.#cursor.uint8())),
      BINFLOAT: (m) => m.#push(m.#cursor.float64()),
      BINUNICODE: (m) => m.#push(m.#cursor.text(m.#cursor.uint32())),
      SHORT_BINSTRING: (m) => m.#push(m.#cursor.latin1(m.#cursor.uint8())),

      BINPUT: (m) => m.#remember(m.#cursor.uint8()),
      LONG_BINPUT: (m) => m.#remember(m.#cursor.uint32()),
      BINGET: (m) => m.#push(m.#recall(m.#cursor.uint8())),
      LONG_BINGET: (m) => m.#push(m.#recall(m.#cursor.uint32())),

      MARK: (m) => m.#mark(),
      EMPTY_LIST: (m) => m.#pushNew([]),
      APPEND: (m) => m.#append([m.#pop()]),
      APPENDS: (m) => m.#append(m.#popMark()),
      EMPTY_TUPLE: (m) => m.#pushNew(new PickledTuple([])),
      TUPLE: (m) => m.#pushNew(new PickledTuple(m.#popMark())),
      TUPLE1: (m) => m.#pushNew(new PickledTuple(m.#popMany(1))),
      TUPLE2: (m) => m.#pushNew(new PickledTuple(m.#popMany(2))),
      TUPLE3: (m) => m.#pushNew(new PickledTuple(m.#popMany(3))),
      EMPTY_DICT: (m) => m.#pushNew(new Map()),
      SETITEM: (m) => m.#setItems(m.#popMany(2)),
      SETITEMS: (m) => m.#setItems(m.#popMark()),

      // In Python, these would run something.
      GLOBAL: (m) => m.#pushNew(m.#readGlobal()),
      NEWOBJ: (m) => m.#newObject(m.#popCall()),
      REDUCE: (m) => m.#reduce(m.#popCall()),
      BUILD: (m) => m.#build(m.#pop()),
      BINPERSID: (m) => m.#push(m.#placing(() => m.#loadPersistent(m.#pop()))),
    };
    const operations: (Operation | undefined)[] = Array(256).fill(undefined);
    for (const [name, operation] of Object.entries(table)) {
      operations[opcodes[name as keyof typeof table]] = operation;
    }
    return operations;
  })();

  #checkProtocol(protocol: number): void {
    if (protocol === 2) return;
    throw this.#refused(
      ` for protocol ${protocol}; expected 2, which torch.save writes by default`,
    );
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pushNew(value: PickleValue): void {
    this.#spend(1);
    this.#stack.push(value);
  }

  #spend(values: number): void {
    this.#values += values;
    if (this.#values > pickleLimits.values) {
      throw tooLarge(`Its pickle makes more than ${pickleLimits.values} values`);
    }
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw this.#damaged("finds nothing on the stack");
    return value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length < count) throw this.#damaged("finds too little on the stack");
    return this.#stack.splice(-count);
  }

  /** Returns the value on top of the stack, to be changed in place. */
  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.#damaged("finds nothing on the stack");
    return value;
  }

  #mark(): void {
    this.#spend(1);
    this.#outerStacks.push(this.#stack);
    this.#stack = [];
  }

  #popMark(): PickleValue[] {
    const items = this.#stack;
    const outer = this.#outerStacks.pop();
    if (outer === undefined) throw this.#damaged("finds no mark");
    this.#stack = outer;
    return items;
  }

  /** Python numbers the places from 0 on, so the memo is a list. */
  #remember(place: number): void {
    if (place > this.#memo.length) throw this.#damaged(`skips memo ${this.#memo.length}`);
    if (place === pickleLimits.memo) {
      throw tooLarge(`Its pickle remembers more than ${pickleLimits.memo} values`);
    }
    this.#memo[place] = this.#top();
  }

  #recall(place: number): PickleValue {
    const value = this.#memo[place];
    if (value === undefined) throw this.#damaged(`asks for memo ${place}, which is empty`);
    return value;
  }

  /** Appends to a list. Objects of classes keep no items: their own code would decide. */
  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (list instanceof PickledObject) return;
    if (!Array.isArray(list)) throw this.#refused(" on something that is not a list");
    for (const item of items) list.push(item);
  }

  /** Adds items to a dict. Objects of classes keep none. */
  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (dict instanceof PickledObject) return;
    if (!(dict instanceof Map)) throw this.#refused(" on something that is not a dict");
    if (items.length % 2 !== 0) throw this.#damaged("finds a key without a value");
    for (let index = 0; index < items.length; index += 2) {
      const key = items[index]!;
      this.#countKey(key);
      dict.set(key, items[index + 1]!);
    }
  }

  #countKey(key: PickleValue): void {
    if ((typeof key !== "number" && typeof key !== "bigint") || isIndex(key)) return;
    this.#numericKeys++;
    if (this.#numericKeys > pickleLimits.numericKeys) {
      throw tooLarge(`Its pickle has more than ${pickleLimits.numericKeys} keys that are numbers`);
    }
  }

  #readGlobal(): PickledGlobal {
    const module = this.#cursor.line();
    const name = this.#cursor.line();
    if (!globalName.test(module) || !globalName.test(name)) {
      throw this.#refused(` for ${quote(`${module} ${name}`)}, which is no name of Python's`);
    }
    return new PickledGlobal(module, name);
  }

  #popCall(): CallOnStack {
    const args = this.#pop();
    const callee = this.#pop();
    if (!(callee instanceof PickledGlobal)) throw this.#refused(" for something without a name");
    if (!(args instanceof PickledTuple)) throw this.#damaged("finds no tuple of arguments");
    return { callee, args: args.items };
  }

  #newObject({ callee, args }: CallOnStack): void {
    this.#pushNew(new PickledObject(callee.qualifiedName, args));
  }

  #reduce({ callee, args }: CallOnStack): void {
    // A file may make many sets of one list.
    if (Array.isArray(args[0])) this.#spend(args[0].length);
    this.#pushNew(this.#placing(() => callGlobal(callee, args), callee));
  }

  /** Adds an object's state: a dict, or a tuple of a dict and slots. */
  #build(state: PickleValue): void {
    const object = this.#top();
    // A state_dict has its modules' versions as state.
    if (object instanceof PickledOrderedDict) return;
    if (!(object instanceof PickledObject)) {
      throw this.#refused(" on something that is not an object of a class");
    }
    const parts = state instanceof PickledTuple && state.items.length === 2 ? state.items : [state];
    for (const part of parts) {
      // Other states are for a `__setstate__`, which does not run.
      if (!(part instanceof Map)) continue;
      this.#spend(part.size);
      for (const [name, value] of part) {
        if (typeof name !== "string") throw this.#refused(" with an attribute without a name");
        object.setState(name, value);
      }
    }
  }

  /** Runs `work`, and adds the place in the pickle to the problems that it throws. */
  #placing(work: () => PickleValue, callee?: PickledGlobal): PickleValue {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof PickleProblem)) throw error;
      const what = callee === undefined ? "" : ` of ${quote(callee.qualifiedName)}`;
      throw this.#refused(`${what}: ${error.message}`);
    }
  }

  #refused(how: string): Error {
    const opcode = describeOpcode(this.#opcode);
    return refused(`The pickle has ${opcode} at byte ${this.#offset}${how}`, {
      opcode,
      offset: this.#offset,
    });
  }

  #damaged(how: string): Error {
    const opcode = describeOpcode(this.#opcode);
    return damaged(`The pickle's ${opcode} at byte ${this.#offset} ${how}`, {
      opcode,
      offset: this.#offset,
    });
  }
}
