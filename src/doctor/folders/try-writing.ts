import { open, stat, statfs, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Whether files can be made in a folder. */
export interface WritingTrial {
  /** The folder itself, or if it does not exist the one in which it would be made. */
  readonly folder: string;
  readonly exists: boolean;
  /** The system's code of what went wrong, such as `EACCES`; undefined where it can be written. */
  readonly refusal: string | undefined;
  readonly freeBytes: number | undefined;
  /** Whether it is on another machine, by NFS or SMB. */
  readonly isRemote: boolean;
}

/** By the first number of their superblocks, as statfs(2) lists them. */
const remoteSystems: ReadonlySet<number> = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42]);

/** Enough to need a block of the disk. */
const trialBytes = 16 * 1024;

/**
 * Tries to write into a folder, which need not exist yet: good rights mean little on a disk that is
 * full or mounted read-only. The file is unlinked before anything is written.
 */
export async function tryWriting(path: string): Promise<WritingTrial> {
  const { folder, exists, refusal } = await nearest(path);
  const disk = await statfs(folder).catch(() => undefined);
  return {
    folder,
    exists,
    refusal: refusal ?? (await writeNameless(folder)),
    freeBytes: disk && disk.bavail * disk.bsize,
    isRemote: disk !== undefined && remoteSystems.has(disk.type >>> 0),
  };
}

async function nearest(path: string): Promise<Pick<WritingTrial, "folder" | "exists" | "refusal">> {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const isFolder = (await stat(folder)).isDirectory();
      return { folder, exists: folder === path, refusal: isFolder ? undefined : "ENOTDIR" };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" || folder === dirname(folder)) {
        return { folder, exists: false, refusal: code };
      }
    }
  }
}

async function writeNameless(folder: string): Promise<string | undefined> {
  const name = join(folder, `.orangery-doctor-${process.pid}-${crypto.randomUUID()}`);
  try {
    await using file = await open(name, "wx");
    await unlink(name);
    await file.writeFile(Buffer.alloc(trialBytes, 1));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Explains a code of the file system in a few words. */
export function inWords(refusal: string): string {
  const words = reasons[refusal];
  return words === undefined ? refusal : `${words} (${refusal})`;
}

/** What to do about a code of the file system. `elsewhere` names another place. */
export function adviceFor(refusal: string, elsewhere: string): string {
  return `${remedies[refusal] ?? "Let this user write there"}, or ${elsewhere}.`;
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "Make room there",
  EDQUOT: "Make room there",
  ENOTDIR: "Move that file away",
};

const reasons: Readonly<Record<string, string>> = {
  EACCES: "this user has no right to write there",
  EPERM: "this user has no right to write there",
  EROFS: "the disk is mounted to be read only",
  ENOSPC: "the disk is full",
  EDQUOT: "a quota is reached",
  ENOTDIR: "a file is in the way",
  ENOENT: "no folder can be made there",
};
