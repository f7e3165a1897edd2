/**
 * A process that measures one thing: `measure` starts it. If a driver or a model crashes it, hangs
 * or takes all memory, the parent sees that and reports it as a finding.
 */
import { flushCompileCache } from "node:module";
import { isOrangeryError, textOf } from "../../errors.ts";
import { measureDevice } from "./device-speed.ts";
import type { MeasuringAnswers, MeasuringMessage, MeasuringOrder } from "./measuring-messages.ts";
import { measureLoad, measurePredictions } from "./model-speed.ts";
import { surveyRuntime } from "./runtime-survey.ts";

process.once("disconnect", () => process.exit());
process.once("message", (order) => {
  void carryOut(order as MeasuringOrder).then(
    (found) => answer({ answer: found }),
    (error: unknown) => {
      const code = isOrangeryError(error) ? error.code : undefined;
      answer({
        failure: { code, message: textOf(error) },
      });
    },
  );
});

function carryOut(order: MeasuringOrder): Promise<MeasuringAnswers[keyof MeasuringAnswers]> {
  switch (order.kind) {
    case "survey":
      return surveyRuntime();
    case "device":
      return measureDevice(order.device);
    case "load":
      return measureLoad(order.model);
    case "predictions":
      return measurePredictions(order.model, (progress) => send({ progress }));
  }
}

/** What was compiled is kept, for this process is killed when it has answered. */
function answer(message: MeasuringMessage): void {
  flushCompileCache();
  send(message);
}

function send(message: MeasuringMessage): void {
  process.send!(message, () => {});
}
