import { once } from "node:events";
import { OrangeryError } from "../../errors.ts";

/**
 * Standard output, which may close early, as in `orangery … | head`: later text is dropped and
 * nothing fails. Work whose only result is this output can check {@link isClosed} and stop. A full
 * disk behind `> file` makes the next write or {@link flush} fail.
 */
export class StandardOutput {
  #isClosed = false;
  #failure: NodeJS.ErrnoException | undefined;

  constructor() {
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      this.#isClosed = true;
      if (error.code !== "EPIPE") this.#failure ??= error;
    });
    // There is no other place to report it.
    process.stderr.on("error", () => {});
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when it can take more. @throws `NO_SPACE` */
  async write(text: string): Promise<void> {
    this.#throwFailure();
    if (this.#isClosed || process.stdout.write(text)) return;
    const waited = new AbortController();
    const drained = ["drain", "close"].map((event) =>
      once(process.stdout, event, { signal: waited.signal }),
    );
    await Promise.race(drained).catch(() => {});
    // The listeners of the other one go, too.
    waited.abort();
    this.#throwFailure();
  }

  async writeJson(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value)}\n`);
  }

  /** Resolves when everything is written, also what others wrote. @throws `NO_SPACE` */
  async flush(): Promise<void> {
    if (!this.#isClosed) {
      // The listener gets the error, too, and keeps it.
      await new Promise((resolve) => process.stdout.write("", resolve));
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    const failure = this.#failure;
    if (failure === undefined) return;
    // Reported once.
    this.#failure = undefined;
    const reason = failure.code ?? failure.message;
    throw new OrangeryError(
      "NO_SPACE",
      `Expected room for the output, got ${reason} from standard output. Make room, or write ` +
        "elsewhere.",
      { cause: failure },
    );
  }
}
