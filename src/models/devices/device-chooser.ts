import { untilAborted } from "../../base/abort.ts";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { registerPlugins } from "../../native/providers/plugins.ts";
import type { Runtime } from "../../native/runtime.ts";
import { type Device, devicesToTry, parseDevice } from "./device.ts";
import { proveDevice } from "./device-proof.ts";
import { mayHaveGpu } from "./device-survey.ts";

export interface DeviceChooserOptions {
  readonly runtime: Runtime;
  /** `auto`, or a device name. */
  readonly device: string;
  readonly forceCpu: boolean;
  readonly requireDevice: boolean;
  readonly logger: Logger;
  /** Whether the machine may have a GPU. Default: whether it shows one, where that can be seen. */
  readonly hasGpu?: boolean | undefined;
}

/** The device that was wanted, and why it was passed over. */
export interface DeviceFallback {
  readonly from: string;
  readonly reason: string;
}

/**
 * Goes down the list of devices until one works. A device that failed its proof is not tried again
 * until `forget`; one that is sound but fails at a model is passed over for that model alone.
 */
export class DeviceChooser {
  readonly #options: DeviceChooserOptions;
  /** By label; a failure is kept, so that each device is asked and warned about once. */
  readonly #proofs = new Map<string, Promise<void>>();
  readonly #warned = new Set<string>();
  #plugins: Promise<void> | undefined;

  /** @throws `DEVICE_UNKNOWN` */
  constructor(options: DeviceChooserOptions) {
    if (options.device !== "auto") parseDevice(options.device);
    this.#options = options;
  }

  /** Starts the search for a worker's best device. */
  search(workerId: number): DeviceSearch {
    const { device, forceCpu, requireDevice } = this.#options;
    return new DeviceSearch(this, { wanted: forceCpu ? "cpu" : device, requireDevice, workerId });
  }

  /** Proves a device, once. Shared by all who wait for it, so nobody's abort ends it. */
  prove(device: Device): Promise<void> {
    let proof = this.#proofs.get(device.label);
    if (proof === undefined) {
      const { runtime, device: wanted } = this.#options;
      proof = proveDevice(device, { runtime, chosenBy: wanted === "auto" ? "auto" : "name" });
      this.#proofs.set(device.label, proof);
    }
    return proof;
  }

  /**
   * Warns, once for each reason, that something runs on another device than the one wanted. Where
   * `auto` finds no GPU because there is none, nothing is wrong: that is logged as information.
   */
  warnOf({ from, reason }: DeviceFallback, { label: to }: Device): void {
    const key = [from, to, reason].join(" ");
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
    const { device, hasGpu = mayHaveGpu(), logger } = this.#options;
    if (device === "auto" && !hasGpu) {
      logger.info({ from, to, reason }, `running on ${to}: there is no GPU`);
    } else {
      logger.warn({ from, to, reason }, `running on ${to} instead of ${from}: ${reason}`);
    }
  }

  /**
   * Warns of plugins that cannot be registered, where any plugin might have had the device. Where
   * one of its own devices was asked for by name, the failure is why that is passed over.
   */
  checkPlugins(): Promise<void> {
    this.#plugins ??= this.#warnOfPlugins();
    return this.#plugins;
  }

  async #warnOfPlugins(): Promise<void> {
    const { runtime, device, forceCpu, logger } = this.#options;
    const mayUseAny = !forceCpu && (device === "auto" || parseDevice(device).kind === "cuda");
    if (runtime !== onnxRuntime || !mayUseAny) return;
    for (const { library, error } of await registerPlugins()) {
      const { code, message: reason } = error;
      logger.warn({ library, code, reason }, `a plugin cannot be used: ${reason}`);
    }
  }

  /** Forgets what failed, so that every device gets a new chance. */
  forget(): void {
    this.#plugins = undefined;
    this.#proofs.clear();
    this.#warned.clear();
  }
}

interface DeviceSearchOptions {
  /** `auto`, or a device name. */
  readonly wanted: string;
  readonly requireDevice: boolean;
  readonly workerId: number;
}

/** One pass through the list of devices. */
export class DeviceSearch {
  readonly #chooser: DeviceChooser;
  readonly #options: DeviceSearchOptions;
  readonly #first: Device;
  readonly #left: Device[];
  readonly #reasons: string[] = [];
  #current: Device | undefined;
  #lastError: unknown;

  constructor(chooser: DeviceChooser, options: DeviceSearchOptions) {
    const { wanted, requireDevice, workerId } = options;
    const devices = devicesToTry(wanted, { workerId });
    this.#chooser = chooser;
    this.#options = options;
    this.#first = devices[0]!;
    // The CPU at the end of the list is a fallback unless it was asked for.
    const isSpare = ({ kind }: Device) => kind === "cpu" && wanted !== "cpu";
    this.#left = devices.filter((device) => !requireDevice || !isSpare(device));
  }

  /** Why the device that `next` returned last is not the one that was wanted. */
  get fallback(): DeviceFallback | undefined {
    if (this.#reasons.length === 0) return undefined;
    return { from: this.#first.label, reason: this.#reasons.join("; ") };
  }

  /**
   * Returns the next device that passes its proof.
   *
   * @throws where none is left, what was wrong with the last one, or `DEVICE_UNAVAILABLE` where
   *   another will not do; the signal's reason
   */
  async next(signal: AbortSignal): Promise<Device> {
    await untilAborted(this.#chooser.checkPlugins(), signal);
    for (;;) {
      this.#current = this.#left.shift();
      if (this.#current === undefined) throw this.#error();
      try {
        await untilAborted(this.#chooser.prove(this.#current), signal);
        return this.#current;
      } catch (error) {
        signal.throwIfAborted();
        this.passOver(error);
      }
    }
  }

  /** Notes why the device that `next` returned last does not work. */
  passOver(error: unknown): void {
    this.#lastError = error;
    this.#reasons.push(`${this.#current?.label}: ${(error as Error).message.trim()}`);
  }

  #error(): unknown {
    const { wanted, requireDevice } = this.#options;
    if (!requireDevice || this.#first.kind === "cpu") return this.#lastError;
    const reasons = this.#reasons;
    return new OrangeryError(
      "DEVICE_UNAVAILABLE",
      `Expected to run on ${wanted === "auto" ? "a GPU" : wanted}, and on nothing else, ` +
        `but it cannot: ${reasons.join("; ")}. ` +
        "Repair the device, or let it fall back (without `requireDevice`, --require-device).",
      { cause: this.#lastError, details: { device: wanted, reasons } },
    );
  }
}
