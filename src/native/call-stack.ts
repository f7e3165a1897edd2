import koffi from "koffi";

const STACK_BYTES = 8 * 1024 * 1024;

/**
 * Gives asynchronous native calls a real stack. koffi's default, 128 KiB, is too little for building
 * a session from a deep graph; the pages of a larger one are only taken when they are touched. koffi
 * takes the setting before the first library is loaded, so everything that loads one calls this first.
 */
export function giveCallsARealStack(): void {
  if ((koffi.config().async_stack_size ?? 0) >= STACK_BYTES) return;
  try {
    koffi.config({ ...koffi.config(), async_stack_size: STACK_BYTES });
  } catch {
    // The application has loaded a library through koffi before us: its settings stand.
  }
}
