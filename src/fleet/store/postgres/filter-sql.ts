import { separatorOf, withoutEnd } from "../../../ledger/photos/place.ts";
import type { JobFilter, JobState } from "../job-filter.ts";

/** A condition on jobs, and the parameters that it names. */
export interface FilterSql {
  readonly where: string;
  readonly parameters: readonly unknown[];
}

/** A photo's source, as `enqueue` writes it. */
const source = "coalesce(data->>'source', data->>'photo')";

/**
 * Returns the condition of a filter on the jobs of a queue, without states and names. Its
 * parameters begin with the queue's name.
 */
export function filterSql(queue: string, { code, under, since, until }: JobFilter): FilterSql {
  const parameters: unknown[] = [queue];
  const parameter = (value: unknown) => `$${parameters.push(value)}`;
  const time = "case when state = 'failed' then finished_at_ms else added_at_ms end";
  const conditions = ["queue = $1"];
  if (code !== undefined) conditions.push(`starts_with(failed_reason, ${parameter(`${code}:`)})`);
  if (under !== undefined) {
    const at = withoutEnd(under);
    const below = `${at}${separatorOf(under)}`;
    conditions.push(
      `(${source} = ${parameter(at)} or starts_with(${source}, ${parameter(below)}))`,
    );
  }
  if (since !== undefined) conditions.push(`${time} >= ${parameter(since)}`);
  if (until !== undefined) conditions.push(`${time} < ${parameter(until)}`);
  return { where: conditions.join(" and "), parameters };
}

/** The order of a state's jobs, those to show first at the beginning. */
export interface JobOrder {
  /** A pair of numbers that is unique to each job of the queue. */
  readonly columns: readonly [string, string];
  readonly isDescending: boolean;
}

/** Each is that of one of BullMQ's indexes. */
export const orders: Readonly<Record<JobState, JobOrder>> = {
  active: { columns: ["coalesce(locked_until_ms, 0)", "seq"], isDescending: false },
  waiting: { columns: ["priority", "seq"], isDescending: false },
  delayed: { columns: ["coalesce(process_at_ms, 0)", "seq"], isDescending: false },
  failed: { columns: ["coalesce(finished_at_ms, 0)", "seq"], isDescending: true },
};
