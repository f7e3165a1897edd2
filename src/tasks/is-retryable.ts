/**
 * Whether the same work can succeed later. A queue adapter asks this before it retries a failed
 * task.
 *
 * - An error with a boolean `retryable` decides for itself. Every `OrangeryError` has one: an
 *   unreadable photo stays unreadable, a locked results file does not stay locked.
 * - An `AbortError`, the reason of `controller.abort()`: no. Somebody decided that this task should
 *   stop. A caller that stops tasks for reasons of its own, such as a worker that shuts down,
 *   aborts with a retryable reason: `new OrangeryError("TASK_INTERRUPTED", …)`.
 * - Any other error: yes, because a connection that broke and a bug look alike from here, and the
 *   queue's limit on attempts bounds the cost of being wrong. Nobody would notice a photo that is
 *   wrongly never tried again.
 */
export function isRetryable(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return true;
  if ("retryable" in error && typeof error.retryable === "boolean") return error.retryable;
  return !("name" in error && error.name === "AbortError");
}
