/** How the locks of a queue in PostgreSQL are renewed. */
export interface PostgresRenewal {
  readonly url: string;
  /** What BullMQ calls the queue. */
  readonly queue: string;
}
