import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * What is installed, and so what the tests speak with. Not Celery 5.6.3: its client of `rpc://`
 * connects anew after each second of waiting and loses the result that arrives meanwhile (celery
 * issue 10284).
 */
const requirements = ["celery[redis]==5.7.0", "sqlalchemy", "psycopg2-binary"];

/** What every client imports; compiling all that comes with it takes longer than installing it. */
const imports = "import celery.backends.redis, celery.result, kombu.transport.redis";

/** Another list is another folder. */
const folder = join(
  import.meta.dirname,
  "..",
  "..",
  ".cache",
  `celery-${hash("md5", requirements.join(" ")).slice(0, 8)}`,
);

/** Of a Python that keeps what it has compiled, which takes most of an import. */
export function compilingEnv(): NodeJS.ProcessEnv {
  return { ...process.env, PYTHONDONTWRITEBYTECODE: undefined };
}

/**
 * Returns a Python that has the real Celery: the one that `CELERY_PYTHON` names, or one that is
 * installed once under `.cache`. Otherwise why there is none, as a text.
 */
export function findCelery(): { readonly python: string } | { readonly missing: string } {
  const named = process.env.CELERY_PYTHON;
  if (named) return { python: named };
  const python = join(folder, "bin", "python");
  if (existsSync(python)) return { python };
  // Other processes must not find half of it.
  const made = `${folder}.${process.pid}`;
  const own = join(made, "bin", "python");
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { encoding: "utf8", timeout: 180_000, env: compilingEnv() });
  const options = ["-q", "--no-compile", "--disable-pip-version-check"];
  try {
    const venv = run("python3", "-m", "venv", "--without-pip", made);
    if (venv.status !== 0) return { missing: `no Python 3 with venv: ${reasonOf(venv)}` };
    // With the pip of Python 3, which is there already; otherwise with one of its own.
    let pip = run("python3", "-m", "pip", "--python", own, "install", ...options, ...requirements);
    if (pip.status !== 0) {
      const ownPip = run(own, "-m", "ensurepip");
      if (ownPip.status !== 0) return { missing: `no Python 3 with pip: ${reasonOf(ownPip)}` };
      pip = run(own, "-m", "pip", "install", ...options, ...requirements);
    }
    if (pip.status !== 0) return { missing: `Celery cannot be installed: ${reasonOf(pip)}` };
    run(own, "-c", imports);
    try {
      renameSync(made, folder);
    } catch (error) {
      // Another process may have been quicker.
      if (!existsSync(python)) throw error;
    }
    return { python };
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function reasonOf({ error, stderr }: { error?: Error; stderr: string }): string {
  return error?.message ?? stderr.trim().split("\n").at(-1) ?? "for an unknown reason";
}
