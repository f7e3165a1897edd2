/**
 * Compiles the operators of our own that networks are run with on this kind of machine. The binary
 * is a part of the repository; a test notices when it is not made of its source.
 */
import { renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compileKernels } from "../src/native/kernels/compile.fixture.ts";

const name = `../src/native/kernels/${process.platform}-${process.arch}.so`;
const file = fileURLToPath(new URL(name, import.meta.url));
// Never in place: processes that have it mapped would run the new bytes.
compileKernels(`${file}.part`);
renameSync(`${file}.part`, file);
