import type { SequentialModule, YoloModule } from "../../graph/yolo/modules.ts";
import type { PickledModule } from "./pickled-module.ts";

/** Reads a module of any class; readers of modules that contain others are handed it. */
export type ReadModule = (module: PickledModule) => YoloModule;

/** Reads the modules of a ModuleList. */
export function readModules<T>(
  list: PickledModule,
  read: (module: PickledModule) => T,
): readonly T[] {
  if (list.kind !== "torch:ModuleList") return list.unsupported();
  return list.children().map((module) => read(module));
}

export function readSequential(module: PickledModule, read: ReadModule): SequentialModule {
  if (module.kind !== "torch:Sequential") return module.unsupported();
  return { kind: "sequential", modules: module.children().map(read) };
}
