import { isOrangeryError, OrangeryError } from "../../errors.ts";
import { environment } from "../library/environment.ts";
import type { Address, Out } from "../library/function-table.ts";
import { NativeObject } from "../library/native-object.ts";
import type {
  CreateSessionOptions,
  ElementType,
  RunOptions,
  Session,
  Tensor,
  TensorInfo,
} from "../runtime.ts";
import { releaseLeftTensors, releaseTensor } from "./left-tensors.ts";
import { MappedFile } from "./mapped-file.ts";
import { adoptTensor, createTensor, NativeTensor } from "./native-tensor.ts";
import { readSessionInfo, type SessionInfo } from "./session-info.ts";
import { createSessionOptions } from "./session-options.ts";

/**
 * A loaded model. Runs may overlap: ONNX Runtime allows any number of them on one session, from
 * any thread of the process.
 */
export class NativeSession implements Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** The model's custom metadata: every value is text. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The file that it reads its weights from, which is left when it is released. */
  readonly file: MappedFile | undefined;
  readonly #session: NativeObject;
  readonly #running = new Set<Promise<unknown>>();

  /** Takes over a native session; `info` is read from it unless it is known. */
  constructor(
    session: NativeObject,
    file: MappedFile | undefined,
    info: SessionInfo = readSessionInfo(session.address),
  ) {
    this.#session = session;
    this.file = file;
    this.inputs = info.inputs;
    this.outputs = info.outputs;
    this.metadata = info.metadata;
  }

  /** The owner of the native session. */
  get native(): NativeObject {
    return this.#session;
  }

  get disposed(): boolean {
    return this.#session.disposed;
  }

  async run(
    inputs: Readonly<Record<string, Tensor>>,
    { outputs = {}, trimMemory, signal }: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    signal?.throwIfAborted();
    checkNames("input", Object.keys(inputs), { known: this.inputs, complete: true });
    checkNames("output", Object.keys(outputs), { known: this.outputs, complete: false });
    const running = this.#run(inputs, { outputs, trimMemory, signal });
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #run(
    inputs: Readonly<Record<string, Tensor>>,
    { outputs = {}, trimMemory, signal }: RunOptions,
  ): Promise<Record<string, Tensor>> {
    const { api } = environment();
    using options = createRunOptions(trimMemory);
    using listening = new DisposableStack();
    const terminate = () => api.RunOptionsSetTerminate(options.address);
    signal?.addEventListener("abort", terminate, { once: true });
    listening.defer(() => signal?.removeEventListener("abort", terminate));
    try {
      return await this.#call(options, inputs, outputs);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw error;
    }
  }

  /** Calls `Run`, and keeps everything that it reads and writes until it has returned. */
  async #call(
    options: NativeObject,
    inputs: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, Tensor>> {
    const inputValues = Object.values(inputs).map(nativeValue);
    const outputValues = Object.values(outputs).map(nativeValue);
    using holds = new DisposableStack();
    for (const object of [this.#session, ...inputValues, ...outputValues]) holds.use(object.hold());

    const outputNames = this.outputs.map(({ name }) => name);
    const results = outputNames.map((name) =>
      outputs[name] ? nativeValue(outputs[name]).address : null,
    );
    await environment().api.async.Run(
      this.#session.address,
      options.address,
      Object.keys(inputs),
      inputValues.map(({ address }) => address),
      inputValues.length,
      outputNames,
      outputNames.length,
      results,
    );
    return adoptOutputs(outputNames, results, outputs);
  }

  /**
   * Takes about a millisecond: it starts a run that is to stop at once, and ONNX Runtime
   * shrinks the arenas at the end of every run, completed or not. (Measured with 1.30 on a
   * YOLO11n: 181 → 160 MB.)
   */
  async trimMemory(arenas: string): Promise<void> {
    using options = createRunOptions(arenas);
    environment().api.RunOptionsSetTerminate(options.address);
    await releaseLeftTensors();
    using inputs = new DisposableStack();
    const values = this.inputs.map(({ name, elementType, shape }) => {
      const extents = shape.map((extent) => (typeof extent === "number" ? extent : 1));
      return [name, inputs.use(createTensor(elementType as ElementType, extents))] as const;
    });
    try {
      await this.#call(options, Object.fromEntries(values), {});
    } catch (error) {
      if (!isTerminated(error)) throw error;
    }
  }

  /** Waits for the runs in flight, then releases the session. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#running);
    this.#session[Symbol.dispose]();
  }
}

/**
 * Loads a model from a file or from bytes, off the event loop.
 *
 * @param source Path of an `.onnx` or `.ort` file, or its bytes.
 * @throws `ORT_FAILED` when the library refuses the model or the provider.
 */
export async function createSession(
  source: string | Uint8Array,
  { signal, ...options }: CreateSessionOptions = {},
): Promise<NativeSession> {
  signal?.throwIfAborted();
  const { api, env } = environment();
  using sessionOptions = await createSessionOptions(options);
  signal?.throwIfAborted();
  const file =
    options.mapped && typeof source === "string" ? await MappedFile.open(source) : undefined;
  const cancel = () => api.SessionOptionsSetLoadCancellationFlag(sessionOptions.address, 1);
  signal?.addEventListener("abort", cancel, { once: true });
  const created: Out<Address | null> = [null];
  try {
    const { address } = sessionOptions;
    if (file !== undefined) {
      await api.async.CreateSessionFromArray(env, file.address, file.bytes, address, created);
    } else if (typeof source === "string") {
      await api.async.CreateSession(env, source, address, created);
    } else {
      await api.async.CreateSessionFromArray(env, source, source.byteLength, address, created);
    }
  } catch (error) {
    file?.leave();
    if (signal?.aborted) throw signal.reason;
    throw error;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
  const release = (address: Address) => releaseSession(address, file);
  const session = new NativeObject("session", created[0]!, release);
  try {
    signal?.throwIfAborted();
    return new NativeSession(session, file);
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}

/** Releases a native session, and then the file that it read its weights from. */
export function releaseSession(session: Address, file: MappedFile | undefined): void {
  environment().api.ReleaseSession(session);
  file?.leave();
}

function nativeValue(tensor: Tensor): NativeObject {
  if (tensor instanceof NativeTensor) return tensor.value;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected tensors that this runtime created, got another object. Use its `createTensor`.",
  );
}

/** ONNX Runtime has no status code of its own for a run that was stopped. */
function isTerminated(error: unknown): boolean {
  return isOrangeryError(error, "ORT_FAILED") && error.message.includes("terminate flag");
}

function createRunOptions(trimMemory: string | undefined): NativeObject {
  const { api } = environment();
  const created: Out<Address | null> = [null];
  api.CreateRunOptions(created);
  const options = new NativeObject("run options", created[0]!, api.ReleaseRunOptions);
  if (trimMemory !== undefined) {
    api.AddRunConfigEntry(options.address, "memory.enable_memory_arena_shrinkage", trimMemory);
  }
  return options;
}

function adoptOutputs(
  names: readonly string[],
  values: readonly (Address | null)[],
  given: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  const fresh = names.map((name, index) =>
    Object.hasOwn(given, name)
      ? undefined
      : new NativeObject("tensor", values[index]!, releaseTensor),
  );
  try {
    return Object.fromEntries(
      names.map((name, index) => [name, fresh[index] ? adoptTensor(fresh[index]) : given[name]!]),
    );
  } catch (error) {
    for (const value of fresh) value?.[Symbol.dispose]();
    throw error;
  }
}

function checkNames(
  role: "input" | "output",
  given: readonly string[],
  { known, complete }: { known: readonly TensorInfo[]; complete: boolean },
): void {
  const names = known.map(({ name }) => name);
  const unknown = given.find((name) => !names.includes(name));
  const missing = complete ? names.find((name) => !given.includes(name)) : undefined;
  if (unknown === undefined && missing === undefined) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected the ${role}s ${names.join(", ")}, got ${given.join(", ") || "none"}.`,
    { details: { expected: names, got: given } },
  );
}
