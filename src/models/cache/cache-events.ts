import { EventEmitter } from "node:events";
import { aFunction, oneOf, requireOptions } from "../../base/check-options.ts";
import type { Logger } from "../../logger.ts";
import type { MemoryReading } from "../devices/memory-reading.ts";
import type { ReleaseReason } from "./cached-model.ts";

interface AboutModel {
  /** The name in `models`. */
  readonly name: string;
  readonly workerId: number;
  readonly sha256: string;
  /** The device it is on: `cpu`, `cuda:0`, … */
  readonly device: string;
}

/** The events of a `ModelCache`, and what their listeners get. */
export interface ModelCacheEvents {
  /**
   * A model can be used; `loaded` is false when another thread had loaded it, `fromArtifact` true
   * when it was mapped from a file that an earlier load had saved.
   */
  "model:load": AboutModel & {
    loaded: boolean;
    fromArtifact: boolean;
    loadMs: number;
    bytes: number;
  };
  /** A model was asked for and was loaded already. */
  "model:hit": AboutModel & { hits: number };
  /** A model has left the cache. */
  "model:release": AboutModel & { reason: ReleaseReason };
  /** A model runs on another device than the one wanted. */
  "device:fallback": { workerId: number; name: string; from: string; to: string; reason: string };
  /** Every `trimEvery` tasks: memory was given back. */
  "memory:trim": { tasks: number; models: number; before: MemoryReading; after: MemoryReading };
  /** Every `logEvery` tasks. */
  "memory:report": { tasks: number; memory: MemoryReading };
  /**
   * The models take more than the budget, and none can go: all are in use, pinned, or would be
   * loaded again within seconds.
   */
  "memory:over-budget": { bytes: number; budgetBytes: number; spared: string[] };
}

const names = {
  "model:load": true,
  "model:hit": true,
  "model:release": true,
  "device:fallback": true,
  "memory:trim": true,
  "memory:report": true,
  "memory:over-budget": true,
} satisfies Record<keyof ModelCacheEvents, true>;
const anEvent = oneOf(...Object.keys(names));

type Payloads = { [K in keyof ModelCacheEvents]: [ModelCacheEvents[K]] };

/** Events whose listeners cannot break what they listen to: what they throw is logged. */
export class CacheEvents {
  readonly #emitter = new EventEmitter<Payloads>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  on<K extends keyof ModelCacheEvents>(
    event: K,
    listener: (payload: ModelCacheEvents[K]) => void,
  ): void {
    requireOptions({ event }, anEvent);
    requireOptions({ listener }, aFunction);
    this.#emitter.on(event, listener as never);
  }

  off<K extends keyof ModelCacheEvents>(
    event: K,
    listener: (payload: ModelCacheEvents[K]) => void,
  ): void {
    this.#emitter.off(event, listener as never);
  }

  emit<K extends keyof ModelCacheEvents>(event: K, payload: ModelCacheEvents[K]): void {
    for (const listener of this.#emitter.listeners(event)) {
      try {
        listener(payload as never);
      } catch (error) {
        this.#logger.error({ event, err: error }, "a listener threw");
      }
    }
  }
}
