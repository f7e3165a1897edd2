import type { PickledTensor } from "../tensors/pickled-tensor.ts";
import type { TensorStorage } from "../tensors/tensor-storage.ts";

/**
 * What a pickle holds, as inert data. Python's int is a `number`, or a `bigint` beyond the safe
 * range; float is a `number` too. A dict is a `Map`, so that no key, `__proto__` included, means
 * anything. Values may be shared, and may contain themselves: who walks them must remember where
 * it has been, and bound how deep it goes.
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

/** A class or function that is named but never looked up: only its name is kept. */
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
 * Stands for an object of a class that is known by name only. Nothing of the class has run, so its
 * state is what the file says, whatever the class would have made of it.
 */
export class PickledObject {
  /** `ultralytics.nn.modules.conv.Conv`. */
  readonly className: string;
  /** What the class or function was to be called with. */
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
