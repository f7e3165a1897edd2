import { enableCompileCache } from "node:module";
import { compiledFolder } from "../base/files/cache-folder.ts";

const folder = compiledFolder();
if (folder !== undefined) enableCompileCache(folder);
// Imported after that: what it imports is compiled once.
const { runProgram } = await import("./program.ts");

process.exitCode = await runProgram(process.argv);
