/** The documents by task, followed as a newcomer follows them: their blocks are run in order. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { writeYoloCheckpoint } from "../src/checkpoint/yolo/network-writer.fixture.ts";
import { randomYolo } from "../src/graph/yolo/random-yolo.fixture.ts";
import { bundledProgram, examplePhotos, mainFile } from "./cli.fixture.ts";
import { ensureInstalled } from "./servers/debian-packages.ts";
import { freePort } from "./servers/free-port.ts";
import { openRedis, type RedisForTests } from "./servers/redis-server.ts";

const root = join(import.meta.dirname, "..");
const pages = [
  "from-pt-to-counts",
  "in-my-queue",
  "in-my-program",
  "tasks",
  "pipeline",
  "slicing",
  "workers",
  "troubleshooting",
];
const pageLimitMs = 180_000;
const photos = ["empty-soil.jpg", "tray-1.jpg", "tray-3.jpg"];

let redis: RedisForTests;
before(async () => {
  ensureInstalled({ command: "curl", packageName: "curl" });
  redis = await openRedis();
});
after(() => redis[Symbol.asyncDispose]());

describe("the documents by task", { concurrency: 2 }, () => {
  for (const page of pages) {
    test(`docs/${page}.md can be followed, and prints what it says`, async () => {
      await using folder = await ReaderFolder.create();
      await assertFollows(folder, page);
    });
  }

  test("one after another in one project, each prints what it says", async () => {
    await using folder = await ReaderFolder.create();
    // The photos and the commands of the README.
    const readme =
      "orangery run photos/ --detect sample:seedlings\n" +
      "orangery enqueue photos/ --detect sample:seedlings --results fleet.db\n" +
      "orangery worker --devices cpu 2> worker.log &\n" +
      'until orangery status --json | grep -q \'"waiting":0,"active":0\'; do sleep 1; done\n' +
      "kill $! && wait\n";
    await folder.follow([{ kind: "run", argument: "0", content: readme }]);
    for (const page of pages.toReversed()) await assertFollows(folder, page);
  });

  test("docs/from-pt-to-counts.md can be followed with a .pt, too", async () => {
    await using folder = await ReaderFolder.create();
    const network = randomYolo({
      family: "11",
      scale: "n",
      task: "detect",
      classCount: 1,
      seed: 1,
    });
    const checkpoint = writeYoloCheckpoint({ network, imageSize: 64 });
    await writeFile(join(folder.path, "plants.pt"), checkpoint);
    const page = readFileSync(join(root, "docs", "from-pt-to-counts.md"), "utf8");
    const [untilCounts = ""] = page.split("## 4.");
    const blocks = blocksOf(untilCounts.replace("MODEL=sample:seedlings", "MODEL=plants.pt"));
    for (const { output, status } of await folder.follow(blocks)) {
      assert.equal(status.came, status.expected, output);
    }
  });
});

async function assertFollows(folder: ReaderFolder, page: string): Promise<void> {
  const blocks = blocksOf(readFileSync(join(root, "docs", `${page}.md`), "utf8"));
  assert.ok(blocks.some(({ kind }) => kind === "run"));
  for (const { output, expected, status } of await folder.follow(blocks)) {
    assert.match(output, expected, `docs/${page}.md prints otherwise:\n${output}`);
    assert.equal(status.came, status.expected, output);
  }
}

/** A marked block of a page: a file to write, commands to run, or what the last ones print. */
interface Block {
  readonly kind: "file" | "run" | "prints";
  /** The file's name, or the exit status of the commands. */
  readonly argument: string;
  readonly content: string;
}

/**
 * The blocks that are marked, by a comment before them: `<!-- run -->`, `<!-- run: exit 3 -->`,
 * `<!-- prints -->`, where `…` stands for anything, and `<!-- file: count.ts -->`. What only the
 * test needs is itself a comment: `<!-- run, unseen` or `<!-- prints, unseen`, and the lines of it.
 */
function blocksOf(markdown: string): Block[] {
  const seen = /<!-- (file|run|prints)(?:: (?:exit )?(\S+))? -->\n```\w+\n(.*?)```/;
  const unseen = /<!-- (run|prints), unseen\n(.*?)-->/;
  const either = new RegExp(`${seen.source}|${unseen.source}`, "gs");
  return [...markdown.matchAll(either)].map(
    ([, kind, argument = "0", content, unseenKind, unseenContent]) => ({
      kind: (kind ?? unseenKind) as Block["kind"],
      argument,
      content: content ?? unseenContent ?? "",
    }),
  );
}

interface Followed {
  /** What the commands of a block wrote, to standard output and standard error. */
  readonly output: string;
  readonly expected: RegExp;
  readonly status: { readonly came: string; readonly expected: string };
}

/** A folder with photos, `orangery` as a command, and the packages that a reader has installed. */
class ReaderFolder implements AsyncDisposable {
  static #count = 0;
  readonly path: string;
  /** A database of its own, since the pages have queues of the same names. */
  readonly #redisUrl = `${redis.url.replace(/\/\d*$/, "")}/${++ReaderFolder.#count}`;
  /** The group of the shell and of what it has started. */
  #group: number | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<ReaderFolder> {
    const path = await mkdtemp(join(tmpdir(), "orangery-reader-"));
    for (const photo of photos) {
      await cp(join(examplePhotos, photo), join(path, "photos", photo));
    }
    const command = join(path, ".bin", "orangery");
    await mkdir(dirname(command));
    await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${mainFile}" "$@"\n`);
    await chmod(command, 0o755);
    await writeFile(join(path, "package.json"), JSON.stringify({ type: "module" }));
    await mkdir(join(path, "node_modules"));
    for (const name of ["bullmq", "ioredis"])
      await link(path, name, join(root, "node_modules", name));
    if (bundledProgram !== undefined) await link(path, "orangery", root);
    else await installSources(path);
    return new ReaderFolder(path);
  }

  /** Runs the blocks in one shell, as they are typed one after another. */
  async follow(blocks: readonly Block[]): Promise<Followed[]> {
    const script = blocks.flatMap(({ kind, argument, content }, index) => {
      if (kind === "prints") return [];
      if (kind === "run") return [content, `echo "${endMark}$?"`];
      const name = `.file-${index}`;
      return [`cp ${name} ${argument}`];
    });
    for (const [index, { kind, content }] of blocks.entries()) {
      if (kind === "file") await writeFile(join(this.path, `.file-${index}`), content);
    }
    const shell = spawn("bash", ["-c", `exec 2>&1\n${script.join("\n")}`], {
      cwd: this.path,
      stdio: ["ignore", "pipe", "inherit"],
      // A group of its own, to end what a page that failed has left running.
      detached: true,
      env: {
        ...process.env,
        PATH: [join(this.path, ".bin"), dirname(process.execPath), process.env.PATH].join(
          delimiter,
        ),
        ORANGERY_CACHE: join(this.path, ".cache"),
        ORANGERY_QUEUE_URL: this.#redisUrl,
        PORT: String(await freePort()),
      },
    });
    const output = text(shell.stdout);
    this.#group = shell.pid;
    try {
      // A page waits for what it has started, in loops without a limit.
      await once(shell, "exit", { signal: AbortSignal.timeout(pageLimitMs) });
    } finally {
      this.#endGroup();
    }
    const outputs = (await output).split(new RegExp(`${endMark}(\\d+)\n`));
    const runs = blocks.flatMap((block, index) => {
      if (block.kind !== "run") return [];
      const next = blocks[index + 1];
      return [{ ...block, prints: next?.kind === "prints" ? next.content : undefined }];
    });
    return runs.map(({ argument, prints }, index) => ({
      output: outputs[2 * index] ?? "",
      expected: prints === undefined ? /^/ : patternOf(prints),
      status: { came: outputs[2 * index + 1] ?? "none", expected: argument },
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#endGroup();
    await rm(this.path, { recursive: true, force: true });
  }

  /** Ends what a page has left running. */
  #endGroup(): void {
    if (this.#group === undefined) return;
    try {
      process.kill(-this.#group, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    this.#group = undefined;
  }
}

const endMark = "end of a block, status ";

/** `…` alone on a line stands for any lines, and within a line for anything on it. */
function patternOf(prints: string): RegExp {
  const lines = prints
    .trimEnd()
    .split("\n")
    .map((line) => {
      if (line.trim() === "…") return "(?:.*\\n)*";
      return `${line.split("…").map(escaped).join(".*")}\\n`;
    });
  return new RegExp(`^${lines.join("")}$`);
}

function escaped(words: string): string {
  return words.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");
}

async function link(path: string, name: string, target: string): Promise<void> {
  await symlink(target, join(path, "node_modules", name), "junction");
}

/** Installs this repository's sources, where Node looks for packages. */
async function installSources(path: string): Promise<void> {
  const sources = join(path, ".orangery");
  const entries = { ".": "src/index.ts", "./bullmq": "src/fleet/bullmq.ts", "./run": "src/run.ts" };
  await mkdir(sources);
  const exports: { [entry: string]: string } = {};
  for (const [index, [entry, file]] of Object.entries(entries).entries()) {
    exports[entry] = `./${index}.ts`;
    const url = new URL(`../${file}`, import.meta.url);
    await writeFile(join(sources, `${index}.ts`), `export * from "${url}";\n`);
  }
  const manifest = { name: "orangery", type: "module", exports };
  await writeFile(join(sources, "package.json"), JSON.stringify(manifest));
  // A link, since Node strips no types of what lies in `node_modules`.
  await link(path, "orangery", sources);
}
