import { type LedgerUpdate, ledgerUpdateChannel } from "../ledger/schema/ledger-update.ts";
import { displayPath } from "./options/caller-paths.ts";

/** An update that takes no longer is not worth a line. */
const quietMs = 1_000;
const linePeriodMs = 5_000;

/**
 * Prints how far a results database of an older version is on the way to the present tables, until
 * it is disposed of.
 */
export function noteLedgerUpdates(note: (line: string) => void): Disposable {
  let current: { readonly location: string; nextLineAtMs: number } | undefined;
  const onUpdate = (message: unknown) => {
    const { location, from, to, step, done } = message as LedgerUpdate;
    const nowMs = performance.now();
    if (current?.location !== location) current = { location, nextLineAtMs: nowMs + quietMs };
    if (nowMs < current.nextLineAtMs) return;
    current.nextLineAtMs = nowMs + linePeriodMs;
    const share = `${Math.floor(100 * done)} % of the step to ${step}`;
    note(`Updating ${displayPath(location)} from version ${from} to ${to}: ${share}`);
  };
  ledgerUpdateChannel.subscribe(onUpdate);
  return { [Symbol.dispose]: () => ledgerUpdateChannel.unsubscribe(onUpdate) };
}
