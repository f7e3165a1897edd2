import { readFileSync } from "node:fs";
import loadWabt from "wabt";

const source = new URL("resize.wat", import.meta.url);

/** Where the binary lies. */
export const resizeWasm = new URL("resize.wasm", import.meta.url);

/** Assembles the source of the resizing in WebAssembly. */
export async function assemble(): Promise<Uint8Array> {
  const wabt = await loadWabt();
  const module = wabt.parseWat("resize.wat", readFileSync(source, "utf8"), { simd: true });
  try {
    module.validate();
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}
