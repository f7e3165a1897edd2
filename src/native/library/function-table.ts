import { promisify } from "node:util";
import koffi from "koffi";
import { OrangeryError } from "../../errors.ts";

/** An address in native memory; 0 never occurs, a null pointer is `null`. */
export type Address = bigint;

/** A place for one value that the library writes: `[null]` or `[0]` before the call. */
export type Out<T> = [T];

/** The C types that the binding uses, as koffi types. */
const cTypes = {
  int: "int",
  int64: "int64_t",
  size: "size_t",
  str: "str",
  // Paths are UTF-16 on Windows and bytes elsewhere (ORTCHAR_T).
  path: process.platform === "win32" ? "str16" : "str",
  pointer: "void *",
  strings: "const char **",
  pointers: "void **",
  dims: "int64_t *",
  sizes: "size_t *",
  outInt: koffi.out(koffi.pointer("int")),
  outSize: koffi.out(koffi.pointer("size_t")),
  outPointer: koffi.out(koffi.pointer("void *")),
  outDims: koffi.out(koffi.pointer("int64_t")),
  inoutPointers: koffi.inout(koffi.pointer("void *")),
} as const;

interface JsTypes {
  int: number;
  int64: number;
  size: number;
  str: string;
  path: string;
  pointer: Address | Uint8Array | null;
  strings: readonly string[];
  pointers: readonly (Address | null)[];
  dims: BigInt64Array;
  sizes: BigUint64Array;
  outInt: Out<number>;
  outSize: Out<number>;
  outPointer: Out<Address | null>;
  outDims: BigInt64Array;
  inoutPointers: (Address | null)[];
}

type CType = keyof JsTypes;
type Args<T extends readonly CType[]> = { -readonly [K in keyof T]: JsTypes[T[K]] };

/**
 * The functions in use: position in the `OrtApi` table (which only ever grows, so a position never
 * changes) and parameters. All of these return an `OrtStatus*`, null for success.
 */
const statusFunctions = {
  CreateEnv: [3, "int", "str", "outPointer"],
  DisableTelemetryEvents: [6, "pointer"],
  CreateSession: [7, "pointer", "path", "pointer", "outPointer"],
  CreateSessionFromArray: [8, "pointer", "pointer", "size", "pointer", "outPointer"],
  Run: [9, "pointer", "pointer", "strings", "pointers", "size", "strings", "size", "inoutPointers"],
  CreateSessionOptions: [10, "outPointer"],
  SetOptimizedModelFilePath: [11, "pointer", "path"],
  DisableProfiling: [15, "pointer"],
  DisableMemPattern: [17, "pointer"],
  SetSessionLogSeverityLevel: [22, "pointer", "int"],
  SetSessionGraphOptimizationLevel: [23, "pointer", "int"],
  SetIntraOpNumThreads: [24, "pointer", "int"],
  SessionGetInputCount: [30, "pointer", "outSize"],
  SessionGetOutputCount: [31, "pointer", "outSize"],
  SessionGetInputTypeInfo: [33, "pointer", "size", "outPointer"],
  SessionGetOutputTypeInfo: [34, "pointer", "size", "outPointer"],
  SessionGetInputName: [36, "pointer", "size", "pointer", "outPointer"],
  SessionGetOutputName: [37, "pointer", "size", "pointer", "outPointer"],
  CreateRunOptions: [39, "outPointer"],
  RunOptionsSetTerminate: [46, "pointer"],
  CreateTensorAsOrtValue: [48, "pointer", "dims", "size", "int", "outPointer"],
  GetTensorMutableData: [51, "pointer", "outPointer"],
  CastTypeInfoToTensorInfo: [55, "pointer", "outPointer"],
  GetTensorElementType: [60, "pointer", "outInt"],
  GetDimensionsCount: [61, "pointer", "outSize"],
  GetDimensions: [62, "pointer", "outDims", "size"],
  GetSymbolicDimensions: [63, "pointer", "inoutPointers", "size"],
  GetTensorTypeAndShape: [65, "pointer", "outPointer"],
  CreateCpuMemoryInfo: [69, "int", "int", "outPointer"],
  AllocatorFree: [76, "pointer", "pointer"],
  GetAllocatorWithDefaultOptions: [78, "outPointer"],
  SessionGetModelMetadata: [111, "pointer", "outPointer"],
  ModelMetadataLookupCustomMetadataMap: [116, "pointer", "pointer", "str", "outPointer"],
  ModelMetadataGetCustomMetadataMapKeys: [123, "pointer", "pointer", "outPointer", "outDims"],
  AddFreeDimensionOverrideByName: [124, "pointer", "str", "int64"],
  AddSessionConfigEntry: [130, "pointer", "str", "str"],
  CreateAndRegisterAllocator: [144, "pointer", "pointer", "pointer"],
  CreateArenaCfgV2: [164, "strings", "sizes", "size", "outPointer"],
  AddRunConfigEntry: [165, "pointer", "str", "str"],
  SessionOptionsAppendExecutionProvider_TensorRT_V2: [170, "pointer", "pointer"],
  CreateTensorRTProviderOptions: [171, "outPointer"],
  UpdateTensorRTProviderOptions: [172, "pointer", "strings", "strings", "size"],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, "pointer", "pointer"],
  CreateCUDAProviderOptions: [205, "outPointer"],
  UpdateCUDAProviderOptions: [206, "pointer", "strings", "strings", "size"],
  SessionOptionsAppendExecutionProvider: [216, "pointer", "str", "strings", "strings", "size"],
  RegisterCustomOpsLibrary_V2: [228, "pointer", "path"],
  SessionOptionsSetLoadCancellationFlag: [293, "pointer", "int"],
  RegisterExecutionProviderLibrary: [301, "pointer", "str", "path"],
  GetEpDevices: [303, "pointer", "outPointer", "outSize"],
  SessionOptionsAppendExecutionProvider_V2: [
    304,
    "pointer",
    "pointer",
    "pointers",
    "size",
    "strings",
    "strings",
    "size",
  ],
} as const satisfies Record<string, readonly [number, ...CType[]]>;

/** These return a value or nothing, and cannot fail. */
const plainFunctions = {
  AddKeyValuePair: [296, "void", "pointer", "str", "str"],
  GetKeyValue: [297, "str", "pointer", "str"],
  HardwareDevice_Type: [307, "int", "pointer"],
  HardwareDevice_Vendor: [309, "str", "pointer"],
  EpDevice_EpName: [312, "str", "pointer"],
  EpDevice_EpMetadata: [314, "pointer", "pointer"],
  EpDevice_Device: [316, "pointer", "pointer"],
} as const satisfies Record<string, readonly [number, keyof PlainResults, ...CType[]]>;

/** These take an address and return nothing. */
const releaseFunctions = {
  ReleaseStatus: 93,
  ReleaseMemoryInfo: 94,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseRunOptions: 97,
  ReleaseTypeInfo: 98,
  ReleaseTensorTypeAndShapeInfo: 99,
  ReleaseSessionOptions: 100,
  ReleaseModelMetadata: 118,
  ReleaseArenaCfg: 157,
  ReleaseTensorRTProviderOptions: 174,
  ReleaseCUDAProviderOptions: 208,
} as const;

type StatusFunctions = typeof statusFunctions;
type Parameters<K extends keyof StatusFunctions> = StatusFunctions[K] extends readonly [
  number,
  ...infer P extends readonly CType[],
]
  ? Args<P>
  : never;

type SyncTable = { readonly [K in keyof StatusFunctions]: (...args: Parameters<K>) => void };
type AsyncTable = {
  readonly [K in keyof StatusFunctions]: (...args: Parameters<K>) => Promise<void>;
};
type PlainFunctions = typeof plainFunctions;
interface PlainResults {
  void: undefined;
  str: string | null;
  int: number;
  pointer: Address;
}
type PlainTable = {
  readonly [K in keyof PlainFunctions]: PlainFunctions[K] extends readonly [
    number,
    infer R extends keyof PlainResults,
    ...infer P extends readonly CType[],
  ]
    ? (...args: Args<P>) => PlainResults[R]
    : never;
};
type ReleaseTable = { readonly [K in keyof typeof releaseFunctions]: (address: Address) => void };

/**
 * ONNX Runtime's C API, typed. Every function that returns a status throws `ORT_FAILED` when the
 * status is not a success; the same functions under `async` run on a libuv thread and leave the
 * event loop free. Addresses and buffers given to an `async` function must stay alive until its
 * promise settles.
 */
export interface FunctionTable extends SyncTable, PlainTable, ReleaseTable {
  readonly async: AsyncTable;
}

/** `OrtErrorCode` of onnxruntime_c_api.h, by position. */
const statusNames = [
  "OK",
  "FAIL",
  "INVALID_ARGUMENT",
  "NO_SUCHFILE",
  "NO_MODEL",
  "ENGINE_ERROR",
  "RUNTIME_EXCEPTION",
  "INVALID_PROTOBUF",
  "MODEL_LOADED",
  "NOT_IMPLEMENTED",
  "INVALID_GRAPH",
  "EP_FAIL",
  "MODEL_LOAD_CANCELED",
  "MODEL_REQUIRES_COMPILATION",
  "NOT_FOUND",
] as const;

export function readFunctionTable(tableAddress: Address): FunctionTable {
  const last = Math.max(
    ...[...Object.values(statusFunctions), ...Object.values(plainFunctions)].map(
      ([index]) => index,
    ),
  );
  const pointers = koffi.decode(tableAddress, koffi.array("void *", last + 1)) as Address[];

  const releases = Object.fromEntries(
    Object.entries(releaseFunctions).map(([name, index]) => [
      name,
      koffi.decode(pointers[index], koffi.proto("void", ["void *"])),
    ]),
  ) as unknown as ReleaseTable;

  const plain = Object.fromEntries(
    Object.entries(plainFunctions).map(([name, [index, result, ...parameters]]) => {
      const proto = koffi.proto(
        result === "pointer" ? cTypes.pointer : result,
        parameters.map((parameter) => cTypes[parameter]),
      );
      return [name, koffi.decode(pointers[index], proto)];
    }),
  ) as unknown as PlainTable;

  const getErrorCode = koffi.decode(pointers[1], koffi.proto("int", ["void *"]));
  const getErrorMessage = koffi.decode(pointers[2], koffi.proto("str", ["void *"]));

  /** Reads and releases a status that is not null, as the error it stands for. */
  function toError(name: string, status: Address): OrangeryError {
    const status_ = statusNames[getErrorCode(status) as number] ?? "UNKNOWN";
    const message = getErrorMessage(status) as string;
    releases.ReleaseStatus(status);
    return new OrangeryError("ORT_FAILED", `ONNX Runtime ${name} failed (${status_}): ${message}`, {
      details: { function: name, status: status_, message },
    });
  }

  const sync: Record<string, unknown> = {};
  const async: Record<string, unknown> = {};
  for (const [name, [index, ...parameters]] of Object.entries(statusFunctions)) {
    const proto = koffi.proto(
      "void *",
      parameters.map((parameter) => cTypes[parameter]),
    );
    const native = koffi.decode(pointers[index], proto);
    const nativeAsync = promisify(native.async);
    sync[name] = (...args: unknown[]) => {
      const status = native(...args) as Address | null;
      if (status !== null) throw toError(name, status);
    };
    async[name] = async (...args: unknown[]) => {
      const status = (await nativeAsync(...args)) as Address | null;
      if (status !== null) throw toError(name, status);
    };
  }
  return { ...(sync as SyncTable), ...plain, ...releases, async: async as AsyncTable };
}
