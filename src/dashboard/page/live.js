/** The server's event stream, and whether it is connected. */

const againMs = 2000;

/**
 * Listens until the function that it returns is called. A window that nobody sees does not: a
 * browser has six connections to a server, for all its windows.
 */
export function listen(recipe, onNews) {
  const live = document.getElementById("live");
  const say = (text, state) => {
    if (live.textContent === text) return;
    live.textContent = text;
    live.title = text;
    live.dataset.state = state;
  };
  let source;
  let timer;
  let isOver = false;
  const open = () => {
    source = new EventSource(`/api/live?recipe=${encodeURIComponent(recipe)}`);
    source.addEventListener("message", (event) => {
      const news = JSON.parse(event.data);
      if (news.trouble)
        return say(`The results database does not answer: ${news.trouble}`, "trouble");
      say("Live", "live");
      onNews(news);
    });
    source.addEventListener("error", () => {
      say("Connection lost, trying again…", "trouble");
      if (source?.readyState === EventSource.CLOSED) again();
    });
  };
  /** The browser gives up on an error response: from a proxy, or because the session has ended. */
  const again = () => {
    close();
    if (isOver) return;
    timer = setTimeout(() => fetchJson("/api/setup").then(follow, again), againMs);
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const follow = () => {
    if (document.hidden || isOver) close();
    else if (source === undefined) open();
  };
  follow();
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", close);
  addEventListener("pageshow", follow);
  return () => {
    isOver = true;
    document.removeEventListener("visibilitychange", follow);
    removeEventListener("pagehide", close);
    removeEventListener("pageshow", follow);
    close();
  };
}

/**
 * Fetches JSON, and returns the response with it; a session that has ended leads to the login. What
 * is not JSON is a proxy's, before a server that is away.
 */
export async function fetchAnswer(path, options) {
  const away = () => {
    throw new Error("The server does not answer.");
  };
  const response = await fetch(path, options).catch(away);
  if (response.status === 401) location.replace(`/login${location.hash}`);
  return [response, await response.json().catch(away)];
}

/** Fetches JSON, and throws what a refusal says. */
export async function fetchJson(path, options) {
  const [response, value] = await fetchAnswer(path, options);
  if (!response.ok) throw new Error(value.error ?? response.statusText);
  return value;
}

/** Sends JSON, and returns the JSON of the answer. */
export async function postJson(path, body) {
  const headers = { "content-type": "application/json" };
  return await fetchJson(path, { method: "POST", headers, body: JSON.stringify(body) });
}
