import type { PickledTensor } from "../tensors/pickled-tensor.ts";
import type { TensorStorage } from "../tensors/tensor-storage.ts";

/**
 * A value of a pickle, as inert data. Python's int is a `number`, or a `bigint` beyond the safe
 * range; float is a `number` too. A dict is a `Map`, so that no key has a meaning, `__proto__`
 * included. Values may be shared and may contain themselves: code that walks them must remember
 * where it has been, and limit its depth.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | PickledTuple
  | PickleDict
  | Set<string>
  | PickledTensor
  | TensorStorage
  | PickledObject
  | PickledGlobal;

/** A dict or an OrderedDict, in the order of the file. */
export type PickleDict = Map<PickleValue, PickleValue>;

/** An OrderedDict, which unlike a dict may have attributes; they are left out. */
export class PickledOrderedDict extends Map<PickleValue, PickleValue> {}

/** A tuple or a `torch.Size`. */
export class PickledTuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** The name of a class or function, which is never looked up. */
export class PickledGlobal {
  readonly module: string;
  /** As Python writes it: `ultralytics.nn.modules.conv.Conv`. */
  readonly qualifiedName: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.qualifiedName = `${module}.${name}`;
  }
}

/**
 * A placeholder for an object of a class, known only by name. None of the class's code has run: the
 * state is as in the file.
 */
export class PickledObject {
  /** `ultralytics.nn.modules.conv.Conv`. */
  readonly className: string;
  /** The arguments for the class or function. */
  readonly args: readonly PickleValue[];
  #state: Map<string, PickleValue> | undefined;

  constructor(className: string, args: readonly PickleValue[] = []) {
    this.className = className;
    this.args = args;
  }

  /** Its `__dict__`, slots included; empty when it has none. */
  get state(): ReadonlyMap<string, PickleValue> {
    return this.#state ?? noState;
  }

  /** Adds to its `__dict__`, as Python does for an object without a `__setstate__`. */
  setState(name: string, value: PickleValue): void {
    this.#state ??= new Map();
    this.#state.set(name, value);
  }
}

/** Most placeholders have none, and a pickle can ask for very many. */
const noState: ReadonlyMap<string, PickleValue> = new Map();
