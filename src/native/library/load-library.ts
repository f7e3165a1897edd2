import koffi, { type LibraryHandle } from "koffi";

const stackBytes = 8 * 1024 * 1024;

/**
 * Opens a shared library; the only place that does. koffi closes the library when the handle is
 * collected, so keep the handle as long as anything of the library is in use.
 *
 * @param file Path, or a name that the system looks up; null is the process itself.
 * @throws what koffi throws when there is no such library
 */
export function loadLibrary(file: string | null): LibraryHandle {
  giveCallsARealStack();
  return koffi.load(file);
}

/** `RTLD_LAZY | RTLD_NODELETE` of dlfcn.h. */
const keptOpen: Partial<Record<NodeJS.Platform, number>> = { linux: 0x1001, darwin: 0x81 };

/**
 * Keeps an opened library until the process has ended. Node closes koffi's libraries before the
 * process runs its exit handlers: those of CUDA's provider called into a runtime that was gone, and
 * the process ended with a segmentation fault (1.30).
 */
export function keepLibrary(file: string): void {
  const flags = keptOpen[process.platform];
  if (flags === undefined) return;
  loadLibrary(null).func("dlopen", "void *", ["str", "int"])(file, flags);
}

/** Whether a library can be opened, by file or, as the system looks it up, by name. */
export function canLoadLibrary(file: string): boolean {
  try {
    loadLibrary(file).unload();
    return true;
  } catch {
    return false;
  }
}

/**
 * Asynchronous calls run on stacks that koffi makes, of 128 KiB by default: enough for a small
 * graph on the CPU, and a segmentation fault as soon as WebGPU opens a device. The pages of a
 * larger stack are only taken when they are touched. koffi takes the setting before the first
 * library is opened, and not after.
 */
function giveCallsARealStack(): void {
  if ((koffi.config().async_stack_size ?? 0) >= stackBytes) return;
  try {
    koffi.config({ ...koffi.config(), async_stack_size: stackBytes });
  } catch {
    // The application has already opened a library through koffi: its settings apply.
  }
}
