/*
 * Adds what a test takes for CUDA, in a process of its own, from the index in its argument.
 */
import { isOrangeryError } from "../../errors.ts";
import { addProvider } from "./add-provider.ts";
import { testWheels } from "./package-index.fixture.ts";
import { planProvider } from "./plan-provider.ts";

const [index] = process.argv.slice(2);
try {
  await addProvider(await planProvider("cuda", { wheels: testWheels }), {
    index: index!,
    onProgress: () => process.stdout.write("."),
  });
} catch (error) {
  if (!isOrangeryError(error)) throw error;
  process.stderr.write(`[${error.code}] ${error.message}\n`);
  process.exitCode = 1;
}
