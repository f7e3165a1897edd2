import { OrangeryError } from "../errors.ts";

/** Creates the error for a file that is cut off, overwritten, or no checkpoint at all. */
export function damaged(what: string, details?: Details): OrangeryError {
  return new OrangeryError(
    "CHECKPOINT_UNREADABLE",
    `${what}. The file is damaged or incomplete: copy or download it again.`,
    { details },
  );
}

/** Creates the error for a file that asks for something that is refused. */
export function refused(what: string, details?: Details): OrangeryError {
  return new OrangeryError(
    "CHECKPOINT_REFUSED",
    `${what}. Nothing of the file was run. If you trust where it comes from, export it there to ` +
      "ONNX (`yolo export format=onnx`) and use that.",
    { details },
  );
}

/** Creates the error for a file of a kind that exists, but that is not read here. */
export function unsupported(what: string, details?: Details): OrangeryError {
  return new OrangeryError("CHECKPOINT_UNSUPPORTED", what, { details });
}

export function otherByteOrder(quotedName: string): OrangeryError {
  return unsupported(
    `Its numbers are in byte order ${quotedName}, and only \`little\` is read. ` +
      "Save it again on a machine of today.",
  );
}

/** Creates the error for a file with weights but no layers. */
export function weightsOnly(): OrangeryError {
  return unsupported(
    "It holds weights without the network that they belong to (a state_dict). In Python, load " +
      "them into their model (`load_state_dict`), and save that with Ultralytics' " +
      "`model.save(path)`.",
  );
}

/** Runs `read`, and names the file in the errors that it throws. */
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

/** Creates the error for a file that takes more memory or time than any YOLO network. */
export function tooLarge(what: string, details?: Details): OrangeryError {
  return new OrangeryError(
    "CHECKPOINT_TOO_LARGE",
    `${what}. No YOLO network is that large: the file is something else, or made to do harm.`,
    { details },
  );
}

/**
 * Something wrong with a value of a pickle. The machine, which knows the opcode and its place,
 * turns it into a CHECKPOINT_REFUSED.
 */
export class PickleProblem extends Error {}

type Details = Readonly<Record<string, unknown>>;

const quotedCharacters = 120;

/** Quotes text of the file for a message: shortened, and without control characters. */
export function quote(text: string): string {
  const short = text.length > quotedCharacters ? `${text.slice(0, quotedCharacters)}…` : text;
  const visible = short.replace(
    /[^\x20-\x7e…]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `\`${visible}\``;
}
