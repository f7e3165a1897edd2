/** The program of a worker process, which `orangery worker` starts. */
import { runWorkerProcess } from "../fleet/process/run-worker-process.ts";
import { jsonLog, type LogLevel } from "./output/json-log.ts";

const status = await runWorkerProcess(jsonLog(process.argv[2] as LogLevel));
// At once: what a task left behind must not keep the process alive.
process.exit(status);
