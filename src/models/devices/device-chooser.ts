import { untilAborted } from "../../base/abort.ts";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { Runtime } from "../../native/runtime.ts";
import { type Device, devicesToTry, parseDevice } from "./device.ts";
import { proveDevice } from "./device-proof.ts";

export interface DeviceChooserOptions {
  readonly runtime: Runtime;
  /** `auto`, or a device name. */
  readonly device: string;
  readonly forceCpu: boolean;
  readonly requireDevice: boolean;
  readonly logger: Logger;
}

/** A device that a model was put on, and why not on a better one. */
export interface DeviceChoice<T> {
  readonly device: Device;
  readonly result: T;
  /** The device that was wanted, and why it was not to be; undefined when all went well. */
  readonly fallback: { readonly from: string; readonly reason: string } | undefined;
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

  /** @throws `DEVICE_UNKNOWN` */
  constructor(options: DeviceChooserOptions) {
    if (options.device !== "auto") parseDevice(options.device);
    this.#options = options;
  }

  /**
   * Puts something on the worker's best device that takes it.
   *
   * @param putOn Gets the reason for a fallback, too.
   */
  async place<T>(
    workerId: number,
    putOn: (device: Device, fallbackReason: string | undefined) => Promise<T>,
    { signal, isFinal }: { signal: AbortSignal; isFinal: (error: unknown) => boolean },
  ): Promise<DeviceChoice<T>> {
    const { device, forceCpu, requireDevice } = this.#options;
    const wanted = forceCpu ? "cpu" : device;
    const devices = devicesToTry(wanted, { workerId });
    const reasons: string[] = [];
    let lastError: unknown;
    for (const device of requireDevice ? withoutSpareCpu(devices, wanted) : devices) {
      try {
        await untilAborted(this.#prove(device), signal);
        const result = await putOn(device, reasons.join("; ") || undefined);
        return { device, result, fallback: this.#reportFallback(devices[0]!, device, reasons) };
      } catch (error) {
        if (signal.aborted || isFinal(error)) throw error;
        lastError = error;
        reasons.push(`${device.label}: ${(error as Error).message.trim()}`);
      }
    }
    if (!requireDevice || devices[0]!.kind === "cpu") throw lastError;
    throw new OrangeryError(
      "DEVICE_UNAVAILABLE",
      `Expected to run on ${wanted === "auto" ? "a GPU" : wanted}, and on nothing else, but it cannot: ${reasons.join("; ")}. Mend the device, or let it fall back (without \`requireDevice\`, --require-device).`,
      { cause: lastError, details: { device: wanted, reasons } },
    );
  }

  /** Forgets what failed, so that every device gets a new chance. */
  forget(): void {
    this.#proofs.clear();
    this.#warned.clear();
  }

  /** Shared by all who wait for it, so nobody's abort ends it. */
  #prove(device: Device): Promise<void> {
    let proof = this.#proofs.get(device.label);
    if (proof === undefined) {
      const { runtime, device: wanted } = this.#options;
      proof = proveDevice(device, { runtime, chosenBy: wanted === "auto" ? "auto" : "name" });
      this.#proofs.set(device.label, proof);
    }
    return proof;
  }

  #reportFallback(
    wanted: Device,
    got: Device,
    reasons: readonly string[],
  ): { from: string; reason: string } | undefined {
    if (reasons.length === 0) return undefined;
    const reason = reasons.join("; ");
    const key = `${wanted.label} ${got.label} ${reason}`;
    if (!this.#warned.has(key)) {
      this.#warned.add(key);
      this.#options.logger.warn(
        { from: wanted.label, to: got.label, reason },
        `running on ${got.label} instead of ${wanted.label}: ${reason}`,
      );
    }
    return { from: wanted.label, reason };
  }
}

/** The CPU at the end of the list is a stand-in unless it was asked for. */
function withoutSpareCpu(devices: readonly Device[], wanted: string): readonly Device[] {
  return wanted === "cpu" ? devices : devices.filter(({ kind }) => kind !== "cpu");
}
