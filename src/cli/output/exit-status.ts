/** The exit statuses of the process; docs/cli.md and `--help` list the same numbers. */
export const exitStatus = {
  ok: 0,
  /** Not everything could be done; the message says why. */
  error: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** All was done, but some photos failed or could not be read. */
  incomplete: 3,
} as const;

/** 128 and the signal's number, as shells do. */
export const signalExitStatus = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** For a command without photos. */
export const plainExitStatusHelp = `
Exit status:
  0    done
  1    an error
  2    the command line is wrong
  130  interrupted (129 hang-up, 143 terminated)`;

export const exitStatusHelp = `
Exit status:
  0    all done
  1    an error; nothing is lost: run the same command again to resume
  2    the command line is wrong
  3    done, but some photos have no result, or a folder has no photos
  130  interrupted (129 hang-up, 143 terminated)`;
