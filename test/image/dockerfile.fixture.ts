/** Dockerfiles, read as stages with their instructions. */
import { readFileSync } from "node:fs";
import type { Flag } from "dockerfile-ast";
import { DockerfileParser, type Instruction, type Property } from "dockerfile-ast";

export interface Step {
  readonly keyword: string;
  /** Its words, as they are quoted, without flags and without comments between its lines. */
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, string>>;
  /** The program and its arguments, of the form `["program", "argument"]`. */
  readonly exec: readonly string[] | undefined;
  /** The names and values of ENV, ARG and LABEL. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface Stage {
  /** The stage's name, or "" for one without, such as the last. */
  readonly name: string;
  /** The image or the stage that it begins with. */
  readonly base: string;
  readonly steps: readonly Step[];
}

/** @returns The stages, in order; the ARGs before the first FROM are put in where FROM names them. */
export function readDockerfile(file: string): readonly Stage[] {
  const dockerfile = DockerfileParser.parse(readFileSync(file, "utf8"));
  const globals: Record<string, string> = {};
  const stages: (Stage & { readonly steps: Step[] })[] = [];
  for (const instruction of dockerfile.getInstructions()) {
    const step = readStep(instruction);
    const stage = stages.at(-1);
    if (step.keyword === "FROM") {
      const [image = "", , name = ""] = step.args;
      const base = image.replace(/\$\{(\w+)\}/, (_, variable) => globals[variable] ?? "");
      stages.push({ name, base, steps: [] });
    } else if (stage === undefined) Object.assign(globals, step.properties);
    else stage.steps.push(step);
  }
  return stages;
}

function readStep(instruction: Instruction): Step {
  const parts = instruction as { getFlags?(): Flag[]; getProperties?(): Property[] };
  const args = instruction.getArguments().map((argument) => argument.getValue());
  const flags = parts.getFlags?.() ?? [];
  const properties = parts.getProperties?.() ?? [];
  return {
    keyword: instruction.getKeyword(),
    args,
    flags: Object.fromEntries(flags.map((flag) => [flag.getName(), flag.getValue() ?? ""])),
    exec: readExec(args),
    properties: Object.fromEntries(
      properties.map((property) => [property.getName(), property.getValue() ?? ""]),
    ),
  };
}

function readExec(args: readonly string[]): readonly string[] | undefined {
  const [json] = /\[.*\]$/.exec(args.join(" ")) ?? [];
  return json === undefined ? undefined : JSON.parse(json);
}
