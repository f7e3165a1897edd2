/** The place of one worker process on this machine. */
export interface DeviceSlot {
  /** `gpu0@host`, `cpu1@host`; a second process on one GPU is `gpu0-2@host`. */
  readonly name: string;
  readonly workerId: number;
  /** What it most probably computes on; only the proof is certain. */
  readonly kind: "gpu" | "cpu";
  /** As the model cache takes it. */
  readonly device: string;
  /** Whether no other device will do: true if the device was named by the user, not found. */
  readonly requireDevice: boolean;
  /** CPU threads that share one operator; 0 means as many as there are cores. */
  readonly intraOpThreads: number;
}
