/**
 * Writes the arguments and options of every command into docs/cli.md, between `<!-- options:run
 * -->` and `<!-- /options -->`, from what `--help` prints.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command, Option } from "commander";
import { StandardOutput } from "../src/cli/output/standard-output.ts";
import { createProgram } from "../src/cli/program.ts";

const file = join(import.meta.dirname, "..", "docs", "cli.md");
const section = /(<!-- options:([\w-]+) -->\n).*?(<!-- \/options -->)/gs;

/** Returns the document with all its sections renewed. @throws Error when a command has none. */
export function withOptions(markdown: string): string {
  const { commands: topLevel } = createProgram(new StandardOutput(), () => {});
  const commands = new Map(topLevel.flatMap(leavesOf));
  const missing = new Set(commands.keys());
  const renewed = markdown.replace(section, (_, start: string, name: string, end: string) => {
    const command = commands.get(name);
    if (!missing.delete(name) || command === undefined) throw new Error(`options:${name} is wrong`);
    return `${start}${describe(command)}${end}`;
  });
  if (missing.size > 0) throw new Error(`no section in docs/cli.md for ${[...missing].join(", ")}`);
  return renewed;
}

/** A command, or its subcommands: `recipe make` is `recipe-make`. */
function leavesOf(command: Command): [name: string, command: Command][] {
  if (command.commands.length === 0) return [[command.name(), command]];
  return command.commands.map((leaf) => [`${command.name()}-${leaf.name()}`, leaf]);
}

function describe(command: Command): string {
  const rows = [
    ...command.registeredArguments.map((argument) => [
      `\`<${argument.name()}${argument.variadic ? "..." : ""}>\``,
      withChoices(argument.description, argument.argChoices),
      "",
    ]),
    ...command.options
      .filter(({ hidden }) => !hidden)
      .map((option) => [`\`${option.flags}\``, ...meaningOf(option)]),
  ];
  const lines = rows.map((cells) =>
    `| ${cells.map(escapeCell).join(" | ")} |`.replace(/ {2}\|$/, " |"),
  );
  return `| | meaning | default |\n|---|---|---|\n${lines.join("\n")}\n`;
}

function meaningOf(option: Option): [meaning: string, byDefault: string] {
  const { description, argChoices, envVar, defaultValue, defaultValueDescription } = option;
  // Where the value depends on other options, the description says it.
  const [, text = "", described = ""] = /^(.*?)(?: \(default: (.*)\))?$/.exec(description)!;
  const variable = envVar === undefined ? "" : `; also \`${envVar}\` in the environment`;
  const meaning = withChoices(text, argChoices) + variable;
  if (defaultValueDescription !== undefined) return [meaning, defaultValueDescription];
  return [meaning, defaultValue === undefined ? described : `\`${defaultValue}\``];
}

function withChoices(text: string, choices: readonly string[] | undefined): string {
  if (choices === undefined) return text;
  return `${text}; one of ${choices.map((choice) => `\`${choice}\``).join(", ")}`;
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (import.meta.main) writeFileSync(file, withOptions(readFileSync(file, "utf8")));
