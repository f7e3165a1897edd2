import type { Weights } from "../../graph/yolo/modules.ts";
import { damaged, quote, tooLarge, unsupported } from "../checkpoint-error.ts";
import {
  PickledGlobal,
  PickledObject,
  PickledTuple,
  type PickleValue,
} from "../pickle/pickle-values.ts";
import { PickledTensor } from "../tensors/pickled-tensor.ts";
import { mostWeights } from "../tensors/weight-limit.ts";

/** The packages whose modules are known. */
type ModuleFamily = "ultralytics" | "torch";

/**
 * Where the classes of the families are. Early versions of Ultralytics had one file for all. Forks
 * add modules in files of their own, where a `Conv` need not be Ultralytics'.
 */
const families: readonly { readonly family: ModuleFamily; readonly pattern: RegExp }[] = [
  {
    family: "ultralytics",
    pattern: /^ultralytics\.(?:yolo\.)?nn\.modules(?:\.(?:conv|block|head|transformer))?\.(\w+)$/,
  },
  { family: "torch", pattern: /^torch\.nn\.modules\.\w+\.(\w+)$/ },
];

/**
 * Modules can be shared and nested, so a few bytes can describe an endless network. YOLO26x-seg has
 * 950 modules, 9 deep.
 */
const limits = { modules: 20_000, depth: 24 } as const;

/** What has been read of a checkpoint so far, and its limit. */
interface ReadSoFar {
  modules: number;
  elements: number;
  readonly mostElements: number;
}

interface IntegerRange {
  readonly least: number;
  readonly most: number;
}

/**
 * A `torch.nn.Module` of a checkpoint. Every value is checked when it is read; errors name the
 * module by its path.
 */
export class PickledModule {
  /** As in a state dict: `model.2.cv1.conv`. */
  readonly path: string;
  readonly className: string;
  /** Class by family and last name, such as `ultralytics:Conv`; undefined for any other class. */
  readonly kind: `${ModuleFamily}:${string}` | undefined;
  readonly #object: PickledObject;
  readonly #soFar: ReadSoFar;

  private constructor(object: PickledObject, path: string, soFar: ReadSoFar) {
    this.path = path;
    this.className = object.className;
    this.kind = kindOf(object.className);
    this.#object = object;
    this.#soFar = soFar;
    soFar.modules++;
    if (soFar.modules > limits.modules || path.split(".").length > limits.depth) {
      throw tooLarge(`Expected at most ${limits.modules} modules, ${limits.depth} deep, got more`);
    }
    if (!this.#hasOwnForward()) this.unsupported("a module whose forward pass was replaced");
  }

  /** Returns the whole network of a checkpoint. @param storedElements As in `Checkpoint`. */
  static root(object: PickledObject, storedElements: number): PickledModule {
    const mostElements = mostWeights(storedElements);
    return new PickledModule(object, "", { modules: 0, elements: 0, mostElements });
  }

  child(name: string): PickledModule {
    return this.optionalChild(name) ?? this.refuse(`a module \`${name}\``, "none");
  }

  /** Returns undefined where there is no such module, or None. */
  optionalChild(name: string): PickledModule | undefined {
    const value = this.#group("_modules").get(name) ?? null;
    return value === null ? undefined : this.#toModule(name, value);
  }

  /** Returns the modules of a list or a sequence in order. */
  children(): readonly PickledModule[] {
    return [...this.#group("_modules")].map(([name, value], index) => {
      if (name !== `${index}`) this.refuse(`module ${index} of a list`, describe(name));
      return this.#toModule(`${index}`, value);
    });
  }

  /** Returns a parameter or buffer as float32. */
  tensor(name: string): Weights {
    return this.optionalTensor(name) ?? this.refuse(`a tensor \`${name}\``, "none");
  }

  /** Returns undefined where there is no such tensor, or None. */
  optionalTensor(name: string): Weights | undefined {
    const value =
      this.#group("_parameters").get(name) ??
      this.#group("_buffers").get(name) ??
      this.#object.state.get(name) ??
      null;
    if (value === null) return undefined;
    if (!(value instanceof PickledTensor))
      return this.refuse(`a tensor \`${name}\``, describe(value));
    this.#soFar.elements += value.elementCount;
    if (!(this.#soFar.elements <= this.#soFar.mostElements)) {
      throw tooLarge(
        `Expected at most ${this.#soFar.mostElements} parameters out of what is stored, got more`,
      );
    }
    return { dims: value.dims, values: value.toFloat32() };
  }

  /** Reports whether the attribute exists and is not None. */
  has(name: string): boolean {
    return (this.#object.state.get(name) ?? null) !== null;
  }

  attribute(name: string): PickleValue {
    const value = this.#object.state.get(name);
    return value === undefined ? this.refuse(`an attribute \`${name}\``, "none") : value;
  }

  integer(name: string, range: IntegerRange): number {
    return this.#toInteger(name, this.attribute(name), range);
  }

  /** Returns a tuple or list of two integers, or one integer twice. */
  pair(name: string, range: IntegerRange): readonly [number, number] {
    const value = this.attribute(name);
    if (value instanceof PickledTuple || Array.isArray(value)) {
      return this.integers(name, { ...range, count: 2 }) as [number, number];
    }
    const both = this.#toInteger(name, value, range);
    return [both, both];
  }

  /** Returns a tuple or list of integers, `count` of them if it is given. */
  integers(
    name: string,
    { count, ...range }: IntegerRange & { readonly count?: number },
  ): readonly number[] {
    const value = this.attribute(name);
    const items = value instanceof PickledTuple ? value.items : value;
    if (!Array.isArray(items) || items.length > 64 || items.length !== (count ?? items.length)) {
      return this.refuse(`${count ?? "at most 64"} integers as \`${name}\``, describe(value));
    }
    return items.map((item) => this.#toInteger(name, item, range));
  }

  number(name: string): number {
    const value = this.attribute(name);
    if (typeof value === "number" && Number.isFinite(value)) return value;
    return this.refuse(`a number as \`${name}\``, describe(value));
  }

  /** @param fallback Where the attribute is missing, as in files of older versions. */
  flag(name: string, fallback?: boolean): boolean {
    const value = this.#object.state.get(name) ?? fallback;
    if (typeof value === "boolean") return value;
    return this.refuse(`True or False as \`${name}\``, describe(value));
  }

  /** @throws `CHECKPOINT_UNREADABLE`: the checkpoint is not what Ultralytics writes */
  refuse(expected: string, came: string): never {
    throw damaged(`Expected ${expected} in ${this.#place}, got ${came}`, {
      module: this.path,
      className: this.className,
      expected,
      came,
    });
  }

  /** @throws `CHECKPOINT_UNSUPPORTED`: the checkpoint may be right, but is not known here */
  unsupported(what = `the module ${quote(this.className)}`): never {
    throw unsupported(
      `Expected a YOLO network of Ultralytics, but ${this.#place} is ${what}, which Orangery ` +
        "does not know. Export it with `yolo export format=onnx` and use that.",
      { module: this.path, className: this.className },
    );
  }

  /**
   * Reports whether the object has the forward pass of its class, which is known. A fused network
   * is saved with `forward_fuse` in its place, which leaves out batch norms and the two
   * convolutions of a RepConv.
   */
  #hasOwnForward(): boolean {
    const forward = this.#object.state.get("forward");
    if (forward === undefined) return true;
    if (!(forward instanceof PickledObject && /^\w+\.getattr$/.test(forward.className)))
      return false;
    const [owner, name] = forward.args;
    const isOwn =
      owner === this.#object ||
      (owner instanceof PickledGlobal && owner.qualifiedName === this.className);
    const isFused =
      name === "forward_fuse" &&
      this.optionalChild("bn") === undefined &&
      this.optionalChild("conv1") === undefined;
    return isOwn && (name === "forward" || isFused);
  }

  get #place(): string {
    return this.path === "" ? "the model" : quote(this.path);
  }

  #group(name: "_modules" | "_parameters" | "_buffers"): ReadonlyMap<PickleValue, PickleValue> {
    const group = this.#object.state.get(name) ?? new Map();
    return group instanceof Map ? group : this.refuse(`a dict as \`${name}\``, describe(group));
  }

  #toModule(name: string, value: PickleValue): PickledModule {
    if (!(value instanceof PickledObject)) this.refuse(`a module as \`${name}\``, describe(value));
    const path = this.path === "" ? name : `${this.path}.${name}`;
    return new PickledModule(value, path, this.#soFar);
  }

  #toInteger(name: string, value: PickleValue | undefined, { least, most }: IntegerRange): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) {
      return value;
    }
    return this.refuse(`an integer from ${least} to ${most} as \`${name}\``, describe(value));
  }
}

function kindOf(className: string): PickledModule["kind"] {
  for (const { family, pattern } of families) {
    const match = pattern.exec(className);
    if (match !== null) return `${family}:${match[1]!}`;
  }
  return undefined;
}

/** Describes a value of a checkpoint for a message. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "string") return quote(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" || typeof value === "bigint") return `${value}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (value instanceof PickledTuple) return `a tuple of ${value.items.length}`;
  if (value instanceof PickledTensor) return `a tensor (${value.dims.join(", ")})`;
  if (value instanceof PickledObject) return quote(value.className);
  if (value instanceof Set) return `a set of ${value.size}`;
  return value instanceof PickledGlobal ? quote(value.qualifiedName) : "a storage";
}
