/** Runs `work` and measures the longest time in which the event loop did not turn, in ms. */
export async function gapsDuring(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let done = false;
  const watch = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    // A timer of 1 ms, not setImmediate, which would keep a core busy.
    if (!done) setTimeout(watch, 1);
  };
  setTimeout(watch, 0);
  await work();
  done = true;
  return longest;
}
