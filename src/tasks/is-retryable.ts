/**
 * Whether doing the same again, later, can succeed. What a queue adapter asks before it lets a
 * failed task be tried again.
 *
 * - An error that says so itself, by a boolean `retryable`, is believed. Every `OrangeryError`
 *   does: an unreadable photo stays unreadable, a locked results file does not.
 * - An `AbortError`, the reason of `controller.abort()`: no. Somebody decided that this task should
 *   stop. A caller that stops tasks for a reason that is not their own, such as a worker that shuts
 *   down, aborts with a reason that says so: `new OrangeryError("TASK_INTERRUPTED", …)`.
 * - Any other error: yes, because a connection that broke and a bug look alike from here, and the
 *   queue's limit on attempts bounds the cost of being wrong. A photo never looked at again would
 *   not be found.
 */
export function isRetryable(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return true;
  if ("retryable" in error && typeof error.retryable === "boolean") return error.retryable;
  return !("name" in error && error.name === "AbortError");
}
