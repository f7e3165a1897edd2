import { hideCredentials } from "../../base/url.ts";
import { OrangeryError, textOf } from "../../errors.ts";

/**
 * Turns a job's data into a task's payload: a function that returns the payload or throws, or a
 * schema of any library that follows Standard Schema (Zod, Valibot, ArkType).
 */
export type PayloadParser<Payload> = ((data: unknown) => Payload) | PayloadSchema<Payload>;

/** The part of Standard Schema, version 1, that is used: https://standardschema.dev */
export interface PayloadSchema<Payload> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    /** Returns the payload, or what is wrong with the data. */
    readonly validate: (
      value: unknown,
    ) => PayloadValidation<Payload> | Promise<PayloadValidation<Payload>>;
    readonly types?: { readonly input: unknown; readonly output: Payload } | undefined;
  };
}

type PayloadValidation<Payload> =
  | { readonly value: Payload; readonly issues?: undefined }
  | { readonly issues: readonly PayloadIssue[] };

interface PayloadIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * Turns a job's data into its task's payload. Without a parser they are taken as they are.
 *
 * @throws `JOB_DATA_INVALID`, which no retry helps
 */
export async function parseJobData<Payload>(
  data: unknown,
  parser: PayloadParser<Payload> | undefined,
): Promise<Payload> {
  if (parser === undefined) return data as Payload;
  if (typeof parser === "function") {
    try {
      return await parser(data);
    } catch (error) {
      throw invalid([textOf(error)], data, error);
    }
  }
  const validation = await parser["~standard"].validate(data);
  if (validation.issues === undefined) return validation.value;
  throw invalid(validation.issues.map(toText), data);
}

function toText({ message, path = [] }: PayloadIssue): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  return keys.length === 0 ? message : `\`${keys.join(".")}\`: ${message}`;
}

function invalid(issues: readonly string[], data: unknown, cause?: unknown): OrangeryError {
  return new OrangeryError(
    "JOB_DATA_INVALID",
    `Expected a job's data to be what its task takes, got ${excerpt(data)}: ` +
      `${issues.join("; ")}. Add the job again with data that fit.`,
    { details: { issues }, ...(cause !== undefined && { cause }) },
  );
}

function excerpt(data: unknown): string {
  const text = hideCredentials(JSON.stringify(data) ?? String(data));
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
