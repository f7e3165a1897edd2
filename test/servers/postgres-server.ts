import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  globSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { ensureInstalled } from "./debian-packages.ts";
import { freePort } from "./free-port.ts";

/**
 * A PostgreSQL for tests: one that `DATABASE_URL` names, or a private one that goes with its owner.
 */
export interface PostgresForTests extends AsyncDisposable {
  /** Of a database that others may use, too. */
  readonly url: string;
  /** Anything that a test does in a schema of its own is gone when the schema is disposed. */
  createSchema(): Promise<SchemaForTests>;
}

export interface SchemaForTests extends AsyncDisposable {
  /** Connections by it find their tables in the schema, and nothing but these. */
  readonly url: string;
}

/** The PostgreSQL that `DATABASE_URL` names, which is left running, or a private one. */
export async function openPostgres(): Promise<PostgresForTests> {
  const url = process.env.DATABASE_URL;
  if (url === undefined || url === "") return await PostgresServer.start();
  return { url, createSchema: () => createSchema(url), [Symbol.asyncDispose]: async () => {} };
}

async function createSchema(serverUrl: string): Promise<SchemaForTests> {
  const name = `orangery_test_${crypto.randomUUID().replaceAll("-", "")}`;
  await execute(serverUrl, `create schema ${name}`);
  const url = new URL(serverUrl);
  url.searchParams.set("options", `-c search_path=${name}`);
  const drop = () => execute(serverUrl, `drop schema if exists ${name} cascade`);
  return { url: url.href, [Symbol.asyncDispose]: drop };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  // What ends a connection fails the query as well.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The only user that a private server asks for a password; a test creates it. */
export const userWithPassword = "with_password";

interface ServerPlace {
  /** The folder of `initdb` and `postgres`. */
  readonly programs: string;
  readonly folder: string;
  readonly port: number;
  readonly spawnOptions: SpawnOptions;
}

/** A `postgres` process on a free port of 127.0.0.1, with its data in a temporary folder. */
export class PostgresServer implements PostgresForTests {
  readonly #place: ServerPlace;
  #process: ChildProcess | undefined;

  private constructor(place: ServerPlace) {
    this.#place = place;
  }

  static async start(): Promise<PostgresServer> {
    const initdb = ensureInstalled({
      command: "initdb",
      packageName: "postgresql",
      folders: () => globSync("/usr/lib/postgresql/*/bin").sort().reverse(),
      override: "DATABASE_URL",
    });
    const programs = dirname(realpathSync(initdb));
    const folder = await mkdtemp(join(tmpdir(), "orangery-postgres-"));
    try {
      const spawnOptions = await giveToUser(folder);
      createCluster(programs, folder, spawnOptions);
      for (let attempt = 1; ; attempt += 1) {
        const place = { programs, folder, port: await freePort(), spawnOptions };
        const server = new PostgresServer(place);
        try {
          await server.up();
          return server;
        } catch (error) {
          // Its port may have been taken since.
          if (attempt >= 3) throw error;
        }
      }
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The folder with its data, to be changed only while it is down. */
  get dataFolder(): string {
    return join(this.#place.folder, "data");
  }

  /** Of the database `postgres`, as its owner. */
  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#place.port}/postgres`;
  }

  async createSchema(): Promise<SchemaForTests> {
    const schema = await createSchema(this.url);
    // It goes with the server.
    return { url: schema.url, [Symbol.asyncDispose]: async () => {} };
  }

  /** Starts it, again after {@link down} or {@link kill}; resolves when it answers. */
  async up(): Promise<void> {
    const { programs, folder, port, spawnOptions } = this.#place;
    const settings = [
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      // Its processes may die, the machine does not: nothing has to reach the disk.
      "fsync=off",
      "shared_buffers=32MB",
    ];
    const server = spawn(
      join(programs, "postgres"),
      ["-D", join(folder, "data"), "-p", String(port), ...settings.flatMap((text) => ["-c", text])],
      { ...spawnOptions, stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#process = server;
    let output = "";
    server.stderr!.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-2000);
    });
    while (!(await this.#answers())) {
      if (hasEnded(server)) throw new Error(`postgres ended as it started:\n${output}`);
      await sleep(20);
    }
  }

  /** Ends it in order; transactions at work are rolled back. */
  async down(): Promise<void> {
    await this.#end("SIGINT");
  }

  /** Ends it as a crash would: it recovers when it is started again. */
  async kill(): Promise<void> {
    await this.#end("SIGQUIT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#place.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (server === undefined || hasEnded(server)) return;
    server.kill(signal);
    await once(server, "exit");
  }

  async #answers(): Promise<boolean> {
    return await execute(this.url, "select 1").then(
      () => true,
      () => false,
    );
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** PostgreSQL refuses to run as root: then the folder, and the process, become another user's. */
async function giveToUser(folder: string): Promise<SpawnOptions> {
  if (process.getuid?.() !== 0) return { cwd: folder };
  for (const user of ["postgres", "nobody"]) {
    const [uid, gid] = ["-u", "-g"].map((flag) => idOf(flag, user));
    if (uid === undefined || gid === undefined) continue;
    await chown(folder, uid, gid);
    return { uid, gid, cwd: folder };
  }
  throw new Error(
    "Expected a user `postgres` or `nobody` to run PostgreSQL as, and there is none.",
  );
}

function idOf(flag: string, user: string): number | undefined {
  const { status, stdout } = spawnSync("id", [flag, user], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : undefined;
}

/** Makes the data of a new server; in a run of tests a copy of the first that was made. */
function createCluster(programs: string, folder: string, options: SpawnOptions): void {
  const data = join(folder, "data");
  const run = process.env.ORANGERY_TEST_RUN;
  const first = run === undefined ? undefined : join(run, "postgres");
  if (first !== undefined && existsSync(first)) {
    copyFolder(first, data);
    return;
  }
  const { status, stdout, stderr } = spawnSync(
    join(programs, "initdb"),
    [
      ...["--pgdata", data, "--username", "postgres", "--auth", "trust"],
      ...["--encoding", "UTF8", "--no-locale", "--no-sync"],
    ],
    { ...options, stdio: "pipe", encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`initdb ended with status ${status}:\n${stdout}${stderr}`);
  const access = join(data, "pg_hba.conf");
  const rules = readFileSync(access, "utf8");
  writeFileSync(access, `host all ${userWithPassword} all scram-sha-256\n${rules}`);
  if (first === undefined) return;
  // Others must not find half of it.
  const part = `${first}.${process.pid}`;
  copyFolder(data, part);
  try {
    renameSync(part, first);
  } catch {
    // Another file's was quicker.
    rmSync(part, { recursive: true });
  }
}

/** With its owners, which PostgreSQL insists on. */
function copyFolder(from: string, to: string): void {
  const { status, stderr } = spawnSync("cp", ["-a", from, to], { encoding: "utf8" });
  if (status !== 0) throw new Error(`cp ended with status ${status}:\n${stderr}`);
}
