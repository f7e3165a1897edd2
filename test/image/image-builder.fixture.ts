/** Follows a Dockerfile without Docker: each stage in a root folder of its own. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, linkSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { text } from "node:stream/consumers";
import { readDockerfile, type Stage, type Step } from "./dockerfile.fixture.ts";
import { type Mount, startInSandbox } from "./sandbox.fixture.ts";

/** What a container of an image is started with. */
export interface ImageSettings {
  readonly env: Record<string, string>;
  workdir: string;
  user: string;
  entrypoint: readonly string[];
  command: readonly string[];
  health: readonly string[];
  readonly labels: Record<string, string>;
  readonly volumes: string[];
}

export interface Image {
  /** The folder that is its file system. */
  readonly root: string;
  readonly settings: ImageSettings;
}

/** Fills the root folder of a stage with what stands for an image that is pulled. */
export type MakeBase = (image: string, root: string) => Promise<Base> | Base;

export interface Base {
  /** Parts of this machine that the stage's commands need. */
  readonly mounts: readonly Mount[];
  readonly env: Readonly<Record<string, string>>;
  /** Settings of a base that was built before. */
  readonly settings?: ImageSettings;
}

export interface BuildOptions {
  readonly file: string;
  readonly context: string;
  /** An empty folder for the roots. */
  readonly folder: string;
  readonly makeBase: MakeBase;
  /** The roots of stages that are there already, by name: their steps are left out. */
  readonly built?: Readonly<Record<string, string>>;
}

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** @returns The image of the last stage. */
export async function buildImage(options: BuildOptions): Promise<Image> {
  const roots = new Map(Object.entries(options.built ?? {}));
  let image: Image | undefined;
  for (const [index, stage] of readDockerfile(options.file).entries()) {
    if (roots.has(stage.name)) continue;
    const root = join(options.folder, stage.name || String(index));
    mkdirSync(root, { recursive: true });
    roots.set(stage.name, root);
    image = await new StageBuilder(stage, { root, roots, options }).build();
  }
  if (image === undefined) throw new Error(`Expected stages in ${options.file}.`);
  return image;
}

interface StagePlace {
  readonly root: string;
  readonly roots: ReadonlyMap<string, string>;
  readonly options: BuildOptions;
}

class StageBuilder {
  readonly #stage: Stage;
  readonly #place: StagePlace;
  #base: Base = { mounts: [], env: {} };
  #settings: ImageSettings = {
    env: { PATH: searchPath },
    workdir: "/",
    user: "0:0",
    entrypoint: [],
    command: [],
    health: [],
    labels: {},
    volumes: [],
  };

  constructor(stage: Stage, place: StagePlace) {
    this.#stage = stage;
    this.#place = place;
  }

  async build(): Promise<Image> {
    const { root, options } = this.#place;
    this.#base = await options.makeBase(this.#stage.base, root);
    this.#settings = structuredClone(this.#base.settings) ?? this.#settings;
    for (const step of this.#stage.steps) await this.#follow(step);
    return { root, settings: this.#settings };
  }

  async #follow(step: Step): Promise<void> {
    const settings = this.#settings;
    const [first = ""] = step.args;
    switch (step.keyword) {
      case "WORKDIR":
        settings.workdir = posix.resolve(settings.workdir, first);
        mkdirSync(join(this.#place.root, settings.workdir), { recursive: true });
        break;
      case "COPY":
        this.#copy(step);
        break;
      case "RUN":
        await this.#run(step.args.join(" "));
        break;
      case "ENV":
        Object.assign(settings.env, step.properties);
        break;
      case "LABEL":
        Object.assign(settings.labels, step.properties);
        break;
      case "USER":
        settings.user = first;
        break;
      case "VOLUME":
        settings.volumes.push(first);
        break;
      case "ENTRYPOINT":
        settings.entrypoint = step.exec ?? [];
        settings.command = [];
        break;
      case "CMD":
        settings.command = step.exec ?? [];
        break;
      case "HEALTHCHECK":
        settings.health = step.exec ?? [];
        break;
      case "EXPOSE":
        break;
      default:
        throw new Error(`Expected an instruction that can be followed, got ${step.keyword}.`);
    }
  }

  /** As Docker does: of a folder the contents, all with root as their owner. */
  #copy({ args, flags }: Step): void {
    const { root, roots, options } = this.#place;
    const from = flags.from === undefined ? options.context : roots.get(flags.from);
    if (from === undefined) throw new Error(`Expected a stage ${flags.from} before this one.`);
    const isFromContext = flags.from === undefined;
    const target = args.at(-1)!;
    const destination = join(root, posix.resolve(this.#settings.workdir, target));
    const isFolder = target.endsWith("/") || args.length > 2;
    mkdirSync(isFolder ? destination : dirname(destination), { recursive: true });
    // Between stages by hard links, which is quick.
    const how = isFromContext ? ["--recursive", "--preserve=mode,timestamps"] : ["-al"];
    for (const source of args.slice(0, -1)) {
      const file = join(from, source);
      const isInFolder = isFolder && !statSync(file).isDirectory();
      const to = isInFolder ? join(destination, basename(source)) : destination;
      run("cp", [...how, "--no-target-directory", file, to]);
    }
  }

  async #run(line: string): Promise<void> {
    const { root } = this.#place;
    const { env, workdir } = this.#settings;
    const { mounts } = this.#base;
    for (const { to } of mounts) mkdirSync(join(root, to), { recursive: true });
    const child = startInSandbox(["/bin/sh", "-c", line], {
      root,
      env: { HOME: "/root", ...env, ...this.#base.env },
      cwd: workdir,
      user: { uid: 0, gid: 0 },
      mounts,
    });
    const [output, errors] = [text(child.stdout!), text(child.stderr!)];
    const [status] = await once(child, "close");
    if (status !== 0) throw new Error(`${line} failed:\n${await output}${await errors}`);
  }
}

/** Links a file, the one that a symbolic link leads to, or copies it from another disk. */
export function linkFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  if (existsSync(to)) return;
  try {
    linkSync(realpathSync(from), to);
  } catch {
    run("cp", ["--dereference", "--preserve=mode", from, to]);
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr}`);
}
