import { enableCompileCache } from "node:module";
import { makeCompiledFolder } from "../base/files/cache-folder.ts";
import { threadPoolVariable } from "../base/threads/thread-pool.ts";

process.env.UV_THREADPOOL_SIZE ??= threadPoolVariable().UV_THREADPOOL_SIZE;
const folder = await makeCompiledFolder();
if (folder !== undefined) enableCompileCache(folder);
// Imported after that: what it imports is compiled once.
const { runProgram } = await import("./program.ts");

process.exitCode = await runProgram(process.argv);
