/**
 * Assembles the WebAssembly that the photos' pixels are resized by. Its binary is a part of the
 * repository; a test notices when it is not made of its source.
 */
import { writeFileSync } from "node:fs";
import { assemble, resizeWasm } from "../src/vision/letterbox/assemble.fixture.ts";

writeFileSync(resizeWasm, await assemble());
