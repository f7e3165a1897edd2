/*
 * Adds what a test takes for CUDA, in a process of its own, from the index in its argument.
 */
import { isOrangeryError } from "../../errors.ts";
import { addCuda } from "./add-cuda.ts";
import { testWheels } from "./package-index.fixture.ts";
import { planCuda } from "./plan-cuda.ts";

const [index] = process.argv.slice(2);
try {
  await addCuda(await planCuda({ wheels: testWheels }), {
    index: index!,
    onProgress: () => process.stdout.write("."),
  });
} catch (error) {
  if (!isOrangeryError(error)) throw error;
  process.stderr.write(`[${error.code}] ${error.message}\n`);
  process.exitCode = 1;
}
