import { PickleProblem } from "../checkpoint-error.ts";
import { PickledTensor } from "../tensors/pickled-tensor.ts";
import { TensorStorage } from "../tensors/tensor-storage.ts";
import { numpyScalar } from "./numpy-scalar.ts";
import {
  type PickledGlobal,
  PickledObject,
  PickledOrderedDict,
  PickledTuple,
  type PickleValue,
} from "./pickle-values.ts";

type Call = (args: readonly PickleValue[], callee: PickledGlobal) => PickleValue;

/** The calls that have a meaning. Python 3 writes `__builtin__` for protocol 2. */
const meanings = new Map<string, Call>([
  ["collections.OrderedDict", makeOrderedDict],
  // Its argument makes what is missing, and nothing is missing that is not looked for.
  ["collections.defaultdict", () => new Map()],
  ["__builtin__.set", makeSet],
  ["builtins.set", makeSet],
  ["torch.Size", makeSize],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_parameter", rebuildParameter],
  ["numpy.core.multiarray.scalar", makeScalar],
  ["numpy._core.multiarray.scalar", makeScalar],
]);

/** Packages whose classes and functions may be called: the call becomes a placeholder. */
const inertPackages: ReadonlySet<string> = new Set([
  "numpy",
  "torch",
  "torchvision",
  "ultralytics",
]);

/** Of other packages, what Ultralytics' checkpoints are known to call; placeholders too. */
const inertCalls: ReadonlySet<string> = new Set([
  // Bound methods: `getattr(conv, "forward_fuse")`.
  "__builtin__.getattr",
  "builtins.getattr",
  // Bytes inside numpy's scalars.
  "_codecs.encode",
  "__builtin__.bytearray",
  "__builtin__.bytes",
  "__builtin__.complex",
  "__builtin__.frozenset",
  "__builtin__.slice",
  "__builtin__.xrange",
  "collections.Counter",
  "collections.deque",
  "copy_reg._reconstructor",
  "datetime.date",
  "datetime.datetime",
  "datetime.time",
  "datetime.timedelta",
  "datetime.timezone",
  "functools.partial",
  "pathlib.Path",
  "pathlib.PosixPath",
  "pathlib.PurePosixPath",
  "pathlib.PureWindowsPath",
  "pathlib.WindowsPath",
  "pathlib._local.PosixPath",
  "pathlib._local.WindowsPath",
  "types.SimpleNamespace",
  "uuid.UUID",
]);

/**
 * What a pickle's call of a global gives, without calling anything: a value where the call has a
 * meaning here, a placeholder where it is known to be harmless.
 *
 * @throws PickleProblem for any other callee, and for arguments that do not fit.
 */
export function callGlobal(callee: PickledGlobal, args: readonly PickleValue[]): PickleValue {
  const name = callee.qualifiedName;
  const meaning = meanings.get(name);
  if (meaning !== undefined) return meaning(args, callee);
  const [rootPackage = ""] = callee.module.split(".", 1);
  if (inertPackages.has(rootPackage) || inertCalls.has(name)) return new PickledObject(name, args);
  throw new PickleProblem("a call that YOLO checkpoints do not make");
}

function makeOrderedDict(args: readonly PickleValue[]): PickleValue {
  if (args.length === 0) return new PickledOrderedDict();
  throw new PickleProblem("expected no arguments");
}

/** Sets of anything but text are of no use here. */
function makeSet(args: readonly PickleValue[], callee: PickledGlobal): PickleValue {
  const [members] = args;
  if (!Array.isArray(members) || args.length !== 1) throw new PickleProblem("expected a list");
  if (members.every((member) => typeof member === "string")) return new Set(members);
  return new PickledObject(callee.qualifiedName, args);
}

function makeScalar(args: readonly PickleValue[], callee: PickledGlobal): PickleValue {
  return numpyScalar(args) ?? new PickledObject(callee.qualifiedName, args);
}

function makeSize(args: readonly PickleValue[]): PickleValue {
  const [dims] = args;
  if (dims instanceof PickledTuple && args.length === 1) return dims;
  throw new PickleProblem("expected a tuple of sizes");
}

/** `(storage, offset, size, stride, requires_grad, hooks[, metadata])` */
function rebuildTensor(args: readonly PickleValue[]): PickleValue {
  const [storage, offset, dims, strides, , , metadata = null] = args;
  if (!(storage instanceof TensorStorage)) throw new PickleProblem("expected a storage");
  if (args.length < 6 || args.length > 7 || typeof offset !== "number") {
    throw new PickleProblem("expected a storage, an offset, a size, a stride and 2 or 3 more");
  }
  // PyTorch says here of a view that its values are negated or conjugated.
  if (metadata !== null && !(metadata instanceof Map && metadata.size === 0)) {
    throw new PickleProblem("a tensor with metadata, which is not understood");
  }
  return new PickledTensor(storage, { offset, dims: numbersOf(dims), strides: numbersOf(strides) });
}

function rebuildParameter([tensor]: readonly PickleValue[]): PickleValue {
  if (tensor instanceof PickledTensor) return tensor;
  throw new PickleProblem("expected a tensor");
}

/** The items, which the tensor checks to be numbers. */
function numbersOf(value: PickleValue | undefined): readonly number[] {
  if (!(value instanceof PickledTuple)) throw new PickleProblem("expected tuples of numbers");
  return value.items as readonly number[];
}
