import {
  checkOptions,
  numberFrom,
  refuseUnknown,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import type { PrecisionProof } from "./precision-proof.ts";
import {
  type Candidate,
  type CheckOptions,
  goneSince,
  PrecisionTrial,
  type TrialOptions,
  withoutTrialOptions,
} from "./precision-trial.ts";

/** How float16 is checked. */
export interface Float16TrialOptions extends TrialOptions, Pick<CheckOptions, "refusesCpu"> {
  /** Where it is tried, as `ModelCache` takes it. Default `auto`. */
  readonly device?: string | undefined;
}

/**
 * Counts on some of the photos in float32 and in float16.
 *
 * @throws `INVALID_ARGUMENT`, `PRECISION_REFUSED` where no photo can be read,
 *   `DEVICE_UNAVAILABLE` where there is only the CPU and it is refused, `MODEL_…`, `ORT_FAILED`
 */
export async function tryFloat16(options: Float16TrialOptions): Promise<PrecisionProof> {
  const { device = "auto", refusesCpu, ...asked } = options;
  const { checks = 16, leastPhotos = 1, tolerance, count } = asked;
  refuseUnknown("Float16TrialOptions", options, withoutTrialOptions(asked));
  checkOptions({ checks, leastPhotos }, wholeNumberFrom(1));
  checkOptions({ tolerance }, numberFrom(0));
  const trial = new PrecisionTrial(options);
  const float16 = { precision: "float16" } as const;
  const models = { detect: float16, segment: count.segment && float16 };
  const candidates: readonly Candidate[] = [{ ...float16, calibratedOn: 0, models }];
  const purpose = "check float16 on";
  const chosen = { precision: "float16", most: checks, least: leastPhotos, purpose } as const;
  const photos = async () => (await trial.choose(chosen)).slice(0, checks);
  const [proof] = await trial.check({ candidates, photos, device, refusesCpu });
  if (proof === undefined || proof.checkedOn === 0) throw trial.tooFewPhotos(purpose, goneSince);
  return proof;
}
