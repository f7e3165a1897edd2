import { once } from "node:events";
import { OrangeryError } from "../../errors.ts";

/**
 * Standard output that may close early, as in `orangery … | head`: what comes afterwards is dropped
 * and nothing fails. Work that only feeds it can look at {@link isClosed} and end. A full disk behind
 * `> file` is a failure, of the next write or of {@link flush}.
 */
export class StandardOutput {
  #isClosed = false;
  #failure: NodeJS.ErrnoException | undefined;

  constructor() {
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      this.#isClosed = true;
      if (error.code !== "EPIPE") this.#failure ??= error;
    });
    // Nobody is left to be told that nobody is left.
    process.stderr.on("error", () => {});
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when there is room for more. @throws `NO_SPACE` */
  async write(text: string): Promise<void> {
    this.#throwFailure();
    if (this.#isClosed || process.stdout.write(text)) return;
    await Promise.race([once(process.stdout, "drain"), once(process.stdout, "close")]).catch(
      () => {},
    );
    this.#throwFailure();
  }

  async writeJson(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value)}\n`);
  }

  /** Resolves when all is written, by whomever. @throws `NO_SPACE` */
  async flush(): Promise<void> {
    if (!this.#isClosed) {
      // An error comes to the listener, too, and is told there.
      await new Promise((resolve) => process.stdout.write("", resolve));
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    const failure = this.#failure;
    if (failure === undefined) return;
    // Once is enough.
    this.#failure = undefined;
    throw new OrangeryError(
      "NO_SPACE",
      `Expected room for all that is printed, got ${failure.code ?? failure.message} from standard output. Make room, or write elsewhere.`,
      { cause: failure },
    );
  }
}
