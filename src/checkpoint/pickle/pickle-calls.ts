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

/** Calls that make a value here. Python 3 writes `__builtin__` for protocol 2. */
const meanings = new Map<string, Call>([
  ["collections.OrderedDict", makeOrderedDict],
  // Its argument is a factory for missing values, which nobody reads.
  ["collections.defaultdict", () => new Map()],
  ["__builtin__.set", makeSet],
  ["builtins.set", makeSet],
  ["torch.Size", makeSize],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_parameter", rebuildParameter],
  ["numpy.core.multiarray.scalar", makeScalar],
  ["numpy._core.multiarray.scalar", makeScalar],
]);

/**
 * Standard modules whose functions let a pickle run code or act on the machine. No checkpoint calls
 * them; a file that does is malicious and is refused, although nothing would run here. The list
 * only serves to warn: the protection is that nothing is ever called.
 */
const actingModules: ReadonlySet<string> = new Set(
  (
    "__builtin__ builtins os posix posixpath nt ntpath sys subprocess commands popen2 pty shutil " +
    "importlib imp pkgutil runpy code codeop types marshal pickle _pickle cPickle copy_reg " +
    "copyreg shelve socket socketserver ssl http urllib urllib2 httplib ftplib smtplib telnetlib " +
    "xmlrpc webbrowser ctypes _ctypes multiprocessing threading _thread thread asyncio " +
    "concurrent signal platform timeit trace pdb bdb profile cProfile doctest pydoc idlelib pip " +
    "distutils ensurepip venv operator _operator functools _functools tempfile io _io codecs " +
    "_codecs fileinput linecache tarfile zipfile gc inspect ast compileall py_compile site test " +
    "unittest sqlite3 logging"
  ).split(" "),
);

/** Calls of these modules that make plain data; they become placeholders. */
const inertCalls: ReadonlySet<string> = new Set([
  // Bound methods: `getattr(conv, "forward_fuse")`.
  "__builtin__.getattr",
  "builtins.getattr",
  // Bytes inside numpy's scalars.
  "_codecs.encode",
  ...["bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list"]
    .concat("long", "object", "range", "slice", "str", "tuple", "unicode", "xrange")
    .flatMap((type) => [`__builtin__.${type}`, `builtins.${type}`]),
  "copy_reg._reconstructor",
  "functools.partial",
  "types.SimpleNamespace",
]);

/**
 * Returns what a pickle's call of a global makes, without calling anything: a value where the call
 * has a meaning here, else a placeholder.
 *
 * @throws PickleProblem for a callee that acts, and for arguments that do not fit.
 */
export function callGlobal(callee: PickledGlobal, args: readonly PickleValue[]): PickleValue {
  const name = callee.qualifiedName;
  const meaning = meanings.get(name);
  if (meaning !== undefined) return meaning(args, callee);
  const [root = ""] = callee.module.split(".", 1);
  if (actingModules.has(root) && !inertCalls.has(name)) {
    throw new PickleProblem("a call that YOLO checkpoints do not make");
  }
  return new PickledObject(name, args);
}

function makeOrderedDict(args: readonly PickleValue[]): PickleValue {
  if (args.length === 0) return new PickledOrderedDict();
  throw new PickleProblem("expected no arguments");
}

/** Only sets of text are needed here. */
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
  // It marks views whose values are negated or conjugated.
  if (metadata !== null && !(metadata instanceof Map && metadata.size === 0)) {
    throw new PickleProblem("a tensor with metadata, which is not understood");
  }
  return new PickledTensor(storage, { offset, dims: numbersOf(dims), strides: numbersOf(strides) });
}

function rebuildParameter([tensor]: readonly PickleValue[]): PickleValue {
  if (tensor instanceof PickledTensor) return tensor;
  throw new PickleProblem("expected a tensor");
}

/** Returns the items; the tensor checks that they are numbers. */
function numbersOf(value: PickleValue | undefined): readonly number[] {
  if (!(value instanceof PickledTuple)) throw new PickleProblem("expected tuples of numbers");
  return value.items as readonly number[];
}
