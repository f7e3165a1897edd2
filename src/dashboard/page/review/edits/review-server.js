/** What the review asks of the server. Every wait has an end. */

const limitMs = 10_000;

/** Of this window: a person may have two, which hold photos each for itself. */
export const session = crypto.randomUUID();

/** The server, for one photo. All but `correct` throw where they are refused. */
export function reviewServer({ recipe, photoId, by }) {
  const path = (part) =>
    `/api/review/${encodeURIComponent(photoId)}${part}?recipe=${encodeURIComponent(recipe)}`;
  return {
    read: () => ask(path("")),
    correct: (body) => request(path(""), body),
    hold: () => ask(path("/hold"), { by, session }),
    release: () => ask(path("/release"), { by, session }),
  };
}

/** Asks, or sends a body; returns the answer, or throws its error. */
export async function ask(path, body, timeoutMs) {
  const { status, value } = await request(path, body, timeoutMs);
  if (status !== 200) throw new Error(value.error);
  return value;
}

/** An answer of 500 or more is thrown, as none is: it may be another one soon. */
async function request(path, body, timeoutMs = limitMs) {
  const options = body && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    // Also when the window is being closed.
    keepalive: JSON.stringify(body).length < 60_000,
  };
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(timeoutMs) });
  // What is not sent is kept in the browser, and comes back after the login.
  if (response.status === 401) location.replace("/login");
  const value = await response.json();
  if (response.status >= 500 || response.status === 401) throw new Error(value.error);
  return { status: response.status, value };
}
