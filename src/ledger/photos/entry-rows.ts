/** Why a photo has no result. */
export interface Reason {
  readonly code: string;
  readonly message: string;
}

/** Columns of an entry that nobody holds, whatever its state. */
export const unleased = { owner: null, begun: 0, claimed_sha256: null } as const;

/** Columns of an entry that waits, whatever it was before. */
export const waitingAnew = {
  state: "waiting",
  attempts: 0,
  result_id: null,
  reason_code: null,
  reason_message: null,
} as const;

/** Columns of an entry whose photo has its result. */
export function doneWith(resultId: number) {
  const reason = { reason_code: null, reason_message: null };
  return { state: "done", result_id: resultId, ...reason, ...unleased } as const;
}

/** Columns of an entry whose photo gets no result. */
export function failedFor({ code, message }: Reason) {
  const reason = { reason_code: code, reason_message: withoutNul(message) };
  return { state: "failed", result_id: null, ...reason, ...unleased } as const;
}

/** The reason that an entry's columns hold; undefined unless it has failed. */
export function reasonOf(row: {
  readonly reason_code: string | null;
  readonly reason_message: string | null;
}): Reason | undefined {
  if (row.reason_code === null) return undefined;
  return { code: row.reason_code, message: row.reason_message ?? "" };
}

/** PostgreSQL takes no NUL in a text, and an error may quote a photo's bytes. */
function withoutNul(text: string): string {
  return text.replaceAll("\0", "\u2400");
}
