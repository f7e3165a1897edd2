/**
 * An inference runtime, as the layers above need it. ONNX Runtime through its C API is the one
 * implementation (`onnx-runtime.ts`); `runtime-conformance.ts` is the suite for every other.
 */
export interface Runtime {
  readonly name: string;
  /** Version of the library, such as `1.30.0`. */
  readonly version: string;
  /** The operators of `native/kernels/`, where sessions can have them: see `KernelLibrary`. */
  readonly kernels?: { readonly lanes: number } | undefined;
  /** Allocates a tensor; its contents are undefined until they are written. */
  createTensor<T extends ElementType>(elementType: T, shape: readonly number[]): Tensor<T>;
  /** Loads a model from a file's path or from its bytes, off the event loop. */
  createSession(source: string | Uint8Array, options?: CreateSessionOptions): Promise<Session>;
  /**
   * Opens the session that this process has under `key`, whichever thread loaded it; where there
   * is none, loads it by `load`, once, however many threads ask. Every opener disposes its own;
   * the last one releases the session.
   */
  openSharedSession<T extends LoadedSession>(
    key: string,
    options: OpenSharedSessionOptions<T>,
  ): Promise<SharedSession<T>>;
}

/** Element types that tensors can have, and the typed array that views each. */
export interface TensorData {
  float32: Float32Array;
  /** IEEE 754 binary16. */
  float16: Float16Array;
  uint8: Uint8Array;
  int64: BigInt64Array;
}

/** The type of a tensor's elements. */
export type ElementType = keyof TensorData;

/** A block of elements in memory that the runtime owns. */
export interface Tensor<T extends ElementType = ElementType> extends Disposable {
  readonly elementType: T;
  /** Extent of each dimension, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** The elements, row-major, without a copy. Of length 0 once the tensor is disposed. */
  readonly data: TensorData[T];
  readonly disposed: boolean;
}

/** An input or an output of a session. */
export interface TensorInfo {
  readonly name: string;
  /** `float32`, `float16`, `uint8`, `int64`, or `onnx type N` for one that tensors cannot have. */
  readonly elementType: string;
  /** Extents, outermost first; a string names an extent that is only known at run time. */
  readonly shape: readonly (number | string)[];
}

/** What runs a network: the CPU, the way to a kind of GPU, or a library that was registered. */
export type ExecutionProviderName =
  | "cpu"
  | "cuda"
  | "tensorrt"
  | "webgpu"
  | "coreml"
  | "directml"
  | "plugin";

/** A device of a provider that is a library of its own, as a name asks for it. */
export interface PluginDeviceName {
  /** The provider's name in short, such as `openvino`. */
  readonly provider: string;
  /** The kind of hardware. Default: whatever the plugin lists first. */
  readonly hardware?: "cpu" | "gpu" | "npu" | undefined;
  /** Which of those that fit, from 0. */
  readonly index: number;
}

/** The place where a session's nodes run. Nodes that the provider cannot run fall to the CPU. */
export interface ExecutionProvider {
  readonly name: ExecutionProviderName;
  /** The device, where the name is `plugin`. */
  readonly plugin?: PluginDeviceName | undefined;
  /** The provider's own options, as its documentation names them: `device_id`, … */
  readonly options?: Readonly<Record<string, string>>;
}

export interface SessionOptions {
  /** Default: the CPU. */
  readonly provider?: ExecutionProvider;
  /** Threads that share one operator. Default 0: as many as there are physical cores. */
  readonly intraOpThreads?: number | undefined;
  /**
   * Lets those threads wait for more work by spinning, which keeps their cores busy between runs.
   * Default false: beside decoding and a second model, a run took 21 ms instead of 58 (two YOLO11n
   * in turn on 2 cores).
   */
  readonly allowSpinning?: boolean | undefined;
  /**
   * Saves the network as it is after its optimisation, in the library's own format, for `mapped`,
   * or as ONNX where the name ends in `.onnx`. It serves this machine's CPU, this provider and this
   * version of the library. A library that has no such format writes nothing.
   */
  readonly saveOptimizedTo?: string | undefined;
  /**
   * The source is a file that `saveOptimizedTo` made: it is mapped into memory instead of read, so
   * that all processes that have it loaded share its weights, and is not optimised again.
   */
  readonly mapped?: boolean | undefined;
  /** Runs the network as it is, without optimising it first. Default false. */
  readonly unoptimized?: boolean | undefined;
  /** The network may have the operators of `native/kernels/`: `Runtime.kernels`. Default false. */
  readonly kernels?: boolean | undefined;
  /** Extents of dimensions that the network leaves free, by their names: `batch`, `height`, … */
  readonly freeDimensions?: Readonly<Record<string, number>> | undefined;
  /** Session configuration entries, as onnxruntime_session_options_config_keys.h names them. */
  readonly config?: Readonly<Record<string, string>>;
}

/** How a session is made of a network. */
export interface CreateSessionOptions extends SessionOptions {
  /** Stops the load; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How a session is run. */
export interface RunOptions {
  /** Tensors to write outputs into, by name; their shape must be the output's. */
  readonly outputs?: Readonly<Record<string, Tensor>> | undefined;
  /** Gives the arenas' unused memory back after this run: `cpu:0`, `gpu:0`, joined by `;`. */
  readonly trimMemory?: string | undefined;
  /** Stops the run; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A loaded model. Runs may overlap, on one session and from any thread of the process.
 */
export interface Session extends AsyncDisposable {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** The model's custom metadata: every value is text. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly disposed: boolean;
  /**
   * Runs the model off the event loop.
   *
   * @param inputs One tensor for every input, by name. They may be disposed at once: the memory
   *   stays until the run has ended.
   * @returns One tensor for every output, by name; the caller disposes them. Those given in
   *   `outputs` are returned as they are.
   * @throws `INVALID_ARGUMENT` for a missing or unknown name, `ORT_FAILED` when the
   *   run fails, `TENSOR_RELEASED` when the session or a tensor was disposed before.
   */
  run(
    inputs: Readonly<Record<string, Tensor>>,
    options?: RunOptions,
  ): Promise<Record<string, Tensor>>;
  /**
   * Gives the unused memory of the arenas back to the system or the device.
   *
   * @param arenas `cpu:0`, `gpu:0`, joined by `;`.
   */
  trimMemory(arenas: string): Promise<void>;
}

/** The result of a load: the session, and what else the caller wants to know of the load. */
export interface LoadedSession {
  readonly session: Session;
}

/** How a session is opened that all threads of the process share. */
export interface OpenSharedSessionOptions<T extends LoadedSession = LoadedSession> {
  /** Loads the session where the process has none. Its failure is the caller's and is forgotten. */
  readonly load: (signal: AbortSignal | undefined) => Promise<T>;
  readonly signal?: AbortSignal | undefined;
}

/** A session that other threads of the process may have open, too. */
export interface SharedSession<T extends LoadedSession = LoadedSession> {
  readonly session: Session;
  /** The result of `load`; undefined where the session was there already. */
  readonly loaded: T | undefined;
}
