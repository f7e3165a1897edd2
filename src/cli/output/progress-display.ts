import { styleText } from "node:util";
import { createLogUpdate } from "log-update";
import { RateMeter } from "../../base/rate-meter.ts";
import { formatCount, formatEta, formatRate } from "./quantities.ts";

export interface ProgressOptions {
  /** Where it is shown. Default standard error, so that standard output holds results only. */
  readonly stream?: NodeJS.WriteStream;
  /** Show nothing but what went wrong. Default false. */
  readonly quiet?: boolean | undefined;
}

const repaintMs = 100;
const plainLineMs = 5_000;

/**
 * What is going on: on a terminal one line that is painted over, elsewhere a line every five seconds.
 * Disposing it leaves the last state on screen. Idempotent.
 */
export class ProgressDisplay implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #isQuiet: boolean;
  readonly #update: ReturnType<typeof createLogUpdate> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #rate = new RateMeter();
  #activity = "";
  #total: number | undefined;
  #done = 0;
  #setAside = 0;
  #lastLine = "";

  constructor({ stream = process.stderr, quiet = false }: ProgressOptions = {}) {
    this.#stream = stream;
    this.#isQuiet = quiet;
    if (quiet) return;
    // The cursor stays: hiding it takes signal handlers that would be in the way of ours.
    if (stream.isTTY) this.#update = createLogUpdate(stream, { showCursor: true });
    const periodMs = stream.isTTY ? repaintMs : plainLineMs;
    this.#timer = setInterval(() => this.#paint(), periodMs).unref();
  }

  /** What is done before photos can be counted. */
  setActivity(text: string): void {
    this.#activity = text;
    if (this.#update) this.#paint();
  }

  /** How many photos there are, and how many are finished, by anybody. */
  setTotals({ total, done, setAside }: { total: number; done: number; setAside: number }): void {
    this.#total = total;
    this.#done = done;
    this.#setAside = setAside;
  }

  photoDone(): void {
    this.#done++;
    this.#rate.add(1);
  }

  photoFailed(): void {
    this.#setAside++;
    this.#rate.add(1);
  }

  /** A line that stays, unless quiet. */
  info(text: string): void {
    if (!this.#isQuiet) this.note(text);
  }

  /** A line that stays. */
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
    const line = this.#total === undefined ? this.#activity : this.#describe(this.#total);
    if (this.#update) this.#update(line);
    else if (line !== this.#lastLine) this.#stream.write(`${line}\n`);
    this.#lastLine = line;
  }

  #describe(total: number): string {
    const finished = this.#done + this.#setAside;
    const { perSecond } = this.#rate;
    const left = total - finished;
    const facts = [
      `${formatCount(finished)}/${formatCount(total)} photos`,
      ...(perSecond > 0 ? [formatRate(perSecond)] : []),
      ...(perSecond > 0 && left > 0 ? [`ETA ${formatEta((1000 * left) / perSecond)}`] : []),
    ];
    if (this.#setAside > 0) {
      const text = `${formatCount(this.#setAside)} set aside`;
      facts.push(styleText("yellow", text, { stream: this.#stream }));
    }
    const text = facts.join("  ");
    if (this.#update === undefined) return text;
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
