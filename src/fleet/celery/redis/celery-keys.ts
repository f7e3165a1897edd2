/** The names that Kombu and Celery's Redis backend give their keys. */
export interface CeleryKeys {
  readonly unacked: string;
  readonly unackedIndex: string;
  /** Ours: when the leases of messages in progress expire, and when delayed messages are due. */
  readonly leases: string;
  readonly delayed: string;
  /** Ours: how many workers have died on a task. */
  mark(taskId: string): string;
  list(queue: string, step: number): string;
  /** The queues bound to an exchange. */
  binding(exchange: string): string;
  /** The channel of an exchange that reaches everybody. */
  topic(exchange: string): string;
}

/** Kombu's separator between the parts of a name. */
export const separator = "\x06\x16";

/** @param prefix Celery's `global_keyprefix` */
export function celeryKeys(prefix: string, database: number): CeleryKeys {
  return {
    unacked: `${prefix}unacked`,
    unackedIndex: `${prefix}unacked_index`,
    leases: `${prefix}orangery:leases`,
    delayed: `${prefix}orangery:delayed`,
    mark: (taskId) => `${prefix}orangery:begun:${taskId}`,
    list: (queue, step) => prefix + (step === 0 ? queue : `${queue}${separator}${step}`),
    binding: (exchange) => `${prefix}_kombu.binding.${exchange}`,
    topic: (exchange) => `${prefix}/${database}.${exchange}`,
  };
}

/** The database that a URL names: `/3`, `?db=3`; 0 without one. */
export function databaseOf(url: string): number {
  const { pathname, searchParams } = new URL(url);
  return Number(searchParams.get("db") ?? (pathname.slice(1) || 0)) || 0;
}
