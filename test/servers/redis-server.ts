import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureInstalled } from "./debian-packages.ts";
import { freePort } from "./free-port.ts";

/** A Redis for tests: one that `REDIS_URL` names, or a private one that goes with its owner. */
export interface RedisForTests extends AsyncDisposable {
  readonly url: string;
}

/**
 * The Redis that `REDIS_URL` names, which is left running, or a private one. Others may use it too:
 * give every queue a name of its own ({@link uniqueName}) and obliterate it in the end.
 */
export async function openRedis(): Promise<RedisForTests> {
  const url = process.env.REDIS_URL;
  if (url === undefined || url === "") return await RedisServer.start({ fsync: "everysec" });
  return { url, [Symbol.asyncDispose]: async () => {} };
}

/** `photos-5d1c…`: a name that no other test has. */
export function uniqueName(word: string): string {
  return `${word}-${randomUUID()}`;
}

interface ServerPlace {
  readonly command: string;
  readonly folder: string;
  readonly port: number;
  readonly fsync: "always" | "everysec";
  /** Further options of the command line. */
  readonly options: readonly string[];
}

/**
 * A `redis-server` process on a free port of 127.0.0.1, with a temporary folder and an append-only
 * file.
 */
export class RedisServer implements RedisForTests {
  readonly #place: ServerPlace;
  #process: ChildProcess | undefined;

  private constructor(place: ServerPlace) {
    this.#place = place;
  }

  /**
   * @param options.fsync `always` (default): every command is on the disk before it is answered, so
   *   that nothing is lost when it is killed; `everysec` is Redis' own default, and quicker
   */
  static async start({
    fsync = "always",
    options = [],
  }: Partial<ServerPlace> = {}): Promise<RedisServer> {
    const command = ensureInstalled({
      command: "redis-server",
      packageName: "redis-server",
      override: "REDIS_URL",
    });
    const folder = await mkdtemp(join(tmpdir(), "orangery-redis-"));
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer({ command, folder, port: await freePort(), fsync, options });
      try {
        await server.up();
        return server;
      } catch (error) {
        // Its port may have been taken since.
        if (attempt < 3) continue;
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#place.port}`;
  }

  /** Where its files are. */
  get folder(): string {
    return this.#place.folder;
  }

  /**
   * Starts it, again after {@link down} or {@link kill}; resolves when it answers, or refuses to
   * for want of a password, or, if it is not to be waited for, because it loads its data.
   */
  async up({ options = [] as readonly string[], isLoading = false } = {}): Promise<void> {
    const { command, folder, port, fsync } = this.#place;
    const server = spawn(
      command,
      [
        ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder],
        ...["--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--daemonize", "no"],
        ...this.#place.options,
        ...options,
      ],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    this.#process = server;
    let output = "";
    server.stdout.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-2000);
    });
    const answer = isLoading ? /^-LOADING/ : /^(\+PONG|-NOAUTH)/;
    while (!answer.test(await this.#ping())) {
      if (server.exitCode !== null || server.signalCode !== null) {
        throw new Error(`redis-server ended as it started:\n${output}`);
      }
      await sleep(10);
    }
  }

  /** Ends it in order. */
  async down(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Leaves every request without an answer until {@link goOn}; connections stay. */
  hang(): void {
    this.#process!.kill("SIGSTOP");
  }

  goOn(): void {
    this.#process!.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#place.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    server.kill(signal);
    await once(server, "exit");
  }

  /** Its reply to a PING; an error while it loads its data, and nothing where nothing listens. */
  async #ping(): Promise<string> {
    const socket = connect(this.#place.port, "127.0.0.1");
    try {
      await once(socket, "connect");
      socket.write("PING\r\n");
      const closed = once(socket, "close").then(() => [""]);
      const [reply] = await Promise.race([once(socket, "data"), closed]);
      return String(reply);
    } catch {
      // Refused, or reset.
      return "";
    } finally {
      socket.destroy();
    }
  }
}
