/**
 * Who is measured: the peers from their usual file formats, and ours. The first two are the peer
 * with `.pt`, with its own threads and with all: the others are compared with the quicker of them.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pluginVariable } from "../../src/native/providers/plugins.ts";
import type { Contender } from "./rounds.ts";
import type { Settings } from "./stopwatch.ts";

export interface Place {
  readonly python: string;
  /** Has model.pt, model.onnx and the others that prepare.py makes. */
  readonly folder: string;
  readonly threads: number;
  /** Settings but the model. */
  readonly settings: Omit<Settings, "model" | "threads">;
  /** A Redis for the workers; without one they are left out. */
  readonly redis?: string | undefined;
}

export function wholeContenders(place: Place): Contender[] {
  const { threads, redis } = place;
  const peer = (name: string, file: string, more: Partial<Settings> = {}) =>
    contender(place, `Ultralytics, ${name}`, { program: "ultralytics_peer.py", file, more });
  const celery = (name: string, more: Partial<Settings>) =>
    contender(place, `Celery, solo pool, Ultralytics \`.pt\`, ${name}`, {
      program: "celery_peer.py",
      file: "model.pt",
      more,
    });
  return [
    peer("`.pt`, threads as it sets them", "model.pt"),
    peer("`.pt`, all cores", "model.pt", { threads }),
    peer("ONNX", "model.onnx"),
    peer("OpenVINO", "model_openvino_model"),
    peer("OpenVINO int8", "model_int8_openvino_model"),
    ...ours(place),
    ...(redis === undefined
      ? []
      : [
          celery("threads as it sets them", { redis }),
          celery("all cores", { redis, threads }),
          ...ourWorkers(place, redis),
        ]),
  ];
}

export function slicedContenders(place: Place): Contender[] {
  const { threads } = place;
  const peer = (name: string, file: string, more: Partial<Settings> = {}) =>
    contender(place, `SAHI, ${name}`, { program: "sahi_peer.py", file, more });
  return [
    peer("`.pt`, threads as Ultralytics sets them", "model.pt"),
    peer("`.pt`, all cores", "model.pt", { threads }),
    peer("OpenVINO", "model_openvino_model"),
    peer("OpenVINO int8", "model_int8_openvino_model"),
    ...ours(place),
  ];
}

/** On BullMQ, and for the client of Celery that the peer's worker has. */
function ourWorkers(place: Place, redis: string): Contender[] {
  const worker = [process.execPath, join(import.meta.dirname, "ours-celery-worker.ts")];
  const files = [
    ["`.pt`", "model.pt"],
    ["int8", int8File],
  ] as const;
  return files.flatMap(([name, file]) =>
    existsSync(join(place.folder, file))
      ? [
          contender(place, `**Orangery**, worker on BullMQ, ${name}`, {
            program: "ours-worker.ts",
            file,
            more: { redis },
          }),
          contender(place, `Celery's client, worker of **Orangery**, ${name}`, {
            program: "celery_peer.py",
            file,
            more: { redis, worker },
          }),
        ]
      : [],
  );
}

function ours(place: Place): Contender[] {
  const own = (name: string, file: string) =>
    contender(place, `**Orangery**, ${name}`, { program: "ours.ts", file });
  const library = process.env[pluginVariable];
  const environment = { [pluginVariable]: library, ORANGERY_BENCH_DEVICE: "openvino:cpu" };
  const onBoth = (name: string, file: string) => [
    own(name, file),
    ...(library ? [{ ...own(`${name} by OpenVINO`, file), environment }] : []),
  ];
  const first = own("`.pt`, nothing saved", "model.pt");
  return [
    {
      ...first,
      settings: { ...first.settings, passes: 0 },
      environment: { ORANGERY_CACHE_MAX_BYTES: "0" },
    },
    ...onBoth("`.pt`", "model.pt"),
    own("ONNX", "model.onnx"),
    ...(existsSync(join(place.folder, int8File)) ? onBoth("int8", int8File) : []),
  ];
}

/** Our int8 network: a row where the file is there. */
export const int8File = "orangery-int8.onnx";

interface Program {
  readonly program: string;
  readonly file: string;
  readonly more?: Partial<Settings>;
}

function contender(
  { python, folder, settings }: Place,
  name: string,
  { program, file, more }: Program,
): Contender {
  const interpreter = program.endsWith(".py") ? python : process.execPath;
  return {
    name,
    command: [interpreter, join(import.meta.dirname, program)],
    settings: { ...settings, model: join(folder, file), ...more },
  };
}
