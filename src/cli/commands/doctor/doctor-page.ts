import { stripVTControlCharacters, styleText } from "node:util";
import { printable } from "../../../base/printable.ts";
import { formatPlural } from "../../../base/quantities.ts";
import type { Examination } from "../../../doctor/examine-machine.ts";
import {
  type Finding,
  type FindingSection,
  findingSections,
  type Verdict,
} from "../../../doctor/finding.ts";

const titles: Readonly<Record<FindingSection, string>> = {
  machine: "Machine",
  devices: "Devices",
  folders: "Folders",
  servers: "Queue and results",
  model: "Model",
};
const marks: Readonly<Record<Verdict, string>> = { green: "✓", yellow: "!", red: "✗" };

export interface PageOptions {
  /** Where it goes: colours are for terminals only. Default standard output. */
  readonly stream?: NodeJS.WriteStream;
}

/** Lays findings out for people: a line each, and what to do below those that need it. */
export function formatExamination(
  { version, verdict, findings }: Omit<Examination, "late">,
  { stream = process.stdout }: PageOptions = {},
): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    styleText(style, text, { stream });
  const widest = Math.max(...findings.map(({ topic }) => topic.length));
  const width = Math.min(100, stream.columns ?? 100);
  const format = (finding: Finding) => {
    const mark = paint(finding.verdict, marks[finding.verdict]);
    const first = `  ${mark} ${finding.topic.padEnd(widest)}  `;
    const indent = stripVTControlCharacters(first).length;
    const lines = wrap(printable(finding.sentence), width - indent);
    const todo =
      finding.todo === undefined ? [] : wrap(printable(finding.todo), width - indent - 2);
    const below = todo.map((line, index) => paint("bold", `${index === 0 ? "→" : " "} ${line}`));
    return `${first}${[...lines, ...below].join(`\n${" ".repeat(indent)}`)}\n`;
  };
  const parts = findingSections.map((section) => {
    const own = findings.filter((finding) => finding.section === section);
    return own.length === 0 ? "" : `\n${titles[section]}\n${own.map(format).join("")}`;
  });
  const sum = paint(verdict, conclusion(findings));
  return `Orangery ${version}\n${parts.join("")}\n${sum}\n`;
}

function conclusion(findings: readonly Finding[]): string {
  const count = (wanted: Verdict) => findings.filter(({ verdict }) => verdict === wanted).length;
  const [reds, yellows] = [count("red"), count("yellow")];
  const better = yellows === 0 ? "" : `, and ${formatPlural(yellows, "thing")} could be better`;
  if (reds > 0) return `${formatPlural(reds, "thing")} will not work${better}.`;
  return `This machine will do the job${better}.`;
}

/** Breaks a text between words; a word that is longer stays whole. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > Math.max(30, width)) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
