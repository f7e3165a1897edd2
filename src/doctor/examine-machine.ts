import { programVersion } from "../base/files/program-file.ts";
import { urlScheme } from "../base/url.ts";
import { postgresUrlOf } from "../fleet/queue/postgres/postgres-place.ts";
import { isPostgresLedger } from "../ledger/open-ledger.ts";
import { lookAtDevice } from "./devices/device.ts";
import { describeNvidia } from "./devices/nvidia.ts";
import { describeRuntime } from "./devices/runtime.ts";
import {
  type Finding,
  findingSections,
  green,
  type Observation,
  toFinding,
  type Verdict,
  worstVerdict,
} from "./finding.ts";
import { lookAtCache } from "./folders/cache.ts";
import { lookAtTemporary } from "./folders/temporary.ts";
import { lookAtMemory } from "./host/memory.ts";
import { lookAtNode } from "./host/node.ts";
import { lookAtOpenFiles } from "./host/open-files.ts";
import { lookAtProcessor } from "./host/processor.ts";
import { measure } from "./measured/measure.ts";
import type { RuntimeSurvey } from "./measured/measuring-messages.ts";
import { lookAtModel } from "./model/look-at-model.ts";
import { type Probe, type ProbeOutcome, runProbe } from "./probe.ts";
import { lookAtPostgres } from "./servers/postgres.ts";
import { lookAtRedis } from "./servers/redis.ts";
import { lookAtResultsFile } from "./servers/results-file.ts";

export interface ExamineOptions {
  /** A model that is loaded and tried: a path, or the name of a sample model. */
  readonly model?: string | undefined;
  /** The server of a queue: `redis://…` or `postgres://…`. */
  readonly queueUrl?: string | undefined;
  /** The queue whose keys in Redis are to be used. Default `photos`. */
  readonly queue?: string | undefined;
  /** A results file by its path, or `postgres://…`. */
  readonly results?: string | undefined;
  /** Called with what is being looked at. */
  readonly onProgress?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was found of a machine. Plain data, without passwords. */
export interface Examination {
  /** Of Orangery. */
  readonly version: string;
  /** The worst of all findings. */
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** Topics that took too long; their probes may still be running in this process. */
  readonly late: readonly string[];
}

/** How long each kind of probe may take. */
const quickMs = 5_000;
const serverMs = 10_000;
const deviceMs = 60_000;
const modelMs = 180_000;

/**
 * Checks everything that decides whether this machine is fit for the job, and changes nothing. What
 * may crash or hang, such as a driver or a model, is tried in separate processes.
 *
 * @throws only the signal's reason
 */
export async function examineMachine(options: ExamineOptions = {}): Promise<Examination> {
  const examiner = new Examiner(options);
  return await examiner.examine();
}

class Examiner {
  readonly #options: ExamineOptions;
  readonly #findings: Finding[] = [];
  readonly #late: string[] = [];
  #processBytes: number | undefined;

  constructor(options: ExamineOptions) {
    this.#options = options;
  }

  async examine(): Promise<Examination> {
    this.#progress("the machine");
    // Computations are timed, so they run alone.
    const { signal } = this.#options;
    const quick = this.#quickProbes();
    const outcomes = await Promise.all(quick.map((probe) => runProbe(probe, signal)));
    for (const [index, outcome] of outcomes.entries()) this.#add(quick[index]!, outcome);
    await this.#lookAtDevices();
    if (this.#options.model !== undefined) await this.#run(this.#modelProbe(this.#options.model));
    const processBytes = this.#processBytes;
    await this.#run({
      section: "machine",
      topic: "memory",
      timeoutMs: quickMs,
      todo: restart,
      look: () => lookAtMemory({ processBytes }),
    });
    const findings = this.#findings.toSorted((a, b) => placeOf(a) - placeOf(b));
    const verdict = worstVerdict(findings);
    return { version: programVersion(), verdict, findings, late: this.#late };
  }

  async #run(probe: Probe): Promise<void> {
    this.#add(probe, await runProbe(probe, this.#options.signal));
  }

  #add({ topic }: Probe, { findings, isLate }: ProbeOutcome): void {
    this.#findings.push(...findings);
    if (isLate) this.#late.push(topic);
  }

  #progress(what: string): void {
    this.#options.onProgress?.(`Looking at ${what}`);
  }

  #quickProbes(): Probe[] {
    const machine = { section: "machine", timeoutMs: quickMs, todo: restart } as const;
    const folders = { section: "folders", timeoutMs: quickMs, todo: mounted } as const;
    const probes: Probe[] = [
      { ...machine, topic: "node", look: lookAtNode },
      { ...machine, topic: "processor", look: () => lookAtProcessor() },
      { ...machine, topic: "open files", look: () => lookAtOpenFiles() },
      { ...folders, topic: "cache", look: () => lookAtCache() },
      { ...folders, topic: "temporary", look: () => lookAtTemporary() },
    ];
    const { queueUrl, queue = "photos", results } = this.#options;
    const servers = { section: "servers", timeoutMs: serverMs } as const;
    // A server that does not answer is named as such, before the probe's own limit.
    const timeoutMs = serverMs - 2_000;
    if (queueUrl !== undefined) {
      const isPostgres = postgresUrlOf(queueUrl) !== undefined;
      const todo = "Check the URL (--queue-url, ORANGERY_QUEUE_URL), and that the server runs.";
      const look = async () => {
        if (!isPostgres) return await lookAtRedis({ url: queueUrl, queue }, { timeoutMs });
        // The packages of queues are optional.
        const { lookAtPostgresQueue } = await import("./servers/postgres-queue.ts");
        return await lookAtPostgresQueue(queueUrl, { timeoutMs });
      };
      probes.push({ ...servers, topic: isPostgres ? "queue" : "redis", todo, look });
    }
    if (results !== undefined) {
      const isFile = urlScheme(results) === undefined;
      const todo = isFile ? mounted : "Check the URL, and that the server runs.";
      const look = async () =>
        isPostgresLedger(results)
          ? await lookAtPostgres(results, { timeoutMs })
          : await lookAtResultsFile(results);
      probes.push({ ...servers, topic: "results", todo, look });
    }
    return probes;
  }

  async #lookAtDevices(): Promise<void> {
    this.#progress("the devices");
    const part = { section: "devices", timeoutMs: deviceMs, todo: anew } as const;
    let survey: RuntimeSurvey | undefined;
    await this.#run({
      ...part,
      topic: "runtime",
      look: async (signal) => {
        survey = await measure({ kind: "survey" }, { signal });
        const found = new Map([["runtime", describeRuntime(survey)]]);
        const nvidia = await describeNvidia(survey);
        if (nvidia !== undefined) found.set("nvidia", nvidia);
        return found;
      },
    });
    if (survey === undefined) return;
    for (const device of survey.devices) {
      this.#progress(device.device);
      const look = (signal: AbortSignal) => lookAtDevice(device, { signal });
      await this.#run({ ...part, topic: device.device, look });
    }
    if (survey.devices.some(({ device }) => device !== "cpu")) return;
    const none = green("This machine shows none, so the CPU does the work.");
    if (this.#findings.some(({ topic }) => topic === "nvidia")) return;
    this.#findings.push(toFinding({ section: "devices", topic: "gpu" }, none));
  }

  #modelProbe(model: string): Probe {
    return {
      section: "model",
      topic: "model",
      timeoutMs: modelMs,
      todo: "Use a smaller model, or another device.",
      look: async (signal): Promise<ReadonlyMap<string, Observation>> => {
        const onProgress = (text: string) => this.#progress(`the model: ${text}`);
        const { found, processBytes } = await lookAtModel(model, { signal, onProgress });
        this.#processBytes = processBytes;
        return found;
      },
    };
  }
}

const restart = "Look at the machine's own logs.";
const mounted = "See whether the disk or share is there and answers.";
const anew = "Install Orangery anew, or correct ORANGERY_ORT_LIBRARY.";

/** Topics of the machine in the order of the page; others keep that in which they were found. */
const machineTopics = ["node", "processor", "memory", "open files"];

function placeOf({ section, topic }: Finding): number {
  return 100 * findingSections.indexOf(section) + Math.max(0, machineTopics.indexOf(topic));
}
