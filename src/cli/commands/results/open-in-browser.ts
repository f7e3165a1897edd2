import { spawn } from "node:child_process";

/** What the choice of a program depends on. */
export interface DesktopEnvironment {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  readonly isTerminal: boolean;
}

/**
 * Returns the program that opens a file as the user would; undefined where nobody would see it: in
 * CI, without a terminal, and on a Linux without a desktop.
 */
export function opener({ platform, env, isTerminal }: DesktopEnvironment): string | undefined {
  if (!isTerminal || (env.CI ?? "") !== "") return undefined;
  if (platform === "darwin") return "open";
  // Unlike `start`, it takes a path as it is.
  if (platform === "win32") return "explorer.exe";
  return env.DISPLAY || env.WAYLAND_DISPLAY ? "xdg-open" : undefined;
}

/** Opens a file in the browser, where there is a desktop. Never fails. */
export function openInBrowser(file: string): void {
  const { platform, env, stdout } = process;
  const program = opener({ platform, env, isTerminal: stdout.isTTY === true });
  if (program === undefined) return;
  const child = spawn(program, [file], { detached: true, stdio: "ignore" });
  // Not installed; the path is on the screen.
  child.on("error", () => {});
  child.unref();
}
