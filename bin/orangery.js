#!/usr/bin/env node
// Runs on any Node from 10 on, to say that it is too old: nothing newer in this file.
const needed = [24, 16];
const found = process.versions.node.split(".").map(Number);
if (found[0] > needed[0] || (found[0] === needed[0] && found[1] >= needed[1])) {
  void import("../dist/cli/main.js");
} else {
  const came = process.versions.node;
  process.stderr.write(
    `orangery needs Node ${needed.join(".")} or newer, but this is Node ${came}. ` +
      "Install one with `npm install node@24` in your project, or from https://nodejs.org.\n",
  );
  process.exitCode = 1;
}
