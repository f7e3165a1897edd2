import { printable } from "../../../base/printable.ts";
import { formatBytes, formatCount, formatPlural } from "../../../base/quantities.ts";
import { askWorkers } from "../../../fleet/management/ask-workers.ts";
import { recordChange, workerActions } from "../../../fleet/management/record-change.ts";
import { OpenQueue } from "../../../fleet/queue/open-queue.ts";
import { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import {
  readWorkers,
  type WorkerRequest,
  type WorkerStatus,
} from "../../../fleet/store/worker-status.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatTable } from "../../output/table.ts";
import type { RecordArguments } from "../jobs/job-options.ts";
import { openQueueRecord } from "../jobs/queue-record.ts";
import { describeIfUnknown } from "../jobs/unknown-queue.ts";
import { callerActor } from "../management/person-option.ts";

export interface WorkersArguments extends QueueArguments {
  readonly json?: boolean;
}

/** Runs `orangery workers list`. */
export async function listWorkers(
  output: StandardOutput,
  { queue, queueUrl, json }: WorkersArguments,
): Promise<void> {
  await using queues = await FleetQueues.open({ queue, connection: queueUrl });
  const { base } = queues;
  const workers = await base.within(readWorkers(base.bullmq));
  if (json) {
    for (const worker of workers) await output.writeJson(worker);
    return;
  }
  if (workers.length > 0) return await output.write(workerTable(workers));
  await output.write((await describeIfUnknown(queues)) || "No workers\n");
}

const requestTexts: Readonly<Record<WorkerRequest, string>> = {
  drain: "take no more jobs",
  resume: "take jobs again",
  recycle: "be replaced",
};

/** Runs `orangery workers drain`, `resume` and `recycle`. */
export async function directWorkers(
  output: StandardOutput,
  names: readonly string[],
  options: WorkersArguments & RecordArguments & { readonly request: WorkerRequest },
): Promise<void> {
  const { queue, queueUrl, json, request, results, by } = options;
  await using opened = await OpenQueue.open({ queue, connection: queueUrl });
  await using ledger = await openQueueRecord(opened, { results });
  const action = { ...callerActor(by), kind: workerActions[request], filter: { worker: names } };
  let asked: readonly WorkerStatus[] = [];
  await recordChange(ledger, action, async () => {
    asked = await opened.within(askWorkers(opened.bullmq, names, request));
    return asked.length;
  });
  if (json) {
    for (const { name, host, pid } of asked)
      await output.writeJson({ wish: request, name, host, pid });
    return;
  }
  const processes = formatPlural(asked.length, "process", "processes");
  await output.write(`${processes} will ${requestTexts[request]}\n`);
}

/** Of fewer tasks, the first loads alone would look like thrashing. */
const leastTasks = 100;

function loadsPer1000Tasks(machine: WorkerStatus["machine"]): string {
  const isKnown = machine !== undefined && machine.tasks >= leastTasks;
  return isKnown ? String(Math.round(10 * machine.loadsPer1000Tasks) / 10) : "-";
}

function workerTable(workers: readonly WorkerStatus[]): string {
  return formatTable(
    [
      { title: "Worker" },
      { title: "State" },
      { title: "Models" },
      { title: "Memory", align: "right" },
      { title: "GPU", align: "right" },
      { title: "Busy", align: "right" },
      { title: "Loads/1,000", align: "right" },
      { title: "Ended", align: "right" },
      { title: "Replaced", align: "right" },
    ],
    workers.map((worker) => {
      const { name, isDrained, active, machine, processBytes, gpuBytes, ended } = worker;
      const models = machine?.models.map(
        ({ name, device, precision }) => `${name} ${precision} on ${device}`,
      );
      const busy = machine?.gpus.flatMap(({ busyPercent = [] }) => busyPercent) ?? [];
      return [
        printable(name),
        isDrained ? "drained" : active > 0 ? "at work" : "idle",
        printable(models?.join(", ") ?? "-"),
        formatBytes(processBytes),
        gpuBytes > 0 ? formatBytes(gpuBytes) : "-",
        busy.length > 0 ? busy.map((percent) => `${percent} %`).join(", ") : "-",
        loadsPer1000Tasks(machine),
        formatCount(ended),
        worker.earlierProcesses === undefined ? "-" : formatCount(worker.earlierProcesses),
      ];
    }),
  );
}
