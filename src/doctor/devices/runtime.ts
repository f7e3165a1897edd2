import { green, type Observation } from "../finding.ts";
import type { RuntimeSurvey } from "../measured/measuring-messages.ts";

/** ONNX Runtime, that every model runs in. */
export function describeRuntime({ version, file }: RuntimeSurvey): Observation {
  return green(`ONNX Runtime ${version}, ${file}.`, { version, file });
}
