/** The program of a worker process; `orangery worker` starts it. */
import { runWorkerProcess } from "../fleet/process/worker-process.ts";
import { jsonLog, type LogLevel } from "./output/json-log.ts";

const status = await runWorkerProcess(jsonLog(process.argv[2] as LogLevel));
// At once: what a task has left behind must not keep a process that has nothing more to do.
process.exit(status);
