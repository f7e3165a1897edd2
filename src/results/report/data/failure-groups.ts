import type { FailedPhoto } from "../../../ledger/results/failed-photos.ts";

/** The failed photos of one error code. */
export interface FailureGroup {
  readonly code: string;
  readonly count: number;
  /** Most frequent first; of very many only those that occurred first. */
  readonly reasons: readonly FailureReason[];
}

/** Those of them whose messages differ only in numbers and in the photo's name. */
export interface FailureReason {
  /** One line, with `…` for what differs between them. */
  readonly message: string;
  readonly count: number;
  /** Of the first photos. */
  readonly sources: readonly string[];
}

export interface FailureLimits {
  readonly reasonsPerCode: number;
  readonly sourcesPerReason: number;
}

const maxMessageLength = 300;

/** Groups failed photos by reason, so that one message stands for many photos. */
export class FailureGroups {
  readonly #limits: FailureLimits;
  readonly #codes = new Map<string, { count: number; reasons: Map<string, OpenReason> }>();

  constructor(limits: FailureLimits) {
    this.#limits = limits;
  }

  add({ source, reason: { code, message } }: FailedPhoto): void {
    const group = this.#codes.get(code) ?? { count: 0, reasons: new Map() };
    this.#codes.set(code, group);
    group.count++;
    const { words, numbers } = takeApart(message, source);
    const key = words.join("#");
    const { reasonsPerCode, sourcesPerReason } = this.#limits;
    if (!group.reasons.has(key) && group.reasons.size >= reasonsPerCode) return;
    const reason: OpenReason = group.reasons.get(key) ?? { words, numbers, count: 0, sources: [] };
    group.reasons.set(key, reason);
    reason.count++;
    reason.numbers = reason.numbers.map((number, i) => (number === numbers[i] ? number : "…"));
    if (reason.sources.length < sourcesPerReason) reason.sources.push(source);
  }

  /** Most frequent first. */
  get list(): readonly FailureGroup[] {
    const groups = Array.from(this.#codes, ([code, { count, reasons }]) => ({
      code,
      count,
      reasons: Array.from(reasons.values(), ({ words, numbers, count, sources }) => ({
        message: words.map((word, i) => word + (numbers[i] ?? "")).join(""),
        count,
        sources,
      })).sort((a, b) => b.count - a.count),
    }));
    return groups.sort((a, b) => b.count - a.count);
  }
}

interface OpenReason {
  readonly words: readonly string[];
  /** The numbers between the words. */
  numbers: readonly string[];
  count: number;
  readonly sources: string[];
}

/**
 * Splits the message's first line at its numbers; decoders add a line for each problem they met.
 */
function takeApart(message: string, source: string): Pick<OpenReason, "words" | "numbers"> {
  const [line = ""] = message.trim().split(/\r?\n/, 1);
  const general = line.replaceAll(source, "…");
  const isLong = general.length > maxMessageLength;
  const text = isLong ? `${general.slice(0, maxMessageLength)}…` : general;
  return { words: text.split(/\d+/), numbers: text.match(/\d+/g) ?? [] };
}
