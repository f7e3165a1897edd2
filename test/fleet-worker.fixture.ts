/** The program of a worker process, without a log. */
import { runWorkerProcess } from "../src/fleet/process/run-worker-process.ts";
import { silentLogger } from "../src/logger.ts";

process.exit(await runWorkerProcess(silentLogger));
