/** The processes of a run of tests, as /proc shows them: what runs, where it stands, its end. */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** In the environment of whatever a run starts: the run's own folder. */
const runVariable = "ORANGERY_TEST_RUN";
/** In the environment of whatever a file of tests starts: that file. See cover-tests.ts. */
const fileVariable = "ORANGERY_TEST_FILE";

const lookMs = 5000;

interface TestProcess {
  readonly pid: number;
  readonly command: string;
  /** The file of tests that it is of. */
  readonly file: string;
}

export interface TestProcessesOptions {
  /** A folder of this run's own. */
  readonly folder: string;
  readonly fileLimitMs: number;
  readonly runLimitMs: number;
  /** Called when the limit of the whole run has passed, and all processes have been ended. */
  readonly onRunLimit: () => void;
}

/**
 * Ends what does not end. The limits of `node:test` fail a test, but leave its process alone: one
 * whose event loop is blocked, or that keeps a server open, would go on for ever.
 */
export class TestProcesses {
  readonly #options: TestProcessesOptions;
  readonly #sinceMs = new Map<number, number>();
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(options: TestProcessesOptions) {
    this.#options = options;
    process.env[runVariable] = options.folder;
    this.#timer = setInterval(() => void this.#look(), lookMs);
  }

  /** Arguments of Node with which a file of tests reports on SIGUSR2 where it stands. */
  get nodeArguments(): string[] {
    return [
      "--report-on-signal",
      "--report-compact",
      "--report-exclude-env",
      "--report-exclude-network",
      `--report-directory=${this.#options.folder}`,
    ];
  }

  /** Stops looking, and ends what tests have left running. @returns whether there was nothing */
  async close(): Promise<boolean> {
    clearInterval(this.#timer);
    let left = this.#started();
    // A server that was asked to end may take a moment.
    for (let tries = 0; left.length > 0 && tries < 25; tries++) {
      await sleep(200);
      left = this.#started();
    }
    for (const { pid, file, command } of left) {
      console.error(`${file} has left a process running: ${pid} ${command}`);
    }
    this.kill();
    return left.length === 0;
  }

  /** Ends every process of this run but its own. */
  kill(): void {
    for (let tries = 0; tries < 10; tries++) {
      const pids = [...testFiles(), ...this.#started()].map(({ pid }) => pid);
      if (pids.length === 0) return;
      pids.forEach(end);
    }
  }

  async #look(): Promise<void> {
    const { fileLimitMs, runLimitMs, onRunLimit } = this.#options;
    const nowMs = performance.now();
    const isRunLimit = nowMs - this.#startMs > runLimitMs;
    if (isRunLimit) clearInterval(this.#timer);
    for (const one of testFiles()) {
      const sinceMs = this.#sinceMs.get(one.pid) ?? nowMs;
      this.#sinceMs.set(one.pid, sinceMs);
      if (nowMs - sinceMs <= fileLimitMs && !isRunLimit) continue;
      this.#sinceMs.set(one.pid, Number.POSITIVE_INFINITY);
      await this.#end(one, nowMs - sinceMs);
    }
    if (!isRunLimit) return;
    this.kill();
    onRunLimit();
  }

  async #end(running: TestProcess, ms: number): Promise<void> {
    const started = this.#started().filter(({ file }) => file === running.file);
    const lines = started.map(({ pid, command }) => `\n  it has started: ${pid} ${command}`);
    console.error(
      `\n${running.file} has not ended after ${Math.round(ms / 1000)} s.${lines.join("")}`,
    );
    console.error(await this.#whereItStands(running.pid));
    for (const { pid } of [running, ...started]) end(pid);
  }

  /** The JavaScript that runs and what the event loop waits for, else the threads' stacks. */
  async #whereItStands(pid: number): Promise<string> {
    const { folder } = this.#options;
    try {
      process.kill(pid, "SIGUSR2");
      let file: string | undefined;
      for (let tries = 0; file === undefined && tries < 20; tries++) {
        await sleep(500);
        [file] = globSync(join(folder, `report.*.${pid}.*.json`));
      }
      if (file === undefined) throw new Error("no report");
      const report = JSON.parse(readFileSync(file, "utf8"));
      rmSync(file);
      const handles = (report.libuv as Record<string, unknown>[]).filter(
        ({ is_active, is_referenced }) => is_active && is_referenced,
      );
      const { stack = [] } = report.javascriptStack as { stack?: string[] };
      return [...stack, ...handles.map((handle) => JSON.stringify(handle))].join("\n");
    } catch {
      const gdb = ["-p", String(pid), "-batch", "-ex", "thread apply all backtrace 12"];
      const { stdout } = spawnSync("gdb", gdb, { encoding: "utf8", timeout: 20_000 });
      return stdout || "It did not report where it stands.";
    }
  }

  /** What this run's files of tests have started, and what those have. */
  #started(): TestProcess[] {
    return processes().flatMap(({ pid, command }) => {
      const variables = fromProc(pid, "environ");
      if (!variables.includes(`${runVariable}=${this.#options.folder}`)) return [];
      const [name = ""] = variables.filter((variable) => variable.startsWith(`${fileVariable}=`));
      return name === "" ? [] : [{ pid, command, file: name.slice(fileVariable.length + 1) }];
    });
  }
}

/** The files of tests that run now: this process's children. */
function testFiles(): TestProcess[] {
  const own = processes().filter(({ parent }) => parent === process.pid);
  return own.flatMap(({ pid, command }) => {
    const file = fromProc(pid, "cmdline").at(-1) ?? "";
    return /\.test\.\w+$/.test(file) ? [{ pid, command, file }] : [];
  });
}

/** All processes but this one and those that have ended; none where there is no /proc. */
function processes(): {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}[] {
  return globSync("/proc/[0-9]*/stat").flatMap((file) => {
    const pid = Number(file.split("/")[2]);
    const [state, parent] = statOf(pid);
    if (pid === process.pid || state === undefined || state === "Z") return [];
    const command = fromProc(pid, "cmdline")
      .filter((argument) => !/^--[\w-]+=/.test(argument))
      .join(" ");
    return [{ pid, parent: Number(parent), command }];
  });
}

function statOf(pid: number): string[] {
  const [stat = ""] = fromProc(pid, "stat");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The entries of a file of /proc; none where the process has gone or is another user's. */
function fromProc(pid: number, file: "cmdline" | "environ" | "stat"): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0").filter(Boolean);
  } catch {
    return [];
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
