/*
 * Registers the plugin that its argument names, in a process that may end by it.
 */
import { environment } from "../library/environment.ts";

const [file] = process.argv.slice(2);
const { api, env } = environment();
api.RegisterExecutionProviderLibrary(env, file!, file!);
