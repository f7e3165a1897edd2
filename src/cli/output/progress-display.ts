import { createRequire } from "node:module";
import { styleText } from "node:util";
import { formatCount, formatEta, formatPlural, formatRate } from "../../base/quantities.ts";
import { RateMeter } from "../../base/rate-meter.ts";

export interface ProgressOptions {
  /** Default standard error, so that standard output holds results only. */
  readonly stream?: NodeJS.WriteStream;
  /** Print only what went wrong. Default false. */
  readonly quiet?: boolean | undefined;
}

const repaintMs = 100;
const plainLineMs = 5_000;

/**
 * Shows progress: on a terminal one line that is redrawn, elsewhere a line every five seconds.
 * Disposing it leaves the last state on screen. Idempotent.
 */
export class ProgressDisplay implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #isQuiet: boolean;
  readonly #update: ReturnType<typeof paintOver> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #rate = new RateMeter();
  #activity = "";
  #detail = "";
  #total: number | undefined;
  #done = 0;
  #failed = 0;
  #isWatching = false;
  #lastLine = "";

  constructor({ stream = process.stderr, quiet = false }: ProgressOptions = {}) {
    this.#stream = stream;
    this.#isQuiet = quiet;
    if (quiet) return;
    if (stream.isTTY) this.#update = paintOver(stream);
    const periodMs = stream.isTTY ? repaintMs : plainLineMs;
    this.#timer = setInterval(() => this.#paint(), periodMs).unref();
  }

  /** Shows what is done before photos can be counted. */
  setActivity(text: string): void {
    this.#activity = text;
    if (this.#update) this.#paint();
  }

  /** Sets the number of photos, and of those that are finished, by this run or another. */
  setTotals({ total, done, failed }: { total: number; done: number; failed: number }): void {
    this.#total = total;
    this.#done = done;
    this.#failed = failed;
  }

  /** Shows from now on that more photos may come, and how many there were so far. */
  setWatching(): void {
    this.#isWatching = true;
  }

  /** Adds photos that have come. */
  addTotal(photos: number): void {
    this.#total = (this.#total ?? 0) + photos;
  }

  /** Shows how far the photo is that is being worked on; empty for nothing to show. */
  setDetail(text: string): void {
    this.#detail = text;
  }

  photoDone(): void {
    this.#done++;
    this.#rate.add(1);
  }

  photoFailed(): void {
    this.#failed++;
    this.#rate.add(1);
  }

  /** Prints a line that stays, unless quiet. */
  info(text: string): void {
    if (!this.#isQuiet) this.note(text);
  }

  /** Prints a line that stays. */
  note(text: string): void {
    this.#update?.clear();
    this.#stream.write(`${text}\n`);
    if (this.#update) this.#paint();
  }

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#total === undefined) {
      this.#update?.clear();
    } else {
      this.#paint();
      this.#update?.done();
    }
  }

  #paint(): void {
    const unknown = [this.#activity, this.#detail].filter(Boolean).join("  ");
    const line = this.#total === undefined ? unknown : this.#describe(this.#total);
    if (this.#update) this.#update(line);
    else if (line !== this.#lastLine) this.#stream.write(`${line}\n`);
    this.#lastLine = line;
  }

  #describe(total: number): string {
    const finished = this.#done + this.#failed;
    const { perSecond } = this.#rate;
    const left = total - finished;
    const isIdle = this.#isWatching && left <= 0;
    const parts = [
      this.#isWatching
        ? `watching, ${formatPlural(finished, "photo")} so far`
        : `${formatCount(finished)}/${formatCount(total)} photos`,
      ...(this.#isWatching && !isIdle ? [`${formatCount(left)} waiting`] : []),
      ...(perSecond > 0 && !isIdle ? [formatRate(perSecond)] : []),
      ...(perSecond > 0 && left > 0 ? [`ETA ${formatEta((1000 * left) / perSecond)}`] : []),
    ];
    if (this.#failed > 0) {
      const text = `${formatCount(this.#failed)} failed`;
      parts.push(styleText("yellow", text, { stream: this.#stream }));
    }
    if (this.#detail !== "") parts.push(this.#detail);
    const text = parts.join("  ");
    if (this.#update === undefined || this.#isWatching) return text;
    const share = total === 0 ? 1 : finished / total;
    return `${this.#bar(share)} ${String(Math.floor(100 * share)).padStart(3)} %  ${text}`;
  }

  #bar(share: number): string {
    const width = Math.max(8, Math.min(30, (this.#stream.columns ?? 80) - 62));
    const filled = Math.round(share * width);
    const bar = styleText("green", "█".repeat(filled), { stream: this.#stream });
    return bar + styleText("dim", "░".repeat(width - filled), { stream: this.#stream });
  }
}

/** Loads log-update for terminals only: its 25 modules take 50 ms of a CPU. */
function paintOver(stream: NodeJS.WriteStream) {
  const load = createRequire(import.meta.url);
  const { createLogUpdate } = load("log-update") as typeof import("log-update");
  // The cursor stays: hiding it installs signal handlers that would interfere with ours.
  return createLogUpdate(stream, { showCursor: true });
}
