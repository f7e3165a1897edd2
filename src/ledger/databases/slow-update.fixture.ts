/** A process that brings a results file up to date, with pauses in which its thread is blocked. */
import { ledgerUpdateChannel } from "../schema/ledger-update.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const [file, pauseMs] = process.argv.slice(2) as [string, string];
const still = new Int32Array(new SharedArrayBuffer(4));
const pause = () => void Atomics.wait(still, 0, 0, Number(pauseMs));

// From the second report on: the other subscribers have received the first by then.
function onFirst(): void {
  ledgerUpdateChannel.unsubscribe(onFirst);
  ledgerUpdateChannel.subscribe(pause);
}
ledgerUpdateChannel.subscribe(onFirst);
await using _ledger = await SqliteLedger.open(file, { busyTimeoutMs: 0 });
