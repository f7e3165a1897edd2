import { hideCredentials } from "../base/url.ts";
import { isOrangeryError, textOf } from "../errors.ts";

/** Green is fine, yellow works less well than it could, red does not work. */
export type Verdict = "green" | "yellow" | "red";

/** The parts of the page, in their order. */
export const findingSections = ["machine", "devices", "folders", "servers", "model"] as const;
export type FindingSection = (typeof findingSections)[number];

/**
 * Numbers and names of a finding, for programs. Names end in `Bytes` or `Ms` where those are the
 * units.
 */
export type FindingFigures = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** A finding before it has its place on the page. */
export interface Observation {
  readonly verdict: Verdict;
  /** One plain sentence. */
  readonly sentence: string;
  /** What to do, in one sentence; undefined where nothing has to be done. */
  readonly todo?: string | undefined;
  readonly figures?: FindingFigures | undefined;
}

/** The result of one check. Plain data, without passwords. */
export interface Finding extends Observation {
  readonly section: FindingSection;
  /** What it is about, a stable key: `memory`, `redis`, `cuda:0`. */
  readonly topic: string;
}

export function green(sentence: string, figures?: FindingFigures): Observation {
  return { verdict: "green", sentence, figures };
}

export function yellow(sentence: string, todo: string, figures?: FindingFigures): Observation {
  return { verdict: "yellow", sentence, todo, figures };
}

export function red(sentence: string, todo: string, figures?: FindingFigures): Observation {
  return { verdict: "red", sentence, todo, figures };
}

const byRank: readonly Verdict[] = ["green", "yellow", "red"];

/** Returns the worst verdict of all; green where there is none. */
export function worstVerdict(findings: Iterable<Pick<Observation, "verdict">>): Verdict {
  let worst = 0;
  for (const { verdict } of findings) worst = Math.max(worst, byRank.indexOf(verdict));
  return byRank[worst]!;
}

/**
 * Turns an error into an observation. Our own messages say what was expected and what was found,
 * and then what to do.
 */
export function observationOf(error: unknown, todo: string): Observation {
  const message = textOf(error);
  const [, name] = /^Cannot find (?:package|module) '([\w@/-]+)'/.exec(message) ?? [];
  if (name !== undefined) {
    return red(`The package ${name} is not installed.`, `Run \`npm install ${name}\`.`);
  }
  const [sentence, advice] = splitAdvice(message);
  const code = isOrangeryError(error) ? error.code : (error as NodeJS.ErrnoException | null)?.code;
  return red(sentence, advice || todo, { code });
}

/**
 * Splits a message into what is wrong and what to do: after its first sentence where that says what
 * was expected, and before its last one otherwise.
 */
export function splitAdvice(message: string): [sentence: string, advice: string] {
  const oneLine = message.trim().replaceAll(/\s+/g, " ");
  const ends = Array.from(oneLine.matchAll(/[.!?] (?=[A-Z`]|docs\/)/g), ({ index }) => index);
  const end = oneLine.startsWith("Expected ") ? ends[0] : ends.at(-1);
  if (end === undefined) return [withStop(oneLine), ""];
  return [oneLine.slice(0, end + 1), withStop(oneLine.slice(end + 2))];
}

function withStop(text: string): string {
  return text === "" || /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Places an observation on the page, and hides its secrets. */
export function toFinding(
  { section, topic }: Pick<Finding, "section" | "topic">,
  { verdict, sentence, todo, figures }: Observation,
): Finding {
  return {
    section,
    topic,
    verdict,
    sentence: hideCredentials(sentence),
    todo: todo === undefined ? undefined : hideCredentials(todo),
    figures: figures && hideIn(figures),
  };
}

function hideIn(figures: FindingFigures): FindingFigures {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      name,
      typeof value === "string" ? hideCredentials(value) : value,
    ]),
  );
}
