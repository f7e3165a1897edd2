import { setTimeout as sleep } from "node:timers/promises";
import { OrangeryError } from "../../errors.ts";
import { NativeObject, releaseWhenThreadEnds } from "../library/native-object.ts";
import { holdMark, isMarked, tryProcessLock, withProcessLock } from "../process-lock.ts";
import type { LoadedSession, OpenSharedSessionOptions, SharedSession } from "../runtime.ts";
import { joinTensors, releaseLeftTensors } from "./left-tensors.ts";
import { NativeSession, releaseSession } from "./session.ts";
import type { SessionInfo } from "./session-info.ts";
import { SessionRecord } from "./session-record.ts";

/*
 * One session for all threads of a process.
 *
 *   absent ──load──▶ open by n threads ──last one leaves──▶ absent
 *                      ▲          │
 *                      └─ enter ──┘
 *
 * - Loading and entering happen under the key's lock, so one thread at a time.
 * - Leaving needs no lock: the count of openers is atomic. The thread that takes it to zero
 *   releases the session, and nobody enters at zero.
 * - A thread that is killed leaves its count behind, but not its mark. When no thread marks the
 *   session any more, the next one to open it adopts it, and the next one to leave releases it.
 *   Whoever opens a session releases the tensors of killed threads, too.
 */

const loadLock = (key: string) => `orangery:load:${key}`;
const openMark = (key: string) => `orangery:open:${key}`;

/**
 * Opens the session of this process, loading it where there is none. See `Runtime`.
 *
 * A caller that aborts leaves at once. The load that it began goes on while callers in other
 * threads wait for it, and is cancelled otherwise.
 */
export async function openSharedSession<T extends LoadedSession>(
  key: string,
  { load, signal }: OpenSharedSessionOptions<T>,
): Promise<SharedSession<T>> {
  signal?.throwIfAborted();
  await joinTensors();
  const record = await SessionRecord.of(key);
  signal?.throwIfAborted();
  const waiting = record.wait();
  const opener = new AbortController();
  let loads = false;
  const left = Promise.withResolvers<never>();
  const leave = () => {
    waiting[Symbol.dispose]();
    left.reject(signal?.reason);
    // Others may wait for what this call loads, but not for it to wait in the queue.
    if (!loads || record.waiters === 0) opener.abort(signal?.reason);
  };
  signal?.addEventListener("abort", leave, { once: true });

  const loadForAll = async () => {
    loads = true;
    return await load(opener.signal);
  };
  const opening = withProcessLock(
    loadLock(key),
    () => openLocked(key, record, loadForAll),
    opener.signal,
  );
  try {
    const opened = await Promise.race([opening, left.promise]);
    waiting[Symbol.dispose]();
    return opened;
  } catch (error) {
    if (signal?.aborted) void handOver(opening, record);
    else waiting[Symbol.dispose]();
    throw error;
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

async function openLocked<T extends LoadedSession>(
  key: string,
  record: SessionRecord,
  load: () => Promise<T>,
): Promise<SharedSession<T>> {
  const found = (await isMarked(openMark(key))) ? record.openers.enter() : record.openers.adopt();
  if (found) return { session: await join(key, record), loaded: undefined };
  const loaded = await load();
  const { session } = loaded;
  if (!(session instanceof NativeSession)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected `load` to return a session of this runtime, got another object.",
    );
  }
  record.publish(session.native.detach(), session.file);
  return { session: await join(key, record, session), loaded };
}

/** Makes this thread's own session object around the native session that it was counted into. */
async function join(
  key: string,
  record: SessionRecord,
  info?: SessionInfo,
): Promise<NativeSession> {
  const letGo = await holdMark(openMark(key));
  await releaseLeftTensors();
  const { file } = record;
  const native = new NativeObject("session", record.session, (session) => {
    // Counted out before the mark goes, or another thread could adopt what is released here.
    const last = record.openers.leave();
    letGo();
    if (last) releaseSession(session, file);
    else void releaseOrphan(key, record);
  });
  releaseWhenThreadEnds(native);
  try {
    return new NativeSession(native, file, info);
  } catch (error) {
    native[Symbol.dispose]();
    throw error;
  }
}

/**
 * Releases a session that only killed threads are still counted for. While another thread opens
 * the key there is nothing to do: it will find the session and adopt it.
 */
async function releaseOrphan(key: string, record: SessionRecord): Promise<void> {
  await tryProcessLock(loadLock(key), async () => {
    if ((await isMarked(openMark(key))) || !record.openers.adopt()) return;
    const { session, file } = record;
    if (record.openers.leave()) releaseSession(session, file);
  });
}

/** Keeps a session that its caller no longer wants until those who wait for it have it. */
async function handOver(opening: Promise<SharedSession>, record: SessionRecord): Promise<void> {
  try {
    await using opened = (await opening).session;
    while (record.waiters > 0 && record.openers.count === 1 && !opened.disposed) await sleep(1);
  } catch {
    // The load was cancelled or failed; the caller has left, and the others try for themselves.
  }
}
