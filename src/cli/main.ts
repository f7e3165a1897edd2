import { runProgram } from "./program.ts";

// ONNX Runtime's Linux builds report to Microsoft unless this is set before they are loaded: they
// keep a database in the home folder and a log in /tmp, and take a regular expression to the command
// line that overflows the stack when it names some 200 photos (1.30).
process.env.ORT_DISABLE_TELEMETRY ??= "1";

process.exitCode = await runProgram(process.argv);
