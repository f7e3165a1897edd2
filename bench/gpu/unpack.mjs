/** Unpacks what is compressed by Zstandard, from standard input to standard output. */
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";

await pipeline(process.stdin, createZstdDecompress(), process.stdout);
