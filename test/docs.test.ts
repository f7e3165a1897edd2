/** What the documents say, held against the code. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { withOptions } from "../scripts/generate-cli-docs.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { workerIdFromName } from "../src/tasks/worker-id.ts";
import { exportedMetrics } from "./exported-metrics.fixture.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const manifest = JSON.parse(read("package.json"));
const documents = globSync(["*.md", "docs/**/*.md", "examples/*.md"], { cwd: root })
  .map((file) => file.replaceAll("\\", "/"))
  .sort();

describe("links", () => {
  for (const document of documents) {
    test(`of ${document} lead to files and headings that are there`, () => {
      for (const [, target] of withoutCode(read(document)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const [path = "", anchor] = target!.split("#");
        const file = path === "" ? document : join(dirname(document), path);
        assert.ok(existsSync(join(root, file)), `${document} links to ${target}`);
        if (anchor !== undefined) {
          assert.ok(anchorsOf(read(file)).includes(anchor), `${document} links to ${target}`);
        }
      }
    });
  }
});

describe("paths", () => {
  const folders = readdirSync(join(root, "src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const path = new RegExp(
    `\`((?:src|test|scripts|tools)/[\\w./-]+|(?:${folders.join("|")})/[\\w./-]+)\``,
    "g",
  );
  for (const document of documents) {
    test(`that ${document} names are there`, () => {
      for (const [, name = ""] of read(document).matchAll(path)) {
        const isThere = existsSync(join(root, name)) || existsSync(join(root, "src", name));
        assert.ok(isThere, `${document} names ${name}`);
      }
    });
  }
});

describe("code samples", () => {
  test("that name an example are that example", () => {
    const verbatim = documents.flatMap((document) =>
      samplesOf(document).filter(({ example }) => example !== undefined),
    );
    for (const { document, example, code } of verbatim) {
      assert.equal(code, read(example!), `${document} shows ${example} as it was`);
    }
  });

  test("close no worker at the end of their module, before its first job", () => {
    const declarations = globSync("src/**/create-*worker.ts", { cwd: root });
    assert.ok(declarations.length > 1);
    for (const file of [...documents, ...declarations]) {
      assert.doesNotMatch(read(file), /await using \w+ = create\w*Worker\(/, file);
    }
  });

  test("are right in the eyes of the compiler", async () => {
    const folder = await mkdtemp(join(tmpdir(), "orangery-docs-"));
    try {
      for (const document of documents) {
        const page = join(folder, document.replaceAll("/", "-").replace(/\.md$/, ""));
        await mkdir(page);
        const samples = samplesOf(document);
        const code = joinSamples(samples);
        if (code !== "") await writeFile(join(page, "samples.ts"), code);
        for (const { file, code } of samples) {
          if (file !== undefined) await writeFile(join(page, file), code);
        }
      }
      await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
      const compilerOptions = {
        paths: {
          orangery: [join(root, "src/index.ts")],
          "orangery/bullmq": [join(root, "src/fleet/bullmq.ts")],
          "orangery/celery": [join(root, "src/fleet/celery.ts")],
          "orangery/run": [join(root, "src/run.ts")],
          bullmq: [join(root, "node_modules/bullmq/dist/esm/index.d.ts")],
        },
        typeRoots: [join(root, "node_modules/@types")],
        noUnusedLocals: false,
        noUnusedParameters: false,
      };
      const config = { extends: join(root, "tsconfig.json"), compilerOptions, include: ["*/*.ts"] };
      await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
      const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
      try {
        const threads = ["--checkers", "1"];
        execFileSync(process.execPath, [compiler, "-p", folder, ...threads], { encoding: "utf8" });
      } catch (error) {
        assert.fail((error as { stdout: string }).stdout);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("docs/events.md", () => {
  test("names exactly the events of ModelCache", () => {
    const [, declaration] = /interface ModelCacheEvents \{(.*?)\n\}/s.exec(
      read("src/models/cache/cache-events.ts"),
    )!;
    const declared = [...declaration!.matchAll(/^ {2}"([^"]+)":/gm)].map(([, name]) => name);
    assert.ok(declared.length > 0);
    const documented = tableColumn(sectionOf("docs/events.md", "Events of `ModelCache`"), 0);
    assert.deepEqual(documented, declared);
  });

  test("lists every log line, with its level, and no other", () => {
    const files = globSync("src/**/*.ts", { cwd: root }).filter((file) => !isTest(file));
    const written = files.flatMap((file) =>
      // A call such as log.warn({ name, err }, "a message"); what is put in becomes <>.
      Array.from(
        read(file).matchAll(
          /\.(debug|info|warn|error)\(\s*\{[^{}]*\},\s*(["`])((?:(?!\2).)*)\2,?\s*\)/g,
        ),
        ([, level, , message]) => `${level} ${message!.replace(/\$\{[^}]*\}/g, "<>")}`,
      ),
    );
    const sections = [
      "Log lines of a task",
      "Log lines of `ModelCache`",
      "Log lines of the results database",
      "Log lines of a fleet",
    ];
    const documented = sections
      .flatMap((section) => tableRows(sectionOf("docs/events.md", section)).slice(2))
      .map(([level, messages]) => `${level!.trim()} ${codesOf(messages!)[0]}`)
      .map((line) => line.replace(/<[^>]*>/g, "<>"));
    assert.deepEqual(documented.toSorted(), written.toSorted());
  });
});

describe("docs/architecture.md", () => {
  const layers = [
    .../const layers = \[(.*?)\];/s.exec(read("scripts/check-layers.ts"))![1]!.matchAll(/"(.*?)"/g),
  ].map(([, layer]) => layer!);

  test("lists the folders of src/ in the order that check-layers.ts holds them to", () => {
    const folders = readdirSync(join(root, "src"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    assert.deepEqual(
      tableColumn(sectionOf("docs/architecture.md", "Layers"), 0),
      [...layers.filter((layer) => folders.includes(layer)), "base"].map((layer) => `${layer}/`),
    );
  });

  test("has a line for each room of each layer, and no other", () => {
    const files = globSync("*/*/**/*.{ts,js,onnx}", { cwd: join(root, "src") });
    const rooms = files.map((file) => `${file.split(/[\\/]/).slice(0, 2).join("/")}/`);
    assert.deepEqual(
      tableColumn(sectionOf("docs/architecture.md", "Rooms"), 0).toSorted(),
      [...new Set(rooms)].sort(),
    );
  });

  test("justifies every dependency, and no other", () => {
    const packages = [manifest.dependencies, manifest.devDependencies].flatMap(Object.keys);
    const justified = tableColumn(sectionOf("docs/architecture.md", "Dependencies"), 0);
    assert.deepEqual(justified.toSorted(), packages.toSorted());
  });
});

describe("docs/metrics.md", () => {
  test("lists each metric that a supervisor serves, with type and labels, and no other", async () => {
    const declared = exportedMetrics().map(({ name, type, labelNames }) => [
      name,
      type,
      ...labelNames,
    ]);
    const documented = tableRows(sectionOf("docs/metrics.md", "What is counted"))
      .slice(2)
      .map(([name, type, labels]) => [...codesOf(name!), type!.trim(), ...codesOf(labels!)]);
    assert.deepEqual(documented.toSorted(), declared.toSorted());
  });
});

describe("docs/model-cache.md", () => {
  const cases = [
    {
      section: "Options",
      declared: [
        ...optionsIn("src/models/cache/cache-options.ts", "ModelCacheOptions"),
        ...optionsIn("src/models/devices/device.ts", "GpuMemoryOptions"),
      ],
    },
    {
      section: "Predicting",
      declared: optionsIn("src/models/yolo/predict-options.ts", "PredictOptions"),
    },
  ];
  for (const { section, declared } of cases) {
    test(`names exactly the options that there are: ${section}`, () => {
      assert.ok(declared.length > 0);
      const documented = tableCodes(sectionOf("docs/model-cache.md", section), 0).flat();
      assert.deepEqual(documented.toSorted(), declared.toSorted());
    });
  }
});

describe("docs/workers.md", () => {
  test("names exactly the options of a worker that there are", () => {
    const declared = [
      ...optionsIn("src/fleet/worker/worker-options.ts", "FleetWorkerOptions"),
      ...optionsIn("src/fleet/worker/worker-options.ts", "WorkerTuning"),
      ...optionsIn("src/fleet/jobs/job-policy.ts", "JobPolicy"),
      ...optionsIn("src/fleet/jobs/job-locks.ts", "LockPolicy"),
      ...optionsIn("src/fleet/queue/redis-connection.ts", "QueuePlace"),
    ];
    assert.ok(declared.length > 0);
    const documented = tableCodes(sectionOf("docs/workers.md", "A worker's options"), 0).flat();
    assert.deepEqual(documented.toSorted(), declared.toSorted());
  });
});

test("docs/cli.md has the arguments and options of every command as the help has them", () => {
  const markdown = read("docs/cli.md");
  assert.equal(withOptions(markdown), markdown, "run npm run docs:cli");
});

describe("docs/ledger.md", () => {
  let folder: string;
  let database: DatabaseSync;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "orangery-docs-ledger-"));
    await using ledger = await openLedger(join(folder, "results.db"));
    database = new DatabaseSync(ledger.location, { readOnly: true });
  });
  after(async () => {
    database.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const [section, type] of [
    ["Tables", "table"],
    ["Views", "view"],
  ] as const) {
    test(`lists exactly the ${section.toLowerCase()} and columns that a results file has`, () => {
      const columnsOf = database.prepare("select name from pragma_table_info(?)");
      const present = database
        .prepare("select name from sqlite_schema where type = ? order by name")
        .all(type)
        .map(({ name }) => [name, columnsOf.all(name!).map((column) => column.name)]);
      const documented = sectionOf("docs/ledger.md", section)
        .split(/^### /m)
        .slice(1)
        .map((table) => [codesOf(table.split("\n")[0]!)[0], tableCodes(table, 0).flat()])
        .toSorted();
      const sorted = ([name, columns]: unknown[]) => [name, (columns as string[]).toSorted()];
      assert.deepEqual(documented.map(sorted), present.map(sorted));
    });
  }

  test("has queries that run", () => {
    const queries = [...read("docs/ledger.md").matchAll(/```sql\n(.*?)```/gs)];
    assert.ok(queries.length > 0);
    for (const [, query] of queries) assert.deepEqual(database.prepare(query!).all(), []);
  });
});

test("docs/tasks.md reads worker ids from names as the code does", () => {
  const rows = tableRows(sectionOf("docs/tasks.md", "Which device: the worker id"));
  const table = rows.flatMap(([names = "", ids = ""]) => {
    const idList = ids.split(",").map(Number);
    return codesOf(names).map((name, index) => ({ name, id: idList[index] ?? idList[0] }));
  });
  assert.ok(table.length > 0);
  for (const { name, id } of table) assert.equal(workerIdFromName(name, {}), id, name);
});

test("every environment variable that is read is documented", () => {
  const files = globSync("src/**/*.ts", { cwd: root });
  const sources = files.filter((file) => !isTest(file)).map(read);
  const variables = new Set(sources.flatMap((source) => source.match(/\bORANGERY_[A-Z_]+/g) ?? []));
  assert.ok(variables.size > 0);
  assert.deepEqual(
    tableColumn(sectionOf("docs/model-cache.md", "Environment variables"), 0).toSorted(),
    [...variables].toSorted(),
  );
});

test("every exported name has documentation, and no link in it is broken", () => {
  const typedoc = join(root, "tools/api-reference/node_modules/typedoc/bin/typedoc");
  const options = ["--options", join(root, "tools/api-reference/typedoc.json"), "--emit", "none"];
  const { status, stderr, stdout } = spawnSync(process.execPath, [typedoc, ...options], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
});

for (const document of documents) {
  test(`${document} is in plain words`, () => {
    const found =
      read(document).match(/^.*\b(t(?:ells?|old|elling)|sets? aside|lest)\b.*$/gim) ?? [];
    assert.deepEqual(found, []);
  });
}

test("the changelog has the version that the package has", () => {
  assert.match(read("CHANGELOG.md"), new RegExp(`^## \\[?${manifest.version}\\b`, "m"));
});

function isTest(file: string): boolean {
  return /\.(test|fixture)\.ts$/.test(file);
}

interface Sample {
  readonly document: string;
  readonly code: string;
  /** The example file that it shows. */
  readonly example: string | undefined;
  /** The file that a reader makes of it. */
  readonly file: string | undefined;
  /** Declarations of what the sample takes as given. */
  readonly given: string;
}

/**
 * The TypeScript samples of a document. A comment before a sample may say which example file it
 * shows, `<!-- examples/x.ts -->`, which file a reader makes of it, `<!-- file: x.ts -->`, or
 * declare what it takes as given, `<!-- given: … -->`.
 */
function samplesOf(document: string): Sample[] {
  const pattern = /(?:<!-- (?:given: (.*?)|file: (\S+)|(examples\/\S+)) -->\n)?```ts\n(.*?)```/gs;
  return [...read(document).matchAll(pattern)].map(([, given = "", file, example, code]) => ({
    document,
    code: code!,
    file,
    example,
    given,
  }));
}

/**
 * The samples of one document as one module: each builds on those before it, and may import again
 * what they did. Examples are left out, being compiled where they are, and whole files.
 */
function joinSamples(samples: readonly Sample[]): string {
  const imported = new Map<string, Set<string>>();
  const bodies = samples
    .filter(({ example, file }) => example === undefined && file === undefined)
    .map(({ given, code }) => {
      const body = code.replace(/^import \{(.*?)\} from "(.*?)";$/gms, (_, names, from) => {
        const known = imported.get(from) ?? new Set();
        for (const name of names.match(/[^,\s][^,]*/g) ?? []) known.add(name.trim());
        imported.set(from, known);
        return "";
      });
      return `${given}\n${body}`;
    });
  const imports = Array.from(imported, ([from, names]) => `import {${[...names]}} from "${from}";`);
  return [...imports, ...bodies].join("\n");
}

function withoutCode(markdown: string): string {
  return markdown.replace(/```.*?```/gs, "").replace(/`[^`\n]*`/g, "");
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.replace(/```.*?```/gs, "").matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** The text below a heading of the second level, to the next one. */
function sectionOf(document: string, heading: string): string {
  const section = read(document)
    .split(/^## /m)
    .find((part) => part.startsWith(`${heading}\n`));
  assert.ok(section, `${document} has a section "${heading}"`);
  return section;
}

/** The cells of a section's tables, row by row, the first being the heading. */
function tableRows(section: string): string[][] {
  return section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1));
}

/** The words in code type of one column of a section's tables, row by row. */
function tableCodes(section: string, column: number): string[][] {
  return tableRows(section)
    .map((row) => codesOf(row[column]!))
    .filter((codes) => codes.length > 0);
}

function tableColumn(section: string, column: number): string[] {
  return tableCodes(section, column).map(([first]) => first!);
}

function codesOf(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
}

/** The names of the options that an interface declares. */
function optionsIn(file: string, name: string): string[] {
  const [, body] = new RegExp(`interface ${name}\\b.*?\\{\n(.*?)\n\\}`, "s").exec(read(file))!;
  return [...body!.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option]) => option!);
}
