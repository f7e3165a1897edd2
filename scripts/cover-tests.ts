/**
 * Loaded before each file of tests: its own process is measured, and none that it starts, which
 * made these a fifth slower. Fixtures that run the program in a process of their own name the
 * folder again.
 */
// What the file starts has its name, so that what it leaves running is found.
process.env.ORANGERY_TEST_FILE ??= process.argv[1];

const folder = process.env.NODE_V8_COVERAGE;
if (folder !== undefined) {
  process.env.ORANGERY_TEST_COVERAGE = folder;
  // Node has read it when it started.
  delete process.env.NODE_V8_COVERAGE;
}
