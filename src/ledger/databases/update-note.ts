import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { partOf } from "../../base/files/whole-file.ts";
import { currentProcess, isCertainlyGone, type ProcessIdentity } from "../process-identity.ts";
import { type LedgerUpdate, ledgerUpdateChannel } from "../schema/ledger-update.ts";

type NotedUpdate = LedgerUpdate & ProcessIdentity;

const periodMs = 500;

/**
 * A small file beside a results file for as long as this process updates that: other processes see
 * nothing of the transaction but that it holds them up.
 */
export class UpdateNote implements Disposable {
  readonly #file: string;
  readonly #path: string;
  readonly #process = currentProcess();
  #nextAtMs = 0;

  constructor(file: string) {
    this.#file = file;
    this.#path = pathOf(file);
    ledgerUpdateChannel.subscribe(this.#onUpdate);
  }

  [Symbol.dispose](): void {
    ledgerUpdateChannel.unsubscribe(this.#onUpdate);
    rmSync(this.#path, { force: true });
  }

  readonly #onUpdate = (message: unknown): void => {
    const update = message as LedgerUpdate;
    const nowMs = performance.now();
    if (update.location !== this.#file || nowMs < this.#nextAtMs) return;
    this.#nextAtMs = nowMs + periodMs;
    const part = partOf(this.#path);
    try {
      writeFileSync(part, JSON.stringify({ ...update, ...this.#process } satisfies NotedUpdate));
      renameSync(part, this.#path);
    } catch {
      // Without the note, others wait only as long as for any lock.
      rmSync(part, { force: true });
    }
  };
}

/**
 * Returns whether another process, or another part of this one, updates a results file that is
 * locked, and reports how far it is, as that does where it is done.
 */
export function reportOtherUpdate(file: string): boolean {
  const update = readNote(file);
  if (update === undefined || isCertainlyGone(update)) return false;
  if (update.pid !== process.pid) ledgerUpdateChannel.publish(update satisfies LedgerUpdate);
  return true;
}

function readNote(file: string): NotedUpdate | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(file), "utf8")) as NotedUpdate;
  } catch {
    return undefined;
  }
}

function pathOf(file: string): string {
  return `${realpathSync(file)}-update`;
}
