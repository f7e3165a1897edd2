/** Checks what CONTRIBUTING.md decides about style and the linter has no rule for. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Rule {
  readonly found: RegExp;
  readonly rule: string;
  /** Files it is for; default all. */
  readonly in?: RegExp;
}

const rules: readonly Rule[] = [
  {
    found: /^ *(?:export )?const [A-Z][A-Z0-9_]+\b(?=.*=)/,
    rule: "constants are camelCase, too",
  },
  { found: /@throws OrangeryError/, rule: "`@throws` names the code, without the class" },
  { found: /^\s*[\w.#[\]!]+ [+-]= 1;$/, rule: "`++` and `--`, not `+= 1`" },
  {
    found:
      /^ {2}(?:readonly )?#(?!is|has|can|was|may|must|[a-z]+s[A-Z])[a-z]\w*(?:: boolean|(?:: boolean)? = (?:true|false));/,
    rule: "a private flag begins with `is`, `has` or another verb",
  },
  { found: /\bit(?:\.\w+)?\((?:"|`)/, rule: "`test`, not `it`", in: /\.(test|fixture)\.ts$/ },
  {
    found: /^\s*\.\.\.\{ [\w, ]+ \},?$/,
    rule: "properties by themselves, not spread from a literal",
  },
  {
    found: /\b(?:tell|tells|told|telling|untold)(?=[A-Z\b]|\b)|(?:Tell|Told)(?=[A-Z]|\b)/,
    rule: "log, report, list, return, send or print; not tell",
  },
  {
    found: /startsWith\("[A-Z]+_"\)|\/\^\(?(?:[A-Z]+_|\(LEDGER)/,
    rule: "`error.blames` says whose fault an error is, not how its code is spelt",
    in: /^src\/(?!.*\.test\.ts$)/,
  },
  {
    found: /^(?!.*createRequire).*import\.meta\.(?!resolve)/,
    rule: "`programFile` finds the program's files: in the package a module's own URL leads nowhere",
    in: /^src\/(?!.*\.(?:test|fixture)\.ts$|base\/files\/program-file\.ts$)/,
  },
  { found: /^.{101,}$/, rule: "at most 100 columns", in: /^(?!test\/).*(?<!\.test\.ts)$/ },
];
/** Lines that cannot be broken: a URL, a long pattern, the title of a test, a text without spaces. */
const unbreakable =
  /https?:\/\/\S{40}|^\s*(?:test|describe)\(|^\s*\/[^/].*\/[a-z]*[,;)]|^\s*"[^" ]+",?$/;

const root = join(import.meta.dirname, "..");
const files = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"],
  {
    cwd: root,
    encoding: "utf8",
  },
);
let violations = 0;
for (const file of files.split("\n").filter((name) => name !== "")) {
  if (file === "scripts/check-style.ts") continue;
  for (const [i, line] of readFileSync(join(root, file), "utf8").split("\n").entries()) {
    for (const { found, rule, in: files } of rules) {
      if (!found.test(line) || files?.test(file) === false || unbreakable.test(line)) continue;
      console.error(`${file}:${i + 1}: ${rule}\n  ${line.trim().slice(0, 120)}`);
      violations++;
    }
  }
}
if (violations === 0) console.log("style: as CONTRIBUTING.md has it");
process.exitCode = violations === 0 ? 0 : 1;
