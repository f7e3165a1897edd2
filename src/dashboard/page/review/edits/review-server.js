/** What the review asks of the server. Every wait has an end. */
import { fetchAnswer } from "../../live.js";
import { newId } from "./new-id.js";

const limitMs = 10_000;
/** Of browsers, for what outlives a window. */
const mostKeptAlive = 60_000;

/** Of this window: a person may have two, which hold photos each for itself. */
export const session = newId();

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
  const answer = await request(path, body, timeoutMs);
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}

/** A refusal is returned. A server error is thrown, like no answer, since it may pass. */
async function request(path, body, timeoutMs = limitMs) {
  const text = body && JSON.stringify(body);
  // What is not sent is kept in the browser, and comes back after a login.
  const [response, answer] = await fetchAnswer(path, {
    ...(text && { method: "POST", headers: { "content-type": "application/json" }, body: text }),
    // Also when the window is being closed.
    keepalive: text !== undefined && text.length < mostKeptAlive,
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status >= 500 || response.status === 401)
    throw Object.assign(new Error(answer.error), { isAnswer: true });
  return answer;
}
