import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface OwnedBrowser {
  readonly browser: ChildProcess;
  readonly profile: string;
}

/** A browser that is driven by the DevTools protocol, over a WebSocket. Every wait has a limit. */
export class BrowserSession implements AsyncDisposable {
  /** What the page wrote to its console as an error or a warning, and what it could not load. */
  readonly complaints: string[] = [];
  /** Undefined in another window of the same browser, which ends with it. */
  readonly #owned: OwnedBrowser | undefined;
  readonly #socket: WebSocket;
  readonly #port: number;
  readonly #answers = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  #nextId = 1;

  private constructor(socket: WebSocket, port: number, owned?: OwnedBrowser) {
    this.#owned = owned;
    this.#socket = socket;
    this.#port = port;
    socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(String(data))));
    socket.addEventListener("close", () => {
      for (const { reject } of this.#answers.values()) reject(new Error("The browser has ended."));
    });
  }

  static async start(command: string): Promise<BrowserSession> {
    const profile = await mkdtemp(join(tmpdir(), "orangery-browser-"));
    const flags = [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
      ...["--disable-dev-shm-usage", "--remote-debugging-port=0", "--hide-scrollbars"],
      ...[`--user-data-dir=${profile}`, "about:blank"],
    ];
    const browser = spawn(command, flags, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, HOME: profile },
    });
    try {
      const port = await portOf(browser);
      const signal = AbortSignal.timeout(limitMs);
      const targets = await fetch(`http://127.0.0.1:${port}/json/list`, { signal });
      const list = (await targets.json()) as { type: string; webSocketDebuggerUrl: string }[];
      const page = list.find(({ type }) => type === "page")!;
      const socket = await connect(page.webSocketDebuggerUrl);
      return await new BrowserSession(socket, port, { browser, profile }).#enable();
    } catch (error) {
      browser.kill("SIGKILL");
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
      throw error;
    }
  }

  /** Opens a window of somebody else: it shares no storage with this one. */
  async anotherWindow(): Promise<BrowserSession> {
    const host = `127.0.0.1:${this.#port}`;
    const signal = AbortSignal.timeout(limitMs);
    const version = await (await fetch(`http://${host}/json/version`, { signal })).json();
    const { webSocketDebuggerUrl } = version as { webSocketDebuggerUrl: string };
    const browser = new BrowserSession(await connect(webSocketDebuggerUrl), this.#port);
    const { browserContextId } = await browser.send("Target.createBrowserContext");
    const target = { url: "about:blank", browserContextId, newWindow: true };
    const { targetId } = await browser.send("Target.createTarget", target);
    browser.#socket.close();
    const socket = await connect(`ws://${host}/devtools/page/${String(targetId)}`);
    return await new BrowserSession(socket, this.#port).#enable();
  }

  async #enable(): Promise<this> {
    for (const domain of ["Page", "Runtime", "Log"]) await this.send(`${domain}.enable`);
    return this;
  }

  /** Sends a command of the protocol, and returns its result. */
  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#answers.set(id, answer);
    const timer = setTimeout(() => answer.reject(new Error(`${method} got no answer`)), limitMs);
    this.#socket.send(JSON.stringify({ id, method, params }));
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#answers.delete(id);
    }
  }

  /** Opens an address in a window of that width. */
  async open(url: string, widthPx: number, heightPx = 900): Promise<void> {
    await this.resize(widthPx, heightPx);
    await this.send("Page.navigate", { url });
    await this.until("document.readyState === 'complete'");
  }

  /** Lets each page that is opened from now on add up what moves on it by itself. */
  async watchMoves(): Promise<void> {
    await this.send("Page.addScriptToEvaluateOnNewDocument", {
      source: `window.moves = []; new PerformanceObserver((list) => {
        for (const { hadRecentInput, value, sources } of list.getEntries()) {
          if (!hadRecentInput) moves.push([value, ...sources.map(({ node }) =>
            node?.className || node?.id || node?.parentElement?.className || node?.nodeName)]);
        }
      }).observe({ type: "layout-shift", buffered: true });`,
    });
  }

  /** Asserts that next to nothing has moved by itself, as the browsers' metric counts it. */
  async assertStill(what: string): Promise<void> {
    const moves = await this.ask<[number, ...string[]][]>("moves.splice(0)");
    const shift = moves.reduce((sum, [value]) => sum + value, 0);
    assert.ok(shift <= 0.01, `${what} moved by ${shift}: ${JSON.stringify(moves)}`);
  }

  /** Takes the page's connection away, or gives it back. */
  async setOffline(offline: boolean): Promise<void> {
    const conditions = { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.send("Network.enable");
    await this.send("Network.emulateNetworkConditions", conditions);
  }

  async resize(widthPx: number, heightPx = 900): Promise<void> {
    const size = { width: widthPx, height: heightPx, deviceScaleFactor: 1, mobile: false };
    await this.send("Emulation.setDeviceMetricsOverride", size);
  }

  /** Returns what an expression is on the page, as JSON. */
  async ask<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value: T }; exceptionDetails?: { exception?: { description?: string } } };
    if (exceptionDetails !== undefined) {
      throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    }
    return result.value;
  }

  /** Waits until an expression is true on the page. */
  async until(expression: string): Promise<void> {
    const endsAtMs = performance.now() + limitMs;
    while (!(await this.ask<boolean>(`Boolean(${expression})`).catch(() => false))) {
      if (performance.now() > endsAtMs) throw new Error(`It never came that ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Clicks an element as soon as it is there and enabled, as a person does. */
  async click(selector: string): Promise<void> {
    await this.clickOn(`document.querySelector(${JSON.stringify(selector)})`);
  }

  /** Clicks what an expression is, as soon as it is there and enabled. */
  async clickOn(expression: string): Promise<void> {
    await this.until(`((e) => e && !e.disabled)(${expression})`);
    await this.ask(`${expression}.click()`);
  }

  /** Presses a key, such as `Tab`, `Enter` or `n`, also as `Shift+ArrowUp` or `Ctrl+z`. */
  async press(keys: string): Promise<void> {
    const [key, ...held] = keys.split(/\+(?=.)/).reverse() as [string, ...string[]];
    const modifiers = held.reduce((sum, name) => sum + (modifierBits[name] ?? 0), 0);
    const isText = key.length === 1 && !held.includes("Ctrl");
    const text = isText ? key : key === "Enter" ? "\r" : undefined;
    const windowsVirtualKeyCode = virtualKeys[key] ?? key.toUpperCase().charCodeAt(0);
    const shared = { key, windowsVirtualKeyCode, modifiers };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...shared, text });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...shared });
  }

  /** Drags the mouse from a place of the window to another, px; without another it clicks. */
  async drag(from: readonly [number, number], to = from): Promise<void> {
    const mouse = (type: string, [x, y]: readonly [number, number], buttons = 1) =>
      this.send("Input.dispatchMouseEvent", {
        ...{ type, x, y, buttons, clickCount: 1 },
        button: type === "mouseMoved" && buttons === 0 ? "none" : "left",
      });
    await mouse("mouseMoved", from, 0);
    await mouse("mousePressed", from);
    if (to !== from) {
      await mouse("mouseMoved", [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]);
      await mouse("mouseMoved", to);
    }
    await mouse("mouseReleased", to, 0);
  }

  /** Types a text into what has the focus. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** Writes a picture of the window, or of the whole page. */
  async screenshot(file: string, { isWhole = false } = {}): Promise<void> {
    const options = { format: "png", captureBeyondViewport: isWhole };
    const { data } = await this.send("Page.captureScreenshot", options);
    await writeFile(file, Buffer.from(String(data), "base64"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#owned === undefined) await this.send("Page.close").catch(() => {});
    this.#socket.close();
    if (this.#owned === undefined) return;
    const { browser, profile } = this.#owned;
    if (browser.exitCode === null) {
      const ended = once(browser, "exit");
      browser.kill("SIGKILL");
      await ended;
    }
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #receive(message: {
    readonly id?: number;
    readonly method?: string;
    readonly params?: unknown;
    readonly result?: Record<string, unknown>;
    readonly error?: { readonly message: string };
  }): void {
    const { id, method, params, result, error } = message;
    if (id !== undefined) {
      const answer = this.#answers.get(id);
      if (error !== undefined) answer?.reject(new Error(error.message));
      else answer?.resolve(result ?? {});
    } else if (method === "Runtime.exceptionThrown" || method === "Log.entryAdded") {
      this.complaints.push(JSON.stringify(params));
    } else if (method === "Runtime.consoleAPICalled") {
      const { type } = params as { type: string };
      if (type === "error" || type === "warning") this.complaints.push(JSON.stringify(params));
    }
  }
}

/** A machine that is busy takes a while. */
const limitMs = 30_000;

/** As the protocol adds them up. */
const modifierBits: Readonly<Record<string, number>> = { Ctrl: 2, Shift: 8 };

const virtualKeys: Readonly<Record<string, number>> = {
  Tab: 9,
  Enter: 13,
  Escape: 27,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
  Delete: 46,
  "+": 187,
  "0": 48,
};

async function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  const signal = AbortSignal.timeout(limitMs);
  await once(socket as unknown as NodeJS.EventEmitter, "open", { signal });
  return socket;
}

async function portOf(browser: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => reject(new Error("The browser does not start.")), limitMs);
  let text = "";
  browser.stderr!.on("data", (part) => {
    text += part;
    const [, port] = /DevTools listening on ws:\/\/[^:]+:(\d+)\//.exec(text) ?? [];
    if (port !== undefined) resolve(Number(port));
  });
  browser.once("exit", (code) => reject(new Error(`The browser ended with ${code}: ${text}`)));
  browser.once("error", reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
