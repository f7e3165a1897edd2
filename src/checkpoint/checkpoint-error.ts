import { OrangeryError } from "../errors.ts";

/** The file is not what it says it is: cut off, overwritten, or never a checkpoint. */
export function damaged(what: string, details?: Details): OrangeryError {
  return new OrangeryError(
    "CHECKPOINT_UNREADABLE",
    `${what}. The file is damaged or incomplete: copy or download it again.`,
    { details },
  );
}

/** The file asks for something that is never done or read, whatever the reason. */
export function refused(what: string, details?: Details): OrangeryError {
  return new OrangeryError(
    "CHECKPOINT_REFUSED",
    `${what}. Nothing of the file was run. If you trust where it comes from, export it there to ONNX (\`yolo export format=onnx\`) and use that.`,
    { details },
  );
}

/** The file is of a kind that a person may well have, but that is not read here. */
export function unsupported(what: string, details?: Details): OrangeryError {
  return new OrangeryError("CHECKPOINT_UNSUPPORTED", what, { details });
}

export function otherByteOrder(quotedName: string): OrangeryError {
  return unsupported(
    `Its numbers are in byte order ${quotedName}, and only \`little\` is read. ` +
      "Save it again on a machine of today.",
  );
}

/** The file has weights, and not the layers that they belong to. */
export function weightsOnly(): OrangeryError {
  return unsupported(
    "It holds weights without the network that they belong to (a state_dict). In Python, load them into their model (`load_state_dict`), and save that with Ultralytics' `model.save(path)`.",
  );
}

/** Does what reads a checkpoint, and says of what is wrong with it which file it is in. */
export async function naming<T>(path: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof OrangeryError)) throw cause;
    throw new OrangeryError(cause.code, `Cannot read checkpoint \`${path}\`. ${cause.message}`, {
      cause,
      details: { path, ...cause.details },
    });
  }
}

/** The file would take more memory or time than any YOLO network needs. */
export function tooLarge(what: string, details?: Details): OrangeryError {
  return new OrangeryError(
    "CHECKPOINT_TOO_LARGE",
    `${what}. No YOLO network is that large: the file is something else or was made to do harm.`,
    { details },
  );
}

/**
 * What is wrong with a value of a pickle. Thrown where it is noticed; the machine, which knows the
 * opcode and where it is, makes a CHECKPOINT_REFUSED of it.
 */
export class PickleProblem extends Error {}

type Details = Readonly<Record<string, unknown>>;

const quotedCharacters = 120;

/**
 * Text of the file for a message: short, and without characters that a terminal would act on.
 */
export function quote(text: string): string {
  const short = text.length > quotedCharacters ? `${text.slice(0, quotedCharacters)}…` : text;
  const visible = short.replace(
    /[^\x20-\x7e…]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `\`${visible}\``;
}
