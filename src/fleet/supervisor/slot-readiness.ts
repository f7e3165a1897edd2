import type { SlotStatus } from "./slot-status.ts";

/** A process that is well tells something every two seconds. */
const patienceMs = 30_000;

/**
 * Why a slot is not ready: it has no process that is proved, alive and connected to Redis. Undefined
 * when it is.
 */
export function slotTrouble({
  healthy,
  state,
  reason,
  silentMs = 0,
  stats,
}: SlotStatus): string | undefined {
  if (!healthy) return `it is ${state}${reason === undefined ? "" : `: ${reason}`}`;
  if (silentMs > patienceMs) return `it has told nothing for ${Math.floor(silentMs / 1000)} s`;
  if (!stats?.isConnected) return "it does not reach Redis";
  return undefined;
}
