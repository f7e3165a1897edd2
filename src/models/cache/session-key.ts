import type { ExecutionProvider } from "../../native/runtime.ts";
import type { Device } from "../devices/device.ts";
import { type ModelFile, networkIdentity } from "../files/model-file.ts";

export interface SessionSettings {
  readonly provider: ExecutionProvider;
  /** CPU threads of a run; 0 for as many as there are cores. */
  readonly intraOpThreads: number;
}

/**
 * Names a network's session on a device: all that decides what a runtime makes of a model. Loads of
 * one key share one session in the process, whatever name, worker or thread they are for.
 */
export function sessionKeyOf(
  file: ModelFile,
  device: Device,
  { provider, intraOpThreads }: SessionSettings,
): string {
  const settings = JSON.stringify([provider.options, intraOpThreads]);
  return [networkIdentity(file), device.label, settings].join(" ");
}

/** Names one more session of a network that is open, by how it differs from the first. */
export function otherSessionKey(sessionKey: string, how: object): string {
  return `${sessionKey} ${JSON.stringify(how)}`;
}
