import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type {
  CreateSessionOptions,
  ElementType,
  LoadedSession,
  OpenSharedSessionOptions,
  Runtime,
  Session,
} from "../../native/runtime.ts";

/**
 * ONNX Runtime with devices that this machine lacks: what is meant for `directml:0` and
 * `directml:1` runs on the CPU, or fails where the test says so. Everything else is real.
 */
export class PretendDevices implements Runtime {
  readonly name = "onnxruntime with pretended devices";
  readonly version = onnxRuntime.version;
  /** Sessions of model files that were created, the device's proofs left out. */
  loads = 0;
  /** Fails the device: as a session is created, or at its first run. */
  failAt: "creation" | "run" | undefined;
  readonly #isSoundItself: boolean;
  readonly #gate: Promise<void>;

  /**
   * @param failOnlyModels Whether the device's own proof passes all the same.
   * @param gate What loads of model files wait for.
   */
  constructor({
    failAt,
    failOnlyModels = false,
    gate = Promise.resolve(),
  }: {
    failAt?: "creation" | "run";
    failOnlyModels?: boolean;
    gate?: Promise<void>;
  } = {}) {
    this.failAt = failAt;
    this.#isSoundItself = failOnlyModels;
    this.#gate = gate;
  }

  createTensor<T extends ElementType>(elementType: T, shape: readonly number[]) {
    return onnxRuntime.createTensor(elementType, shape);
  }

  async createSession(
    source: string | Uint8Array,
    { provider, config: _, ...options }: CreateSessionOptions = {},
  ): Promise<Session> {
    const isModel = typeof source === "string";
    const fails = provider?.name !== "cpu" && (isModel || !this.#isSoundItself);
    if (isModel) await this.#gate;
    if (fails && this.failAt === "creation") throw new Error("the device is on fire");
    const session = await onnxRuntime.createSession(source, options);
    if (isModel) this.loads += 1;
    if (fails && this.failAt === "run") {
      session.run = async () => {
        throw new Error("the device went away");
      };
    }
    return session;
  }

  openSharedSession<T extends LoadedSession>(key: string, options: OpenSharedSessionOptions<T>) {
    return onnxRuntime.openSharedSession(key, options);
  }
}
