import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureInstalled } from "./debian-packages.ts";
import { freePort } from "./free-port.ts";

/** Debian's own wrapper changes user and folder; this is what it starts. */
const folders = () => ["/usr/lib/rabbitmq/bin"];

interface ServerPlace {
  readonly command: string;
  readonly folder: string;
  readonly port: number;
  readonly epmdPort: number;
  readonly distributionPort: number;
}

/** Longer than a start takes on a machine that others use, too. */
const startMs = 90_000;

/** The largest message is that of RabbitMQ 4. */
const configure = (port: number) => `listeners.tcp.1 = 127.0.0.1:${port}
log.file.level = error
max_message_size = 16777216
`;

/**
 * A RabbitMQ on free ports of 127.0.0.1, with its data in a temporary folder and an epmd of its
 * own, so that nothing of it meets another RabbitMQ of the machine, and nothing stays.
 */
export class RabbitmqServer implements AsyncDisposable {
  readonly #place: ServerPlace;
  #epmd: ChildProcess | undefined;
  #process: ChildProcess | undefined;

  private constructor(place: ServerPlace) {
    this.#place = place;
  }

  static async start(): Promise<RabbitmqServer> {
    ensureInstalled({
      command: "rabbitmq-script-wrapper",
      packageName: "rabbitmq-server",
      folders,
      override: "RABBITMQ_URL",
    });
    const command = join(folders()[0]!, "rabbitmq-server");
    const folder = await mkdtemp(join(tmpdir(), "orangery-rabbitmq-"));
    for (let attempt = 1; ; attempt++) {
      const [port, epmdPort, distributionPort] = [
        await freePort(),
        await freePort(),
        await freePort(),
      ];
      const server = new RabbitmqServer({ command, folder, port, epmdPort, distributionPort });
      try {
        await server.up();
        return server;
      } catch (error) {
        await server.kill();
        server.#epmd?.kill("SIGKILL");
        // A port may have been taken since.
        if (attempt < 3) continue;
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.#place.port}//`;
  }

  /** Starts it, again after {@link down} or {@link kill}; resolves when it takes connections. */
  async up(): Promise<void> {
    const { command, folder, port, epmdPort, distributionPort } = this.#place;
    const configuration = join(folder, "rabbitmq.conf");
    const plugins = join(folder, "plugins");
    await writeFile(configuration, configure(port));
    await writeFile(plugins, "[].");
    await mkdir(join(folder, "log"), { recursive: true });
    const env = {
      ...process.env,
      HOME: folder,
      ERL_EPMD_PORT: String(epmdPort),
      ERL_EPMD_ADDRESS: "127.0.0.1",
      RABBITMQ_NODENAME: `orangery-${port}@localhost`,
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_MNESIA_BASE: join(folder, "data"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
      RABBITMQ_CONFIG_FILE: configuration,
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
      RABBITMQ_PID_FILE: join(folder, "pid"),
    };
    this.#epmd ??= spawn("epmd", [], { env, stdio: "ignore" });
    // Otherwise RabbitMQ would start one that stays.
    while (!(await isListening(epmdPort))) await sleep(10);
    // A group of its own: the script has processes of its own.
    const server = spawn(command, [], { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = server;
    let output = "";
    for (const stream of [server.stdout, server.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-2000);
      });
    }
    const giveUpAt = performance.now() + startMs;
    while (!(await this.#answers())) {
      if (performance.now() > giveUpAt || server.exitCode !== null || server.signalCode !== null) {
        throw new Error(`rabbitmq-server did not start:\n${output}`);
      }
      await sleep(100);
    }
  }

  /** Ends it in order: what it has promised to keep is on the disk. */
  async down(): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (server === undefined) return;
    const ended = once(server, "exit");
    process.kill(Number(await readFile(join(this.#place.folder, "pid"), "utf8")), "SIGTERM");
    await ended;
  }

  /**
   * Ends it as a crash would. Messages that it has confirmed stay, but not a queue that was made a
   * moment ago.
   */
  async kill(): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    process.kill(-server.pid!, "SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#epmd?.kill("SIGKILL");
    await rm(this.#place.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  /** Whether it speaks AMQP: it listens before it does. */
  async #answers(): Promise<boolean> {
    const socket = connect(this.#place.port, "127.0.0.1");
    try {
      await once(socket, "connect");
      socket.write(Buffer.from("AMQP\0\0\x09\x01", "latin1"));
      const closed = once(socket, "close").then(() => [Buffer.alloc(0)]);
      const [reply] = await Promise.race([once(socket, "data"), closed]);
      return reply.length > 0;
    } catch {
      // Refused, or reset.
      return false;
    } finally {
      socket.destroy();
    }
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
