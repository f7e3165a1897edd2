import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { basename } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { writeZip, type ZipRecord } from "../../checkpoint/zip/zip-writer.fixture.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { ProviderWheels, Wheel } from "./provider-wheels.ts";

/** A wheel that a test made, and its bytes. */
export interface TestWheel extends Wheel {
  readonly contents: Buffer;
}

/** Makes a wheel with libraries of the given texts, compressed as those of PyPI are. */
export function makeWheel(project: string, libraries: Readonly<Record<string, string>>): TestWheel {
  const records = Object.entries(libraries).map(([path, text]): ZipRecord => {
    const bytes = deflateRawSync(text);
    const directory = { contentBytes: Buffer.byteLength(text) };
    return { name: path, bytes, method: 8, flags: 0, crc32: crc32(text), directory };
  });
  const contents = writeZip([...records, { name: "METADATA", bytes: Buffer.from(project) }]);
  return {
    project,
    version: "1.0",
    file: `${project.replaceAll("-", "_")}-1.0-py3-none-any.whl`,
    bytes: contents.length,
    sha256: createHash("sha256").update(contents).digest("hex"),
    members: Object.entries(libraries).map(([path, text]) => ({
      path,
      bytes: Buffer.byteLength(text),
    })),
    contents,
  };
}

/** What a test takes for CUDA. */
export const testProvider = makeWheel("ort-gpu", {
  "ort/libprovider-shared.so": "shared",
  "ort/libprovider-cuda.so": "cuda ".repeat(20_000),
});
export const testCublas = makeWheel("nvidia-blas", {
  "nvidia/lib/libtestblas.so.13": "blas ".repeat(9),
});
export const testWheels: ProviderWheels = {
  runtimeVersion: onnxRuntime.version,
  provider: testProvider,
  // The system has this one.
  libraries: [makeWheel("system", { "lib/libc.so.6": "c" }), testCublas],
};

/** How an index behaves in a test. */
export interface IndexBehaviour {
  /** Lists files on a page of links, as old mirrors do. */
  readonly html?: boolean;
  /** Sends a whole file whatever range is asked for. */
  readonly ignoresRanges?: boolean;
  /** Answers 416 to a request for a range. */
  readonly refusesRanges?: boolean;
  /** Breaks the connection after so many bytes of a file, this many times. */
  readonly breaksAfter?: number;
  readonly breaks?: number;
  /** Sends so many bytes of a file, and then nothing more. */
  readonly hangsAfter?: number;
  /** Answers only to this name and password. */
  readonly credentials?: string;
  /** Sends something else under the name of each file. */
  readonly swaps?: boolean;
  /** Sends more under the name of each file than it has. */
  readonly pads?: boolean;
  /** Answers with this in place of a list of files. */
  readonly listing?: string;
  /** Breaks the connection in the middle of a list of files. */
  readonly breaksListing?: boolean;
}

/** A package index with wheels, on a port of its own. */
export class PackageIndex implements AsyncDisposable {
  readonly #server: Server;
  readonly #wheels: readonly TestWheel[];
  /** Changes how it behaves from now on. */
  behaviour: IndexBehaviour = {};
  /** The requests for files: the path, and the range that was asked for. */
  readonly asked: string[] = [];
  #breaks = 0;

  private constructor(wheels: readonly TestWheel[]) {
    this.#wheels = wheels;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async open(wheels: readonly TestWheel[]): Promise<PackageIndex> {
    const index = new PackageIndex(wheels);
    index.#server.listen(0, "127.0.0.1");
    await once(index.#server, "listening");
    return index;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/simple`;
  }

  behave(behaviour: IndexBehaviour): void {
    this.behaviour = behaviour;
    this.#breaks = 0;
    this.asked.length = 0;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { credentials } = this.behaviour;
    if (credentials !== undefined) {
      const expected = `Basic ${Buffer.from(credentials).toString("base64")}`;
      if (request.headers.authorization !== expected) {
        response.writeHead(401).end();
        return;
      }
    }
    const { pathname } = new URL(request.url!, "http://index");
    if (pathname.startsWith("/simple/")) this.#list(basename(pathname), response);
    else this.#send(basename(pathname), request, response);
  }

  #list(project: string, response: ServerResponse): void {
    const { listing, breaksListing } = this.behaviour;
    if (breaksListing) {
      response.writeHead(200, { "content-length": 100 });
      response.write("<a href=", () => response.destroy());
      return;
    }
    if (listing !== undefined) {
      response.end(listing);
      return;
    }
    const files = this.#wheels.filter((wheel) => wheel.project === project);
    if (this.behaviour.html) {
      const links = files.map(
        ({ file, sha256 }) => `<a href="../../files/${file}#sha256=${sha256}">${file}</a>`,
      );
      response.setHeader("content-type", "text/html");
      response.end(`<!DOCTYPE html><html><body>${links.join("\n")}</body></html>`);
      return;
    }
    response.setHeader("content-type", "application/vnd.pypi.simple.v1+json");
    const listed = files.map(({ file }) => ({ filename: file, url: `../../files/${file}` }));
    response.end(JSON.stringify({ files: listed }));
  }

  #send(file: string, request: IncomingMessage, response: ServerResponse): void {
    const { range } = request.headers;
    this.asked.push(range === undefined ? file : `${file} ${range}`);
    const wheel = this.#wheels.find((known) => known.file === file);
    if (wheel === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { refusesRanges, ignoresRanges, swaps, pads } = this.behaviour;
    const { breaksAfter, breaks = 0, hangsAfter } = this.behaviour;
    if (refusesRanges && range !== undefined) {
      response.writeHead(416).end();
      return;
    }
    const sent = swaps ? Buffer.alloc(wheel.bytes, "x") : wheel.contents;
    const contents = pads ? Buffer.concat([sent, sent]) : sent;
    const start = ignoresRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const { length } = contents;
    response.writeHead(start === 0 ? 200 : 206, {
      "content-length": length - start,
      ...(start > 0 && { "content-range": `bytes ${start}-${length - 1}/${length}` }),
    });
    if (breaksAfter !== undefined && this.#breaks < breaks) {
      this.#breaks++;
      response.write(contents.subarray(start, start + breaksAfter), () => response.destroy());
      return;
    }
    if (hangsAfter !== undefined) response.write(contents.subarray(start, start + hangsAfter));
    else response.end(contents.subarray(start));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** An HTTP proxy that knows one host by a name that nobody else does. */
export class TestProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** The hosts that were asked for. */
  readonly asked: string[] = [];

  private constructor(target: number) {
    // Node 24 asks for a tunnel, Node 26 sends requests with the whole address.
    this.#server = createServer(({ url, method, headers }, response) => {
      const { hostname, port, pathname } = new URL(url!);
      this.asked.push(`${hostname}:${port || 80}`);
      const how = { host: "127.0.0.1", port: target, path: pathname, method, headers };
      const forward = (answer: IncomingMessage) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      };
      request(how, forward).end();
    });
    this.#server.on("connect", ({ url }: IncomingMessage, client: Socket) => {
      this.asked.push(url!);
      const server = connect(target, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        server.pipe(client);
        client.pipe(server);
      });
      for (const socket of [server, client]) {
        this.#sockets.add(socket);
        socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
      }
    });
  }

  /** Leads everything to a port of this machine. */
  static async open(target: number): Promise<TestProxy> {
    const proxy = new TestProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
