import { environment, LOG_FATAL } from "./environment.ts";
import { appendExecutionProvider } from "./execution-provider.ts";
import type { Address, Out } from "./function-table.ts";
import { NativeObject } from "./native-object.ts";
import type { SessionOptions } from "./runtime.ts";

/** Builds the native session options. The caller disposes them after the session is created. */
export async function createSessionOptions({
  provider = { name: "cpu" },
  intraOpThreads = 0,
  allowSpinning = false,
  config = {},
}: SessionOptions): Promise<NativeObject> {
  const { api } = environment();
  const created: Out<Address | null> = [null];
  api.CreateSessionOptions(created);
  const options = new NativeObject("session options", created[0]!, api.ReleaseSessionOptions);
  try {
    const { address } = options;
    api.DisableProfiling(address);
    // The library's warnings go to stderr, past any logger; what matters comes back as a status.
    api.SetSessionLogSeverityLevel(address, LOG_FATAL);
    api.SetIntraOpNumThreads(address, intraOpThreads);
    const spinning = { "session.intra_op.allow_spinning": allowSpinning ? "1" : "0" };
    for (const [key, value] of Object.entries({ ...spinning, ...config })) {
      api.AddSessionConfigEntry(address, key, value);
    }
    await appendExecutionProvider(address, provider);
    return options;
  } catch (error) {
    options[Symbol.dispose]();
    throw error;
  }
}
