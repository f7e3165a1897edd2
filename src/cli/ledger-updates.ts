import { type LedgerUpdate, ledgerUpdateChannel } from "../ledger/schema/ledger-update.ts";
import { displayPath } from "./options/caller-paths.ts";

/** A shorter update is not worth a line. */
const quietMs = 1_000;
const linePeriodMs = 5_000;

/**
 * Prints the progress of updating an older results database, also by another process, until it is
 * disposed.
 */
export function noteLedgerUpdates(note: (line: string) => void): Disposable {
  const nextLineAtMs = new Map<string, number>();
  const onUpdate = (message: unknown) => {
    const { location, pid, from, to, step, done } = message as LedgerUpdate;
    // Version 0 is a new database, not an update.
    if (from === 0) return;
    const nowMs = performance.now();
    const dueAtMs = nextLineAtMs.get(location);
    if (dueAtMs === undefined) nextLineAtMs.set(location, nowMs + quietMs);
    if (dueAtMs === undefined || nowMs < dueAtMs) return;
    nextLineAtMs.set(location, nowMs + linePeriodMs);
    const share = `${Math.floor(100 * done)} % of the step to ${step}`;
    const doing = pid === process.pid ? "Updating" : `Waiting for process ${pid}, which updates`;
    note(`${doing} ${displayPath(location)} from version ${from} to ${to}: ${share}`);
  };
  ledgerUpdateChannel.subscribe(onUpdate);
  return { [Symbol.dispose]: () => ledgerUpdateChannel.unsubscribe(onUpdate) };
}
