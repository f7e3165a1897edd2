import { once } from "node:events";

/**
 * Standard output that may close early, as in `orangery … | head`: what comes afterwards is dropped
 * and nothing fails. Work that only feeds it can look at {@link isClosed} and end.
 */
export class StandardOutput {
  #isClosed = false;

  constructor() {
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      this.#isClosed = true;
      // A full disk behind `> file` must not look like success.
      if (error.code !== "EPIPE") throw error;
    });
    // Nobody is left to be told that nobody is left.
    process.stderr.on("error", () => {});
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when there is room for more. */
  async write(text: string): Promise<void> {
    if (this.#isClosed || process.stdout.write(text)) return;
    await Promise.race([once(process.stdout, "drain"), once(process.stdout, "close")]).catch(
      () => {},
    );
  }

  async writeJson(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value)}\n`);
  }
}
