/** The files of deploy/, held against schemas, the command line and each other. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ajv } from "ajv";
import type { Command } from "commander";
import { validate as lintDockerfile } from "dockerfile-utils";
import { parse } from "yaml";
import { createEnqueueCommand } from "../src/cli/commands/fleet/enqueue-command.ts";
import { createWorkerCommand } from "../src/cli/commands/fleet/worker-command.ts";
import { readDockerfile } from "./image/dockerfile.fixture.ts";

const root = join(import.meta.dirname, "..");
const deploy = join(root, "deploy");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const manifest = JSON.parse(read("package.json"));
const image = `orangery:${manifest.version}`;

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: its form is what is checked
  readonly spec: any;
}

const manifests = new Map<string, Manifest>(
  globSync("kubernetes/*.yaml", { cwd: deploy }).map((file) => [
    basename(file),
    parse(readFileSync(join(deploy, file), "utf8")),
  ]),
);
const compose = parse(read("deploy/compose.yaml"), { merge: true });
/** Without Redis. */
const postgresAlone = parse(read("deploy/compose.postgres.yaml"), { merge: true });
const composeWorkers = [compose, postgresAlone].flatMap(({ services }) => [
  services.worker,
  services["worker-cuda"],
]);

describe("the manifests for Kubernetes", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(root, "node_modules", ".orangery-manifests-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("have the values that the API's schemas ask for", async () => {
    for (const [file, object] of manifests) {
      assert.equal(await schemaError(object), undefined, file);
    }
  });

  test("with a value of another type are refused", async () => {
    const wrong = structuredClone(manifests.get("worker.yaml")!);
    wrong.spec.template.spec.containers[0].ports[0].containerPort = "9464";
    assert.match((await schemaError(wrong)) ?? "", /containerPort/);
    const scaler = structuredClone(manifests.get("scaled-object.yaml")!);
    scaler.spec.triggers[0].metadata.threshold = 1000;
    assert.match((await schemaError(scaler)) ?? "", /threshold/);
  });

  test("have fields that the API knows, and no others", () => {
    const misspelt = ["terminationGracePeriodSeconds", "minReplicaCount", "concurrencyPolicy"];
    for (const [file, object] of manifests) {
      writeFileSync(join(folder, file.replace("yaml", "ts")), typed(object));
      for (const field of misspelt) {
        const wrong = JSON.stringify(object).replace(`"${field}"`, `"${field}s"`);
        if (wrong === JSON.stringify(object)) continue;
        writeFileSync(join(folder, `wrong-${field}.ts`), typed(JSON.parse(wrong)));
      }
    }
    const compilerOptions = { noEmit: true, strict: true, skipLibCheck: true, module: "nodenext" };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    const { stdout } = spawnSync(process.execPath, [compiler, "--project", "."], {
      cwd: folder,
      encoding: "utf8",
    });
    const refused = [...stdout.matchAll(/^(\S+)\(.*error.*'"(\w+)"' does not exist/gm)];
    assert.deepEqual(
      refused.map(([, file, field]) => [file, field]).sort(),
      misspelt.map((field) => [`wrong-${field}.ts`, `${field}s`]).sort(),
      stdout,
    );
    assert.equal(stdout.match(/error/g)?.length, misspelt.length, stdout);
  });

  test("give a worker more time to stop than it takes", () => {
    const seconds = ["worker.yaml", "worker-cuda.yaml"].map((file) => {
      const { spec } = manifests.get(file)!.spec.template;
      const deadline = optionOf(spec.containers[0].args, "--deadline");
      assert.ok(spec.terminationGracePeriodSeconds > Number(deadline) + 15, file);
      return spec.terminationGracePeriodSeconds;
    });
    for (const worker of composeWorkers) {
      assert.equal(worker.stop_grace_period, `${seconds[0]}s`);
    }
    const unit = read("deploy/systemd/orangery-worker.service");
    assert.match(unit, new RegExp(`^TimeoutStopSec=${seconds[0]}$`, "m"));
  });

  test("scale by metrics that docs/metrics.md has, with the labels that they have", () => {
    const { query } = manifests.get("scaled-object.yaml")!.spec.triggers[0].metadata;
    const names = query.match(/orangery_\w+/g);
    assert.ok(names.length > 0);
    const page = read("docs/metrics.md");
    for (const name of names) assert.ok(page.includes(`\`${name}\``), name);
    // Its labels are those of the metric.
    for (const label of ["queue", "recipe", "state"])
      assert.match(page, new RegExp(`\`${label}\``));
  });

  test("scale and protect pods that are there", () => {
    const { spec } = manifests.get("scaled-object.yaml")!;
    const names = [...manifests.values()]
      .filter(({ kind }) => kind === "Deployment")
      .map((object) => (object as unknown as { metadata: { name: string } }).metadata.name);
    assert.ok(names.includes(spec.scaleTargetRef.name));
    for (const file of ["worker.yaml", "worker-cuda.yaml"]) {
      const { labels } = manifests.get(file)!.spec.template.metadata;
      const wanted = {
        ...manifests.get(file)!.spec.selector.matchLabels,
        ...manifests.get("pod-disruption-budget.yaml")!.spec.selector.matchLabels,
      };
      for (const [label, value] of Object.entries(wanted)) assert.equal(labels[label], value);
    }
  });
});

describe("compose.yaml", () => {
  const linter = dirname(createRequire(import.meta.url).resolve("dclint/package.json"));
  const { $schema: _, ...schema } = JSON.parse(
    readFileSync(join(linter, "schemas", "compose.schema.json"), "utf8"),
  );
  const isValid = new Ajv({ strict: false, validateFormats: false }).compile(schema);

  test("is what the Compose specification allows", () => {
    assert.ok(isValid(compose), JSON.stringify(isValid.errors));
    assert.ok(isValid(postgresAlone), JSON.stringify(isValid.errors));
  });

  test("without Redis differs in the queue's server alone", () => {
    const { redis: _, ...services } = structuredClone(compose.services);
    for (const { environment, depends_on } of Object.values<Record<string, object>>(services)) {
      if (depends_on === undefined) continue;
      Object.assign(environment!, { ORANGERY_QUEUE_URL: undefined });
      Object.assign(depends_on, { redis: undefined });
    }
    assert.deepEqual(Object.keys(postgresAlone.services), Object.keys(services));
    for (const [name, service] of Object.entries<Record<string, object>>(services)) {
      const { environment, ...rest } = postgresAlone.services[name];
      const { ORANGERY_QUEUE_URL: queueUrl, ...others } = environment;
      if (name !== "postgres") assert.equal(queueUrl, others.ORANGERY_RESULTS);
      const own = JSON.parse(JSON.stringify(service));
      assert.deepEqual({ ...rest, environment: others }, own, name);
    }
  });

  test("with a field that Compose does not know, or a value of another type, is refused", () => {
    const misspelt = structuredClone(compose);
    misspelt.services.worker.stop_grace_periods = "60s";
    assert.equal(isValid(misspelt), false);
    assert.match(JSON.stringify(isValid.errors), /"stop_grace_periods"/);
    const mistyped = structuredClone(compose);
    mistyped.services.worker.read_only = ["yes"];
    assert.equal(isValid(mistyped), false);
    assert.match(JSON.stringify(isValid.errors), /read_only/);
  });
});

describe("the units for systemd", { skip: whyNoSystemd() }, () => {
  test("are what systemd reads without a remark", async () => {
    const folder = await mkdtemp(join(tmpdir(), "orangery-units-"));
    try {
      const files = globSync("*", { cwd: join(deploy, "systemd") });
      for (const file of files) writeFileSync(join(folder, file), unitText(file));
      for (const file of files) assert.equal(remarks(join(folder, file)), "", file);
      for (const file of files) {
        const wrong = join(folder, `wrong-${file}`);
        writeFileSync(wrong, unitText(file).replace(/^(ExecStart|OnCalendar)=/m, "$1s="));
        assert.match(remarks(wrong), /Unknown key/, file);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  /** With the Node that this machine has. */
  function unitText(file: string): string {
    return read(`deploy/systemd/${file}`).replaceAll("/usr/bin/node", process.execPath);
  }

  function remarks(unit: string): string {
    return spawnSync("systemd-analyze", ["verify", unit], { encoding: "utf8" }).stderr;
  }
});

function whyNoSystemd(): string | false {
  const { status } = spawnSync("systemd-analyze", ["--version"]);
  return status === 0 ? false : "there is no systemd-analyze";
}

describe("command lines", () => {
  const commands = new Map<string, Command>([
    ["worker", createWorkerCommand(() => {})],
    ["enqueue", createEnqueueCommand({} as never, () => {})],
  ]);
  const containers = [...manifests.values()].flatMap(({ spec }): readonly Container[] => {
    const pod = spec?.jobTemplate?.spec ?? spec;
    return pod?.template?.spec.containers ?? [];
  });
  const units = ["orangery-worker.service", "orangery-enqueue.service"].map((file) => {
    const [, line = ""] = /^ExecStart=.*orangery\.js (.*)$/m.exec(read(`deploy/systemd/${file}`))!;
    return line.split(" ");
  });
  const services = composeWorkers.map(({ command }) => command);

  test("have options that the command has", () => {
    for (const args of [...containers.map(({ args }) => args), ...units, ...services]) {
      const known = commands.get(args[0])!.options.map(({ long }) => long);
      const given = args.filter((arg: string) => arg.startsWith("--"));
      assert.ok(given.length > 0);
      for (const arg of given) assert.ok(known.includes(arg.split("=")[0]), arg);
    }
  });

  test("name the queue's server as the guides do", () => {
    for (const file of globSync("**/*.*", { cwd: deploy })) {
      assert.doesNotMatch(read(`deploy/${file}`), /--redis|REDIS_URL/, file);
    }
    const { stringData } = parse(read("deploy/kubernetes/secret.yaml"));
    for (const environment of [stringData, compose.services.worker.environment]) {
      assert.match(environment.ORANGERY_QUEUE_URL, /^redis:/);
    }
  });

  test("in containers use the image for their device", () => {
    const used = [...containers, ...composeWorkers].map(({ image, args, command = args }) => [
      image.replace("registry.example/", ""),
      optionOf(command, "--devices") ?? "none",
    ]);
    for (const [name, device] of used) {
      const needsCuda = device === "auto" || device!.startsWith("cuda");
      assert.equal(name, needsCuda ? `${image}-cuda` : image, device);
    }
    assert.ok(used.length > 5);
  });
});

describe("the Dockerfiles", () => {
  const files = ["deploy/docker/Dockerfile", "deploy/docker/Dockerfile.cuda"];
  const [cpu, cuda] = files.map((file) => readDockerfile(join(root, file))) as [
    ReturnType<typeof readDockerfile>,
    ReturnType<typeof readDockerfile>,
  ];

  test("have nothing that a linter remarks", () => {
    for (const file of files) assert.deepEqual(lintDockerfile(read(file)), [], file);
    const wrong = read(files[0]!).replace("--interval", "--intervall");
    assert.equal(lintDockerfile(wrong)[0]?.message, "Unknown flag: intervall");
  });

  test("end as a user of number, whom Kubernetes can see is not root", () => {
    for (const stages of [cpu, cuda]) {
      const user = stages.at(-1)!.steps.findLast(({ keyword }) => keyword === "USER")!;
      assert.match(user.args[0]!, /^[1-9]/);
    }
  });

  test("are of the version of the package", () => {
    const { version } = manifest;
    const label = cpu.at(-1)!.steps.find(({ keyword }) => keyword === "LABEL")!.properties;
    assert.equal(label["org.opencontainers.image.version"], version);
    assert.equal(cuda.at(-1)!.base, image);
  });

  test("build the package with the commands that test/package.test.ts has run", () => {
    const build = cpu.find(({ name }) => name === "build")!;
    const commands = build.steps.filter(({ keyword }) => keyword === "RUN");
    assert.deepEqual(
      commands.map(({ args }) => args.join(" ").replace(/^\S+=".*" | --\S+/g, "")),
      ["npm ci", "npm run prepack"],
    );
  });

  test("copy what .dockerignore lets through, and nothing else is let through", () => {
    const copied = [...cpu, ...cuda]
      .flatMap(({ steps }) => steps)
      .filter(({ keyword, flags }) => keyword === "COPY" && flags.from === undefined)
      .flatMap(({ args }) => args.slice(0, -1));
    const sources = new Set(
      copied.map((path) => (path.startsWith("deploy/docker/") ? "deploy/docker" : path)),
    );
    const [all, ...allowed] = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    assert.equal(all, "*");
    assert.deepEqual(allowed.map((line) => line.replace(/^!/, "")).sort(), [...sources].sort());
  });
});

/** @returns What the API's schema finds wrong with an object, or undefined. */
async function schemaError(object: Manifest): Promise<string | undefined> {
  const { [object.kind]: Model } = await import(packageOf(object));
  try {
    new Model(object).validate();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A module with an object of a type that the API's schema became, as the compiler checks it. */
function typed(object: Manifest): string {
  const type = `I${object.kind}`;
  const value = JSON.stringify(object, undefined, 1);
  return `import type { ${type} } from "${packageOf(object)}";\nexport const it: ${type} = ${value};`;
}

function packageOf({ apiVersion }: Manifest): string {
  const name = apiVersion.startsWith("keda.sh/") ? "@kubernetes-models/keda" : "kubernetes-models";
  return `${name}/${apiVersion}`;
}

/** The value of `--name=value`. */
function optionOf(args: readonly string[], name: string): string | undefined {
  return args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
}
